"""The acts on members of staff: taking somebody in.

Knows who may be taken in and what is left in the house's chain. Does not know how somebody signs in: that is Django's.
"""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import translation

from anhuan.portfolio.feed import Sentence
from anhuan.records import events
from anhuan.records.staff import Role, Staff


def create_staff(*, username: str, password: str, role: str, language: str, at: datetime, by: str) -> Sentence | None:
    """Take in a member of staff who signs in as `username`; None, or the sentence why it was refused.

    `role` is one of `Role`, `language` what the pages speak to them ("zh-hans" or "en"). Leaves the event
    `staff.created`, without the password.
    """
    staff = Staff(username=username, role=role, language=language)
    refused = _unfit(staff, password)
    if refused is not None:
        return refused
    staff.set_password(password)
    try:
        with transaction.atomic():
            staff.save(force_insert=True)
            body = {"username": username, "role": role, "language": language}
            events.append(chain=events.HOUSE, kind="staff.created", body=body, at=at, by=by)
    except IntegrityError:
        return Sentence("staff_exists", f"用户名 {username} 已被使用。", f"The user name {username} is taken.")
    return None


def _unfit(staff: Staff, password: str) -> Sentence | None:
    if staff.role not in Role.values:
        roles = ", ".join(Role.values)
        return Sentence("staff_role", f"角色应为 {roles} 之一。", f"The role is one of {roles}.")
    zh, en = (_objections(staff, password, language) for language in ("zh-hans", "en"))
    return Sentence("staff_unfit", zh, en) if en else None


def _objections(staff: Staff, password: str, language: str) -> str:
    """Everything Django has to say against the name and the password, in one language; empty: nothing."""
    said: list[str] = []
    with translation.override(language):
        try:
            staff.clean_fields(exclude=["password"])
        except ValidationError as failure:
            said += failure.messages
        try:
            validate_password(password, staff)
        except ValidationError as failure:
            said += failure.messages
    return " ".join(said)
