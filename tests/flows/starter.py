"""Starts the house's commands in a moment: a process that has imported what takes long, and forks for each of them.

A command so started is a process of its own, with its own environment, from the settings on; only the libraries and the rooms that
know no settings are there already. That the installed command starts from nothing is tried where it is tested itself.

`python starter.py` reads a JSON line for each command, `[argv, environment, told]`, where argv is what follows `python`, and answers
with one: `[code, out, err]`, the code negative for a signal.
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = (
    "django.core.management", "django.db.models", "django.forms", "django.http", "django.template.loader", "django.test.signals",
    "django_htmx", "ibis.backends.duckdb.converter", "psycopg", "pyarrow.compute", "pyarrow.csv", "pyarrow.parquet", "rich.table",
    "scipy.special",
)  # fmt: skip


# --- for those who start ------------------------------------------------------------------------------------------------


def run(argv: Sequence[str | Path], *, environment: Mapping[str, str], told: str = "") -> subprocess.CompletedProcess[str]:
    """Run `python ARGV…` to its end, as `subprocess.run` would, in the repository's root."""
    starter = _starter()
    assert starter.stdin is not None
    assert starter.stdout is not None
    starter.stdin.write(json.dumps([list(map(str, argv)), dict(environment), told]) + "\n")
    starter.stdin.flush()
    code, out, err = json.loads(starter.stdout.readline())
    return subprocess.CompletedProcess(list(argv), code, out, err)


@lru_cache
def _starter() -> subprocess.Popen[str]:
    """The one of this process; it ends with us, for then nobody holds the other end of its pipe."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANHUAN_", "DJANGO_"))}
    return subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=kept, cwd=ROOT
    )


# --- the process that starts --------------------------------------------------------------------------------------------


def main() -> None:
    import importlib
    import pkgutil

    for name in LIBRARIES:
        importlib.import_module(name)
    import anhuan.cli
    import anhuan.core
    import anhuan.portfolio
    import anhuan.rulebook

    for room in (anhuan.core, anhuan.rulebook, anhuan.portfolio):
        for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
            importlib.import_module(module.name)
    assert "anhuan.settings" not in sys.modules, "settings are read from the environment of the command"
    import gc

    gc.collect()
    gc.freeze()  # else the first collection in each command would copy all of what it shares with us
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_forked(*json.loads(line))) + "\n")
        sys.stdout.flush()
    os._exit(0)  # without taking everything apart that was imported


def _forked(argv: list[str], environment: dict[str, str], told: str) -> list[Any]:
    with tempfile.TemporaryFile("w+") as given, tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        given.write(told)
        given.seek(0)
        child = os.fork()
        if child == 0:
            _become(argv, environment, given, out, err)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        out.seek(0)
        err.seek(0)
        return [code, out.read(), err.read()]


def _become(argv: list[str], environment: dict[str, str], *files: IO[str]) -> None:
    """Be the command, and never return."""
    code = 70
    try:
        for number, file in enumerate(files):
            os.dup2(file.fileno(), number)
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  as long as the process
        os.environ.clear()
        os.environ.update(environment)
        match argv:
            case ["-m", module, *_]:
                sys.argv = argv[1:]
                runpy.run_module(module, run_name="__main__", alter_sys=True)
            case ["-c", script]:
                exec(script, {"__name__": "__main__"})
            case [script, *_]:
                sys.argv, sys.path[0] = argv, str(Path(script).parent)
                runpy.run_path(script, run_name="__main__")
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        if isinstance(ended.code, str):
            sys.stderr.write(ended.code + "\n")
    except BaseException:  # noqa: BLE001  what Python itself does with it
        import traceback

        traceback.print_exc()
        code = 1
    finally:
        import atexit

        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
