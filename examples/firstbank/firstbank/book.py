"""The accounts of the made-up bank and how they come to be.

Knows the state of every account the bank has ever delivered, customer by customer, and how to open new ones in any
state of lateness. What happens to them in a night stands in `life`; what is written of them in `forms`.
Days are whole numbers since 1970-01-01, money is in minor units of the account's currency.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from . import truth
from .chance import Chance, Ids

CURRENCIES = ("CNY", "USD", "HKD", "JPY")
MINOR_PER_FEN = np.array([1.0, 1 / 7.1, 1.08, 0.21])  # what one fen of buying power is in minor units; yen have no minor unit
TICK = np.array([100, 100, 100, 1])  # people pay whole yuan, dollars, yen
PRODUCTS = ("classic", "gold", "platinum", "cobrand")
PRODUCT_WEIGHTS = (0.48, 0.28, 0.10, 0.14)
LIMIT_FEN = np.array([1_200_000.0, 3_000_000.0, 8_000_000.0, 2_000_000.0])
GRACE_DAYS = np.array([20, 20, 23, 18])  # from statement to due date
BLOCKS = ("none", "frozen", "lost", "fraud", "dispute", "deceased", "charged_off", "closed")
NONE, FROZEN, LOST, FRAUD, DISPUTE, DECEASED, CHARGED_OFF, CLOSED = range(8)
AGENCIES = tuple(truth.AGENCIES)
COMPONENTS = ("principal", "interest", "penalty", "fees", "unbilled")
NEVER = -1_000_000
ACCOUNTS_PER_CUSTOMER = (0.905, 0.080, 0.015)

Bools = npt.NDArray[np.bool_]


@dataclass
class Accounts:
    """One array per attribute, one place per account; the place is the account's number for good."""

    customer: Ids
    kind: Ids  # hidden type, index into truth.TYPES
    product: Ids
    currency: Ids
    cycle_day: Ids
    grace: Ids
    opened: Ids
    limit: Ids
    autopay: Bools
    instalment: Ids  # billed with each statement out of `unbilled`
    unit: Ids  # minimum of one statement
    principal: Ids
    interest: Ids
    penalty: Ids
    fees: Ids
    unbilled: Ids
    cycles: Ids  # unpaid minimums past due; 0 = not past due
    since: Ids  # due date of the oldest of them, NEVER if none
    oldest: Ids  # what is left of the oldest
    open_minimum: Ids  # of the latest statement, not yet past due
    statement: Ids
    due: Ids
    accelerated: Bools  # everything is due
    paid_on: Ids
    paid_amount: Ids
    block: Ids
    block_until: Ids
    agency: Ids  # -1 = none
    agency_until: Ids
    behaviour: Ids
    collection: Ids
    watched_until: Ids  # on the early-warning list
    kept_until: Ids  # stays in the file after a cure
    absent_until: Ids  # has dropped out of the file
    in_doubt: Bools  # a payment that will be taken back is under way

    def __len__(self) -> int:
        return len(self.customer)

    def extend(self, more: Accounts) -> None:
        for field in fields(self):
            setattr(self, field.name, np.concatenate([getattr(self, field.name), getattr(more, field.name)]))

    def balance(self, rows: Ids) -> Ids:
        return sum((getattr(self, name)[rows] for name in COMPONENTS), np.zeros(len(rows), dtype=np.int64))

    def past_due(self, rows: Ids) -> Ids:
        """Minimums past due; the whole balance once everything is due, and never more than the balance."""
        cycles = self.cycles[rows]
        minimums = np.where(cycles > 0, self.oldest[rows] + (cycles - 1) * self.unit[rows], 0)
        balance = self.balance(rows)
        return np.where(self.accelerated[rows] & (cycles > 0), balance, np.minimum(minimums, balance))


@dataclass
class Customers:
    kind: Ids
    version: Ids  # how often the employer changed
    flipped: npt.NDArray[np.uint16]  # contact points whose validity has turned
    deceased: Bools

    def __len__(self) -> int:
        return len(self.kind)


class Book:
    """The bank on one evening. `size` = accounts delivered on the first night, the measure of all arrivals."""

    def __init__(self, seed: int, size: int, today: int) -> None:
        self.chance = Chance(seed)
        self.size = size
        self.today = today
        empty = np.zeros(0, dtype=np.int64)
        self.customers = Customers(empty, empty, empty.astype(np.uint16), empty.astype(bool))
        self._open_first(size)

    def _open_first(self, size: int) -> None:
        """Exactly `size` accounts in the steady state of `truth`, the overdue share first of all."""
        people = np.arange(size, dtype=np.int64)
        counts = 1 + self.chance.choose("accounts", people, ACCOUNTS_PER_CUSTOMER)
        people = people[: int(np.searchsorted(np.cumsum(counts), size)) + 1]
        owner = np.repeat(people, counts[: len(people)])[:size]
        ordinal = _ordinal(owner)
        numbers = np.arange(size, dtype=np.int64)
        late = self.chance.happens("late", numbers, truth.OVERDUE_SHARE)
        stock = truth.standing_by_type()
        kind = np.where(
            np.logical_or.reduceat(late, np.flatnonzero(ordinal == 0)),
            self.chance.choose("late type", people, list(stock[:, 1:].sum(axis=1))),
            self.chance.choose("type", people, [one.share for one in truth.TYPES]),
        )
        self._add_customers(kind)
        days = np.zeros(size, dtype=np.int64)
        for number in range(len(truth.TYPES)):
            mine = np.flatnonzero(late & (kind[owner] == number))
            days[mine] = 1 + self.chance.choose("days past due", mine, list(stock[number, 1:]))
        ahead = self.chance.below("days ahead", numbers, truth.LISTED_DAYS + 1)
        self.accounts = self._open(numbers, owner, ordinal, self.today + np.where(late, -days, ahead))

    def arrive(self, due: Ids) -> None:
        """One new customer for each first due date in `due` (yesterday: overdue now), some with further cards."""
        people = np.arange(len(self.customers), len(self.customers) + len(due), dtype=np.int64)
        self._add_customers(self.chance.choose("type", people, [one.share for one in truth.TYPES]))
        owner = np.repeat(people, 1 + self.chance.choose("accounts", people, ACCOUNTS_PER_CUSTOMER))
        ordinal = _ordinal(owner)
        numbers = np.arange(len(self.accounts), len(self.accounts) + len(owner), dtype=np.int64)
        later = self.today + 7 + self.chance.below("days ahead", numbers, 24)
        like_first = (ordinal == 0) | self.chance.happens("late", numbers, 0.3)
        self.accounts.extend(self._open(numbers, owner, ordinal, np.where(like_first, due[owner - people[0]], later)))

    def _add_customers(self, kind: Ids) -> None:
        more, mine = len(kind), self.customers
        mine.kind = np.concatenate([mine.kind, kind])
        mine.version = np.concatenate([mine.version, np.zeros(more, dtype=np.int64)])
        mine.flipped = np.concatenate([mine.flipped, np.zeros(more, dtype=np.uint16)])
        mine.deceased = np.concatenate([mine.deceased, np.zeros(more, dtype=bool)])

    def _open(self, numbers: Ids, owner: Ids, ordinal: Ids, due: Ids) -> Accounts:
        """Accounts whose oldest unpaid minimum fell, or whose next one falls, due on `due`."""
        chance, today = self.chance, self.today
        card = owner * 4  # the accounts of one dual-currency card share product and cycle
        product = chance.choose("product", card, PRODUCT_WEIGHTS)
        foreign = chance.choose("foreign", numbers, (0.70, 0.18, 0.08, 0.04))
        currency = np.where(ordinal > 0, foreign, 0)
        grace = GRACE_DAYS[product]
        cycle_day, grace = _cycle(due - grace, grace)
        first = due - grace
        last = last_statement(np.full(len(due), today), cycle_day)
        due_now = last + grace
        passed = last_statement(np.full(len(due), today) - 1 - grace, cycle_day)
        cycles = np.maximum(0, month_of(passed) - month_of(first) + 1)
        late = cycles > 0
        opened = (
            today - 200 - (chance.uniform("opened", numbers) ** 1.5 * 4500).astype(np.int64) - np.where(late, today - due, 0)
        )

        def every(value: int) -> Ids:
            return np.full(len(due), value, dtype=np.int64)

        accounts = Accounts(
            customer=owner, kind=self.customers.kind[owner], product=product, currency=currency, cycle_day=cycle_day,
            grace=grace, opened=opened, limit=every(0), autopay=chance.happens("autopay", numbers, 0.16), instalment=every(0),
            unit=every(0), principal=every(0), interest=every(0), penalty=every(0), fees=every(0), unbilled=every(0),
            cycles=cycles, since=np.where(late, due, NEVER), oldest=every(0), open_minimum=every(0), statement=last,
            due=due_now, accelerated=every(0) > 0, paid_on=every(NEVER), paid_amount=every(0), block=every(NONE),
            block_until=every(NEVER), agency=every(-1), agency_until=every(NEVER), behaviour=every(0), collection=every(0),
            watched_until=every(today + 90), kept_until=every(NEVER), absent_until=every(NEVER), in_doubt=every(0) > 0,
        )  # fmt: skip
        self._owe(accounts, numbers)
        self._past(accounts, numbers)
        self.score(accounts, np.arange(len(due)), numbers)
        return accounts

    def _owe(self, accounts: Accounts, numbers: Ids) -> None:
        """Limits, balances and minimums that fit how late each account is."""
        chance = self.chance
        worth = MINOR_PER_FEN[accounts.currency]
        limit = LIMIT_FEN[accounts.product] * np.exp(0.55 * chance.normal("limit", numbers))
        limit = np.maximum(np.round(limit / 100_000) * 100_000, 300_000)
        late = accounts.cycles > 0
        used = np.where(late, chance.between("used", numbers, 0.35, 1.02), chance.between("used", numbers, 0.05, 0.9))
        by_instalment = chance.happens("by instalment", numbers, 0.35)
        unbilled = np.where(by_instalment, limit * chance.between("unbilled", numbers, 0.05, 0.35), 0.0)
        principal = np.maximum(limit * used - unbilled, 20_000)
        instalment = unbilled / (3 + chance.below("instalments left", numbers, 20))
        unit = np.minimum(np.maximum(principal * 0.05 + instalment, 10_000), principal / 8)
        months = np.minimum(accounts.cycles, 12)
        interest = principal * 0.015 * (months + chance.between("interest", numbers, 0.2, 1.0))
        penalty = unit * 0.025 * months * (months + 1) * chance.happens("penalty", numbers, 0.97)
        fees = np.where(chance.happens("fees", numbers, 0.08), 30_000.0, 0.0)
        accounts.limit = _whole(limit * worth / 100) * 100
        for name, amount in zip(COMPONENTS, (principal, interest, penalty, fees, unbilled), strict=True):
            setattr(accounts, name, _whole(amount * worth))
        accounts.instalment, accounts.unit = _whole(instalment * worth), np.maximum(1, _whole(unit * worth))
        accounts.oldest = np.where(late, np.maximum(1, _whole(accounts.unit * chance.between("rest", numbers, 0.4, 1.0))), 0)
        accounts.accelerated = accounts.cycles >= 7
        accelerated = np.where(accounts.accelerated, accounts.unbilled, 0)
        accounts.principal, accounts.unbilled = accounts.principal + accelerated, accounts.unbilled - accelerated
        accounts.open_minimum = np.where((accounts.due >= self.today) & ~accounts.accelerated, accounts.unit, 0)

    def _past(self, accounts: Accounts, numbers: Ids) -> None:
        """Last payments, blocks and placements as they would have come about before the first night."""
        chance, today = self.chance, self.today
        late = accounts.cycles > 0
        days = np.where(late, today - accounts.since, 0)
        planned = accounts.due - pays_ahead(chance, accounts, numbers)
        paid_now = ~late & (accounts.open_minimum > 0) & (planned <= today) & ~misses(chance, accounts, numbers)
        accounts.open_minimum = np.where(paid_now, 0, accounts.open_minimum)
        before = np.where(late, accounts.since, accounts.due) - 31 - chance.below("paid ahead", numbers, 9)
        recently = late & chance.happens("recent token", numbers, 0.08)
        recent = today - chance.below("token day", numbers, 60)
        accounts.paid_on = np.where(paid_now, planned, np.where(recently & (recent > accounts.since), recent, before))
        accounts.paid_amount = np.maximum(1, _whole(accounts.unit * chance.between("paid", numbers, 0.3, 3.0)))
        block = np.where(accounts.cycles >= 2, FROZEN, NONE)
        disputed = late & chance.happens("dispute", numbers, np.where(accounts.kind == 5, 0.2, 0.002))
        block = np.where(disputed, DISPUTE, block)
        block = np.where(chance.happens("fraud", numbers, 0.001), FRAUD, block)
        written_off = chance.happens("charged off", numbers, 1.0 - (1.0 - truth.CHARGE_OFF_DAILY) ** np.maximum(0, days - 180))
        accounts.block = np.where(written_off & late, CHARGED_OFF, block)
        accounts.block_until = np.where(disputed, today + 5 + chance.below("dispute ends", numbers, 40), NEVER)
        eligible = days - truth.PLACE_FROM_DAYS
        placed = chance.happens("placed", numbers, 1.0 - (1.0 - truth.PLACE_DAILY) ** np.maximum(0, eligible))
        accounts.agency = np.where(placed, chance.below("agency", numbers, len(AGENCIES)), -1)
        accounts.agency_until = np.where(
            placed, today + 1 + chance.below("agency until", numbers, truth.PLACED_FOR_DAYS), NEVER
        )

    def score(self, accounts: Accounts, rows: Ids, numbers: Ids) -> None:
        """The bank's two scores for `rows`: noisy views of the truth, 0 standing for unknown."""
        chance, kind, cycles = self.chance, accounts.kind[rows], accounts.cycles[rows]
        shift = np.array([40, 25, -30, -70, -60, 0])[kind]
        behaviour = 700 + shift - 42 * np.minimum(cycles, 8) + 45 * chance.normal("behaviour", numbers, self.today)
        band = truth.band_of(np.maximum(1, self.today - np.where(cycles > 0, accounts.since[rows], self.today - 1)))
        chances = truth.hazards("full")[kind, band] + 0.5 * truth.hazards("cycle")[kind, band]
        collection = 930 + 105 * np.log(chances) + 60 * chance.normal("collection", numbers, self.today)
        for name, score in (("behaviour", behaviour), ("collection", collection)):
            known = ~chance.happens(f"{name} unknown", numbers, 0.03)
            getattr(accounts, name)[rows] = np.where(known, np.clip(score, 1, 999).astype(np.int64), 0)


def misses(chance: Chance, accounts: Accounts, numbers: Ids, rows: Ids | slice = slice(None)) -> Bools:
    """Whether each account will not pay the minimum of its current due date."""
    probability = np.array([one.misses for one in truth.TYPES])[accounts.kind[rows]]
    probability = np.where(accounts.autopay[rows], probability / 2, probability)
    return chance.happens("misses", numbers * 100_003 + accounts.due[rows], probability)


def pays_ahead(chance: Chance, accounts: Accounts, numbers: Ids, rows: Ids | slice = slice(None)) -> Ids:
    """How many days before its current due date each account pays, if it does; automatic payments wait for the day."""
    days = chance.below("pays ahead", numbers * 100_003 + accounts.due[rows], 7)
    return np.where(accounts.autopay[rows], 0, days)


def month_of(days: Ids) -> Ids:
    """Months since January 1970."""
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def day_in_month(days: Ids) -> Ids:
    """1 for the first day of a month."""
    return days - month_of(days).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) + 1


def statement_in(month: Ids, cycle_day: Ids) -> Ids:
    return month.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) + cycle_day - 1


def last_statement(days: Ids, cycle_day: Ids) -> Ids:
    """The latest statement day on or before each of `days`."""
    return statement_in(month_of(days) - (day_in_month(days) < cycle_day), cycle_day)


def _cycle(statement: Ids, grace: Ids) -> tuple[Ids, Ids]:
    """The cycle day of a statement. No cycle falls on the 29th to 31st: such a statement is the 28th's, with more grace."""
    day = day_in_month(statement)
    return np.minimum(day, 28), grace + np.maximum(0, day - 28)


def _ordinal(owner: Ids) -> Ids:
    """0 for a customer's first account, 1 for the second; `owner` is ascending."""
    start = np.flatnonzero(np.diff(owner, prepend=-1))
    return np.arange(len(owner)) - np.repeat(start, np.diff(start, append=len(owner)))


def _whole(amount: npt.NDArray[np.float64]) -> Ids:
    return np.rint(amount).astype(np.int64)
