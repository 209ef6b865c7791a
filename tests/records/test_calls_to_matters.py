"""What a call's wrap-up takes: a dispute with its day, hardship, and of illness no more than she agreed to."""

from __future__ import annotations

import pytest
from tests.flows import outgoing
from tests.records.desk import LAW, MORNING

from anhuan.acts import call as calls
from anhuan.acts.call import Disposition, Finished
from anhuan.records.call import Call, Way
from anhuan.records.customer import ContactPoint
from anhuan.records.dispute import Dispute
from anhuan.records.hardship import Hardship
from anhuan.records.hold import Hold
from anhuan.records.worklist import WorkItem

pytestmark = pytest.mark.django_db

BY, WHO = "collector", "C00000001"
RIGHT = {"birth_day": "0101", "card_tail": "0001", "name": "测试 1", "id_tail": "0000"}


@pytest.fixture(autouse=True)
def _customer() -> None:
    outgoing.customer(1)


def finished(result: str, **fields: str) -> None:
    point = ContactPoint.objects.get(customer_id=WHO, party="debtor")
    call = calls.begin(WHO, point_id=point.point_id, way=Way.BY_HAND, law=LAW, at=MORNING, by=BY)
    assert isinstance(call, Call), call
    assert calls.check_identity(call.call_id, RIGHT, at=MORNING, by=BY) == calls.Checked(True, 1)
    every = ("recorded", "who_calls", "creditor", "what_is_owed", "consequences", "rights")
    told = Disposition("OK", "RPC", result, fields=fields, ticked=every)
    answer = calls.finish(call.call_id, told, law=LAW, at=MORNING, by=BY)
    assert isinstance(answer, Finished), answer


def test_a_dispute_told_on_the_telephone_is_taken_with_its_hold_and_its_queue() -> None:
    finished("DIS", dispute_kind="paid")
    one = Dispute.objects.get()
    assert (one.kind, one.state, one.opened_by, one.due_on is not None) == ("paid", "open", BY, True)
    assert Hold.objects.get().pk == one.hold_id
    assert WorkItem.objects.get(pk=WHO).queue == "disputes"


def test_hardship_is_taken_and_illness_is_not_kept_without_her_consent() -> None:
    finished("HRD", hardship_kind="illness")
    one = Hardship.objects.get()
    assert (one.kind, one.consent_id) == ("other", None)
    assert WorkItem.objects.get(pk=WHO).queue == "hardship"
    assert Hold.objects.filter(kind="hardship").count() == 1
