"""Who signed in from where and until when, and the second factor she does it with.

Knows what is kept of a sign-in, how a code by time is judged (RFC 6238, by django-otp) and that none is taken twice. The secret
is sealed like personal data, recovery codes are kept as their SHA-256. Real time counts for codes, for that is what a phone has.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any, ClassVar, Final
from uuid import uuid4

from django.db import models, transaction
from django_otp.models import Device, ThrottlingMixin
from django_otp.oath import TOTP

from anhuan.records import identity
from anhuan.records.staff import Staff

DIGITS: Final = 6
_TABLE: Final = "second_factor"


class SignIn(models.Model):
    """One session of somebody: a line of her list of sessions, and afterwards the record that it was.

    `ended_by` is who ended it (`system:idle` and the like when it was nobody); `told_at` up to when she was told in this session
    of sign-ins elsewhere.
    """

    staff = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="sign_ins")
    session_key = models.CharField(max_length=40, blank=True)
    begun_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    told_at = models.DateTimeField()
    address = models.CharField(max_length=45, blank=True)
    agent = models.CharField(max_length=200, blank=True)
    ended_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=150, blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["staff", "-begun_at"], name="sign_in_of_staff")]

    @property
    def browser(self) -> str:
        """Browser and system, as far as they say so: "Firefox 140, Linux"."""
        names = {
            "Edg": "Edge",
            "OPR": "Opera",
            "Firefox": "Firefox",
            "HeadlessChrome": "Chrome",
            "Chrome": "Chrome",
            "Safari": "Safari",
        }
        systems = ("Windows", "Android", "iPhone", "iPad", "Mac OS X", "CrOS", "Linux")
        found = (re.search(rf"\b{name}/(\d+)", self.agent) for name in names)
        told = [f"{shown} {match[1]}" for shown, match in zip(names.values(), found, strict=True) if match][:1]
        return ", ".join([*told, *[system for system in systems if system in self.agent][:1]]) or self.agent[:40]


class SecondFactor(ThrottlingMixin, Device):  # type: ignore[misc]  # django-otp has no types
    """An authenticator app: its secret, sealed, and the last step a code was taken for. Unconfirmed until a first code fits."""

    id = models.UUIDField(primary_key=True, default=uuid4)
    sealed = models.BinaryField()
    key_id = models.SmallIntegerField()
    last_step = models.BigIntegerField(default=-1)
    made_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "confirmed"], name="one_second_factor_and_one_to_be"),
        ]

    def seal(self, secret: bytes) -> None:
        ring = identity.keyring()
        self.sealed, self.key_id = ring.seal(_TABLE, [str(self.id)], [secret])[0], ring.current

    def secret(self) -> bytes:
        """The shared secret, in clear."""
        return identity.keyring().open(_TABLE, str(self.id), self.sealed, self.key_id)

    def base32(self) -> str:
        """The secret as people type it, in fours."""
        text = base64.b32encode(self.secret()).decode()
        return " ".join(text[at : at + 4] for at in range(0, len(text), 4))

    def get_throttle_factor(self) -> int:
        """Seconds to wait after the first wrong code; each further one doubles them."""
        return 1

    def verify_token(self, token: str) -> bool:
        """Whether `token` is the code of now, half a minute ago or in half a minute, and was not taken before."""
        if not (token.isascii() and token.isdigit() and len(token) == DIGITS):
            return False
        with transaction.atomic():
            held = SecondFactor.objects.select_for_update().get(pk=self.pk)
            if not held.verify_is_allowed()[0]:
                return False
            judge = TOTP(held.secret())
            fits: bool = judge.verify(int(token), tolerance=1, min_t=held.last_step + 1)
            if fits:
                held.last_step = judge.t()
                held.throttle_reset(commit=False)
                held.save()
            else:
                held.throttle_increment()
        return fits


class RecoveryCode(models.Model):
    """A code that stands in for the app once. Eighty random bits need no slow hash."""

    staff = models.ForeignKey(Staff, on_delete=models.CASCADE, related_name="recovery_codes")
    digest = models.BinaryField()


def digest_of(code: str) -> bytes:
    """What is kept of a recovery code, however it was typed."""
    return hashlib.sha256("".join(code.split()).replace("-", "").upper().encode()).digest()


def second_factor(staff: Staff) -> Any:
    """The confirmed second factor of somebody, a `SecondFactor`; None: she has none."""
    return SecondFactor.objects.filter(user=staff, confirmed=True).first()
