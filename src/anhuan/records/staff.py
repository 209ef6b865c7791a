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
    WORK = "work"  # take cases from the worklist, contact, note, promise and agree, each as far as one's authority goes
    GRANT = "grant"  # be the second to approve a plan, deferral or waiver beyond the authority of whoever negotiated it
    SUPERVISE = "supervise"  # the wall, reassignment, quality checks and coaching
    DECIDE = "decide"  # the outcome of disputes, hardship and complaints
    POST = "post"  # payments: import, match, suspense
    PEOPLE = "people"  # take in staff, change roles, teams and skills, end sessions


class Role(models.TextChoices):
    """What somebody is in the bank; what that lets her do stands in `RIGHTS` alone."""

    COLLECTOR = "collector", _("Collector")
    SENIOR = "senior", _("Senior collector")
    SUPERVISOR = "supervisor", _("Supervisor")
    STRATEGY = "strategy", _("Strategy analyst")
    OPERATIONS = "operations", _("Operations")
    COMPLIANCE = "compliance", _("Compliance")
    AUDITOR = "auditor", _("Auditor")


RIGHTS: Mapping[str, frozenset[Right]] = MappingProxyType(
    {
        Role.COLLECTOR: frozenset({Right.READ, Right.REVEAL, Right.WORK}),
        Role.SENIOR: frozenset({Right.READ, Right.REVEAL, Right.WORK}),
        Role.SUPERVISOR: frozenset({Right.READ, Right.REVEAL, Right.WORK, Right.GRANT, Right.SUPERVISE}),
        Role.STRATEGY: frozenset({Right.READ, Right.SIGN}),
        Role.OPERATIONS: frozenset({Right.READ, Right.REVEAL, Right.SIGN, Right.POST, Right.PEOPLE}),
        Role.COMPLIANCE: frozenset({Right.READ, Right.REVEAL, Right.SIGN, Right.DECIDE}),
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
