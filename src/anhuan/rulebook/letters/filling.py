"""Strict filling: every value that is asked for, none besides, each of its type, written as the language writes it.

Money comes as whole minor units with its currency and is never rounded; dates are dates. A value is data wherever it lands: it
cannot break a line, begin a table or close a tag. What is wrong is refused by the value's name, all of it at once.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any

from anhuan.core.money import format_minor, minor_digits
from anhuan.core.vocabulary import Channel
from anhuan.rulebook.letters.shape import PLACEHOLDER, TYPES, Fault, Value, Wording


@dataclass(frozen=True, slots=True)
class Amount:
    """Money: whole minor units of a currency."""

    minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class Filled:
    """A wording with its values in it: part -> text. Of an e-mail, `html` is always there."""

    wording: Wording
    parts: Mapping[str, str]


Filling = Filled | tuple[Fault, ...]


def fill(wording: Wording, values: Mapping[str, Any]) -> Filling:
    """The wording filled, or every reason why it cannot be."""
    faults = [*_names(wording, values)]
    written: dict[str, str] = {}
    for name, value in wording.values.items():
        if name in values:
            try:
                written[name] = _written(value, values[name], wording)
            except (ValueError, InvalidOperation):
                zh, en = TYPES[value.type]
                limit = (
                    (f"，不超过 {value.most} 个字符", f" of at most {value.most} signs") if value.type == "text" else ("", "")
                )
                faults.append(Fault("wrong_type", name, f"值 {name} 应为{zh}{limit[0]}", f"the value {name} is {en}{limit[1]}"))
    if faults:
        return tuple(faults)
    parts = {part: _filled(text, written, quote=part == "html") for part, text in wording.parts.items()}
    if wording.channel is Channel.EMAIL and "html" not in parts:
        parts["html"] = _html_of(parts["text"], wording.language)
    return Filled(wording, MappingProxyType(parts))


def _names(wording: Wording, values: Mapping[str, Any]) -> Iterator[Fault]:
    for name in wording.values.keys() - values.keys():
        yield Fault("missing_value", name, f"缺少值 {name}", f"the value {name} is missing")
    for name in values.keys() - wording.values.keys():
        yield Fault("extra_value", name, f"多出值 {name}，文本未用到", f"the value {name} is not asked for")


def _filled(text: str, written: Mapping[str, str], *, quote: bool) -> str:
    def one(found: re.Match[str]) -> str:
        if found[1]:
            return html.escape(written[found[1]]) if quote else written[found[1]]
        return found.group()[0]

    return PLACEHOLDER.sub(one, text)


def _html_of(text: str, language: str) -> str:
    """Paragraphs of a plain text, its addresses linked."""
    paragraphs = []
    for block in re.split(r"\n\s*\n", text):
        escaped = html.escape(block.strip()).replace("\n", "<br>\n")
        linked = re.sub(
            r"https://[\w./?=&;%#-]*[\w/=]", lambda found: f'<a href="{found.group()}">{found.group()}</a>', escaped
        )
        paragraphs.append(f"<p>{linked}</p>")
    return f'<div lang="{"zh-CN" if language == "zh" else "en"}">\n' + "\n".join(paragraphs) + "\n</div>"


# --- how a value is written ---------------------------------------------------------------------------------------

_CURRENCIES = {
    "CNY": "元", "USD": "美元", "HKD": "港元", "EUR": "欧元", "GBP": "英镑", "JPY": "日元", "MOP": "澳门元", "SGD": "新加坡元",
    "AUD": "澳大利亚元", "CAD": "加拿大元", "CHF": "瑞士法郎", "KRW": "韩元", "THB": "泰铢", "TWD": "新台币元",
}  # fmt: skip
_SIGNS = {"us": {"USD": "$"}, "uk": {"GBP": "£"}}
_MONTHS = "January February March April May June July August September October November December".split()


def _written(value: Value, given: Any, wording: Wording) -> str:
    """The text of a value. ValueError when it is not of its type."""
    if value.type == "rows":
        return _rows(value, given, wording)
    if value.type == "text" and len(str(given)) > value.most:
        raise ValueError
    return _WRITERS[value.type](given, wording)


def _rows(value: Value, given: Any, wording: Wording) -> str:
    """A table as lines of the markup: `|= heads |`, then `| cells |`; at least one row, each with exactly the columns."""
    if not isinstance(given, list | tuple) or not given:
        raise ValueError
    heads = {name: column.get("head", name) for name, column in value.columns.items()}
    spoken = (head[wording.language] if isinstance(head, Mapping) else head for head in heads.values())
    lines = ["|= " + " | ".join(spoken) + " |"]
    for row in given:
        if not isinstance(row, Mapping) or row.keys() != value.columns.keys():
            raise ValueError
        cells = [_written(Value(column["is"]), row[name], wording) for name, column in value.columns.items()]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _text(given: Any, _wording: Wording) -> str:
    """One line that begins no mark and holds no column: `str.isprintable` knows control and line-breaking signs."""
    if not isinstance(given, str) or not given.strip() or given != given.strip() or not given.isprintable():
        raise ValueError
    if given[0] in "#-|~[" or "|" in given:
        raise ValueError
    return given


def _money(given: Any, wording: Wording) -> str:
    """An amount, or several of different currencies one after another: they have no sum."""
    if isinstance(given, tuple) and given and len({getattr(each, "currency", None) for each in given}) == len(given):
        *before, last = [_amount(each, wording) for each in given]
        if wording.language == "zh":
            return "、".join([*before, last])
        return f"{', '.join(before)} and {last}" if before else last
    return _amount(given, wording)


def _amount(given: Any, wording: Wording) -> str:
    if isinstance(given, Mapping) and given.keys() == {"minor", "currency"}:
        given = Amount(given["minor"], given["currency"])
    if not isinstance(given, Amount) or type(given.minor) is not int or not isinstance(given.currency, str):
        raise ValueError
    minor_digits(given.currency)
    figure = format_minor(given.minor, given.currency, grouped=True)
    if wording.language == "zh":
        return f"{figure}{_CURRENCIES.get(given.currency, ' ' + given.currency)}"
    sign = _SIGNS.get(wording.jurisdiction.split("-", maxsplit=1)[0], {}).get(given.currency)
    return f"{sign}{figure}" if sign else f"{given.currency} {figure}"


def _date(given: Any, wording: Wording) -> str:
    if type(given) is not date:
        raise ValueError
    if wording.language == "zh":
        return f"{given.year}年{given.month}月{given.day}日"
    month = _MONTHS[given.month - 1]
    american = wording.jurisdiction.startswith("us")
    return f"{month} {given.day}, {given.year}" if american else f"{given.day} {month} {given.year}"


def _count(given: Any, _wording: Wording) -> str:
    if type(given) is not int or given < 0:
        raise ValueError
    return str(given)


def _rate(given: Any, _wording: Wording) -> str:
    rate = Decimal(given) if isinstance(given, str | Decimal) else Decimal("NaN")
    if not rate.is_finite() or rate < 0:
        raise ValueError
    return f"{(rate * 100).normalize():f}%"


def _of_form(pattern: str) -> Callable[[Any, Wording], str]:
    form = re.compile(pattern)

    def written(given: Any, _wording: Wording) -> str:
        if not isinstance(given, str) or not form.fullmatch(given):
            raise ValueError
        return given

    return written


_WRITERS: Mapping[str, Callable[[Any, Wording], str]] = {
    "text": _text, "money": _money, "date": _date, "count": _count, "rate": _rate, "tail": _of_form(r"[0-9]{4}"),
    "phone": _of_form(r"\+?[0-9][0-9 -]{3,18}[0-9]"), "link": _of_form(r"https://[\w.-]+(/[\w./?=&%#-]*)?"),
}  # fmt: skip

# --- for a preview ------------------------------------------------------------------------------------------------

_EXAMPLES: Mapping[str, Any] = MappingProxyType(
    {
        "money": Amount(325064, "CNY"), "date": date(2026, 12, 5), "count": 12, "tail": "4417", "phone": "95500",
        "link": "https://pay.anhuan.example/r/7QK2", "rate": "0.1825", "text": "示例",
    }
)  # fmt: skip


def examples(wording: Wording) -> dict[str, Any]:
    """The values a preview shows: those the wording gives as examples, else one of the type."""
    return {name: _example(value) for name, value in wording.values.items()}


def _example(value: Value) -> Any:
    """One value; an example that is none of its type stays what it is, so that filling refuses it by name."""
    given = value.example
    if value.type == "rows":
        rows = [{}] if given is None else given
        if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
            return given
        return [{name: _example(Value(column["is"], row.get(name))) for name, column in value.columns.items()} for row in rows]
    if given is None:
        return _EXAMPLES[value.type]
    if value.type == "date" and isinstance(given, str):
        with suppress(ValueError):
            return date.fromisoformat(given)
    return given
