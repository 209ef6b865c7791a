"""The acts of signing in: a session begins, goes on, ends; a second factor is drawn, confirmed, asked for, given up.

Knows what is kept of each, and that a session ends where Django keeps it. Does not know passwords or lock-out (Django's, and
django-axes'), nor who must have a second factor (`workbench.login`). No secret and no code enters an event.
"""

from __future__ import annotations

import base64
import os
import secrets
from datetime import datetime
from typing import Final

from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Q

from anhuan.portfolio.feed import Sentence
from anhuan.records import events
from anhuan.records.sign_in import RecoveryCode, SecondFactor, SignIn, digest_of, second_factor
from anhuan.records.staff import Staff

# Why a session ends when nobody says so.
ENDS: Final = frozenset({"idle", "age", "unknown", "ended"})
SECRET_BYTES = 20
CODES = 10


# --- sessions -----------------------------------------------------------------------------------------------------


def begin(staff: Staff, *, key: str, address: str, agent: str, at: datetime) -> SignIn:
    """Keep that a session began. Leaves the event `staff.signed_in`, without the address."""
    with transaction.atomic():
        made = SignIn.objects.create(
            staff=staff, session_key=key, begun_at=at, seen_at=at, told_at=at, address=address[:45], agent=agent[:200]
        )
        body = {"username": staff.get_username(), "sign_in": made.pk}
        events.append(chain=events.HOUSE, kind="staff.signed_in", body=body, at=at, by=staff.get_username())
    return made


def touch(pk: int, *, at: datetime) -> list[SignIn] | None:
    """A sign of life: the sign-ins of hers elsewhere of which she has not been told in this session; None: it was ended."""
    with transaction.atomic():
        found = SignIn.objects.select_for_update().filter(pk=pk, ended_at=None).first()
        if found is None:
            return None
        others = list(SignIn.objects.filter(staff_id=found.staff_id, begun_at__gt=found.told_at).exclude(pk=pk))
        SignIn.objects.filter(pk=pk).update(seen_at=at, told_at=max([at, *(other.begun_at for other in others)]))
    return others


def moved(pk: int, *, key: str) -> None:
    """Django gave a session another key, as it does when a password changes."""
    SignIn.objects.filter(pk=pk).update(session_key=key)


def end(pk: int, *, why: str, at: datetime, by: str) -> bool:
    """End one session; whether there was one. `why` is of ENDS, or empty when `by` asked for it."""
    return bool(_end(Q(pk=pk), why=why, at=at, by=by))


def end_all(staff: Staff, *, at: datetime, by: str, but: int | None = None) -> int:
    """End every session of somebody, but one when it is named; how many there were."""
    return _end(Q(staff=staff) & ~Q(pk=but), why="", at=at, by=by)


def _end(which: Q, *, why: str, at: datetime, by: str) -> int:
    with transaction.atomic():
        open_ones = list(SignIn.objects.select_for_update(of=("self",)).filter(which, ended_at=None).select_related("staff"))
        Session.objects.filter(session_key__in=[one.session_key for one in open_ones if one.session_key]).delete()
        ended_by = f"system:{why}" if why else by
        SignIn.objects.filter(pk__in=[one.pk for one in open_ones]).update(ended_at=at, ended_by=ended_by, session_key="")
        for username in sorted({one.staff.get_username() for one in open_ones}):
            body = {"username": username, "sign_ins": sorted(one.pk for one in open_ones), "why": why}
            events.append(chain=events.HOUSE, kind="staff.sessions_ended", body=body, at=at, by=ended_by)
    return len(open_ones)


def locked_out(username: str, *, at: datetime) -> None:
    """Somebody failed to sign in too often. Leaves `staff.locked_out`, unless nobody has that name: it may be a password."""
    if Staff.objects.filter(username=username).exists():
        with transaction.atomic():
            events.append(chain=events.HOUSE, kind="staff.locked_out", body={"username": username}, at=at, by="system:door")


# --- the second factor --------------------------------------------------------------------------------------------


def draw(staff: Staff, *, at: datetime) -> SecondFactor:
    """The second factor somebody is about to set up: the one drawn before, unless it was given up meanwhile.

    It counts for nothing until `confirm`.
    """
    with transaction.atomic():
        Staff.objects.select_for_update().get(pk=staff.pk)
        drawn: SecondFactor | None = SecondFactor.objects.filter(user=staff, confirmed=False).first()
        if drawn is None:
            drawn = SecondFactor(user=staff, name="", confirmed=False, made_at=at)
            drawn.seal(os.urandom(SECRET_BYTES))
            drawn.save(force_insert=True)
    return drawn


def confirm(staff: Staff, token: str, *, at: datetime, by: str) -> list[str] | Sentence:
    """A first code fits: the drawn factor is hers from now on, an older one is gone. Her new recovery codes, told this once."""
    drawn = draw(staff, at=at)
    if not drawn.verify_token(token.replace(" ", "")):
        return _wrong()
    with transaction.atomic():
        SecondFactor.objects.filter(user=staff, confirmed=True).delete()
        SecondFactor.objects.filter(pk=drawn.pk).update(confirmed=True)
        body = {"username": staff.get_username()}
        events.append(chain=events.HOUSE, kind="staff.second_factor_set", body=body, at=at, by=by)
        return _codes(staff)


def passes(staff: Staff, token: str, *, at: datetime) -> bool:
    """Whether `token` is a code of her app, or a recovery code, which is used up by this."""
    factor = second_factor(staff)
    told = token.replace(" ", "")
    if factor is None:
        return False
    if told.isdigit():
        return bool(factor.verify_token(told))
    if not factor.verify_is_allowed()[0]:
        return False
    with transaction.atomic():
        used, _ = RecoveryCode.objects.filter(staff=staff, digest=digest_of(told)).delete()
        if used:
            left = RecoveryCode.objects.filter(staff=staff).count()
            body = {"username": staff.get_username(), "left": left}
            events.append(chain=events.HOUSE, kind="staff.recovery_code_used", body=body, at=at, by=staff.get_username())
        else:
            factor.throttle_increment()
    return bool(used)


def renew_codes(staff: Staff, *, at: datetime, by: str) -> list[str]:
    """Fresh recovery codes; the older ones count no more."""
    with transaction.atomic():
        body = {"username": staff.get_username()}
        events.append(chain=events.HOUSE, kind="staff.recovery_codes_renewed", body=body, at=at, by=by)
        return _codes(staff)


def give_up(staff: Staff, *, at: datetime, by: str) -> bool:
    """Take a second factor and its recovery codes away; whether there was one."""
    with transaction.atomic():
        RecoveryCode.objects.filter(staff=staff).delete()
        given_up, _ = SecondFactor.objects.filter(user=staff).delete()
        if given_up:
            body = {"username": staff.get_username()}
            events.append(chain=events.HOUSE, kind="staff.second_factor_reset", body=body, at=at, by=by)
    return bool(given_up)


def _codes(staff: Staff) -> list[str]:
    RecoveryCode.objects.filter(staff=staff).delete()
    codes = [_code() for _ in range(CODES)]
    RecoveryCode.objects.bulk_create(RecoveryCode(staff=staff, digest=digest_of(code)) for code in codes)
    return codes


def _code() -> str:
    text = base64.b32encode(secrets.token_bytes(10)).decode()
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


def _wrong() -> Sentence:
    return Sentence(
        "second_factor_wrong",
        "验证码不对，或已经用过。请等应用显示下一个验证码再试；手机时间须准确。",
        "The code does not fit, or was used before. Wait for the app's next one; the phone's time must be right.",
    )
