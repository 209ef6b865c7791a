"""The rules of cases once more, slow and obvious: dictionaries, loops, no set-based anything.

`Model.night` takes what `nightfall.Books.night` takes and says what must then stand in records.
"""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date

from tests.records.nightfall import FIRST_DAY, Card, Paid


def bucket_of(late: int) -> int:
    return 0 if late < 1 else min((late - 1) // 30 + 1, 7)


@dataclass
class Standing:
    customer_id: str
    bucket: int
    presence: str
    since: date | None

    @property
    def counts(self) -> int:
        return 0 if self.presence == "missing" else self.bucket


@dataclass
class CaseState:
    bucket: int = 0
    opened_on: date | None = None
    since: date | None = None
    closed_on: date | None = None
    reopened: int = 0
    spans: list[tuple[date, int, bool]] = field(default_factory=list)

    def on(self, day: date) -> int:
        """The bucket recorded for a day."""
        before = [bucket for since, bucket, _ in self.spans if since <= day]
        return before[-1] if before else 0


@dataclass
class State:
    """How everything stood after the night of one business date."""

    standing: dict[str, Standing] = field(default_factory=dict)
    cases: dict[str, CaseState] = field(default_factory=dict)


@dataclass
class Model:
    states: dict[date, State] = field(default_factory=dict)
    payments: dict[str, date] = field(default_factory=dict)  # first brought by the night of
    events: Counter[str] = field(default_factory=Counter)

    def night(self, day: date, cards: list[Card], paid: list[Paid], *, replace_it: bool) -> dict[str, int]:
        now = self.states[max(self.states)] if self.states else State()
        if replace_it:
            del self.states[day]
            self.payments = {p: d for p, d in self.payments.items() if d != day}
        base = self.states[max(self.states)] if self.states else State()
        new = State(standing_after(base, cards, day), deepcopy(base.cases))

        counts = Counter({"opened": 0, "reopened": 0, "closed": 0})
        owing: dict[str, list[Standing]] = {}
        for account in new.standing.values():
            owing.setdefault(account.customer_id, []).append(account)
        for customer in sorted(set(owing) | set(new.cases)):
            counts[move(new.cases, customer, tonight(base, customer, owing.get(customer, [])), day)] += 1
        del counts["nothing"], counts["moved"]

        fresh = [p for p in paid if p.payment_id not in self.payments]
        self.payments |= {p.payment_id: day for p in fresh}
        for customer, told in self.retold(fresh, new, day).items():
            if customer in new.cases and new.cases[customer].opened_on is not None:
                restate(new.cases[customer], told, day)

        for customer in set(now.cases) | set(new.cases):
            was, is_ = (state.cases.get(customer, CaseState()) for state in (now, new))
            self.events[customer] += was.bucket != is_.bucket
            self.events[customer] += past(was, day) != past(is_, day)
        self.states[day] = new
        return dict(counts) | {"open": sum(case.bucket > 0 for case in new.cases.values())}

    def retold(self, fresh: list[Paid], new: State, day: date) -> dict[str, dict[date, int]]:
        """For each customer a new payment concerns: what each earlier day from the first one touched on really was."""
        earlier = [d for d in sorted(self.states) if d < day and self.states[d].standing]
        told: dict[tuple[str, date], int] = {}
        holder: dict[tuple[str, date], str] = {}
        for payment in fresh:
            account = new.standing.get(payment.account_id)
            if account is not None and account.presence != "present":
                continue
            for d in earlier:
                then = self.states[d].standing.get(payment.account_id)
                if d < payment.effective_on or (then is None and account is None):
                    continue
                held_by = then or account
                assert held_by is not None
                overdue = account is not None and account.bucket > 0 and account.since is not None
                told[payment.account_id, d] = bucket_of((d - account.since).days) if overdue else 0  # type: ignore[union-attr, operator]
                holder[payment.account_id, d] = held_by.customer_id
        answer: dict[str, dict[date, int]] = {}
        for customer in set(holder.values()):
            first = min(d for (account_id, d), held_by in holder.items() if held_by == customer)
            for d in earlier:
                if d < first:
                    continue
                buckets = [bucket for key, bucket in told.items() if key[1] == d and holder[key] == customer]
                sealed = self.states[d].standing.items()
                buckets += [s.counts for a, s in sealed if s.customer_id == customer and (a, d) not in told]
                answer.setdefault(customer, {})[d] = max(buckets, default=0)
        return answer


def standing_after(base: State, cards: list[Card], day: date) -> dict[str, Standing]:
    after: dict[str, Standing] = {}
    delivered = {card.account_id: card for card in cards}
    for account_id in sorted(set(delivered) | set(base.standing)):
        card, before = delivered.get(account_id), base.standing.get(account_id)
        if card is not None and not card.spoilt:
            since = date.fromordinal(day.toordinal() - card.late) if card.late else None
            after[account_id] = Standing(card.customer_id, bucket_of(card.late), "present", since)
        elif before is None:
            continue
        elif before.presence == "missing":
            after[account_id] = before
        elif card is not None:
            after[account_id] = Standing(before.customer_id, before.bucket, "carried", before.since)
        elif before.bucket > 0:
            after[account_id] = Standing(before.customer_id, before.bucket, "missing", before.since)
    return after


def tonight(base: State, customer: str, accounts: list[Standing]) -> int:
    """The customer's bucket tonight; what vanished keeps an open case as it was."""
    worst = max((account.counts for account in accounts), default=0)
    if worst == 0 and any(account.presence == "missing" for account in accounts):
        return base.cases.get(customer, CaseState()).bucket
    return worst


def move(cases: dict[str, CaseState], customer: str, bucket: int, day: date) -> str:
    before = cases.get(customer, CaseState())
    if before.bucket == bucket:
        return "nothing"
    case = cases.setdefault(customer, CaseState())
    word = "moved"
    if case.bucket == 0:
        word = "opened" if case.opened_on is None else "reopened"
        case.reopened += word == "reopened"
        case.opened_on = case.opened_on or day
    if bucket == 0:
        word = "closed"
    case.bucket, case.since, case.closed_on = bucket, day, day if bucket == 0 else None
    case.spans.append((day, bucket, False))
    return word


def restate(case: CaseState, told: dict[date, int], day: date) -> None:
    """Put the earlier days right from the first one that was recorded otherwise."""
    wrong = [d for d in sorted(told) if told[d] != case.on(d)]
    if not wrong:
        return
    first = wrong[0]
    old = case.spans
    case.spans = [span for span in old if span[0] < first]
    for d in sorted(told):
        before = case.spans[-1][1] if case.spans else 0
        if d >= first and told[d] != before:
            known = [restated for since, bucket, restated in old if (since, bucket) == (d, told[d])]
            case.spans.append((d, told[d], known[0] if known else True))
    if (case.spans[-1][1] if case.spans else 0) != case.bucket:
        case.spans.append((day, case.bucket, False))
    if case.spans:
        case.since = case.spans[-1][0]


def past(case: CaseState, day: date) -> list[tuple[date, int]]:
    return [(since, bucket) for since, bucket, _ in case.spans if since < day]


def day_of(number: int) -> date:
    return date.fromordinal(FIRST_DAY.toordinal() + number - 1)
