"""A call begins: the gate is asked, the contact counts, and the number is handed over in one of three ways; or she calls us.

Knows that a number is in clear only once a permit stands, and that every such look is remembered. Does not know any rule.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID, uuid4

from django.conf import settings
from django.db import IntegrityError, transaction

from anhuan.acts import desk, dispatch
from anhuan.acts import identity as looks
from anhuan.acts.call.sentences import bank_scripts, fault
from anhuan.acts.customer import held
from anhuan.acts.dispatch import Refused, Started, Unfit, telephone
from anhuan.acts.fitness import fault as unfit
from anhuan.core.facts import Attempt
from anhuan.core.law import Law
from anhuan.core.vocabulary import BANK, Channel, ContactKind, Party, Purpose
from anhuan.records import attempt as attempts
from anhuan.records import facts, identity
from anhuan.records.attempt import Fault
from anhuan.records.call import Call, Telephone, Way, open_call
from anhuan.records.case import CaseFigures
from anhuan.records.customer import ContactPoint, Customer
from anhuan.records.promise import Promise
from anhuan.records.sealing import spelled_phone

_EXTENSION = re.compile(r"[\w-]{2,20}", re.ASCII)
_REASON = "拨打电话 / dialling"
_COLLECTS = frozenset({Party.DEBTOR, Party.GUARANTOR})


@dataclass(frozen=True)
class Handed:
    """Whom to ask for, and how the number leaves the screen: in clear, as a `tel:` address, and as a token signed for the bank's dialler
    ("" without its secret).
    """

    name: str
    number: str
    tel: str
    token: str


def begin(customer_id: str, *, point_id: UUID, way: Way, law: Law, at: datetime, by: str) -> Call | Refused | list[Fault]:
    """Take a call through the door: permit, contact and call are written together, or one kept refusal.

    A softphone rings once they stand; where the exchange proves that nothing left, the contact is void and the fault says so.
    """
    faults = _not_ready(way, by)
    if faults:
        return faults
    attempt = _attempt(customer_id, point_id, at)
    if not isinstance(attempt, Attempt):
        return attempt
    try:
        with transaction.atomic():
            answer = dispatch.start(customer_id, attempt, law=law, at=at, by=by)
            if isinstance(answer, Unfit):
                return answer.faults
            if isinstance(answer, Refused):
                return answer
            call = _written(customer_id, attempt, answer, way, at=at, by=by)
            looks.reveal(customer_id, fields=["name", "phone"], reason=_REASON, points=[point_id], at=answer.verdict.at, by=by)
    except IntegrityError as failure:
        return [_clash(failure)]
    return _rung(call, answer, at=at, by=by) if way is Way.SOFTPHONE else call


def receive(
    customer_id: str, *, at: datetime, by: str, party: Party = Party.DEBTOR, person: str = "", point_id: UUID | None = None
) -> Call | list[Fault]:
    """She, or somebody for her, is on the line: a call without a permit, whose contact is recorded when it ends."""
    try:
        with held(customer_id, at=at, by=by) as customer:
            if not customer.has_case:
                return [unfit("customer", "customer_unknown")]
            call = Call.objects.create(
                call_id=uuid4(), customer_id=customer_id, way=Way.INBOUND, action_code="IN", party=party, person_id=person,
                point_id=point_id, script=_script(customer_id), opened_at=customer.at, by=by,
            )  # fmt: skip
            customer.remember("call.received", {"call": str(call.call_id), "party": party})
    except IntegrityError as failure:
        return [_clash(failure)]
    return call


def sit_at(extension: str, *, at: datetime, by: str) -> Telephone | list[Fault]:  # noqa: ARG001  every act says when
    """The extension at which `by` takes calls from now on."""
    if not _EXTENSION.fullmatch(extension):
        return [fault("extension", "extension_unfit")]
    told, _ = Telephone.objects.update_or_create(username=by, defaults={"extension": extension})
    return told


def handed(call: Call) -> Handed | None:
    """The number of an open outbound call, for whoever dials it; None where there is none."""
    point = ContactPoint.objects.filter(pk=call.point_id).first() if call.point_id else None
    if point is None or call.closed_at is not None or call.way == Way.INBOUND:
        return None
    ring = identity.keyring()
    opened = identity.open_point(point, ring=ring)
    name = identity.names(Customer.objects.filter(pk=call.customer_id), ring=ring).get(call.customer_id, "")
    if call.party == Party.GUARANTOR:
        name = opened.party_name
    spelled = spelled_phone(opened.value)
    return Handed(name, _legible(spelled), f"tel:{spelled}", _token(call, spelled))


def _legible(number: str) -> str:
    """A mobile in groups, as one reads it out; any other number as it is dialled."""
    national = number.removeprefix("+86")
    return f"{national[:3]} {national[3:7]} {national[7:]}" if len(national) == 11 and national[0] == "1" else number


def _token(call: Call, number: str) -> str:
    """What the bank's dialler takes: base64url of the JSON, a dot, and its HMAC-SHA256 in hexadecimal; see docs/the-call.md."""
    file = Path(settings.ANHUAN_HOME) / "secrets" / "dialler"
    if call.way != Way.DIALLER or not file.exists():
        return ""
    told = {"call": str(call.call_id), "contact": str(call.contact_id), "number": number, "by": call.by,
            "opened_at": call.opened_at.isoformat()}  # fmt: skip
    body = base64.urlsafe_b64encode(json.dumps(told, separators=(",", ":")).encode())
    return f"{body.decode()}.{hmac.new(file.read_bytes().strip(), body, hashlib.sha256).hexdigest()}"


def _not_ready(way: Way, by: str) -> list[Fault]:
    if open_call(by) is not None:
        return [fault("call", "call_open")]
    home = Path(settings.ANHUAN_HOME)
    if way is Way.DIALLER and not (home / "secrets" / "dialler").exists():
        return [fault("way", "way_not_set_up")]
    if way is Way.SOFTPHONE:
        if telephone.read(home) is None:
            return [fault("way", "way_not_set_up")]
        if not Telephone.objects.filter(pk=by).exists():
            return [fault("way", "extension_missing")]
    return [fault("way", "way_unknown")] if way is Way.INBOUND else []


def _attempt(customer_id: str, point_id: UUID, at: datetime) -> Attempt | list[Fault]:
    """The call as the desk makes it, to whoever the point belongs to: to collect from the debtor, else to ask where she is."""
    known = facts.known_of(customer_id, at=at)
    kind, party, person = known.points.get(str(point_id), ("", "", ""))
    if kind not in {ContactKind.MOBILE, ContactKind.PHONE}:
        return [unfit("point", "point_unknown")]
    purpose = Purpose.COLLECT if party in _COLLECTS else Purpose.LOCATE
    return attempts.read(
        {
            **desk.guaranteed(Channel.CALL, purpose), "id": f"call:{uuid4()}", "channel": Channel.CALL, "party": party,
            "purpose": purpose, "debts": desk.overdue(customer_id, known), "person": "" if party == Party.DEBTOR else person,
            "point": str(point_id), "actor": BANK,
        }
    )  # fmt: skip


def _written(customer_id: str, attempt: Attempt, started: Started, way: Way, *, at: datetime, by: str) -> Call:  # noqa: ARG001
    point_id = UUID(attempt.point)
    return Call.objects.create(
        call_id=uuid4(), customer_id=customer_id, contact_id=started.contact_id, way=way, action_code=_action(attempt, point_id),
        party=attempt.party, person_id=attempt.person, point_id=point_id, script=_script(customer_id),
        opened_at=started.verdict.at, by=by,
    )  # fmt: skip


def _action(attempt: Attempt, point_id: UUID) -> str:
    """The code of what is done, by whose point it is and where it is tied to."""
    if attempt.party not in _COLLECTS:
        return "3P"
    kind, place = ContactPoint.objects.values_list("kind", "place").get(pk=point_id)
    if kind == ContactKind.MOBILE:
        return "TM"
    return {"home": "TR", "work": "TE"}.get(place, "TO")


def _script(customer_id: str) -> str:
    bucket = CaseFigures.objects.filter(pk=customer_id).values_list("bucket", flat=True).first()
    broken = Promise.objects.filter(customer_id=customer_id).order_by("-at").values_list("state", flat=True).first() == "broken"
    return bank_scripts().choose(bucket=min(bucket or 0, 7), broken_promise=broken).name


def _clash(failure: IntegrityError) -> Fault:
    """PostgreSQL knows of another open call; any other failure is a bug."""
    if "one_open_call_a_collector" in str(failure):
        return fault("call", "call_open")
    if "one_open_call_a_customer" in str(failure):
        return fault("call", "customer_called")
    raise failure


def _rung(call: Call, started: Started, *, at: datetime, by: str) -> Call | list[Fault]:
    """Let the exchange ring the collector; a proof that nothing left gives the contact back."""
    given = handed(call)
    number = given.tel.removeprefix("tel:") if given else ""  # with the country's digits, as a robot's calls are dialled
    extension = Telephone.objects.get(pk=by).extension
    receipt = telephone.ring(Path(settings.ANHUAN_HOME), started.verdict, extension, number, str(call.call_id))
    if receipt.nothing_left:
        with transaction.atomic():
            dispatch.void(started.contact_id, proof=receipt.code, at=at, by=by)
            call.delete()
        return [
            Fault(
                "way",
                receipt.code,
                f"电话系统未能拨出（{receipt.code}）。",
                f"The exchange did not place the call ({receipt.code}).",
            )
        ]
    Call.objects.filter(pk=call.call_id).update(handed_over=receipt.code or "rung")
    return call
