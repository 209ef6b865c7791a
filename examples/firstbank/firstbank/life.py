"""What happens at the made-up bank between one evening and the next.

Payments come and are taken back, minimums fall due, statements are billed, accounts are blocked, placed, written off, sold;
new ones become late. Probabilities are those of `truth`; every draw is by account and day, so a night depends only on
the nights before it. Knows nothing of files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from . import truth
from .book import (
    AGENCIES,
    CHARGED_OFF,
    CLOSED,
    COMPONENTS,
    DECEASED,
    DISPUTE,
    FRAUD,
    FROZEN,
    LOST,
    NEVER,
    NONE,
    TICK,
    Accounts,
    Book,
    Bools,
    day_in_month,
    misses,
    month_of,
    pays_ahead,
    statement_in,
)  # fmt: skip
from .chance import Ids

PAYMENT_KINDS = ("payment", "autopay", "agency_remittance", "court_recovery", "reversal", "waiver")
PAYMENT, AUTOPAY, REMITTANCE, COURT, REVERSAL, WAIVER = range(6)
CHANNELS = (
    "mobile_bank",
    "transfer",
    "third_party_wallet",
    "counter",
    "cash_machine",
    "debit_agreement",
    "agency",
    "court",
    "bank",
)
CHANNEL_WEIGHTS = (0.46, 0.22, 0.22, 0.06, 0.04)
TRANSFER, DEBIT, BY_AGENCY, BY_COURT, BY_BANK = 1, 5, 6, 7, 8
# Order in which a payment settles what is owed: up to 90 days past due interest and charges first, from day 91 principal first.
EARLY_ORDER = (1, 3, 2, 0, 4)
LATE_ORDER = (0, 1, 3, 2, 4)


@dataclass(frozen=True)
class Rates:
    """A night made to measure: shares of yesterday's file that change, are new, or (of the overdue) are cured.

    None leaves it to the truth. `people` = share of customers and of contact points that change.
    """

    changed: float | None = None
    new: float | None = None
    cured: float | None = None
    people: float = 0.0005


@dataclass
class Ledger:
    """A night's postings, in order; numbered when the day is closed. Payment number = YYYYMMDD × 10^7 + place in the day."""

    day: int
    parts: list[dict[str, npt.NDArray[np.int64]]] = field(default_factory=list)

    def post(self, account: Ids, amount: Ids, kind: Ids | int, channel: Ids | int, **columns: Ids) -> None:
        count = len(account)
        part = {
            "account": account,
            "amount": amount,
            "kind": np.broadcast_to(kind, count),
            "channel": np.broadcast_to(channel, count),
        }
        defaults = {"effective": self.day, "reverses": -1, "returns_on": NEVER, "undo": -1}
        self.parts.append(part | {name: columns.get(name, np.full(count, value)) for name, value in defaults.items()})

    def close(self) -> dict[str, npt.NDArray[np.int64]]:
        """All postings of the day as columns, with their numbers and the day they were posted on."""
        names = ("account", "amount", "kind", "channel", "effective", "reverses", "returns_on", "undo")
        columns = {name: np.concatenate([part[name] for part in self.parts] or [np.zeros(0, dtype=np.int64)]) for name in names}
        order = np.lexsort((columns["kind"], columns["account"]))
        columns = {name: column[order] for name, column in columns.items()}
        columns["number"] = int(str(np.datetime64(self.day, "D")).replace("-", "")) * 10_000_000 + np.arange(len(order))
        columns["posted"] = np.full(len(order), self.day)
        return columns


@dataclass
class Before:
    """How accounts stood before a payment, kept for those payments that will be taken back."""

    rows: Ids
    since: Ids
    cycles: Ids
    cycles_after: Ids
    oldest: Ids
    open_minimum: Ids
    taken: npt.NDArray[np.int64]  # five components in the columns


class Life:
    """A book as it lives on. `night()` moves it one day and returns the day's postings."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self._returns: list[tuple[int, int, int, Before, int]] = []  # day, payment number, amount, state before, place in it
        self._reached: Mapping[str, Ids] = {}

    def history(self, days: int) -> dict[str, npt.NDArray[np.int64]]:
        """The payments of the last `days` days before the first night, for a first delivery."""
        accounts, today = self.book.accounts, self.book.today
        rows = np.flatnonzero((accounts.paid_on > today - days) & (accounts.paid_on <= today))
        rows = rows[np.argsort(accounts.paid_on[rows], kind="stable")]
        ledger = Ledger(today)
        automatic = accounts.autopay[rows]
        channel = np.where(automatic, DEBIT, self.book.chance.choose("channel", rows, CHANNEL_WEIGHTS))
        ledger.post(
            rows, accounts.paid_amount[rows], np.where(automatic, AUTOPAY, PAYMENT), channel, effective=accounts.paid_on[rows]
        )
        columns = ledger.close()
        columns["posted"] = columns["effective"]
        return columns

    def night(self, rates: Rates, reached: Mapping[str, Ids] | None = None) -> dict[str, npt.NDArray[np.int64]]:
        """Live through a day. `reached`: by channel, the customers who were contacted on it; they pay as `truth` says they answer."""
        self.book.today += 1
        self._reached = reached or {}
        ledger = Ledger(self.book.today)
        self._before: list[Before] = []
        self._take_back(ledger)
        self._fall_due()
        self._overdue_pay(ledger, rates)
        self._current_pay(ledger)
        self._bill()
        self._lock()
        self._place()
        self._lose_sight(ledger)
        self._people(rates)
        columns = ledger.close()
        self._remember_returns(columns)
        return columns

    # -- payments -------------------------------------------------------------------------------------------------------

    def _overdue_pay(self, ledger: Ledger, rates: Rates) -> None:
        """Payments of overdue accounts: in full, the oldest minimum, or less."""
        book, today = self.book, self.book.today
        accounts, chance = book.accounts, book.chance
        rows = np.flatnonzero((accounts.cycles > 0) & ~accounts.in_doubt & (accounts.absent_until < today))
        full, cycle, token = self._probabilities(rows)
        draw = chance.uniform("pays", rows, today)
        if rates.cured is not None:  # exactly so many cures, of those likeliest to
            wanted = round(rates.cured * len(rows))
            order = np.argsort(np.log(draw) / -np.maximum(full, 1e-9), kind="stable")
            draw = np.where(draw < full, 1.0, draw + full)
            draw[order[:wanted]] = -1.0
            cycle = np.where(accounts.cycles[rows] == 1, 0.0, cycle)
        how = np.select([draw < full, draw < full + cycle, draw < full + cycle + token], [2, 1, 0], default=-1)
        rows, how = rows[how >= 0], how[how >= 0]
        self._settle_for_less(ledger, rows[(how == 2) & self._bargains(rows)])
        pays = ~((how == 2) & self._bargains(rows))
        rows, how = rows[pays], how[pays]
        amount = self._amounts(rows, how)
        kind, channel = self._ways(rows)
        self._receive(ledger, rows, amount, kind, channel)

    def _probabilities(self, rows: Ids) -> tuple[npt.NDArray[np.float64], ...]:
        accounts, today = self.book.accounts, self.book.today
        band = truth.band_of(today - accounts.since[rows])
        date = np.datetime64(today, "D")
        weekday = (today + 3) % 7  # 1 January 1970 was a Thursday
        factor = np.full(len(rows), truth.timing(int(str(date)[-2:]), weekday))
        agency = accounts.agency[rows]
        factor *= np.where(agency >= 0, np.array(list(truth.AGENCIES.values()))[agency], 1.0)
        block = accounts.block[rows]
        factor *= np.select(
            [(block == FRAUD) | (block == DECEASED) | (block == CLOSED), block == DISPUTE], [0.0, 0.3], default=1.0
        )
        kind = accounts.kind[rows]
        for channel, customers in self._reached.items():
            answers = np.array([one.response.get(channel, 1.0) for one in truth.TYPES])[kind]
            factor *= np.where(np.isin(accounts.customer[rows], customers), answers, 1.0)
        return tuple(truth.hazards(name)[kind, band] * factor for name in ("full", "cycle", "token"))

    def _bargains(self, rows: Ids) -> Bools:
        return self.book.accounts.accelerated[rows] & self.book.chance.happens("bargain", rows, 0.4, self.book.today)

    def _amounts(self, rows: Ids, how: Ids) -> Ids:
        accounts, chance, today = self.book.accounts, self.book.chance, self.book.today
        past_due, balance = accounts.past_due(rows), accounts.balance(rows)
        tick = TICK[accounts.currency[rows]]
        generous = chance.uniform("generous", rows, today)
        whole = np.select(
            [generous < 0.75, generous < 0.92], [_up(past_due, tick), past_due + accounts.open_minimum[rows]], default=balance
        )
        oldest = _up(accounts.oldest[rows], tick)
        token = np.minimum(_up((accounts.oldest[rows] * chance.between("token", rows, 0.1, 0.7, today)).astype(np.int64), tick),
                           np.maximum(1, accounts.oldest[rows] - 1))  # fmt: skip
        return np.minimum(np.select([how == 2, how == 1], [whole, oldest], default=token), balance)

    def _ways(self, rows: Ids) -> tuple[Ids, Ids]:
        """Kind and channel of each payment."""
        accounts, chance, today = self.book.accounts, self.book.chance, self.book.today
        draw = chance.uniform("way", rows, today)
        placed, very_late = accounts.agency[rows] >= 0, accounts.accelerated[rows]
        debit = accounts.autopay[rows] & (accounts.cycles[rows] <= 1)
        kind = np.select(
            [placed & (draw < 0.35), very_late & (draw < 0.15), debit & (draw < 0.6)],
            [REMITTANCE, COURT, AUTOPAY],
            default=PAYMENT,
        )
        own = chance.choose("channel", rows, CHANNEL_WEIGHTS, today)
        return kind, np.select([kind == REMITTANCE, kind == COURT, kind == AUTOPAY], [BY_AGENCY, BY_COURT, DEBIT], default=own)

    def _receive(self, ledger: Ledger, rows: Ids, amount: Ids, kind: Ids, channel: Ids) -> None:
        """Post payments and settle them; some are effective earlier, some will be taken back."""
        book, today = self.book, self.book.today
        accounts, chance = book.accounts, book.chance
        back = (channel == TRANSFER) & chance.happens("backdated", rows, truth.BACKDATED / CHANNEL_WEIGHTS[TRANSFER], today)
        effective = today - np.where(back, 1 + chance.below("days back", rows, 3, today), 0)
        late = (accounts.cycles[rows] > 0) & (today - accounts.since[rows] <= 10)
        in_time = late & chance.happens("posted late", rows, truth.POSTED_LATE, today)
        effective = np.where(in_time, accounts.since[rows], effective)
        returns = (kind == AUTOPAY) | (kind == PAYMENT)
        returns &= chance.happens("reversed", rows, truth.REVERSED, today) & (effective == today)
        returns_on = np.where(returns, today + 1 + chance.below("reversed in", rows, 4, today), NEVER)
        state = Before(
            rows, accounts.since[rows], accounts.cycles[rows], accounts.cycles[rows], accounts.oldest[rows],
            accounts.open_minimum[rows], np.zeros((len(rows), len(COMPONENTS)), dtype=np.int64),
        )  # fmt: skip
        state.taken = settle(accounts, rows, amount, today)
        state.cycles_after = accounts.cycles[rows]
        self._cured(rows, state.cycles)
        accounts.in_doubt[rows] = returns
        accounts.paid_on[rows] = effective
        accounts.paid_amount[rows] = amount
        place = len(self._before) * 10_000_000 + np.arange(len(rows))
        self._before.append(state)
        ledger.post(rows, amount, kind, channel, effective=effective, returns_on=returns_on, undo=place)

    def _cured(self, rows: Ids, cycles_before: Ids) -> None:
        """A cured account stays in the file for some nights and is watched for three months."""
        accounts, today = self.book.accounts, self.book.today
        cured = rows[(cycles_before > 0) & (accounts.cycles[rows] == 0)]
        accounts.kept_until[cured] = today + truth.KEPT_AFTER_CURE_DAYS
        accounts.watched_until[cured] = today + 90
        accounts.agency[cured] = -1
        lifted = cured[(accounts.block[cured] == FROZEN) | (accounts.block[cured] == CHARGED_OFF)]
        accounts.block[lifted] = np.where(accounts.balance(lifted) == 0, CLOSED, NONE)

    def _settle_for_less(self, ledger: Ledger, rows: Ids) -> None:
        """Settled accounts: seven tenths paid, the rest waived, both on the same day."""
        accounts = self.book.accounts
        balance = accounts.balance(rows)
        waived = balance * 3 // 10
        before = accounts.cycles[rows]
        settle(accounts, rows, balance, self.book.today)
        self._cured(rows, before)
        accounts.paid_on[rows], accounts.paid_amount[rows] = self.book.today, balance - waived
        kind, channel = self._ways(rows)
        ledger.post(rows, balance - waived, kind, channel)
        some = waived > 0
        ledger.post(rows[some], waived[some], WAIVER, BY_BANK)

    def _current_pay(self, ledger: Ledger) -> None:
        """Ordinary payments before the due date: the minimum, more, or the whole statement."""
        accounts, chance, today = self.book.accounts, self.book.chance, self.book.today
        rows = np.flatnonzero(
            (accounts.cycles == 0) & (accounts.open_minimum > 0) & (accounts.due >= today) & ~accounts.in_doubt
        )
        pays = (accounts.due[rows] - pays_ahead(self.book.chance, accounts, rows, rows) <= today) & ~misses(
            chance, accounts, rows, rows
        )
        rows = rows[pays]
        billed = accounts.balance(rows) - accounts.unbilled[rows]
        least = accounts.open_minimum[rows]
        draw = chance.uniform("pays how much", rows, today)
        between = least + (np.maximum(billed - least, 0) * chance.between("part", rows, 0.1, 0.6, today)).astype(np.int64)
        amount = np.minimum(np.select([draw < 0.35, draw < 0.60], [least, between], default=np.maximum(billed, least)),
                            accounts.balance(rows))  # fmt: skip
        kind, channel = self._ways(rows)
        paying = amount > 0
        self._receive(ledger, rows[paying], amount[paying], kind[paying], channel[paying])

    def _take_back(self, ledger: Ledger) -> None:
        """Reversals: the account stands as if the payment had never come, minimums fallen due since then added."""
        today, accounts = self.book.today, self.book.accounts
        for _, number, amount, state, place in [one for one in self._returns if one[0] == today]:
            row = int(state.rows[place])
            for column, name in enumerate(COMPONENTS):
                getattr(accounts, name)[row] += state.taken[place, column]
            fallen_due = accounts.cycles[row] - state.cycles_after[place]
            if state.cycles[place] > 0:
                accounts.since[row], accounts.oldest[row] = state.since[place], state.oldest[place]
                accounts.cycles[row] = state.cycles[place] + max(0, fallen_due)
            elif accounts.due[row] >= today:
                accounts.open_minimum[row] = state.open_minimum[place]
            elif state.open_minimum[place] > 0:
                accounts.since[row], accounts.oldest[row], accounts.cycles[row] = (
                    accounts.due[row],
                    state.open_minimum[place],
                    1,
                )
            accounts.in_doubt[row] = False
            account = np.array([row])
            ledger.post(account, np.array([amount]), REVERSAL, BY_BANK, reverses=np.array([number]))
        self._returns = [one for one in self._returns if one[0] > today]

    def _remember_returns(self, columns: dict[str, npt.NDArray[np.int64]]) -> None:
        for place in np.flatnonzero(columns["returns_on"] > NEVER).tolist():
            part, row = divmod(int(columns["undo"][place]), 10_000_000)
            self._returns.append(
                (
                    int(columns["returns_on"][place]),
                    int(columns["number"][place]),
                    int(columns["amount"][place]),
                    self._before[part],
                    row,
                )
            )

    # -- the calendar -----------------------------------------------------------------------------------------------------

    def _fall_due(self) -> None:
        """A minimum unpaid at the end of its due date is past due; with the seventh, everything is."""
        accounts, today = self.book.accounts, self.book.today
        rows = np.flatnonzero((accounts.due == today - 1) & (accounts.open_minimum > 0) & (accounts.block < CHARGED_OFF))
        first = rows[accounts.cycles[rows] == 0]
        accounts.since[first] = accounts.due[first]
        accounts.oldest[first] = accounts.open_minimum[first]
        accounts.cycles[rows] += 1
        accounts.open_minimum[rows] = 0
        self.book.score(accounts, first, first)
        due_whole = rows[accounts.cycles[rows] >= 7]
        accounts.accelerated[due_whole] = True
        accounts.principal[due_whole] += accounts.unbilled[due_whole]
        accounts.unbilled[due_whole] = 0

    def _bill(self) -> None:
        """Statement day: instalments billed, purchases, interest, penalty, a new minimum and due date, new scores."""
        accounts, chance, today = self.book.accounts, self.book.chance, self.book.today
        day = int(day_in_month(np.array([today]))[0])
        rows = np.flatnonzero((accounts.cycle_day == day) & (accounts.block < CHARGED_OFF) & ~accounts.accelerated)
        due = accounts.cycles[rows] > 0
        instalment = np.minimum(accounts.instalment[rows], accounts.unbilled[rows])
        accounts.unbilled[rows] -= instalment
        room = np.maximum(accounts.limit[rows] - accounts.balance(rows), 0)
        buys = ~due & (accounts.block[rows] == NONE)
        bought = np.where(buys, room * chance.between("buys", rows, 0.02, 0.25, today), 0).astype(np.int64)
        accounts.principal[rows] += instalment + bought
        revolves = due | chance.happens("revolves", rows, 0.4)
        accounts.interest[rows] += np.where(revolves, accounts.principal[rows] * 15 // 1000, 0)
        accounts.penalty[rows] += np.where(due, accounts.past_due(rows) // 20, 0)
        billed = accounts.balance(rows) - accounts.unbilled[rows]
        unit = np.minimum(np.maximum(accounts.principal[rows] // 20 + instalment, 1), np.maximum(billed // 8, 1))
        accounts.unit[rows] = np.where(due, accounts.unit[rows], unit)
        accounts.open_minimum[rows] = np.where(billed > 0, np.minimum(accounts.unit[rows], billed), 0)
        accounts.statement[rows] = today
        accounts.due[rows] = today + accounts.grace[rows]
        self.book.score(accounts, rows, rows)

    # -- what the bank does -----------------------------------------------------------------------------------------------

    def _lock(self) -> None:
        """Blocks come and go; charge-off from the seventh unpaid minimum on."""
        accounts, chance, today = self.book.accounts, self.book.chance, self.book.today
        late = accounts.cycles > 0
        ends = np.flatnonzero((accounts.block_until == today) & ((accounts.block == DISPUTE) | (accounts.block == LOST)))
        accounts.block[ends] = NONE
        accounts.block[(accounts.cycles >= 2) & (accounts.block == NONE)] = FROZEN
        free = np.flatnonzero(late & (accounts.block <= FROZEN))
        disputes = free[chance.happens("disputes", free, np.where(accounts.kind[free] == 5, 0.012, 0.0001), today)]
        accounts.block[disputes] = DISPUTE
        accounts.block_until[disputes] = today + 15 + chance.below("dispute lasts", disputes, 31, today)
        calm = np.flatnonzero(accounts.block <= FROZEN)
        lost = calm[chance.happens("loses card", calm, 0.00015, today)]
        accounts.block[lost], accounts.block_until[lost] = LOST, today + 10
        calm = np.flatnonzero(accounts.block <= FROZEN)
        accounts.block[calm[chance.happens("fraud", calm, 0.00004, today)]] = FRAUD
        dies = calm[chance.happens("dies", calm, 0.00002, today)]
        self.book.customers.deceased[accounts.customer[dies]] = True
        accounts.block[dies] = DECEASED
        old = np.flatnonzero(accounts.accelerated & (accounts.block <= FROZEN) & late)
        accounts.block[old[chance.happens("charge-off", old, truth.CHARGE_OFF_DAILY, today)]] = CHARGED_OFF

    def _place(self) -> None:
        """Placement with outside agencies at random; after its term an account comes back and may go to another."""
        accounts, chance, today = self.book.accounts, self.book.chance, self.book.today
        accounts.agency[(accounts.agency_until <= today) & (accounts.agency >= 0)] = -1
        rows = np.flatnonzero((accounts.cycles > 1) & (accounts.agency < 0) & (today - accounts.since >= truth.PLACE_FROM_DAYS))
        rows = rows[chance.happens("placed", rows, truth.PLACE_DAILY, today)]
        accounts.agency[rows] = chance.below("agency", rows, len(AGENCIES), today)
        accounts.agency_until[rows] = today + truth.PLACED_FOR_DAYS

    def _lose_sight(self, ledger: Ledger) -> None:
        """Very late accounts are sold; a few others drop out of the file by mistake, half of them for good."""
        accounts, chance, today = self.book.accounts, self.book.chance, self.book.today
        rows = np.flatnonzero((accounts.cycles > 0) & (today - accounts.since >= truth.SALE_FROM_DAYS) & ~accounts.in_doubt)
        rows = rows[chance.happens("sold", rows, truth.SALE_DAILY, today)]
        balance, before = accounts.balance(rows), accounts.cycles[rows]
        settle(accounts, rows, balance, today)
        self._cured(rows, before)
        accounts.block[rows] = CLOSED
        ledger.post(rows, balance, WAIVER, BY_BANK)
        rows = np.flatnonzero((accounts.cycles > 0) & (accounts.absent_until < today))
        rows = rows[chance.happens("vanishes", rows, truth.VANISH_DAILY, today)]
        back = chance.happens("comes back", rows, 0.5, today)
        accounts.absent_until[rows] = np.where(back, today + 1 + chance.below("away", rows, 6, today), 10_000_000)

    def _people(self, rates: Rates) -> None:
        """Some customers change employer, some of their contact points turn out invalid or valid again."""
        customers, chance, today = self.book.customers, self.book.chance, self.book.today
        ids = np.arange(len(customers), dtype=np.int64)
        customers.version += chance.happens("new employer", ids, rates.people, today)
        for slot in range(10):
            turned = chance.happens(f"turns {slot}", ids, rates.people, today)
            customers.flipped[turned] ^= np.uint16(1 << slot)


def settle(accounts: Accounts, rows: Ids, amount: Ids, today: int) -> npt.NDArray[np.int64]:
    """Apply payments (never more than the balance) to what is past due and to the components; return what each took."""
    past_due, cycles, oldest = accounts.past_due(rows), accounts.cycles[rows], accounts.oldest[rows]
    unit, whole = np.maximum(accounts.unit[rows], 1), accounts.accelerated[rows]
    late = cycles > 0
    very_late = late & (today - accounts.since[rows] > 90)
    clears = late & (amount >= past_due)
    part = late & ~clears & ~whole & (amount >= oldest)
    covered = np.where(part, np.minimum(1 + (amount - oldest) // unit, np.maximum(cycles - 1, 0)), 0)
    left = unit - np.where(covered > 0, (amount - oldest) - (covered - 1) * unit, 0)
    first = month_of(np.where(late, accounts.since[rows] - accounts.grace[rows], 0)) + covered
    accounts.since[rows] = np.select(
        [clears | ~late, covered > 0],
        [np.full(len(rows), NEVER), statement_in(first, accounts.cycle_day[rows]) + accounts.grace[rows]],
        default=accounts.since[rows],
    )
    accounts.oldest[rows] = np.select(
        [clears | ~late, covered > 0, whole], [np.zeros(len(rows), dtype=np.int64), np.maximum(left, 1), oldest],
        default=np.maximum(oldest - amount, 1),
    )  # fmt: skip
    accounts.cycles[rows] = np.where(clears, 0, cycles - covered)
    accounts.accelerated[rows] &= ~clears
    spare = np.where(late, np.where(clears, amount - past_due, 0), amount)
    accounts.open_minimum[rows] = np.maximum(accounts.open_minimum[rows] - spare, 0)
    return _take(accounts, rows, amount, very_late)


def _take(accounts: Accounts, rows: Ids, amount: Ids, very_late: Bools) -> npt.NDArray[np.int64]:
    """Take `amount` from the components in the order the law and the contract give."""
    owed = np.stack([getattr(accounts, name)[rows] for name in COMPONENTS], axis=1)
    taken = np.zeros_like(owed)
    for order, those in ((EARLY_ORDER, ~very_late), (LATE_ORDER, very_late)):
        rest = np.where(those, amount, 0)
        for column in order:
            part = np.minimum(rest, owed[:, column])
            taken[:, column] += part
            rest = rest - part
    for column, name in enumerate(COMPONENTS):
        getattr(accounts, name)[rows] -= taken[:, column]
    return taken


def _up(amount: Ids, tick: Ids) -> Ids:
    return -(-amount // tick) * tick
