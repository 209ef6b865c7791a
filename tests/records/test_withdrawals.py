"""What waits to be done and becomes forbidden is withdrawn by the very act that forbids it: agencies' seats and proposals."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.records import desk
from tests.records.desk import BY, LAW, MORNING

from anhuan.acts import agency as agencies
from anhuan.acts import consent, dispatch, hold
from anhuan.acts import law as laws
from anhuan.core.rules.holds import Ceased, OptedOut
from anhuan.core.rules.hours import StatedBlock
from anhuan.core.rules.parties import StatusBar
from anhuan.core.vocabulary import Channel, DebtorStatus, HoldKind, LineResult, NightStatus, Purpose, RuleTopic
from anhuan.records import events, facts
from anhuan.records.agency import Agency
from anhuan.records.circumstance import CircumstanceKind
from anhuan.records.contact import Contact, Permit
from anhuan.records.events import Event
from anhuan.records.night import Night
from anhuan.records.strategy import Proposal

pytestmark = pytest.mark.django_db

LAST_NIGHT = date(2026, 11, 19)
MINUTE = timedelta(minutes=1)
WISHES = (
    desk.rule("ceased", RuleTopic.CEASE, Ceased(), purposes=desk.COLLECT),
    desk.rule("dead", RuleTopic.DECEASED, StatusBar(DebtorStatus.DECEASED), purposes=desk.COLLECT),
    desk.rule("opted-out", RuleTopic.OPT_OUT, OptedOut()),
    desk.rule("blocked", RuleTopic.INCONVENIENT_TIME, StatedBlock()),
)
FULL = desk.law(*LAW.rules, *WISHES)


@pytest.fixture(autouse=True)
def _law(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(laws, "in_force", lambda _: FULL)


@pytest.fixture
def north() -> Agency:
    agencies.add("north", placed_as="North Ltd", listed=True, at=MORNING - timedelta(days=9), by=BY)
    return Agency.objects.get()


def seat(north: Agency, mobile: UUID, at: Any = MORNING, **told: Any) -> dispatch.Started:
    attempt = desk.attempt(mobile, **told)
    answer = dispatch.permit_for_agency(north, "C1", attempt, law=FULL, at=at, by=north.actor)
    assert isinstance(answer, dispatch.Started), answer
    return answer


def proposed(customer_id: str = "C1", day: date = LAST_NIGHT, **told: Any) -> None:
    """What the night of a business date proposed."""
    if not Night.objects.filter(business_date=day).exists():
        Night.objects.create(
            sequence=day.toordinal(), business_date=day, issuer="firstbank", layout="standard", content="0" * 64, snapshot="s",
            manifest_sha256="0" * 64, status=NightStatus.SEALED, begun_at=MORNING,
        )  # fmt: skip
    values = {
        "business_date": day, "customer_id": customer_id, "sequence": day.toordinal(), "account_id": "A1", "channel": "call",
        "fingerprint": "0" * 64, "version_id": 1, "arm": "champion", "decision": "d", "state": "proposed",
        "planned_at": MORNING + timedelta(hours=1),
    } | told  # fmt: skip
    Proposal.objects.create(**values)


def overdue() -> None:
    desk.run("UPDATE records_account SET bucket = 1")


FORBIDDING: dict[str, tuple[Callable[..., Any], str, str]] = {
    "a complaint": (lambda **now: hold.place("C1", HoldKind.COMPLAINT, law=FULL, **now), "hold.placed", "hold-complaint"),
    "her death": (lambda **now: consent.learn("C1", CircumstanceKind.DECEASED, **now), "learnt.deceased", "dead"),
    "a refusal in writing": (lambda **now: consent.cease("C1", written=True, **now), "cease", "ceased"),
    "no calls any more": (lambda **now: consent.opt_out("C1", Channel.CALL, **now), "opt_out", "opted-out"),
    "not on Fridays": (lambda **now: consent.block_time("C1", weekdays=[4], **now), "time.blocked", "blocked"),
}


@pytest.mark.parametrize(("act", "kind", "rule"), FORBIDDING.values(), ids=FORBIDDING.keys())
def test_what_forbids_a_contact_withdraws_a_seat_and_a_proposal_in_one_event(
    north: Agency, act: Callable[..., Any], kind: str, rule: str
) -> None:
    mobile = desk.customer(placed="North Ltd")
    overdue()
    permit = seat(north, mobile)
    proposed()
    before = Event.objects.count()
    assert not isinstance(act(at=MORNING + MINUTE, by=BY), list)
    event = Event.objects.get(kind=kind)
    assert event.body["withdrawn"] == {"permits": [str(permit.permit_id)], "proposals": ["2026-11-19"]}
    assert Event.objects.count() == before + 1
    assert agencies.usable_until(north, permit.permit_id, at=MORNING + MINUTE) is None
    wanted = Proposal.objects.get()
    assert (wanted.state, wanted.rules, wanted.law) == ("withdrawn", [rule], FULL.fingerprint)
    assert [reason["rule"] for reason in wanted.reasons] == [rule]
    assert events.verify()["ok"]


def test_what_forbids_nothing_withdraws_nothing(north: Agency) -> None:
    mobile = desk.customer(placed="North Ltd", cards=("A1", "A2"))
    desk.run("UPDATE records_account SET bucket = 1 WHERE account_id = 'A1'")
    permit = seat(north, mobile)
    proposed()
    hold.place("C1", HoldKind.DISPUTE, debts=["A2"], law=FULL, at=MORNING + MINUTE, by=BY)
    consent.opt_out("C1", Channel.SMS, at=MORNING + MINUTE, by=BY)
    consent.cease("C1", written=False, at=MORNING + MINUTE, by=BY)
    assert not Event.objects.filter(body__has_key="withdrawn").exists()
    assert Proposal.objects.get().state == "proposed"
    assert agencies.usable_until(north, permit.permit_id, at=MORNING + MINUTE) == permit.expires_at


def test_a_refusal_by_the_contacts_made_meanwhile_is_not_the_acts_doing(north: Agency) -> None:
    mobile = desk.customer(placed="North Ltd")
    overdue()
    permits = [seat(north, mobile) for _ in range(3)]  # all the talks of the day
    proposed()
    consent.opt_out("C1", Channel.SMS, at=MORNING + MINUTE, by=BY)
    assert all(agencies.usable_until(north, each.permit_id, at=MORNING + MINUTE) for each in permits)
    assert Proposal.objects.get().state == "proposed"


def test_a_time_barred_from_later_on_withdraws_a_seat_that_lasts_into_it(north: Agency) -> None:
    mobile = desk.customer(placed="North Ltd")
    permit = seat(north, mobile)
    noon = (MORNING + timedelta(minutes=10, hours=8)).time()  # ten past ten in Shanghai
    consent.block_time("C1", begins=noon, at=MORNING + MINUTE, by=BY)
    assert agencies.usable_until(north, permit.permit_id, at=MORNING + MINUTE) is None


def test_other_purposes_and_other_customers_are_left_alone(north: Agency) -> None:
    mobile = desk.customer(placed="North Ltd")
    overdue()
    permit = seat(north, mobile, purpose=Purpose.RESPOND)
    desk.customer("C2", cards=("A2",))
    proposed("C2", account_id="A2")
    hold.place("C1", HoldKind.COMPLAINT, law=FULL, at=MORNING + MINUTE, by=BY)
    assert agencies.usable_until(north, permit.permit_id, at=MORNING + MINUTE) == permit.expires_at
    assert Proposal.objects.get().state == "proposed"


def test_proposals_of_nights_gone_by_stay_as_they_were() -> None:
    desk.customer()
    overdue()
    proposed()
    proposed("C2", LAST_NIGHT + timedelta(days=1))
    hold.place("C1", HoldKind.COMPLAINT, law=FULL, at=MORNING, by=BY)
    assert set(Proposal.objects.values_list("state", flat=True)) == {"proposed"}


def test_a_placement_is_withdrawn_by_a_hold_and_by_nothing_else() -> None:
    desk.customer()
    overdue()
    proposed(channel="placement")
    consent.cease("C1", written=True, at=MORNING, by=BY)
    assert Proposal.objects.get().state == "proposed"
    hold.place("C1", HoldKind.DISPUTE, law=FULL, at=MORNING, by=BY)
    assert (Proposal.objects.get().state, Proposal.objects.get().rules) == ("withdrawn", ["hold-dispute"])


def test_a_call_made_before_the_hold_was_in_time_and_one_made_after_it_had_no_permit(north: Agency) -> None:
    mobile = desk.customer(placed="North Ltd")
    permits = [seat(north, mobile) for _ in range(2)]
    hold.place("C1", HoldKind.COMPLAINT, law=FULL, at=MORNING + 2 * MINUTE, by=BY)
    made = [
        dispatch.report(
            north, permit.permit_id, started_at=MORNING + minutes * MINUTE, line_result=LineResult.BUSY, law=FULL,
            at=MORNING + 5 * MINUTE, by=north.actor,
        )
        for permit, minutes in zip(permits, (1, 2), strict=True)
    ]  # fmt: skip
    assert [not isinstance(each, dispatch.Unfit) and each[1] for each in made] == [True, False]
    reported = Event.objects.get(kind="contact.reported")
    assert reported.body["refused_by"] == ["hold-complaint"]
    assert Contact.objects.filter(origin="agency_reported").count() == 1


def test_a_seat_withdrawn_counts_until_it_would_have_been_over_and_may_be_given_back(north: Agency) -> None:
    mobile = desk.customer(placed="North Ltd")
    permits = [seat(north, mobile) for _ in range(3)]
    hold.place("C1", HoldKind.COMPLAINT, law=FULL, at=MORNING + MINUTE, by=BY)
    told = facts.facts_for("C1", at=MORNING + 2 * MINUTE)
    assert len(told.contacts) == 3
    assert not dispatch.give_back(north, permits[0].permit_id, at=MORNING + 2 * MINUTE, by=north.actor)
    assert len(facts.facts_for("C1", at=MORNING + 2 * MINUTE).contacts) == 2
    assert len(facts.facts_for("C1", at=MORNING + 15 * MINUTE).contacts) == 0
    assert Permit.objects.get(pk=permits[0].permit_id).returned_at == MORNING + MINUTE


def test_nothing_is_withdrawn_twice(north: Agency) -> None:
    mobile = desk.customer(placed="North Ltd")
    overdue()
    seat(north, mobile)
    proposed()
    for kind in (HoldKind.COMPLAINT, HoldKind.DISPUTE):
        hold.place("C1", kind, law=FULL, at=MORNING + MINUTE, by=BY)
    assert Event.objects.filter(kind="hold.placed", body__has_key="withdrawn").count() == 1
    assert Proposal.objects.get().rules == ["hold-complaint"]
