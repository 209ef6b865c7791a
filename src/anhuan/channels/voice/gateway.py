"""The shape of whatever places calls for us, an exchange or a vendor's dialler: what it is asked, and what it tells.

Knows no protocol. A gateway tells of a call under the id it was placed with. It raises NotPlaced where nothing has rung and nothing will;
LineBroken where nobody can tell, or where a call that is there cannot be governed any more.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass


class NotPlaced(Exception):
    """The call was refused before anything rang; `code` as a receipt writes it, `permanent`: the same again would be refused."""

    def __init__(self, code: str, *, permanent: bool = False) -> None:
        super().__init__(code)
        self.code, self.permanent = code, permanent


class LineBroken(Exception):
    """The exchange did not answer, or did not do what it was asked."""


class CallGone(Exception):
    """The other side has hung up meanwhile; `Ended` tells of it."""


@dataclass(frozen=True, slots=True)
class Rang:
    pass


@dataclass(frozen=True, slots=True)
class Answered:
    """`machine`: it is known that no person did."""

    machine: bool = False


@dataclass(frozen=True, slots=True)
class Played:
    """What `play` was given came to its end, or (`whole` is False) could not be played."""

    playing: str
    whole: bool


@dataclass(frozen=True, slots=True)
class Keyed:
    key: str


@dataclass(frozen=True, slots=True)
class Ended:
    """`cause` as in Q.850; 0 where none was told."""

    cause: int


@dataclass(frozen=True, slots=True)
class Lost:
    """The line on which the gateway tells broke: what becomes of the call is not heard any more."""


Event = Rang | Answered | Played | Keyed | Ended | Lost


class VoiceGateway(ABC):
    """Places calls and governs them. All of it runs in one event loop; `on_event` is called from there and returns at once.

    What is asked of a call that is there raises LineBroken or CallGone.
    """

    @abstractmethod
    async def open(self, on_event: Callable[[str, Event], None]) -> None:
        """Begin to connect; whoever is out of reach is tried again until `close`."""

    @abstractmethod
    async def close(self) -> None: ...

    @abstractmethod
    def trouble(self) -> str:
        """Why calls cannot be placed now, as a code; "" when they can."""

    @abstractmethod
    async def place(self, call: str, to: str) -> None:
        """Let it ring at a number, under our id `call`. Raises NotPlaced, LineBroken."""

    @abstractmethod
    async def record(self, call: str) -> None:
        """Record both sides from now on."""

    @abstractmethod
    async def play(self, call: str, clips: Sequence[str], playing: str) -> None:
        """Play clips one after the other; `Played` tells of them as `playing`."""

    @abstractmethod
    async def stop(self, call: str, playing: str) -> None:
        """Stop playing, if it still plays."""

    @abstractmethod
    async def pass_on(self, call: str) -> bool:
        """Hand an answered call to a colleague; False where nobody was named for that, and the call is still ours."""

    @abstractmethod
    async def hang_up(self, call: str) -> None:
        """End the call, if it has not ended."""

    @abstractmethod
    async def take_recording(self, call: str) -> bytes:
        """The recording of a call that has ended, as a WAV file; it is gone from the exchange then. Raises LineBroken."""
