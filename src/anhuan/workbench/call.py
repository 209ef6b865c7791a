"""The call: one screen from the permit to the wrap-up, worked by keyboard.

Knows how a call is drawn at each of its stages. Until the identity check is passed this page is given no figure and no word of debt, so
that none can be read out by mistake. Does not know what may be said or done: scripts, codes and acts do.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HttpResponseClientRedirect

from anhuan import clock
from anhuan.acts import call as calls
from anhuan.acts import law as laws
from anhuan.acts import note as notes
from anhuan.acts.call import Disposition
from anhuan.acts.call.sentences import bank_scripts
from anhuan.acts.dispatch import Refused, telephone
from anhuan.core import gate as judging
from anhuan.core.vocabulary import Party
from anhuan.records import access, identity
from anhuan.records.account import Account
from anhuan.records.attempt import Fault
from anhuan.records.call import Call, Telephone, Unsaid, Way, open_call
from anhuan.records.note import KeptFor
from anhuan.records.promise import Promise
from anhuan.records.staff import Right
from anhuan.rulebook import book, codes, queues, scripts
from anhuan.rulebook.codes import Other, Result
from anhuan.workbench import figures
from anhuan.workbench.frame import page, reader, viewed
from anhuan.workbench.gate import opens

_OWES = frozenset({Party.DEBTOR, Party.GUARANTOR})


# --- it begins ----------------------------------------------------------------------------------------------------


@page
@require_POST
def begin(request: HttpRequest, case_id: str) -> HttpResponse:
    """Ask the gate for a call to one point, and go to it; or say which clause refuses it, and from when it would be permitted."""
    _may_work(request, case_id)
    try:
        point, way = UUID(request.POST.get("point", "")), Way(request.POST.get("way", Way.BY_HAND))
    except ValueError as wrong:
        raise Http404 from wrong
    now = clock.now()
    law = laws.in_force(now)
    answer = calls.begin(case_id, point_id=point, way=way, law=law, at=now, by=reader(request).get_username())
    if isinstance(answer, Call):
        return _go(request, "call", answer.call_id)
    if isinstance(answer, Refused):
        told = judging.document(answer.verdict)
        reopens = answer.verdict.not_before
        return _refused(request, case_id, reasons=told["reasons"], opens=opens(reopens, now))
    return _refused(request, case_id, faults=answer)


@page
@require_POST
def receive(request: HttpRequest, case_id: str) -> HttpResponse:
    """She is on the line: a call without a permit."""
    _may_work(request, case_id)
    answer = calls.receive(case_id, at=clock.now(), by=reader(request).get_username())
    return _go(request, "call", answer.call_id) if isinstance(answer, Call) else _refused(request, case_id, faults=answer)


@page
@require_POST
def sit_at(request: HttpRequest) -> HttpResponse:
    """Keep the extension the softphone rings."""
    if not reader(request).may(Right.WORK):
        raise PermissionDenied
    extension = request.POST.get("extension", "").strip()
    answer = calls.sit_at(extension, at=clock.now(), by=reader(request).get_username())
    faults = answer if isinstance(answer, list) else []
    return render(
        request, "workbench/_call_extension.html", {"faults": faults, "extension": extension}, status=422 if faults else 200
    )


@page
@require_GET
def under_way(request: HttpRequest) -> HttpResponse:
    """Back to the call that is open, from wherever one is; to the cases where there is none."""
    found = open_call(reader(request).get_username())
    return redirect("call", found.call_id) if found else redirect("cases")


def ways(by: str, home: Any) -> list[dict[str, Any]]:
    """The ways to dial on this installation, the one to be taken first: those that are set up, and by hand always."""
    told: list[dict[str, Any]] = []
    if telephone.read(home) is not None:
        told.append({"way": Way.SOFTPHONE, "ready": Telephone.objects.filter(pk=by).exists()})
    if (home / "secrets" / "dialler").exists():
        told.append({"way": Way.DIALLER, "ready": True})
    return [*told, {"way": Way.BY_HAND, "ready": True}]


def _refused(request: HttpRequest, case_id: str, **told: Any) -> HttpResponse:
    part = request.htmx  # type: ignore[attr-defined]
    template = "workbench/_call_refused.html" if part else "workbench/call_refused.html"
    return render(request, template, {"case_id": case_id, **told}, status=422)


def _go(request: HttpRequest, name: str, *args: Any) -> HttpResponse:
    there = redirect(name, *args)
    return HttpResponseClientRedirect(there.url) if request.htmx else there  # type: ignore[attr-defined]


def _may_work(request: HttpRequest, case_id: str) -> None:
    if not reader(request).may(Right.WORK):
        raise PermissionDenied
    if not access.may_see_case(reader(request), case_id):
        raise Http404


# --- it is led ----------------------------------------------------------------------------------------------------


@page
@require_GET
def call(request: HttpRequest, call_id: UUID) -> HttpResponse:
    """The screen of a call; of one that is wrapped up, what it came to."""
    found = _found(request, call_id)
    viewed(request, [found.customer_id], clear=found.closed_at is None and found.way != Way.INBOUND, reason="call")
    return render(request, "workbench/call.html", _context(request, found))


@page
@require_POST
@sensitive_post_parameters()
def check(request: HttpRequest, call_id: UUID) -> HttpResponse:
    """Compare what the person answered; the whole screen comes back, with figures only where it was enough."""
    found = _led(request, call_id)
    answers = {each.id: request.POST.get(f"answer-{each.id}", "")[:100] for each in calls.asked(found)}
    answer = calls.check_identity(call_id, answers, at=clock.now(), by=reader(request).get_username())
    found.refresh_from_db()
    viewed(request, [found.customer_id], clear=found.way != Way.INBOUND, reason="call")
    told = {"check_faults": answer} if isinstance(answer, list) else {"checked": answer}
    return render(request, "workbench/_call.html", _context(request, found) | told)


@page
@require_GET
def line(request: HttpRequest, call_id: UUID) -> HttpResponse:
    """How the exchange says the line ended; the page asks until it has."""
    found = _led(request, call_id)
    told = calls.ended(found, home=Path(settings.ANHUAN_HOME), at=clock.now())
    context = {"call": found, "line": told, "quiet": told == calls.NOT_PICKED_UP}
    # 286 tells htmx to ask no more.
    return render(request, "workbench/_call_line.html", context, status=286 if told else 200)


@page
@require_POST
@sensitive_post_parameters("note")
def draft(request: HttpRequest, call_id: UUID) -> HttpResponse:
    """Keep what stands in the form; the answer is when, or why not."""
    found = _led(request, call_id)
    now = clock.now()
    faults = calls.keep_draft(
        call_id, ticked=request.POST.getlist("said"), draft=_drafted(request.POST), note=request.POST.get("note", ""), at=now,
        by=reader(request).get_username(),
    )  # fmt: skip
    viewed(request, [found.customer_id])
    return render(request, "workbench/_call_saved.html", {"faults": faults, "at": now}, status=422 if faults else 200)


@page
@require_POST
@sensitive_post_parameters("note")
def screen(request: HttpRequest, call_id: UUID) -> HttpResponse:
    """What stands against the note as it is written so far, with the words it is about."""
    found = _led(request, call_id)
    text = request.POST.get("note", "")[: notes.LONGEST]
    viewed(request, [found.customer_id])
    return render(request, "workbench/_note_findings.html", against(found.customer_id, text, request.POST.get("kept_for", "")))


@page
@require_GET
def result(request: HttpRequest, call_id: UUID) -> HttpResponse:
    """What a result asks for: the line and party it goes with, the fields it forces, filled in, and the step it proposes."""
    found = _led(request, call_id)
    chosen = codes.book().results.get(request.GET.get("other") or request.GET.get("result", ""))
    viewed(request, [found.customer_id])
    if chosen is None:
        return HttpResponse("")
    return render(request, "workbench/_call_result.html", _chosen(found, chosen, {}))


@page
@require_POST
@sensitive_post_parameters("note")
def finish(request: HttpRequest, call_id: UUID) -> HttpResponse:
    """Wrap the call up; what is against it comes back in place, field by field."""
    found = _led(request, call_id)
    now = clock.now()
    told = _disposition(found, request.POST)
    answer = calls.finish(call_id, told, law=laws.in_force(now), at=now, by=reader(request).get_username())
    viewed(request, [found.customer_id])
    if isinstance(answer, list):
        return render(request, "workbench/_call_faults.html", _against(answer, told), status=422)
    if answer.unset is not None:
        request.session["call_unset"] = {"zh": answer.unset.zh, "en": answer.unset.en}
    return _go(request, "call", call_id)


def _against(faults: list[Fault], told: Disposition) -> dict[str, Any]:
    """What is against a wrap-up; each statement that was not made with the reason chosen so far."""
    missing = {each.field.removeprefix("said-"): "" for each in faults if each.code == "statement_unsaid"}
    left_out = {each: why for each, why in told.left_out.items() if why and each not in (told.ticked or ())}
    return {
        "faults": [each for each in faults if each.code != "statement_unsaid"],
        "missing": list((missing | left_out).items()), "reasons": [each.value for each in Unsaid],
    }  # fmt: skip


def _led(request: HttpRequest, call_id: UUID) -> Call:
    """A call of hers to work on."""
    if not reader(request).may(Right.WORK):
        raise PermissionDenied
    return _found(request, call_id)


def _found(request: HttpRequest, call_id: UUID) -> Call:
    """A call this reader may see: her own to work on, a closed one of a case she may see; and what her own came to.

    A wrap-up may hand the case to others; she who led the call still reads what she said of it, which holds nothing of the customer.
    """
    found = Call.objects.filter(pk=call_id).first()
    if found is None:
        raise Http404
    led = found.closed_at is not None and found.by == reader(request).get_username()
    if not led and not access.may_see_case(reader(request), found.customer_id):
        raise Http404
    if found.closed_at is None and found.by != reader(request).get_username():
        raise PermissionDenied
    return found


# --- what the screen is given -------------------------------------------------------------------------------------


def _context(request: HttpRequest, call: Call) -> dict[str, Any]:
    told: dict[str, Any] = {"call": call, "closed": call.closed_at is not None}
    if call.closed_at is not None:
        return told | _closed(request, call)
    known = codes.book()
    third = call.party not in _OWES
    handed = calls.handed(call)
    bank = bank_scripts()
    script = next((each for each in bank.scripts if each.name == call.script), None) or scripts.load().scripts[0]
    values = _values(call, handed.name if handed else "")
    liable = call.party == Party.GUARANTOR
    part = "third" if third else "unverified" if not call.verified else "liable" if liable else "verified"
    offered = codes.offered(verified=call.verified)
    draft = call.draft
    told |= {
        "third": third, "liable": liable, "handed": handed, "script": script, "part": part, "steps": _spoken(getattr(script, part), values),
        "statements": _spoken_statements(bank.due(*calls.points_of(call)), values), "ticked": set(call.ticked),
        "objections": script.objections if call.verified and not liable else (), "forbidden": scripts.forbidden(),
        "common": [each for each in known.common if each in offered], "others": [each for each in offered if not each.digit],
        "note": calls.drafted(call), "draft": draft, "kept_for": [each.value for each in KeptFor],
        "person": identity.masked(call.customer_id),
        "chosen_part": _chosen(call, known.results[draft["result"]], draft) if draft.get("result") in known.results else None,
    }  # fmt: skip
    if told["note"]:
        told |= against(call.customer_id, told["note"], draft.get("kept_for", ""))
    if not third and not call.verified:
        rule = bank.identity
        told |= {"questions": calls.asked(call), "needed": calls.needed(call), "left": max(rule.tries - len(call.checks), 0)}
    return told | (_figures(call) if call.verified else {})


def _closed(request: HttpRequest, call: Call) -> dict[str, Any]:
    known = codes.book()
    return {
        "outcome": [known.lines.get(call.line_code), known.parties.get(call.party_code), known.results.get(call.result_code)],
        "unset": request.session.pop("call_unset", None),
        "work_next": reverse("work_next") if reader(request).may(Right.WORK) else "",
        "sees": access.may_see_case(reader(request), call.customer_id),
    }


def _values(call: Call, name: str) -> dict[str, str]:
    """What a script may say; figures only once the identity was checked."""
    told = {
        "name": name or (person.name if (person := identity.masked(call.customer_id)) else ""),
        "agent": call.by,
        "bank": our_bank(),
    }
    if not call.verified:
        return told
    accounts = _overdue(call.customer_id)
    promise = Promise.objects.filter(customer_id=call.customer_id).order_by("-at").first()
    if accounts:
        worst = accounts[0]
        told |= {
            "tail": worst.account_id[-4:], "days": str(worst.days_past_due),
            "past_due": _money(worst.past_due_amount_minor, worst.currency),
        }  # fmt: skip
    # A guarantor is told what is overdue of what she answers for, and nothing else of the customer (the stricter reading).
    if call.party == Party.GUARANTOR:
        return told
    if accounts:
        told |= {
            "minimum": _money(worst.minimum_due_minor or worst.past_due_amount_minor, worst.currency),
            "balance": _money(worst.balance_total_minor, worst.currency),
        }  # fmt: skip
    if promise is not None:
        told["promise"] = f"{_money(promise.amount_minor, promise.currency)} · {promise.due_on.isoformat()}"
    return told


def our_bank() -> str:
    """The name the bank goes by in what is said for it."""
    file = settings.ANHUAN_HOME / "house.yaml"
    name = book.read_house(file).bank if file.exists() else ""
    return name or _("our bank")


def _money(minor: int, currency: str) -> str:
    return f"{currency} {figures.money(minor, currency)}"


def _figures(call: Call) -> dict[str, Any]:
    return {"accounts": _overdue(call.customer_id)}


def _overdue(customer_id: str) -> list[Account]:
    found = Account.objects.filter(customer_id=customer_id, bucket__gt=0).exclude(presence="missing")
    return list(found.order_by("-past_due_amount_minor", "account_id"))


def _spoken(steps: tuple[scripts.Told, ...], values: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(each.id, scripts.spoken(each.zh if _chinese() else each.en, values)) for each in steps]


def _spoken_statements(due: list[scripts.Statement], values: Mapping[str, str]) -> list[tuple[scripts.Statement, str]]:
    return [(each, scripts.spoken(each.zh if _chinese() else each.en, values)) for each in due]


def _chinese() -> bool:
    return (get_language() or "").startswith("zh")


def against(customer_id: str, text: str, kept_for: str) -> dict[str, Any]:
    found = notes.screened(customer_id, text) if text.strip() else []
    return {
        "findings": [(each, text[each.start : each.end]) for each in found],
        "must_change": any(each.must_change for each in found), "kept_for": [each.value for each in KeptFor], "kept": kept_for,
    }  # fmt: skip


# --- the wrap-up --------------------------------------------------------------------------------------------------


def _chosen(call: Call, chosen: Result, given: Mapping[str, str]) -> dict[str, Any]:
    """The part of the form that belongs to a result, with what is given already in place of the defaults."""
    known, now = codes.book(), clock.now()
    filled = calls.defaults(call, chosen, now)
    stated = {name: given.get(name) or value for name, value in filled.items()}
    line, party = _usual(call, chosen, given)
    step = calls.proposed(chosen.next, _as_read(stated), now)
    at = timezone.localtime(step["at"]).strftime("%Y-%m-%dT%H:%M") if "at" in step else ""
    return {
        "call": call, "chosen": chosen, "line": line, "party": party,
        "lines": [known.lines[code] for code in known.lines if code in chosen.lines],
        "parties": _parties(call, chosen),
        "forced": [(field, stated[field.name]) for field in chosen.forces],
        "accounts": _overdue(call.customer_id) if call.verified else [],
        "step": step | {"at": given.get("next_at") or at}, "queues": list(queues.read(settings.ANHUAN_HOME).values()),
        "unsaid": calls.unsaid(call, chosen),
    }  # fmt: skip


def _parties(call: Call, chosen: Result) -> list[Other]:
    """Who it may have been: the customer only once she herself was checked."""
    found = [each for each in codes.book().parties.values() if each.code in chosen.parties]
    return [each for each in found if each.code != "RPC" or (call.verified and call.party == Party.DEBTOR)]


def _usual(call: Call, chosen: Result, given: Mapping[str, str]) -> tuple[str, str]:
    """The line and party a result goes with when nobody says otherwise."""
    reported = call.draft.get("reported", "")
    usual = chosen.line if chosen.line in chosen.lines else min(chosen.lines)
    line = given.get("line") or (reported if reported in chosen.lines else usual)
    fitting = [each.code for each in _parties(call, chosen)]
    hers = next(
        (each.code for each in codes.book().parties.values() if each.party == call.party and call.party != Party.DEBTOR), ""
    )
    herself = call.verified and call.party == Party.DEBTOR
    wanted = [given.get("party", ""), "RPC" if herself else hers, hers, "UNK", chosen.party, "NOB"]
    return line, next((code for code in wanted if code in fitting), fitting[0] if fitting else chosen.party)


def _as_read(stated: Mapping[str, str]) -> dict[str, Any]:
    """Dates and times of a form that a next step may be counted from."""
    read: dict[str, Any] = {}
    for name, text in stated.items():
        try:
            read[name] = (
                timezone.make_aware(datetime.fromisoformat(text)) if "T" in text else datetime.fromisoformat(text).date()
            )
        except ValueError:
            continue
    return read


def _disposition(call: Call, posted: Any) -> Disposition:
    code = posted.get("other") or posted.get("result", "")
    chosen = codes.book().results.get(code)
    line, party = _usual(call, chosen, posted) if chosen else (posted.get("line", ""), posted.get("party", ""))
    fields = {field.name: posted.get(field.name, "") for field in chosen.forces} if chosen else {}
    kept_for, rest = posted.get("kept_for", ""), posted.get("unsaid-rest", "")
    named = {each.id: posted.get(f"unsaid-{each.id}") or rest for each in bank_scripts().statements}
    step = {"step": posted.get("next_step", ""), "at": posted.get("next_at", ""), "queue": posted.get("next_queue", "")}
    return Disposition(
        line,
        party,
        code,
        fields=fields,
        note=posted.get("note", ""),
        kept_for=kept_for if kept_for in set(KeptFor) else "",
        step=step,
        ticked=posted.getlist("said"),
        left_out={each: why for each, why in named.items() if why},
    )


def _drafted(posted: Any) -> dict[str, str]:
    told = {name: value for name, value in posted.items() if value and name not in {"note", "said", "csrfmiddlewaretoken"}}
    if told.pop("other", "") and posted.get("other"):
        told["result"] = posted["other"]
    return told
