"""How the figures of boards and reviews are written."""

from __future__ import annotations

from decimal import Decimal

from django import template

from anhuan.workbench import figures

register = template.Library()


@register.filter
def figure(value: Decimal | None, shape: str) -> str:
    """A rate as per cent, a score of tenths as points, or a plain number with one place."""
    if value is None:
        return figures.NOTHING
    if shape == "percent":
        return figures.rate(value, 1)
    return f"{value / 10 if shape == 'score' else value:.1f}"


@register.filter
def points(tenths: int | str | None) -> str:
    """A score of a review."""
    return figures.NOTHING if tenths in (None, "") else f"{Decimal(tenths) / 10:.1f}"
