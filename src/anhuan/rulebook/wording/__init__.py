"""Checking wording: whether a message, letter, call script or note may be used as it stands, and if not, which words.

Knows the data files of this folder; does not know templates, customers or who approves a text. The same text gives the
same findings, in about a third of a millisecond for a short one. See `docs/wording.md` for the kinds and the notation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from anhuan.core.vocabulary import Channel, Purpose
from anhuan.rulebook.wording.disclosures import missing
from anhuan.rulebook.wording.judging import Offence, mentions_in, offences
from anhuan.rulebook.wording.numbers import REASONS, personal_numbers
from anhuan.rulebook.wording.phrases import Lexicon, lexicon
from anhuan.rulebook.wording.reading import Reading, read

LANGUAGES = ("zh", "en")
CHANNELS = tuple(channel.value for channel in Channel)
PURPOSES = tuple(purpose.value for purpose in Purpose)
KINDS = (
    "insult", "threat", "false_authority", "legal_bluff", "third_party_disclosure", "inducement", "shaming", "personal_data",
    "missing_disclosure",
)  # fmt: skip
_PERSONAL_DATA_LAW = "个人信息保护法 (PIPL), 第五条、第六条 (Arts. 5, 6); 民法典 (Civil Code), 第一千零三十二条 (Art. 1032)"


@dataclass(frozen=True, slots=True)
class WordingFinding:
    """Wording that must not be used: where (code points of the text, end exclusive), what kind, why, by which clause.

    What is missing has an empty span at the end of the text.
    """

    start: int
    end: int
    kind: str
    reason_zh: str
    reason_en: str
    citation: str
    rule: str


def check_text(text: str, *, lang: str, channel: str, purpose: str) -> tuple[WordingFinding, ...]:
    """Everything wrong with the text, by place; empty when it may be used.

    Offences are looked for in both languages whatever `lang` says; `lang` decides which disclosures are due.
    """
    known = lexicon()
    reading = read(text, characters=known.characters, curses=known.curses, spelling=known.usually_written)
    mentions = mentions_in(reading, known)
    shown = {notion.removeprefix("shows ") for notion in mentions if notion.startswith("shows ")}
    findings = []
    for offence in offences(reading, known, channel=channel, purpose=purpose, mentions=mentions):
        findings.extend(_offending(offence, *reading.original(offence.start, offence.end)))
    for number in personal_numbers(reading):
        start, end = reading.original(number.start, number.end)
        findings.append(
            WordingFinding(start, end, "personal_data", *REASONS[number.what], _PERSONAL_DATA_LAW, f"numbers.{number.what}")
        )
    found = _merged(findings)
    found.extend(_missing(text, known, shown, reading=reading, lang=lang, channel=channel, purpose=purpose))
    return tuple(found)


def _offending(offence: Offence, start: int, end: int) -> list[WordingFinding]:
    rule = offence.rule
    return [WordingFinding(start, end, kind, rule.reason_zh, rule.reason_en, rule.citation, rule.id) for kind in rule.kinds]


def _missing(
    text: str, known: Lexicon, shown: set[str], *, reading: Reading, lang: str, channel: str, purpose: str
) -> list[WordingFinding]:
    end = len(text)
    due = missing(reading, known.demands, shown, lang=lang, channel=channel, purpose=purpose)
    return [
        WordingFinding(
            end, end, "missing_disclosure", one["reason_zh"], one["reason_en"], one["citation"], f"missing.{one['item']}"
        )
        for one in due
    ]


def _merged(findings: list[WordingFinding]) -> list[WordingFinding]:
    """One finding where several of one kind overlap, with the reason of the longest."""
    merged: list[WordingFinding] = []
    for kind in KINDS:
        run: list[WordingFinding] = []
        for finding in sorted((one for one in findings if one.kind == kind), key=lambda one: (one.start, one.end)):
            if run and finding.start >= max(one.end for one in run):
                merged.append(_covering(run))
                run = []
            run.append(finding)
        if run:
            merged.append(_covering(run))
    return sorted(merged, key=lambda one: (one.start, one.end, KINDS.index(one.kind)))


def _covering(run: list[WordingFinding]) -> WordingFinding:
    longest = max(run, key=lambda one: (one.end - one.start, one.rule))
    return replace(longest, start=run[0].start, end=max(one.end for one in run))
