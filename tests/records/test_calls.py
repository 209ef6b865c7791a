"""A call from the permit to the wrap-up: what starts it, what it may say when, what survives, and what it leaves behind."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, transaction
from tests.flows import outgoing
from tests.records import desk
from tests.records.desk import LAW, MORNING

from anhuan.acts import call as calls
from anhuan.acts import consent, note
from anhuan.acts.call import Disposition, Finished
from anhuan.acts.dispatch import Refused
from anhuan.core.vocabulary import Channel, Covers, HoldKind, LineResult
from anhuan.records import identity
from anhuan.records.call import Call, Way
from anhuan.records.circumstance import Circumstance, PersonFinding, PointFinding
from anhuan.records.consent import CeaseNotice, OptOut
from anhuan.records.contact import Contact, Refusal
from anhuan.records.customer import ContactPoint
from anhuan.records.dispute import Dispute, DisputeKind
from anhuan.records.events import Event
from anhuan.records.hardship import Hardship, HardshipKind
from anhuan.records.hold import Hold
from anhuan.records.identity import Said
from anhuan.records.note import KeptFor, Note, NoteKind
from anhuan.records.promise import Promise
from anhuan.records.worklist import WorkItem
from anhuan.rulebook import codes

pytestmark = pytest.mark.django_db
BY = "collector"
RIGHT = {"birth_day": "0101", "card_tail": "0001", "name": "测试 1", "id_tail": "0000"}


@pytest.fixture(autouse=True)
def _customer() -> None:
    outgoing.customer(1)


WHO = "C00000001"


def begun(way: Way = Way.BY_HAND, *, at: Any = MORNING, by: str = BY) -> Call:
    point = ContactPoint.objects.get(customer_id=WHO, party="debtor")
    call = calls.begin(WHO, point_id=point.point_id, way=way, law=LAW, at=at, by=by)
    assert isinstance(call, Call), call
    return call


def verified() -> Call:
    call = begun()
    assert calls.check_identity(call.call_id, RIGHT, at=MORNING, by=BY) == calls.Checked(True, 1)
    return call


EVERY = ("recorded", "who_calls", "creditor", "what_is_owed", "consequences", "rights")


def finished(call: Call, result: str, *, party: str = "RPC", line: str = "OK", **told: Any) -> Finished:
    told.setdefault("ticked", EVERY)
    answer = calls.finish(call.call_id, Disposition(line, party, result, **told), law=LAW, at=MORNING, by=BY)
    assert isinstance(answer, Finished), answer
    return answer


def faults(call: Call, result: str, *, party: str = "RPC", line: str = "OK", **told: Any) -> set[str]:
    told.setdefault("ticked", EVERY)
    answer = calls.finish(call.call_id, Disposition(line, party, result, **told), law=LAW, at=MORNING, by=BY)
    assert isinstance(answer, list), answer
    assert Call.objects.get(pk=call.call_id).closed_at is None
    return {each.code for each in answer}


def relative(person: str = "P1") -> UUID:
    ring, point_id = identity.keyring(), uuid4()
    ContactPoint.objects.create(
        point_id=point_id, customer_id=WHO, kind="mobile", party="relative", person_id=person, fingerprint=uuid4(),
        key_id=ring.current, sealed=ring.seal("contact_point", [str(point_id)], [b'["+8619900009999", "", ""]'])[0],
    )  # fmt: skip
    return point_id


def test_a_call_starts_through_the_door_and_its_number_is_remembered_as_seen() -> None:
    call = begun()
    contact = Contact.objects.get(pk=call.contact_id)
    assert (contact.state, contact.channel, contact.permit_id is not None) == ("started", "call", True)
    assert call.action_code == "TM"
    handed = calls.handed(call)
    assert handed is not None
    assert (handed.tel, handed.number, handed.token) == (f"tel:{outgoing.mobile(1)}", "199 0000 0001", "")
    [look] = Event.objects.filter(chain=WHO, kind="identity.revealed")
    assert look.body["points"] == [str(call.point_id)]
    assert outgoing.mobile(1) not in str(list(Event.objects.values_list("body", flat=True)))


def test_a_refused_call_shows_no_number_and_is_kept_as_a_refusal() -> None:
    point = ContactPoint.objects.get(customer_id=WHO)
    answer = calls.begin(
        WHO, point_id=point.point_id, way=Way.BY_HAND, law=LAW, at=MORNING + timedelta(hours=12, minutes=30), by=BY
    )
    assert isinstance(answer, Refused)
    assert Refusal.objects.count() == 1
    assert not Call.objects.exists()
    assert not Event.objects.filter(kind="identity.revealed").exists()


def test_a_collector_has_one_open_call_and_a_customer_is_called_by_one() -> None:
    begun()
    point = ContactPoint.objects.get(customer_id=WHO)
    for by, code in ((BY, "call_open"), ("another", "customer_called")):
        answer = calls.begin(WHO, point_id=point.point_id, way=Way.BY_HAND, law=LAW, at=MORNING, by=by)
        assert isinstance(answer, list)
        assert [each.code for each in answer] == [code]
    assert Contact.objects.count() == 1


def test_a_way_that_is_not_set_up_is_refused_before_anything_counts() -> None:
    point = ContactPoint.objects.get(customer_id=WHO)
    for way in (Way.SOFTPHONE, Way.DIALLER):
        answer = calls.begin(WHO, point_id=point.point_id, way=way, law=LAW, at=MORNING, by=BY)
        assert isinstance(answer, list)
        assert [each.code for each in answer] == ["way_not_set_up"]
    assert not Contact.objects.exists()


def test_a_softphone_that_cannot_ring_gives_the_contact_back(settings: Any, tmp_path: Any) -> None:
    settings.ANHUAN_HOME = tmp_path
    (tmp_path / "password").write_text("secret")
    (tmp_path / "telephone.yaml").write_text(
        "url: http://127.0.0.1:9/ari\nuser: desk\npassword_file: password\ncontext: outgoing\n"
    )
    point = ContactPoint.objects.get(customer_id=WHO)

    def asked() -> Any:
        return calls.begin(WHO, point_id=point.point_id, way=Way.SOFTPHONE, law=LAW, at=MORNING, by=BY)

    assert [each.code for each in asked()] == ["extension_missing"]
    calls.sit_at("2001", at=MORNING, by=BY)
    assert [each.code for each in asked()] == ["no_connection"]
    assert (Contact.objects.get().state, Call.objects.count()) == ("void", 0)


def test_the_dialler_is_handed_a_token_only_its_secret_can_have_made(settings: Any, tmp_path: Any) -> None:
    settings.ANHUAN_HOME = tmp_path
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "dialler").write_bytes(b"s3cret")
    handed = calls.handed(begun(Way.DIALLER))
    assert handed is not None
    body, _, signature = handed.token.partition(".")
    assert signature == hmac.new(b"s3cret", body.encode(), hashlib.sha256).hexdigest()
    assert json.loads(base64.urlsafe_b64decode(body))["number"] == outgoing.mobile(1)


def test_identity_is_checked_on_the_server_and_leaves_no_answer_behind() -> None:
    call = verified()
    [told] = Event.objects.filter(chain=WHO, kind="identity.checked").values_list("body", flat=True)
    assert told["passed"] is True
    assert set(told) == {"call", "asked", "passed"}
    call.refresh_from_db()
    assert call.verified
    assert "测试" not in str(call.checks) + str(told)


def test_after_the_last_try_the_identity_is_not_checked_again() -> None:
    call = begun()
    wrong = dict.fromkeys(RIGHT, "9999")
    assert calls.check_identity(call.call_id, wrong, at=MORNING, by=BY) == calls.Checked(False, 1)
    assert calls.check_identity(call.call_id, wrong, at=MORNING, by=BY) == calls.Checked(False, 0)
    answer = calls.check_identity(call.call_id, RIGHT, at=MORNING, by=BY)
    assert isinstance(answer, list)
    assert [each.code for each in answer] == ["no_tries_left"]


@pytest.mark.parametrize("answer", ["0101", "1月1日", "01-01", "1990-01-01", "19900101", "１月１日"])
def test_a_birth_day_is_understood_however_it_is_written(answer: str) -> None:
    call = begun()
    checked = calls.check_identity(call.call_id, {"birth_day": answer, "card_tail": "0001", "name": "测试1"}, at=MORNING, by=BY)
    assert checked == calls.Checked(True, 1)


def test_nothing_that_needs_the_customer_is_kept_of_somebody_unchecked() -> None:
    call = begun()
    assert faults(call, "PTP") == {"verified", "not_verified"}
    assert faults(call, "PTP", party="UNK") == {"does_not_go", "verified"}
    assert not Promise.objects.exists()


def test_a_promise_is_wrapped_up_with_what_the_house_fills_in() -> None:
    call = verified()
    answer = finished(call, "PTP")
    promise = Promise.objects.get()
    assert (promise.amount_minor, promise.currency, promise.account_id) == (32506, "CNY", "A00000001")
    assert promise.due_on == (MORNING + timedelta(hours=8)).date() + timedelta(days=3)
    contact = Contact.objects.get(pk=call.contact_id)
    assert (contact.state, contact.line_result, contact.outcome) == ("completed", "connected", "effective_conversation")
    assert answer.unset is None
    item = WorkItem.objects.get(pk=WHO)
    assert item.follow_up_why == "promise_due"
    [wrapped] = Event.objects.filter(chain=WHO, kind="call.wrapped").values_list("body", flat=True)
    assert (wrapped["result"], wrapped["unsaid"]) == ("PTP", [])


def test_what_the_draft_has_ticked_is_not_told_as_left_out() -> None:
    call = verified()
    calls.keep_draft(call.call_id, ticked=EVERY, draft={}, note="", at=MORNING, by=BY)
    finished(call, "INF", ticked=None)
    assert Event.objects.get(chain=WHO, kind="call.wrapped").body["unsaid"] == []


def test_to_a_verified_customer_each_statement_is_made_or_has_its_reason() -> None:
    call = verified()
    answer = calls.finish(call.call_id, Disposition("OK", "RPC", "INF", ticked=EVERY[:4]), law=LAW, at=MORNING, by=BY)
    assert isinstance(answer, list)
    assert [(each.field, each.code) for each in answer] == [
        ("said-consequences", "statement_unsaid"), ("said-rights", "statement_unsaid"),
    ]  # fmt: skip
    assert faults(call, "INF", ticked=EVERY[:4], left_out={"consequences": "hung_up", "rights": "no such"}) == {
        "statement_unsaid"
    }
    finished(call, "INF", ticked=EVERY[:4], left_out={"consequences": "hung_up", "rights": "declined", "recorded": "hung_up"})
    body = Event.objects.get(chain=WHO, kind="call.wrapped").body
    assert body["unsaid_why"] == {"consequences": "hung_up", "rights": "declined"}
    assert Call.objects.get().ticked == sorted(EVERY[:4])


@pytest.mark.parametrize(("result", "party", "line"), [("NOA", "NOB", "NA"), ("NOA", "NOB", "LB"), ("DRP", "RPC", "DR")])
def test_where_nothing_could_be_said_nothing_need_be_ticked(result: str, party: str, line: str) -> None:
    call = verified() if party == "RPC" else begun()
    finished(call, result, party=party, line=line, ticked=())
    assert Call.objects.get().closed_at is not None


def test_a_wrong_field_undoes_all_of_it() -> None:
    call = verified()
    assert faults(call, "PTP", fields={"amount": "many"}) == {"field_unreadable"}
    assert faults(call, "PTP", fields={"due_on": "2027-06-01"}) == {"day_beyond"}
    assert faults(call, "DIS") == {"field_missing"}
    assert Contact.objects.get(pk=call.contact_id).state == "started"
    assert not Promise.objects.exists()


@pytest.mark.parametrize("line", ["NA", "LB", "SO", "XN"])
def test_an_unanswered_call_counts_by_what_the_line_said(line: str) -> None:
    call = begun()
    finished(call, "NOA", party="NOB", line=line)
    contact = Contact.objects.get(pk=call.contact_id)
    assert (contact.line_result, contact.outcome) == (codes.book().lines[line].line, "")
    assert PointFinding.objects.filter(kind="unreachable").exists() == (line == "XN")


def test_a_combination_that_cannot_be_is_refused() -> None:
    call = begun()
    assert faults(call, "NOA", party="NOB", line="OK") == {"does_not_go"}
    assert faults(call, "LMV", party="NOB", line="NA") == {"does_not_go"}
    assert faults(call, "XXX", party="NOB") == {"code_unknown"}


def test_a_wrong_number_is_found_out_and_called_no_more() -> None:
    call = begun()
    finished(call, "WRN", party="UNK")
    assert PointFinding.objects.get().kind == "wrong_number"


@pytest.mark.parametrize(
    ("result", "kind"),
    [("CMP", HoldKind.COMPLAINT), ("BKY", HoldKind.BANKRUPTCY), ("LIT", HoldKind.LITIGATION)],
)
def test_what_stops_collection_does_so_with_the_wrap_up(result: str, kind: HoldKind) -> None:
    call = verified()
    finished(call, result, fields={"complaint_about": "conduct"})
    assert Hold.objects.get().kind == kind
    again = calls.begin(WHO, point_id=call.point_id, way=Way.BY_HAND, law=LAW, at=MORNING, by=BY)  # type: ignore[arg-type]
    assert isinstance(again, Refused)


def test_a_dispute_is_registered_with_the_wrap_up() -> None:
    finished(verified(), "DIS", fields={"dispute_kind": "amount"})
    assert Dispute.objects.get().kind == "amount"
    assert Hold.objects.get().kind == HoldKind.DISPUTE


def test_who_says_it_was_fraud_has_a_dispute_of_stolen_identity_and_its_hold() -> None:
    finished(verified(), "FRD")
    one = Dispute.objects.get()
    assert (one.kind, Hold.objects.get().kind, one.hold_id) == ("identity_theft", HoldKind.FRAUD, Hold.objects.get().hold_id)
    assert WorkItem.objects.get(pk=WHO).queue == "disputes"


@pytest.mark.parametrize("agreed", [True, False])
def test_illness_stands_with_the_hardship_alone_and_only_while_she_agrees(agreed: bool) -> None:
    if agreed:
        consent.give(WHO, {Covers.SENSITIVE_NOTE}, at=MORNING, by=BY)
    call = verified()
    calls.keep_draft(
        call.call_id, ticked=EVERY, draft={"result": "ILL", "hardship_kind": "illness"}, note="", at=MORNING, by=BY
    )
    assert Call.objects.get().draft == {"result": "HRD"}
    finished(call, "ILL")
    assert Hardship.objects.get().kind == ("illness" if agreed else "other")
    call = Call.objects.get()
    assert (call.result_code, call.fields) == ("HRD", {})
    assert not [
        body for body in Event.objects.values_list("body", flat=True) if "illness" in str(body).lower() or "ILL" in str(body)
    ]
    assert "illness" not in str(WorkItem.objects.values().get())


def test_what_was_kept_of_health_is_erased_when_she_takes_her_consent_back() -> None:
    consent.give(WHO, {Covers.SENSITIVE_NOTE}, at=MORNING, by=BY)
    kept = note.keep(WHO, "客户正在化疗", kind=NoteKind.SENSITIVE, at=MORNING, by=BY, kept_for=KeptFor.AGREED)
    plain = note.keep(WHO, "客户称月底发工资", kind=NoteKind.CASE, at=MORNING, by=BY)
    assert isinstance(kept, Note)
    assert isinstance(plain, Note)
    finished(verified(), "HRD", fields={"hardship_kind": "illness"})
    consent.revoke(WHO, {Covers.SENSITIVE_NOTE}, at=MORNING + timedelta(hours=1), by=BY)
    assert identity.said([kept.note_id, plain.note_id]).keys() == {plain.note_id}
    assert Note.objects.filter(pk=kept.note_id).exists()
    assert Event.objects.get(kind="consent.revoked").body["erased"] == 1
    assert (Hardship.objects.get().kind, Hardship.objects.get().consent_id) == ("other", None)


def test_a_line_a_dialler_tells_stands_in_the_wrap_up_and_outlives_the_draft() -> None:
    call = begun(Way.BY_HAND)
    assert calls.report(str(call.contact_id), LineResult.BUSY, at=MORNING)
    calls.keep_draft(call.call_id, ticked=[], draft={"result": "NOA"}, note="", at=MORNING, by=BY)
    assert Call.objects.get().draft == {"result": "NOA", "reported": "LB"}
    finished(call, "NOA", party="NOB", line="LB")
    assert not calls.report(str(call.call_id), LineResult.BUSY, at=MORNING)
    assert not calls.report("no id", LineResult.BUSY, at=MORNING)


def test_hardship_is_registered_with_its_cause() -> None:
    finished(verified(), "HRD", fields={"hardship_kind": "income"})
    assert Hardship.objects.get().kind == "income"


def test_what_may_be_chosen_is_what_the_rooms_know_and_has_a_digit() -> None:
    fields = codes.book().fields
    for name, kinds in (("dispute_kind", DisputeKind), ("hardship_kind", HardshipKind)):
        chosen = {value for value, *_ in fields[name].choices}
        assert chosen <= set(kinds)
        assert len(chosen) <= 9


def test_death_incapacity_and_a_lawyer_are_learnt() -> None:
    for result, party, kind in (("DEC", "UNK", "deceased"), ("MIN", "UNK", "no_capacity"), ("ATT", "UNK", "attorney")):
        call = begun()
        finished(call, result, party=party)
        assert Circumstance.objects.filter(kind=kind).count() == 1


def test_no_more_contact_is_kept_as_wish_and_ends_calls() -> None:
    call = verified()
    finished(call, "DNC")
    assert CeaseNotice.objects.get().written is False
    assert OptOut.objects.get().channel == Channel.CALL


def test_a_third_person_who_refuses_is_sealed_for_good() -> None:
    point = relative()
    law = desk.law(desk.REFUSED)
    call = calls.begin(WHO, point_id=point, way=Way.BY_HAND, law=law, at=MORNING, by=BY)
    assert isinstance(call, Call)
    assert call.action_code == "3P"
    assert Contact.objects.get(pk=call.contact_id).purpose == "locate"
    assert isinstance(calls.check_identity(call.call_id, RIGHT, at=MORNING, by=BY), list)
    finished(call, "NCT", party="REL")
    assert PersonFinding.objects.get().kind == "refused"
    assert isinstance(calls.begin(WHO, point_id=point, way=Way.BY_HAND, law=law, at=MORNING, by=BY), Refused)


def test_a_draft_survives_and_its_note_is_sealed() -> None:
    call = begun()
    told = {"result": "CBK", "back_at": "2026-11-24T10:00", "free": "text"}
    assert calls.keep_draft(call.call_id, ticked=["recorded", "x"], draft=told, note="晚上再联系", at=MORNING, by=BY) == []
    again = Call.objects.get(pk=call.call_id)
    assert (again.ticked, again.draft) == (["recorded"], {"result": "CBK", "back_at": "2026-11-24T10:00"})
    assert calls.drafted(again) == "晚上再联系"
    assert "晚上".encode() not in bytes(Said.objects.get(pk=call.call_id).sealed)
    assert calls.keep_draft(call.call_id, ticked=[], draft={}, note="", at=MORNING, by="another")[0].code == "call_of_another"
    finished(again, "NOT", party="UNK")
    assert Note.objects.get().note_id == call.call_id
    assert identity.said([call.call_id]) == {call.call_id: {"note": "晚上再联系"}}


def test_a_note_with_what_may_not_be_kept_stops_the_wrap_up_and_a_warning_needs_a_reason() -> None:
    call = begun()
    assert faults(call, "NOA", party="NOB", line="NA", note="这个老赖又不接") == {"note_must_change"}
    assert faults(call, "NOA", party="NOB", line="NA", note="其母亲在工厂上班") == {"note_needs_reason"}
    finished(call, "NOA", party="NOB", line="NA", note="其母亲在工厂上班", kept_for="needed")
    assert Note.objects.get().warned == ["third_person_data"]


def test_a_third_persons_number_may_not_stand_in_a_note_and_her_own_need_not() -> None:
    assert [each.must_change for each in note.screened(WHO, "可拨打 13912345678")] == [True]
    own = note.screened(WHO, f"已拨打 {outgoing.mobile(1)}")
    assert [each.must_change for each in own] == [False]


def test_a_note_of_health_needs_a_consent_that_stands() -> None:
    def kept() -> Any:
        return note.keep(WHO, "正在化疗", kind=NoteKind.SENSITIVE, at=MORNING, by=BY)

    assert kept()[0].code == "consent_missing"
    consent.give(WHO, {Covers.SENSITIVE_NOTE}, at=MORNING, by=BY)
    assert isinstance(kept(), Note)
    consent.revoke(WHO, {Covers.SENSITIVE_NOTE}, at=MORNING, by=BY)
    assert note.consent_to_sensitive(WHO, MORNING) is None
    assert note.keep(WHO, "正在化疗", kind=NoteKind.CASE, kept_for=KeptFor.NEEDED, at=MORNING, by=BY)
    with pytest.raises(IntegrityError), transaction.atomic():
        Note.objects.create(note_id=uuid4(), customer_id=WHO, kind="sensitive", at=MORNING, by=BY)


def test_a_call_she_makes_is_recorded_without_a_permit_when_it_ends() -> None:
    call = calls.receive(WHO, at=MORNING, by=BY)
    assert isinstance(call, Call)
    assert not Contact.objects.exists()
    calls.check_identity(call.call_id, RIGHT, at=MORNING, by=BY)
    finished(call, "PTP")
    contact = Contact.objects.get()
    assert (contact.direction, contact.permit_id, contact.outcome) == ("inbound", None, "effective_conversation")


def test_a_result_nobody_can_tell_counts_for_ever() -> None:
    call = begun()
    finished(call, "UKN", party="NOB", line="NA")
    assert Contact.objects.get().state == "unknown"


def test_a_closed_call_never_changes() -> None:
    call = begun()
    finished(call, "NOA", party="NOB", line="NA")
    assert [each.code for each in calls.keep_draft(call.call_id, ticked=[], draft={}, note="", at=MORNING, by=BY)] == [
        "call_closed"
    ]
    with pytest.raises(IntegrityError), transaction.atomic():
        Call.objects.filter(pk=call.call_id).update(result_code="PTP")
