"""Plans and transactions as documents: read strictly field by field, and written out.

A document that cannot be used is refused with the field and what to do, in both languages. Numbers are whole numbers or
decimal text; what JSON writes with a point is read by its digits, never through a binary float.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any, TypeVar

from anhuan.core import money
from anhuan.core.plan import apr, schedule
from anhuan.core.plan.schedule import DayCount, Frequency, Method, Rounding, Step, Terms
from anhuan.core.plan.solving import NoRate

MOST_INSTALMENTS = 1200
MOST_FLOWS = 2000
_DECIMAL = re.compile(r"[0-9]{1,30}(?:\.[0-9]{1,30})?")
_FREQUENCY = re.compile(r"days:([1-9][0-9]{0,2})")
_UNITS = re.compile(r"(days|weeks|months):([1-9][0-9]{0,2})")
_EIGHT_PLACES = Decimal("0.00000001")
_TWO_PLACES = Decimal("0.01")


class Refused(ValueError):
    """The document cannot be used because of one field."""

    def __init__(self, field: str, zh: str, en: str) -> None:
        super().__init__(en)
        self.field = field
        self.zh = f"{field}：{zh}"
        self.en = f"{field}: {en}"


def quote(document: Any) -> dict[str, Any]:
    """The schedule a document asks for, as a document. Refused."""
    terms, currency = _terms(document)
    try:
        rows = schedule.schedule(terms)
    except schedule.Overpaid as over:
        owed = over.owed_minor
        raise Refused(
            f"payments_minor[{over.number - 1}]", f"超过当期应还总额 {owed}。", f"is more than the {owed} then owed."
        ) from None
    except OverflowError:
        raise Refused("instalments", "还款日超出公元 9999 年。", "due dates lie beyond the year 9999.") from None
    try:
        rate = schedule.effective_annual_rate(terms, rows)
    except NoRate:
        raise Refused("first_due", "无法计算实际年利率。", "no effective annual rate can be found for these dates.") from None
    return {
        "currency": currency,
        "rows": [asdict(row) | {"due": row.due.isoformat()} for row in rows],
        "total_payment_minor": sum(row.payment_minor for row in rows),
        "total_interest_minor": sum(row.interest_minor for row in rows),
        "total_fee_minor": sum(row.fee_minor for row in rows),
        "effective_annual_rate": f"{rate.quantize(_EIGHT_PLACES):f}",
    }


def annual_percentage_rate(document: Any) -> dict[str, str]:
    """The annual percentage rate of a transaction, as a document. Refused."""
    asked = _object(document)
    advances, payments = _flows(asked, "advances"), _flows(asked, "payments")
    first = min(flow.on for flow in advances)
    for number, payment in enumerate(payments):
        if payment.on < first:
            raise Refused(f"payments[{number}].on", "早于首次放款日。", "lies before the first advance.")
    try:
        rate, unit = apr.annual_percentage_rate(advances, payments, _unit(asked.get("unit_period", "auto")))
    except NoRate:
        raise Refused(
            "payments", "没有任何利率能使两边现值相等。", "no rate makes advances and payments worth the same."
        ) from None
    return {"apr": f"{rate.quantize(_TWO_PLACES, ROUND_HALF_UP):f}", "unit_period": str(unit)}


# --- a plan -----------------------------------------------------------------------------------------------------------


def _terms(document: Any) -> tuple[Terms, str]:
    asked = _object(document)
    currency = _currency(asked)
    method = _word(asked, "method", Method)
    instalments = _whole(asked, "instalments", least=1, most=MOST_INSTALMENTS)
    start, first_due = _day(asked, "start"), _day(asked, "first_due")
    if first_due <= start:
        raise Refused("first_due", "须晚于 start。", "must lie after start.")
    if asked.get("annual_rate") is None and asked.get("periodic_fee_rate") is None:
        raise Refused("annual_rate", "annual_rate 与 periodic_fee_rate 须给出其一。", "give annual_rate or periodic_fee_rate.")
    interest = asked.get("annual_rate") is not None
    terms = Terms(
        principal_minor=_whole(asked, "principal_minor", least=1),
        instalments=instalments,
        start=start,
        first_due=first_due,
        method=method,
        frequency=_frequency(asked),
        rounding=_word(asked, "rounding", Rounding),
        annual_rate=_rate(asked, "annual_rate") if interest else Fraction(0),
        fee_rate=_rate(asked, "periodic_fee_rate") if asked.get("periodic_fee_rate") is not None else Fraction(0),
        # Where nothing is charged by time, time need not be counted.
        day_count=_word(asked, "day_count", DayCount) if interest or asked.get("day_count") is not None else DayCount.PERIODIC,
        payments_minor=_payments(asked, instalments) if method is Method.CUSTOM else (),
        step=_step(asked) if method is Method.STEP_UP else Step(1, Fraction(1)),
    )
    return terms, currency


def _currency(asked: Mapping[str, Any]) -> str:
    code = _given(asked, "currency")
    if not isinstance(code, str) or code not in money.MINOR_DIGITS:
        raise Refused("currency", "须为 ISO 4217 货币代码，如 CNY。", "takes a currency code of ISO 4217, such as CNY.")
    return code


def _frequency(asked: Mapping[str, Any]) -> Frequency:
    word = _given(asked, "frequency")
    if word == "monthly":
        return Frequency(months=1)
    if word == "weekly":
        return Frequency(days=7)
    matched = _FREQUENCY.fullmatch(word) if isinstance(word, str) else None
    if matched is None:
        raise Refused(
            "frequency",
            "可为 monthly、weekly 或 days:N（N 为 1 至 999）。",
            "takes monthly, weekly or days:N (N from 1 to 999).",
        )
    return Frequency(days=int(matched[1]))


def _payments(asked: Mapping[str, Any], instalments: int) -> tuple[int, ...]:
    given = _given(asked, "payments_minor")
    if not isinstance(given, list) or len(given) != instalments - 1:
        raise Refused(
            "payments_minor",
            f"须列出除最后一期外的全部 {instalments - 1} 期还款额。",
            f"takes the list of all payments but the last: {instalments - 1}.",
        )
    return tuple(
        _whole({name: one}, name, least=0) for number, one in enumerate(given) for name in [f"payments_minor[{number}]"]
    )


def _step(asked: Mapping[str, Any]) -> Step:
    given = _given(asked, "step")
    if not isinstance(given, dict):
        raise Refused(
            "step", '须为对象，如 {"every": 12, "factor": "1.05"}。', 'takes an object: {"every": 12, "factor": "1.05"}.'
        )
    inside = {f"step.{key}": value for key, value in given.items()}
    factor = _rate(inside, "step.factor")
    if not Fraction(1, 100) <= factor <= 100:
        raise Refused("step.factor", "须在 0.01 与 100 之间。", "must lie between 0.01 and 100.")
    return Step(_whole(inside, "step.every", least=1, most=MOST_INSTALMENTS), factor)


# --- a transaction ----------------------------------------------------------------------------------------------------


def _flows(asked: Mapping[str, Any], name: str) -> list[apr.Flow]:
    given = _given(asked, name)
    if not isinstance(given, list) or not 0 < len(given) <= MOST_FLOWS:
        raise Refused(name, f"须为 1 至 {MOST_FLOWS} 项的列表。", f"takes a list of 1 to {MOST_FLOWS} entries.")
    flows = []
    for number, one in enumerate(given):
        inside = {f"{name}[{number}].{key}": value for key, value in _object(one, f"{name}[{number}]").items()}
        flows.append(apr.Flow(_day(inside, f"{name}[{number}].on"), _amount(inside, f"{name}[{number}].amount")))
    return flows


def _amount(asked: Mapping[str, Any], name: str) -> Decimal:
    given = _given(asked, name)
    text = str(given) if isinstance(given, int | Decimal) and not isinstance(given, bool) else given
    if not isinstance(text, str) or not _DECIMAL.fullmatch(text) or not Decimal(text):
        raise Refused(name, '须为大于零的小数文本，如 "5000.00"。', 'takes a decimal above nought, as text: "5000.00".')
    return Decimal(text)


def _unit(word: Any) -> apr.UnitPeriod | None:
    if word == "auto":
        return None
    if isinstance(word, str) and word in apr.UNIT_PERIODS:
        return apr.UNIT_PERIODS[word]
    matched = _UNITS.fullmatch(word) if isinstance(word, str) else None
    count = {matched[1]: int(matched[2])} if matched else {}
    unit = apr.UnitPeriod(count.get("months", 0), count.get("weeks", 0), count.get("days", 0)) if count else None
    if unit is None or unit.per_year < 1:
        words = ", ".join(["auto", *apr.UNIT_PERIODS])
        zh = f"可为 {words}，或不超过一年的 days:N、weeks:N、months:N。"
        raise Refused("unit_period", zh, f"takes {words}, or days:N, weeks:N, months:N of a year at most.")
    return unit


# --- single fields ----------------------------------------------------------------------------------------------------

Word = TypeVar("Word", bound=StrEnum)


def _object(document: Any, name: str = "document") -> Mapping[str, Any]:
    if not isinstance(document, dict):
        raise Refused(name, "须为 JSON 对象。", "takes a JSON object.")
    return document


def _given(asked: Mapping[str, Any], name: str) -> Any:
    if asked.get(name) is None:
        raise Refused(name, "缺少此项。", "is missing.")
    return asked[name]


def _whole(asked: Mapping[str, Any], name: str, *, least: int, most: int | None = None) -> int:
    given = _given(asked, name)
    if type(given) is not int or given < least or (most is not None and given > most) or given >= 10**30:
        zh, en = (f"至 {most}", f"to {most}") if most is not None else ("起", "up")
        raise Refused(name, f"须为 {least} {zh}的整数。", f"takes a whole number from {least} {en}.")
    return given


def _rate(asked: Mapping[str, Any], name: str) -> Fraction:
    given = _given(asked, name)
    if not isinstance(given, str) or not _DECIMAL.fullmatch(given):
        raise Refused(
            name, '须为不小于零的小数文本，如 "0.18" 表示 18%。', 'takes a decimal from nought up, as text: "0.18" is 18 %.'
        )
    rate = Fraction(given)
    if rate > 1000:
        raise Refused(name, "不得超过 1000。", "may be 1000 at most.")
    return rate


def _day(asked: Mapping[str, Any], name: str) -> date:
    given = _given(asked, name)
    try:
        day = date.fromisoformat(given)
    except (TypeError, ValueError):
        day = None
    if day is None or day.isoformat() != given:
        raise Refused(name, "须为存在的日期，写作 YYYY-MM-DD。", "takes a date that exists, written YYYY-MM-DD.")
    return day


def _word(asked: Mapping[str, Any], name: str, words: type[Word]) -> Word:
    given = _given(asked, name)
    if not isinstance(given, str) or given not in [word.value for word in words]:
        every = ", ".join(word.value for word in words)
        raise Refused(name, f"可为 {every}。", f"takes one of {every}.")
    return words(given)
