"""Versions of strategies: the way they go, and what keeps them from going on."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from anhuan.records.circumstance import PointFinding
from anhuan.records.consent import OptOut
from anhuan.records.customer import ContactPoint
from anhuan.records.strategy import Proposal, Simulation, StrategyState, StrategyVersion, conduct, live_on, proposals_of

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 20, 1, tzinfo=UTC)
DAY = date(2026, 11, 20)


def version(number: int = 1, **more: Any) -> StrategyVersion:
    told: dict[str, Any] = {
        "name": "cards", "number": number, "model": b"<dmn/>", "fingerprint": "0" * 64, "decision": "d", "seed": "cards",
        "arms": {"hold_out": "0.1", "champion": "0.9"}, "state": StrategyState.DRAFT, "made_at": AT, "made_by": "wang",
    }  # fmt: skip
    return StrategyVersion.objects.create(**(told | more))


def live(number: int, live_from: date, **more: Any) -> StrategyVersion:
    signed = {"approved_at": AT, "approved_by": "li"}
    return version(number, **({"state": StrategyState.LIVE, "live_from": live_from} | signed | more))


@pytest.mark.parametrize(
    "change",
    [
        {"model": b"<other/>"}, {"fingerprint": "1" * 64}, {"arms": {"champion": "1"}}, {"seed": "x"}, {"made_by": "li"},
        {"name": "x"}, {"decision": "x"},
    ],
)  # fmt: skip
def test_what_a_version_is_never_changes(change: dict[str, Any]) -> None:
    made = version()
    with pytest.raises(DatabaseError, match="stays as it was made"):
        StrategyVersion.objects.filter(pk=made.pk).update(**change)


def test_an_approval_and_a_first_day_stay() -> None:
    made = live(1, DAY)
    for change in ({"approved_by": "zhao"}, {"live_from": DAY - timedelta(days=9)}):
        with pytest.raises(DatabaseError, match="stays as it was made"), transaction.atomic():
            StrategyVersion.objects.filter(pk=made.pk).update(**change)


def test_a_version_is_kept_for_ever() -> None:
    made = version()
    with pytest.raises(DatabaseError, match="kept for ever"):
        StrategyVersion.objects.filter(pk=made.pk).delete()


def test_the_database_itself_wants_a_second_person_and_an_approval() -> None:
    with pytest.raises(IntegrityError, match="approved_by_another"), transaction.atomic():
        version(1, state=StrategyState.APPROVED, approved_at=AT, approved_by="wang")
    with pytest.raises(IntegrityError, match="live_only_approved"), transaction.atomic():
        version(1, state=StrategyState.LIVE, live_from=DAY)


def simulation(version: StrategyVersion) -> Simulation:
    told = {"fingerprint": version.fingerprint, "law": "1" * 64, "nights": [{"business_date": "2026-11-19"}], "figures": {}}
    return Simulation.objects.create(version=version, at=AT, by="wang", **told)


def test_the_database_itself_wants_a_simulation_before_an_approval() -> None:
    made = version()
    signed = {"state": StrategyState.APPROVED, "approved_at": AT, "approved_by": "li"}
    with pytest.raises(DatabaseError, match="only once it was simulated"), transaction.atomic():
        StrategyVersion.objects.filter(pk=made.pk).update(**signed)
    simulation(made)
    assert StrategyVersion.objects.filter(pk=made.pk).update(**signed) == 1


def test_a_simulation_is_kept_for_ever_as_it_was_made() -> None:
    kept = simulation(version())
    for change in (lambda: Simulation.objects.filter(pk=kept.pk).update(figures={"wanted": 0}), kept.delete):
        with pytest.raises(DatabaseError, match="kept for ever"), transaction.atomic():
            change()


def test_a_business_date_has_the_version_that_was_live_then() -> None:
    first = live(1, DAY, live_until=DAY + timedelta(days=5), state=StrategyState.RETIRED)
    second = live(2, DAY + timedelta(days=5))
    version(3)
    assert [live_on(DAY + timedelta(days=n)) for n in (-1, 0, 4, 5, 99)] == [None, first, first, second, second]


def test_proposals_of_a_customer_come_newest_first_with_their_version() -> None:
    made = live(1, DAY)
    for n in range(3):
        Proposal.objects.create(
            business_date=DAY + timedelta(days=n), customer_id="C1", sequence=n, account_id="A1", channel="sms", version=made,
            fingerprint=made.fingerprint, arm="champion", decision="d", rule=1, state="proposed",
        )  # fmt: skip
    found = proposals_of("C1", limit=2)
    assert [each.business_date for each in found] == [DAY + timedelta(days=2), DAY + timedelta(days=1)]
    assert found[0].version.title == "cards/1"
    assert proposals_of("C2") == []


# --- what a strategy is told of conduct ---------------------------------------------------------------------------


def point(customer_id: str, kind: str, **more: Any) -> UUID:
    made = ContactPoint.objects.create(
        point_id=uuid4(), customer_id=customer_id, kind=kind, key_id=1, sealed=b"", fingerprint=uuid4(),
        **({"party": "debtor"} | more),
    )  # fmt: skip
    return made.point_id


def learnt(customer_id: str, **more: Any) -> dict[str, Any]:
    return {"id": uuid4(), "customer_id": customer_id, "at": AT, "recorded_at": AT, "by": "wang"} | more


def reach() -> dict[str, tuple[Any, ...]]:
    """By customer: by phone, by text, by e-mail, by letter."""
    rows = conduct(DAY, at=AT + timedelta(hours=1), zone="Asia/Shanghai").to_pylist()
    return {row["customer_id"]: tuple(row[f"reach{name}"] for name in ("able", "_sms", "_email", "_letter")) for row in rows}


def test_a_strategy_is_told_which_channels_reach_a_customer() -> None:
    for kind in ("mobile", "email", "address"):
        point("C1", kind)
    point("C2", "phone")
    assert reach() == {"C1": (True, True, True, True), "C2": (True, False, False, False)}


@pytest.mark.parametrize("more", [{"valid": False}, {"absent_since": DAY}, {"party": "spouse"}])
def test_a_point_that_is_no_good_or_not_hers_does_not_reach_her(more: dict[str, Any]) -> None:
    point("C1", "mobile", **more)
    point("C1", "address")
    assert reach() == {"C1": (False, False, False, True)}


def test_a_number_found_wrong_or_a_channel_refused_does_not_reach_her() -> None:
    PointFinding.objects.create(**learnt("C1", kind="wrong_number", point_id=point("C1", "mobile")))
    point("C1", "phone")
    OptOut.objects.create(**learnt("C2", channel="sms", written=False))
    point("C2", "mobile")
    assert reach() == {"C1": (True, False, False, False), "C2": (True, False, False, False)}


def test_who_has_no_point_on_file_is_not_said_to_be_out_of_reach() -> None:
    OptOut.objects.create(**learnt("C1", channel="sms", written=False))
    assert reach() == {}
