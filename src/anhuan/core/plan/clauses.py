"""What a plan agreement says: every item the card rules require of it, in both languages, from the terms alone.

Knows the items (`core.judgements.plan`) and the terms. Does not know who the parties are, nor how the paper looks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

from anhuan.core.days import add_months
from anhuan.core.judgements.law import Judgement, Law
from anhuan.core.judgements.plan import PlanForm, PlanItem, plan_may_take_effect
from anhuan.core.money import format_minor
from anhuan.core.plan.agreement import Instalment, PlanTerms, effective_annual_rate
from anhuan.core.plan.policy import Shift, Treatment


@dataclass(frozen=True, slots=True)
class Clause:
    """One item the agreement states, in both languages, and the values it states."""

    item: PlanItem
    zh: str
    en: str
    values: Mapping[str, Any] = field(hash=False)


def clauses(terms: PlanTerms, rows: Sequence[Instalment]) -> list[Clause]:
    """Every item of Art. 70 of the Credit Card Measures, in its order."""
    made = (_balance, _composition, _schedule, _charges, _no_new_card, _rights, _other)
    return [make(terms, rows) for make in made]


def may_take_effect(terms: PlanTerms, rows: Sequence[Instalment], form: PlanForm, *, recorded: bool, law: Law) -> Judgement:
    """Whether a plan may take effect as the agreement states it: short enough, complete, and recorded if oral."""
    items = [clause.item for clause in clauses(terms, rows)]
    return plan_may_take_effect(months_of(terms, rows), form, items, recorded=recorded, law=law)


def months_of(terms: PlanTerms, rows: Sequence[Instalment]) -> int:
    """The months a plan runs, a part of one counting whole, by its agreed days: a holiday makes no plan longer."""
    end = rows[-1].agreed_on
    months = (end.year - terms.start.year) * 12 + end.month - terms.start.month
    return months + (add_months(terms.start, months) < end)


def _balance(terms: PlanTerms, _rows: Sequence[Instalment]) -> Clause:
    total = _money(terms.owed.total_minor, terms)
    zh = f"截至 {terms.start}，欠款余额合计 {total}。"
    en = f"On {terms.start} the balance owed is {total}."
    return Clause(PlanItem.BALANCE, zh, en, {"on": terms.start, "total_minor": terms.owed.total_minor})


def _composition(terms: PlanTerms, _rows: Sequence[Instalment]) -> Clause:
    owed = terms.owed
    amounts = [
        _money(minor, terms) for minor in (owed.principal_minor, owed.interest_minor, owed.fees_minor, owed.penalty_minor)
    ]
    zh = "其中本金 {}，利息 {}，费用 {}，违约金 {}；币种为 {}。".format(*amounts, terms.currency)
    en = "Of it {} is principal, {} interest, {} fees and {} penalty; the currency is {}.".format(*amounts, terms.currency)
    return Clause(PlanItem.COMPOSITION_AND_CURRENCY, zh, en, {**owed.document(), "currency": terms.currency})


def _schedule(terms: PlanTerms, rows: Sequence[Instalment]) -> Clause:
    each_zh = "；".join(f"第 {row.number} 期 {row.due} 还款 {_money(row.payment_minor, terms)}" for row in rows)
    each_en = "; ".join(f"no. {row.number} on {row.due}: {_money(row.payment_minor, terms)}" for row in rows)
    zh = f"共 {len(rows)} 期，以 {terms.currency} 按期还款：{each_zh}。"
    en = f"It is paid in {terms.currency} in {len(rows)} instalments: {each_en}."
    return Clause(PlanItem.INSTALMENT_SCHEDULE, zh, en, {"instalments": len(rows), "rows": list(rows)})


def _charges(terms: PlanTerms, rows: Sequence[Instalment]) -> Clause:
    interest, fee = sum(row.interest_minor for row in rows), sum(row.fee_minor for row in rows)
    rate = effective_annual_rate(terms, list(rows))
    if terms.interest is Treatment.RUNS and terms.annual_rate:
        yearly = _percent(terms.annual_rate)
        zh = f"还款期间仅对本金按年利率 {yearly} 计收利息，合计 {_money(interest, terms)}"
        en = f"While it runs interest of {yearly} a year is charged on principal alone, {_money(interest, terms)} in all"
    else:
        zh, en = "还款期间不计收利息", "While it runs no interest is charged"
    zh += f"；另收分期手续费合计 {_money(fee, terms)}" if fee else "；不另收费用"
    en += f"; fees of {_money(fee, terms)} in all are charged" if fee else "; no fee is charged"
    zh += f"。实际年化利率 {_percent(rate)}。"
    en += f". The effective annual rate is {_percent(rate)}."
    return Clause(
        PlanItem.CHARGES_DURING_PLAN, zh, en, {"interest_minor": interest, "fee_minor": fee, "effective_annual_rate": rate}
    )


def _no_new_card(_terms: PlanTerms, _rows: Sequence[Instalment]) -> Clause:
    return Clause(
        PlanItem.NO_NEW_CARD_PROMISE,
        "持卡人承诺，在全部欠款清偿之前不再向任何银行申请信用卡。",
        "The cardholder promises to apply to no bank for a credit card until all is paid.",
        {},
    )


def _rights(terms: PlanTerms, _rows: Sequence[Instalment]) -> Clause:
    rule = terms.default
    grounds_zh, grounds_en = [], []
    if rule.missed:
        grounds_zh.append(f"累计 {rule.missed} 期未足额还款（每期宽限 {rule.grace_days} 日）")
        grounds_en.append(f"{rule.missed} instalments stand unpaid, each {rule.grace_days} days after it was due")
    if rule.days_late:
        grounds_zh.append(f"任何一期逾期满 {rule.days_late} 日")
        grounds_en.append(f"one instalment is {rule.days_late} days late")
    zh = "持卡人按约履行期间，发卡银行及其委托机构停止催收。"
    en = "While the cardholder performs, the bank and those it has instructed stop collecting."
    if grounds_zh:
        zh += f"有下列情形之一即为违约，协议终止，发卡银行可恢复催收：{'；'.join(grounds_zh)}。"
        en += f" The plan is broken, it ends, and collecting may begin again, when {' or when '.join(grounds_en)}."
    zh += "持卡人可随时提前还清，无需另付费用；对金额有异议的，可随时向发卡银行提出。"
    en += " The cardholder may pay all earlier at no charge, and may object to any amount at any time."
    return Clause(
        PlanItem.RIGHTS_DUTIES_BREACH,
        zh,
        en,
        {"missed": rule.missed, "days_late": rule.days_late, "grace_days": rule.grace_days},
    )


def _other(terms: PlanTerms, rows: Sequence[Instalment]) -> Clause:
    told_zh, told_en = [], []
    if terms.waived.total_minor:
        waived = _money(terms.waived.total_minor, terms)
        told_zh.append(f"按约全部还清后减免 {waived}；未还清的，不予减免。")
        told_en.append(f"{waived} is let go once all is paid as agreed, and not before.")
    if terms.shift is not Shift.NONE:
        way_zh, way_en = ("顺延至其后", "after") if terms.shift is Shift.FORWARD else ("提前至其前", "before")
        told_zh.append(
            f"还款日为法定休息日的，{way_zh}第一个工作日，{'利息随之计算' if terms.shift_moves_interest else '利息不变'}。"
        )
        moved = "interest moves with it" if terms.shift_moves_interest else "interest stays as it is"
        told_en.append(f"A due date that is a rest day goes to the first working day {way_en} it; {moved}.")
    if any(not row.settled for row in rows):
        told_zh.append("放假安排尚未公布的年份，还款日待公布后按上述规则确定。")
        told_en.append("In years whose rest days are not announced yet, due dates are settled by that rule once they are.")
    told_zh.append("还款先用于抵充约定的当期款项。")
    told_en.append("A payment goes to the instalments in their order.")
    return Clause(PlanItem.OTHER_MATTERS, "".join(told_zh), " ".join(told_en), terms.waived.document())


def _money(minor: int, terms: PlanTerms) -> str:
    return f"{format_minor(minor, terms.currency, grouped=True)} {terms.currency}"


def _percent(rate: Fraction | Decimal) -> str:
    """A rate as per cent with two decimals, rounded to the nearest."""
    hundredths = round(Fraction(rate) * 10_000)
    return f"{hundredths // 100}.{hundredths % 100:02d} %"
