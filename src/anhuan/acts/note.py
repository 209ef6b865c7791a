"""The acts on notes: one is kept, or it is not; what stands in it is sealed.

Knows that a note is screened before it is kept (`rulebook.notes`), whose number a number is, and that a sensitive note needs a consent
that stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

from anhuan.acts.customer import held
from anhuan.core.vocabulary import Covers
from anhuan.records import identity
from anhuan.records.attempt import Fault
from anhuan.records.consent import Consent, Revocation
from anhuan.records.customer import ContactPoint, Customer
from anhuan.records.note import KeptFor, Note, NoteKind
from anhuan.rulebook import notes
from anhuan.rulebook.notes import NoteFinding

LONGEST = 2000
_SENTENCES = {
    "note_must_change": (
        "备注中有不得保存的内容，请修改后再保存。",
        "The note holds something that cannot be kept: change it first.",
    ),
    "note_needs_reason": (
        "备注有提示，请修改或选择保留原因。",
        "Something stands against the note: change it, or say why it is kept.",
    ),
    "note_too_long": ("备注最多 2000 字。", "A note has 2000 characters at most."),
    "note_empty": ("备注为空。", "The note is empty."),
    "consent_missing": (
        "客户没有同意保存此类备注；请先登记同意。",
        "The customer has not agreed to such a note being kept: record the consent first.",
    ),
}


def screened(customer_id: str, text: str, *, kind: NoteKind = NoteKind.CASE) -> list[NoteFinding]:
    """What stands against a note of this customer; of her own numbers only that they need not be repeated."""
    ring = identity.keyring()

    def hers(number: str) -> bool:
        points = [index for name in ("phone", "email", "address") if (index := ring.index(name, number))]
        papers = ring.index("id_number", number)
        return (
            ContactPoint.objects.filter(customer_id=customer_id, party="debtor", value_index__in=points).exists()
            or Customer.objects.filter(pk=customer_id, id_index=papers).exclude(id_index=None).exists()
        )

    found = notes.screen(text, hers=hers)
    return [each for each in found if not (kind is NoteKind.SENSITIVE and each.kind == "sensitive")]


def keep(
    customer_id: str,
    text: str,
    *,
    kind: NoteKind,
    at: datetime,
    by: str,
    note_id: UUID | None = None,
    kept_for: KeptFor | None = None,
) -> Note | list[Fault]:
    """Keep a note, sealed; or what must be changed in it, or the reason that is missing for what may stand."""
    text = text.strip()
    if not text or len(text) > LONGEST:
        return [fault("note", "note_too_long" if text else "note_empty")]
    found = screened(customer_id, text, kind=kind)
    if any(each.must_change for each in found):
        return [fault("note", "note_must_change")]
    if found and kept_for is None:
        return [fault("kept_for", "note_needs_reason")]
    with held(customer_id, at=at, by=by) as customer:
        agreed = consent_to_sensitive(customer_id, customer.at) if kind is NoteKind.SENSITIVE else None
        if kind is NoteKind.SENSITIVE and agreed is None:
            return [fault("kind", "consent_missing")]
        note = Note(
            note_id=note_id or uuid4(), customer_id=customer_id, kind=kind, consent_id=agreed, warned=_kinds(found),
            kept_for=kept_for or "", at=customer.at, by=by,
        )  # fmt: skip
        note.save(force_insert=True)
        [sealed] = identity.seal_said({note.note_id: {"note": text}})
        sealed.save()
        body = {"note": str(note.note_id), "kind": kind, "warned": note.warned, "kept_for": note.kept_for}
        customer.remember("note.kept", {name: value for name, value in body.items() if value})
    return note


def consent_to_sensitive(customer_id: str, at: datetime) -> UUID | None:
    """The consent under which a note of health or the like may be kept and read at an instant."""
    revoked = (
        Revocation.objects.filter(customer_id=customer_id, covers__contains=[Covers.SENSITIVE_NOTE], at__lte=at)
        .order_by("-at")
        .first()
    )
    given = Consent.objects.filter(customer_id=customer_id, covers__contains=[Covers.SENSITIVE_NOTE], begins__lte=at).order_by(
        "-at"
    )
    for each in given:
        if (each.ends is None or at < each.ends) and (revoked is None or revoked.at < each.at):
            return each.id
    return None


def fault(field: str, code: str) -> Fault:
    return Fault(field, code, *_SENTENCES[code])


def _kinds(found: Sequence[NoteFinding]) -> list[str]:
    return sorted({each.kind for each in found})
