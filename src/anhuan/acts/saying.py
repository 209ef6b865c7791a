"""What a message of the outbox says, to whom it goes, and what saying so makes true of the attempt.

Knows the values wordings ask for, where they stand in the records, and which language a customer reads. Does not know any wording
(`rulebook.letters` fills it, strictly) nor any rule: what it hands on is an attempt, and the gate judges that.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any

from django.utils import timezone

from anhuan.acts import proposal
from anhuan.channels.transport import Message
from anhuan.core.facts import Attempt
from anhuan.core.law import Law
from anhuan.core.vocabulary import Channel
from anhuan.records import identity
from anhuan.records.account import Account
from anhuan.records.attempt import Fault
from anhuan.records.circumstance import PointFinding, PointFindingKind
from anhuan.records.customer import ContactPoint, Customer
from anhuan.records.facts import Known
from anhuan.records.outbox import Campaign
from anhuan.records.promise import Promise
from anhuan.records.sealing import Keyring
from anhuan.records.strategy import Proposal
from anhuan.records.wording import WordingVersion, live_on
from anhuan.rulebook import letters
from anhuan.rulebook.letters import Amount
from anhuan.rulebook.letters.shape import LANGUAGES

REPLY_WITHIN = timedelta(days=15)
"""How long a letter gives to answer."""


@dataclass(frozen=True)
class Draft:
    """What would be said to whom, as the attempt the gate is asked about."""

    attempt: Attempt
    message: Message


@dataclass(frozen=True)
class About:
    """What a wording may tell a customer of."""

    name: str
    overdue: tuple[Account, ...]
    account: Account
    promise: Promise | None
    on: date

    @property
    def accounts(self) -> tuple[Account, ...]:
        """Those it is about: what is overdue; else the one a decision was made on."""
        return self.overdue or (self.account,)

    def sum(self, column: str) -> tuple[Amount, ...] | None:
        """What they come to, each currency for itself: amounts of two are never added. That of the account decided on comes first.

        None where they come to nothing: nobody is reminded of 0.00.
        """
        totals = {self.account.currency: 0}
        for each in self.accounts:
            totals[each.currency] = totals.get(each.currency, 0) + (getattr(each, column) or 0)
        return tuple(Amount(minor, currency) for currency, minor in totals.items() if minor) or None


def _tail(account_id: str) -> str:
    """Four digits a customer may know an account by: the last of its token, for the bank delivers no card number."""
    return "".join(sign for sign in account_id if sign.isdigit())[-4:].rjust(4, "0")


def _rows(about: About) -> list[dict[str, Any]]:
    return [
        {
            "tail": _tail(each.account_id), "balance": Amount(each.balance_total_minor, each.currency),
            "past_due": Amount(each.past_due_amount_minor, each.currency), "days": each.days_past_due,
        }
        for each in about.accounts
    ]  # fmt: skip


_VALUES: Mapping[str, Callable[[About], Any]] = MappingProxyType(
    {
        "name": lambda about: about.name,
        "tail": lambda about: _tail(about.account.account_id),
        "past_due": lambda about: about.sum("past_due_amount_minor"),
        "balance": lambda about: about.sum("balance_total_minor"),
        "minimum": lambda about: about.sum("minimum_due_minor"),
        "statement": lambda about: about.sum("balance_total_minor"),
        "debit": lambda about: about.sum("minimum_due_minor"),
        "days": lambda about: max(each.days_past_due for each in about.accounts),
        "due_on": lambda about: about.account.past_due_since or about.account.due_date,
        "as_of": lambda about: about.account.as_of,
        "reply_by": lambda about: about.on + REPLY_WITHIN,
        "accounts": _rows,
        "promised": lambda about: about.promise and Amount(about.promise.amount_minor, about.promise.currency),
        "promised_on": lambda about: about.promise and about.promise.due_on,
    }
)
"""What is known of a customer under the names wordings use. One that is not here, or comes to nothing, keeps a message from leaving."""


def speaker(campaign: Campaign, customers: Collection[str], *, law: Law, at: datetime) -> Speaker:
    """Whoever speaks for a campaign to these customers, with what it takes read at once."""
    ring, on = identity.keyring(), timezone.localtime(at).date()
    people = {each.customer_id: each for each in Customer.objects.filter(pk__in=customers)}
    accounts: dict[str, list[Account]] = {}
    for account in Account.objects.filter(customer_id__in=customers).order_by("-past_due_amount_minor", "account_id"):
        accounts.setdefault(account.customer_id, []).append(account)
    points = {str(each.point_id): each for each in ContactPoint.objects.filter(customer_id__in=customers, absent_since=None)}
    invalid = (point for point, each in points.items() if each.valid is False)
    wanted = Proposal.objects.filter(business_date=campaign.business_date, customer_id__in=customers)
    dead = PointFinding.objects.filter(customer_id__in=customers, kind=PointFindingKind.UNREACHABLE)
    kept = Promise.objects.filter(customer_id__in=customers, state="open").order_by("-due_on")
    return Speaker(
        campaign=campaign,
        on=on,
        people=people,
        names=identity.names(people.values(), ring=ring),
        accounts=accounts,
        decided_on=dict(wanted.values_list("customer_id", "account_id")),
        promises={each.customer_id: each for each in kept},
        points=points,
        avoid=frozenset({*map(str, dead.values_list("point_id", flat=True)), *invalid}),
        wordings=_wordings(campaign, law, on),
        ring=ring,
    )


def _wordings(campaign: Campaign, law: Law, on: date) -> dict[str, list[WordingVersion]]:
    """By language, the versions in force under the packs of the law, in their order."""
    found: dict[str, list[WordingVersion]] = {}
    for language in LANGUAGES:
        for pack in law.packs:
            version = live_on(on, jurisdiction=pack, name=campaign.wording, channel=campaign.channel, language=language)
            if version is not None:
                found.setdefault(language, []).append(version)
    return found


@dataclass(frozen=True)
class Speaker:
    """Speaks for one campaign; see `speaker`."""

    campaign: Campaign
    on: date
    people: Mapping[str, Customer]
    names: Mapping[str, str]
    accounts: Mapping[str, list[Account]]
    decided_on: Mapping[str, str]
    promises: Mapping[str, Promise]
    points: Mapping[str, ContactPoint]
    avoid: frozenset[str]
    wordings: Mapping[str, list[WordingVersion]]
    ring: Keyring

    def draft(self, customer_id: str, known: Known) -> Draft | Fault:
        """What would be said to her, or why nothing can be."""
        mine = self.accounts.get(customer_id, [])
        overdue = [each for each in mine if each.bucket > 0]
        decided_on = self.decided_on.get(customer_id, "")
        attempt = proposal.as_attempt(
            self.campaign.channel,
            [each.account_id for each in overdue],
            decided_on,
            known.facts,
            avoid=self.avoid,
            machine=True,
        )
        point = self.points.get(attempt.point)
        if point is None:
            return _UNSAID["no_address"]
        account = next((each for each in (*overdue, *mine) if each.account_id == decided_on), next(iter(overdue or mine), None))
        if account is None:
            return _UNSAID["nothing_owed"]
        about = About(self.names.get(customer_id, ""), tuple(overdue), account, self.promises.get(customer_id), self.on)
        filled = self._filled(self.people[customer_id].language, about)
        if isinstance(filled, Fault):
            return filled
        said = letters.attributes(filled.wording) | {"purpose": filled.wording.purpose}
        return Draft(replace(attempt, **said), _message(filled, identity.open_point(point, ring=self.ring).value, about))

    def answer(self, debts: Sequence[str], said: Mapping[str, Any], known: Known) -> Draft | Fault:
        """What somebody has worded already, in a wording that is in force still; or why it cannot be sent."""
        version = next(iter(self.wordings.get(said["lang"], ())), None)
        if version is None:
            return _UNSAID["no_wording"]
        attempt = proposal.as_attempt(self.campaign.channel, debts, debts[0], known.facts, avoid=self.avoid)
        point = self.points.get(attempt.point)
        if point is None:
            return _UNSAID["no_address"]
        to = identity.open_point(point, ring=self.ring).value
        attributes = letters.attributes(version.wording) | {"purpose": version.wording.purpose}
        message = Message(to=to, text=said["text"], lang=said["lang"], subject=said["subject"], details=said["details"])
        return Draft(replace(attempt, **attributes), message)

    def _filled(self, reads: str, about: About) -> letters.Filled | Fault:
        """The wording in force, in her language if it stands in that, else in another."""
        hers = "zh" if reads.lower().startswith("zh") else "en"
        faults: list[letters.Fault] = []
        for language in sorted(self.wordings, key=lambda language: language != hers):
            for version in self.wordings[language]:
                told = {name: _VALUES[name](about) for name in version.wording.values if name in _VALUES}
                filled = letters.ready(version.wording, {name: value for name, value in told.items() if value is not None})
                if isinstance(filled, letters.Filled):
                    return filled
                faults += filled
        return Fault(faults[0].where, faults[0].code, faults[0].zh, faults[0].en) if faults else _UNSAID["no_wording"]


def _message(filled: letters.Filled, to: str, about: About) -> Message:
    parts = filled.parts
    return Message(
        to=to,
        text=parts.get("text") or "\n\n".join(parts.values()),
        lang=filled.wording.language,
        subject=parts.get("subject") or parts.get("title") or "",
        html=parts.get("html", ""),
        details={"name": about.name, "tail": _tail(about.account.account_id)} | (
            dict(parts) if filled.wording.channel is Channel.CALL else {}
        ),
    )  # fmt: skip


_UNSAID = {
    "no_address": Fault("point", "no_address", "没有可用的联系方式。", "There is no address in use to send it to."),
    "nothing_owed": Fault("debts", "nothing_owed", "没有可告知的账户。", "There is no account to tell of."),
    "no_wording": Fault("wording", "no_wording", "没有启用中的文本。", "No wording for it is in force."),
}
