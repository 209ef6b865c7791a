"""Seals a made-up night several times over; each time a child kills itself, not politely, at another point.

    python seal_and_die.py ROOT FATAL...

The points are every fsync and rename of a sealing, before and after the call. For each number FATAL a fork seals into
ROOT/FATAL and dies at that point; 0 survives. Prints a JSON object: FATAL -> [exit status, points passed].
`test_snapshot` runs this; forking spares it most of the starting time.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import ibis

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.portfolio.book import a_night

from anhuan.portfolio import snapshot


def seal_until(fatal: int, root: Path) -> int:
    """Seal, and die at the `fatal`-th point; how many points there were."""
    passed: list[str] = []

    def deadly(call):
        def wrapped(*arguments):
            for when in ("before", "after"):
                if when == "after":
                    done = call(*arguments)
                passed.append(f"{when} {call.__name__}")
                if len(passed) == fatal:
                    os.kill(os.getpid(), signal.SIGKILL)
            return done

        return wrapped

    os.fsync = deadly(os.fsync)
    Path.rename = deadly(Path.rename)
    con = ibis.duckdb.connect()
    facts, standing, known = a_night(con)
    snapshot.seal(con, facts, standing=standing, known=known, root=root)
    return len(passed)


def in_a_child(fatal: int, root: Path) -> list[int]:
    child = os.fork()
    if child == 0:
        # The number of points fits into an exit status.
        os._exit(100 + seal_until(fatal, root))
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return [0, code - 100] if code >= 100 else [code, fatal]


root = Path(sys.argv[1])
# What a first night imports, every fork would import anew. Its connection and threads are gone before the forks.
warm = ibis.duckdb.connect()
a_night(warm)
warm.disconnect()
print(json.dumps({fatal: in_a_child(int(fatal), root / fatal) for fatal in sys.argv[2:]}))
