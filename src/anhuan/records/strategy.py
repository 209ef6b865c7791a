"""Versions of strategies, what simulations said of them, and what each night wanted of each customer because of them.

Knows their shape, and which version is live on a business date. A version is kept for ever: PostgreSQL itself refuses to delete
one, to change what it is (third migration), or to approve one that was never simulated (fifth). Who may take one on its way is
`acts.strategy`; what a model means is `portfolio.strategy`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar

import pyarrow as pa
from django.contrib.postgres.fields import ArrayField
from django.db import connection, models

from anhuan.core.vocabulary import BANK, Heap
from anhuan.records import bulk


class StrategyState(StrEnum):
    """The way of a version; `retired` is one that is over, or will be on its `live_until`."""

    DRAFT = "draft"
    CHECKED = "checked"
    SIMULATED = "simulated"
    APPROVED = "approved"
    LIVE = "live"
    RETIRED = "retired"


class ProposalState(StrEnum):
    """What became of an action wanted; all but `withdrawn` are said by the night."""

    PROPOSED = "proposed"
    HELD = "held"
    REFUSED = "refused"
    NO_CAPACITY = "no_capacity"
    WITHDRAWN = "withdrawn"


HEAPS = {
    ProposalState.PROPOSED: Heap.PROPOSED,
    ProposalState.HELD: Heap.HELD,
    ProposalState.REFUSED: Heap.REFUSED,
    ProposalState.NO_CAPACITY: Heap.NO_CAPACITY,
}
"""In which heap a customer's overdue accounts are, by what her proposal came to."""


class StrategyVersion(models.Model):
    """Version `number` of the strategy `name` 策略: a decision model, byte for byte, and how customers are dealt out to arms.

    `fingerprint` is the SHA-256 of `model`; `decision` the decision asked for. `arms` maps an arm to its share ("0.05"), one
    named `hold_out` is not contacted; `seed` makes the deal. `findings` is what the prover and the columns had against it:
    `[{"code", "decision", "message_zh", "message_en", "what"}]`, empty when proved; NULL while nobody has asked; `what`: the
    prover's finding as JSON, of the prover's findings alone. Live on business
    dates from `live_from` to just before `live_until` (empty: open).
    """

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=40, db_collation="C")
    number = models.IntegerField()
    model = models.BinaryField()
    fingerprint = models.CharField(max_length=64)
    decision = models.TextField()
    seed = models.CharField(max_length=80)
    arms = models.JSONField()
    state = models.CharField(max_length=10)
    made_at = models.DateTimeField()
    made_by = models.CharField(max_length=150)
    checked_at = models.DateTimeField(null=True)
    checked_by = models.CharField(max_length=150, blank=True)
    findings = models.JSONField(null=True)
    simulated_at = models.DateTimeField(null=True)
    simulated_by = models.CharField(max_length=150, blank=True)
    approved_at = models.DateTimeField(null=True)
    approved_by = models.CharField(max_length=150, blank=True)
    live_from = models.DateField(null=True)
    live_until = models.DateField(null=True)

    class Meta:
        ordering: ClassVar = ["name", "number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["name", "number"], name="one_version_a_number"),
            models.CheckConstraint(
                condition=models.Q(approved_at=None) | ~models.Q(approved_by=models.F("made_by")), name="approved_by_another"
            ),
            models.CheckConstraint(
                condition=models.Q(live_from=None) | models.Q(approved_at__isnull=False), name="live_only_approved"
            ),
        ]

    @property
    def title(self) -> str:
        return f"{self.name}/{self.number}"


class Simulation(models.Model):
    """One replay 模拟 of sealed nights under a version, and what it came to; a version may have several, each kept for ever.

    `fingerprint` is the model's. `nights`: `[{"business_date", "sequence", "manifest_sha256", "law"}]`, what was replayed and the
    law each morning was judged by; `law` is that of the last. `figures` is the report as `anhuan simulate --json` gives it
    (docs/strategy.md), without its rows: no customer stands in it.
    """

    id = models.BigAutoField(primary_key=True)
    version = models.ForeignKey(StrategyVersion, on_delete=models.PROTECT, related_name="simulations")
    fingerprint = models.CharField(max_length=64)
    law = models.CharField(max_length=64)
    nights = models.JSONField()
    figures = models.JSONField()
    at = models.DateTimeField()
    by = models.CharField(max_length=150)

    class Meta:
        ordering: ClassVar = ["at", "id"]


def live_on(day: date) -> StrategyVersion | None:
    """The version whose strategy holds for a business date: of those live then, the one that began last."""
    begun = StrategyVersion.objects.filter(state__in=[StrategyState.LIVE, StrategyState.RETIRED], live_from__lte=day)
    return begun.filter(models.Q(live_until=None) | models.Q(live_until__gt=day)).order_by("live_from", "id").last()


class Proposal(models.Model):
    """An action wanted 建议动作 with one customer for one business date, and what became of it; one a customer a date.

    `sequence` is the night's. `decision` and `rule` name the table and its row (from 1) that chose it, in version `version_id` of
    the strategy, whose model has the `fingerprint`; `trace` names every table on the way with its row. `account_id` is the
    account it was decided on. `planned_at` is the instant at which the gate was asked; `reasons` are its reasons as
    `core.law.Reason.document` tells them, `rules` their ids. What the gate permits here passes the door all the same.
    Written by the night alone, as one set, by COPY: no foreign key is checked row by row, and versions are never deleted.
    """

    pk = models.CompositePrimaryKey("business_date", "customer_id")
    business_date = models.DateField()
    customer_id = models.CharField(max_length=32, db_collation="C")
    sequence = models.BigIntegerField()
    account_id = models.CharField(max_length=32, db_collation="C")
    channel = models.CharField(max_length=20)
    wording = models.TextField(blank=True)
    team = models.TextField(blank=True)
    handled_by = models.TextField(blank=True)
    earliest_on = models.DateField(null=True)
    priority = models.IntegerField(null=True)
    expected_value_minor = models.BigIntegerField(null=True)
    cost_minor = models.BigIntegerField(null=True)
    currency = models.CharField(max_length=3, blank=True)
    fingerprint = models.CharField(max_length=64)
    version = models.ForeignKey(StrategyVersion, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    arm = models.TextField()
    decision = models.TextField()
    rule = models.IntegerField(null=True)
    trace = models.TextField(blank=True)
    state = models.CharField(max_length=12)
    planned_at = models.DateTimeField(null=True)
    rules = ArrayField(models.TextField(), default=list)
    reasons = models.JSONField(default=list)
    law = models.CharField(max_length=64, blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["customer_id", "business_date"], name="proposal_by_customer")]


def proposals_of(customer_id: str, *, limit: int = 200) -> Sequence[Proposal]:
    """What was wanted of a customer, newest first, each with its version (without the model)."""
    wanted = Proposal.objects.filter(customer_id=customer_id).select_related("version").defer("version__model")
    return list(wanted.order_by("-business_date")[:limit])


# --- what a strategy is told of conduct ---------------------------------------------------------------------------

_CONDUCT = """
SELECT customer_id, h.hold::text AS hold, coalesce(h.hardship, false) AS hardship, coalesce(h.legal_open, false) AS legal_open,
       p.promise_in_days, coalesce(p.broken, 0)::integer AS broken_promises, c.days_since_contact,
       coalesce(c.demands, 0)::integer AS effective_demands, c.days_since_demand,
       r.reachable, r.reach_sms, r.reach_email, r.reach_letter
FROM (SELECT customer_id, (array_agg(kind ORDER BY begins, hold_id))[1] AS hold, bool_or(kind = 'hardship') AS hardship,
             bool_or(kind = 'litigation') AS legal_open
      FROM records_hold WHERE begins <= %(at)s AND (ends IS NULL OR ends > %(at)s)
        AND (until_date IS NULL OR until_date > %(day)s) GROUP BY 1) h
FULL JOIN (SELECT customer_id, (min(due_on) FILTER (WHERE state = 'open') - %(day)s) AS promise_in_days,
                  count(*) FILTER (WHERE state = 'broken') AS broken
           FROM records_promise GROUP BY 1) p USING (customer_id)
FULL JOIN (SELECT customer_id, %(day)s - (max(started_at) AT TIME ZONE %(zone)s)::date AS days_since_contact,
                  count(*) FILTER (WHERE outcome = 'effective_conversation') AS demands,
                  %(day)s - (max(started_at) FILTER (WHERE outcome = 'effective_conversation') AT TIME ZONE %(zone)s)::date
                      AS days_since_demand
           FROM records_contact
           WHERE direction = 'outbound' AND party = 'debtor' AND state <> 'void' AND started_at <= %(at)s
             AND NOT (actor = %(ours)s AND started_at >= coalesce(%(replayed)s::timestamptz, 'infinity'))
             AND (started_at AT TIME ZONE %(zone)s)::date <= %(day)s
           GROUP BY 1) c USING (customer_id)
FULL JOIN (SELECT customer_id, bool_or(good AND kind IN ('mobile', 'phone') AND NOT 'call' = ANY(refused)) AS reachable,
                  bool_or(good AND kind = 'mobile' AND NOT 'sms' = ANY(refused)) AS reach_sms,
                  bool_or(good AND kind = 'email' AND NOT 'email' = ANY(refused)) AS reach_email,
                  bool_or(good AND kind = 'address' AND NOT 'letter' = ANY(refused)) AS reach_letter
           FROM (SELECT customer_id, kind, valid IS NOT FALSE AND absent_since IS NULL AND point_id NOT IN (
                          SELECT point_id FROM records_pointfinding
                          WHERE kind IN ('wrong_number', 'unreachable') AND recorded_at <= %(at)s) AS good,
                        coalesce(refused, '{}') AS refused
                 FROM records_contactpoint LEFT JOIN (
                   SELECT customer_id, array_agg(channel::text) AS refused FROM records_optout
                   WHERE point_id IS NULL AND recorded_at <= %(at)s GROUP BY 1) o USING (customer_id)
                 WHERE party = 'debtor') points
           GROUP BY 1) r USING (customer_id)
"""


def conduct(day: date, *, at: datetime, zone: str, replayed: datetime | None = None) -> pa.Table:
    """What holds, promises and contacts say of customers up to business date `day`, holds as they stand at `at`.

    customer_id, hold (the kind of the oldest), hardship, legal_open, promise_in_days, broken_promises, days_since_contact,
    effective_demands (conversations of ours that were effective), days_since_demand; reachable (by phone), reach_sms, reach_email,
    reach_letter: whether a point of her own is on file that was not found wrong, by a channel she has not refused altogether; NULL
    where no point is on file. Who has none of these has no row. A replay leaves out the bank's own contacts from the instant
    `replayed` on: it puts others in their place.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('work_mem', '128MB', true)")
        query = cursor.mogrify(_CONDUCT, {"day": day, "at": at, "zone": zone, "ours": BANK, "replayed": replayed})
        return bulk.fetch(cursor, query)
