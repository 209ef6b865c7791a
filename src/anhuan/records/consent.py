"""What a customer agreed to, asked not to have, and named as inconvenient.

Every row has the instant it was said (`at`) and the one we came to know it (`recorded_at`); nothing is taken back by changing a
row, but by a later one, so that facts can be told as they were known at any instant.
"""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Wish(models.Model):
    """What all of them share: whose it is, when it was said, when and by whom it was recorded."""

    id = models.UUIDField(primary_key=True)
    customer_id = models.CharField(max_length=32, db_collation="C")
    at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    by = models.CharField(max_length=150)

    class Meta:
        abstract = True
        indexes: ClassVar = [models.Index(fields=["customer_id"], name="%(class)s_by_customer")]


class Consent(Wish):
    """She agrees to what it `covers` (`core.vocabulary.Covers`), from `begins` to just before `ends`; empty limits nothing."""

    covers = ArrayField(models.CharField(max_length=20))
    given_to = models.CharField(max_length=80)
    begins = models.DateTimeField()
    ends = models.DateTimeField(null=True)
    channel = models.CharField(max_length=20, blank=True)
    point_id = models.UUIDField(null=True)
    person_id = models.TextField(null=True)
    debts = ArrayField(models.CharField(max_length=32), null=True)
    limit_per_day = models.SmallIntegerField(null=True)


class Revocation(Wish):
    """All earlier consents to these end."""

    covers = ArrayField(models.CharField(max_length=20))


class OptOut(Wish):
    """No more by this channel; `point_id` empty: to any point."""

    channel = models.CharField(max_length=20)
    point_id = models.UUIDField(null=True)
    written = models.BooleanField()


class TimeBlock(Wish):
    """A recurring time she named as inconvenient: weekdays from 0 for Monday, `begins` in, `ends` out, empty: the whole day."""

    weekdays = ArrayField(models.SmallIntegerField())
    begins = models.TimeField(null=True)
    ends = models.TimeField(null=True)
    until_date = models.DateField(null=True)
    channel = models.CharField(max_length=20, blank=True)
    told_to = models.CharField(max_length=80, blank=True)


class PlaceBar(Wish):
    """A place, `home` or `work`, where she may not be contacted; `employer`: because her employer forbids it."""

    place = models.CharField(max_length=10)
    employer = models.BooleanField(default=False)


class CeaseNotice(Wish):
    """A refusal of all contact; `at` is when it arrived. It binds only when written."""

    sent_at = models.DateTimeField(null=True)
    written = models.BooleanField()


class BadTime(Wish):
    """In this contact she said: not now."""

    contact_id = models.UUIDField()
