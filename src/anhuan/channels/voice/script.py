"""What a reminder call says and hears: its stages as a pure function from what happened to what is done next.

Knows the keys and that nothing of the debt is said before a person has pressed that she is the one meant: `message`, `choices` and
`closing` are played after that key alone. Does not know any exchange, clip or clock.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

from anhuan.core.vocabulary import LineResult, Outcome

CONFIRMS = "1"
MEANS: Mapping[str, str] = MappingProxyType({"1": "will_pay_later", "2": "call_back", "9": "wrong_person", "0": "agent"})
"""The intent of each key once the choices have been named; 9 and 0 mean the same all through the call."""

BEFORE = frozenset({"greeting", "confirm"})
"""The parts that may be heard by anybody."""


class Stage(StrEnum):
    ASKING = "asking"  # who is there
    TELLING = "telling"
    CHOOSING = "choosing"
    ENDING = "ending"
    OVER = "over"


class Heard(StrEnum):
    """What can happen in a call, besides a key."""

    PLAYED = "played"  # the parts came to their end
    SILENT = "silent"  # nobody pressed anything for as long as one waits
    MACHINE = "machine"  # not a person but a machine took the call
    HUNG_UP = "hung_up"  # the other side did
    BROKEN = "broken"  # a prompt or the recording failed: nobody is kept in a call that says nothing


@dataclass(frozen=True, slots=True)
class Pressed:
    key: str


@dataclass(frozen=True, slots=True)
class Play:
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listen:
    """Wait for a key."""


@dataclass(frozen=True, slots=True)
class HangUp:
    pass


@dataclass(frozen=True, slots=True)
class PassOn:
    """To a colleague."""


Do = Play | Listen | HangUp | PassOn | None
"""What is done next; None: what was being done goes on."""


@dataclass(frozen=True, slots=True)
class State:
    """A call so far. `confirmed`: the right party has said so; `told`: the message came to its end; `meant`: an intent, or ""."""

    stage: Stage = Stage.ASKING
    asked: int = 1
    confirmed: bool = False
    told: bool = False
    pressed: tuple[str, ...] = ()
    meant: str = ""
    ended_by: Heard | None = None  # None: by us, as planned

    @property
    def result(self) -> tuple[LineResult, Outcome | None]:
        """In the words of the house. Where nobody said a thing the outcome is not known, and counts as whatever would count."""
        if self.ended_by is Heard.MACHINE:
            return LineResult.VOICEMAIL, Outcome.NO_MESSAGE
        if self.ended_by is Heard.BROKEN:
            return LineResult.CONNECTED, Outcome.DROPPED
        if self.confirmed and self.told and self.meant != MEANS["9"]:
            return LineResult.CONNECTED, Outcome.EFFECTIVE_CONVERSATION
        if self.confirmed or self.meant:
            return LineResult.CONNECTED, Outcome.CONVERSATION
        return LineResult.CONNECTED, Outcome.HUNG_UP if self.ended_by is Heard.HUNG_UP else None


BEGINNING = State()
OPENING = Play(("greeting", "confirm"))
"""What is played as soon as the call is answered."""


def step(state: State, happened: Heard | Pressed, parts: Collection[str], *, tries: int) -> tuple[State, Do]:
    """The next state, and what is done. `parts`: those this call has; `tries`: how often a question is put."""
    if state.stage is Stage.OVER:
        return state, None
    if isinstance(happened, Pressed):
        return _pressed(replace(state, pressed=(*state.pressed, happened.key)), happened.key)
    if happened in _ENDS:
        done = None if happened is Heard.HUNG_UP else HangUp()
        return replace(state, stage=Stage.OVER, ended_by=happened), done
    return _GOES_ON[state.stage, happened](state, parts, tries)


_ENDS = frozenset({Heard.HUNG_UP, Heard.BROKEN, Heard.MACHINE})


def _pressed(state: State, key: str) -> tuple[State, Do]:
    """A key that has no meaning yet is kept and does nothing: nobody promises by a key that has not been named to her."""
    if key == "9":
        return replace(state, stage=Stage.OVER, meant=MEANS[key]), HangUp()
    if key == "0" and state.stage is not Stage.ENDING:
        return replace(state, stage=Stage.OVER, meant=MEANS[key]), PassOn()
    if key == CONFIRMS and state.stage is Stage.ASKING:
        return replace(state, stage=Stage.TELLING, confirmed=True), Play(("message",))
    if key in MEANS and state.stage is Stage.CHOOSING:
        return replace(state, stage=Stage.ENDING, meant=MEANS[key]), Play(("closing",))
    return state, None


def _wait(state: State, _parts: Collection[str], _tries: int) -> tuple[State, Do]:
    return state, Listen()


def _ask_again(state: State, _parts: Collection[str], tries: int) -> tuple[State, Do]:
    if state.asked >= tries:
        return replace(state, stage=Stage.OVER), HangUp()
    return replace(state, asked=state.asked + 1), Play(("confirm",))


def _told(state: State, parts: Collection[str], _tries: int) -> tuple[State, Do]:
    state = replace(state, told=True, asked=1)
    if "choices" in parts:
        return replace(state, stage=Stage.CHOOSING), Play(("choices",))
    return replace(state, stage=Stage.ENDING), Play(("closing",))


def _choose_again(state: State, _parts: Collection[str], tries: int) -> tuple[State, Do]:
    if state.asked >= tries:
        return replace(state, stage=Stage.ENDING), Play(("closing",))
    return replace(state, asked=state.asked + 1), Play(("choices",))


def _end(state: State, _parts: Collection[str], _tries: int) -> tuple[State, Do]:
    return replace(state, stage=Stage.OVER), HangUp()


def _on(state: State, _parts: Collection[str], _tries: int) -> tuple[State, Do]:
    return state, None


_GOES_ON: Mapping[tuple[Stage, Heard], Callable[[State, Collection[str], int], tuple[State, Do]]] = MappingProxyType(
    {
        (Stage.ASKING, Heard.PLAYED): _wait,
        (Stage.ASKING, Heard.SILENT): _ask_again,
        (Stage.TELLING, Heard.PLAYED): _told,
        (Stage.TELLING, Heard.SILENT): _on,
        (Stage.CHOOSING, Heard.PLAYED): _wait,
        (Stage.CHOOSING, Heard.SILENT): _choose_again,
        (Stage.ENDING, Heard.PLAYED): _end,
        (Stage.ENDING, Heard.SILENT): _on,
    }
)
