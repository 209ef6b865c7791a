"""`POST /api/permits`, `/api/permits/state` and `/api/contacts`: an agency asks for leave to make a contact, whether it still
stands, and reports what it made.

Knows tokens, JSON and status codes. Does not judge: `acts.dispatch` does. Never answers with personal data, and whether a customer
exists is told only to the agency her accounts are placed with.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_not_required
from django.db import OperationalError
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from psycopg.errors import LockNotAvailable

from anhuan import clock
from anhuan.acts import agency as agencies
from anhuan.acts import dispatch
from anhuan.acts import law as laws
from anhuan.acts.dispatch import Started, Unfit
from anhuan.acts.fitness import fault
from anhuan.core import gate
from anhuan.core.facts import Attempt
from anhuan.core.vocabulary import Channel, Direction, LineResult, Outcome
from anhuan.records import attempt as attempts
from anhuan.records.agency import Agency
from anhuan.records.attempt import Fault
from anhuan.rulebook.statutes import RulebookError

_LARGEST = 65_536
_ERRORS: Mapping[str, tuple[int, str, str]] = {
    "token": (401, "缺少令牌，或令牌无效。", "No token, or one that is not valid."),
    "method": (405, "只接受 POST。", "Only POST is taken."),
    "body": (422, "正文应为一个 JSON 对象，不超过 64 KiB。", "The body is one JSON object of 64 KiB at most."),
    "unfit": (422, "请求不完整，或所指不在册。", "The request is incomplete, or names what is not on file."),
    "not_placed": (403, "所列账户没有全部委托给贵机构。", "Not all of these accounts are placed with you."),
    "not_found": (
        404,
        "没有委托给贵机构的这位客户，或没有这份许可。",
        "No such customer is placed with you, or no such permit is yours.",
    ),
    "busy": (
        503,
        "该客户正有其他操作，未作判断，请稍后再试。",
        "Others are at work on this customer; nothing was judged. Ask again.",
    ),
    "rulebook": (503, "银行的规则书暂不可用，未作判断。", "The bank's rulebook cannot be read; nothing was judged."),
}
_NOT_FOUND = frozenset({"customer_unknown", "permit_unknown"})


@dataclass(frozen=True)
class _Asked:
    """A request with a valid token: whose, its JSON, and when."""

    agency: Agency
    told: Mapping[str, Any]
    at: datetime

    @property
    def by(self) -> str:
        return self.agency.actor


_View = Callable[[HttpRequest], JsonResponse]


def _for_agencies(answer: Callable[[_Asked], JsonResponse]) -> _View:
    """A view that only an agency with its token reaches, by POST, with a JSON object."""

    @login_not_required
    @csrf_exempt
    @wraps(answer)
    def view(request: HttpRequest) -> JsonResponse:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        agency = agencies.holder_of(token.strip()) if scheme.lower() == "bearer" and token.strip() else None
        if agency is None:
            return _error("token")
        if request.method != "POST":
            return _error("method")
        told = _object(request)
        if told is None:
            return _error("body")
        try:
            return answer(_Asked(agency, told, clock.now()))
        except RulebookError:
            return _error("rulebook")
        except OperationalError as failure:
            if isinstance(failure.__cause__, LockNotAvailable):
                return _error("busy")
            raise

    return view


def _object(request: HttpRequest) -> dict[str, Any] | None:
    try:
        if int(request.headers.get("Content-Length") or 0) > _LARGEST:
            return None
        told = json.loads(request.body)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def _error(code: str, faults: list[Fault] | None = None) -> JsonResponse:
    status, zh, en = _ERRORS[code]
    error: dict[str, Any] = {"code": code, "message_zh": zh, "message_en": en}
    if faults:
        error["faults"] = [each.document() for each in faults]
    response = JsonResponse({"error": error}, status=status)
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _unfit(faults: list[Fault]) -> JsonResponse:
    """Faults as an answer: not found and not placed say no more than that."""
    codes = {each.code for each in faults}
    if codes & _NOT_FOUND:
        return _error("not_found")
    return _error("not_placed") if "not_placed" in codes else _error("unfit", faults)


# --- permits ------------------------------------------------------------------------------------------------------


@_for_agencies
def permits(asked: _Asked) -> JsonResponse:
    """`{"customer", "attempt": {…}, "valid_seconds"?}` → the verdict, with `permit` and `expires_at` when it is yes."""
    told = _Fields(asked.told, {"customer", "attempt", "valid_seconds"})
    customer, attempt = told.text("customer"), told.attempt()
    seconds = told.number("valid_seconds", default=int(dispatch.SEAT.total_seconds()))
    if told.faults or attempt is None:
        return _unfit(told.faults)
    answer = dispatch.permit_for_agency(
        asked.agency, customer, attempt, law=laws.in_force(asked.at), at=asked.at, by=asked.by,
        valid_for=timedelta(seconds=seconds),
    )  # fmt: skip
    if isinstance(answer, Unfit):
        return _unfit(answer.faults)
    document = _verdict(answer.verdict, attempt.id)
    permit = answer if isinstance(answer, Started) else None
    document["permit"] = str(permit.permit_id) if permit else None
    document["expires_at"] = permit.expires_at.isoformat() if permit else None
    return JsonResponse(document)


def _verdict(verdict: gate.Verdict, attempt_id: str) -> dict[str, Any]:
    """The verdict under the id the agency itself gave the attempt."""
    return {**gate.document(verdict), "attempt": attempt_id}


@_for_agencies
def state(asked: _Asked) -> JsonResponse:
    """`{"permit"}` → until when it may be used. One that was withdrawn is asked after right before it is used."""
    told = _Fields(asked.told, {"permit"})
    permit_id = told.uuid("permit")
    if told.faults:
        return _unfit(told.faults)
    until = agencies.usable_until(asked.agency, permit_id, at=asked.at)
    return JsonResponse({"permit": str(permit_id), "usable": until is not None, "until": until and until.isoformat()})


# --- contacts -----------------------------------------------------------------------------------------------------


@_for_agencies
def contacts(asked: _Asked) -> JsonResponse:
    """What became of a permit, or a contact that had none; see `docs/agency-api.md`."""
    if "permit" in asked.told:
        return _of_permit(asked)
    return _inbound(asked) if asked.told.get("direction") == Direction.INBOUND else _without_permit(asked)


def _of_permit(asked: _Asked) -> JsonResponse:
    told = _Fields(asked.told, {"permit", "given_back", "started_at", "line_result", "outcome"})
    permit_id = told.uuid("permit")
    given_back = told.flag("given_back")
    if given_back:
        faults = told.faults or dispatch.give_back(asked.agency, permit_id, at=asked.at, by=asked.by)
        return _unfit(faults) if faults else JsonResponse({"permit": str(permit_id), "given_back": True})
    started_at, line_result, outcome = told.instant("started_at"), told.line_result(), told.outcome()
    if told.faults:
        return _unfit(told.faults)
    made = dispatch.report(
        asked.agency, permit_id, started_at=started_at, line_result=line_result, outcome=outcome,
        law=laws.in_force(started_at), at=asked.at, by=asked.by,
    )  # fmt: skip
    if isinstance(made, Unfit):
        return _unfit(made.faults)
    return JsonResponse({"contact": str(made[0]), "permit": str(permit_id), "in_time": made[1]})


def _without_permit(asked: _Asked) -> JsonResponse:
    told = _Fields(asked.told, {"customer", "attempt", "direction", "started_at", "line_result", "outcome"})
    customer, attempt, started_at = told.text("customer"), told.attempt(), told.instant("started_at")
    line_result, outcome = told.line_result(), told.outcome()
    if told.faults or attempt is None:
        return _unfit(told.faults)
    made = dispatch.record_reported(
        asked.agency, customer, attempt, started_at=started_at, line_result=line_result, outcome=outcome,
        law=laws.in_force(started_at), at=asked.at, by=asked.by,
    )  # fmt: skip
    if isinstance(made, Unfit):
        return _unfit(made.faults)
    return JsonResponse({"contact": str(made[0]), **_verdict(made[1], attempt.id)})


def _inbound(asked: _Asked) -> JsonResponse:
    told = _Fields(asked.told, {"customer", "direction", "channel", "started_at", "outcome", "debts", "point"})
    customer, channel, started_at = told.text("customer"), told.channel(), told.instant("started_at")
    outcome, debts = told.outcome(), told.texts("debts")
    point = str(told.uuid("point")) if "point" in asked.told else ""
    if told.faults:
        return _unfit(told.faults)
    made = dispatch.record_inbound_of_agency(
        asked.agency, customer, channel=channel, started_at=started_at, outcome=outcome, debts=debts, point=point, at=asked.at,
        by=asked.by,
    )  # fmt: skip
    return _unfit(made.faults) if isinstance(made, Unfit) else JsonResponse({"contact": str(made)})


# --- fields of a request ------------------------------------------------------------------------------------------


class _Fields:
    """The fields of a JSON object, read one by one; `faults` gathers what is wrong, and what is returned then is nothing."""

    def __init__(self, told: Mapping[str, Any], names: set[str]) -> None:
        self.told = told
        self.faults = [fault(name[:40], "field_unknown") for name in sorted(told.keys() - names)]

    def _read(self, name: str, reader: Callable[[Any], Any], nothing: Any, *, needed: bool = True) -> Any:
        value = self.told.get(name)
        if value is None:
            if needed:
                self.faults.append(fault(name, "field_missing"))
            return nothing
        try:
            return reader(value)
        except (ValueError, TypeError, AttributeError):
            self.faults.append(fault(name, "field_unreadable"))
            return nothing

    def text(self, name: str) -> str:
        return str(self._read(name, attempts.short_text, ""))

    def texts(self, name: str) -> list[str]:
        return list(self._read(name, lambda value: [attempts.short_text(each) for each in value], [], needed=False))

    def flag(self, name: str) -> bool:
        return self._read(name, lambda value: value is True, nothing=False, needed=False) is True

    def number(self, name: str, *, default: int) -> int:
        return int(self._read(name, _positive, default, needed=False))

    def uuid(self, name: str) -> UUID:
        found: UUID = self._read(name, UUID, UUID(int=0))
        return found

    def instant(self, name: str) -> datetime:
        found: datetime = self._read(name, _instant, clock.now())
        return found

    def channel(self) -> Channel:
        return Channel(self._read("channel", Channel, Channel.CALL))

    def line_result(self) -> LineResult | None:
        found: LineResult | None = self._read("line_result", LineResult, None, needed=False)
        return found

    def outcome(self) -> Outcome | None:
        found: Outcome | None = self._read("outcome", Outcome, None, needed=False)
        return found

    def attempt(self) -> Attempt | None:
        told = self.told.get("attempt")
        read = attempts.read(told) if isinstance(told, dict) else [fault("attempt", "field_missing")]
        if isinstance(read, Attempt):
            return read
        self.faults += read
        return None


def _positive(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError("no whole number above nil")
    return value


def _instant(value: Any) -> datetime:
    at = datetime.fromisoformat(value)
    if at.tzinfo is None or not 2000 <= at.year < 2200:
        raise ValueError("no instant with offset in the lifetime of a debt")
    return at
