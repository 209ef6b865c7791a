"""What we learnt of a customer, of her contact points and of the people around her, beyond what the bank's files say.

Each row has the instant it holds from (`at`), to just before `ends` where it ends, and the one we came to know it
(`recorded_at`). `person_id` is the bank's id of a person, never a name.
"""

from __future__ import annotations

from enum import StrEnum

from django.contrib.postgres.fields import ArrayField
from django.db import models

from anhuan.records.consent import Wish


class CircumstanceKind(StrEnum):
    """What was learnt; the word in brackets is the column that says more."""

    DECEASED = "deceased"
    NO_CAPACITY = "no_capacity"
    ATTORNEY = "attorney"  # contact_known, debts
    MOVED = "moved"  # timezones
    WHEREABOUTS = "whereabouts"  # place
    TIME_BARRED = "time_barred"  # debts
    REFUSED_AS_TIME_BARRED = "refused_as_time_barred"  # debts
    OUT_OF_PROCEDURES = "out_of_procedures"  # debts
    AGENCY_ANNOUNCED = "agency_announced"  # actor


class Circumstance(Wish):
    """Something learnt of the customer herself."""

    kind = models.CharField(max_length=30)
    ends = models.DateTimeField(null=True)
    debts = ArrayField(models.CharField(max_length=32), null=True)
    timezones = ArrayField(models.CharField(max_length=64), null=True)
    place = models.CharField(max_length=10, blank=True)
    contact_known = models.BooleanField(null=True)
    actor = models.CharField(max_length=80, blank=True)


class PointFindingKind(StrEnum):
    WRONG_NUMBER = "wrong_number"
    OF_THIRD_PERSON = "of_third_person"
    HOSPITAL_OR_CARE = "hospital_or_care"
    PROPERLY_OBTAINED = "properly_obtained"
    USED_BY_LAST_COLLECTOR = "used_by_last_collector"
    TRANSFER_NOTICE = "transfer_notice"  # opt_out_until
    NUMBER_CHECK = "number_check"  # reassigned
    UNREACHABLE = "unreachable"  # the other side says that there is no such number or mailbox


class PointFinding(Wish):
    """Something learnt of one contact point."""

    kind = models.CharField(max_length=30)
    point_id = models.UUIDField()
    opt_out_until = models.DateField(null=True)
    reassigned = models.BooleanField(null=True)


class PersonFindingKind(StrEnum):
    KNOWN = "known"
    JOINT_USE_PROVEN = "joint_use_proven"
    RENOUNCED = "renounced"
    REFUSED = "refused"
    INVITED = "invited"
    OFFERED_PAYMENT = "offered_payment"


class PersonFinding(Wish):
    """Something learnt of, or said by, a person who is not the debtor. `refused` seals her off for good."""

    kind = models.CharField(max_length=20)
    person_id = models.TextField()
    relation = models.CharField(max_length=20, blank=True)
