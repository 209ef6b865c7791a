"""A call under way: statements are ticked, and what is being written is kept at every change.

Knows that a draft is no event: it is over with the call. Who it is that is spoken to is shown in `identifying`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from anhuan.acts.call.sentences import bank_scripts, fault
from anhuan.acts.customer import Held, held
from anhuan.core.vocabulary import LineResult
from anhuan.records import identity
from anhuan.records.attempt import Fault
from anhuan.records.call import Call
from anhuan.records.identity import Said
from anhuan.rulebook import codes

NOTE_LENGTH = 2000
HEALTH = frozenset({"hardship_kind"})
"""Fields that may tell of health: kept with the hardship under her consent, and nowhere else."""
KEPT_AS = {"ILL": "HRD"}
"""Results that tell of health by their name alone, and what is kept of them in the call, its draft and its event."""
_DRAFTED = frozenset({"line", "party", "result", "kept_for", "next_step", "next_at", "next_queue"})


# --- what is being written ----------------------------------------------------------------------------------------


def keep_draft(
    call_id: UUID, *, ticked: Collection[str], draft: Mapping[str, Any], note: str, at: datetime, by: str
) -> list[Fault]:
    """Keep what stands in the form of an open call, the note sealed; empty, or why not."""
    if len(note) > NOTE_LENGTH:
        return [fault("note", "note_too_long")]
    with _led(call_id, at=at, by=by) as found:
        if isinstance(found, list):
            return found
        call, _ = found
        known = {each.id for each in bank_scripts().statements}
        call.ticked = sorted(set(ticked) & known)
        fields, reported = set(codes.book().fields) - HEALTH, call.draft.get("reported")
        call.draft = {name: str(value)[:60] for name, value in draft.items() if name in _DRAFTED | fields}
        if "result" in call.draft:
            call.draft["result"] = KEPT_AS.get(call.draft["result"], call.draft["result"])
        call.draft |= {"reported": reported} if reported else {}
        call.drafted_at = at
        call.save(update_fields=["ticked", "draft", "drafted_at"])
        _seal(call.call_id, note)
    return []


def report(named: str, line: LineResult, *, at: datetime, code: str = "") -> bool:
    """A dialler tells what became of the line of a call, named by its id or its contact's: the wrap-up begins with it. Whether it is open.

    `code`: that of the code book, where the dialler knows more than the line's result.
    """
    try:
        of_it = Q(call_id=UUID(named)) | Q(contact_id=UUID(named))
    except ValueError:
        return False
    found = Call.objects.filter(of_it, closed_at=None).first()
    if found is None:
        return False
    with _led(found.call_id, at=at, by=found.by) as led:
        if isinstance(led, list):
            return False
        call, _ = led
        told = code or next(each.code for each in codes.book().lines.values() if each.line is line)
        call.draft = {**call.draft, "reported": told}
        call.save(update_fields=["draft"])
    return True


def drafted(call: Call) -> str:
    """The note of a call as far as it is written."""
    return str(identity.said([call.call_id]).get(call.call_id, {}).get("note", ""))


def _seal(row_id: UUID, note: str) -> None:
    if note:
        [sealed] = identity.seal_said({row_id: {"note": note}})
        sealed.save()
    else:
        Said.objects.filter(pk=row_id).delete()


@contextmanager
def _led(call_id: UUID, *, at: datetime, by: str) -> Iterator[tuple[Call, Held] | list[Fault]]:
    """An open call of hers, its customer held; or why she may not go on with it."""
    call = Call.objects.filter(pk=call_id).first()
    if call is None:
        yield [fault("call", "call_unknown")]
        return
    with held(call.customer_id, at=at, by=by) as customer:
        call = Call.objects.select_for_update().get(pk=call_id)
        if call.by != by:
            yield [fault("call", "call_of_another")]
        elif call.closed_at is not None:
            yield [fault("call", "call_closed")]
        else:
            yield call, customer
