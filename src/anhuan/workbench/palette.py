"""The command palette: what can be done from here, by a two-letter code or by words in either language.

Knows the actions of the code book that a person runs, and how each is found: by its code, its words, and the initials of its Chinese.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from django.urls import NoReverseMatch, reverse

from anhuan.rulebook import codes

INITIALS = {
    "call": "zd", "sms": "fdx", "email": "fyj", "letter": "jchh", "visit": "wf", "inbound": "khld", "note": "bz", "payments": "cz",
    "plan": "xs", "promise": "djcn", "dispute": "djyy", "hardship": "djkn", "hold": "djtc", "follow_up": "gj", "transfer": "zzg",
    "next": "xyaj", "complaint": "djts",
}  # fmt: skip
"""The first letters of what an action is called in Chinese, as an input method would take them."""


@dataclass(frozen=True)
class Command:
    """One line of the palette: its code and words, what it is found by, and either a part of the page to go to or an address.

    `target` is a selector: the first of its parts that is there is clicked if it is a button or link, else given the focus.
    """

    code: str
    zh: str
    en: str
    finds: str
    target: str = ""
    address: str = ""


_TARGETS = {
    "call": "[data-call-point], #call-number",
    "inbound": "#call-inbound",
    "note": "#note-text, #call-note-text",
    "promise": "#card-plans [data-code=PP], #card-plans summary[data-key=p], #card-plans",
    "plan": "#card-plans [data-code=AR], #card-plans summary[data-key=n], #card-plans",
    "payments": "#card-payments [data-code=PV], #card-payments",
    "dispute": "#card-disputes [data-code=DS], #card-disputes",
    "hardship": "#card-disputes [data-code=HD], #card-disputes",
    "hold": "#standing [data-code=HO], #standing",
    "complaint": "#standing [data-code=CM], #standing",
    "follow_up": "#card-worklist [data-code=FU], #card-worklist summary[data-key=u], #next-at",
    "transfer": "#card-worklist [data-code=TF], #card-worklist summary[data-key=t], #next-queue",
    "next": "#card-worklist [data-key=N], #call-next, a[rel=next]",
    "sms": ".gate-button[data-channel=sms]",
    "email": ".gate-button[data-channel=email]",
    "letter": ".gate-button[data-channel=letter]",
    "visit": ".gate-button[data-channel=visit]",
}
"""Where each action is on the pages of the desk: the codes are what the cards of other rooms mark their forms with."""
_PAGES = (
    ("WL", "待办列表", "Worklist", "dblb", "worklist"),
    ("ID", "来访台", "Inbound desk", "lft", "inbound_desk"),
    ("PL", "承诺与方案", "Promises and plans", "cnyfa", "plans"),
    ("DH", "异议与困难", "Disputes and hardship", "yyykn", "disputes"),
    ("CS", "案件列表", "Cases", "ajlb", "cases"),
    ("DB", "总览", "Dashboard", "zl", "dashboard"),
    ("OB", "待发", "Outbox", "df", "outbox"),
    ("ST", "策略", "Strategies", "cl", "strategies"),
    ("WD", "文本", "Wordings", "wb", "wordings"),
    ("CP", "合规", "Compliance", "hg", "compliance"),
    ("RB", "规则", "Rulebook", "gz", "rulebook"),
    ("UC", "未完成的通话", "My call under way", "wwcdth", "call_under_way"),
)


@cache
def commands() -> tuple[Command, ...]:
    """Everything the palette offers, actions before pages."""
    return tuple(_commands())


def _commands() -> Iterator[Command]:
    seen: set[str] = set()
    for action in codes.book().actions.values():
        if action.key and action.key not in seen and action.key in _TARGETS:
            seen.add(action.key)
            finds = f"{action.code} {action.zh} {action.en} {INITIALS.get(action.key, '')}".lower()
            yield Command(action.code, action.zh, action.en, finds, target=_TARGETS[action.key])
    for code, zh, en, initials, name in _PAGES:
        try:
            yield Command(code, zh, en, f"{code} {zh} {en} {initials}".lower(), address=reverse(name))
        except NoReverseMatch:
            continue
