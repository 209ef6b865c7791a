"""How templates write figures, words, icons and bars: thin tags over `figures` and `words`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from django import template
from django.http import HttpRequest
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from anhuan.workbench import figures, words

register = template.Library()

register.filter("count", figures.count)
register.filter("rate", figures.rate)
register.filter("short_bucket", words.short_bucket)


@register.filter
def label(word: object, table: str) -> str:
    """`{{ account.block_code|label:"block" }}`"""
    return words.label(table, word) if word not in (None, "") else figures.NOTHING


@register.filter
def get(mapping: Mapping[str, Any], key: str) -> Any:
    """A value by a key no dot can spell."""
    return mapping.get(key)


@register.filter
def percent(share: Decimal | None, places: int = 1) -> str:
    return figures.rate(share, places)


@register.filter
def instant(moment: datetime | None) -> str:
    """Date and time to the second where the bank is, ISO 8601 with a space: the offset stands in the header."""
    return timezone.localtime(moment).strftime("%Y-%m-%d %H:%M:%S") if moment else figures.NOTHING


@register.filter
def minute(moment: datetime | None) -> str:
    """Date and time to the minute where the bank is."""
    return instant(moment)[:16]


@register.filter
def clock(moment: datetime) -> str:
    """The time of day where the bank is."""
    return timezone.localtime(moment).strftime("%H:%M:%S")


@register.filter
def at_instant(text: str) -> str:
    """An instant of a document as `instant` writes it."""
    return instant(datetime.fromisoformat(text))


@register.filter
def offset(moment: datetime) -> str:
    """Date, time and offset of an instant."""
    return timezone.localtime(moment).isoformat(" ", "minutes")


@register.filter
def tongue(text: str) -> str:
    """The language tag of a citation, which is written as its source is."""
    return "zh-CN" if any("\u4e00" <= sign <= "\u9fff" for sign in text) else "en"


@register.filter
def sentence(bilingual: Mapping[str, Any]) -> str:
    """The reader's one of `message_zh` and `message_en`."""
    return str(bilingual["message_zh" if (get_language() or "").startswith("zh") else "message_en"])


@register.simple_tag
def money(minor: int | None, currency: str) -> SafeString:
    """A whole amount with its currency before it."""
    return _amount(figures.money(minor, currency), currency, minor)


@register.simple_tag
def amount(minor: int | None, currency: str) -> str:
    """A whole amount alone, for a column whose head names the currency."""
    return figures.money(minor, currency)


@register.simple_tag
def short_money(minor: int | None, currency: str) -> SafeString:
    """An amount in the language's short form with its currency, the whole amount as its title."""
    text = figures.short_money(minor, currency, get_language() or "en")
    whole = f"{currency} {figures.money(minor, currency)}"
    return format_html('<span title="{}">{}</span>', whole, _amount(text, currency, minor))


def _amount(text: str, currency: str, minor: int | None) -> SafeString:
    if minor is None:
        return format_html("{}", text)
    return format_html('<span class="currency">{}</span>&nbsp;{}', currency, text)


@register.simple_tag
def bucket(number: int | None) -> SafeString:
    """A bucket as a badge; its title says the days."""
    if number is None:
        return format_html("{}", figures.NOTHING)
    return format_html('<span class="bucket bucket-{}" title="{}">M{}</span>', number, words.label("bucket", number), number)


@register.simple_tag
def icon(name: str) -> SafeString:
    """A drawing of our own sprite; decoration only, so it says nothing to a screen reader."""
    return _drawn(static("workbench/icons.svg"), name)


@lru_cache(maxsize=256)
def _drawn(sprite: str, name: str) -> SafeString:
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>', sprite, name)


@register.simple_tag(takes_context=True)
def query(context: template.Context, **changes: object) -> str:
    """The page's own query with some parameters changed, and dropped where the new value is empty."""
    request: HttpRequest = context["request"]
    parameters = request.GET.copy()
    for name, value in changes.items():
        parameters.pop(name, None)
        if value not in (None, ""):
            parameters[name] = str(value)
    return "?" + parameters.urlencode()
