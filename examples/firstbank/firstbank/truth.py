"""The hidden truth of the made-up bank: who its customers are and with what probability they pay on a given day.

Every number that drives behaviour stands here and is written to truth.json, so that a tool which estimates roll rates,
scores, agency effects or responses can be checked against what really generated the data. Knows no files and no people.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

# Upper ends of the bands of days past due in which the daily probabilities below are constant.
BAND_ENDS = (3, 7, 15, 30, 60, 90, 120, 150, 180, 100_000)
BAND_NAMES = ("M1 1-3", "M1 4-7", "M1 8-15", "M1 16-30", "M2", "M3", "M4", "M5", "M6", "M7")
OLDEST = 540  # a book begins with nobody later than this many days


@dataclass(frozen=True)
class CustomerType:
    """One hidden kind of customer.

    `share` is the share among accounts that become overdue. `full`, `cycle`, `token` are daily probabilities, one per
    band of days past due: pays all that is past due / pays the oldest unpaid minimum / pays less than that. `misses` is
    the probability of not paying an ordinary due date. `response` multiplies the daily probabilities on a day on
    which the customer was contacted through that channel; no contact is made by the generator itself, but by whoever
    makes nights one by one (`delivery.Evenings.next`), such as the back-test.
    """

    name: str
    zh: str
    share: float
    full: tuple[float, ...]
    cycle: tuple[float, ...]
    token: tuple[float, ...]
    misses: float
    response: dict[str, float]


TYPES: tuple[CustomerType, ...] = (
    CustomerType(
        "forgetful", "健忘型", 0.38,
        full=(0.27, 0.20, 0.13, 0.08, 0.05, 0.03, 0.02, 0.02, 0.02, 0.01),
        cycle=(0.02, 0.01, 0.01, 0.01, 0.01, 0.01, 0.0, 0.0, 0.0, 0.0),
        token=(0.0,) * 10, misses=0.20,
        response={"sms": 2.5, "call": 2.8, "letter": 1.5, "email": 1.6},
    ),
    CustomerType(
        "self_curing", "自愈型", 0.22,
        full=(0.06, 0.09, 0.10, 0.10, 0.05, 0.03, 0.02, 0.02, 0.02, 0.01),
        cycle=(0.01, 0.01, 0.01, 0.01, 0.02, 0.01, 0.01, 0.0, 0.0, 0.0),
        token=(0.005,) * 5 + (0.0,) * 5, misses=0.26,
        response={"sms": 1.1, "call": 1.1, "letter": 1.0, "email": 1.0},
    ),
    CustomerType(
        "cash_strapped", "周转紧张型", 0.21,
        full=(0.025, 0.025, 0.025, 0.020, 0.017, 0.011, 0.008, 0.006, 0.005, 0.004),
        cycle=(0.02, 0.02, 0.02, 0.018, 0.016, 0.010, 0.006, 0.004, 0.003, 0.0),
        token=(0.01, 0.01, 0.01, 0.01, 0.012, 0.012, 0.010, 0.008, 0.006, 0.004), misses=0.24,
        response={"sms": 1.4, "call": 2.0, "letter": 1.3, "email": 1.2},
    ),
    CustomerType(
        "strategic", "策略型", 0.06,
        full=(0.012, 0.012, 0.010, 0.010, 0.008, 0.005, 0.004, 0.003, 0.003, 0.003),
        cycle=(0.004,) * 4 + (0.003, 0.002, 0.001, 0.0, 0.0, 0.0),
        token=(0.003,) * 10, misses=0.12,
        response={"sms": 1.0, "call": 1.2, "letter": 2.2, "email": 1.0},
    ),
    CustomerType(
        "distressed", "困境型", 0.10,
        full=(0.006, 0.006, 0.006, 0.006, 0.007, 0.005, 0.003, 0.002, 0.0015, 0.001),
        cycle=(0.006, 0.006, 0.006, 0.006, 0.008, 0.006, 0.004, 0.003, 0.002, 0.0),
        token=(0.008, 0.008, 0.008, 0.008, 0.012, 0.012, 0.010, 0.008, 0.006, 0.003), misses=0.30,
        response={"sms": 1.1, "call": 1.3, "letter": 1.1, "email": 1.0},
    ),
    CustomerType(
        "disputing", "异议型", 0.03,
        full=(0.010, 0.010, 0.010, 0.010, 0.010, 0.008, 0.005, 0.003, 0.002, 0.001),
        cycle=(0.002,) * 5 + (0.001,) * 5,
        token=(0.0,) * 10, misses=0.08,
        response={"sms": 0.9, "call": 0.9, "letter": 1.2, "email": 1.0},
    ),
)  # fmt: skip

# Wages arrive on these days of the month: payments of that day and the next are this much likelier, others less.
PAYDAYS = (5, 10, 15, 25)
PAYDAY_FACTOR = 1.6
WEEKDAY_FACTOR = (1.08, 1.04, 1.02, 1.02, 1.06, 0.94, 0.84)  # Monday first

# Outside agencies, placed at random among accounts of 60 days and more past due, for 90 days: so their effect on the
# daily probabilities can be recovered by comparing them with each other.
AGENCIES = {"AG01": 1.00, "AG02": 1.30, "AG03": 0.80, "AG04": 1.10}
PLACE_FROM_DAYS = 60
PLACE_DAILY = 0.05
PLACED_FOR_DAYS = 90

CHARGE_OFF_DAILY = 0.02  # from 181 days past due on
SALE_FROM_DAYS, SALE_DAILY = 270, 0.02  # late accounts are sold in packages: balance nil, closed
VANISH_DAILY = 0.00015  # an overdue account drops out of the file by mistake; half of them come back
REVERSED = 0.006  # of payments, taken back one to four days later
BACKDATED = 0.03  # of payments, effective one to three days before they are posted
POSTED_LATE = 0.006  # of payments of up to ten days past due: paid in time, posted late (effective on the due date)
MINOR_SHARE_OF_UNLIKE_GRADES = 0.003  # the bank's five-class grade is one off

# How a night's file is made up (shares of accounts on the first night).
OVERDUE_SHARE = 0.77
LISTED_DAYS = 7  # a current account on the early-warning list is delivered from a week before its due date on
KEPT_AFTER_CURE_DAYS = 3
ENTRANTS_UNLISTED_DAILY = 0.0150  # accounts that become overdue without having been listed, as a share of the file
LISTED_ARRIVALS_DAILY = 0.029  # accounts whose due date comes within a week, as a share of the file


def band_of(days_past_due: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Index into BAND_NAMES of each number of days past due (1 or more)."""
    return np.searchsorted(np.asarray(BAND_ENDS), days_past_due, side="left")


def hazards(kind: str) -> npt.NDArray[np.float64]:
    """Daily probabilities of `kind` (full, cycle, token): one row per type, one column per band."""
    return np.array([getattr(one, kind) for one in TYPES], dtype=np.float64)


def timing(day_of_month: int, weekday: int) -> float:
    """Factor of a calendar day on all paying; over a month it averages about one."""
    paid = day_of_month in PAYDAYS or day_of_month - 1 in PAYDAYS
    share = 2 * len(PAYDAYS) / 30.4
    rest = (1 - PAYDAY_FACTOR * share) / (1 - share)
    return WEEKDAY_FACTOR[weekday] * (PAYDAY_FACTOR if paid else rest)


def standing_by_type() -> npt.NDArray[np.float64]:
    """The book in its steady state: expected accounts by type and days past due 0…OLDEST, per account entering a day."""
    stock = np.zeros((len(TYPES), OLDEST + 1))
    days = np.arange(OLDEST + 1)
    for row, one in enumerate(TYPES):
        bands = band_of(np.maximum(days, 1))
        full, cycle = np.array(one.full)[bands], np.array(one.cycle)[bands]
        leaves = full + np.where(days <= 30, cycle, 0.0) + np.where(days >= SALE_FROM_DAYS, SALE_DAILY, 0.0)
        stock[row] = _steady(one.share, leaves=leaves, improves=np.where(days > 30, cycle, 0.0))
    return stock


def _steady(entering: float, *, leaves: npt.NDArray[np.float64], improves: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Flow `entering` at day 1; each day a share leaves, a share goes back 30 days, the rest grows a day older."""
    stock = np.zeros(OLDEST + 1)
    stays = 1.0 - leaves - improves
    for _ in range(6):  # each pass adds the accounts that have improved once more
        back = np.zeros(OLDEST + 1)
        back[2 : OLDEST - 28] += (stock * improves)[31 : OLDEST + 1]
        fresh = np.zeros(OLDEST + 1)
        fresh[1] = entering + back[1]
        for day in range(2, OLDEST + 1):
            fresh[day] = fresh[day - 1] * stays[day - 1] + back[day]
        stock = fresh
    return stock


def monthly_rolls(stock: npt.NDArray[np.float64]) -> dict[str, float]:
    """Expected share of a bucket's entrants that reach the next bucket, from the steady state."""
    flow = stock.sum(axis=0)
    edges = {"M1": 1, "M2": 31, "M3": 61, "M4": 91, "M5": 121, "M6": 151, "M7": 181}
    names = list(edges)
    return {f"{a} to {b}": float(flow[edges[b]] / flow[edges[a]]) for a, b in pairwise(names)}


def as_json() -> dict[str, object]:
    """Everything above as one JSON document, with what follows from it."""
    stock = standing_by_type()
    edges = (1, 31, 61, 91, 121, 151, 181, OLDEST + 1)
    total = stock[:, 1:].sum()
    return {
        "types": [asdict(one) for one in TYPES],
        "bands_of_days_past_due": list(BAND_NAMES),
        "band_ends": list(BAND_ENDS),
        "paydays": {"days_of_month": list(PAYDAYS), "factor": PAYDAY_FACTOR},
        "weekday_factors_from_monday": list(WEEKDAY_FACTOR),
        "agencies": {"effect_on_daily_probabilities": AGENCIES, "placed_from_days_past_due": PLACE_FROM_DAYS,
                     "placed_daily": PLACE_DAILY, "placed_for_days": PLACED_FOR_DAYS},
        "events_daily": {"charge_off_once_everything_is_due": CHARGE_OFF_DAILY, "sale_from_270_days": SALE_DAILY,
                         "vanishes": VANISH_DAILY},
        "of_payments": {"reversed": REVERSED, "backdated": BACKDATED, "posted_late_but_paid_in_time": POSTED_LATE},
        "file": {"overdue_share_first_night": OVERDUE_SHARE, "listed_days_before_due": LISTED_DAYS,
                 "kept_days_after_cure": KEPT_AFTER_CURE_DAYS, "entrants_unlisted_daily": ENTRANTS_UNLISTED_DAILY,
                 "listed_arrivals_daily": LISTED_ARRIVALS_DAILY, "bank_grade_unlike_ours": MINOR_SHARE_OF_UNLIKE_GRADES},
        "expected": {
            "share_of_overdue_by_bucket": {
                f"M{n}": float(stock[:, low:high].sum() / total) for n, (low, high) in enumerate(pairwise(edges), 1)
            },
            "monthly_roll_by_count": monthly_rolls(stock),
            "entering_daily_as_share_of_overdue": float(1.0 / total),
            "cured_daily_as_share_of_overdue": float(_daily_cures(stock) / total),
        },
    }  # fmt: skip


def _daily_cures(stock: npt.NDArray[np.float64]) -> float:
    days = np.arange(1, OLDEST + 1)
    bands = band_of(days)
    leave = hazards("full")[:, bands] + np.where(days <= 30, hazards("cycle")[:, bands], 0.0)
    return float((stock[:, 1:] * leave).sum())
