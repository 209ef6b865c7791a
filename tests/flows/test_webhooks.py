"""What machines tell is signed, taken once, and acted on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from tests.flows import outgoing
from tests.flows.outgoing import MORNING
from tests.records import desk

from anhuan import clock
from anhuan.acts import call as leading
from anhuan.channels.email.envelope import Envelope
from anhuan.inbound import signed
from anhuan.inbound.signed import new_secret, signature
from anhuan.records.call import Call, Way
from anhuan.records.circumstance import PointFinding
from anhuan.records.consent import OptOut
from anhuan.records.contact import Contact
from anhuan.records.customer import ContactPoint
from anhuan.records.events import Event
from anhuan.records.outbox import ItemState, OutboxItem

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "secrets").mkdir()
    monkeypatch.setattr(settings, "ANHUAN_HOME", tmp_path)
    monkeypatch.setattr(clock, "now", lambda: MORNING)
    yield
    desk.empty_cards()


def post(source: str, told: Any, *, id_: str = "m1", age: int = 0, secret: str | None = None) -> Any:
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    stamp = str(int(datetime.now(UTC).timestamp()) - age)
    key = secret or (Path(settings.ANHUAN_HOME) / "secrets" / f"hook_{source}").read_text().strip()
    made = signature(signed.base64.b64decode(key.removeprefix("whsec_")), id_, stamp, body)
    headers = {"webhook-id": id_, "webhook-timestamp": stamp, "webhook-signature": f"v1,AAAA {made}"}
    answer = Client().post(f"/hooks/{source}", body, content_type="application/json", headers=headers)
    return answer.status_code, answer.json()


def payment(account: str, **told: Any) -> dict[str, Any]:
    return {
        "payments": [
            {"payment_id": "P1", "account_id": account, "amount_minor": 32506, "currency": "CNY", "effective_on": "2026-11-23"} | told
        ]
    }  # fmt: skip


def test_a_source_without_a_secret_does_not_exist() -> None:
    assert post("payments", {}, secret="whsec_AAAA")[0] == 404


def test_a_message_signed_by_somebody_else_or_long_ago_is_not_taken() -> None:
    new_secret("payments")
    assert post("payments", payment("A1"), secret="whsec_AAAA")[1]["error"]["code"] == "signature"
    assert post("payments", payment("A1"), age=301)[1]["error"]["code"] == "stale"
    assert post("payments", payment("A1"), age=-301)[1]["error"]["code"] == "stale"
    assert post("payments", payment("A1"))[0] == 200


def test_a_payment_stops_the_reminder_that_waits_and_is_taken_once() -> None:
    new_secret("payments")
    payer, other = outgoing.customer(1), outgoing.customer(2)
    outgoing.night([payer, other])
    assert post("payments", payment("A00000001"))[1] == {"new": 1, "known": 0, "stopped": 1, "unknown_accounts": 0}
    assert post("payments", payment("A00000001"))[1] == {"taken_before": True}
    assert post("payments", payment("A00000001"), id_="m2")[1] == {"new": 0, "known": 1, "stopped": 0, "unknown_accounts": 0}
    assert dict(OutboxItem.objects.values_list("customer_id", "state")) == {payer: ItemState.STOPPED, other: ItemState.WAITING}
    assert Event.objects.get(chain=payer, kind="payment.announced").body == {"payments": ["P1"], "stopped": 1}


@pytest.mark.parametrize(
    ("told", "field"),
    [({"amount_minor": "1"}, "amount_minor"), ({"currency": "XXX?"}, "currency"), ({"effective_on": "tomorrow"}, "effective_on"),
     ({"payment_id": ""}, "payment_id")],
)  # fmt: skip
def test_a_field_that_cannot_be_read_is_named_and_nothing_is_taken(told: dict[str, Any], field: str) -> None:
    new_secret("payments")
    status, answer = post("payments", payment("A1", **told))
    assert status == 422
    assert field in answer["error"]["message_en"]
    assert post("payments", payment("A1"))[1]["new"] == 1  # the same id, for it was not taken


def test_figures_are_told_to_whoever_shows_the_token_and_name_nobody() -> None:
    token = Path(settings.ANHUAN_HOME) / "secrets" / "metrics_token"
    assert Client().get("/metrics").status_code == 404
    token.write_text("s3cret\n")
    assert Client().get("/metrics").status_code == 401
    outgoing.night([outgoing.customer(1), outgoing.customer(2)])
    told = Client().get("/metrics", headers={"authorization": "Bearer s3cret"}).content.decode()
    assert 'anhuan_outbox_messages{channel="sms",state="waiting"} 2.0' in told
    assert "anhuan_last_night_days 1.0" in told
    assert "C00000001" not in told


def test_a_dialler_tells_how_a_call_went_and_what_its_keys_meant() -> None:
    new_secret("calls")
    customer, attempt = outgoing.called(1)
    told = {"calls": [{"attempt_id": attempt, "line_result": "connected", "meant": "wrong_person", "at": MORNING.isoformat()}]}
    assert post("calls", told) == (200, {"taken": 1})
    call = Contact.objects.get(direction="outbound")
    assert (call.state, call.line_result) == ("completed", "connected")
    assert [(f.customer_id, f.kind) for f in PointFinding.objects.all()] == [(customer, "wrong_number")]
    assert post("calls", {"calls": [{"attempt_id": attempt, "line_result": "fine"}]}, id_="m2")[0] == 422


def test_a_dialler_tells_the_line_of_a_call_that_a_collector_still_leads() -> None:
    new_secret("calls")
    customer = outgoing.customer(1)
    point = ContactPoint.objects.get(customer_id=customer)
    call = leading.begin(customer, point_id=point.pk, way=Way.BY_HAND, law=desk.LAW, at=MORNING, by="collector")
    assert isinstance(call, Call)
    told = {"attempt_id": str(call.contact_id), "line_result": "busy"}
    assert post("calls", {"calls": [told, {"attempt_id": "another's", "line_result": "busy"}]}) == (200, {"taken": 1})
    call.refresh_from_db()
    assert (call.draft, call.closed_at) == ({"reported": "LB"}, None)
    assert Contact.objects.get().state == "started"


# --- links of mails -----------------------------------------------------------------------------------------------


def test_following_the_link_changes_nothing_and_a_post_ends_the_mails_to_that_address(tmp_path: Path) -> None:
    (tmp_path / "channels.yaml").write_text(
        "email: {transport: smtp, host: localhost, sender: Bank <a@bank.example>, return_domain: mail.bank.example,"
        " return_secret: 0123456789abcdef, unsubscribe: 'https://bank.example/unsubscribe/{token}'}\n"
    )
    customer, attempt = outgoing.mailed(1)
    token = Envelope("mail.bank.example", "0123456789abcdef").token(attempt)
    assert Client().get("/unsubscribe/nonsense").status_code == 404
    assert "按下按钮" in Client().get(f"/unsubscribe/{token}").content.decode()
    assert not OptOut.objects.exists()
    for _ in range(2):
        assert "已退订" in Client().post(f"/unsubscribe/{token}", {"List-Unsubscribe": "One-Click"}).content.decode()
    assert [(o.customer_id, o.channel) for o in OptOut.objects.all()] == [(customer, "email")]


def test_a_mail_that_came_back_ends_the_use_of_that_mailbox(tmp_path: Path) -> None:
    new_secret("bounces")
    outgoing.mailed(1)
    report = (
        "From: MAILER-DAEMON@x.example\nSubject: failed\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n"
        "\n--b\nContent-Type: text/plain\n\nno such user\n--b\nContent-Type: message/delivery-status\n\n"
        "Reporting-MTA: dns; x.example\n\nFinal-Recipient: rfc822; c1@mail.example\nAction: failed\nStatus: 5.1.1\n"
        "Diagnostic-Code: smtp; 550 5.1.1 no such user\n\n--b--\n"
    )
    mail = report.replace("\n", "\r\n").encode()
    status, answer = post("bounces", mail)
    assert (status, answer["recipients"][0]["action"]) == (200, "invalidate")
    assert PointFinding.objects.get().kind == "unreachable"
