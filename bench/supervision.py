"""Server time of a supervisor's pages at a million cases: the wall, its lists, the monthly boards, the quality list, a day's draw.

    python bench/supervision.py                    a million cases on the worklist, fifty collectors, three months of contacts
    python bench/supervision.py --cases 20000

A home of its own under var/bench holds made-up work put in by sets. Each page is asked for through the whole of Django, as fragments and
whole: `first` with nothing kept between requests, then `median`, `worst`, and the milliseconds of `processor` (Python's and PostgreSQL's)
which do not grow when the machine is busy with something else. A table goes to the terminal, JSON to bench/results.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
AT = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)  # four in the afternoon in Shanghai
PEOPLE = 50

# A contact a case in three months, a third of them by people (some 75 a day each), in office hours.
_FILL = (
    """
    INSERT INTO records_workitem (customer_id, queue, language, state, by_hand, reason, team, channel, account_id, decision, rule,
        value_at_risk_minor, currency, rank, since, due_at, gate_tries, follow_up_why, follow_up_by, assigned_to, leased_by, taken_today,
        ended_by, ended_why)
    SELECT 'C' || n, (ARRAY['desk','desk','desk','senior','hardship','disputes'])[1 + n %% 6], 'zh', 'open', false, 'proposal', 'm1',
        'call', 'A' || n, 'd', 1, n, 'CNY', n, %(at)s - n %% 90 * interval '1 hour', %(at)s + (n %% 40 - 20) * interval '1 hour', 0, '', '',
        '', '', 0, '', '' FROM generate_series(1, %(cases)s) n
    """,
    """
    INSERT INTO records_contact (contact_id, customer_id, channel, direction, party, person_id, point_kind, purpose, actor, automated,
        debts, origin, state, line_result, outcome, started_at, recorded_at, closed_at, proof, "by")
    SELECT gen_random_uuid(), 'C' || 1 + n %% %(cases)s, CASE WHEN n %% 3 = 0 THEN 'call' ELSE 'sms' END, 'outbound', 'debtor', '', 'mobile',
        'collect', 'bank', n %% 3 <> 0, '{}', 'imported', 'completed', CASE WHEN n %% 9 = 0 THEN 'connected' ELSE '' END, '', t, t, t, '',
        CASE WHEN n %% 3 = 0 THEN 'c' || n / 3 %% %(people)s ELSE 'system:sender' END
    FROM generate_series(1, %(cases)s) n,
        LATERAL (SELECT %(at)s - n %% 91 * interval '1 day' - n %% 420 * interval '1 minute' AS t) w
    """,
    """
    INSERT INTO records_call (call_id, customer_id, contact_id, way, action_code, party, person_id, script, opened_at, handed_over,
        verified_at, checks, ticked, draft, closed_at, line_code, party_code, result_code, fields, next, "by")
    SELECT gen_random_uuid(), customer_id, contact_id, 'by_hand', 'TM', 'debtor', '', '', started_at, '',
        CASE WHEN hashtext(customer_id) %% 2 = 0 THEN started_at END, '[]', '{}', '{}', started_at + interval '4 minutes', 'OK', 'RPC', 'PTP',
        '{}', '{}', "by" FROM records_contact WHERE channel = 'call' AND line_result = 'connected'
    """,
    """
    INSERT INTO records_promise (promise_id, customer_id, account_id, amount_minor, currency, due_on, state, at, recorded_at, "by",
        paid_minor, settled_on)
    SELECT gen_random_uuid(), customer_id, '', 10000, 'CNY', (opened_at + interval '5 days')::date,
        CASE WHEN opened_at > %(at)s - interval '5 days' THEN 'open' WHEN hashtext(customer_id) %% 3 = 0 THEN 'broken' ELSE 'kept' END,
        opened_at, opened_at, "by", 5000, CASE WHEN opened_at <= %(at)s - interval '5 days' THEN (opened_at + interval '5 days')::date END
    FROM records_call WHERE verified_at IS NOT NULL
    """,
    """
    INSERT INTO records_refusal (attempt_id, customer_id, channel, party, purpose, actor, at, presumed_violation, reasons, law, packs, "by")
    SELECT 'r' || n, 'C' || 1 + n %% %(cases)s, 'call', 'debtor', 'collect', 'bank', %(at)s - n %% 91 * interval '1 day'
        - n %% 300 * interval '1 minute', false, jsonb_build_array(jsonb_build_object('rule', 'cn.rule_' || n %% 9, 'topic', 'quiet_hours',
        'message_zh', '不行。', 'message_en', 'No.')), 'x', '{}', CASE WHEN n %% 4 = 0 THEN 'c' || n %% %(people)s ELSE 'system:sender' END
    FROM generate_series(1, %(cases)s / 2) n
    """,
    """
    INSERT INTO records_dispute (dispute_id, customer_id, kind, state, accounts, currency, came_by, received_on, opened_at, opened_by,
        round, round_at, round_by, due_on, due_rule, due_sure, outcome, decided_by)
    SELECT gen_random_uuid(), 'C' || n * 7, 'other', CASE WHEN n %% 10 = 0 THEN 'open' ELSE 'closed' END, '{}', 'CNY', 'call',
        %(at)s::date, %(at)s - n %% 90 * interval '1 day', 'x', 1, %(at)s, 'x', %(at)s::date + n %% 20 - 2, '', true, '', ''
    FROM generate_series(1, %(cases)s / 200) n
    """,
)


def fill(cases: int) -> None:
    """The home, made once."""
    os.environ["ANHUAN_HOME"] = str(ROOT / "var" / "bench" / f"supervision-{cases}")
    os.environ.setdefault("ANHUAN_CLOCK", AT.isoformat())
    os.environ["DJANGO_SETTINGS_MODULE"] = "anhuan.settings"
    Path(os.environ["ANHUAN_HOME"]).mkdir(parents=True, exist_ok=True)
    from anhuan import settings

    settings.start()
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    from anhuan.records.staff import Staff, Team

    teams = [Team.objects.get_or_create(name=f"team {n}", defaults={"queues": ["desk"] if n % 2 else []})[0] for n in range(5)]
    for n in range(PEOPLE):
        Staff.objects.get_or_create(username=f"c{n}", defaults={"role": "collector", "team": teams[n % 5]})
    Staff.objects.get_or_create(username="boss", defaults={"role": "supervisor"})
    with connection.cursor() as cursor:
        for sql in _FILL:
            begun, table = time.perf_counter(), sql.split()[2]
            cursor.execute(f"SELECT EXISTS (SELECT FROM {table})")  # noqa: S608  a table of this file
            if cursor.fetchone() == (True,):
                continue
            cursor.execute(
                f"ALTER TABLE {table} DISABLE TRIGGER USER"
            )  # made-up rows need no permit, and nobody is told of them
            cursor.execute(sql, {"at": AT, "cases": cases, "people": PEOPLE})
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
            print(f"  {table}: in {time.perf_counter() - begun:.0f} s", flush=True)
        cursor.execute("VACUUM ANALYZE")


def measure(times: int) -> dict[str, dict[str, Any]]:
    """Milliseconds of each page: the first time with nothing kept, and the median and the worst of the others."""
    from django.core.cache import cache
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from anhuan.acts import quality
    from anhuan.records.quality import QualityDraw
    from anhuan.records.staff import Staff

    sys.path.insert(0, str(Path(__file__).resolve().parent))
    from gate import _cpu_of

    connection.ensure_connection()
    backend = connection.connection.info.backend_pid
    client = Client(HTTP_HOST="localhost")
    client.force_login(Staff.objects.get(username="boss"))
    part = {"HX-Request": "true"}
    pages: dict[str, tuple[str, dict[str, str]]] = {
        "the wall, whole": ("/wall/", {}), "the wall, asked again": ("/wall/", part), "the wall of a team": ("/wall/?team=1", part),
        "calls of a person today": ("/wall/calls/?person=1", {}), "promises today": ("/wall/promises/", {}),
        "boards, three months": ("/boards/?months=3", {}), "boards by collector": ("/boards/?months=3&by=person&team=1", {}),
        "quality": ("/quality/", {}),
    }  # fmt: skip
    told: dict[str, dict[str, Any]] = {}
    for name, (address, headers) in pages.items():
        client.get(address, headers=headers)  # templates are read once in the life of a worker
        cache.clear()
        took = [_milliseconds(client, address, headers) for _ in range(times + 1)]
        cpu = (time.process_time() + _cpu_of(backend)) * 1000
        for _ in range(times):
            _milliseconds(client, address, headers)
        cpu = ((time.process_time() + _cpu_of(backend)) * 1000 - cpu) / times
        with CaptureQueriesContext(connection) as queries:
            client.get(address, headers=headers)
        told[name] = {
            "first": took[0],
            "median": statistics.median(took[1:]),
            "worst": max(took[1:]),
            "processor": cpu,
            "queries": len(queries),
        }
    if not QualityDraw.objects.exists():
        begun = time.perf_counter()
        made = quality.draw(date(2026, 11, 19), at=AT, by="boss")
        told["a day drawn"] = {"first": (time.perf_counter() - begun) * 1000, "of": len(getattr(made, "candidates", []))}
    return told


def _milliseconds(client: Any, address: str, headers: dict[str, str]) -> float:
    begun = time.perf_counter()
    answer = client.get(address, headers=headers)
    if answer.status_code != 200:
        raise SystemExit(f"{address}: {answer.status_code}")
    return (time.perf_counter() - begun) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=20)
    options = parser.parse_args()
    fill(options.cases)
    told = measure(options.times)
    for name, row in told.items():
        print(f"{name:28}", "  ".join(f"{key} {value:8.1f}" for key, value in row.items()))
    results = ROOT / "bench" / "results" / "supervision.json"
    results.write_text(json.dumps({"cases": options.cases, "people": PEOPLE, "milliseconds": told}, indent=2) + "\n")
    from anhuan import settings

    settings.release()


if __name__ == "__main__":
    sys.exit(main())
