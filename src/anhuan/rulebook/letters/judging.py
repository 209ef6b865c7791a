"""Whether a wording may be used: the check of phrases on the text as it is read, and what the law wants disclosed.

What must be disclosed is read off the rules of the gate themselves, so that no rule is written twice: whoever sends a wording
states its attributes to the gate (`attributes`), and a wording that would be refused there is found here, before anybody
approves it. What law asks of a text beyond the gate stands in `disclosures.yaml`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from anhuan.core.rules.conduct import LetterShows, MustBe, VoicemailHolds
from anhuan.core.vocabulary import Channel, LetterItem, Party, VoicemailItem
from anhuan.rulebook import book
from anhuan.rulebook.letters.filling import Filled, examples, fill
from anhuan.rulebook.letters.shape import ITEMS, PARTS, PLACEHOLDER, Fault, Wording
from anhuan.rulebook.statutes import read_yaml
from anhuan.rulebook.wording import WordingFinding, check_text

_ATTRIBUTES = {"identifies_institution": "institution", "includes_opt_out": "opt_out"}
"""Attributes of an attempt that a passage of the text makes true."""
_BEFORE_CONFIRMATION = ("greeting", "confirm")
_MONEY_ITEMS = frozenset({"balance", "amount_then", "amount_now"})
_TOLD = "third_party_disclosure"
_BETWEEN = "\n\n"


@dataclass(frozen=True, slots=True)
class Judged:
    """What is against a wording: `faults` of its form and disclosures, `findings` in its text by part and place.

    `parts` is the text that was judged; a finding's span counts code points of its part.
    """

    parts: Mapping[str, str]
    faults: tuple[Fault, ...]
    findings: tuple[tuple[str, WordingFinding], ...]

    @property
    def clean(self) -> bool:
        return not self.faults and not self.findings

    def document(self) -> list[dict[str, Any]]:
        """As JSON, faults first."""
        return [fault.document() for fault in self.faults] + [
            {
                "code": one.kind, "where": part, "start": one.start, "end": one.end, "message_zh": one.reason_zh,
                "message_en": one.reason_en, "citation": one.citation, "rule": one.rule,
            }
            for part, one in self.findings
        ]  # fmt: skip


def judge(wording: Wording, *, on: date) -> Judged:
    """What is against a wording under the law of a day, its text read with the example values in it."""
    filled = fill(wording, examples(wording))
    if not isinstance(filled, Filled):
        return Judged(wording.parts, filled, ())
    return Judged(filled.parts, tuple(_undisclosed(wording, on)), tuple(check(filled)))


def ready(wording: Wording, values: Mapping[str, Any]) -> Filled | tuple[Fault, ...]:
    """The wording filled for somebody and checked once more as she would read it; or every reason why it may not go."""
    filled = fill(wording, values)
    if not isinstance(filled, Filled):
        return filled
    said = {name: value for name, value in values.items() if _says_something(wording, name)}
    return _against(wording.fingerprint, json.dumps(said, default=str, sort_keys=True), _Unhashed(wording, said)) or filled


_PLAIN = frozenset({"money", "date", "count", "tail", "rate"})
"""Types whose values are figures: whatever they are, they say nothing the check of phrases could mind."""


def _says_something(wording: Wording, name: str) -> bool:
    value = wording.values[name]
    types = {column["is"] for column in value.columns.values()} or {value.type}
    return not types <= _PLAIN


@dataclass(frozen=True, slots=True)
class _Unhashed:
    """A wording and values, for a cache that knows them by other arguments."""

    wording: Wording
    said: Mapping[str, Any]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Unhashed)

    def __hash__(self) -> int:
        return 0


@lru_cache(maxsize=10_000)
def _against(_fingerprint: str, _said: str, told: _Unhashed) -> tuple[Fault, ...]:
    """What the check of phrases has against a wording that says these values, with examples for figures."""
    filled = fill(told.wording, examples(told.wording) | dict(told.said))
    if not isinstance(filled, Filled):
        return filled
    return tuple(Fault(one.kind, part, one.reason_zh, one.reason_en) for part, one in check(filled))


def check(filled: Filled) -> Iterator[tuple[str, WordingFinding]]:
    """The check of phrases over all parts as one text, and over what a call says before it knows whom it has reached."""
    wording = filled.wording
    parts = [(part, filled.parts[part]) for part in PARTS[wording.channel] if part in filled.parts and part != "html"]
    found = list(_checked(parts, wording, wording.purpose.value))
    yield from found
    if wording.channel is Channel.CALL:
        before = [(part, text) for part, text in parts if part in _BEFORE_CONFIRMATION]
        told = {finding for _, finding in found}
        yield from (each for each in _checked(before, wording, "locate") if each[1].kind == _TOLD and each[1] not in told)


def _checked(parts: list[tuple[str, str]], wording: Wording, purpose: str) -> Iterator[tuple[str, WordingFinding]]:
    """Findings with their spans moved from the whole to the part they begin in."""
    whole = _BETWEEN.join(text for _, text in parts)
    for finding in check_text(whole, lang=wording.language, channel=wording.channel.value, purpose=purpose):
        begins = 0
        for part, text in parts:
            ends = begins + len(text)
            if finding.start <= ends or part == parts[-1][0]:
                start, end = (max(0, min(place, ends) - begins) for place in (finding.start, finding.end))
                yield part, _moved(finding, start, end)
                break
            begins = ends + len(_BETWEEN)


def _moved(finding: WordingFinding, start: int, end: int) -> WordingFinding:
    return WordingFinding(start, end, finding.kind, finding.reason_zh, finding.reason_en, finding.citation, finding.rule)


# --- what must be disclosed ---------------------------------------------------------------------------------------


def attributes(wording: Wording) -> dict[str, Any]:
    """What the text makes true of an attempt that sends it, under the names of `core.facts.Attempt`."""
    told: dict[str, Any] = {name: item in wording.discloses for name, item in _ATTRIBUTES.items()}
    if wording.channel is Channel.LETTER:
        told["letter_items"] = frozenset(LetterItem(item) for item in wording.discloses if item in set(LetterItem))
    if wording.channel is Channel.VOICEMAIL:
        told["voicemail_items"] = frozenset(VoicemailItem(item) for item in wording.discloses if item in set(VoicemailItem))
    return told


@dataclass(frozen=True, slots=True)
class Demand:
    """An item a wording must disclose, and by what authority. `forbidden`: must not."""

    item: str
    citation: str
    forbidden: bool = False


def demands(wording: Wording, *, on: date) -> Iterator[Demand]:
    """What the rules of its jurisdiction in force on a day, and the table of disclosures, want of a wording."""
    for rule in book.law_on([wording.jurisdiction], on).rules:
        by_agency = rule.scope.agencies_only
        if not rule.scope.holds(wording.channel, wording.purpose, Party.DEBTOR, by_agency=by_agency):
            continue
        match rule.test:
            case MustBe(attribute=attribute, value=True) if attribute in _ATTRIBUTES:
                yield Demand(_ATTRIBUTES[attribute], rule.citation)
            case LetterShows(items=items):
                yield from (Demand(item.value, rule.citation) for item in sorted(items))
            case VoicemailHolds(required=required, allowed=allowed):
                yield from (Demand(item.value, rule.citation) for item in sorted(required))
                yield from (
                    Demand(item.value, rule.citation, forbidden=True) for item in sorted({*VoicemailItem} - required - allowed)
                )
    for row in _table():
        whole = {"jurisdiction": wording.jurisdiction, "channel": wording.channel.value, "purpose": wording.purpose.value}
        named = wording.name in row.get("names", wording.name).split()
        if named and row["in_force"] <= on and all(whole[name] in row[f"{name}s"].split() for name in whole):
            yield from (Demand(item, row["source"]) for item in row["items"].split())


@cache
def _table() -> list[dict[str, Any]]:
    return list(read_yaml(Path(__file__).parent / "disclosures.yaml"))


def _undisclosed(wording: Wording, on: date) -> Iterator[Fault]:
    told = dict.fromkeys((each.item, each.citation, each.forbidden) for each in demands(wording, on=on))
    for item, citation, forbidden in told:
        item_zh, item_en = ITEMS[item]
        if forbidden and item in wording.discloses:
            zh, en = f"不得包含“{item_zh}”（{citation}）", f"{item_en} may not be in it ({citation})"
            yield Fault("beyond_disclosure", item, zh, en)
        elif not forbidden and item not in wording.discloses:
            zh, en = f"未载明“{item_zh}”（{citation}）", f"it does not say: {item_en} ({citation})"
            yield Fault("undisclosed", item, zh, en)
    for item, passage in wording.discloses.items():
        if item in _MONEY_ITEMS and not _shows(wording, passage, "money"):
            zh, en = f"“{ITEMS[item][0]}”所引文字中没有金额值", f"the passage for {ITEMS[item][1]} holds no value that is money"
            yield Fault("no_amount", item, zh, en)
    seal = wording.discloses.get(LetterItem.BUSINESS_SEAL.value, "")
    if seal and not any(line.startswith("~ ") and seal.strip("~ ") in line for line in wording.parts["text"].splitlines()):
        yield Fault(
            "no_seal", "business_seal", "印章应在以“~ ”开头的落款行", "the seal stands on a line of the signature, after '~ '"
        )


def _shows(wording: Wording, passage: str, type_: str) -> bool:
    """Whether a passage has a value of a type in it, or a table with such a column."""
    named = [wording.values[found[1]] for found in PLACEHOLDER.finditer(passage) if found[1] in wording.values]
    return any(value.type == type_ or any(column["is"] == type_ for column in value.columns.values()) for value in named)
