"""The act of matching: what is told of payments becomes postings, each payment once, anew whenever something of its kind changes.

Knows where words of payments stand: entries, the bank's payments of its nights, and what a person has split or taken back by hand. All
words of an account, amount and currency are matched together (`core.plan.sameness`), with whatever shares a number of the bank's
with them. A posting is written as its words say now: provisional, or confirmed by the bank's payment among them; one that has no word
left, because two payments turned out to be one, is withdrawn.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import connection
from django.db.backends.utils import CursorWrapper

from anhuan.core.plan.sameness import Likeness, Word, payments
from anhuan.core.vocabulary import PaymentKind
from anhuan.records.payment import NOTICE, Payment, PaymentEntry, Posting, PostingState, Result

PERSON = "person"
"""How an account was found that a person has named."""
_BANK = "bank"


@dataclass
class Matched:
    """What changed: postings that are new, that are others now than they were, and that count no longer."""

    fresh: list[Posting] = field(default_factory=list)
    changed: list[Posting] = field(default_factory=list)
    gone: list[Posting] = field(default_factory=list)
    again: list[Posting] = field(default_factory=list)
    """Of those changed: what is to be applied to the account anew."""

    def counted(self) -> list[Posting]:
        return [each for each in self.fresh if each.state == PostingState.PROVISIONAL]


def owners(accounts: Collection[str]) -> dict[str, str]:
    """The customer of each of these accounts."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT account_id, customer_id FROM records_account WHERE account_id = ANY (%s)", [list(accounts)])
        return dict(cursor.fetchall())


def like(one: Any) -> Likeness:
    """What an entry, a posting or a payment of the bank's looks like."""
    return Likeness(one.account_id, one.currency, one.amount_minor, one.kind == PaymentKind.REVERSAL)


def word_of(payment_id: str, posting: Posting | None) -> str:
    """A word of what counts under this id (`records.payment.Paid`), for another word to be the same as."""
    if posting is None:
        return f"{_BANK}/{payment_id}"
    told = PaymentEntry.objects.filter(posting_id=posting.pk).order_by("source", "entry_id").first()
    return str(posting.pk if told is None else told.pk)


def match(
    looks: Collection[Likeness], *, names: Collection[str] = (), entries: Sequence[PaymentEntry] = (), orphaned: Collection[UUID] = (),
    at: datetime, by: str,
) -> Matched:  # fmt: skip
    """Match all words that look so or bear one of these numbers of the bank's, with `entries`, which nobody has matched before.

    Of postings that are `orphaned` an entry tells no longer. Runs in the caller's transaction, which holds payments. `entries` are told their
    posting and result.
    """
    around = _Around()
    around.postings |= around.known(orphaned)
    for entry in entries:
        around.hear(entry)
    around.look({*looks, *map(like, entries)}, {*names, *(each.payment_id for each in entries)} - {""})
    made = _Made(around, {str(each.pk) for each in entries}, at, by)
    for words in payments(around.words.values()):
        made.add(words)
    return made.kept()


# --- what is known ------------------------------------------------------------------------------------------------


@dataclass
class _Around:
    """Everything known of the payments that are matched, by the id of the word it is."""

    entries: dict[str, PaymentEntry] = field(default_factory=dict)
    by_hand: dict[str, Posting] = field(default_factory=dict)
    payments: dict[str, Payment] = field(default_factory=dict)
    postings: dict[UUID, Posting] = field(default_factory=dict)
    words: dict[str, Word] = field(default_factory=dict)

    def hear(self, entry: PaymentEntry, same_as: str = "") -> None:
        name = str(entry.pk)
        if name not in self.words:  # an entry that is matched now is not yet as it is written
            self.entries[name] = entry
            names = (entry.payment_id, entry.gateway, same_as)
            self.words[name] = Word(name, entry.source, like(entry), entry.effective_on, *names)

    def look(self, looks: set[Likeness], names: set[str]) -> None:
        """Find all words that look so or bear these numbers, and those that share a number or a look with them, and so on."""
        looked, named = set[Likeness](), set[str]()
        while looks - looked or names - named:
            asked, numbers = looks - looked, names - named
            looked, named = looked | looks, named | names
            with connection.cursor() as cursor:
                self._entries(cursor, asked, numbers)
                self._postings(cursor, asked)
                self._payments(cursor, asked, numbers)
            looks = {word.like for word in self.words.values()}
            names = {word.payment_id for word in self.words.values()} - {""}
        self.postings |= self.known({each.posting_id for each in self.entries.values() if each.posting_id})

    def known(self, ids: Iterable[UUID]) -> dict[UUID, Posting]:
        wanted = [each for each in ids if each not in self.postings]
        found = Posting.objects.filter(pk__in=wanted).exclude(state=PostingState.WITHDRAWN) if wanted else ()
        return {each.pk: each for each in found}

    def _entries(self, cursor: CursorWrapper, looks: Collection[Likeness], names: Collection[str]) -> None:
        found = _found(cursor, _ENTRIES, looks, names)
        ties: dict[UUID, str] = {}
        if any(how == PERSON for _, how in found):
            cursor.execute(_TIES, [[entry_id for entry_id, _ in found]])
            ties = dict(cursor.fetchall())
        for entry in PaymentEntry.objects.filter(pk__in=[entry_id for entry_id, _ in found]) if found else ():
            self.hear(entry, ties.get(entry.pk, ""))

    def _postings(self, cursor: CursorWrapper, looks: Collection[Likeness]) -> None:
        sources = dict(_found(cursor, _BY_HAND, looks, ()))
        self.postings |= (found := self.known(sources))
        for posting in found.values():
            name = str(posting.pk)
            self.by_hand[name] = posting
            self.words[name] = Word(name, sources[posting.pk], like(posting), posting.effective_on, by_hand=True)

    def _payments(self, cursor: CursorWrapper, looks: Collection[Likeness], names: Collection[str]) -> None:
        found = {payment_id for payment_id, _ in _found(cursor, _PAYMENTS, looks, names)} - self.payments.keys()
        for payment in Payment.objects.filter(pk__in=found) if found else ():
            self.payments[payment.pk] = payment
            self.words[f"{_BANK}/{payment.pk}"] = Word(
                f"{_BANK}/{payment.pk}", _BANK, like(payment), payment.effective_on, payment.pk
            )


def _found(cursor: CursorWrapper, query: str, looks: Collection[Likeness], names: Collection[str]) -> list[tuple[Any, Any]]:
    columns = zip(*((each.account_id, each.currency, each.amount_minor, each.reversal) for each in looks), strict=True)
    accounts, currencies, amounts, reversals = [list(column) for column in columns] or [[], [], [], []]
    asked = {"accounts": accounts, "currencies": currencies, "amounts": amounts, "reversals": reversals, "names": list(names)}
    cursor.execute(_ASKED + query, asked)
    return list(cursor.fetchall())


_ASKED = """
WITH asked AS (
    SELECT account_id COLLATE "C" AS account_id, currency, amount_minor, reversal
    FROM unnest(%(accounts)s::text[], %(currencies)s::text[], %(amounts)s::bigint[], %(reversals)s::boolean[])
         u (account_id, currency, amount_minor, reversal)
), named AS (SELECT name COLLATE "C" AS name FROM unnest(%(names)s::text[]) u (name))
"""
_ENTRIES = """
SELECT e.entry_id, e.how FROM asked a JOIN records_paymententry e USING (account_id, currency, amount_minor)
WHERE e.posting_id IS NOT NULL AND (e.kind = 'reversal') = a.reversal
UNION
SELECT e.entry_id, e.how FROM named n JOIN records_paymententry e ON e.payment_id = n.name AND e.payment_id <> ''
WHERE e.posting_id IS NOT NULL
"""
_BY_HAND = """
SELECT p.posting_id, coalesce(e.source, '') FROM asked a JOIN records_posting p USING (account_id, currency, amount_minor)
LEFT JOIN records_paymententry e ON e.entry_id = p.suspense_id
WHERE (p.suspense_id IS NOT NULL OR p.reason <> '') AND p.state <> 'withdrawn' AND (p.kind = 'reversal') = a.reversal
"""
_PAYMENTS = """
SELECT p.payment_id, '' FROM asked a JOIN records_payment p USING (account_id, currency, amount_minor)
WHERE p.kind <> 'waiver' AND (p.kind = 'reversal') = a.reversal
UNION
SELECT p.payment_id, '' FROM named n JOIN records_payment p ON p.payment_id = n.name WHERE p.kind <> 'waiver'
"""
_TIES = """
SELECT entry_id, decision ->> 'with' FROM records_suspense
WHERE entry_id = ANY (%s::uuid[]) AND state = 'merged' AND decision ? 'with'
"""


# --- what it comes to ---------------------------------------------------------------------------------------------

_CONFIRMING = ("state", "confirmed_by", "confirmed_in", "differs")
_MONEY = ("account_id", "customer_id", "amount_minor", "currency", "effective_on", "kind")
_WRITTEN = (*_MONEY, "payment_id", *_CONFIRMING)


@dataclass
class _Made:
    """The payments that were found, and the postings that stand for them."""

    around: _Around
    new: set[str]
    at: datetime
    by: str
    groups: list[list[Word]] = field(default_factory=list)

    def add(self, words: list[Word]) -> None:
        if any(word.source != _BANK for word in words):
            self.groups.append(words)

    def kept(self) -> Matched:
        """Every payment with one posting: the one its words had, where there is one; and all of it written."""
        matched, released = Matched(), list[UUID]()
        standing = self._standing()
        whose = owners({word.like.account_id for words in self.groups for word in words})
        moved: list[PaymentEntry] = []
        for words, posting in zip(self.groups, standing, strict=True):
            kept = posting or Posting(posting_id=uuid4(), posted_at=self.at, by=self.by)
            before = {name: getattr(kept, name) for name in _WRITTEN}
            self._say(kept, words, whose)
            if posting is None:
                matched.fresh.append(kept)
            elif any(getattr(kept, name) != value for name, value in before.items()):
                matched.changed.append(kept)
                released += [kept.pk] * (before["confirmed_by"] not in {None, kept.confirmed_by})
                matched.again += [kept] * _applied_anew(kept, before)
            moved += self._point(words, kept, fresh=posting is None)
        taken = {each.pk for each in standing if each is not None}
        matched.gone = [each for each in self.around.postings.values() if each.pk not in taken]
        _write(matched, released, moved)
        return matched

    def _standing(self) -> list[Posting | None]:
        """For each payment the posting that stands for it already: by hand, or the first its words had that no other has."""
        found: list[Posting | None] = [None] * len(self.groups)
        taken: set[UUID] = set()
        for ours in (True, False):
            for place, words in enumerate(self.groups):
                ids = [self.around.by_hand[word.id].pk if ours else self._told(word) for word in words if word.by_hand == ours]
                known = next((each for each in ids if each in self.around.postings and each not in taken), None)
                if found[place] is None and known is not None:
                    found[place] = self.around.postings[known]
                    taken.add(known)
        return found

    def _told(self, word: Word) -> UUID | None:
        entry = self.around.entries.get(word.id)
        return entry.posting_id if entry is not None else None

    def _say(self, posting: Posting, words: Sequence[Word], whose: dict[str, str]) -> None:
        """A posting says what its words say: the person's, else the message's, else the first file's; of its earliest day."""
        ours = [word for word in words if word.source != _BANK]
        head = min(ours, key=lambda word: (not word.by_hand, word.source != NOTICE, word.source, word.id))
        if not head.by_hand:
            posting.account_id, posting.currency, posting.amount_minor = (
                head.like.account_id,
                head.like.currency,
                head.like.amount_minor,
            )
            posting.customer_id = whose.get(head.like.account_id, posting.customer_id)
            posting.kind = self.around.entries[head.id].kind
            posting.effective_on = min(word.on for word in ours)
        posting.payment_id = next((word.payment_id for word in words if word.payment_id), "")
        bank = next((self.around.payments[word.payment_id] for word in words if word.source == _BANK), None)
        if bank is None:
            posting.state, posting.confirmed_by, posting.confirmed_in, posting.differs = (
                PostingState.PROVISIONAL.value,
                None,
                None,
                [],
            )
        else:
            posting.state, posting.confirmed_by, posting.confirmed_in = PostingState.CONFIRMED.value, bank.pk, bank.sequence
            posting.differs = differences(posting, bank)

    def _point(self, words: Sequence[Word], posting: Posting, *, fresh: bool) -> list[PaymentEntry]:
        """The entries of a payment that told of another posting before, or of none; new ones with what became of them."""
        moved = []
        counts = fresh and posting.state == PostingState.PROVISIONAL
        for entry in (self.around.entries[word.id] for word in words if word.id in self.around.entries):
            if str(entry.pk) in self.new:
                entry.result = (Result.POSTED if counts else Result.KNOWN).value
                counts = False
            if str(entry.pk) in self.new or entry.posting_id != posting.pk:
                entry.posting_id = posting.pk
                moved.append(entry)
        return moved


def _applied_anew(posting: Posting, before: dict[str, Any]) -> bool:
    """Whether a posting that counts is other money than it was, or has come to count again."""
    counts = posting.state == PostingState.PROVISIONAL
    return counts and (before["state"] != posting.state or any(getattr(posting, name) != before[name] for name in _MONEY))


def differences(posting: Posting, payment: Payment) -> list[str]:
    """What the bank says otherwise of a payment than we counted."""
    ours, theirs = like(posting), like(payment)
    said = {name: getattr(ours, name) == getattr(theirs, name) for name in ("account_id", "amount_minor", "currency")}
    said["kind"] = ours.reversal == theirs.reversal  # autopay, remittances and the like are payments as well
    return [name for name, alike in said.items() if not alike]


# --- written ------------------------------------------------------------------------------------------------------

_POSTING = ("posting_id", *_WRITTEN, "posted_at", "by")


def _write(matched: Matched, released: Sequence[UUID], moved: Sequence[PaymentEntry]) -> None:
    """All of it in a few statements, however many payments there are."""
    if released or matched.gone:
        gone = [each.pk for each in matched.gone]
        free: dict[str, Any] = {"confirmed_by": None, "confirmed_in": None, "differs": []}
        Posting.objects.filter(pk__in=released).update(state=PostingState.PROVISIONAL, **free)
        Posting.objects.filter(pk__in=gone).update(state=PostingState.WITHDRAWN, **free)
    if matched.changed:
        Posting.objects.bulk_update(matched.changed, _WRITTEN, batch_size=500)
    with connection.cursor() as cursor:
        _insert(cursor, matched.fresh)
        _settle(cursor, moved)
        if matched.gone:
            cursor.execute(_FOLLOW, [[each.pk for each in matched.gone]])
    _aim([each for each in matched.fresh if each.kind == PaymentKind.REVERSAL])


def _insert(cursor: CursorWrapper, fresh: Sequence[Posting]) -> None:
    if not fresh:
        return
    names = ", ".join(f'"{name}"' for name in (*_POSTING, "reason", "reverses_payment"))
    with cursor.copy(f"COPY records_posting ({names}) FROM STDIN") as sink:
        for each in fresh:
            sink.write_row([*(getattr(each, name) for name in _POSTING), "", ""])


def _settle(cursor: CursorWrapper, entries: Sequence[PaymentEntry]) -> None:
    """Write what became of each entry."""
    if not entries:
        return
    columns = zip(*((each.pk, str(each.result), each.posting_id, each.account_id, each.how) for each in entries), strict=True)
    cursor.execute(_SETTLED, [list(column) for column in columns])


_SETTLED = """
UPDATE records_paymententry e SET result = u.result, posting_id = u.posting_id, account_id = u.account_id, how = u.how
FROM unnest(%s::uuid[], %s::text[], %s::uuid[], %s::text[], %s::text[]) u (entry_id, result, posting_id, account_id, how)
WHERE e.entry_id = u.entry_id
"""
# What took back a posting that is none any more takes back the one its words tell of now.
_FOLLOW = """
UPDATE records_posting r SET reverses_posting = s.stands
FROM (SELECT w.posting_id, min(k.posting_id::text)::uuid AS stands FROM records_posting w
      JOIN records_posting k ON (k.account_id, k.currency, k.amount_minor, k.kind) = (w.account_id, w.currency, w.amount_minor, w.kind)
           AND k.state <> 'withdrawn'
      WHERE w.posting_id = ANY (%s::uuid[]) GROUP BY 1) s
WHERE r.reverses_posting = s.posting_id
"""


def _aim(reversals: Sequence[Posting]) -> None:
    """What each of these new reversals takes back, by the bank's number, the gateway's name or our reference of it."""
    if not reversals:
        return
    told = PaymentEntry.objects.filter(posting_id__in=[each.pk for each in reversals]).exclude(reverses="")
    names = dict(told.values_list("posting_id", "reverses"))
    found: dict[str, UUID] = {}
    for column in ("reference", "gateway", "payment_id"):
        kin = PaymentEntry.objects.filter(**{f"{column}__in": set(names.values())}, posting_id__isnull=False)
        found |= kin.exclude(kind=PaymentKind.REVERSAL).values_list(column, "posting_id")
    posted = set(Payment.objects.filter(pk__in=set(names.values()) - found.keys()).values_list("payment_id", flat=True))
    for each in reversals:
        name = names.get(each.pk, "")
        each.reverses_posting, each.reverses_payment = found.get(name), name if name in posted else ""
    Posting.objects.bulk_update(reversals, ["reverses_posting", "reverses_payment"])
