"""Where a function of one rate is nought, in decimals."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, localcontext

DIGITS = 34
_STEPS = 200
_HIGHEST = Decimal(10) ** 12


class NoRate(ArithmeticError):
    """There is no rate at which both sides are worth the same."""


def rate_where_nil(difference: Callable[[Decimal], Decimal], *, first_guess: Decimal = Decimal("0.01")) -> Decimal:
    """The rate above −1 nearest to nought at which `difference` changes its sign, to about twenty digits. NoRate when none does.

    Looks upward from nought where the difference is negative there, else downward.
    """
    with localcontext(prec=DIGITS):
        at_nought = difference(Decimal(0))
        if at_nought == 0:
            return Decimal(0)
        low, low_value = Decimal(0), at_nought
        for high in _away_from_nought(first_guess, upward=at_nought < 0):
            high_value = difference(high)
            if high_value == 0:
                return high
            if (high_value < 0) != (low_value < 0):
                return _between(difference, (low, low_value), (high, high_value))
            low, low_value = high, high_value
    raise NoRate("no rate makes both sides equal")


def _away_from_nought(guess: Decimal, *, upward: bool) -> list[Decimal]:
    """Rates ever further from nought: doubling upward to a trillion, or halving what is left down to −1."""
    if not upward:
        return [-1 + Decimal(1) / (1 << step) for step in range(1, 64)]
    rates = [guess]
    while rates[-1] < _HIGHEST:
        rates.append(rates[-1] * 2)
    return rates


def _between(difference: Callable[[Decimal], Decimal], one: tuple[Decimal, Decimal], other: tuple[Decimal, Decimal]) -> Decimal:
    """Regula falsi in the Illinois form, which never leaves the bracket; halving wherever it is slow."""
    (a, fa), (b, fb) = one, other
    tiny = Decimal(10) ** -24
    for step in range(_STEPS):
        c = (a + b) / 2 if step % 4 == 3 else b - fb * (b - a) / (fb - fa)
        fc = difference(c)
        if fc == 0 or abs(b - a) <= tiny * max(Decimal(1), abs(c)):
            return c
        if (fc < 0) != (fb < 0):
            a, fa = b, fb
        else:
            fa /= 2
        b, fb = c, fc
    return b
