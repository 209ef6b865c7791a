"""The reference of the code book, as Markdown: written from the data, so that the page cannot differ from it."""

from __future__ import annotations

from collections.abc import Iterator

from anhuan.rulebook.codes import Result, book


def markdown() -> str:
    """The whole page."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    known = book()
    yield "# The code book 结果码"
    yield ""
    yield f"Written from `rulebook/codes/` by `make reference`: {sum(1 for _ in known.all())} codes on four axes. What a code maps to are the"
    yield "closed words of the house. A conversation with somebody who passed the identity check counts as an effective one, the stricter"
    yield "reading."
    yield ""
    yield "## Actions 动作"
    yield ""
    yield from _table("code", "中文", "English", "channel", "direction", "palette")
    for a in known.actions.values():
        yield _row(a.code, a.zh, a.en, a.channel or "–", a.direction or "–", a.key or "–")
    yield ""
    yield "## Line 电话码"
    yield ""
    yield from _table("code", "中文", "English", "line result", "shows of the number")
    for line in known.lines.values():
        yield _row(line.code, line.zh, line.en, line.line, line.finding or "–")
    yield ""
    yield "## Party 对象"
    yield ""
    yield from _table("code", "中文", "English", "party", "told of the debt")
    for p in known.parties.values():
        yield _row(p.code, p.zh, p.en, p.party or "–", "yes, once identified" if p.owes else "never" if p.third else "–")
    yield ""
    yield "## Result 结果"
    yield ""
    yield "`keys`: keystrokes from the open wrap-up to the kept result, of those that have a digit."
    yield ""
    yield from _table(
        "code", "key", "中文", "English", "lines", "parties", "identity", "outcome", "must state", "does", "next", "keys"
    )
    for result in known.results.values():
        yield _result(result)


def _result(each: Result) -> str:
    identity = {True: "checked", False: "not the customer", None: "either"}[each.verified]
    step = each.next
    return _row(
        each.code, each.digit or "–", each.zh, each.en, " ".join(sorted(each.lines)), " ".join(sorted(each.parties)), identity,
        "unknown" if each.unknown else each.outcome or "–", ", ".join(field.name for field in each.forces) or "–",
        ", ".join(each.does) or "–", f"{step.step}{f' {step.queue}' if step.queue else ''} ({step.why})",
        str(each.keystrokes) if each.digit else "–",
    )  # fmt: skip


def _table(*heads: str) -> Iterator[str]:
    yield _row(*heads)
    yield "|" + "---|" * len(heads)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"
