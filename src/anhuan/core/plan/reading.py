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
from typing import Any, NamedTuple, TypeVar

from anhuan.core import money
from anhuan.core.days import Calendar
from anhuan.core.plan import apr, schedule
from anhuan.core.plan.agreement import Instalment, Kind
from anhuan.core.plan.negotiation import Debt, Expense, Form, Offer, Wish, negotiate, note
from anhuan.core.plan.parts import Part, Parts
from anhuan.core.plan.policy import Policy
from anhuan.core.plan.schedule import DayCount, Frequency, Method, Rounding, Step, Terms
from anhuan.core.plan.solving import NoRate
from anhuan.core.vocabulary import Bucket, Classification

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


# --- a negotiation ----------------------------------------------------------------------------------------------------


class Question(NamedTuple):
    """What a document asks of the engine. `policy_on` is the day whose policy answers."""

    on: date
    policy_on: date
    debt: Debt
    form: Form | None
    wish: Wish | None
    asked_by: str | None


def question(document: Any) -> Question:
    """What is asked, read strictly: a field that is not known is refused, so nothing enters that the engine does not name. Refused."""
    asked = _object(document)
    _only(asked, "", "on", "policy_on", "debt", "form", "wish", "asked_by")
    on = _day(asked, "on")
    debt = _debt(_inside(asked, "debt"))
    form = _form(_inside(asked, "form"), debt.currency) if asked.get("form") is not None else None
    wish = _wish(_inside(asked, "wish"), debt) if asked.get("wish") is not None else None
    policy_on = _day(asked, "policy_on") if asked.get("policy_on") is not None else on
    by = asked.get("asked_by")
    if by is not None and not isinstance(by, str):
        raise Refused("asked_by", "须为岗位名称，如 collector。", "takes the name of a role, such as collector.")
    return Question(on, policy_on, debt, form, wish, by)


def answer(asked: Question, policy: Policy, calendar: Calendar | None) -> dict[str, Any]:
    """The offers, and the answer to the wish, as a document. Refused for dates beyond the calendar of the world."""
    try:
        told = negotiate(
            asked.debt, policy, asked.on, form=asked.form, wish=asked.wish, calendar=calendar, as_of=asked.policy_on
        )
    except OverflowError:
        raise Refused("on", "还款日超出公元 9999 年。", "due dates lie beyond the year 9999.") from None
    refused = told.refused
    row = policy.row(asked.debt.product, asked.debt.bucket, asked.debt.classification, asked.policy_on)
    return {
        "on": asked.on.isoformat(),
        "policy": {
            "bank": policy.bank,
            "fingerprint": policy.fingerprint,
            "on": asked.policy_on.isoformat(),
            "row": row.id if row else None,
        },
        "affordable": asdict(told.affordable) if told.affordable else None,
        "beyond_ability": told.beyond_ability,
        "offers": [_offer(one, asked.asked_by) for one in told.offers],
        "granted": _offer(told.granted, asked.asked_by) if told.granted else None,
        "refused": refused
        and {
            "reasons": [
                {"code": why.code, "rule": why.rule, "citation": why.citation, "message_zh": why.zh, "message_en": why.en,
                 "seen": why.seen, "limit": why.limit}
                for why in refused.reasons
            ],
            "nearest": _offer(refused.nearest, asked.asked_by) if refused.nearest else None,
        },
    }  # fmt: skip


def _offer(one: Offer, asked_by: str | None) -> dict[str, Any]:
    told = {
        "id": one.id,
        "kind": one.kind.value,
        "method": one.terms.method.value,
        "instalments": one.terms.instalments,
        "currency": one.terms.currency,
        "owed": one.terms.owed.document(),
        "waived": one.terms.waived.document(),
        "interest": one.terms.interest.value,
        "rows": [_row(row) for row in one.rows],
        "total_payment_minor": one.total_minor,
        "total_interest_minor": sum(row.interest_minor for row in one.rows),
        "total_fee_minor": sum(row.fee_minor for row in one.rows),
        "effective_annual_rate": f"{one.effective_annual_rate.quantize(_EIGHT_PLACES):f}",
        "present_value_minor": one.present_value_minor,
        "affordable": one.affordable,
        "load": None if one.load is None else f"{_decimal(one.load):f}",
        "rule": one.rule or None,
        "grantable_by": list(one.grantable_by),
    }
    return told | ({"authority": asdict(note(one, asked_by))} if asked_by is not None else {})


def _row(row: Instalment) -> dict[str, Any]:
    return asdict(row) | {"agreed_on": row.agreed_on.isoformat(), "due": row.due.isoformat()}


def _decimal(part: Fraction) -> Decimal:
    """A part of one with four places, rounded up, so that what is too much never looks as if it fitted."""
    return Decimal(-(-part.numerator * 10_000 // part.denominator)).scaleb(-4)


def _debt(asked: Mapping[str, Any]) -> Debt:
    _only(asked, "debt.", "account_id", "product", "currency", "days_past_due", "classification", "owed", "past_due_minor", "plans",
          "plan_since")  # fmt: skip
    late = _whole(asked, "debt.days_past_due", least=0, most=100_000)
    owed = _parts(asked, "debt.owed")
    past_due = _whole(asked, "debt.past_due_minor", least=0)
    if past_due > owed.total_minor:
        raise Refused("debt.past_due_minor", "超过欠款总额。", "is more than is owed.")
    plans = _whole(asked, "debt.plans", least=0, most=1000) if asked.get("debt.plans") is not None else 0
    return Debt(
        account_id=_text(asked, "debt.account_id", ""),
        product=_text(asked, "debt.product", ""),
        currency=_currency(asked, "debt.currency"),
        days_past_due=late,
        bucket=Bucket(min(7, -(-late // 30))),
        classification=_word(asked, "debt.classification", Classification),
        owed=owed,
        past_due_minor=past_due,
        plans=plans,
        plan_since=_day(asked, "debt.plan_since") if asked.get("debt.plan_since") is not None else None,
    )


def _form(asked: Mapping[str, Any], currency: str) -> Form:
    _only(asked, "form.", "income_minor", "expenses_minor", "other_debts_minor", "household", "at_hand_minor")
    spent = _inside(asked, "form.expenses_minor") if asked.get("form.expenses_minor") is not None else {}
    _only(spent, "form.expenses_minor.", *Expense)
    return Form(
        currency=currency,
        income_minor=_whole(asked, "form.income_minor", least=0),
        expenses_minor={kind: _nought(spent, f"form.expenses_minor.{kind}") for kind in Expense},
        other_debts_minor=_nought(asked, "form.other_debts_minor"),
        household=_whole(asked, "form.household", least=1, most=100) if asked.get("form.household") is not None else 1,
        at_hand_minor=_nought(asked, "form.at_hand_minor"),
    )


def _wish(asked: Mapping[str, Any], debt: Debt) -> Wish:
    _only(
        asked, "wish.", "kind", "instalments", "method", "first_due", "monthly_minor", "payments_minor", "waived", "pay_minor"
    )
    payments = asked.get("wish.payments_minor")
    if payments is not None and (not isinstance(payments, list) or len(payments) >= MOST_INSTALMENTS):
        raise Refused(
            "wish.payments_minor", "须为除最后一期外各期还款额的列表。", "takes the list of all payments but the last."
        )

    def perhaps(name: str, least: int, most: int | None = None) -> int | None:
        return _whole(asked, f"wish.{name}", least=least, most=most) if asked.get(f"wish.{name}") is not None else None

    return Wish(
        kind=_word(asked, "wish.kind", Kind),
        instalments=perhaps("instalments", 1, MOST_INSTALMENTS),
        method=_word(asked, "wish.method", Method) if asked.get("wish.method") is not None else None,
        first_due=_day(asked, "wish.first_due") if asked.get("wish.first_due") is not None else None,
        monthly_minor=perhaps("monthly_minor", 1),
        payments_minor=tuple(
            _whole({name: one}, name, least=0)
            for number, one in enumerate(payments or ())
            for name in [f"wish.payments_minor[{number}]"]
        ),
        waived=_parts(asked, "wish.waived") if asked.get("wish.waived") is not None else Parts(),
        pay_minor=perhaps("pay_minor", 1, max(1, debt.owed.total_minor)),
    )


def _parts(asked: Mapping[str, Any], name: str) -> Parts:
    inside = _inside(asked, name)
    _only(inside, f"{name}.", *(f"{part}_minor" for part in Part))
    return Parts.of({part: _nought(inside, f"{name}.{part}_minor") for part in Part})


def _inside(asked: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The object of that name, its keys written with the way to them."""
    return {f"{name}.{key}": value for key, value in _object(_given(asked, name), name).items()}


def _only(asked: Mapping[str, Any], prefix: str, *names: str) -> None:
    for key in asked:
        if key.removeprefix(prefix) not in names:
            raise Refused(key, f"未知的项；可用：{'、'.join(names)}。", f"is not known; there are {', '.join(names)}.")


def _nought(asked: Mapping[str, Any], name: str) -> int:
    """A whole number; nought where it is not given."""
    return _whole(asked, name, least=0) if asked.get(name) is not None else 0


def _text(asked: Mapping[str, Any], name: str, default: str) -> str:
    given = asked.get(name, default)
    if not isinstance(given, str):
        raise Refused(name, "须为文本。", "takes a text.")
    return given


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


def _currency(asked: Mapping[str, Any], name: str = "currency") -> str:
    code = _given(asked, name)
    if not isinstance(code, str) or code not in money.MINOR_DIGITS:
        raise Refused(name, "须为 ISO 4217 货币代码，如 CNY。", "takes a currency code of ISO 4217, such as CNY.")
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
