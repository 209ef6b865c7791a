"""Does a test notice when the law is judged wrongly? Changes one thing at a time in the core and runs the quick tests on it.

    python tools/mutate.py                     every module named in TARGETS
    python tools/mutate.py gate rules/caps     some of them
    python tools/mutate.py --workers 4

A change that no test notices is printed; the exit code is 1 when fewer than 95 of 100 are noticed. Changes that cannot be
noticed, because they change nothing anybody can see, stand with their reason in mutants.txt beside this file.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.abc
import importlib.machinery
import os
import pickle
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CORE = ROOT / "src" / "anhuan" / "core"
EQUIVALENT = Path(__file__).with_name("mutants.txt")
WANTED = 95
TIMEOUT = 180.0
MEMORY = 2 << 30

# Before these, every change of the gate is put to all our cases of law; see `_answers_all`.
GATE_TESTS = (
    "tests/core/test_gate.py",
    "tests/core/test_rules.py",
    "tests/core/test_asked.py",
    "tests/core/test_rules_in_time.py",
    "tests/core/test_rolling_caps.py",
    "tests/core/test_undated_holds.py",
    "tests/rulebook/test_book.py",
    "tests/core/test_gate_properties.py",
)
JUDGEMENT_TESTS = (
    "tests/core/test_judgements_deadlines.py",
    "tests/core/test_judgements_facts.py",
    "tests/core/test_judgements_limitation.py",
    "tests/core/test_judgements_overdraft.py",
    "tests/scenarios/test_judgement_cases.py",
)
TARGETS: dict[str, tuple[str, ...]] = {
    "gate": GATE_TESTS,
    "asked": GATE_TESTS,
    **{f"rules/{name}": GATE_TESTS for name in ("hours", "caps", "holds", "parties", "conduct")},
    "days": ("tests/core/test_days.py", *JUDGEMENT_TESTS),
    **{f"judgements/{path.stem}": JUDGEMENT_TESTS for path in sorted((CORE / "judgements").glob("[a-z]*.py"))},
}

# --- one change at a time -------------------------------------------------------------------------------------------

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_CALLS = {"min": "max", "max": "min", "any": "all", "all": "any", "bisect_left": "bisect_right", "bisect_right": "bisect_left"}
_UNITS = {"days": "hours", "hours": "minutes", "minutes": "seconds", "microseconds": "milliseconds"}

Change = tuple[Callable[[], None], Callable[[], None]]
"""How to make a change in a tree, and how to take it back."""


@dataclass(frozen=True)
class Mutant:
    """A module with one thing changed; `name` is the same as long as the changed code is."""

    target: str
    line: int
    name: str
    source: str


def mutants(target: str) -> Iterator[Mutant]:
    """Every change of a module, in the order of its lines; of changes that read alike each is one."""
    tree = ast.parse((CORE / f"{target}.py").read_text(encoding="utf-8"))
    seen: dict[str, int] = {}
    for where, node in _code(tree, ()):
        for holder, (make, take_back) in _changes(node):
            before = ast.unparse(holder).split("\n")[0]
            make()
            after, source = ast.unparse(holder).split("\n")[0], ast.unparse(ast.fix_missing_locations(tree))
            take_back()
            name = f"{target} {'.'.join(where)}: {before} -> {after}"
            seen[name] = seen.get(name, 0) + 1
            if seen[name] > 1:
                name += f" #{seen[name]}"
            yield Mutant(target, getattr(node, "lineno", 0), name, source)


def _code(node: ast.AST, where: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], ast.AST]]:
    """What runs, with the names it stands below; annotations, decorators and prose say nothing of how the law is judged."""
    inside = (*where, node.name) if isinstance(node, ast.FunctionDef | ast.ClassDef) else where
    yield inside, node
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list", "type_params"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_prose(child):
                yield from _code(child, inside)


def _is_prose(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _swap(node: ast.AST, name: str, value: object) -> Change:
    old = getattr(node, name)
    return lambda: setattr(node, name, value), lambda: setattr(node, name, old)


def _without(parts: list[ast.expr], number: int) -> Change:
    part = parts[number]
    return lambda: parts.pop(number) and None, lambda: parts.insert(number, part)


def _changes(node: ast.AST) -> Iterator[tuple[ast.AST, Change]]:
    """The changes of one node, each with the node that shows it."""
    for kind, changes in _CHANGES.items():
        if isinstance(node, kind):
            yield from changes(node)


def _compared(node: ast.Compare) -> Iterator[tuple[ast.AST, Change]]:
    for number, op in enumerate(node.ops):
        for other in _COMPARISONS[type(op)]:
            yield node, _swap(node, "ops", [*node.ops[:number], other(), *node.ops[number + 1 :]])


def _joined(node: ast.BoolOp) -> Iterator[tuple[ast.AST, Change]]:
    yield node, _swap(node, "op", ast.Or() if isinstance(node.op, ast.And) else ast.And())
    for number in range(len(node.values)):
        yield node, _swap(node, "values", node.values[:number] + node.values[number + 1 :])


def _negated(node: ast.If | ast.IfExp | ast.While) -> Iterator[tuple[ast.AST, Change]]:
    yield node, _swap(node, "test", ast.UnaryOp(ast.Not(), node.test))


def _denied(node: ast.UnaryOp) -> Iterator[tuple[ast.AST, Change]]:
    if isinstance(node.op, ast.Not):
        yield node, _swap(node, "operand", ast.UnaryOp(ast.Not(), node.operand))


def _counted(node: ast.Constant) -> Iterator[tuple[ast.AST, Change]]:
    if isinstance(node.value, bool):
        yield node, _swap(node, "value", not node.value)
    elif isinstance(node.value, int):
        yield node, _swap(node, "value", node.value + 1)
        yield node, _swap(node, "value", node.value - 1)


def _reckoned(node: ast.BinOp) -> Iterator[tuple[ast.AST, Change]]:
    if type(node.op) in _OPERATORS:
        yield node, _swap(node, "op", _OPERATORS[type(node.op)]())


def _filtered(node: ast.comprehension) -> Iterator[tuple[ast.AST, Change]]:
    for number in range(len(node.ifs)):
        yield node, _without(node.ifs, number)


def _gathered(node: ast.Set) -> Iterator[tuple[ast.AST, Change]]:
    for number in range(len(node.elts) if len(node.elts) > 1 else 0):
        yield node, _without(node.elts, number)


def _answered(node: ast.Return) -> Iterator[tuple[ast.AST, Change]]:
    if node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value in {None, False}):
        yield node, _swap(node, "value", ast.Constant(None))


def _matched(node: ast.Match) -> Iterator[tuple[ast.AST, Change]]:
    for number in range(len(node.cases) if len(node.cases) > 1 else 0):
        yield node.cases[number], _swap(node, "cases", node.cases[:number] + node.cases[number + 1 :])


def _left_out(node: ast.AST) -> Iterator[tuple[ast.AST, Change]]:
    for name in ("body", "orelse"):
        body = getattr(node, name, [])
        if isinstance(body, list):
            yield from _without_statements(body)


def _changed_calls(node: ast.Call) -> Iterator[tuple[ast.AST, Change]]:
    if isinstance(node.func, ast.Name) and node.func.id in _CALLS:
        yield node, _swap(node.func, "id", _CALLS[node.func.id])
    if isinstance(node.func, ast.Name) and node.func.id == "timedelta":
        for keyword in node.keywords:
            if keyword.arg in _UNITS:
                yield node, _swap(keyword, "arg", _UNITS[keyword.arg])


def _without_statements(body: list[ast.stmt]) -> Iterator[tuple[ast.AST, Change]]:
    """Statements that do something besides naming a value; whatever would miss a name fails by itself."""
    for number, statement in enumerate(body):
        does = isinstance(statement, ast.Continue | ast.Break | ast.Raise | ast.AugAssign | ast.Delete)
        if does or (
            isinstance(statement, ast.Expr) and not _is_prose(statement) and not isinstance(statement.value, ast.Yield)
        ):

            def put(what: ast.stmt, number: int = number) -> None:
                body[number] = what

            yield _Shown(body, number), (lambda put=put: put(ast.Pass()), lambda put=put, old=statement: put(old))  # type: ignore[misc]


class _Shown(ast.Module):
    """A statement of a body, whichever stands there when it is shown."""

    def __init__(self, body: list[ast.stmt], number: int) -> None:
        super().__init__(body=[], type_ignores=[])
        self._all, self._number = body, number

    def __getattribute__(self, name: str) -> object:
        if name == "body":
            return [self._all[self._number]]
        return super().__getattribute__(name)


_CHANGES: dict[type[ast.AST], Callable[..., Iterator[tuple[ast.AST, Change]]]] = {
    ast.Compare: _compared,
    ast.BoolOp: _joined,
    ast.UnaryOp: _denied,
    ast.Constant: _counted,
    ast.BinOp: _reckoned,
    ast.Call: _changed_calls,
    ast.If: _negated,
    ast.IfExp: _negated,
    ast.While: _negated,
    ast.comprehension: _filtered,
    ast.Set: _gathered,
    ast.Return: _answered,
    ast.Match: _matched,
    ast.AST: _left_out,
}

# --- running the tests on a change -----------------------------------------------------------------------------------


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds one module as changed source; all others are found as ever."""

    def __init__(self, mutant: Mutant) -> None:
        self.name = f"anhuan.core.{mutant.target.replace('/', '.')}"
        self.source = mutant.source

    def find_spec(self, fullname: str, path: object, target: object = None) -> importlib.machinery.ModuleSpec | None:  # noqa: ARG002
        return importlib.machinery.ModuleSpec(fullname, self) if fullname == self.name else None

    def get_source(self, fullname: str) -> str:  # noqa: ARG002
        return self.source


def _notice(mutant: Mutant | None, tests: Sequence[str], settings: Path, cases: Sequence[Any]) -> int:
    """The exit code of the tests, on a change or on the code as it is; runs in a child of its own."""
    if mutant is not None:
        sys.meta_path.insert(0, _Changed(mutant))
    if cases and not _answers_all(cases):
        return 1
    import pytest
    from hypothesis import settings as hypothesis

    hypothesis.register_profile("mutants", database=None, derandomize=True, deadline=None)
    hypothesis.load_profile("mutants")
    options = ["-x", "-q", "--noconftest", "-c", str(settings), f"--rootdir={ROOT}", "--import-mode=importlib"]
    plugins = ["-p", "no:django", "-p", "no:cacheprovider"]
    return int(pytest.main([*options, *plugins, *tests]))


def _answers_all(cases: Sequence[Any]) -> bool:
    """Whether the cases of law come out right: most changes are noticed here, long before a test has been collected."""
    from anhuan.core.gate import Refusal, check
    from anhuan.rulebook.book import law_on

    for case in cases:
        verdict = check(case.attempt, case.facts, law_on(case.packs, case.as_of), case.at)
        refused = isinstance(verdict, Refusal)
        topics = {reason.rule.topic.value for reason in verdict.reasons} if refused else set()
        presumed = refused and verdict.presumed_violation
        if (refused, presumed) != (case.refused, case.presumed) or not set(case.rules) <= topics:
            return False
    return True


@dataclass(frozen=True)
class _Case:
    """A case of law, read once for all children."""

    attempt: Any
    facts: Any
    packs: tuple[str, ...]
    as_of: Any
    at: Any
    refused: bool
    presumed: bool
    rules: tuple[str, ...]


def _cases() -> list[_Case]:
    """The cases of law of this repository, read by another process: whoever reads them has imported what is to be changed."""
    reader = (
        "import pickle, sys; from pathlib import Path; from anhuan.rulebook.scenarios.contacts import read_scenarios;"
        "found = [c for f in sorted(Path('tests/scenarios/contact').glob('*.yaml')) for c in read_scenarios(f)];"
        "told = [(c.attempt, c.facts, c.packs, c.as_of, c.at, c.verdict == 'refuse', c.presumed_violation, c.rules) for c in found];"
        "sys.stdout.buffer.write(pickle.dumps(told))"
    )
    where = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    told = subprocess.run([sys.executable, "-c", reader], check=True, capture_output=True, cwd=ROOT, env=where).stdout
    return [_Case(*each) for each in pickle.loads(told)]  # noqa: S301  our own bytes


def _child(
    mutant: Mutant | None, tests: Sequence[str], settings: Path, cases: Sequence[Any] = (), *, quiet: bool = True
) -> int:
    """Start a child for one change; its process id."""
    pid = os.fork()
    if pid:
        return pid
    code = 3
    try:
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))  # a change that gathers for ever is noticed too
        if quiet:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            os.dup2(nowhere, 2)
        code = _notice(mutant, tests, settings, cases)
    finally:
        os._exit(code)


def _warm_up() -> None:
    """Import what every child needs and no change touches."""
    sys.dont_write_bytecode = True
    os.environ.pop("ANHUAN_TESTDATA", None)
    listing = "import sys, pytest, hypothesis, anhuan.rulebook.trial; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", listing], check=True, capture_output=True, text=True, cwd=ROOT).stdout
    for name in modules.split():
        if not name.startswith(("anhuan", "__main__", "tests")):
            try:
                importlib.import_module(name)
            except ImportError:
                continue
    sys.path[:0] = [str(ROOT), str(ROOT / "src")]


def unnoticed(found: Sequence[Mutant], settings: Path, cases: Sequence[Any], *, workers: int) -> list[Mutant]:
    """The changes no test notices."""
    waiting, running, alive = list(reversed(found)), {}, []
    while waiting or running:
        while waiting and len(running) < workers:
            mutant = waiting.pop()
            running[_child(mutant, TARGETS[mutant.target], settings, cases)] = (mutant, time.monotonic())
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid:
            mutant, _ = running.pop(pid)
            if os.waitstatus_to_exitcode(status) == 0:
                alive.append(mutant)
                print(f"  unnoticed  {mutant.target}.py:{mutant.line}  {mutant.name}", flush=True)
            continue
        for late, (_, since) in running.items():
            if time.monotonic() - since > TIMEOUT:  # a change that makes the gate run for ever is noticed
                os.kill(late, signal.SIGKILL)
        time.sleep(0.02)
    return alive


def _known(made: Mapping[str, Sequence[Mutant]]) -> dict[str, str]:
    """Changes nobody can notice, with the reason why; SystemExit for one without its reason, or that no module has any more."""
    told = EQUIVALENT.read_text(encoding="utf-8") if EQUIVALENT.exists() else ""
    known = {}
    for number, line in enumerate(told.splitlines(), start=1):
        if not line or line.startswith("#"):
            continue
        name, _, reason = line.partition("  # ")
        if not reason.strip():
            raise SystemExit(f"{EQUIVALENT.name}:{number}: say after two spaces and a # why nobody can notice this change")
        target = name.partition(" ")[0]
        if target in made and name not in {mutant.name for mutant in made[target]}:
            raise SystemExit(f"{EQUIVALENT.name}:{number}: {target} has no such change any more")
        known[name] = reason
    return known


def main() -> int:
    told = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    told.add_argument("target", nargs="*", choices=[[], *TARGETS], default=[], metavar="MODULE")
    told.add_argument("--workers", type=int, default=2)
    told.add_argument("--list", action="store_true", help="only name the changes")
    options = told.parse_args()
    chosen = {target: list(mutants(target)) for target in options.target or TARGETS}
    known = _known(chosen)
    all_killed = all_made = 0
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "pytest.ini"
        settings.write_text(
            f"[pytest]\npythonpath = {ROOT} {ROOT / 'src'} {ROOT / 'examples' / 'firstbank'}\n", encoding="utf-8"
        )
        cases: Sequence[Any] = ()
        if not options.list:
            _warm_up()
            cases = _cases() if any(TARGETS[target] is GATE_TESTS for target in chosen) else ()
        for target, made in chosen.items():
            found = [mutant for mutant in made if mutant.name not in known]
            if options.list:
                print(*(mutant.name for mutant in found), sep="\n")
                continue
            gated = cases if TARGETS[target] is GATE_TESTS else ()
            if os.waitstatus_to_exitcode(os.waitpid(_child(None, TARGETS[target], settings, gated, quiet=False), 0)[1]):
                print(f"the tests of {target} fail on the code as it is", file=sys.stderr)
                return 1
            alive = unnoticed(found, settings, gated, workers=options.workers)
            killed = len(found) - len(alive)
            all_killed, all_made = all_killed + killed, all_made + len(found)
            print(f"{target}: {killed} of {len(found)} noticed, {len(made) - len(found)} cannot be", flush=True)
    if options.list:
        return 0
    share = 100 * all_killed / max(all_made, 1)
    print(f"{all_killed} of {all_made} changes are noticed: {share:.1f} %")
    return 0 if share >= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
