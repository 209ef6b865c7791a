"""How fast contacts are judged: the gate by itself, through the door on PostgreSQL, and facts for the night.

    python bench/gate.py                    everything
    python bench/gate.py --only door --permits 8000 --workers 8 --many 20

A home of its own under var/bench holds made-up customers, each with accounts, contact points and contacts of the last weeks. A
table goes to the terminal, JSON to bench/results. Each part is a function that answers its figures.
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import os
import platform
import resource
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

ROOT = Path(__file__).resolve().parents[1]
SCRATCH = ROOT / "var" / "bench" / "gate"
RESULTS = ROOT / "bench" / "results"
AT = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)  # ten in the morning in Shanghai
GOALS = {
    "check": {"checks_per_second": 100_000},
    "door": {"permits_per_second": 800, "p99_milliseconds": 20.0},
    "facts_for_many": {"seconds": 15.0},
}


# --- the law they are judged by -----------------------------------------------------------------------------------


def cn_law() -> Any:
    """The law of China with the house's own rules, as of the day of the bench."""
    from anhuan.rulebook import book

    return book.law_on(["cn"], AT.date())


# --- made-up records ----------------------------------------------------------------------------------------------

_CUSTOMERS = """
INSERT INTO records_customer (customer_id, sex, language, timezone, region_code, segment, flags, sealed, key_id, fingerprint)
SELECT 'C' || lpad(n::text, 8, '0'), '', 'zh-CN', 'Asia/Shanghai', '310000', 'mass', '{}', '', 1, gen_random_uuid()
FROM generate_series(1, %(customers)s) n
"""
_CASES = """
INSERT INTO records_case (case_id, status, bucket, opened_on, since, reopened, events)
SELECT customer_id, 'open', 1, '2026-11-01', '2026-11-01', 0, 0 FROM records_customer
"""
_ACCOUNTS = """
INSERT INTO records_account (account_id, customer_id, as_of, presence, currency, days_past_due, bucket, past_due_amount_minor,
    balance_total_minor, principal_minor, interest_minor, penalty_minor, fees_minor, instalment_unbilled_minor)
SELECT customer_id || '-' || a, customer_id, '2026-11-19', 'present', 'CNY', 20, 1, 1000, 1000, 1000, 0, 0, 0, 0
FROM records_customer, generate_series(1, 1 + (hashtext(customer_id) & 1)) a
"""
_POINTS = """
INSERT INTO records_contactpoint (point_id, customer_id, kind, party, person_id, place, sealed, key_id, fingerprint)
SELECT gen_random_uuid(), customer_id, p.kind, p.party, p.person, p.place, '', 1, gen_random_uuid()
FROM records_customer, (VALUES ('mobile', 'debtor', '', ''), ('phone', 'debtor', '', 'home'), ('address', 'debtor', '', 'home'),
                               ('mobile', 'emergency_contact', 'p1', '')) p (kind, party, person, place)
"""
_CONTACTS = """
INSERT INTO records_contact (contact_id, customer_id, channel, direction, party, person_id, point_id, point_kind, purpose, actor,
    automated, debts, origin, state, line_result, outcome, started_at, recorded_at, closed_at, proof, by)
SELECT gen_random_uuid(), p.customer_id, CASE WHEN n %% 4 = 0 THEN 'sms' ELSE 'call' END, 'outbound', 'debtor', '', p.point_id,
       'mobile', 'collect', CASE WHEN n %% 3 = 0 THEN 'agency:a' ELSE 'bank' END, n %% 2 = 0, ARRAY[p.customer_id || '-1'],
       'imported', 'completed', CASE WHEN n %% 4 = 0 THEN '' WHEN n %% 5 = 0 THEN 'connected' ELSE 'no_answer' END,
       CASE WHEN n %% 4 <> 0 AND n %% 5 = 0 THEN 'conversation' ELSE '' END, at, at, at, '', 'bench'
FROM records_contactpoint p, generate_series(1, %(each)s) n,
     LATERAL (SELECT %(at)s - make_interval(hours => 30 * n + (hashtext(p.customer_id) & 15)) AS at) i
WHERE p.kind = 'mobile' AND p.party = 'debtor' ORDER BY at
"""


def fill(customers: int, each: int) -> None:
    """A home with so many customers and contacts each, made once; later runs find it."""
    os.environ["ANHUAN_HOME"] = str(SCRATCH / f"home-{customers}-{each}")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "anhuan.settings")
    from anhuan import settings

    settings.start()
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM records_customer")
        if cursor.fetchone()[0] == customers:
            return
        asked = {"customers": customers, "each": each, "at": AT}
        for statement in (_CUSTOMERS, _CASES, _ACCOUNTS, _POINTS, _CONTACTS):
            cursor.execute(statement, asked if "%(" in statement or "%%" in statement else None)
        cursor.execute("VACUUM ANALYZE")


# --- through the door ---------------------------------------------------------------------------------------------


def door(permits: int = 8000, workers: int = 8, customers: int = 20_000, each: int = 10, many: int = 1) -> dict[str, Any]:
    """Permits a second through the door, each of another customer, by several processes; milliseconds of each transaction.

    `many` permits a transaction, which is the form of those who send by night; 1: each permit has its own. The home is made anew,
    for a customer who was asked for once is another one the second time.
    """
    shutil.rmtree(SCRATCH / f"home-{customers}-{each}", ignore_errors=True)
    fill(customers, each)
    from django.db import connection

    points = _points(permits)
    connection.close()
    context = multiprocessing.get_context("spawn")
    shares = [points[n::workers] for n in range(workers)]
    beginning = context.Barrier(workers + 1)
    answers: Any = context.Queue()
    hands = [context.Process(target=_hand, args=[share, beginning, answers, uuid4().hex, many]) for share in shares]
    for hand in hands:
        hand.start()
    beginning.wait()
    begun = time.perf_counter()
    told = [answers.get() for _ in hands]
    seconds = time.perf_counter() - begun
    for hand in hands:
        hand.join()
    took = sorted(one for each_took, *_ in told for one in each_took)
    kinds = sum((counted for _, counted, _, _ in told), Counter[str]())
    return {
        "asked": len(points),
        "answers": dict(kinds),
        "workers": workers,
        "permits_a_transaction": many,
        "seconds": seconds,
        "permits_per_second": kinds["Started"] / seconds,
        # On a busy machine these say more than the clock does.
        "python_cpu_milliseconds_a_permit": sum(cpu for *_, cpu, _ in told) / len(points) * 1000,
        "postgresql_cpu_milliseconds_a_permit": sum(cpu for *_, cpu in told) / len(points) * 1000,
        "p50_milliseconds": took[len(took) // 2] * 1000,
        "p99_milliseconds": took[len(took) * 99 // 100] * 1000,
    }


def _points(number: int) -> list[tuple[str, str]]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT customer_id, point_id::text FROM records_contactpoint WHERE kind = 'mobile' AND party = 'debtor'"
            " AND NOT EXISTS (SELECT FROM records_permit m WHERE m.customer_id = records_contactpoint.customer_id)"
            " ORDER BY customer_id LIMIT %s",
            [number],
        )
        return list(cursor.fetchall())


def _hand(points: list[tuple[str, str]], beginning: Any, answers: Any, run: str, many: int) -> None:
    """One process at the door: asks for each customer in turn, or for many at once."""
    from anhuan import settings

    settings.start()
    from django.db import connection, transaction

    from anhuan.acts import dispatch
    from anhuan.core.facts import Attempt
    from anhuan.core.vocabulary import Channel, Party, Purpose

    law = cn_law()
    took: list[float] = []
    counted: Counter[str] = Counter()

    def wanted(customer_id: str, point: str) -> Attempt:
        return Attempt(
            f"{run}/{os.getpid()}/{customer_id}", Channel.CALL, Party.DEBTOR, Purpose.COLLECT, frozenset({f"{customer_id}-1"}),
            point=point, automated=False, identifies_institution=True, recorded=True, says=frozenset(), private_device=False,
        )  # fmt: skip

    def told(attempt: Attempt, _known: Any) -> Attempt:
        return attempt

    def ask(several: list[tuple[str, str]]) -> list[dispatch.Answer]:
        if many == 1:
            ((customer_id, point),) = several
            return [dispatch.start(customer_id, wanted(customer_id, point), law=law, at=AT, by="bench")]
        asked = [(customer_id, partial(told, wanted(customer_id, point))) for customer_id, point in several]
        with transaction.atomic():
            return list(dispatch.start_many(asked, law=law, at=AT, by="bench"))

    for customer_id, point in points[:20]:
        dispatch.ask(customer_id, wanted(customer_id, point), law=law, at=AT)
    backend = connection.connection.info.backend_pid
    beginning.wait()
    cpu, backend_cpu = time.process_time(), _cpu_of(backend)
    for start in range(0, len(points), many):
        begun = time.perf_counter()
        given = ask(points[start : start + many])
        took.append(time.perf_counter() - begun)
        counted.update(type(answer).__name__ for answer in given)
    answers.put((took, counted, time.process_time() - cpu, _cpu_of(backend) - backend_cpu))


def _cpu_of(process: int) -> float:
    """Seconds a process of one thread has run."""
    return int(Path(f"/proc/{process}/schedstat").read_text().split()[0]) / 1e9


# --- facts for the night ------------------------------------------------------------------------------------------


def facts_for_many(customers: int = 300_000, each: int = 10) -> dict[str, Any]:
    """Seconds to make the facts of all customers, from the question to the last one taken."""
    fill(customers, each)
    from anhuan.records import facts

    gc.collect()
    begun, cpu = time.perf_counter(), time.process_time()
    told = contacts = 0
    for _, known in facts.facts_for_many(at=AT):
        told += 1
        contacts += len(known.contacts)
    seconds = time.perf_counter() - begun
    return {
        "customers": told,
        "contacts": contacts,
        "seconds": seconds,
        "python_cpu_seconds": time.process_time() - cpu,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


# --- the pure function --------------------------------------------------------------------------------------------


def check(*, checks: int = 100_000, history: int = 50) -> dict[str, Any]:
    """Checks a second on one core: the full law of China, and a debtor with so many calls in the last three weeks.

    The floor is a loop of the same length around a function that does nothing but say yes.
    """
    from anhuan.core.facts import Attempt, Contact, Debt, Facts
    from anhuan.core.gate import check as judge
    from anhuan.core.vocabulary import Channel, Direction, LineResult, Outcome, Party, PointKind, Purpose

    law = cn_law()
    calls = [
        Contact(
            id=str(number), at=AT - timedelta(hours=480 - 9.4 * number), channel=Channel.CALL, direction=Direction.OUTBOUND,
            line_result=LineResult.NO_ANSWER if number % 5 else LineResult.CONNECTED,
            outcome=None if number % 5 else Outcome.CONVERSATION, debts=frozenset({"a"}), point_kind=PointKind.MOBILE,
        )
        for number in range(history)
    ]  # fmt: skip
    facts = Facts(("Asia/Shanghai",), {"a": Debt("a")}, tuple(calls))
    attempt = Attempt(
        "bench", Channel.CALL, Party.DEBTOR, Purpose.COLLECT, frozenset({"a"}), automated=False,
        identifies_institution=True, recorded=True, says=frozenset(),
    )  # fmt: skip
    instants = [AT + timedelta(seconds=n % 20_000) for n in range(checks)]
    seconds = {}
    for name, asked in (("gate", judge), ("floor", lambda *_: True)):
        started = time.process_time()
        for at in instants:
            asked(attempt, facts, law, at)
        seconds[name] = time.process_time() - started
    return {
        "rules": len(law.concerning(attempt)),
        "history": history,
        "checks_per_second": round(checks / seconds["gate"]),
        "times_the_floor": round(seconds["gate"] / seconds["floor"], 1),
    }


# --- all of it ----------------------------------------------------------------------------------------------------

PARTS: dict[str, Callable[..., dict[str, Any]]] = {"check": check, "door": door, "facts_for_many": facts_for_many}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=[*PARTS], action="append")
    parser.add_argument("--permits", type=int, default=8000)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--many", type=int, default=1, help="permits a transaction")
    parser.add_argument("--customers", type=int, default=300_000)
    options = parser.parse_args()
    arguments = {
        "door": {"permits": options.permits, "workers": options.workers, "many": options.many},
        "facts_for_many": {"customers": options.customers},
    }
    measured = {}
    for name in options.only or PARTS:
        # A process of its own: a home is chosen once.
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            measured[name] = pool.apply(_part, [name, arguments.get(name, {})]) if name != "door" else door(**arguments["door"])
        print(name, json.dumps(measured[name], indent=1), "goal:", GOALS.get(name))
    RESULTS.mkdir(exist_ok=True)
    machine = {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "platform": platform.platform(),
        "load": os.getloadavg(),
    }
    document = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine, "goals": GOALS, "measured": measured}
    file = RESULTS / f"gate-{datetime.now(UTC):%Y%m%dT%H%M%S}.json"
    file.write_text(json.dumps(document, indent=1) + "\n")
    print(file)
    return 0


def _part(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return PARTS[name](**arguments)


if __name__ == "__main__":
    sys.exit(main())
