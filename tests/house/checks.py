"""What we care about, as checks over the files of the repository. Each returns findings, one sentence a finding.

Knows text and syntax trees. Does not know which files there are, nor pytest; `test_house` applies each check to the
repository, and to snippets that must pass and must fail. Limits are ratchets: they may be lowered.
"""

from __future__ import annotations

import ast
import os.path
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

FUNCTION_LINES = 60
FILE_LINES = 600

# One row per thing: the least that must be true of a call for it to ask the time.
_ASKS_THE_TIME = re.compile(
    r"^(datetime\.)?(datetime|date)\.(now|utcnow|today)$|^time\.(time|time_ns|localtime|gmtime|ctime)$"
    r"|^timezone\.now$|^Now$"
)
_SQL_ASKS_THE_TIME = re.compile(
    r"\b(now|(clock|statement|transaction)_timestamp)\(\)|\bcurrent_(date|timestamp)\b", re.IGNORECASE
)
_PERSONAL = re.compile(
    r"\b(full_name|customer_name|party_name|id_number|phone|mobile|address|e?mail|employer|birth_date)s?\b"
    r"|\b(customer|person|party|contact|point|row)\.(name|value|raw)\b"
)
_LOG_CALL = re.compile(r"(^|\.|_)(log|logger|logging)\.(debug|info|warning|error|exception|critical|log)$")
# Written in pieces, so that this file names none of them either.
_REGISTRY = re.compile(
    r"(?:[\w-]+\.)*(?:" + "|".join(("py" + "pi", "python" + "hosted", "npm" + "js", "npm" + "mirror")) + r")\.(?:org|com|cn|io)"
    r"|https?://[^\s\"'/]*(?:registry|artifactory|nexus|devpi|mirror)[^\s\"'/]*",
    re.IGNORECASE,
)
_MACHINE_PATH = re.compile(  # all but the addresses of the worklist's own pages
    r"(?<![\w./:-])(?!/work/(?:next|queues)/)/(?:"
    + "|".join(("wo" + "rk", "ro" + "ot", "Us" + "ers", "ho" + "me"))
    + r")/[\w.-]+"
)
_CITATION = re.compile(r"《.+》|\b(Art\.|Article|Reg\.|Regulation|§|GB/T|U\.S\.C\.|CFR)|第.+条")
_FOUND_BY_NAME = frozenset("400 403 403_csrf 404 500".split())  # Django looks for these itself
_BANNED_ROOMS = frozenset("utils helpers common services managers util helper".split())
_STANDARD_ENVIRONMENT = frozenset("PATH LANG LC_ALL DJANGO_SETTINGS_MODULE".split())


@dataclass(frozen=True)
class File:
    """A file of the repository: its path from the root, and its text ("" for what is not text)."""

    path: str
    text: str

    @property
    def room(self) -> str:
        """The room of a file of the package: core for src/anhuan/core/gate.py, "" for anything else."""
        parts = PurePosixPath(self.path).parts
        return parts[2] if parts[:2] == ("src", "anhuan") and len(parts) > 3 else ""

    @property
    def in_package(self) -> bool:
        return self.path.startswith("src/anhuan/") and self.path.endswith(".py")

    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)


# --- Size --------------------------------------------------------------------------------------------------------


def long_functions(file: File) -> Iterator[str]:
    """Functions of more than 60 lines, from `def` to their last line."""
    if not file.path.endswith(".py"):
        return
    for node in ast.walk(file.tree()):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            lines = node.end_lineno - node.lineno + 1
            if lines > FUNCTION_LINES:
                yield f"{file.path}:{node.lineno} {node.name} has {lines} lines, {FUNCTION_LINES} are allowed"


def long_files(file: File) -> Iterator[str]:
    """Files of ours of more than 600 lines, whatever their language; lock files and prose are not ours to shorten."""
    lines = len(file.text.splitlines())
    if lines > FILE_LINES and file.path.endswith((".py", ".html", ".css", ".js", ".toml", ".sql", ".yaml")):
        yield f"{file.path} has {lines} lines, {FILE_LINES} are allowed"


# --- Time, permits, settings -------------------------------------------------------------------------------------


def asking_the_time(file: File) -> Iterator[str]:
    """Calls that ask for the present instant anywhere but in the clock, in Python or in SQL.

    The keeper of the embedded database stamps its own log; it knows nothing of the house, nor the house of it.
    """
    if not file.in_package or file.path in {"src/anhuan/clock.py", "src/anhuan/embedded.py"}:
        return
    tree = file.tree()
    prose = _docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = _dotted(node.func)
            if _ASKS_THE_TIME.match(name) or (name in {"timezone.localtime", "timezone.localdate"} and not node.args):
                yield f"{file.path}:{node.lineno} {name}() asks the time; take `at` as an argument"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if _SQL_ASKS_THE_TIME.search(node.value) and id(node) not in prose:
                yield f"{file.path}:{node.lineno} SQL asks the time; pass the instant as a parameter"
        elif isinstance(node, ast.keyword) and node.arg in {"auto_now", "auto_now_add"}:
            yield f"{file.path}:{node.value.lineno} {node.arg} asks the time; take `at` as an argument"


def forged_permits(file: File) -> Iterator[str]:
    """`Permit(…)` anywhere but in the gate. Tests may not mint one either: they ask the gate."""
    if not file.path.endswith(".py") or file.path == "src/anhuan/core/gate.py":
        return
    for node in ast.walk(file.tree()):
        if isinstance(node, ast.Call) and _dotted(node.func).split(".")[-1] == "Permit":
            yield f"{file.path}:{node.lineno} only core.gate mints a Permit"


def undocumented_settings(file: File, documented: Iterable[str]) -> Iterator[str]:
    """Environment variables that are read, or names of ours that are spoken of, but stand in no reference."""
    if not file.in_package:
        return
    known = {*documented, *(f"{name}_FILE" for name in documented), *_STANDARD_ENVIRONMENT}
    tree = file.tree()
    for node in ast.walk(tree):
        name = _environment_variable(node)
        if name and name not in known:
            yield f"{file.path}:{node.lineno} reads {name}, which no table of settings explains"  # type: ignore[attr-defined]


def _environment_variable(node: ast.AST) -> str:
    """The constant name asked of the environment by this node, or ""."""
    if isinstance(node, ast.Subscript) and _dotted(node.value).endswith("environ"):
        asked: ast.expr | None = node.slice
    elif isinstance(node, ast.Call) and re.search(r"(environ\.(get|pop|setdefault)|getenv)$", _dotted(node.func)):
        asked = node.args[0] if node.args else None
    else:
        asked = None
    return asked.value if isinstance(asked, ast.Constant) and isinstance(asked.value, str) else ""


# --- Law ---------------------------------------------------------------------------------------------------------


def rules_without_citation(file: File) -> Iterator[str]:
    """Functions decorated as a rule whose docstring cites nothing, and statutes without a source or a clause."""
    if file.in_package and file.room in {"core", "rulebook"}:
        for node in ast.walk(file.tree()):
            is_rule = isinstance(node, ast.FunctionDef) and any(_dotted(d).endswith("rule") for d in node.decorator_list)
            if is_rule and not _CITATION.search(ast.get_docstring(node) or ""):
                yield f"{file.path}:{node.lineno} the rule {node.name} cites no law"
    if re.match(r"src/anhuan/rulebook/statutes/.+\.yaml$", file.path):
        for number, entry in enumerate(re.split(r"(?m)^- ", file.text)[1:], start=1):
            missing = [key for key in ("source", "clause", "in_force") if not re.search(rf"(?m)^[\s-]*{key}:", entry)]
            if missing:
                yield f"{file.path}: entry {number} has no {', '.join(missing)}"


# --- What may stand in a file ------------------------------------------------------------------------------------


def registry_hosts(file: File) -> Iterator[str]:
    """Addresses of package registries: where packages come from is each installation's own affair."""
    for number, line in enumerate(file.text.splitlines(), start=1):
        found = _REGISTRY.search(line)
        if found:
            yield f"{file.path}:{number} names the registry {found.group()}"


def machine_paths(file: File) -> Iterator[str]:
    """Paths of one developer's machine."""
    for number, line in enumerate(file.text.splitlines(), start=1):
        found = _MACHINE_PATH.search(line)
        if found:
            yield f"{file.path}:{number} names the path {found.group()}"


def personal_data_in_logs(file: File) -> Iterator[str]:
    """Log calls whose arguments, or the words around them, are named after personal data."""
    if not file.in_package:
        return
    for node in ast.walk(file.tree()):
        if isinstance(node, ast.Call) and _LOG_CALL.search(_dotted(node.func)):
            found = next(
                filter(None, (_PERSONAL.search(ast.unparse(argument)) for argument in [*node.args, *node.keywords])), None
            )
            if found:
                yield f"{file.path}:{node.lineno} logs {found.group()}"


def broken_references(file: File, existing: frozenset[str]) -> Iterator[str]:
    """Paths of the repository that a document or the Makefile speaks of, though nothing stands there."""
    if not (file.path.endswith(".md") or file.path == "Makefile"):
        return
    folder = PurePosixPath(file.path).parent
    for number, line in enumerate(file.text.splitlines(), start=1):
        links = re.findall(r"\]\(([\w./-]+)\)", line)
        spoken = re.findall(r"(?<![\w/.-])((?:src|tests|docs|tools|bench|examples)/[\w./-]*\w)", line)
        for name in [*(os.path.normpath(folder / link) for link in links), *spoken]:
            if name not in existing:
                yield f"{file.path}:{number} speaks of {name}, which is not there"


# --- Rooms -------------------------------------------------------------------------------------------------------


def rooms_for_everything(file: File) -> Iterator[str]:
    """Rooms and modules named after nothing in particular."""
    names = set(PurePosixPath(file.path).with_suffix("").parts)
    for name in sorted(names & _BANNED_ROOMS):
        yield f"{file.path}: nothing lives in a place called {name}"


def foreign_imports_in_core(file: File) -> Iterator[str]:
    """Imports of the core from anything but the standard library and itself."""
    if file.room != "core" or not file.in_package:
        return
    for node in ast.walk(file.tree()):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            if name.split(".")[0] not in sys.stdlib_module_names and not name.startswith("anhuan.core"):
                yield f"{file.path}:{node.lineno} the core imports {name}"  # type: ignore[attr-defined]


def dead_files(files: Iterable[File]) -> Iterator[str]:
    """Modules, templates and static files of the package that nothing else in it mentions. Tests do not count."""
    package = [file for file in files if file.path.startswith("src/anhuan/")]
    entrances = {"__init__", "__main__", "wsgi", "apps", "models"}
    for file in package:
        path = PurePosixPath(file.path)
        others = [other.text for other in package if other.path != file.path]
        if path.suffix == ".py" and path.stem not in entrances and "migrations" not in path.parts:
            if not any(_mentions_module(text, path) for text in others):
                yield f"{file.path} is imported by nobody"
        elif "templates" in path.parts or ("static" in path.parts and "vendor" not in path.parts):
            below = path.parts[path.parts.index("templates" if "templates" in path.parts else "static") + 1 :]
            if path.stem not in _FOUND_BY_NAME and not any("/".join(below) in text for text in others):
                yield f"{file.path} is used by nobody"


def _mentions_module(text: str, path: PurePosixPath) -> bool:
    """Whether some import, dotted name or template tag speaks of the module."""
    parts = list(path.with_suffix("").parts[1:])
    dotted, stem = ".".join(parts), parts[-1]
    if stem not in text:
        return False
    if "templatetags" in parts:
        return bool(re.search(rf"{{%\s*load [^%]*\b{stem}\b", text))
    package = re.escape(".".join(parts[:-1]))
    imported = rf"from {package} import (\([^)]*\b{stem}\b|[^\n(]*\b{stem}\b)"
    return bool(re.search(rf"\b{re.escape(dotted)}\b", text) or re.search(imported, text))


# --- Reading a tree ----------------------------------------------------------------------------------------------


def _dotted(node: ast.AST) -> str:
    """`a.b.c` for that expression, and as much of it as has a name otherwise."""
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}".lstrip(".")
    if isinstance(node, ast.Call):
        return _dotted(node.func)
    return node.id if isinstance(node, ast.Name) else ""


def _docstrings(tree: ast.Module) -> set[int]:
    """The nodes that are docstrings, by identity."""
    return {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and node.body and isinstance(node.body[0], ast.Expr)
    }
