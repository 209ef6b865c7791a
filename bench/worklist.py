"""How fast the next case is handed out: a worklist of a million cases, fifty collectors at once.

    python bench/worklist.py                                  a million cases, fifty collectors, two minutes
    python bench/worklist.py --cases 100000 --seconds 30 --think 2

A home of its own under var/bench holds made-up cases with a proposal each; the night's own act lays them out. Collectors are threads
with a connection each, in so many processes as a site has workers: they take a case, look at it for a while, say what came of it,
and take the next. Afterwards no case may have been with two of them. A table goes to the terminal, JSON to bench/results.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import random
import sys
import threading
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(Path(__file__).resolve().parent))
RESULTS = ROOT / "bench" / "results"
AT = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)  # ten in the morning in Shanghai
DAY = date(2026, 11, 19)
GOAL = {"take_p95_milliseconds": 50.0}

_PROPOSALS = """
INSERT INTO records_proposal (business_date, customer_id, sequence, account_id, channel, wording, team, handled_by, priority,
    expected_value_minor, cost_minor, currency, fingerprint, version_id, arm, decision, rule, trace, state, planned_at, rules, reasons, law)
SELECT %(day)s, customer_id, 1, customer_id || '-1', 'call', '',
       CASE abs(hashtext(customer_id)) %% 10 WHEN 0 THEN 'phone_senior' WHEN 1 THEN 'hardship' ELSE 'phone_m1' END, 'in_house',
       1 + abs(hashtext(customer_id)) %% 9, 1000 + abs(hashtext(reverse(customer_id)))::bigint %% 5000000, 450, 'CNY', '', 1, 'champion',
       'treatment', 1 + abs(hashtext(customer_id)) %% 40, '', 'proposed', %(at)s, '{}', '[]', ''
FROM records_customer
"""

# What is different of a night. A typical one changes one value in five, and of the cases some go and some come.
_NIGHTS = {
    "all_new": "",
    "same_again": "",
    "typical": """
        UPDATE records_proposal SET expected_value_minor = 1000 + abs(hashtext(customer_id || 'n'))::bigint %% 5000000
        WHERE abs(hashtext(customer_id || 'c')) %% 5 = 0;
        DELETE FROM records_proposal WHERE abs(hashtext(customer_id || 'd')) %% 40 = 0""",
    "all_changed": "UPDATE records_proposal SET expected_value_minor = expected_value_minor + 1000",
}


def fill(cases: int, each: int, scratch: Path, *, keep: bool) -> dict[str, Any]:
    """A home with so many cases, made once, and what laying them out took: seconds, and seconds of PostgreSQL's processor."""
    import gate
    from gate import _cpu_of

    gate.SCRATCH = scratch
    gate.fill(cases, each)
    from django.db import connection, transaction

    if keep:
        return {}
    from anhuan.acts import worklist
    from anhuan.records.night import Night
    from anhuan.records.staff import Staff

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE records_proposal")
        cursor.execute(_PROPOSALS, {"day": DAY, "at": AT})
    for number in range(200):
        role = "senior" if number % 5 == 0 else "collector"
        skills = ["hardship"] if number % 10 == 3 else []
        Staff.objects.get_or_create(username=f"bench{number}", defaults={"role": role, "skills": skills})
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE records_workitem, records_workshare")
    backend = connection.connection.info.backend_pid
    seconds = {}
    for number, (name, change) in enumerate(_NIGHTS.items()):
        day = DAY + timedelta(days=number)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE records_proposal SET business_date = %s", [day])
            if change:
                cursor.execute(change, {"at": AT})
            cursor.execute("VACUUM ANALYZE records_proposal")
            cursor.execute("CHECKPOINT")
        cpu, begun = _cpu_of(backend), time.perf_counter()
        with transaction.atomic():
            told = worklist.fill(
                Night(business_date=day, sequence=number, begun_at=AT + timedelta(days=number, hours=-6)),
                morning=AT + timedelta(days=1),
                at=AT + timedelta(days=number, hours=-6),
                by="system:night",
            )
        seconds[name] = (round(time.perf_counter() - begun, 1), round(_cpu_of(backend) - cpu, 1), told["open"])
        print(name, seconds[name], flush=True)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE records_proposal SET business_date = %s", [DAY])
        cursor.execute("VACUUM ANALYZE records_workitem")
        cursor.execute("CHECKPOINT")
    return seconds


def _hands(numbers: list[int], options: argparse.Namespace, run: int, beginning: Any, answers: Any) -> None:
    """One worker process: a thread for each of its collectors."""
    from anhuan import settings

    settings.start()
    from anhuan.acts import law

    law.in_force(AT)  # a site's workers have read the statutes long before somebody asks
    told: list[tuple[str, float, str, str]] = []
    threads = [threading.Thread(target=_collect, args=(number, options, run, beginning, told)) for number in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers.put(told)


def _collect(
    number: int, options: argparse.Namespace, run: int, beginning: Any, told: list[tuple[str, float, str, str]]
) -> None:
    """One collector's day, cut to seconds: take, look, say what came of it."""
    from django.db import connection

    from anhuan.acts import worklist
    from anhuan.records.worklist import held_by
    from gate import _cpu_of

    by, chance = f"bench{number}", random.Random(run * 1000 + number)
    worklist.warm(at=AT)  # as every thread of the site does before it answers anybody
    held_by(by, AT)
    backend = connection.connection.info.backend_pid
    beginning.wait()
    begun, taken = time.perf_counter(), 0

    def instant() -> datetime:
        return AT + timedelta(seconds=time.perf_counter() - begun)

    while (now := time.perf_counter()) < begun + options.seconds:
        cpu, backend_cpu = time.thread_time(), _cpu_of(backend)
        item = worklist.take(by, at=instant())
        name = "take" if taken else "take_first"  # all at the same instant
        taken += 1
        told.append((name, time.perf_counter() - now, by, item.customer_id if item else ""))
        # On a busy machine these say more than the clock does.
        told.append(("take_cpu_python", time.thread_time() - cpu, by, ""))
        told.append(("take_cpu_postgresql", _cpu_of(backend) - backend_cpu, by, ""))
        if item is None:
            break
        time.sleep(chance.uniform(0, 2 * options.think))  # she works on it: `think` seconds on average
        now, what = time.perf_counter(), chance.random()
        if what < 0.5:
            name, answer = "done", worklist.done(item.pk, by=by, at=instant(), lease=item.lease)
        elif what < 0.9:
            due = instant() + timedelta(hours=chance.randrange(1, 72))
            name, answer = (
                "follow_up",
                worklist.follow_up(item.pk, due_at=due, why="call_back", by=by, at=instant(), lease=item.lease),
            )
        else:
            name, answer = (
                "transfer",
                worklist.transfer(item.pk, queue="disputes", why="disputed", by=by, at=instant(), lease=item.lease),
            )
        kept = type(answer).__name__ == "WorkItem"
        told.append((name if kept else "lost", time.perf_counter() - now, by, item.customer_id))
    connection.close()


def collect(options: argparse.Namespace, run: int) -> dict[str, Any]:
    """So many collectors at once: milliseconds of every act, and whether any case was with two of them."""
    spawn = multiprocessing.get_context("spawn")
    beginning, answers = spawn.Barrier(options.collectors), spawn.Queue()
    shares = [list(range(options.collectors))[place :: options.workers] for place in range(options.workers)]
    hands = [spawn.Process(target=_hands, args=(share, options, run, beginning, answers)) for share in shares if share]
    for hand in hands:
        hand.start()
    told = [each for _ in hands for each in answers.get()]
    for hand in hands:
        hand.join()
    took: dict[str, list[float]] = {}
    for name, seconds, *_ in told:
        took.setdefault(name, []).append(seconds * 1000)
    taken = [customer for name, _, _, customer in told if name in {"take", "take_first"} and customer]
    return {
        "collectors": options.collectors, "workers": options.workers, "think_seconds": options.think,
        "cases_a_second": round(len(taken) / options.seconds, 1),
        "handed_to_two": len(taken) - len(set(taken)), "lost": len(took.get("lost", ())),
        **{name: _figures(values) for name, values in sorted(took.items())},
    }  # fmt: skip


def _figures(values: list[float]) -> dict[str, float]:
    values = sorted(values)
    at = {"p50": len(values) // 2, "p95": len(values) * 95 // 100, "p99": len(values) * 99 // 100, "most": len(values) - 1}
    return {"number": len(values), **{name: round(values[place], 1) for name, place in at.items()}}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--each", type=int, default=2, help="contacts a customer")
    parser.add_argument("--collectors", type=int, default=50)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--think", type=float, default=5, help="seconds a case is looked at, on average")
    parser.add_argument("--keep", action="store_true", help="do not lay the work out anew: go on where the last run ended")
    parser.add_argument("--scratch", type=Path, default=ROOT / "var" / "bench" / "worklist")
    options = parser.parse_args()
    laid_out = fill(options.cases, options.each, options.scratch, keep=options.keep)
    print("laid out", json.dumps(laid_out))
    from django.db import connection

    from anhuan.records.worklist import depths

    loads, begun = [os.getloadavg()], time.perf_counter()
    depths(AT)
    counted = round((time.perf_counter() - begun) * 1000)
    connection.close()
    measured = {
        "cases": options.cases,
        "laid_out_seconds": laid_out,
        "depths_milliseconds": counted,
        "collected": collect(options, 1),
    }
    loads.append(os.getloadavg())
    print(json.dumps(measured, indent=1), "goal:", GOAL)
    RESULTS.mkdir(exist_ok=True)
    machine = {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "platform": platform.platform(),
        "load": os.getloadavg(),
    }
    document = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine, "goal": GOAL, "measured": measured}
    file = RESULTS / f"worklist-{datetime.now(UTC):%Y%m%dT%H%M%S}.json"
    file.write_text(json.dumps(document, indent=1) + "\n")
    print(file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
