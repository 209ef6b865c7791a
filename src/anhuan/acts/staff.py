"""The acts on members of staff: taking somebody in.

Knows who may be taken in and what is left in the house's chain. Does not know how somebody signs in: that is Django's.
"""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

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


# By the code of Django's validator. Django speaks both languages, too, but its Chinese has gaps.
_OBJECTIONS = {
    "password_too_short": ("密码至少应有 {min_length} 位。", "The password needs at least {min_length} characters."),
    "password_too_common": ("密码过于常见。", "The password is too common."),
    "password_entirely_numeric": ("密码不能全是数字。", "The password must not be digits alone."),
    "password_too_similar": ("密码与用户名过于相似。", "The password is too much like the user name."),
    "max_length": ("用户名过长。", "The user name is too long."),
    "blank": ("用户名不能为空。", "The user name is missing."),
    "invalid": ("用户名只能含字母、数字和 @ . + - _。", "The user name may hold letters, digits and @ . + - _ only."),
}


def _unfit(staff: Staff, password: str) -> Sentence | None:
    """Everything there is to say against the role, the name and the password; None: nothing."""
    if staff.role not in Role.values:
        roles = ", ".join(Role.values)
        return Sentence("staff_role", f"角色应为 {roles} 之一。", f"The role is one of {roles}.")
    failures: list[ValidationError] = []
    for check in (_check_name, validate_password):
        try:
            check(password, staff)
        except ValidationError as failure:
            failures += failure.error_list
    said = [tuple(text.format(**(f.params or {})) for text in _OBJECTIONS[f.code or "invalid"]) for f in failures]
    if not said:
        return None
    zh, en = zip(*said, strict=True)
    return Sentence("staff_unfit", "".join(zh), " ".join(en))


def _check_name(_password: str, staff: Staff) -> None:
    try:
        staff.clean_fields(exclude=["password"])
    except ValidationError as failure:
        raise ValidationError([one for several in failure.error_dict.values() for one in several]) from failure
