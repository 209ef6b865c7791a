"""The acts on members of staff: taking in, changing, letting go, and what is reset for them; and on their teams.

Knows who may be taken in, that nobody changes her own standing, that somebody is always left who may do so, and what is kept in
the house's chain. Does not know how somebody signs in: that is `acts.sign_in`.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from anhuan.acts import sign_in
from anhuan.acts.worklist import house_queues
from anhuan.portfolio.feed import Sentence
from anhuan.records import events
from anhuan.records.staff import Right, Role, Skill, Staff, Team, roles_that_may

LANGUAGES = ("zh-hans", "en")
# What somebody may speak to customers: primary subtags of BCP 47, as a customer's language begins.
SPOKEN = ("zh", "yue", "en", "ug", "bo", "mn", "ko", "ja", "es")


def create_staff(
    *,
    username: str,
    password: str,
    role: str,
    language: str,
    at: datetime,
    by: str,
    team: str = "",
    skills: Collection[str] = (),
    speaks: Collection[str] = (),
    temporary: bool = False,
) -> Sentence | None:
    """Take in a member of staff who signs in as `username`; None, or the sentence why it was refused.

    `role` is one of `Role`, `language` what the pages speak to them ("zh-hans" or "en"), `team` a team's name. A `temporary`
    password must be changed at the first sign-in. Leaves the event `staff.created`, without the password.
    """
    staff = Staff(username=username, role=role, language=language, password_temporary=temporary)
    refused = _standing(staff, role=role, team=team, skills=skills, speaks=speaks) or _unfit(staff, password)
    if refused is not None:
        return refused
    staff.set_password(password)
    try:
        with transaction.atomic():
            staff.save(force_insert=True)
            body = {"username": username, "role": role, "language": language}
            body |= {name: value for name, value in _told(staff).items() if value and name not in body}
            events.append(chain=events.HOUSE, kind="staff.created", body=body, at=at, by=by)
    except IntegrityError:
        return Sentence("staff_exists", f"用户名 {username} 已被使用。", f"The user name {username} is taken.")
    return None


def change_staff(
    username: str,
    *,
    at: datetime,
    by: str,
    role: str | None = None,
    team: str | None = None,
    skills: Collection[str] | None = None,
    speaks: Collection[str] | None = None,
) -> Staff | Sentence:
    """Change somebody's standing; what is None stays, an empty team is none. Leaves `staff.changed` with before and after.

    Who changes nothing leaves nothing.
    """
    with transaction.atomic():
        staff = _held(username)
        if isinstance(staff, Sentence):
            return staff
        before = _told(staff)
        refused = _standing(
            staff, role=staff.role if role is None else role,
            team=(staff.team.name if staff.team else "") if team is None else team,
            skills=staff.skills if skills is None else skills, speaks=staff.speaks if speaks is None else speaks,
        )  # fmt: skip
        if refused is not None:
            return refused
        after = _told(staff)
        changed = {name: [before[name], after[name]] for name in after if before[name] != after[name]}
        if changed and username == by:
            return _own()
        if "role" in changed and _was_the_last(staff, before["role"]):
            return _last()
        if changed:
            staff.save(update_fields=["role", "team", "skills", "speaks"])
            events.append(
                chain=events.HOUSE, kind="staff.changed", body={"username": username, "changed": changed}, at=at, by=by
            )
    return staff


def deactivate(username: str, *, at: datetime, by: str) -> Staff | Sentence:
    """Let somebody go: she may nothing from now on, and her sessions end. What she did stays signed with her name."""
    with transaction.atomic():
        staff = _another(username, by=by)
        if isinstance(staff, Sentence):
            return staff
        if staff.is_active and _was_the_last(staff, staff.role):
            return _last()
        if staff.is_active:
            _set_active(staff, to=False, at=at, by=by)
            sign_in.end_all(staff, at=at, by=by)
    return staff


def reactivate(username: str, *, at: datetime, by: str) -> Staff | Sentence:
    """Take somebody in again who was let go."""
    with transaction.atomic():
        staff = _another(username, by=by)
        if isinstance(staff, Sentence):
            return staff
        if not staff.is_active:
            _set_active(staff, to=True, at=at, by=by)
    return staff


def _set_active(staff: Staff, *, to: bool, at: datetime, by: str) -> None:
    staff.is_active = to
    staff.save(update_fields=["is_active"])
    kind = "staff.reactivated" if to else "staff.deactivated"
    events.append(chain=events.HOUSE, kind=kind, body={"username": staff.get_username()}, at=at, by=by)


def give_password(username: str, *, at: datetime, by: str) -> str | Sentence:
    """A temporary password for somebody who forgot hers, told this once; her sessions end. She must change it first of all."""
    with transaction.atomic():
        staff = _another(username, by=by)
        if isinstance(staff, Sentence):
            return staff
        password = new_password()
        staff.set_password(password)
        staff.password_temporary = True
        staff.save(update_fields=["password", "password_temporary"])
        events.append(chain=events.HOUSE, kind="staff.password_reset", body={"username": username}, at=at, by=by)
        sign_in.end_all(staff, at=at, by=by)
    return password


def reset_second_factor(username: str, *, at: datetime, by: str) -> Staff | Sentence:
    """Take away somebody's second factor, whose phone is lost: she sets up another at her next sign-in; her sessions end."""
    with transaction.atomic():
        staff = _another(username, by=by)
        if isinstance(staff, Sentence):
            return staff
        sign_in.give_up(staff, at=at, by=by)
        sign_in.end_all(staff, at=at, by=by)
    return staff


def change_password(staff: Staff, old: str, new: str, *, at: datetime, by: str) -> Sentence | None:
    """Somebody changes her own password; None, or why not. Leaves `staff.password_changed`."""
    if not staff.check_password(old):
        return Sentence("password_wrong", "现用密码不对。", "The present password is not that.")
    if old == new:
        return Sentence("password_same", "新密码须与现用密码不同。", "The new password must be another one.")
    refused = _unfit(staff, new)
    if refused is not None:
        return refused
    with transaction.atomic():
        staff.set_password(new)
        staff.password_temporary = False
        staff.save(update_fields=["password", "password_temporary"])
        body = {"username": staff.get_username()}
        events.append(chain=events.HOUSE, kind="staff.password_changed", body=body, at=at, by=by)
    return None


def new_password() -> str:
    """A password nobody has had before, easy to read out: four groups of five letters and digits."""
    signs = [sign for sign in string.ascii_lowercase + string.digits if sign not in "0o1l"]
    return "-".join("".join(secrets.choice(signs) for _ in range(5)) for _ in range(4))


# --- teams --------------------------------------------------------------------------------------------------------


def save_team(
    name: str, *, queues: Collection[str], lead: str, at: datetime, by: str, pk: int | None = None
) -> Team | Sentence:
    """Make a team, or change the one with `pk`. Leaves `team.created` or `team.changed`."""
    name = " ".join(name.split())
    if not 0 < len(name) <= 60:
        return Sentence("team_name", "请写团队名称，最多 60 字。", "A team needs a name, of 60 characters at most.")
    leader = Staff.objects.filter(username=lead, is_active=True).first() if lead else None
    if lead and leader is None:
        return _unknown(lead)
    team = Team.objects.filter(pk=pk).first() if pk else Team()
    if team is None:
        return Sentence("team_unknown", "没有这个团队。", "There is no such team.")
    if unknown := sorted(set(queues) - set(house_queues()) - set(team.queues)):
        words = ", ".join(house_queues())
        return Sentence("team_queue", f"没有队列“{unknown[0]}”；应为 {words}。", f"No queue {unknown[0]!r}; there are {words}.")
    team.name, team.queues, team.lead = name, sorted(set(queues)), leader
    try:
        with transaction.atomic():
            team.save()
            body = {"team": team.pk, "name": name, "queues": team.queues, "lead": lead}
            kind = "team.changed" if pk else "team.created"
            events.append(chain=events.HOUSE, kind=kind, body=body, at=at, by=by)
    except IntegrityError:
        return Sentence("team_exists", f"团队 {name} 已存在。", f"There is a team {name} already.")
    return team


# --- what is checked ----------------------------------------------------------------------------------------------


def _held(username: str) -> Staff | Sentence:
    return Staff.objects.select_for_update(of=("self",)).select_related("team").filter(username=username).first() or _unknown(
        username
    )


def _another(username: str, *, by: str) -> Staff | Sentence:
    """Somebody else than whoever acts: nobody changes her own standing."""
    staff = _held(username)
    return _own() if isinstance(staff, Staff) and username == by else staff


def _standing(staff: Staff, *, role: str, team: str, skills: Collection[str], speaks: Collection[str]) -> Sentence | None:
    """Put a standing on `staff`, unsaved, or say what is wrong with it."""
    if role not in Role.values:
        roles = ", ".join(Role.values)
        return Sentence("staff_role", f"角色应为 {roles} 之一。", f"The role is one of {roles}.")
    for given, known, code, zh, en in (
        (skills, set(Skill.values), "staff_skill", "技能", "skill"),
        (speaks, set(SPOKEN), "staff_speaks", "语言", "language"),
    ):
        if unknown := sorted(set(given) - known):
            words = ", ".join(sorted(known))
            return Sentence(code, f"没有{zh}“{unknown[0]}”；应为 {words}。", f"No {en} {unknown[0]!r}; there are {words}.")
    found = Team.objects.filter(name=team).first() if team else None
    if team and found is None:
        return Sentence("staff_team", f"没有团队“{team}”。", f"There is no team {team!r}.")
    staff.role, staff.team, staff.skills, staff.speaks = role, found, sorted(set(skills)), sorted(set(speaks))
    return None


def _told(staff: Staff) -> dict[str, Any]:
    team = staff.team.name if staff.team else ""
    return {"role": staff.role, "team": team, "skills": list(staff.skills), "speaks": list(staff.speaks)}


def _was_the_last(staff: Staff, role: str) -> bool:
    """Whether nobody else is left of a role that takes in staff. All of them are locked, so that two cannot leave at once."""
    keepers = roles_that_may(Right.PEOPLE)
    if role not in keepers or not staff.is_active:
        return False
    held = Staff.objects.select_for_update(of=("self",)).filter(role__in=keepers, is_active=True).order_by("pk")
    return [one.pk for one in held if one.pk != staff.pk] == []


def _unknown(username: str) -> Sentence:
    return Sentence("staff_unknown", f"没有用户 {username}。", f"There is no user {username}.")


def _own() -> Sentence:
    return Sentence(
        "staff_own", "不能变更自己的角色和权限，请由他人办理。", "Nobody changes her own standing; let another do it."
    )


def _last() -> Sentence:
    return Sentence(
        "staff_last",
        "这是最后一名可管理人员的用户，须先有人接手。",
        "Nobody else could take in staff then; appoint another first.",
    )


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
    """Everything there is to say against the name and the password; None: nothing."""
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
