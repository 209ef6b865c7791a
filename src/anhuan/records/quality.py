"""Reviews of calls: what was drawn on a day, what a reviewer found, and what she talks about with a collector afterwards.

Knows their shape, and how the calls of a day are found with the risks they show. What is drawn and scored is judged by
`rulebook.quality`, who may do what is `acts.quality`. Words are sealed (`records.identity.Said`, under the row's id). PostgreSQL itself
sees to it that nobody reviews herself, that one person reviews a call once, and that a finished review stays as it was scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from django.db.models import F, Q

from anhuan.rulebook.quality import Candidate, Form


class ReviewKind(StrEnum):
    """`calibration` is one beside the first, to compare reviewers: it never counts for the collector."""

    FIRST = "first"
    CALIBRATION = "calibration"
    APPEAL = "appeal"


class ReviewState(StrEnum):
    DRAFT = "draft"
    FINAL = "final"
    ACKNOWLEDGED = "acknowledged"
    APPEALED = "appealed"
    REPLACED = "replaced"  # by the review of another, after an appeal


COUNTS = (ReviewState.FINAL, ReviewState.ACKNOWLEDGED, ReviewState.APPEALED)


class QualityDraw(models.Model):
    """A day's draw, by which it can be made again: the `seed`, the form, and every call it was made from with its risks."""

    day = models.DateField(primary_key=True)
    seed = models.CharField(max_length=40)
    form = models.CharField(max_length=64)
    form_since = models.DateField()
    candidates: models.Field[Any, Any] = models.JSONField()
    at = models.DateTimeField()
    by = models.CharField(max_length=150)


class QualityPick(models.Model):
    """A call to be reviewed. `why`: drawn by `risk` or at `random`, or `asked` for by a person; `risks` are those it showed then."""

    contact_id = models.UUIDField(primary_key=True)
    day = models.DateField()
    customer_id = models.CharField(max_length=32, db_collation="C")
    collector = models.CharField(max_length=150, db_collation="C")
    call_id = models.UUIDField(null=True)
    why = models.CharField(max_length=10)
    points = models.IntegerField()
    risks = ArrayField(models.CharField(max_length=30), default=list)
    at = models.DateTimeField()
    by = models.CharField(max_length=150)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["-day", "collector"], name="pick_by_day"),
            models.Index(fields=["collector", "-day"], name="pick_by_collector"),
        ]


class QualityReview(models.Model):
    """What one reviewer found in one call.

    `answers` by criterion of the `form`; `evidence` are what she looked at (`contact`, `note`, `recording`, `script`); `score` in
    tenths of a point, `fatal` the criteria that made it nothing. An appeal stands in `appeal_id`, sealed.
    """

    review_id = models.UUIDField(primary_key=True)
    pick = models.ForeignKey(QualityPick, on_delete=models.PROTECT, related_name="reviews")
    collector = models.CharField(max_length=150, db_collation="C")
    reviewer = models.CharField(max_length=150, db_collation="C")
    kind = models.CharField(max_length=12)
    state = models.CharField(max_length=12)
    form = models.CharField(max_length=64)
    answers: models.Field[Any, Any] = models.JSONField(default=dict)
    evidence = ArrayField(models.CharField(max_length=10), default=list)
    score = models.SmallIntegerField(null=True)
    fatal = ArrayField(models.CharField(max_length=40), default=list)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    acknowledged_at = models.DateTimeField(null=True)
    appealed_at = models.DateTimeField(null=True)
    appeal_id = models.UUIDField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["collector", "-finished_at"], name="review_by_collector")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["pick", "reviewer"], name="one_review_a_reviewer"),
            models.UniqueConstraint(fields=["pick", "kind"], condition=~Q(kind="calibration"), name="one_review_a_kind"),
            models.CheckConstraint(condition=~Q(reviewer=F("collector")), name="nobody_reviews_herself"),
            models.CheckConstraint(
                condition=Q(state="draft") | Q(finished_at__isnull=False), name="a_finished_review_has_its_day"
            ),
        ]


class CoachingNote(models.Model):
    """What a supervisor agreed with a collector, for these two alone, and by when; its words are sealed under `note_id`."""

    note_id = models.UUIDField(primary_key=True)
    collector = models.CharField(max_length=150, db_collation="C")
    by = models.CharField(max_length=150, db_collation="C")
    at = models.DateTimeField()
    due_on = models.DateField(null=True)
    review = models.ForeignKey(QualityReview, on_delete=models.PROTECT, null=True)
    seen_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)
    done_by = models.CharField(max_length=150, blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["collector", "-at"], name="coaching_by_collector")]


# --- the calls of a day -------------------------------------------------------------------------------------------

# Calls a collector led herself to their end; those a machine led, and those that never left the house, are none.
_CANDIDATES = """
SELECT c.contact_id::text, c.customer_id, c."by", l.call_id,
       EXISTS (SELECT FROM records_hold h WHERE h.customer_id = c.customer_id AND h.kind = 'complaint'
               AND h.registered_at > c.started_at AND h.registered_at <= least(%(at)s, c.started_at + %(complaint_after)s)) AS complaint_after,
       EXISTS (SELECT FROM records_dispute d WHERE d.customer_id = c.customer_id
               AND d.opened_at > c.started_at AND d.opened_at <= least(%(at)s, c.started_at + %(dispute_after)s)) AS dispute_after,
       EXISTS (SELECT FROM records_refusal r WHERE r.customer_id = c.customer_id AND r."by" = c."by"
               AND r.at >= %(start)s AND r.at < %(end)s) AS refused,
       EXISTS (SELECT FROM records_note n WHERE n.note_id = l.call_id AND n.warned <> '{}') AS note_findings,
       coalesce(jsonb_array_length(l.checks) > 0 AND l.verified_at IS NULL, false) AS identity_failed,
       coalesce(l.closed_at - l.opened_at > %(little_on_record)s AND l.ticked = '{}'
                AND NOT EXISTS (SELECT FROM records_note n WHERE n.note_id = l.call_id), false) AS little_on_record,
       EXISTS (SELECT FROM records_promise p WHERE p.customer_id = c.customer_id AND p.made_in = c.contact_id
               AND p.state = 'broken') AS broken_promise,
       s.date_joined > c.started_at - %(new_collector)s AS new_collector
FROM records_contact c JOIN records_staff s ON s.username = c."by" LEFT JOIN records_call l ON l.contact_id = c.contact_id
WHERE c.started_at >= %(start)s AND c.started_at < %(end)s AND c.channel = ANY(%(calls)s) AND NOT c.automated
  AND c.state <> 'void' AND c.line_result = 'connected' AND s.role = ANY(%(roles)s)
ORDER BY c.contact_id
"""


def candidates(
    start: datetime, end: datetime, form: Form, *, calls: Sequence[str], roles: Sequence[str], at: datetime
) -> list[tuple[Candidate, str, Any]]:
    """The answered calls from `start` to just before `end` as known at `at`, each with its customer and the id of its call."""
    spans: dict[str, Any] = {
        risk: timedelta(days=known.days, minutes=known.minutes) if (known := form.risk_of(risk)) else timedelta(0)
        for risk in ("complaint_after", "dispute_after", "little_on_record", "new_collector")
    }  # fmt: skip
    told = {risk.id for risk in form.risks}
    with connection.cursor() as cursor:
        cursor.execute(_CANDIDATES, {"start": start, "end": end, "at": at, "calls": list(calls), "roles": list(roles), **spans})
        names = [column.name for column in cursor.description or ()][4:]
        return [
            (
                Candidate(contact, by, tuple(n for n, is_so in zip(names, flags, strict=True) if is_so and n in told)),
                customer,
                call,
            )
            for contact, customer, by, call, *flags in cursor.fetchall()
        ]


# --- how reviewers agree ------------------------------------------------------------------------------------------


def calibrations(*, since: datetime) -> list[dict[str, Any]]:
    """Calls that two people reviewed by the same form: both scores, what lies between them, and the criteria they answered unlike."""
    found = QualityReview.objects.filter(kind=ReviewKind.CALIBRATION, finished_at__gte=since).select_related("pick")
    first = {
        each.pick_id: each
        for each in QualityReview.objects.filter(pick__in=[other.pick_id for other in found], kind=ReviewKind.FIRST)
        .exclude(state=ReviewState.DRAFT)
    }  # fmt: skip
    pairs = []
    for second in found.order_by("-finished_at"):
        one = first.get(second.pick_id)
        if one is None or one.form != second.form:
            continue
        unlike = sorted(id_ for id_ in one.answers if one.answers[id_] != second.answers.get(id_))
        both = one.score is not None and second.score is not None
        apart = abs(one.score - second.score) if both else None  # type: ignore[operator]  # both are numbers
        pairs.append(
            {"pick": second.pick, "one": one, "second": second, "apart": apart, "unlike": unlike, "asked": len(one.answers)}
        )
    return pairs
