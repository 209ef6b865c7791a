"""A bank's own table of what it grants: promises, deferrals, plans, waivers and settlements, with dates, read to the line.

Knows how `policy.yaml` is written and which limits the law sets it. Does not know what follows for a customer (`core.plan.negotiation`). The
table may grant less than the law allows, never more; whatever would is a RulebookError with file, line and clause. Amounts and rates are text,
`"100.00"` and `"0.12"`, so that none is ever a binary float.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from enum import StrEnum
from fractions import Fraction
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any, TypeVar

from anhuan.core.judgements.law import Law
from anhuan.core.money import parse_minor
from anhuan.core.plan.parts import Part
from anhuan.core.plan.policy import Authority, DefaultRule, Ground, Policy, PolicyRow, PromiseRule, Shift, Treatment
from anhuan.core.plan.schedule import Method
from anhuan.core.vocabulary import Bucket, Classification
from anhuan.rulebook.judging import STATUTES, law_of
from anhuan.rulebook.statutes import Lines, RulebookError, read_yaml

FILE = "policy.yaml"
Word = TypeVar("Word", bound=StrEnum)

_KEYS: Mapping[str, frozenset[str]] = {
    "policy.yaml": frozenset({"bank", "law", "grounds", "rows"}),
    "grounds": frozenset({"from", "until", "discount_rate", "share", "living_floor"}),
    "rows": frozenset({"id", "from", "until", "why", "applies", "promise", "plan", "deferral", "settlement", "authority"}),
    "applies": frozenset({"products", "buckets", "classifications"}),
    "promise": frozenset({"max_days", "least_share", "tolerance_share", "grace_days"}),
    "plan": frozenset(
        {"methods", "tenors", "max_instalments", "least_payment", "first_due_within_days", "interest", "annual_rate", "fee_rate", "shift",
         "shift_moves_interest", "step", "replans", "default"}
    ),
    "step": frozenset({"every", "factor"}),
    "default": frozenset({"missed", "days_late", "grace_days"}),
    "deferral": frozenset({"max_days", "interest"}),
    "settlement": frozenset({"instalments"}),
    "authority": frozenset({"role", "instalments", "deferral_days", "waive", "settle_from"}),
    "waive": frozenset(Part),
    "living_floor": frozenset({"first", "other"}),
}  # fmt: skip


def read(path: Path, *, as_of: date) -> Policy:
    """A bank's table under the law of a date; RulebookError for what cannot be used, is said twice, or loosens the law."""
    told = read_yaml(path)
    top = _Mapping(told, "policy.yaml", path, 1)
    jurisdiction = str(top.told.get("law", "cn"))
    if not (STATUTES / jurisdiction).is_dir():
        raise top.wrong("law", f"没有法域 {jurisdiction}", f"there is no jurisdiction {jurisdiction}")
    rows = tuple(_row(each, jurisdiction) for each in top.mappings("rows"))
    grounds = tuple(_ground(each) for each in top.mappings("grounds"))
    for one, other in combinations(sorted(rows, key=lambda row: row.line), 2):
        if one.overlaps(other) or one.id == other.id:
            zh = f"{other.id} 与第 {one.line} 行的 {one.id} 同日适用于同类账户；每日每户至多一条"
            en = f"{other.id} speaks of debts that {one.id} (line {one.line}) speaks of on the same day; one row at most may"
            raise RulebookError(path, other.line, zh, en)
    for earlier, later in combinations(sorted(grounds, key=lambda each: each.from_on), 2):
        if earlier.until_on is None or earlier.until_on >= later.from_on:
            raise RulebookError(path, top.told.at("grounds"), "grounds 的日期重叠", "the dates of grounds overlap")
    law = law_of(jurisdiction, as_of)
    digest = hashlib.sha256(path.read_bytes() + repr((law.get("plan.term"), law.get("plan.content"))).encode()).hexdigest()
    return Policy(top.text("bank"), digest, rows, grounds, law.get("plan.term"), law.get("plan.content"))


@cache
def none_stated(jurisdiction: str, as_of: date) -> Policy:
    """The policy of a bank that has written none: nobody may grant anything; what is owed can be paid."""
    law = law_of(jurisdiction, as_of)
    return Policy("–", "none", (), (), law.get("plan.term"), law.get("plan.content"))


def _ground(told: _Mapping) -> Ground:
    floors = told.mapping_of("living_floor", "living_floor")
    return Ground(
        from_on=told.day("from"),
        until_on=told.day_or_none("until"),
        discount_rate=told.rate("discount_rate"),
        share=told.rate("share", Fraction(1), most=Fraction(1)),
        floor_first_minor={currency: each.money("first", currency) for currency, each in floors.items()},
        floor_other_minor={currency: each.money("other", currency) for currency, each in floors.items()},
    )


def _row(told: _Mapping, jurisdiction: str) -> PolicyRow:
    applies, plan, promise = told.inner("applies"), told.inner("plan"), told.inner("promise")
    deferral, step, default = told.inner("deferral"), plan.inner("step"), plan.inner("default")
    from_on, until_on = told.day("from"), told.day_or_none("until")
    if until_on is not None and until_on < from_on:
        raise told.wrong("until", "until 早于 from", "until lies before from")
    most = plan.whole("max_instalments", 0)
    for law in _laws(jurisdiction, from_on, until_on):
        _within_law(plan, most, law)
    tenors = tuple(sorted(plan.whole_list("tenors")))
    if tenors and tenors[-1] > most:
        raise plan.wrong(
            "tenors", f"期数 {tenors[-1]} 超过 max_instalments {most}", f"{tenors[-1]} is more than max_instalments, {most}"
        )
    least = plan.told.get("least_payment") or Lines()
    return PolicyRow(
        id=told.text("id"), line=told.told.line, from_on=from_on, until_on=until_on, why=str(told.told.get("why", "")),
        promise=PromiseRule(
            promise.whole("max_days", 0), promise.share("least_share"), promise.share("tolerance_share"), promise.whole("grace_days", 0)
        ),
        default=DefaultRule(default.whole("missed", 0), default.whole("days_late", 0), default.whole("grace_days", 0)),
        authorities=tuple(_authority(each) for each in told.mappings("authority")),
        products=applies.set_of("products", str),
        buckets=applies.set_of("buckets", lambda word: Bucket[word]),
        classifications=applies.set_of("classifications", Classification),
        methods=tuple(plan.words("methods", Method)) or (Method.LEVEL,),
        tenors=tenors,
        max_instalments=most,
        least_payment_minor={currency: _Mapping(least, "", told.path, plan.told.line).money(currency, currency) for currency in least},
        first_due_within_days=plan.whole("first_due_within_days", 31),
        interest=plan.word("interest", Treatment, Treatment.STOPPED),
        annual_rate=plan.rate("annual_rate", Fraction(0)),
        fee_rate=plan.rate("fee_rate", Fraction(0)),
        shift=plan.word("shift", Shift, Shift.FORWARD),
        shift_moves_interest=plan.yes("shift_moves_interest"),
        step_every=step.whole("every", 12, least=1),
        step_factor=step.rate("factor", Fraction(1)),
        deferral_max_days=deferral.whole("max_days", 0),
        deferral_interest=deferral.word("interest", Treatment, Treatment.STOPPED),
        settlement_instalments=told.inner("settlement").whole("instalments", 1, least=1),
        replans=plan.whole("replans", 0),
    )  # fmt: skip


def _laws(jurisdiction: str, from_on: date, until_on: date | None) -> Iterator[Law]:
    """The law on the first day of a row and on the last, so that a row reaching into a stricter law is found."""
    yield law_of(jurisdiction, from_on)
    yield law_of(jurisdiction, until_on or date.max)


def _within_law(plan: _Mapping, most: int, law: Law) -> None:
    term = law.get("plan.term")
    if term is not None and most > term.value["months"]:
        months = term.value["months"]
        zh = f"分期最长 {months} 个月（{term.citation}），政策只可更短，不可为 {most}"
        en = f"a plan runs {months} months at most by {term.citation}; the policy may be stricter, never looser ({most})"
        raise plan.wrong("max_instalments", zh, en)


def _authority(told: _Mapping) -> Authority:
    waive = told.inner("waive")
    if "principal" in waive.told:
        zh, en = "本金只能在减免结清中减免（settle_from）", "principal is let go in a settlement alone (settle_from)"
        raise waive.wrong("principal", zh, en)
    return Authority(
        role=told.text("role"),
        instalments=told.whole("instalments", 0),
        deferral_days=told.whole("deferral_days", 0),
        waive={Part(part): waive.share(part) for part in waive.told},
        settle_from=told.share("settle_from") if told.told.get("settle_from") is not None else None,
    )


class _Mapping:
    """One mapping of the file, its values asked for by the type they are to be; RulebookError at the line of what is not."""

    def __init__(self, told: Any, name: str, path: Path, line: int) -> None:
        self.path, self.name = path, name
        if not isinstance(told, Lines):
            raise RulebookError(path, line, f"{name} 应为键值映射", f"{name} is a mapping of keys")
        self.told = told
        for key in told if name in _KEYS else ():
            if key not in _KEYS[name]:
                known = ", ".join(sorted(_KEYS[name]))
                raise self.wrong(key, f"未知的键 {key}；可用：{known}", f"unknown key {key}; known are {known}")

    def wrong(self, key: str, zh: str, en: str) -> RulebookError:
        return RulebookError(self.path, self.told.at(key), zh, en)

    def inner(self, key: str) -> _Mapping:
        """The mapping under a key; an empty one where there is none."""
        found = self.told.get(key)
        if found is None:
            found = Lines()
            found.line = self.told.line
        return _Mapping(found, key, self.path, self.told.at(key))

    def mappings(self, key: str) -> list[_Mapping]:
        listed = self.told.get(key) or []
        if not isinstance(listed, list):
            raise self.wrong(key, f"{key} 应为列表", f"{key} is a list")
        return [_Mapping(each, key, self.path, self.told.at(key)) for each in listed]

    def mapping_of(self, key: str, name: str) -> dict[str, _Mapping]:
        """A mapping of currencies to mappings."""
        outer = _Mapping(self.told.get(key) or Lines(), "", self.path, self.told.at(key))
        return {each: _Mapping(value, name, self.path, outer.told.at(each)) for each, value in outer.told.items()}

    def text(self, key: str) -> str:
        value = self.told.get(key)
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(key, f"缺少 {key}", f"{key} is missing")
        return value

    def whole(self, key: str, default: int, *, least: int = 0) -> int:
        return self._whole(key, self.told.get(key, default), least)

    def _whole(self, key: str, value: Any, least: int) -> int:
        if type(value) is not int or not least <= value <= 100_000:
            raise self.wrong(
                key, f"{key} 应为 {least} 起的整数，收到 {value!r}", f"{key} is a whole number from {least}, not {value!r}"
            )
        return value

    def whole_list(self, key: str) -> list[int]:
        return [self._whole(key, each, 1) for each in self._list(key)]

    def _list(self, key: str) -> list[Any]:
        listed = self.told.get(key) or []
        if not isinstance(listed, list):
            raise self.wrong(key, f"{key} 应为列表", f"{key} is a list")
        return listed

    def rate(self, key: str, default: Fraction | None = None, *, most: Fraction = Fraction(1000)) -> Fraction:
        """A decimal as text, or a whole number; never what YAML reads as a binary float."""
        value = self.told.get(key)
        if value is None and default is not None:
            return default
        written = str(value) if type(value) in (str, int) else ""
        found = Fraction(written) if _DECIMAL.fullmatch(written) else None
        if found is None or not 0 <= found <= most:
            zh = f'{key} 应为 0 至 {most} 的小数文本，如 "0.12"，收到 {value!r}'
            raise self.wrong(key, zh, f'{key} is a decimal from 0 to {most} in quotes, such as "0.12", not {value!r}')
        return found

    def share(self, key: str) -> Fraction:
        return self.rate(key, Fraction(0), most=Fraction(1))

    def money(self, key: str, currency: str) -> int:
        value = self.told.get(key, "0")
        found = _minor(value, currency)
        if found is None:
            zh = f'{key} 应为不小于零的 {currency} 金额文本，如 "100.00"，收到 {value!r}'
            en = f'{key} is an amount of {currency} from nought up, in quotes, such as "100.00", not {value!r}'
            raise self.wrong(key, zh, en)
        return found

    def day(self, key: str) -> date:
        found = self.day_or_none(key)
        if found is None:
            raise self.wrong(key, f"缺少日期 {key}", f"the date {key} is missing")
        return found

    def day_or_none(self, key: str) -> date | None:
        value = self.told.get(key)
        if value is not None and type(value) is not date:
            raise self.wrong(key, f"{key} 应为 YYYY-MM-DD", f"{key} is a date, YYYY-MM-DD")
        return value

    def yes(self, key: str) -> bool:
        value = self.told.get(key, False)
        if not isinstance(value, bool):
            raise self.wrong(key, f"{key} 应为 true 或 false", f"{key} is true or false")
        return value

    def word(self, key: str, words: type[Word], default: Word) -> Word:
        return words(self._word(key, self.told.get(key, default), words))

    def words(self, key: str, words: type[Word]) -> list[Word]:
        return [self._word(key, each, words) for each in self._list(key)]

    def _word(self, key: str, value: Any, words: Callable[[Any], Any]) -> Any:
        try:
            return words(value)
        except (ValueError, KeyError):
            known = (
                ", ".join(words) if isinstance(words, type) and issubclass(words, StrEnum) else ", ".join(Bucket.__members__)
            )
            raise self.wrong(key, f"{key}：{value} 不在 {known} 之列", f"{key}: {value} is none of {known}") from None

    def set_of(self, key: str, words: Callable[[Any], Any]) -> frozenset[Any] | None:
        """The words of a list; None, which is all, where there is no list."""
        if self.told.get(key) is None:
            return None
        return frozenset(self._word(key, each, words) for each in self._list(key))


_DECIMAL = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,12})?")


def _minor(value: Any, currency: str) -> int | None:
    """An amount written as text, if it is one of that currency and not below nought."""
    try:
        found = parse_minor(value, currency) if isinstance(value, str) else -1
    except ValueError:
        return None
    return found if found >= 0 else None
