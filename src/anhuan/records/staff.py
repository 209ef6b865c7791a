"""People of the bank who sign in."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """What a member of staff may do; open, so that later roles are one line."""

    OPERATIONS = "operations", _("Operations")
    AUDITOR = "auditor", _("Auditor")


class Staff(AbstractUser):
    """A member of staff. `username` is the name every act of theirs is signed with."""

    role = models.CharField(_("role"), max_length=20, choices=Role.choices, default=Role.OPERATIONS)
    language = models.CharField(_("language"), max_length=10, default="zh-hans")

    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("member of staff")
        verbose_name_plural = _("staff")
