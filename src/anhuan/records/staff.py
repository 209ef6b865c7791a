"""People of the bank who sign in, and what each role among them may do."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _


class Right(StrEnum):
    """What there is to be allowed."""

    READ = "read"  # cases, nights, conduct and the rulebook; personal data masked
    REVEAL = "reveal"  # personal data in clear for a moment, given a reason, which is remembered
    SIGN = "sign"  # draw up strategies and wordings, and approve what another has drawn up


class Role(models.TextChoices):
    """What somebody is in the bank; what that lets her do stands in `RIGHTS` alone."""

    OPERATIONS = "operations", _("Operations")
    COMPLIANCE = "compliance", _("Compliance")
    AUDITOR = "auditor", _("Auditor")


RIGHTS: Mapping[str, frozenset[Right]] = MappingProxyType(
    {
        Role.OPERATIONS: frozenset({Right.READ, Right.REVEAL, Right.SIGN}),
        Role.COMPLIANCE: frozenset({Right.READ, Right.REVEAL, Right.SIGN}),
        Role.AUDITOR: frozenset({Right.READ}),
    }
)
"""A later role is a line here and one in `Role`; the database keeps the word, whichever it is."""


def roles_that_may(right: Right) -> frozenset[str]:
    return frozenset(role for role, rights in RIGHTS.items() if right in rights)


class Staff(AbstractUser):
    """A member of staff. `username` is the name every act of theirs is signed with, `role` one of `Role`."""

    role = models.CharField(_("role"), max_length=20, default=Role.OPERATIONS)
    language = models.CharField(_("language"), max_length=10, default="zh-hans")

    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("member of staff")
        verbose_name_plural = _("staff")

    def may(self, right: Right) -> bool:
        """Whether the role allows it; somebody of a role that is none, or who has left, may nothing."""
        return self.is_active and right in RIGHTS.get(self.role, frozenset())
