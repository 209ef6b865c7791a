"""How many approvals wait for a second person, for the badge beside their page."""

from __future__ import annotations

from django import template

from anhuan.records.plan import Approval

register = template.Library()
_MOST = 99


@register.simple_tag
def approvals_waiting() -> str:
    """The number as the badge writes it; empty where none waits."""
    number = Approval.objects.filter(decision="")[: _MOST + 1].count()
    return f"{_MOST}+" if number > _MOST else str(number or "")
