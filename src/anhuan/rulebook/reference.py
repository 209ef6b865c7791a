"""The reference of all rules about contacts, as Markdown: written from the statutes, so that the page cannot differ from them."""

from __future__ import annotations

from collections.abc import Iterator

from anhuan.core.law import Rule, values
from anhuan.rulebook.book import spoken
from anhuan.rulebook.statutes import STATUTES, Entry, entries

_PACKS = {
    "cn": "Mainland China 中国内地",
    "house": "A careful house 行内审慎规则",
    "us-fed": "United States, Regulation F 美国联邦",
    "us-ma": "Massachusetts 马萨诸塞州",
    "us-nyc": "New York City 纽约市",
    "us-tcpa": "Telephone Consumer Protection Act 电话消费者保护法",
    "uk": "United Kingdom 英国",
}


def markdown() -> str:
    """The whole page."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    yield "# The rules of the gate"
    yield ""
    yield "Written from the statutes in the code by `make reference`. A rule is what may not be done, in both languages, with its values and"
    yield "where they are written, version by version. *Ambiguous* marks a text that is open: the stricter reading is applied. None of this is"
    yield "legal advice."
    packs = [*_PACKS, *sorted({path.name for path in STATUTES.iterdir() if path.is_dir()} - _PACKS.keys())]
    for pack in packs:
        found = entries(pack)
        if found:
            yield ""
            yield f"## {_PACKS.get(pack, pack)} (`{pack}`)"
            for entry in found:
                yield from _entry(entry)


def _entry(entry: Entry) -> Iterator[str]:
    latest = next(version.rule for version in reversed(entry.versions) if version.rule is not None)
    told = values(latest.test)
    yield ""
    yield f"### `{entry.id}`"
    yield ""
    yield f"{spoken(latest.zh, told)}  "
    yield spoken(latest.en, told)
    yield ""
    yield f"Topic `{latest.topic}`{_where(latest)}."
    yield ""
    yield "| in force | source, clause | force | confidence | values | note |"
    yield "|---|---|---|---|---|---|"
    for version in entry.versions:
        if version.rule is None:
            yield f"| {version.in_force} | repealed | | | | |"
        else:
            yield _row(version.rule)


def _where(rule: Rule) -> str:
    scope = rule.scope
    said = [
        f"; {name} {', '.join(sorted(words))}"
        for name, words in (
            ("channels", scope.channels),
            ("purposes", scope.purposes),
            ("addressees", scope.parties),
            ("not for", scope.not_parties),
            ("passed by", scope.spares),
        )
        if words
    ]
    return "".join([*said, "; binds agencies, not the bank in its own name" if scope.agencies_only else ""])


def _row(rule: Rule) -> str:
    told = "; ".join(f"{name} {value}" for name, value in values(rule.test).items() if value not in (None, "", False))
    confidence = f"{rule.confidence}{', ambiguous' if rule.ambiguous else ''}"
    cells = (str(rule.in_force), rule.citation, rule.force, confidence, told, rule.note)
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
