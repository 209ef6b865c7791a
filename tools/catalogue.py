"""The Chinese catalogue of the pages: `python tools/catalogue.py [--check]`.

Gathers every sentence the workbench and the models mark for translation (Python by its syntax tree, templates by Django's
own parser), merges them into locale/zh_Hans/LC_MESSAGES/django.po, and compiles django.mo; no gettext tools are needed.
English is the language of the sources and has no catalogue. Both files are committed, and a test runs `--check`: it
ends with 1 when a sentence has no Chinese, or the files do not agree with the sources.
"""

from __future__ import annotations

import ast
import os
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = (ROOT / "src/anhuan/workbench", ROOT / "src/anhuan/records")
CATALOGUE = ROOT / "src/anhuan/workbench/locale/zh_Hans/LC_MESSAGES/django.po"

HEADER = {
    "Project-Id-Version": "anhuan",
    "Language": "zh_Hans",
    "MIME-Version": "1.0",
    "Content-Type": "text/plain; charset=UTF-8",
    "Content-Transfer-Encoding": "8bit",
    "Plural-Forms": "nplurals=1; plural=0;",
}

# Where the sentences stand among the arguments of each function, by name: context, singular, plural.
_FUNCTIONS = {
    "gettext": (None, 0, None),
    "gettext_lazy": (None, 0, None),
    "ngettext": (None, 0, 1),
    "ngettext_lazy": (None, 0, 1),
    "pgettext": (0, 1, None),
    "pgettext_lazy": (0, 1, None),
}


@dataclass(frozen=True, order=True)
class Message:
    """A sentence to translate. Context None and plural None: none given."""

    singular: str
    context: str | None = None
    plural: str | None = None

    @property
    def key(self) -> str:
        """As gettext looks it up."""
        return f"{self.context}\x04{self.singular}" if self.context is not None else self.singular


def main(arguments: list[str]) -> int:
    wanted = gather()
    kept = read(CATALOGUE.read_text(encoding="utf-8")) if CATALOGUE.exists() else {}
    text = write(wanted, kept)
    compiled = compile_(read(text))
    untranslated = [message for message in wanted if not kept.get(message)]
    for message in untranslated:
        print(f"untranslated: {message.singular!r} ({wanted[message]})", file=sys.stderr)
    binary = CATALOGUE.with_suffix(".mo")
    if "--check" in arguments:
        stale = not CATALOGUE.exists() or CATALOGUE.read_text(encoding="utf-8") != text or binary.read_bytes() != compiled
        if stale:
            print("the catalogue does not agree with the sources; run tools/catalogue.py", file=sys.stderr)
        return 1 if stale or untranslated else 0
    CATALOGUE.parent.mkdir(parents=True, exist_ok=True)
    CATALOGUE.write_text(text, encoding="utf-8")
    binary.write_bytes(compiled)
    print(f"{len(wanted)} sentences, {len(untranslated)} untranslated")
    return 1 if untranslated else 0


# --- Gathering ------------------------------------------------------------------------------------------------------


def gather() -> dict[Message, str]:
    """Every marked sentence and the file it was first met in, in the order of files and lines."""
    found: dict[Message, str] = {}
    for folder in SOURCES:
        for file in sorted(folder.rglob("*.py")):
            for message in in_python(file.read_text(encoding="utf-8")):
                found.setdefault(message, str(file.relative_to(ROOT)))
        for file in sorted((folder / "templates").rglob("*.html")):
            for message in in_template(file.read_text(encoding="utf-8")):
                found.setdefault(message, str(file.relative_to(ROOT)))
    return found


def in_python(source: str) -> Iterator[Message]:
    """The sentences of a module, whatever names it gave to Django's functions on import."""
    tree = ast.parse(source)
    names = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
        for alias in node.names
        if alias.name in _FUNCTIONS
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            places = _FUNCTIONS[names[node.func.id]]
            context, singular, plural = (None if at is None else _text(node.args[at]) for at in places)
            yield Message(singular or "", context, plural)


def _text(node: ast.expr) -> str:
    if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        raise TypeError(f"line {node.lineno}: only a literal sentence can be translated")
    return node.value


def in_template(source: str) -> Iterator[Message]:
    """The sentences of a template, as the tags will look them up."""
    from django.template import Template
    from django.templatetags.i18n import BlockTranslateNode, TranslateNode

    nodes = Template(source).nodelist
    for node in nodes.get_nodes_by_type(TranslateNode):
        context = node.message_context.var if node.message_context else None
        yield Message(str(node.filter_expression.var.literal), context and str(context))
    for node in nodes.get_nodes_by_type(BlockTranslateNode):
        singular, _ = node.render_token_list(node.singular)
        plural = node.render_token_list(node.plural)[0] if node.plural else None
        context = node.message_context.var if node.message_context else None
        yield Message(singular, context and str(context), plural)


# --- The two files --------------------------------------------------------------------------------------------------


def write(wanted: dict[Message, str], kept: dict[Message, str]) -> str:
    """The text of the catalogue: every wanted sentence with its kept translation, nothing else."""
    lines = ["# Written by tools/catalogue.py; translations are edited here by hand.", 'msgid ""', 'msgstr ""']
    lines += [_quoted(f"{name}: {value}\n") for name, value in HEADER.items()]
    for message, place in wanted.items():
        lines += ["", f"#: {place}"]
        if message.context is not None:
            lines.append(f"msgctxt {_quoted(message.context)}")
        lines.append(f"msgid {_quoted(message.singular)}")
        if message.plural is not None:
            lines.append(f"msgid_plural {_quoted(message.plural)}")
        word = "msgstr" if message.plural is None else "msgstr[0]"
        lines.append(f"{word} {_quoted(kept.get(message, ''))}")
    return "\n".join(lines) + "\n"


def read(text: str) -> dict[Message, str]:
    """The translations of a catalogue, without its header."""
    found: dict[Message, str] = {}
    entry: dict[str, str] = {}
    word = ""
    for line in [*text.splitlines(), ""]:
        if not line.strip():
            if entry.get("msgid"):
                message = Message(entry["msgid"], entry.get("msgctxt"), entry.get("msgid_plural"))
                found[message] = entry.get("msgstr") or entry.get("msgstr[0]", "")
            entry = {}
        elif line.startswith('"'):
            entry[word] += ast.literal_eval(line)
        elif not line.startswith("#"):
            word, _, rest = line.partition(" ")
            entry[word] = ast.literal_eval(rest)
    return found


def compile_(translations: dict[Message, str]) -> bytes:
    """The catalogue in gettext's binary form: sorted keys, then values, each with length and offset."""
    pairs = {"": "".join(f"{name}: {value}\n" for name, value in HEADER.items())}
    for message, translated in translations.items():
        if translated:
            key = message.key if message.plural is None else f"{message.key}\0{message.plural}"
            pairs[key] = translated
    entries = sorted((key.encode(), value.encode()) for key, value in pairs.items())
    keys_at, values_at = 28, 28 + 8 * len(entries)
    offset = values_at + 8 * len(entries)
    tables: tuple[list[int], list[int]] = ([], [])
    body = b""
    for part in (0, 1):
        for entry in entries:
            tables[part].extend((len(entry[part]), offset + len(body)))
            body += entry[part] + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, len(entries), keys_at, values_at, 0, offset)
    return head + struct.pack(f"<{len(tables[0]) * 2}I", *tables[0], *tables[1]) + body


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "anhuan.settings")
    import django

    django.setup()
    sys.exit(main(sys.argv[1:]))
