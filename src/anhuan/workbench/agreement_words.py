"""What an event about a promise, an agreement or a waiver says to a reader: one sentence per kind, filled from the event's body."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from anhuan.workbench import figures, words

Body = Mapping[str, Any]


def _money(minor: int, currency: str) -> str:
    return f"{currency} {figures.money(minor, currency)}"


def _promise(body: Body) -> dict[str, str]:
    return {
        "amount": _money(body["amount_minor"], body["currency"]), "due_on": body["due_on"], "account": body.get("account") or "–",
    }  # fmt: skip


def _made(body: Body) -> str:
    text = _("Promised %(amount)s by %(due_on)s on %(account)s.") % _promise(body)
    if body.get("replaced"):
        text += " " + _("It takes the place of an earlier promise.")
    return text


def _judged(body: Body) -> str:
    each = []
    for told in body["promises"]:
        said = _promise(told) | {
            "state": words.label("promise", told["to"]),
            "paid": _money(told["paid_minor"], told["currency"]),
        }
        each.append(_("Promise of %(amount)s by %(due_on)s: %(state)s, paid %(paid)s.") % said)
    return " ".join(each)


def _plan(body: Body) -> dict[str, str]:
    return {
        "kind": words.label("agreement", body["kind"]), "total": _money(body["total_minor"], body["currency"]),
        "number": body["instalments"], "missed": body.get("missed", 0), "reason": body.get("reason") or "–",
        "authority": words.label("role", body.get("authority", "")), "consent": words.label("consent", body.get("consent", "")),
    }  # fmt: skip


def _proposed(body: Body) -> str:
    if body["alone"]:
        return _("%(kind)s proposed: %(total)s in %(number)s instalments, within authority.") % _plan(body)
    return _("%(kind)s proposed: %(total)s in %(number)s instalments; a second person decides (%(authority)s).") % _plan(body)


def _waiver(body: Body) -> dict[str, str]:
    return {
        "amount": _money(body["amount_minor"], body["currency"]), "component": words.label("component", body["component"]),
        "account": body["account"],
    }  # fmt: skip


SENTENCES: dict[str, Callable[[Body], str]] = {
    "promise.made": _made,
    "promise.withdrawn": lambda body: _("Promise of %(amount)s by %(due_on)s withdrawn.") % _promise(body),
    "promise.corrected": lambda body: _("Promise put right: %(amount)s by %(due_on)s.") % _promise(body),
    "promise.judged": _judged,
    "plan.proposed": _proposed,
    "plan.approved": lambda body: _("%(kind)s approved by a second person.") % _plan(body),
    "plan.refused": lambda body: _("%(kind)s refused by a second person: %(reason)s") % _plan(body),
    "plan.agreed": lambda body: (
        _("%(kind)s agreed (%(consent)s): %(total)s in %(number)s instalments. Collection stops.") % _plan(body)
    ),
    "plan.cancelled": lambda body: _("%(kind)s called off.") % _plan(body),
    "plan.missed": lambda body: _("%(kind)s: instalments missed: %(missed)s.") % _plan(body),
    "plan.made_good": lambda body: _("%(kind)s: what was missed is paid.") % _plan(body),
    "plan.performed": lambda body: _("%(kind)s performed: %(total)s is paid.") % _plan(body),
    "plan.defaulted": lambda body: _("%(kind)s broken by its own terms; collection may go on.") % _plan(body),
    "plan.resumed": lambda body: _("%(kind)s taken up again: a posting came to light. Collection stops.") % _plan(body),
    "waiver.granted": lambda body: _("Waived %(amount)s of %(component)s on %(account)s.") % _waiver(body),
    "waiver.proposed": lambda body: (
        _("A waiver of %(amount)s of %(component)s on %(account)s waits for a second person.") % _waiver(body)
    ),
    "waiver.refused": lambda body: _("A waiver of %(amount)s of %(component)s on %(account)s was refused.") % _waiver(body),
    "waiver.withdrawn": lambda body: (
        _("The waiver of %(amount)s of %(component)s on %(account)s no longer holds.") % _waiver(body)
    ),
}
