"""The form of a wording: its parts by channel, the values it takes, and how one is read from a file.

Braces are the whole language of a template: `{name}` stands for the value of that name, `{{` and `}}` for braces, and there
is nothing else, so that no text can make anything run. Mistakes are faults, gathered with the line they stand on; a file with
one gives no wording at all.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from types import MappingProxyType
from typing import Any

from anhuan.core.vocabulary import LABELS, Channel, LetterItem, Purpose, VoicemailItem
from anhuan.rulebook.statutes import STATUTES, Lines, RulebookError, read_yaml

LANGUAGES = ("zh", "en")
PARTS: Mapping[Channel, Mapping[str, bool]] = MappingProxyType(
    {
        Channel.SMS: {"text": True},
        Channel.EMAIL: {"subject": True, "text": True, "html": False},
        Channel.CALL: {"greeting": True, "confirm": True, "message": True, "choices": False, "closing": True},
        Channel.VOICEMAIL: {"text": True},
        Channel.LETTER: {"subject": True, "text": True},
        Channel.VISIT: {"subject": True, "text": True},
        Channel.PORTAL_PUSH: {"title": True, "text": True},
        Channel.PORTAL_CONTENT: {"title": True, "text": True},
    }
)
"""The parts of a wording, in the order they are heard or read; True: it must be there. Of a call, `greeting` and `confirm`
are spoken before anybody has said who he is, `choices` names the keys to press."""

TYPES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "text": ("一行文字", "a line of text"),
        "money": ("金额（最小单位整数与币种）", "an amount, whole minor units with a currency"),
        "date": ("日期", "a date"),
        "count": ("非负整数", "a whole number from 0"),
        "tail": ("四位数字", "four digits"),
        "phone": ("电话号码", "a telephone number"),
        "link": ("https 网址", "an https address"),
        "rate": ("小数形式的利率", "a rate as a decimal fraction"),
        "rows": ("表格", "a table"),
    }
)
"""What a value may be, and what such a value is called."""

_FURTHER: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "institution": ("机构身份", "which institution it is"),
        "opt_out": ("退订方式", "how to have no more of it"),
        "right_party": ("确认本人", "a question whom one has reached"),
        "how_to_object": ("异议途径", "how to object"),
        "agency": ("受托机构", "the agency"),
        "payment_channels": ("还款渠道", "how to pay"),
        "collector": ("催收机构声明", "that a debt collector collects a debt"),
        "collector_address": ("催收机构地址", "the collector's address"),
        "consumer": ("消费者姓名与地址", "the consumer's name and address"),
        "creditor_then": ("列账日债权人", "the creditor at the itemization date"),
        "creditor_now": ("现债权人", "the creditor now"),
        "account": ("账号尾号", "the account, truncated"),
        "itemization_date": ("列账日", "the itemization date"),
        "amount_then": ("列账日金额", "the amount at the itemization date"),
        "itemization": ("列账日后明细", "what has changed since"),
        "amount_now": ("现金额", "the amount now"),
        "rights_until": ("异议截止日", "the day the validation period ends"),
        "regulator": ("监管机构指引", "where the regulator explains rights"),
        "response_form": ("回复表", "a form to respond"),
    }
)
ITEMS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {str(item): LABELS[str(item)] for item in (*LetterItem, *VoicemailItem)} | dict(_FURTHER)
)
"""What a passage may disclose, and what that is called: the words of the gate for letters and voicemails, and further ones."""

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([a-z][a-z0-9_]{0,39})\}|[{}]")
_TAGS = frozenset("p br strong em b i a table thead tbody tr th td h1 h2 h3 ul ol li div span hr".split())
_STYLE = re.compile(r"[\w\s#%.,:;-]*")
_BLOCKS = frozenset("p br table tr h1 h2 h3 ul ol li div hr".split())


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong: a machine word, the part or value it is about, the line (0: none), a sentence in both languages."""

    code: str
    where: str
    zh: str
    en: str
    line: int = 0

    def document(self) -> dict[str, Any]:
        return {"code": self.code, "where": self.where, "line": self.line, "message_zh": self.zh, "message_en": self.en}


@dataclass(frozen=True, slots=True)
class Value:
    """A value a wording takes: its type, the value a preview shows, for text the most signs, for rows the columns."""

    type: str
    example: Any = None
    most: int = 60
    columns: Mapping[str, Mapping[str, Any]] = field(
        default_factory=dict
    )  # name -> {"is": type, "head": text, or text by language}


@dataclass(frozen=True, slots=True)
class Wording:
    """One text for one channel, language and jurisdiction. `discloses` maps an item to the passage that makes it known."""

    name: str
    jurisdiction: str
    channel: Channel
    language: str
    purpose: Purpose
    values: Mapping[str, Value]
    parts: Mapping[str, str]
    discloses: Mapping[str, str]

    @property
    def key(self) -> str:
        return f"{self.jurisdiction}/{self.name}/{self.channel.value}/{self.language}"

    def document(self) -> dict[str, Any]:
        """As JSON; `read_document` gives the same wording back."""
        return {
            "name": self.name, "jurisdiction": self.jurisdiction, "channel": self.channel.value, "language": self.language,
            "purpose": self.purpose.value, "parts": dict(self.parts), "discloses": dict(self.discloses),
            "values": {name: _value_document(value) for name, value in self.values.items()},
        }  # fmt: skip

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the wording as JSON: the same for the same wording, however its file is laid out."""
        return hashlib.sha256(json.dumps(self.document(), sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _value_document(value: Value) -> dict[str, Any]:
    """Columns as a list: a database may keep the keys of a mapping in an order of its own."""
    told: dict[str, Any] = {"is": value.type}
    told |= {"example": value.example} if value.example is not None else {}
    told |= {"most": value.most} if value.most != Value("text").most else {}
    columns = [{"name": name, **column} for name, column in value.columns.items()]
    return told | ({"columns": columns} if columns else {})


# --- reading ------------------------------------------------------------------------------------------------------

_FILE_KEYS = frozenset({"wording", "jurisdiction", "purpose", "about", "values", "forms"})
_FORM_KEYS = frozenset({"channel", "language", "purpose", "discloses"})


def read_file(path: Path) -> tuple[list[Wording], list[Fault]]:
    """The wordings of a file: one name, its values, and a form for each channel and language. With faults, no wordings."""
    try:
        told = read_yaml(path)
    except RulebookError as unreadable:
        return [], [Fault("unreadable", path.name, unreadable.zh, unreadable.en, unreadable.line)]
    faults: list[Fault] = []
    if not isinstance(told, Lines) or not {"wording", "jurisdiction", "purpose", "forms"} <= told.keys():
        zh, en = "文件应写明 wording、jurisdiction、purpose 和 forms", "a file has wording, jurisdiction, purpose and forms"
        return [], [Fault("no_wording", path.name, zh, en, 1)]
    faults += [_unknown_key(key, told.at(key), _FILE_KEYS) for key in told if key not in _FILE_KEYS]
    found, used = [], set()
    values = told.get("values") or Lines()
    for form in told["forms"] if isinstance(told["forms"], list) else [None]:
        if not isinstance(form, Lines):
            faults.append(
                Fault("no_form", "forms", "forms 应为列表，每项一个渠道", "forms is a list, each a channel", told.at("forms"))
            )
            continue
        parts = _only(form, form.keys() - _FORM_KEYS)
        named = {name for text in parts.values() for name in names_in(str(text))}
        used |= named
        document = {
            "name": told["wording"], "jurisdiction": told["jurisdiction"], "purpose": form.get("purpose", told["purpose"]),
            "channel": form.get("channel"), "language": form.get("language"), "discloses": form.get("discloses") or {},
            "parts": parts, "values": _only(values, named),
        }  # fmt: skip
        wording, wrong = read_document(document, line=form.line)
        faults += wrong
        found += [wording] if wording else []
    for name in values:
        if name not in used:
            faults.append(
                Fault("unused_value", name, f"没有文本使用值 {name}", f"no form uses the value {name}", values.at(name))
            )
    twice = {one.key for one in found if [each.key for each in found].count(one.key) > 1}
    faults += [Fault("form_twice", key, f"{key} 写了两次", f"{key} stands twice", told.at("forms")) for key in sorted(twice)]
    return ([] if faults else found), faults


def _only(told: Lines, names: AbstractSet[str]) -> Lines:
    """Some keys of a mapping, in their order, with their lines."""
    some = Lines({name: each for name, each in told.items() if name in names})
    some.line, some.lines = told.line, told.lines
    return some


def read_document(told: Mapping[str, Any], *, line: int = 0) -> tuple[Wording | None, list[Fault]]:
    """A wording from its JSON, or every fault of it; `line` is where the form begins in a file."""
    faults = list(_wrong_head(told, line))
    if faults:
        return None, faults
    values, wrong = _values(told["values"], line)
    wording = Wording(
        name=told["name"], jurisdiction=told["jurisdiction"], channel=Channel(told["channel"]), language=told["language"],
        purpose=Purpose(told["purpose"]), values=values, discloses=dict(told["discloses"]),
        parts={name: told["parts"][name].strip("\n") for name in PARTS[Channel(told["channel"])] if name in told["parts"]},
    )  # fmt: skip
    faults = wrong + list(_wrong_parts(wording, told["parts"], line)) + list(_wrong_passages(wording, line))
    return (None if faults else wording), faults


def _wrong_head(told: Mapping[str, Any], line: int) -> Iterator[Fault]:
    known = {
        "channel": tuple(channel.value for channel in PARTS), "language": LANGUAGES, "jurisdiction": _packs(),
        "purpose": tuple(purpose.value for purpose in Purpose),
    }  # fmt: skip
    if not NAME.fullmatch(str(told.get("name"))):
        zh, en = (
            "名称用小写字母、数字和下划线，不超过 40 个字符",
            "a name has small letters, digits and underscores, 40 at most",
        )
        yield Fault("bad_name", "wording", zh, en, line)
    for key, may in known.items():
        if told.get(key) not in may:
            listed = ", ".join(may)
            yield Fault(f"bad_{key}", key, f"{key} 为 {told.get(key)!r}，可为：{listed}", f"{key} may be {listed}", line)
            return
    parts = PARTS[Channel(told["channel"])]
    for name, text in told["parts"].items():
        if name not in parts:
            yield _unknown_key(name, line, frozenset(parts) | _FORM_KEYS)
        elif not isinstance(text, str) or not text.strip():
            yield Fault("no_text", name, f"{name} 应为非空文本", f"{name} is a text that is not empty", line)
    for name, needed in parts.items():
        if needed and name not in told["parts"]:
            yield Fault("missing_part", name, f"缺少 {name}", f"{name} is missing", line)
    if not isinstance(told["discloses"], Mapping) or not isinstance(told["values"], Mapping):
        yield Fault("no_mapping", "values", "values 与 discloses 应为键值映射", "values and discloses are mappings", line)


@cache
def _packs() -> tuple[str, ...]:
    return tuple(sorted(path.name for path in STATUTES.iterdir() if path.is_dir()))


def _unknown_key(key: str, line: int, known: frozenset[str]) -> Fault:
    listed = ", ".join(sorted(known))
    return Fault("unknown_key", key, f"未知的键 {key}；可用：{listed}", f"unknown key {key}; known are {listed}", line)


def _values(told: Mapping[str, Any], line: int) -> tuple[dict[str, Value], list[Fault]]:
    values, faults = {}, []
    for name, each in told.items():
        value = _value(each) if NAME.fullmatch(str(name)) else None
        if value is None:
            known = ", ".join(TYPES)
            zh, en = f"{name} 应写作 {{is: 类型}}，类型可为：{known}", f"{name} is written {{is: TYPE}}; types are {known}"
            faults.append(Fault("bad_value", str(name), zh, en, told.at(name) if isinstance(told, Lines) else line))
        else:
            values[name] = value
    return values, faults


def _value(told: Any) -> Value | None:
    """A value as a file declares it, columns as a mapping, or as a document does, as a list; None when it is neither."""
    if (
        not isinstance(told, Mapping)
        or not told.keys() <= {"is", "example", "most", "columns"}
        or str(told.get("is")) not in TYPES
    ):
        return None
    columns = told.get("columns") or {}
    if isinstance(columns, list) and all(isinstance(each, Mapping) for each in columns):
        columns = {each.get("name"): {key: text for key, text in each.items() if key != "name"} for each in columns}
    if not isinstance(columns, Mapping) or (told["is"] == "rows") != bool(columns):
        return None
    for name, column in columns.items():
        if not NAME.fullmatch(str(name)) or not _column(column):
            return None
    most = told.get("most", 60)
    if type(most) is not int or most < 1:
        return None
    return Value(told["is"], _plain(told.get("example")), most, {name: dict(column) for name, column in columns.items()})


def _column(told: Any) -> bool:
    """Whether it says what a column holds and, if it has a head, in one text for all or one for each language."""
    if not isinstance(told, Mapping) or not told.keys() <= {"is", "head"} or str(told.get("is")) not in TYPES.keys() - {"rows"}:
        return False
    head = told.get("head", "")
    texts = [head.get(language) for language in LANGUAGES] if isinstance(head, Mapping) else [head]
    return all(isinstance(text, str) and "|" not in text for text in texts)


def _plain(example: Any) -> Any:
    """An example as JSON has it: dates as text."""
    if isinstance(example, Mapping):
        return {name: _plain(each) for name, each in example.items()}
    if isinstance(example, list):
        return [_plain(each) for each in example]
    return example.isoformat() if isinstance(example, date) else example


# --- parts and passages -------------------------------------------------------------------------------------------


def names_in(text: str) -> list[str]:
    """The values a template asks for, in order."""
    return [found[1] for found in PLACEHOLDER.finditer(text) if found[1]]


def _wrong_parts(wording: Wording, told: Mapping[str, str], line: int) -> Iterator[Fault]:
    for part, text in wording.parts.items():
        begins = told.at(part) + told[part].endswith("\n") if isinstance(told, Lines) else line
        for found in PLACEHOLDER.finditer(text):
            where = begins + text.count("\n", 0, found.start()) if begins else 0
            if found.group() in {"{", "}"}:
                zh, en = "孤立的花括号；花括号本身写作 {{ 或 }}", "a brace alone; braces themselves are written {{ and }}"
                yield Fault("lone_brace", part, zh, en, where)
            elif found[1] and found[1] not in wording.values:
                yield Fault(
                    "undeclared_value", found[1], f"值 {found[1]} 未声明", f"the value {found[1]} is not declared", where
                )
            elif found[1] and wording.values[found[1]].type == "rows" and not _alone(wording, text, found):
                zh, en = (
                    f"表格 {found[1]} 应独占一行，且只能用于函件",
                    f"the table {found[1]} stands alone on its line, in letters",
                )
                yield Fault("rows_not_alone", part, zh, en, where)
        if part == "html":
            yield from _wrong_html(wording, line)
    for name in wording.values.keys() - {name for text in wording.parts.values() for name in names_in(text)}:
        yield Fault("unused_value", name, f"文本未使用值 {name}", f"the text does not use the value {name}", line)


def _alone(wording: Wording, text: str, found: re.Match[str]) -> bool:
    before, after = text[: found.start()], text[found.end() :]
    return wording.channel in {Channel.LETTER, Channel.VISIT} and before[-1:] in {"", "\n"} and after[:1] in {"", "\n"}


class _Page(HTMLParser):
    """What an HTML part says in words, and whatever it holds that a mail of ours may not."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words, self.wrong = "", list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.words += " " if tag in _BLOCKS else ""
        if tag not in _TAGS:
            self.wrong.append(f"<{tag}>")
        for name, value in attrs:
            links = tag == "a" and name == "href" and re.match(r"https://|mailto:|\{[a-z]", value or "")
            if not links and not (name == "style" and _STYLE.fullmatch(value or "")):
                self.wrong.append(f'{name}="{value}"')

    def handle_endtag(self, tag: str) -> None:
        self.words += " " if tag in _BLOCKS else ""

    def handle_data(self, data: str) -> None:
        self.words += data

    def handle_comment(self, data: str) -> None:
        self.wrong.append(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        self.wrong.append(f"<!{decl}>")


def _wrong_html(wording: Wording, line: int) -> Iterator[Fault]:
    """Only plain tags, no scripts, no pictures from elsewhere; and the same words as the text, so that one check serves both."""
    page = _Page()
    page.feed(wording.parts["html"])
    page.close()
    for wrong in page.wrong:
        yield Fault("bad_html", "html", f"html 中不允许 {wrong}", f"{wrong} may not stand in html", line)
    if "".join(page.words.split()) != "".join(wording.parts["text"].split()):
        yield Fault("html_differs", "html", "html 的文字应与 text 相同", "html says the same words as text", line)


def _wrong_passages(wording: Wording, line: int) -> Iterator[Fault]:
    whole = _flat("\n".join(wording.parts.values()))
    for item, passage in wording.discloses.items():
        if item not in ITEMS:
            known = ", ".join(sorted(ITEMS))
            yield Fault(
                "unknown_item", item, f"未知的披露事项 {item}；可用：{known}", f"unknown item {item}; known are {known}", line
            )
        elif not _flat(str(passage)) or _flat(str(passage)) not in whole:
            zh, en = f"文本中没有 {item} 所引的文字", f"the words quoted for {item} do not stand in the text"
            yield Fault("passage_absent", item, zh, en, line)


def _flat(text: str) -> str:
    return " ".join(text.split())
