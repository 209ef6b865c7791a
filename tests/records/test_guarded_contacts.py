"""PostgreSQL itself guards contacts and permits, whoever writes: here with SQL, past everything Python would say."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, connection, transaction
from tests.records import desk
from tests.records.desk import BY, LAW, MORNING

from anhuan.acts import dispatch
from anhuan.core.vocabulary import LineResult
from anhuan.records.contact import Contact, Permit

pytestmark = pytest.mark.django_db


@pytest.fixture
def started() -> dispatch.Started:
    answer = dispatch.start("C1", desk.attempt(desk.customer()), law=LAW, at=MORNING, by=BY)
    assert isinstance(answer, dispatch.Started)
    return answer


def refused(words: str, sql: str, *params: Any) -> None:
    with pytest.raises(DatabaseError, match=words), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, params)


COPY = """
INSERT INTO records_contact
SELECT (jsonb_populate_record(c, %s::jsonb)).* FROM records_contact c WHERE contact_id = %s
"""


def copied(contact_id: UUID, **changes: Any) -> tuple[str, Any, Any]:
    """A statement that writes another contact like this one."""
    import json

    fresh = {"contact_id": str(uuid4()), "permit_id": None} | changes
    return COPY, json.dumps({k: str(v) if isinstance(v, UUID) else v for k, v in fresh.items()}), contact_id


def unused_permit(started: dispatch.Started, **changes: Any) -> UUID:
    """A permit like the one that was used, but for these columns, which nobody has used yet."""
    import json

    permit_id = uuid4()
    fresh = {"permit_id": str(permit_id), "attempt_id": str(permit_id), "used_by": None} | changes
    desk.run(
        "INSERT INTO records_permit SELECT (jsonb_populate_record(p, %s::jsonb)).* FROM records_permit p WHERE permit_id = %s",
        json.dumps(fresh),
        started.permit_id,
    )
    return permit_id


NO_PERMIT = "no contact without an unused permit"


def test_no_contact_of_ours_without_a_permit(started: dispatch.Started) -> None:
    refused(NO_PERMIT, *copied(started.contact_id))
    refused(NO_PERMIT, *copied(started.contact_id, permit_id=uuid4()))


def test_a_permit_is_used_once(started: dispatch.Started) -> None:
    refused(NO_PERMIT, *copied(started.contact_id, permit_id=started.permit_id))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE records_permit SET returned_at = %s", [MORNING])
    refused("used once", "UPDATE records_permit SET used_by = NULL")
    refused("used once", "UPDATE records_permit SET used_by = %s", uuid4())
    refused("used once", "UPDATE records_permit SET returned_at = NULL")


def test_an_unused_permit_for_this_very_contact_lets_it_pass(started: dispatch.Started) -> None:
    permit = unused_permit(started)
    desk.run(*copied(started.contact_id, permit_id=permit))
    assert Permit.objects.get(pk=permit).used_by == Contact.objects.get(permit_id=permit).pk


OTHER = {
    "customer": {"customer_id": "C2"},
    "channel": {"channel": "sms"},
    "party": {"party": "spouse"},
    "person": {"person_id": "p1"},
    "purpose": {"purpose": "service"},
    "point": {"point_id": str(uuid4())},
    "no point": {"point_id": None},
    "actor": {"actor": "agency:x"},
    "a later time": {"at": "2026-11-20T03:00:00+00:00", "expires_at": "2026-11-20T04:00:00+00:00"},
    "an earlier time": {"at": "2026-11-20T01:00:00+00:00", "expires_at": "2026-11-20T02:00:00+00:00"},
    "given back": {"returned_at": "2026-11-20T02:00:00+00:00"},
}


@pytest.mark.parametrize("changes", OTHER.values(), ids=OTHER.keys())
def test_a_permit_for_something_else_is_none(started: dispatch.Started, changes: dict[str, Any]) -> None:
    refused(NO_PERMIT, *copied(started.contact_id, permit_id=unused_permit(started, **changes)))


def test_a_contact_of_ours_begins_as_started(started: dispatch.Started) -> None:
    permit = unused_permit(started)
    closed = {"permit_id": permit, "state": "completed", "closed_at": MORNING.isoformat()}
    refused("begins as started", *copied(started.contact_id, **closed))


def test_only_a_contact_of_ours_uses_a_permit(started: dispatch.Started) -> None:
    permit = unused_permit(started)
    for changes in ({"origin": "imported"}, {"origin": "inbound", "direction": "inbound"}):
        refused("only an outbound contact of ours", *copied(started.contact_id, permit_id=permit, **changes))


def test_what_is_marked_as_not_ours_must_not_be_ours(started: dispatch.Started) -> None:
    refused("contact_reported", *copied(started.contact_id, origin="agency_reported"))
    refused("contact_origin", *copied(started.contact_id, origin="inbound"))
    refused("contact_origin", *copied(started.contact_id, origin="own", direction="inbound"))
    desk.run(*copied(started.contact_id, origin="agency_reported", actor="agency:x"))
    desk.run(*copied(started.contact_id, origin="imported"))
    desk.run(*copied(started.contact_id, origin="inbound", direction="inbound"))


def test_a_closed_contact_is_never_changed(started: dispatch.Started) -> None:
    assert not dispatch.complete(started.contact_id, line_result=LineResult.NO_ANSWER, at=MORNING, by=BY)
    for change in (
        "line_result = 'busy'",
        "state = 'void', proof = 'x'",
        "closed_at = NULL, state = 'unknown'",
        "debts = '{}'",
    ):
        refused("closed contact is never changed", f"UPDATE records_contact SET {change}")


CHANGES = (
    "customer_id = 'C2'", "channel = 'sms'", "party = 'spouse'", "person_id = 'p'", "purpose = 'service'", "actor = 'agency:x'",
    "point_id = NULL", "origin = 'imported'", "permit_id = NULL", "direction = 'inbound'",
    "started_at = started_at - interval '1 day'", "recorded_at = recorded_at - interval '1 day'",
    "reserved_until = started_at",
)  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_contact_is_stays_as_it_began(started: dispatch.Started, change: str) -> None:
    refused("only its result may be added", f"UPDATE records_contact SET {change}")


def test_a_permit_stays_as_the_gate_gave_it(started: dispatch.Started) -> None:
    for change in ("law = 'x'", "expires_at = expires_at + interval '1 hour'", "attempt = '{}'", "actor = 'agency:x'"):
        refused("as the gate gave it", f"UPDATE records_permit SET {change}")


def test_a_contact_is_void_only_with_a_proof_and_closed_only_with_an_instant(started: dispatch.Started) -> None:
    refused("contact_void", "UPDATE records_contact SET state = 'void', closed_at = started_at")
    refused("contact_closing", "UPDATE records_contact SET state = 'completed'")


@pytest.mark.parametrize("table", ["records_contact", "records_permit"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "DELETE FROM {} WHERE false", "TRUNCATE {}"])
def test_nothing_is_unmade(started: dispatch.Started, table: str, statement: str) -> None:
    refused("contacts and permits stay", statement.format(table))


def test_an_event_of_the_door_is_hashed_like_any_other(started: dispatch.Started) -> None:
    from anhuan.records import events

    dispatch.complete(started.contact_id, line_result=LineResult.NO_ANSWER, at=MORNING, by=BY)
    assert events.verify() == {"ok": True, "events": 2, "first_bad": None}
