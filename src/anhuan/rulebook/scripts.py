"""Call scripts: what is said on a call, step by step, what must be said, and how somebody shows that she is the customer.

Knows the form of a bank's `scripts/` folder, the statements no script can leave out, the identity questions, and what a script may not
hold: forbidden wording anywhere, and before the identity is checked any figure or word of debt. Does not know cases or people. A
mistake is a RulebookError with file, line and what to do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from anhuan.rulebook.statutes import Lines, RulebookError, read_yaml
from anhuan.rulebook.wording import LANGUAGES, check_text
from anhuan.rulebook.wording.phrases import lexicon

FOLDER = Path(__file__).parent / "scripts"
PARTS = ("unverified", "verified", "third")
WHEN = ("opening", "verified", "closing", "third", "liable")
COMPARE = ("last_four", "month_day", "text")
FIELDS = ("id_number", "birth_date", "account_tail", "employer", "name")
LIABLE_FIELDS = ("own_name", "customer_name", "own_number")
HARMLESS = frozenset({"name", "bank", "agent"})
"""Values that tell nothing of a debt; the others stand only where the identity was checked."""
VALUES = HARMLESS | {"tail", "days", "past_due", "minimum", "balance", "promise"}
_VALUE = re.compile(r"\{(\w*)\}")
_DEBT_WORDS = re.compile(
    r"欠|逾期|还款|催收|账单|透支|信用卡|贷款|金额|结清|分期|利息|违约金|"
    r"\b(debt|owe[ds]?|overdue|past due|payment|pay|balance|credit|loan|collect\w*|amount|card)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Told:
    """A step, or an objection whose answer stands in `answer_zh` and `answer_en`."""

    id: str
    zh: str
    en: str
    answer_zh: str = ""
    answer_en: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """What must be said and ticked: at which points of the call, and by which rule."""

    id: str
    when: frozenset[str]
    zh: str
    en: str
    citation: str
    force: str
    confidence: str


@dataclass(frozen=True, slots=True)
class Script:
    """One script: when it is for, and what is said before and after the identity check, to a guarantor after hers, and to somebody else."""

    name: str
    title_zh: str
    title_en: str
    bucket_from: int
    bucket_to: int
    broken_promise: bool
    unverified: tuple[Told, ...]
    verified: tuple[Told, ...]
    liable: tuple[Told, ...]
    third: tuple[Told, ...]
    objections: tuple[Told, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """One identity question: the field it is compared with, and how."""

    id: str
    field: str
    compare: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Identity:
    """How identity is shown: `ask` questions, `right` of them right, `tries` times at most on one call; `liable`: those of a guarantor."""

    ask: int
    right: int
    tries: int
    questions: tuple[Question, ...]
    liable: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Scripts:
    """What a bank's collectors say: its scripts, the statements that must be made, and its identity questions."""

    scripts: tuple[Script, ...]
    statements: tuple[Statement, ...]
    identity: Identity

    def choose(self, *, bucket: int, broken_promise: bool) -> Script:
        """The script for a case: the one of a broken promise first, else the narrowest range of buckets it stands in."""
        fitting = [
            each
            for each in self.scripts
            if (broken_promise or not each.broken_promise) and each.bucket_from <= bucket <= each.bucket_to
        ]
        return min(
            fitting, key=lambda each: (not each.broken_promise, each.bucket_to - each.bucket_from, each.name), default=_plain()
        )

    def due(self, *when: str) -> list[Statement]:
        """The statements that must be made at these points of a call, in their order."""
        return [each for each in self.statements if each.when & set(when)]


@dataclass(frozen=True, slots=True)
class Forbidden:
    """A kind of wording that may not be used, with its reason, clause, and an example of it by language.

    Chinese wording is judged by the law of the mainland, English by that of the places where it is spoken.
    """

    kind: str
    zh: str
    en: str
    citation_zh: str
    citation_en: str
    example_zh: str
    example_en: str


def load(folder: Path | None = None) -> Scripts:
    """The scripts of a folder (None, or one that is not there: the plain one), read again when a file has changed."""
    files = sorted(folder.glob("*.yaml")) if folder is not None and folder.is_dir() else []
    return _load(tuple((file, file.stat().st_mtime_ns) for file in files))


@lru_cache(maxsize=8)
def _load(stamps: tuple[tuple[Path, int], ...]) -> Scripts:
    files = {file.stem: file for file, _ in stamps}
    identity, own = files.pop("identity", None), files.pop("statements", None)
    statements = [*_statements(FOLDER / "statements.yaml"), *(_statements(own) if own else ())]
    return Scripts(tuple(_script(file) for file in files.values()) or (_plain(),), tuple(statements), _identity(identity))


@cache
def _plain() -> Script:
    return _script(FOLDER / "plain.yaml")


@cache
def forbidden() -> tuple[Forbidden, ...]:
    """What may not be said, by kind: the reason and clause of its rule, with an example in either language."""
    found: dict[str, dict[str, str]] = {}
    for rule in lexicon().rules:
        tongue = "zh" if rule.id.startswith("zh") else "en"
        for kind in rule.kinds:
            told = found.setdefault(kind, {"zh": rule.reason_zh, "en": rule.reason_en})
            told.setdefault(f"citation_{tongue}", rule.citation)
            if rule.hits:
                told.setdefault(f"example_{tongue}", rule.hits[0])
    ours = ("zh", "en", "citation_zh", "citation_en", "example_zh", "example_en")
    return tuple(Forbidden(kind, *(told.get(name, "") for name in ours)) for kind, told in found.items())


def spoken(text: str, values: Mapping[str, str]) -> str:
    """A step with its values; one that is not known stands as a dash."""
    return _VALUE.sub(lambda match: values.get(match[1]) or "–", text)


# --- reading ------------------------------------------------------------------------------------------------------


def _script(path: Path) -> Script:
    told = read_yaml(path)
    _needs(told, ("name", "title_zh", "title_en", "when", *PARTS), path)
    when = told["when"]
    parts = {part: _steps(told[part], path, innocent=part != "verified") for part in PARTS}
    # A bank that has written nothing for guarantors says to them what the plain script says.
    liable = _steps(told["liable"], path, innocent=False) if "liable" in told else _plain().liable
    return Script(
        name=str(told["name"]), title_zh=told["title_zh"], title_en=told["title_en"], bucket_from=int(when.get("bucket_from", 0)),
        bucket_to=int(when.get("bucket_to", 7)), broken_promise=bool(when.get("broken_promise", False)),
        objections=_steps(told.get("objections") or [], path, innocent=False), liable=liable, **parts,
    )  # fmt: skip


def _steps(told: list[Lines], path: Path, *, innocent: bool) -> tuple[Told, ...]:
    steps = []
    for each in told:
        _needs(each, ("id", "zh", "en"), path)
        steps.append(Told(**each))
        for key, text in each.items():
            if key != "id":
                _judge(str(text), key[-2:], path, each.at(key), innocent=innocent)
    return tuple(steps)


def _judge(text: str, lang: str, path: Path, line: int, *, innocent: bool) -> None:
    """RulebookError where a step holds what may not be said, or tells of the debt where it may not."""
    unknown = sorted(set(_VALUE.findall(text)) - (HARMLESS if innocent else VALUES))
    if unknown:
        zh, en = f"此处不能使用 {{{unknown[0]}}}", f"{{{unknown[0]}}} cannot be used here"
        raise RulebookError(path, line, zh, en)
    plain = _VALUE.sub("", text)
    if innocent and (shown := _DEBT_WORDS.search(plain)):
        zh, en = f"核实身份之前不得出现“{shown[0]}”", f"“{shown[0]}” may not be said before the identity is checked"
        raise RulebookError(path, line, zh, en)
    purpose = "locate" if innocent else "collect"
    for finding in check_text(plain, lang=lang if lang in LANGUAGES else "zh", channel="call", purpose=purpose):
        if finding.kind != "missing_disclosure":
            raise RulebookError(
                path, line, f"话术不得这样说：{finding.reason_zh}", f"a script may not say this: {finding.reason_en}"
            )


def _statements(path: Path) -> Iterator[Statement]:
    for told in read_yaml(path):
        _needs(told, ("id", "when", "zh", "en", "citation", "force", "confidence"), path)
        when = frozenset(told["when"])
        if not when <= set(WHEN):
            known = "、".join(WHEN)
            raise RulebookError(path, told.at("when"), f"when 应为：{known}", f"when is one of {', '.join(WHEN)}")
        yield Statement(**{**told, "when": when})


def _identity(own: Path | None) -> Identity:
    told = read_yaml(FOLDER / "identity.yaml")
    least = {name: int(told[name]) for name in ("ask", "right", "tries")}
    wanted, questions, liable = dict(least), told["questions"], told["liable"]
    if own is not None:
        bank = read_yaml(own)
        wanted |= {name: int(bank[name]) for name in least if name in bank}
        questions, liable = bank.get("questions") or questions, bank.get("liable") or liable
        if wanted["right"] < least["right"] or wanted["tries"] > least["tries"]:
            zh, en = "身份核实只可更严，不可放宽", "the identity check may be stricter, never looser"
            raise RulebookError(own, bank.at("right" if wanted["right"] < least["right"] else "tries"), zh, en)
    asked, of_liable = (tuple(Question(**each) for each in some) for some in (questions, liable))
    path = own or FOLDER / "identity.yaml"
    unknown = [
        each for some, fields in ((asked, FIELDS), (of_liable, LIABLE_FIELDS)) for each in some if each.field not in fields
    ]
    if unknown or any(each.compare not in COMPARE for each in (*asked, *of_liable)):
        raise RulebookError(
            path, 1, "问题的 field 或 compare 不在可用之列", "a question's field or compare is none that can be used"
        )
    if not wanted["right"] <= wanted["ask"] <= len(asked):
        raise RulebookError(
            path, 1, "须有 right ≤ ask ≤ 问题数", "right is at most ask, and ask at most the number of questions"
        )
    return Identity(**wanted, questions=asked, liable=of_liable)


def _needs(told: Any, keys: tuple[str, ...], path: Path) -> None:
    missing = [key for key in keys if key not in told] if isinstance(told, Lines) else list(keys)
    if missing:
        line = told.line if isinstance(told, Lines) else 1
        raise RulebookError(path, line, f"缺少 {missing[0]}", f"{missing[0]} is missing")
