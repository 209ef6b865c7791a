"""The code book: what was done, what became of the line, who was there and what came of it, in two languages, as data.

Knows the four axes, how a code maps to the closed words of the house, which combinations can be, what a result must state, what it
does and what it proposes next. Does not know cases, people or screens. The codes stand in `rulebook/codes/`; a mistake there is a
RulebookError with file and line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from anhuan.core.vocabulary import Channel, Direction, LineResult, Outcome, Party
from anhuan.rulebook.statutes import Lines, RulebookError, read_yaml

FOLDER = Path(__file__).parent / "codes"
AXES = ("action", "line", "party", "result")

DOES = frozenset(
    {
        "promise", "hardship", "dispute", "bad_time", "wrong_number", "dead_number", "person_known", "person_refused",
        "person_offers", "cease", "no_calls", "dispute:identity_theft", "hardship:illness", "hold:complaint", "hold:bankruptcy",
        "hold:litigation", "learn:deceased", "learn:no_capacity", "learn:attorney",
    }
)  # fmt: skip
"""What may be done with a result; `acts.call` knows how."""
STEPS = frozenset({"follow_up", "transfer", "next_number", "done"})
KINDS = frozenset({"account", "money", "date", "time", "choice"})


@dataclass(frozen=True, slots=True)
class Code:
    """A code of any axis: two or three signs, and what a person reads for it."""

    code: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Action(Code):
    """What was done. Without a channel it reached nobody; `points` are the kinds of contact point, `key` runs it from the palette."""

    channel: Channel | None
    direction: Direction | None
    points: frozenset[str]
    key: str


@dataclass(frozen=True, slots=True)
class Line(Code):
    """What became of the line; `finding` is what it shows of the number."""

    line: LineResult
    finding: str


@dataclass(frozen=True, slots=True)
class Other(Code):
    """Who was at the other side: `third` is told of no debt, `owes` answers for it."""

    party: Party | None
    third: bool
    owes: bool


@dataclass(frozen=True, slots=True)
class Field:
    """Something a result must state. `choices` are value, Chinese, English; `default` names how it is filled in beforehand."""

    name: str
    kind: str
    zh: str
    en: str
    default: str = ""
    choices: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Next:
    """The step proposed: in `days`, counted from the field `after` where one is named; `queue` of a transfer; `why` a closed word."""

    step: str
    why: str
    days: int = 0
    queue: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Result(Code):
    """What came of it, with all it can go with. `verified` None: either; `unknown`: nobody can tell whether it left the house."""

    lines: frozenset[str]
    parties: frozenset[str]
    verified: bool | None
    outcome: Outcome | None
    unknown: bool
    forces: tuple[Field, ...]
    does: tuple[str, ...]
    next: Next
    digit: str
    line: str
    party: str

    @property
    def keystrokes(self) -> int:
        """Keys from the open wrap-up to a kept result: its digit, one for each choice that has no default, and Enter."""
        return 2 + sum(1 for field in self.forces if not field.default)


@dataclass(frozen=True, slots=True)
class CodeBook:
    """All codes, by axis and code."""

    actions: Mapping[str, Action]
    lines: Mapping[str, Line]
    parties: Mapping[str, Other]
    results: Mapping[str, Result]
    fields: Mapping[str, Field]

    @property
    def common(self) -> tuple[Result, ...]:
        """The ten commonest results in the order of their digits, 1 to 9 and 0."""
        return tuple(
            sorted((each for each in self.results.values() if each.digit), key=lambda each: (each.digit == "0", each.digit))
        )

    def all(self) -> Iterator[tuple[str, Code]]:
        """Every code with its axis."""
        for axis, codes in zip(AXES, (self.actions, self.lines, self.parties, self.results), strict=True):
            for code in codes.values():
                yield axis, code


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Why codes do not go together: the field that is wrong, and a sentence in both languages."""

    where: str
    code: str
    zh: str
    en: str


@cache
def book() -> CodeBook:
    """The code book as it ships."""
    fields = {told["name"]: _field(told) for told in read_yaml(FOLDER / "fields.yaml")}
    actions = {told["code"]: _action(told) for told in read_yaml(FOLDER / "actions.yaml")}
    lines = {told["code"]: _line(told) for told in read_yaml(FOLDER / "lines.yaml")}
    parties = {told["code"]: _other(told) for told in read_yaml(FOLDER / "parties.yaml")}
    path = FOLDER / "results.yaml"
    told = read_yaml(path)
    groups = {name: frozenset(codes) for name, codes in told["groups"].items()}
    results = {each["code"]: _result(each, groups, fields, path) for each in told["results"]}
    return CodeBook(actions, lines, parties, results, fields)


def combine(line: str, party: str, result: str, *, verified: bool) -> list[Mismatch]:
    """Everything that keeps these codes from going together; empty: they do."""
    known = book()
    wrong = [
        Mismatch(where, "code_unknown", f"没有代码 {code}。", f"There is no code {code}.")
        for where, code, codes in (
            ("line", line, known.lines),
            ("party", party, known.parties),
            ("result", result, known.results),
        )
        if code not in codes
    ]
    if wrong:
        return wrong
    found = known.results[result]
    if line not in found.lines:
        wrong.append(_unfit("line", known.lines[line], found))
    if party not in found.parties:
        wrong.append(_unfit("party", known.parties[party], found))
    if found.verified is not None and found.verified is not verified:
        zh, en = (
            ("须先核实身份。", "The identity must be checked first.")
            if found.verified
            else ("已核实为本人，与该结果不符。", "It was shown to be the customer, which this result does not go with.")
        )
        wrong.append(Mismatch("result", "verified", f"{found.zh}：{zh}", f"{found.en}: {en}"))
    if party == "RPC" and not verified:
        zh = "未通过身份核实，不能记为本人，请选“身份未核实”。"
        wrong.append(
            Mismatch(
                "party", "not_verified", zh, "Without a passed identity check it is not the customer: choose “not checked”."
            )
        )
    return wrong


def said(result: Result, line: Line, *, verified: bool) -> tuple[LineResult, Outcome | None]:
    """What the contact is closed with. A conversation with whoever passed the identity check is an effective one (stricter reading)."""
    outcome = result.outcome
    if outcome is Outcome.CONVERSATION and verified:
        outcome = Outcome.EFFECTIVE_CONVERSATION
    return line.line, outcome


def offered(*, verified: bool) -> list[Result]:
    """The results a screen may offer: before the identity is checked, none that needs it."""
    return [
        each
        for each in book().results.values()
        if each.verified is None or each.verified is verified or not each.parties - {"NOB"}
    ]


def document() -> dict[str, Any]:
    """The code book as JSON."""
    known = book()
    return {
        "actions": [
            {"code": c.code, "zh": c.zh, "en": c.en, "channel": c.channel, "direction": c.direction, "key": c.key or None}
            for c in known.actions.values()
        ],
        "lines": [{"code": c.code, "zh": c.zh, "en": c.en, "line_result": c.line, "finding": c.finding or None} for c in known.lines.values()],
        "parties": [
            {"code": c.code, "zh": c.zh, "en": c.en, "party": c.party, "third": c.third, "owes": c.owes} for c in known.parties.values()
        ],
        "results": [_told(each) for each in known.results.values()],
    }  # fmt: skip


def _told(result: Result) -> dict[str, Any]:
    step = result.next
    return {
        "code": result.code, "zh": result.zh, "en": result.en, "digit": result.digit or None, "lines": sorted(result.lines),
        "parties": sorted(result.parties), "verified": result.verified, "outcome": result.outcome,
        "outcome_if_verified": Outcome.EFFECTIVE_CONVERSATION if result.outcome is Outcome.CONVERSATION and result.verified is not False
        else result.outcome,
        "forces": [field.name for field in result.forces], "does": list(result.does), "keystrokes": result.keystrokes,
        "next": {"step": step.step, "days": step.days, "why": step.why, "queue": step.queue or None, "after": step.after or None},
    }  # fmt: skip


# --- reading ------------------------------------------------------------------------------------------------------


def _unfit(where: str, code: Code, result: Result) -> Mismatch:
    return Mismatch(
        where, "does_not_go", f"“{code.zh}”与结果“{result.zh}”不能同时成立。", f"“{code.en}” does not go with “{result.en}”."
    )


def _field(told: Lines) -> Field:
    choices = tuple((each["value"], each["zh"], each["en"]) for each in told.get("choices", ()))
    return Field(told["name"], told["kind"], told["zh"], told["en"], told.get("default", ""), choices)


def _action(told: Lines) -> Action:
    channel, direction = told.get("channel"), told.get("direction")
    return Action(
        told["code"], told["zh"], told["en"], Channel(channel) if channel else None, Direction(direction) if direction else None,
        frozenset(told["points"]), told.get("key", ""),
    )  # fmt: skip


def _line(told: Lines) -> Line:
    return Line(told["code"], told["zh"], told["en"], LineResult(told["line"]), told.get("finding", ""))


def _other(told: Lines) -> Other:
    party = told.get("party")
    return Other(
        told["code"], told["zh"], told["en"], Party(party) if party else None, told.get("third", False), told.get("owes", False)
    )


def _result(told: Lines, groups: Mapping[str, frozenset[str]], fields: Mapping[str, Field], path: Path) -> Result:
    try:
        step = Next(**told["next"])
        does, forces = tuple(told.get("does", ())), tuple(fields[name] for name in told.get("forces", ()))
        outcome = told.get("outcome")
        result = Result(
            told["code"], told["zh"], told["en"], _members(told["lines"], groups), _members(told["parties"], groups),
            told.get("verified"), Outcome(outcome) if outcome else None, told.get("state") == "unknown", forces, does, step,
            str(told.get("digit", "")), told.get("line", "OK"), told.get("party", "RPC"),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as wrong:
        raise RulebookError(path, told.line, f"结果码无法读取：{wrong}", f"the result cannot be read: {wrong}") from wrong
    if not set(result.does) <= DOES or step.step not in STEPS:
        raise RulebookError(path, told.line, "does 或 next 含未知的词", "does or next holds an unknown word")
    return result


def _members(names: list[str], groups: Mapping[str, frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*(groups.get(name, frozenset({name})) for name in names))
