"""People of the bank who sign in, the teams they work in, and what each role among them may do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
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
    WATCH = "watch"  # who looked at whom


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
        Role.COMPLIANCE: frozenset({Right.READ, Right.REVEAL, Right.SIGN, Right.DECIDE, Right.WATCH}),
        Role.AUDITOR: frozenset({Right.READ, Right.WATCH}),
    }
)
"""A later role is a line here and one in `Role`; the database keeps the word, whichever it is."""


def roles_that_may(right: Right) -> frozenset[str]:
    return frozenset(role for role, rights in RIGHTS.items() if right in rights)


# Roles that see the cases of their desk; every other role that may read sees all of them (`records.access`).
OF_A_DESK = frozenset({Role.COLLECTOR, Role.SENIOR, Role.SUPERVISOR})


class Skill(models.TextChoices):
    """What somebody was trained for beyond the ordinary call; a case that needs it goes to who has it."""

    HARDSHIP = "hardship", _("Hardship")
    DISPUTES = "disputes", _("Disputes")
    FOREIGN_CURRENCY = "foreign_currency", _("Foreign currency")
    LEGAL = "legal", _("Legal matters")
    COMPLAINTS = "complaints", _("Complaints")
    VULNERABLE = "vulnerable", _("Vulnerable customers")


class Team(models.Model):
    """People who work the same queues of the worklist; `queues` are their words.

    Without any, its people are handed work of every queue of the house that their roles and skills serve; which cases they see,
    `records.access` says.
    """

    name = models.CharField(max_length=60, unique=True)
    queues = ArrayField(models.CharField(max_length=30), default=list, blank=True)
    lead = models.ForeignKey("Staff", on_delete=models.SET_NULL, null=True, related_name="leads")


class Staff(AbstractUser):  # type: ignore[django-manager-missing]  # of django-otp's devices, which have no types
    """A member of staff. `username` is the name every act of theirs is signed with, `role` one of `Role`.

    `language` is what the pages speak to her, `speaks` what she speaks to customers (BCP 47, such as "zh" or "yue"), `skills`
    words of `Skill`. A temporary password must be changed before anything else is seen.
    """

    role = models.CharField(_("role"), max_length=20, default=Role.OPERATIONS)
    language = models.CharField(_("language"), max_length=10, default="zh-hans")
    team = models.ForeignKey(Team, on_delete=models.PROTECT, null=True, blank=True, related_name="members")
    skills = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    speaks = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    password_temporary = models.BooleanField(default=False)

    # The instant of the request she looks in, told by the edge; without it nothing that lasts for a time only is counted.
    looks_at: datetime | None = None
    opened: tuple[datetime, list[str]] | None = None

    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("member of staff")
        verbose_name_plural = _("staff")

    def may(self, right: Right) -> bool:
        """Whether the role allows it; somebody of a role that is none, or who has left, may nothing."""
        return self.is_active and right in RIGHTS.get(self.role, frozenset())
