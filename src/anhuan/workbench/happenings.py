"""What an event says to a reader: one sentence per kind, filled from the event's body.

Knows the bodies that acts write. An event of a kind without a sentence shows its machine word, so that nothing that
happened is ever hidden. No body holds personal data, so no sentence does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _later

from anhuan.core.vocabulary import BANK
from anhuan.records.contact import Contact
from anhuan.records.events import Event
from anhuan.rulebook import codes
from anhuan.workbench import agreement_words, desk_words, matter_words, payment_words, words


@dataclass(frozen=True)
class Happening:
    """An event as a line of the timeline; `hash` in hexadecimal."""

    number: int
    at: datetime
    by: str
    sentence: str
    hash: str


def told(events: Iterable[Event], *, contacts: Iterable[Contact] = ()) -> list[Happening]:
    """Events as lines; of `contacts`, those that later events speak of by their id alone."""
    known = {str(contact.contact_id): {"channel": contact.channel, "party": contact.party} for contact in contacts}
    return [
        Happening(e.number, e.at, e.by, sentence(e.kind, known.get(e.body.get("contact"), {}) | e.body), bytes(e.hash).hex())
        for e in events
    ]


def sentence(kind: str, body: Mapping[str, Any]) -> str:
    """What happened, in the reader's language; the machine word where the body does not fit its sentence."""
    try:
        text = _SENTENCES[kind](body)
    except (KeyError, TypeError):
        return kind
    if "replaces" in body and kind != "night.replaced":
        text += " " + _("Delivery %(sequence)s corrects delivery %(replaces)s.") % body
    if "withdrawn" in body:
        told = {name: len(body["withdrawn"].get(name, ())) for name in ("permits", "proposals")}
        text += " " + _("Withdrawn because of it: permits of agencies %(permits)s, proposals %(proposals)s.") % told
    return text


def _moved(body: Mapping[str, Any]) -> str:
    if body["to"] > body["from"]:
        return _("Rolled from M%(from)s to M%(to)s on %(business_date)s.") % body
    return _("Improved from M%(from)s to M%(to)s on %(business_date)s.") % body


def _restated(body: Mapping[str, Any]) -> str:
    was, now = (", ".join(f"{day} M{bucket}" for day, bucket in body[side]) or "–" for side in ("was", "is"))
    return _("A back-dated posting restates the buckets from %(day)s on: %(was)s → %(now)s.") % {
        "day": body["from"],
        "was": was,
        "now": now,
    }


def _revealed(body: Mapping[str, Any]) -> str:
    fields = _(", ").join(words.label("revealed", field) for field in body["fields"])
    return _("Looked at %(fields)s in clear. Reason: %(reason)s") % {"fields": fields, "reason": body["reason"]}


def _whom(body: Mapping[str, Any]) -> dict[str, str]:
    """The words of a contact: its channel and at whom; of one long past only that it was one."""
    channel = words.label("channel", body["channel"]) if "channel" in body else _("Contact")
    party = words.label("party", body["party"]) if "party" in body else "–"
    return {"channel": channel, "party": party}


def _started(body: Mapping[str, Any]) -> str:
    told = _whom(body) | {"purpose": words.label("purpose", body["purpose"])}
    if body["actor"] == BANK:
        return _("%(channel)s begun, to: %(party)s (%(purpose)s); permitted by the gate.") % told
    return _("%(channel)s permitted to %(actor)s, to: %(party)s (%(purpose)s).") % (told | {"actor": body["actor"]})


def _completed(body: Mapping[str, Any]) -> str:
    results = [
        words.label(table, body[name]) for table, name in (("line", "line_result"), ("outcome", "outcome")) if body[name]
    ]
    told = _whom(body) | {"result": _(", ").join(results)}
    if not results:
        return _("%(channel)s completed, to: %(party)s.") % told
    return _("%(channel)s completed, to: %(party)s: %(result)s.") % told


def _reported(body: Mapping[str, Any]) -> str:
    told = _whom(body) | {"actor": body["actor"], "rules": ", ".join(body["refused_by"])}
    if body["refused_by"]:
        return (
            _("%(actor)s reports a contact without a permit (%(channel)s, %(party)s); it would have been refused: %(rules)s.")
            % told
        )
    return _("%(actor)s reports a contact without a permit (%(channel)s, %(party)s).") % told


def _wrapped(body: Mapping[str, Any]) -> str:
    """A call with what it came to and what comes next, by the code book."""
    known, english = codes.book(), not (get_language() or "").startswith("zh")
    found = [axis[body[name]] for axis, name in ((known.results, "result"), (known.parties, "party"), (known.lines, "line"))]
    result, party, line = (each.en if english else each.zh for each in found)
    told = {"result": result, "party": party, "line": line, "next": desk_words.word(body["next"].get("step"), "next_step")}
    text = _("Call ended: %(result)s (%(party)s, %(line)s). Next: %(next)s.") % told
    if body.get("unsaid"):
        left_out = _(", ").join(desk_words.word(each, "statement") for each in body["unsaid"])
        text += " " + _("Not said: %(statements)s.") % {"statements": left_out}
    return text


def _placed(body: Mapping[str, Any]) -> str:
    told = {
        "kind": words.label("hold", body["kind"]),
        "since": _minute(body["begins"]),
        "number": len(body.get("meanwhile", ())),
    }
    text = _("Collection stopped from %(since)s on: %(kind)s.") % told
    if told["number"]:
        text += " " + _("Contacts made meanwhile that it would have refused: %(number)s.") % told
    return text


def _judged_meanwhile(body: Mapping[str, Any]) -> str:
    number = sum(map(len, body.get("meanwhile", {}).values()))
    return _("Taken in from the old system. Contacts made while collection was stopped: %(number)s.") % {"number": number}


def _ended(body: Mapping[str, Any]) -> str:
    told = {"kind": words.label("hold", body["kind"]), "ends": _minute(body["ends"])}
    return _("Hold ended as of %(ends)s: %(kind)s.") % told


def _minute(instant: str) -> str:
    """An instant of a body as the pages write it, where the bank is."""
    return timezone.localtime(datetime.fromisoformat(instant)).strftime("%Y-%m-%d %H:%M")


def _learnt(what: str, word: str) -> Callable[[Mapping[str, Any]], str]:
    """What was learnt of the customer, of a point or of a person; the label says all of it."""
    return lambda _body: words.label(what, word)


def _channel(body: Mapping[str, Any]) -> dict[str, str]:
    return {"channel": words.label("channel", body["channel"]) if "channel" in body else _("every channel")}


def _blocked(body: Mapping[str, Any]) -> str:
    told = _channel(body) | {"begins": body.get("begins", "00:00")[:5], "ends": body.get("ends", "24:00")[:5]}
    return _("Named a time as inconvenient: %(begins)s–%(ends)s (%(channel)s).") % told


def _worked(text: str | Promise) -> Callable[[Mapping[str, Any]], str]:
    """What was done with the case on the worklist, filled with its queue, and with why and when where that is told."""
    return lambda body: (
        str(text)
        % {
            "queue": words.label("queue", body["queue"]),
            "from": words.label("queue", body["from"]) if body.get("from") else "–",
            "why": words.label("release_why" if text is _GIVEN_BACK else "work_why", body["why"]) if "why" in body else "",
            "when": _minute(body["due_at"]) if "due_at" in body else "",
        }
    )


_GIVEN_BACK = _later("Given back (%(queue)s): %(why)s.")


def _covered(body: Mapping[str, Any]) -> dict[str, str]:
    return {"covers": _(", ").join(words.label("covers", each) for each in body["covers"])}


_SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "case.opened": lambda body: _("Entered collections in M%(to)s on %(business_date)s.") % body,
    "case.reopened": lambda body: _("Entered collections again in M%(to)s on %(business_date)s.") % body,
    "case.moved": _moved,
    "case.closed": lambda body: _("Left collections from M%(from)s on %(business_date)s.") % body,
    "case.restated": _restated,
    "identity.revealed": _revealed,
    "case.granted": lambda body: _("Opened to %(to)s until %(until)s.") % {**body, "until": _minute(body["until"])},
    "message.read": lambda _body: _("Read what a message says."),
    "recording.heard": lambda _body: _("The recording of a call was listened to."),
    "recording.destroyed": lambda body: _("A recording was destroyed after its last day, under %s.") % ", ".join(body["rules"]),
    "letter.destroyed": lambda body: _("A letter was destroyed after its last day, under %s.") % ", ".join(body["rules"]),
    "message.counted": lambda _body: _("Nobody could tell whether a message left; a person counted it as sent."),
    "words.erased": lambda body: (
        _("The words of %(number)s messages were erased after their last day, under %(rules)s.")
        % {"number": len(body["rows"]), "rules": ", ".join(body["rules"])}
    ),
    "payment.announced": lambda body: (
        _("The bank's payment system told of %(payments)s payments; messages stopped: %(stopped)s.")
        % {"payments": len(body["payments"]), "stopped": body["stopped"]}
    ),
    "contact.started": _started,
    "contact.completed": _completed,
    "contact.void": lambda body: (
        _("%(channel)s never left the house, to: %(party)s. Proof: %(proof)s") % (_whom(body) | {"proof": body["proof"]})
    ),
    "contact.unknown": lambda body: _("%(channel)s of unknown result, to: %(party)s; it counts.") % _whom(body),
    "contact.inbound": lambda body: _("%(channel)s from: %(party)s.") % _whom(body),
    "contact.reported": _reported,
    "call.received": lambda body: (
        _("Called in; who was on the line: %(party)s.") % {"party": words.label("party", body["party"])}
    ),
    "identity.checked": lambda body: (
        (
            _("Identity checked by %(number)s questions: shown.")
            if body["passed"]
            else _("Identity checked by %(number)s questions: not shown.")
        )
        % {"number": len(body["asked"])}
    ),
    "call.wrapped": _wrapped,
    "call.recorded": lambda body: _("The recording of a call is kept until %(keep_until)s.") % body["recording"],
    "note.kept": lambda body: _("Kept a note: %(kind)s.") % {"kind": desk_words.word(body["kind"], "note")},
    "hold.placed": _placed,
    "hold.ended": _ended,
    "work.taken": _worked(_later("Taken from the worklist (%(queue)s).")),
    "work.follow_up": _worked(_later("To be followed up at %(when)s: %(why)s.")),
    "work.transferred": _worked(_later("Transferred from %(from)s to %(queue)s: %(why)s.")),
    "work.released": _worked(_GIVEN_BACK),
    "work.done": _worked(_later("Done with for now (%(queue)s).")),
    "history.judged": _judged_meanwhile,
    "consent.given": lambda body: _("Agreed to: %(covers)s.") % _covered(body),
    "consent.revoked": lambda body: _("Revoked consent to: %(covers)s.") % _covered(body),
    "opt_out": lambda body: _("Wants no more contact by: %(channel)s.") % _channel(body),
    "cease": lambda body: (
        _("Refused all contact in writing.") if body["written"] else _("Refused all contact, not in writing.")
    ),
    "time.blocked": _blocked,
    "time.bad": lambda _body: _("Said in a contact: not now."),
    "place.barred": lambda body: (
        _("Named a place as inconvenient: %(place)s.") % {"place": words.label("place", body["place"])}
    ),
    **payment_words.SENTENCES,
    **agreement_words.SENTENCES,
    **matter_words.SENTENCES,
    **{f"{what}.{word}": _learnt(what, word) for what in ("person", "point", "learnt") for word in words.LABELS[what]},
}
