"""Signing in and staying signed in: passwords, lock-out, the second factor, idle and ended sessions, one's own account."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_otp.oath import TOTP

from anhuan import clock
from anhuan.acts import sign_in
from anhuan.records.events import Event
from anhuan.records.sign_in import RecoveryCode, SecondFactor, SignIn, second_factor
from anhuan.records.staff import Staff

pytestmark = pytest.mark.django_db

PASSWORD = "open-the-desk-2026"
NOT_IT = "open-the-door-2026"


@pytest.fixture
def wang(client: Client) -> Staff:
    client.cookies["anhuan-language"] = "en"
    return Staff.objects.create_user("wang", password=PASSWORD, role="collector")


def knock(client: Client, password: str = PASSWORD, **more: Any) -> Any:
    return client.post("/login/", {"username": "wang", "password": password}, **more)


def app_code(factor: SecondFactor, *, steps: int = 0) -> str:
    """What the phone shows now, or so many half minutes later."""
    shown = TOTP(factor.secret())
    shown.drift = steps
    return f"{shown.token():06}"


def with_factor(staff: Staff) -> tuple[SecondFactor, list[str]]:
    """A second factor set up a while ago: the code it was confirmed with does not stand in the way."""
    drawn = sign_in.draw(staff, at=clock.now())
    codes = sign_in.confirm(staff, app_code(drawn), at=clock.now(), by=staff.username)
    assert isinstance(codes, list)
    SecondFactor.objects.update(last_step=-1)
    return second_factor(staff), codes


# --- Passwords


def test_new_passwords_are_hashed_by_argon2_and_old_ones_still_fit(settings: Any, client: Client, wang: Staff) -> None:
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.Argon2PasswordHasher",
        "django.contrib.auth.hashers.MD5PasswordHasher",
    ]
    assert knock(client).status_code == 302
    wang.refresh_from_db()
    assert wang.password.startswith("argon2$argon2id$"), "hashed afresh at the sign-in"


def test_a_sign_in_is_kept_with_its_event_and_a_wrong_password_is_told_nothing(client: Client, wang: Staff) -> None:
    assert "do not match" in knock(client, NOT_IT).content.decode()
    assert knock(client, REMOTE_ADDR="10.1.2.3", HTTP_USER_AGENT="Firefox").url == "/work/"
    kept = SignIn.objects.get()
    assert (kept.staff, kept.address, kept.agent, kept.ended_at) == (wang, "10.1.2.3", "Firefox", None)
    assert list(Event.objects.values_list("kind", "by", "body")) == [
        ("staff.signed_in", "wang", {"username": "wang", "sign_in": kept.pk})
    ]


def test_five_failures_lock_a_user_out_from_that_address_and_the_page_says_until_when(client: Client, wang: Staff) -> None:
    for _ in range(4):
        assert knock(client, NOT_IT).status_code == 200
    locked = knock(client, NOT_IT)
    assert locked.status_code == 429
    said = re.search(r"until (\d{4}-\d\d-\d\d \d\d:\d\d)", locked.content.decode())
    assert said
    assert knock(client).status_code == 429, "the right password comes too late"
    assert Event.objects.get(kind="staff.locked_out").body == {"username": "wang"}
    assert "_auth_user_id" not in client.session
    assert knock(Client(), REMOTE_ADDR="10.9.9.9").status_code == 302, "who guesses elsewhere keeps nobody from her desk"
    AccessAttempt.objects.update(attempt_time=AccessAttempt.objects.get().attempt_time - timedelta(minutes=16))
    assert knock(client).status_code == 302
    assert not AccessAttempt.objects.filter(ip_address="127.0.0.1").exists(), "a sign-in begins the count anew"


def test_a_failure_keeps_neither_password_nor_code(client: Client, wang: Staff) -> None:
    knock(client, NOT_IT)
    assert NOT_IT not in str(AccessAttempt.objects.values().get())


def test_the_proxy_on_this_machine_is_believed_about_the_address_and_nobody_else(client: Client, wang: Staff) -> None:
    knock(client, REMOTE_ADDR="127.0.0.1", HTTP_X_FORWARDED_FOR="6.6.6.6, 10.0.0.7")
    knock(Client(), REMOTE_ADDR="10.0.0.8", HTTP_X_FORWARDED_FOR="10.0.0.7")
    assert list(SignIn.objects.order_by("pk").values_list("address", flat=True)) == ["10.0.0.7", "10.0.0.8"]


# --- The second factor


def test_who_may_see_people_in_clear_sets_up_a_second_factor_before_she_is_let_in(
    settings: Any, client: Client, wang: Staff
) -> None:
    settings.ANHUAN_SECOND_FACTOR = True
    assert knock(client).url == reverse("second_factor_setup")
    page = client.get(reverse("second_factor_setup"))
    assert "data:image/svg+xml" in page.content.decode()
    assert client.get("/cases/").status_code == 302, "nobody is in yet"
    drawn = SecondFactor.objects.get()
    assert drawn.base32().replace(" ", "").encode() not in bytes(drawn.sealed), "the secret is sealed"
    assert client.post(reverse("second_factor_setup"), {"code": "000000"}).status_code == 422
    SecondFactor.objects.update(throttling_failure_count=0)
    shown = client.post(reverse("second_factor_setup"), {"code": app_code(drawn)})
    assert len(re.findall(r"<code>[A-Z2-7-]{19}</code>", shown.content.decode())) == 10
    assert client.get("/cases/").status_code == 200
    assert not Event.objects.filter(kind="staff.second_factor_set").get().body.get("codes")


@pytest.mark.parametrize("role", ["strategy", "auditor"])
def test_who_sees_nobody_in_clear_needs_none(settings: Any, client: Client, wang: Staff, role: str) -> None:
    settings.ANHUAN_SECOND_FACTOR = True
    Staff.objects.update(role=role)
    assert knock(client).url == "/"


def test_a_password_alone_lets_nobody_in_who_has_a_second_factor_and_a_code_fits_once(client: Client, wang: Staff) -> None:
    factor, _codes = with_factor(wang)
    assert knock(client).url == reverse("second_factor")
    assert client.get("/").status_code == 302
    code = app_code(factor)
    assert client.post(reverse("second_factor"), {"code": code}).url == "/work/"
    assert client.get("/").status_code == 200
    other = Client()
    knock(other)
    assert other.post(reverse("second_factor"), {"code": code}).status_code == 422, "overheard too late"
    assert not sign_in.passes(wang, "１２３４５６", at=clock.now()), "digits are the ten of ASCII"


def test_wrong_codes_wait_and_lock_out_like_wrong_passwords(
    monkeypatch: pytest.MonkeyPatch, client: Client, wang: Staff
) -> None:
    moment = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: moment)  # however long the codes take, no wait is over
    factor, _codes = with_factor(wang)
    knock(client)
    for _ in range(4):
        assert client.post(reverse("second_factor"), {"code": "000000"}).status_code == 422
    assert client.post(reverse("second_factor"), {"code": app_code(factor)}).status_code == 429, "the app's own one, too soon"
    assert client.post(reverse("second_factor"), {"code": app_code(factor)}).status_code == 429
    assert "_auth_user_id" not in client.session


def test_a_recovery_code_lets_in_once_and_only_its_hash_is_kept(client: Client, wang: Staff) -> None:
    _factor, codes = with_factor(wang)
    assert codes[0].encode() not in b"".join(bytes(digest) for digest in RecoveryCode.objects.values_list("digest", flat=True))
    knock(client)
    assert client.post(reverse("second_factor"), {"code": codes[0].lower()}).url == "/work/"
    assert Event.objects.get(kind="staff.recovery_code_used").body == {"username": "wang", "left": 9}
    assert not sign_in.passes(wang, codes[0], at=clock.now())


def test_a_second_factor_of_ones_own_can_be_given_up_only_where_it_is_a_choice(
    settings: Any, client: Client, wang: Staff
) -> None:
    knock(client)
    _factor, codes = with_factor(wang)
    assert client.post(reverse("second_factor_off"), {"code": "000000"}).status_code == 302
    assert second_factor(wang) is not None
    settings.ANHUAN_SECOND_FACTOR = True
    assert client.post(reverse("second_factor_off"), {"code": codes[0]}).status_code == 403
    settings.ANHUAN_SECOND_FACTOR = False
    SecondFactor.objects.update(throttling_failure_count=0)
    client.post(reverse("second_factor_off"), {"code": codes[0]})
    assert second_factor(wang) is None
    assert not RecoveryCode.objects.exists()


def test_another_phone_takes_the_place_of_the_first_only_for_a_code_of_the_first(client: Client, wang: Staff) -> None:
    knock(client)
    first, codes = with_factor(wang)
    setup = reverse("second_factor_setup")
    client.get(setup)
    drawn = SecondFactor.objects.get(confirmed=False)
    assert client.post(setup, {"code": app_code(drawn)}).status_code == 422
    assert second_factor(wang) == first
    SecondFactor.objects.update(throttling_failure_count=0)
    assert client.post(setup, {"code": app_code(drawn), "old": codes[0]}).status_code == 200
    assert second_factor(wang) == drawn


# --- Sessions


def later(monkeypatch: pytest.MonkeyPatch, ahead: timedelta) -> None:
    now = clock.now() + ahead
    monkeypatch.setattr(clock, "now", lambda: now)


def test_a_session_without_a_hand_on_it_ends_and_a_part_of_a_page_takes_the_whole_page_along(
    client: Client, wang: Staff, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    knock(client)
    later(monkeypatch, settings.ANHUAN_IDLE - timedelta(minutes=1))
    assert client.get("/account/").status_code == 200
    later(monkeypatch, settings.ANHUAN_IDLE - timedelta(minutes=1))
    assert client.get("/account/").status_code == 200, "each page is a sign of life"
    later(monkeypatch, timedelta(minutes=2))
    assert client.get("/account/", headers={"X-Unattended": "1"}).status_code == 200, (
        "asked by the page itself: no sign of life"
    )
    later(monkeypatch, settings.ANHUAN_IDLE - timedelta(minutes=1))
    ended = client.get("/outbox/", headers={"HX-Request": "true"})
    assert (ended.status_code, ended["HX-Redirect"]) == (204, "/login/")
    assert "nothing was done for a while" in client.get("/login/").content.decode()
    assert SignIn.objects.get().ended_by == "system:idle"
    assert client.get("/account/").url == "/login/?next=/account/"


def test_a_session_lasts_so_long_however_busy_it_is(
    client: Client, wang: Staff, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.ANHUAN_SESSION = timedelta(hours=5)
    knock(client)
    for _ in range(2):
        later(monkeypatch, timedelta(hours=2))
        assert client.get("/account/").status_code == 200
    later(monkeypatch, timedelta(hours=2))
    assert client.get("/account/").url == "/login/?next=/account/"
    assert SignIn.objects.get().ended_by == "system:age"


def test_a_sign_in_elsewhere_is_told_and_can_be_ended_from_here(
    client: Client, wang: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    knock(client)
    later(monkeypatch, timedelta(minutes=2))
    other = Client()
    knock(other, REMOTE_ADDR="10.3.3.3")
    later(monkeypatch, timedelta(minutes=2))
    assert "You signed in elsewhere" in client.get("/account/").content.decode()
    later(monkeypatch, timedelta(minutes=2))
    page = client.get("/account/").content.decode()
    assert "You signed in elsewhere" not in page, "told once"
    assert "10.3.3.3" in page
    there = SignIn.objects.get(address="10.3.3.3")
    assert client.post(reverse("session_end", args=[there.pk])).status_code == 302
    assert other.get("/account/").url.startswith("/login/")
    assert Session.objects.count() <= 2
    stranger = Staff.objects.create_user("zhao", password=PASSWORD, role="collector")
    hers = sign_in.begin(stranger, key="x", address="", agent="", at=clock.now())
    assert client.post(reverse("session_end", args=[hers.pk])).status_code == 404


def test_a_password_of_ones_own_is_changed_and_every_other_session_ends(client: Client, wang: Staff) -> None:
    other = Client()
    knock(client)
    knock(other)
    told = {"old": PASSWORD, "new": "a new and longer one", "again": "a new and longer one"}
    for wrong, sentence in (
        ({"old": NOT_IT}, "not that"), ({"again": "x"}, "differ"), ({"new": "short", "again": "short"}, "at least 12"),
        ({"new": PASSWORD, "again": PASSWORD}, "another one"),
    ):  # fmt: skip
        refused = client.post("/account/password/", told | wrong)
        assert (refused.status_code, sentence in refused.content.decode()) == (422, True)
    assert client.post("/account/password/", told).url == "/"
    assert client.get("/account/").status_code == 200
    assert other.get("/account/").url.startswith("/login/")
    event = Event.objects.get(kind="staff.password_changed")
    assert event.body == {"username": "wang"}


def test_a_temporary_password_is_changed_before_anything_else_is_seen(client: Client, wang: Staff) -> None:
    Staff.objects.update(password_temporary=True)
    knock(client)
    assert client.get("/cases/").url == "/account/password/"
    part = client.get("/outbox/", headers={"HX-Request": "true"})
    assert part["HX-Redirect"] == "/account/password/"
    assert "temporary password" in client.get("/account/password/").content.decode()
    client.post("/account/password/", {"old": PASSWORD, "new": "a new and longer one", "again": "a new and longer one"})
    assert client.get("/cases/").status_code == 200


def test_in_production_a_session_no_sign_in_of_ours_began_is_not_taken(settings: Any, client: Client, wang: Staff) -> None:
    client.force_login(wang)
    assert client.get("/account/").status_code == 200
    settings.ANHUAN_PRODUCTION = True
    assert client.get("/account/").url.startswith("/login/")
