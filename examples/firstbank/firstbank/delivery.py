"""What of the book is delivered on an evening: four tables, typed, and what a right reading of them must find.

Knows which accounts belong into the file and how the night moved against the one before, counted by the bank
itself. Knows no file form.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from . import people, truth
from .book import AGENCIES, BLOCKS, CLOSED, COMPONENTS, CURRENCIES, NEVER, PRODUCTS, TICK, Book, Bools
from .chance import Ids
from .life import CHANNELS, PAYMENT_KINDS, Life, Rates

CHUNK = 125_000
BOOK_PER_DELIVERED = 20  # the whole card book against the accounts delivered
MONEY = pa.decimal128(18, 2)
GRADES = ("normal", "special_mention", "substandard", "doubtful", "loss")

ACCOUNTS = pa.schema([
    ("account_id", pa.string()), ("customer_id", pa.string()), ("product", pa.string()), ("currency", pa.string()),
    ("opened_on", pa.date32()), ("block_code", pa.string()), ("credit_limit", MONEY), ("balance_total", MONEY),
    ("principal", MONEY), ("interest", MONEY), ("penalty", MONEY), ("fees", MONEY), ("instalment_unbilled", MONEY),
    ("minimum_due", MONEY), ("past_due_amount", MONEY), ("past_due_since", pa.date32()), ("cycle_day", pa.int16()),
    ("statement_date", pa.date32()), ("due_date", pa.date32()), ("last_payment_on", pa.date32()),
    ("last_payment_amount", MONEY), ("autopay", pa.bool_()), ("behaviour_score", pa.int16()),
    ("collection_score", pa.int16()), ("classification", pa.string()), ("placed_with", pa.string()),
])  # fmt: skip
PAYMENTS = pa.schema([
    ("payment_id", pa.string()), ("account_id", pa.string()), ("posted_on", pa.date32()), ("effective_on", pa.date32()),
    ("amount", MONEY), ("kind", pa.string()), ("reverses", pa.string()), ("channel", pa.string()),
    ("currency", pa.string()),  # of the account; not delivered, but it decides how the amount is written
])  # fmt: skip
SCHEMAS = {"customers": people.CUSTOMERS, "contact_points": people.CONTACT_POINTS, "accounts": ACCOUNTS, "payments": PAYMENTS}


@dataclass
class Night:
    """One evening's delivery before it has a form. Tables come in chunks, so that a big book does not fill the memory."""

    day: int
    sequence: int
    book: Book
    rows: Ids  # places of the accounts delivered
    payments: dict[str, npt.NDArray[np.int64]]
    clean: bool
    expected: dict[str, object] = field(default_factory=dict)

    @property
    def date(self) -> str:
        return str(np.datetime64(self.day, "D"))

    def tables(self, name: str) -> Iterator[pa.Table]:
        """Rows of one of the four files, in the order of their keys, at least one (maybe empty) table."""
        if name == "payments":
            return iter([_payments(self.book, self.payments)])
        if name == "accounts":
            return (_accounts(self.book, self.rows[part], clean=self.clean) for part in _chunks(len(self.rows)))
        customers = np.unique(self.book.accounts.customer[self.rows])
        make = self._customers if name == "customers" else self._contact_points
        return (make(customers[part]) for part in _chunks(len(customers)))

    def _customers(self, ids: Ids) -> pa.Table:
        mine = self.book.customers
        return people.customers(
            self.book.chance, ids, kind=mine.kind[ids], version=mine.version[ids], deceased=mine.deceased[ids], clean=self.clean
        )

    def _contact_points(self, ids: Ids) -> pa.Table:
        return people.contact_points(self.book.chance, ids, flipped=self.book.customers.flipped[ids])

    def whole_book(self) -> dict[str, dict[str, object]]:
        """The card book by currency, for entry rates: as if every account delivered stood for some that are not."""
        accounts, size = self.book.accounts, self.book.size
        shares = np.array([0.965, 0.02, 0.01, 0.005])
        limits = [accounts.limit[accounts.currency == code] for code in range(len(CURRENCIES))]
        average = [int(np.median(limit)) * 3 // 10 if len(limit) else 0 for limit in limits]
        result: dict[str, dict[str, object]] = {}
        for code, currency in enumerate(CURRENCIES):
            count = int(size * BOOK_PER_DELIVERED * shares[code]) + self.sequence * (3 - code)
            result[currency] = {"accounts": count, "balance_total": major(count * average[code], code)}
        return result


class Evenings:
    """The bank's evenings one after the other: `next()` lives through a day and says what is delivered of it."""

    def __init__(
        self, *, seed: int, accounts: int, first: int, sequence: int = 1, clean: bool = False, history: int = 7
    ) -> None:
        self.book = Book(seed, accounts, first)
        self.life = Life(self.book)
        self._sequence, self._clean, self._history = sequence, clean, history
        self._was_overdue: Bools = np.zeros(0, dtype=bool)
        self._was_delivered: Bools = np.zeros(0, dtype=bool)
        self._was_bucket: Ids = np.zeros(0, dtype=np.int64)
        self._begun = False

    def next(self, rates: Rates, reached: Mapping[str, Ids] | None = None) -> Night:
        """The next evening. `reached`: by channel, the customers contacted since the last one (`life.Life.night`)."""
        if self._begun:
            before = _digest(self.book) if rates.changed is not None else None
            payments = self.life.night(rates, reached)
            self._arrivals(rates)
            if before is not None and rates.changed is not None:
                self._post_interest(before, rates.changed)
        else:
            payments = self.life.history(self._history)
        rows = self._delivered()
        night = Night(self.book.today, self._sequence, self.book, rows, payments, self._clean)
        night.expected = self._expected(night)
        self._begun = True
        self._sequence += 1
        return night

    def _arrivals(self, rates: Rates) -> None:
        """New customers: enough that the file keeps its size, those of the bank's own who come back counted first."""
        accounts, today, size = self.book.accounts, self.book.today, self.book.size
        if rates.new is not None:
            wanted = round(rates.new * int(self._was_delivered.sum()) / 1.04)
            direct, listed = wanted // 2, wanted - wanted // 2
        else:
            watched = accounts.watched_until >= today
            back = int((watched & (accounts.cycles == 0) & (accounts.due == today + truth.LISTED_DAYS)).sum())
            again = int((~watched & (accounts.since == today - 1)).sum())
            direct = max(0, round(truth.ENTRANTS_UNLISTED_DAILY * size / 1.04) - again)
            listed = max(0, round(truth.LISTED_ARRIVALS_DAILY * size / 1.04) - back)
        self.book.arrive(np.repeat(np.array([today - 1, today + truth.LISTED_DAYS]), [direct, listed]))

    def _post_interest(self, before: npt.NDArray[np.uint64], share: float) -> None:
        """Bring the share of yesterday's accounts that change up to `share`: a day's interest is posted to some."""
        accounts, old = self.book.accounts, len(before)
        changed = _digest(self.book)[:old] != before
        was = self._was_delivered[:old]
        calm = np.flatnonzero(was & ~changed & (accounts.block[:old] < CLOSED))
        wanted = max(0, round(share * int(was.sum())) - int((changed & was).sum()))
        order = np.argsort(self.book.chance.uniform("interest posted", calm, self.book.today), kind="stable")
        rows = calm[order[:wanted]]
        accounts.interest[rows] += np.maximum(accounts.principal[rows] // 2000, 1)

    def _delivered(self) -> Ids:
        accounts, today = self.book.accounts, self.book.today
        overdue = accounts.cycles > 0
        ahead = accounts.due - today
        listed = (
            ~overdue
            & (accounts.block != CLOSED)
            & (accounts.watched_until >= today)
            & (ahead >= 0)
            & (ahead <= truth.LISTED_DAYS)
        )
        was = np.zeros(len(accounts), dtype=bool)
        was[: len(self._was_overdue)] = self._was_overdue
        return np.flatnonzero((overdue | listed | was | (accounts.kept_until >= today)) & (accounts.absent_until < today))

    def _expected(self, night: Night) -> dict[str, object]:
        """What the bank itself counts: rows, buckets, and every delivered account's movement since the evening before."""
        accounts, count = self.book.accounts, len(self.book.accounts)
        delivered = np.zeros(count, dtype=bool)
        delivered[night.rows] = True
        overdue = delivered & (accounts.cycles > 0)
        bucket = np.where(overdue, bucket_of(np.where(overdue, night.day - accounts.since, 0)), 0)
        was, was_bucket = np.zeros(count, dtype=bool), np.zeros(count, dtype=np.int64)
        was[: len(self._was_overdue)], was_bucket[: len(self._was_bucket)] = self._was_overdue, self._was_bucket
        both = overdue & was
        flow = {
            "entered": overdue & ~was, "rolled": both & (bucket > was_bucket), "improved": both & (bucket < was_bucket),
            "stayed": both & (bucket == was_bucket), "cured": was & delivered & ~overdue, "vanished": was & ~delivered,
        }  # fmt: skip
        self._was_overdue, self._was_bucket, self._was_delivered = overdue, bucket, delivered
        return {
            "business_date": night.date,
            "sequence": night.sequence,
            "accounts": len(night.rows),
            "payments": len(night.payments["number"]),
            "buckets": np.bincount(bucket[night.rows], minlength=8).tolist(),
            "flow": {name: int(those.sum()) for name, those in flow.items()},
        }


def _digest(book: Book) -> npt.NDArray[np.uint64]:
    """A number for each account that changes when a figure delivered of it does."""
    accounts = book.accounts
    days = np.where(accounts.cycles > 0, book.today - accounts.since, 0)
    total = _grade_due(days).astype(np.uint64)
    for name in (*COMPONENTS, "cycles", "since", "oldest", "open_minimum", "statement", "paid_on", "block", "agency"):
        total = total * np.uint64(0x100000001B3) + getattr(accounts, name).astype(np.uint64)
    return total


def bucket_of(days_past_due: Ids) -> Ids:
    """0 for not overdue, 1 for 1-30 days … 7 for over 180."""
    return np.minimum((days_past_due + 29) // 30, 7)


def account_id(rows: Ids) -> pa.Array:
    return pc.binary_join_element_wise("A", pc.cast(pa.array(rows + 10_000_000_000), pa.string()), "")


def major(minor: int, currency: int) -> str:
    """Money as text in the major unit: 12345 → "123.45", of yen "12345"."""
    return str(minor) if TICK[currency] == 1 else f"{minor // 100}.{minor % 100:02}"


def _accounts(book: Book, rows: Ids, *, clean: bool) -> pa.Table:
    accounts, today = book.accounts, book.today
    currency = accounts.currency[rows]
    past_due = accounts.past_due(rows)
    days = np.where(accounts.cycles[rows] > 0, today - accounts.since[rows], 0)
    paid = accounts.paid_on[rows] > NEVER
    agency = accounts.agency[rows]

    def money(amount: Ids) -> pa.Array:
        return _money(amount, currency)

    columns = [
        account_id(rows), people.customer_id(accounts.customer[rows]), _word(PRODUCTS, accounts.product[rows]),
        _word(CURRENCIES, currency), _day(accounts.opened[rows]), _word(BLOCKS, accounts.block[rows]),
        money(accounts.limit[rows]), money(accounts.balance(rows)), money(accounts.principal[rows]),
        money(accounts.interest[rows]), money(accounts.penalty[rows]), money(accounts.fees[rows]),
        money(accounts.unbilled[rows]),
        money(np.minimum(past_due + accounts.open_minimum[rows], accounts.balance(rows))), money(past_due),
        _day(accounts.since[rows], accounts.cycles[rows] > 0), pa.array(accounts.cycle_day[rows].astype(np.int16)),
        _day(accounts.statement[rows]), _day(accounts.due[rows]), _day(accounts.paid_on[rows], paid),
        pc.if_else(pa.array(paid), money(accounts.paid_amount[rows]), pa.scalar(None, MONEY)), pa.array(accounts.autopay[rows]),
        _score(accounts.behaviour[rows]), _score(accounts.collection[rows]), _grade(book, rows, days, clean=clean),
        _word((*AGENCIES, None), np.where(agency >= 0, agency, len(AGENCIES))),
    ]  # fmt: skip
    return pa.Table.from_arrays(columns, schema=ACCOUNTS)


def _grade_due(days: Ids) -> Ids:
    return np.searchsorted([1, 91, 121, 181], days, side="right")


def _grade(book: Book, rows: Ids, days: Ids, *, clean: bool) -> pa.Array:
    """The bank's five-class grade by days past due, in a few places one grade better or worse, in a few unknown."""
    grade = _grade_due(days)
    month = int(np.datetime64(book.today, "D").astype("datetime64[M]").astype(int))
    unlike = book.chance.happens("unlike grade", rows, 0.0 if clean else truth.MINOR_SHARE_OF_UNLIKE_GRADES, month)
    grade = np.where(unlike, np.where(grade == 0, 1, grade - 1), grade)
    unknown = book.chance.happens("grade unknown", rows, 0.002)
    return _word((*GRADES, None), np.where(unknown, len(GRADES), grade))


def _payments(book: Book, columns: dict[str, npt.NDArray[np.int64]]) -> pa.Table:
    account = columns["account"]
    reverses = columns["reverses"]
    arrays = [
        _payment_id(columns["number"]), account_id(account), _day(columns["posted"]), _day(columns["effective"]),
        _money(columns["amount"], book.accounts.currency[account]), _word(PAYMENT_KINDS, columns["kind"]),
        pc.if_else(pa.array(reverses >= 0), _payment_id(reverses), pa.scalar(None, pa.string())),
        _word(CHANNELS, columns["channel"]), _word(CURRENCIES, book.accounts.currency[account]),
    ]  # fmt: skip
    return pa.Table.from_arrays(arrays, schema=PAYMENTS)


def _payment_id(numbers: Ids) -> pa.Array:
    return pc.binary_join_element_wise("P", pc.cast(pa.array(numbers), pa.string()), "")


def _money(amount: Ids, currency: Ids) -> pa.Array:
    """Minor units as decimals of the major unit, without a detour through floating point."""
    cents = np.where(TICK[currency] == 1, amount * 100, amount)
    words = np.stack([cents, cents >> 63], axis=1)
    return pa.Array.from_buffers(MONEY, len(amount), [None, pa.py_buffer(np.ascontiguousarray(words))])


def _day(days: Ids, known: Bools | None = None) -> pa.Array:
    return pa.array(days.astype(np.int32), mask=None if known is None else ~known).cast(pa.date32())


def _score(score: Ids) -> pa.Array:
    return pa.array(score.astype(np.int16), mask=score == 0)


def _word(words: tuple[str | None, ...], index: Ids) -> pa.Array:
    return pa.array(words, pa.string()).take(pa.array(index.astype(np.int32)))


def _chunks(count: int) -> Iterator[slice]:
    return (slice(start, start + CHUNK) for start in range(0, max(count, 1), CHUNK))
