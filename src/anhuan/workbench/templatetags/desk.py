"""Tags of the collector's desk: the reader's tongue of whatever stands in two, and the words of the desk."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.translation import get_language

from anhuan.workbench import desk_words, palette

register = template.Library()


@register.filter
def own(told: Any, part: str = "") -> str:
    """`zh` or `en` of a value of data in both, or with a part `answer_zh` or `answer_en`."""
    tongue = "zh" if (get_language() or "").startswith("zh") else "en"
    return str(getattr(told, f"{part}_{tongue}" if part else tongue))


@register.filter
def word(text: object, table: str) -> str:
    """`{{ call.way|word:"way" }}`"""
    return desk_words.word(text, table) if text not in (None, "") else ""


@register.filter
def each_of(text: str) -> list[str]:
    """The words of a text, to go through them."""
    return text.split()


@register.simple_tag
def commands() -> tuple[palette.Command, ...]:
    """What the command palette offers."""
    return palette.commands()
