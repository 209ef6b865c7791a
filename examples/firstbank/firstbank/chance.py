"""Chance without state: every draw is a function of (seed, stream, entity, day).

Knows a 64-bit mixer and how to turn it into picks. Because a draw never depends on how many were drawn before, night
three of a run of three is byte for byte night three of a run of thirty, and any entity can be made in any order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


class Chance:
    """All chance of one bank. `stream` names what is drawn, `ids` for whom, `day` (days since 1970) when."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._salts: dict[tuple[str, int], np.uint64] = {}

    def bits(self, stream: str, ids: Ids, day: int = 0) -> npt.NDArray[np.uint64]:
        """64 well-mixed bits for each id (the finaliser of splitmix64)."""
        mixed = ids.astype(np.uint64)
        mixed *= _GOLDEN
        mixed += self._salt(stream, day)
        mixed ^= mixed >> np.uint64(30)
        mixed *= _MIX_1
        mixed ^= mixed >> np.uint64(27)
        mixed *= _MIX_2
        mixed ^= mixed >> np.uint64(31)
        return mixed

    def uniform(self, stream: str, ids: Ids, day: int = 0) -> Floats:
        """Uniform on [0, 1)."""
        return (self.bits(stream, ids, day) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def between(self, stream: str, ids: Ids, low: float, high: float, day: int = 0) -> Floats:
        return low + (high - low) * self.uniform(stream, ids, day)

    def below(self, stream: str, ids: Ids, count: int, day: int = 0) -> Ids:
        """Whole numbers from 0 to count - 1, all alike."""
        return (self.uniform(stream, ids, day) * count).astype(np.int64)

    def happens(self, stream: str, ids: Ids, probability: float | Floats, day: int = 0) -> npt.NDArray[np.bool_]:
        return self.uniform(stream, ids, day) < probability

    def choose(self, stream: str, ids: Ids, weights: Sequence[float], day: int = 0) -> Ids:
        """Index of a weight, with probability in proportion to it."""
        steps = np.cumsum(np.asarray(weights, dtype=np.float64))
        return np.searchsorted(steps[:-1] / steps[-1], self.uniform(stream, ids, day), side="right")

    def normal(self, stream: str, ids: Ids, day: int = 0) -> Floats:
        """Roughly standard normal: the sum of three uniforms, so never beyond three deviations."""
        parts = sum(self.uniform(f"{stream}/{part}", ids, day) for part in range(3))
        return (np.asarray(parts, dtype=np.float64) - 1.5) * 2.0

    def _salt(self, stream: str, day: int) -> np.uint64:
        salt = self._salts.get((stream, day))
        if salt is None:
            digest = hashlib.sha256(f"{self._seed}/{stream}/{day}".encode()).digest()
            salt = self._salts[stream, day] = np.uint64(int.from_bytes(digest[:8], "little"))
        return salt
