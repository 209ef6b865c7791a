"""`POST /hooks/receipts`, `/hooks/calls`, `/hooks/replies`, `/hooks/bounces`, `/hooks/payments`: what machines tell (`docs/webhooks.md`).

Knows the JSON of each. A batch is taken whole or not at all, and a field that cannot be read is named.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime
from email import message_from_bytes, policy
from email.utils import getaddresses
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings

from anhuan.acts import call as leading
from anhuan.acts import payment_import, receipts
from anhuan.acts.dispatch import carriers
from anhuan.channels.email import bounces
from anhuan.channels.transport import Call, Delivery, Inbound, Receipt
from anhuan.core.money import minor_digits
from anhuan.core.vocabulary import Channel, LineResult, Outcome
from anhuan.inbound.signed import Unreadable, signed

T = TypeVar("T")
_MOST = 1000


@signed("receipts")
def hear_receipts(body: bytes, at: datetime) -> dict[str, Any]:
    """`{"receipts": [{"attempt_id" or "reference", "delivery", "code", "permanent", "at"}]}`; how many were ours."""
    heard = [
        Receipt(
            attempt_id=_text(told, "attempt_id", most=200, default=""),
            delivery=_read(told, "delivery", Delivery),
            code=_text(told, "code", most=80, default=""),
            permanent=told.get("permanent") is True,
            references=(reference,) if (reference := _text(told, "reference", most=100, default="")) else (),
            at=_read(told, "at", _instant, default=None),
        )
        for told in _list(body, "receipts")
    ]
    return {"taken": receipts.settle(heard, at=at)}


@signed("calls")
def hear_calls(body: bytes, at: datetime) -> dict[str, Any]:
    """`{"calls": [{"attempt_id", "line_result", "outcome", "meant", "at"}]}`, of a dialler of the bank's; how many were ours.

    `meant`: the intent of the keys that were pressed, as `anhuan reply intent` names it. Of a call that a collector leads, named by the
    `call` or `contact` of its hand-off, the line result stands in the wrap-up that is open.
    """
    heard = [
        Receipt(
            attempt_id=_text(told, "attempt_id", most=200),
            delivery=Delivery.TAKEN,
            code=_text(told, "code", most=80, default=""),
            at=_read(told, "at", _instant, default=None),
            call=Call(
                line_result=_read(told, "line_result", LineResult),
                outcome=_read(told, "outcome", Outcome, default=None),
                meant=_text(told, "meant", most=30, default=""),
            ),
        )
        for told in _list(body, "calls")
    ]
    ours = [each for each in heard if each.call and leading.report(each.attempt_id, each.call.line_result, at=at)]
    return {"taken": len(ours) + receipts.settle([each for each in heard if each not in ours], at=at)}


@signed("replies")
def hear_replies(body: bytes, at: datetime) -> dict[str, Any]:
    """`{"replies": [{"id", "channel", "from", "to", "text", "answers", "at"}]}`; the intent proposed for each."""
    heard = [
        Inbound(
            id=_text(told, "id", most=200),
            channel=_read(told, "channel", Channel),
            sender=_text(told, "from", most=320),
            to=_text(told, "to", most=320, default=""),
            text=_text(told, "text", most=20_000),
            answers=_text(told, "answers", most=200, default=""),
            at=_read(told, "at", _instant, default=None),
        )
        for told in _list(body, "replies")
    ]
    taken = [receipts.hear(each, at=at) for each in heard]
    return {"replies": [{"intent": each.reply.intent, "acted": each.reply.acted, "new": each.new} for each in taken]}


@signed("bounces")
def hear_bounces(body: bytes, at: datetime) -> dict[str, Any]:
    """One mail as it came to the address of bounces; what was made of it for each recipient."""
    try:
        found = bounces.classify(body)
    except bounces.NotAMail:
        raise Unreadable("no mail") from None
    receipts.bounced(found, at=at, attempt_id=_attempt(body))
    return {"recipients": [{"class": each.kind, "status": each.status, "action": each.action} for each in found]}


def _attempt(body: bytes) -> str:
    """The attempt that the address a mail came back to names; "" where it names none."""
    addresses = carriers.return_addresses(Path(settings.ANHUAN_HOME))
    mail = message_from_bytes(body, policy=policy.compat32)
    to = [value for name in ("To", "Delivered-To", "X-Original-To") for value in mail.get_all(name, [])]
    found = [addresses.returned(address) for _, address in getaddresses(map(str, to))] if addresses else []
    return next(filter(None, found), "")


@signed("payments")
def hear_payments(body: bytes, at: datetime) -> dict[str, Any]:
    """`{"payments": [{"payment_id", "account_id", "amount_minor", "currency", "effective_on", "reference", "reverses"}]}`; what they stopped.

    `reference`: the gateway's own name for it. With `reverses` (a payment_id or a gateway's name) it is the reversal of that one.
    """
    notices = [
        payment_import.Notice(
            payment_id=_text(told, "payment_id", most=64),
            account_id=_text(told, "account_id", most=32),
            amount_minor=_read(told, "amount_minor", _amount),
            currency=_read(told, "currency", _currency),
            effective_on=_read(told, "effective_on", date.fromisoformat),
            reference=_text(told, "reference", most=140, default=""),
            reverses=(reverses := _text(told, "reverses", most=140, default="")),
            kind="reversal" if reverses else "payment",
        )
        for told in _list(body, "payments")
    ]
    return payment_import.announce(notices, at=at, by="system:payments")


# --- reading ------------------------------------------------------------------------------------------------------


def _list(body: bytes, name: str) -> list[Mapping[str, Any]]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        raise Unreadable("no JSON") from None
    found = told.get(name) if isinstance(told, dict) else None
    if not isinstance(found, list) or len(found) > _MOST or not all(isinstance(each, dict) for each in found):
        raise Unreadable(f"{name} is a list of at most {_MOST} objects")
    return found


def _text(told: Mapping[str, Any], name: str, *, most: int, default: str | None = None) -> str:
    value = told.get(name, default)
    if not isinstance(value, str) or len(value) > most or (default is None and not value):
        raise Unreadable(f"{name} is a text of at most {most} signs")
    return value


_MISSING: Any = object()


def _read(told: Mapping[str, Any], name: str, reader: Callable[[Any], T], default: Any = _MISSING) -> T:
    if told.get(name) is None and default is not _MISSING:
        value: T = default
        return value
    try:
        return reader(told.get(name))
    except (ValueError, TypeError, KeyError, AttributeError):
        raise Unreadable(f"{name} cannot be read") from None


def _instant(value: Any) -> datetime:
    instant = datetime.fromisoformat(value)
    if instant.tzinfo is None:
        raise ValueError("no offset")
    return instant


def _amount(value: Any) -> int:
    if type(value) is not int or not 0 < value < 1 << 53:
        raise ValueError("no amount")
    return value


def _currency(value: Any) -> str:
    minor_digits(value)
    return str(value)
