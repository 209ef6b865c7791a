"""An agreement as a paper to sign: every item the card rules require, in one language, set by the press of letters.

Knows how the clauses (`core.plan.clauses`) become the blocks of a letter, and where the bank's letterhead lies (`letterhead.toml` in the
home). Who the customer is comes as an argument: whoever asks for a paper with her name has looked at it, and that is remembered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType

from django.conf import settings

from anhuan.acts import policy
from anhuan.channels.letter.press import Press
from anhuan.channels.letter.sheet import Letter, Letterhead, letter_id, read_letterhead
from anhuan.core.judgements.plan import PlanItem
from anhuan.core.money import format_minor
from anhuan.core.plan.clauses import Clause, clauses
from anhuan.records.plan import Plan

LETTERHEAD = "letterhead.toml"

_TITLES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "plan": ("个性化分期还款协议", "Personalised instalment agreement"),
        "deferral": ("延期还款协议", "Agreement to pay later"),
        "settlement": ("减免结清协议", "Settlement agreement"),
    }
)
ITEMS: Mapping[PlanItem, tuple[str, str]] = MappingProxyType(
    {
        PlanItem.BALANCE: ("欠款余额", "Balance owed"),
        PlanItem.COMPOSITION_AND_CURRENCY: ("欠款结构及币种", "What it is made of, and its currency"),
        PlanItem.INSTALMENT_SCHEDULE: ("还款周期、日期及每期金额", "Instalments, dates and amounts"),
        PlanItem.CHARGES_DURING_PLAN: ("还款期间的息费", "Interest and fees while it runs"),
        PlanItem.NO_NEW_CARD_PROMISE: ("不再申请信用卡的承诺", "Promise to apply for no new card"),
        PlanItem.RIGHTS_DUTIES_BREACH: ("双方权利义务及违约责任", "Rights, duties and breach"),
        PlanItem.OTHER_MATTERS: ("其他事项", "Other matters"),
    }
)
_WORDS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "zh": {
            "bank": "甲方（发卡银行）：{bank}", "customer": "乙方（持卡人）：{name}", "accounts": "账户：{accounts}", "number": "期次",
            "due": "还款日", "payment": "应还金额（{currency}）", "left": "剩余欠款", "bank_signs": "甲方（盖章）", "signed": "签署",
            "customer_signs": "乙方（签字）：____________________　　日期：______________",
            "several": "共 {number} 期，以 {currency} 按期还款，各期如下。",
        },
        "en": {
            "bank": "The bank: {bank}", "customer": "The cardholder: {name}", "accounts": "Accounts: {accounts}", "number": "No.",
            "due": "Due", "payment": "Payment ({currency})", "left": "Left owed", "bank_signs": "The bank (seal)", "signed": "Signatures",
            "customer_signs": "The cardholder (signature): ____________________  Date: ______________",
            "several": "It is paid in {currency} in {number} instalments, as follows.",
        },
    }
)  # fmt: skip


def title(kind: str, lang: str) -> str:
    """What the agreement is called."""
    return _TITLES[kind][lang != "zh"]


def heads(plan: Plan, lang: str) -> Mapping[str, str]:
    """What stands over the columns of its schedule."""
    return {name: _WORDS[lang][name].format(currency=plan.currency) for name in ("number", "due", "payment", "left")}


def stated(plan: Plan) -> list[Clause]:
    """Every item it states."""
    return clauses(plan.agreed, plan.rows())


def pdf(plan: Plan, *, lang: str, name: str, address: tuple[str, ...] = (), on: date) -> bytes:
    """The paper; press.NoFace or press.NotSet where it cannot be set."""
    return Press(letterhead()).one(letter(plan, lang=lang, name=name, address=address, on=on))


def letter(plan: Plan, *, lang: str, name: str, address: tuple[str, ...] = (), on: date) -> Letter:
    """The paper as data. `lang` is zh or en."""
    return Letter(
        id=letter_id(f"agreement:{plan.plan_id}:{lang}"), on=on, lang=lang, address=(name, *address), subject=title(plan.kind, lang),
        text="\n".join(_text(plan, lang, name)), reference=str(plan.plan_id)[:13],
    )  # fmt: skip


def letterhead() -> Letterhead:
    """The bank's letterhead; a plain one with its name where the home holds none."""
    file = Path(settings.ANHUAN_HOME) / LETTERHEAD
    if file.is_file():
        return read_letterhead(file)
    empty = {"zh": "", "en": ""}
    return Letterhead(name={"zh": "信用卡中心", "en": "Card Centre"}, department=empty, return_line=empty, footer=empty)


def bank(lang: str, on: date) -> str:
    """Who the other party is."""
    return letterhead().name[lang] or policy.in_force(on).bank


def _text(plan: Plan, lang: str, name: str) -> Iterator[str]:
    words, zh = _WORDS[lang], lang == "zh"
    parties = {"bank": bank(lang, plan.agreed.start), "name": name, "accounts": ", ".join(plan.accounts)}
    for each in ("bank", "customer", "accounts"):
        yield words[each].format(**parties)
        yield ""
    for number, clause in enumerate(stated(plan), start=1):
        yield ""
        yield f"# {number}. {ITEMS[clause.item][not zh]}"
        if clause.item is PlanItem.INSTALMENT_SCHEDULE:
            yield from _table(plan, words)
        else:
            yield clause.zh if zh else clause.en
    # The bank's seal and the date of the paper stand under the last line, at the right; her own line is clear of both.
    yield ""
    yield f"# {words['signed']}"
    yield words["customer_signs"]
    yield ""
    yield f"~ {words['bank_signs']}"


def _table(plan: Plan, words: Mapping[str, str]) -> Iterator[str]:
    rows = plan.rows()
    yield words["several"].format(number=len(rows), currency=plan.currency)
    yield ""
    yield f"|= {words['number']} | {words['due']} | {words['payment'].format(currency=plan.currency)} | {words['left']} |"
    for row in rows:
        paid, left = (format_minor(each, plan.currency, grouped=True) for each in (row.payment_minor, row.closing_minor))
        yield f"| {row.number} | {row.due.isoformat()} | {paid} | {left} |"
    yield ""
