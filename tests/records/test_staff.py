"""Taking in a member of staff."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from anhuan.acts.staff import create_staff
from anhuan.records.events import HOUSE, Event
from anhuan.records.staff import RIGHTS, Right, Role, Staff, roles_that_may
from anhuan.workbench import words

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 20, 1, tzinfo=UTC)
GOOD = "correct horse battery"


def take_in(username: str = "wang", password: str = GOOD, role: str = "operations") -> object:
    return create_staff(username=username, password=password, role=role, language="en", at=AT, by="system:cli")


def test_a_member_of_staff_is_taken_in_with_an_event_that_holds_no_password() -> None:
    assert take_in() is None
    staff = Staff.objects.get()
    assert staff.check_password(GOOD)
    assert (staff.role, staff.language, staff.is_active, staff.is_superuser) == ("operations", "en", True, False)
    event = Event.objects.get()
    assert (event.chain, event.kind, event.at, event.by) == (HOUSE, "staff.created", AT, "system:cli")
    assert event.body == {"username": "wang", "role": "operations", "language": "en"}


@pytest.mark.parametrize(
    ("username", "password", "role", "code"),
    [
        ("wang", GOOD, "king", "staff_role"),
        ("wang", "short", "operations", "staff_unfit"),
        ("no spaces", GOOD, "auditor", "staff_unfit"),
    ],
)
def test_who_is_unfit_is_refused_in_both_languages_and_nothing_is_written(
    username: str, password: str, role: str, code: str
) -> None:
    refused = take_in(username, password, role)
    assert refused is not None
    assert refused.code == code  # type: ignore[attr-defined]
    assert any("\u4e00" <= sign <= "\u9fff" for sign in refused.zh)  # type: ignore[attr-defined]
    assert not any("\u4e00" <= sign <= "\u9fff" for sign in refused.en)  # type: ignore[attr-defined]
    assert not Staff.objects.exists()
    assert not Event.objects.exists()


def test_a_user_name_is_taken_once() -> None:
    take_in()
    refused = take_in()
    assert refused is not None
    assert refused.code == "staff_exists"  # type: ignore[attr-defined]
    assert Staff.objects.count() == Event.objects.count() == 1


@pytest.mark.parametrize(
    ("role", "rights"),
    [
        ("collector", {"read", "reveal", "work"}),
        ("senior", {"read", "reveal", "work"}),
        ("supervisor", {"read", "reveal", "work", "grant", "supervise"}),
        ("strategy", {"read", "sign"}),
        ("operations", {"read", "reveal", "sign", "post", "people"}),
        ("compliance", {"read", "reveal", "sign", "decide", "watch"}),
        ("auditor", {"read", "watch"}),
        ("", set()),
    ],
)
def test_a_role_lets_its_bearer_do_what_the_table_says_while_she_is_here(role: str, rights: set[str]) -> None:
    for active in (True, False):
        staff = Staff(username="wang", role=role, is_active=active)
        assert {right.value for right in Right if staff.may(right)} == (rights if active else set())


def test_every_role_has_its_line_in_the_table_and_its_word_on_the_pages() -> None:
    assert RIGHTS.keys() == set(Role.values) == words.LABELS["role"].keys()
    assert roles_that_may(Right.GRANT) == {"supervisor"}
    assert take_in(role="compliance") is None
