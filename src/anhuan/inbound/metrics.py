"""`GET /metrics`: figures for Prometheus, read from the records when asked; none names a person.

Whoever asks shows the token of the home's secrets (`metrics_token`, as a bearer): figures of a bank's book are nobody else's.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from anhuan import clock
from anhuan.records.outbox import ChannelHealth

TOKEN = "metrics_token"  # noqa: S105  a file's name

_COUNTED = (
    ("anhuan_outbox_messages", "Messages of the last seven nights.", ("channel", "state"),
     """SELECT c.channel, i.state, count(*) FROM records_outboxitem i JOIN records_campaign c USING (campaign_id)
        WHERE c.business_date > (SELECT max(business_date) FROM records_campaign) - 7 GROUP BY 1, 2"""),
    ("anhuan_contacts", "Contacts started in the last 24 hours.", ("channel", "origin", "state"),
     "SELECT channel, origin, state, count(*) FROM records_contact WHERE started_at > %(since)s GROUP BY 1, 2, 3"),
    ("anhuan_refusals", "Contacts the gate refused in the last 24 hours.", ("channel", "purpose"),
     "SELECT channel, purpose, count(*) FROM records_refusal WHERE at > %(since)s GROUP BY 1, 2"),
    ("anhuan_replies", "Replies heard in the last 24 hours.", ("channel", "intent"),
     "SELECT source, intent, count(*) FROM records_reply WHERE heard_at > %(since)s GROUP BY 1, 2"),
    ("anhuan_cases", "Cases by their status.", ("status",), "SELECT status, count(*) FROM records_case GROUP BY 1"),
    ("anhuan_jobs", "Jobs by their status.", ("task", "status"),
     "SELECT task_name, status::text, count(*) FROM procrastinate_jobs GROUP BY 1, 2"),
    ("anhuan_last_night_days", "Days since the business date of the last sealed night.", (),
     "SELECT %(today)s - max(business_date) FROM records_night WHERE status = 'sealed' HAVING max(business_date) IS NOT NULL"),
)  # fmt: skip


class _Figures:
    """What Prometheus gathers: counts from the database, and how the senders' transports are."""

    def collect(self) -> Iterator[Metric]:
        now = clock.now()
        asked = {"since": now - timedelta(hours=24), "today": now.date()}
        with connection.cursor() as cursor:
            for name, meaning, labels, query in _COUNTED:
                cursor.execute(query, asked)
                family = GaugeMetricFamily(name, meaning, labels=labels)
                for *values, number in cursor.fetchall():
                    family.add_metric([str(value) for value in values], float(number))
                yield family
        yield from _health()


def _health() -> Iterator[Metric]:
    opened = GaugeMetricFamily("anhuan_channel_open", "Whether a transport's session is open.", labels=("carrier", "worker"))
    speed = GaugeMetricFamily("anhuan_channel_per_second", "Messages a second over the last ten.", labels=("carrier", "worker"))
    waiting = GaugeMetricFamily("anhuan_channel_waiting", "Messages that wait for an answer.", labels=("carrier", "worker"))
    for health in ChannelHealth.objects.all():
        labels = [health.carrier, str(health.worker)]
        opened.add_metric(labels, float(health.session == "open"))
        speed.add_metric(labels, health.per_second)
        waiting.add_metric(labels, float(health.waiting))
    yield from (opened, speed, waiting)


@login_not_required
def metrics(request: HttpRequest) -> HttpResponse:
    """The figures as Prometheus reads them; 404 where the home has no such token, 401 where it is not shown."""
    try:
        token = (Path(settings.ANHUAN_HOME) / "secrets" / TOKEN).read_text(encoding="ascii").strip()
    except OSError:
        return HttpResponse(status=404)
    scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
    if not token or scheme.lower() != "bearer" or not hmac.compare_digest(shown.strip().encode(), token.encode()):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
