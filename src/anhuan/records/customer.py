"""The person who owes, and the ways to reach her. Personal data stands encrypted in `sealed`; see `identity`."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Customer(models.Model):
    """One row per person of the bank's customer file; written only when something about her changed.

    `fingerprint` is a keyed digest of the whole delivered row: equal fingerprints mean nothing changed.
    """

    customer_id = models.CharField(primary_key=True, max_length=32, db_collation="C")
    sex = models.CharField(max_length=1, blank=True)
    language = models.CharField(max_length=35)
    timezone = models.CharField(max_length=64)
    region_code = models.CharField(max_length=6, blank=True)
    segment = models.TextField(blank=True)
    flags = ArrayField(models.CharField(max_length=30), default=list)
    sealed = models.BinaryField()
    key_id = models.SmallIntegerField()
    name_index = models.BinaryField(null=True)
    id_index = models.BinaryField(null=True)
    fingerprint = models.UUIDField()
    absent_since = models.DateField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["name_index"], name="customer_by_name"),
            models.Index(fields=["id_index"], name="customer_by_id_number"),
        ]


class ContactPoint(models.Model):
    """One phone, e-mail or address. `point_id` is a keyed digest of customer, kind, value, party and person;

    a row delivered twice is one contact point.

    """

    point_id = models.UUIDField(primary_key=True)
    customer_id = models.CharField(max_length=32, db_collation="C")
    kind = models.CharField(max_length=10)
    party = models.CharField(max_length=20)
    person_id = models.TextField(blank=True)
    place = models.CharField(max_length=10, blank=True)
    valid = models.BooleanField(null=True)
    reserved = models.BooleanField(null=True)
    sealed = models.BinaryField()
    key_id = models.SmallIntegerField()
    value_index = models.BinaryField(null=True)
    fingerprint = models.UUIDField()
    absent_since = models.DateField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["customer_id"], name="contact_point_by_customer"),
            models.Index(fields=["value_index"], name="contact_point_by_value"),
        ]
