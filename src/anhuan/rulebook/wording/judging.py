"""Finding wrong wording in a reading, and knowing when the same words are innocent.

Four things excuse a phrase: it is denied (`negated`), it is somebody else's speech that a note reports (`reported`), it
stands in a warning, a prohibition or a rule of conduct (`warned`), or it is asked about, not asserted (`asked`). A rule
may switch an excuse off, and may name notions that make it lawful when they stand in the same sentence.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

from anhuan.rulebook.wording.phrases import ACROSS_SENTENCES, Lexicon, Phrase, Rule
from anhuan.rulebook.wording.reading import Reading

Span = tuple[int, int]
Mentions = dict[str, list[Span]]
_LATIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
HARSH = frozenset(
    {"curse", "label", "belittling", "grim", "violence", "crime", "cash-out", "ashamed", "besiege", "outsider", "public-place"}
)


@dataclass(frozen=True, slots=True)
class Offence:
    rule: Rule
    start: int
    end: int


def offences(reading: Reading, lexicon: Lexicon, *, channel: str, purpose: str, mentions: Mentions) -> list[Offence]:
    """Every phrase of every rule that applies, unless excused; one span per phrase and place."""
    context = _Context(reading, mentions)
    found: list[Offence] = []
    looked_at: set[int] = set()
    for notion in list(mentions):
        for phrase, rule in lexicon.by_notion.get(notion, ()):
            if id(phrase) in looked_at or not _applies(rule, channel, purpose):
                continue
            looked_at.add(id(phrase))
            if all(_mentioned(other, mentions, lexicon) for other in phrase.notions):
                found.extend(
                    Offence(rule, matched[0][0], matched[-1][1])
                    for matched in _matches(phrase, reading, mentions)
                    if not context.excuses(rule, matched)
                )
    return found


def _mentioned(notion: str, mentions: Mentions, lexicon: Lexicon) -> bool:
    """Whether the notion stands in the text; one made of others is put together when first asked for."""
    if notion not in mentions and notion in lexicon.groups:
        mentions[notion] = sorted({span for member in lexicon.groups[notion] for span in mentions.get(member, ())})
    return bool(mentions.get(notion))


def mentions_in(reading: Reading, lexicon: Lexicon) -> Mentions:
    """Every word of the lexicon in the reading, by notion, in order."""
    text, words = reading.text, lexicon.words
    found: Mentions = {}
    inside_latin = False
    for start, letter in enumerate(text):
        is_latin = letter in _LATIN
        if is_latin and inside_latin:
            continue
        inside_latin = is_latin
        for length in (4, 3, 2, 1) if letter < "\x80" else (2, 1):
            for word, goes_on, notions in words.get(text[start : start + length], ()):
                if text.startswith(word, start):
                    end = _word_end(text, start + len(word), goes_on=goes_on)
                    if end:
                        for notion in notions:
                            found.setdefault(notion, []).append((start, end))
    _hide_innocent(found)
    for spans in found.values():
        spans.sort()
    return found


def _word_end(text: str, end: int, *, goes_on: bool) -> int:
    """Where the word ends that matched up to `end`; 0 if it matched only the beginning of another word."""
    if end < len(text) and text[end - 1] in _LATIN and text[end] in _LATIN:
        if not goes_on:
            return 0
        while end < len(text) and text[end] in _LATIN:
            end += 1
    return end


def _hide_innocent(mentions: Mentions) -> None:
    """Take away harsh words that are only part of a harmless one."""
    for start, end in mentions.get("innocent", ()):
        for harsh in HARSH & mentions.keys():
            mentions[harsh] = [one for one in mentions[harsh] if not (start <= one[0] and one[1] <= end)]


def _applies(rule: Rule, channel: str, purpose: str) -> bool:
    return (
        (not rule.channels or channel in rule.channels)
        and (not rule.purposes or purpose in rule.purposes)
        and purpose not in rule.not_purposes
    )


def _matches(phrase: Phrase, reading: Reading, mentions: Mentions) -> Iterator[tuple[Span, ...]]:
    """Each way the phrase stands in the text, one per place of its first notion."""

    def completed(matched: tuple[Span, ...], limit: int) -> tuple[Span, ...] | None:
        """The nearest way to go on after what is matched so far, up to `limit`."""
        index, end = len(matched), matched[-1][1]
        if index == len(phrase.notions):
            return matched
        if phrase.gaps[index] == ACROSS_SENTENCES:
            limit = len(reading.text)
        candidates = mentions[phrase.notions[index]]
        for candidate in candidates[bisect_left(candidates, (end, 0)) :]:
            if candidate[1] > limit or reading.distance(end, candidate[0]) > phrase.gaps[index]:
                return None
            whole = completed((*matched, candidate), limit)
            if whole:
                return whole
        return None

    for first in mentions[phrase.notions[0]]:
        whole = completed((first,), reading.sentence(first[0])[1])
        if whole:
            yield whole


class _Context:
    """What surrounds a phrase: denials, reported speech, warnings and questions, worked out when first asked for."""

    def __init__(self, reading: Reading, mentions: Mentions) -> None:
        self._reading = reading
        self._mentions = mentions
        self._denials: list[tuple[Span, int]] | None = None
        self._reports: list[Span] | None = None

    def excuses(self, rule: Rule, matched: tuple[Span, ...]) -> bool:
        return (
            ("negated" not in rule.even_if and self._negated(matched))
            or ("reported" not in rule.even_if and self._reported(matched))
            or ("warned" not in rule.even_if and self._warned(matched))
            or ("asked" not in rule.even_if and self._asked(matched))
            or any(self._beside(notion, matched) for notion in rule.unless)
            or any(self._mentions.get(notion) for notion in rule.unless_anywhere)
        )

    def _beside(self, notion: str, matched: tuple[Span, ...]) -> bool:
        """Whether the notion stands in the same sentence, or, for a notion named …-before, earlier in the same clause."""
        if notion.endswith("-before"):
            start, end = self._reading.clause(matched[0][0])[0], matched[-1][0]
        else:
            start, end = self._reading.sentence(matched[0][0])
        return any(start <= one[0] and one[1] <= end for one in self._mentions.get(notion, ()))

    def _negated(self, matched: tuple[Span, ...]) -> bool:
        """Whether the last notion is denied, by a word that is no part of the phrase itself."""
        if self._denials is None:
            self._denials = [(word, end) for word in self._mentions.get("not", ()) for end in self._reach(word)]
        head = matched[-1][0]
        return any(
            word[0] <= head < end and not any(self._part_of(word, one) for one in matched) for word, end in self._denials
        )

    def _part_of(self, denial: Span, notion: Span) -> bool:
        """Whether the phrase itself says this denial: 让你(不得)安宁 denies nothing."""
        holds = notion[0] <= denial[0] and denial[1] <= notion[1]
        return holds or (denial[0] <= notion[0] and notion[1] <= denial[1] and notion in self._mentions.get("not", ()))

    def _reach(self, word: Span) -> Iterator[int]:
        """How far a denial reaches: to the end of its clause, and over further items of a list of things denied."""
        if any(one[0] <= word[0] and word[1] <= one[1] for one in self._mentions.get("no-denial", ())):
            return
        start, end = self._reading.clause(word[0])
        if any(start <= one[0] and one[1] <= word[1] for one in self._mentions.get("rhetoric", ())):
            return
        limit = self._reading.sentence(word[0])[1]
        while end < limit and self._goes_on(end, limit):
            end = self._reading.clause(end)[1]
        yield min((one[0] for one in self._mentions.get("turn", ()) if word[1] <= one[0] < end), default=end)

    def _goes_on(self, start: int, limit: int) -> bool:
        """Whether the clause that begins here is one more item of a list: it begins with "or" or has no subject."""
        end = min(limit, self._reading.clause(start)[1])
        text = self._reading.text
        while start < end and text[start] == " ":
            start += 1
        joined = any(one[0] == start for one in self._mentions.get("and-so-on", ()))
        return joined or (
            text[start:end].isascii() and not any(start <= one[0] < end for one in self._mentions.get("subject", ()))
        )

    def _reported(self, matched: tuple[Span, ...]) -> bool:
        if self._reports is None:
            self._reports = list(self._reported_spans())
        return any(start <= matched[0][0] < end for start, end in self._reports)

    def _reported_spans(self) -> Iterator[Span]:
        """From "the customer says" to the end of the sentence, or to where our own side speaks again."""
        says = self._mentions.get("says", [])
        ours = self._mentions.get("our-side-says", [])
        for start, end in self._mentions.get("customer-says", ()):
            limit = self._reading.sentence(start)[1]
            yield start, min((one[0] for one in ours if end <= one[0] < limit), default=limit)
        for who in self._mentions.get("customer", ()):
            spoken_to = any(
                one[1] <= who[0] and self._reading.distance(one[1], who[0]) == 0 for one in self._mentions.get("to", ())
            )
            if spoken_to:
                continue
            limit = self._reading.sentence(who[0])[1]
            said = next((s for s in says if who[1] <= s[0] < limit and self._reading.distance(who[1], s[0]) <= 6), None)
            if said is None or any(who[0] < one[0] <= said[0] for one in ours):
                continue
            yield who[0], min((one[0] for one in ours if said[1] <= one[0] < limit), default=limit)

    def _warned(self, matched: tuple[Span, ...]) -> bool:
        """Prohibitions and warnings reach over their whole sentence; "… is forbidden" reaches back over its own."""
        start, end = self._reading.sentence(matched[0][0])
        return any(start <= one[0] < end for one in self._mentions.get("warning", ())) or any(
            matched[-1][1] <= one[0] < end and self._reading.distance(matched[-1][1], one[0]) <= 12
            for one in self._mentions.get("is-forbidden", ())
        )

    def _asked(self, matched: tuple[Span, ...]) -> bool:
        start, end = self._reading.sentence(matched[0][0])
        return any(start <= one[0] < end for one in self._mentions.get("asks", ())) and not any(
            start <= one[0] < end for one in self._mentions.get("dares", ())
        )
