"""What it costs to ask whether somebody may see a case, to list hers, and to keep a look, with a million cases and work for all.

    python bench/access.py                  a million cases, five million looks
    python bench/access.py --cases 100000 --looks 500000

A home of its own under var/bench. A table goes to the terminal.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / "var" / "bench" / "access"
AT = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
QUEUES = ("desk", "senior", "hardship", "disputes", "plans")

_FILL = (
    """INSERT INTO records_case (case_id, status, bucket, opened_on, since, reopened, events)
       SELECT 'C' || lpad(n::text, 8, '0'), 'open', 1, '2026-11-01', '2026-11-01', 0, 0 FROM generate_series(1, %(cases)s) n""",
    """INSERT INTO records_casefigures (case_id, bucket, days_past_due, currency, past_due_amount_minor, balance_total_minor, accounts,
           overdue_accounts, missing_accounts, other_currencies, segment, region_code, placed_with)
       SELECT case_id, 1, hashtext(case_id) & 63, 'CNY', hashtext(case_id) & 1048575, 5000000, 1, 1, 0, 0, 'mass', '310000',
              CASE WHEN hashtext('p' || case_id) & 7 = 0 THEN 'agency-1' ELSE '' END
       FROM records_case""",
    """INSERT INTO records_workitem (customer_id, queue, language, state, by_hand, reason, team, channel, account_id, decision,
           value_at_risk_minor, currency, rank, since, due_at, gate_tries, follow_up_why, follow_up_by, assigned_to, leased_by,
           taken_today, ended_by, ended_why)
       SELECT case_id, (%(queues)s::text[])[1 + (hashtext('q' || case_id) & 1023) %% 5], 'zh', 'open', false, 'proposal', '', '', '', '',
              0, 'CNY', 1, %(at)s, %(at)s, 0, '', '', '', '', 0, '', ''
       FROM records_case""",
    """INSERT INTO records_viewing (at, "by", customer_id, page, clear, reason, session)
       SELECT %(at)s - n * interval '1 second', 'collector' || n %% 50,
              'C' || lpad((1 + n %% %(cases)s)::text, 8, '0'), 'case', false, '', n %% 50
       FROM generate_series(1, %(looks)s) n""",
    "ANALYZE",
)


def fill(cases: int, looks: int) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        for statement in _FILL:
            cursor.execute(statement, {"cases": cases, "looks": looks, "queues": list(QUEUES), "at": AT})


def timed(name: str, work: Callable[[int], object], *, times: int) -> None:
    """The middle and the slow end of so many runs, in milliseconds."""
    work(0)
    took = []
    for number in range(1, times + 1):
        begun = time.perf_counter()
        work(number)
        took.append((time.perf_counter() - begun) * 1000)
    took.sort()
    print(f"{name:44} median {statistics.median(took):8.2f} ms   p95 {took[int(len(took) * 0.95)]:8.2f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--looks", type=int, default=5_000_000)
    asked = parser.parse_args()
    shutil.rmtree(HOME, ignore_errors=True)
    os.environ["ANHUAN_HOME"] = str(HOME)
    from anhuan import settings

    settings.start()
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)
    from anhuan.acts import grant, viewing
    from anhuan.records import access
    from anhuan.records.staff import Staff, Team

    fill(asked.cases, asked.looks)
    desk = Team.objects.create(name="Desk", queues=["desk"])
    rare = Team.objects.create(name="Nobody's", queues=["nowhere"])
    whole, of_desk, of_rare = (
        Staff.objects.create(username=name, role="collector" if team else "supervisor", team=team)
        for name, team in (("whole", None), ("collector1", desk), ("rare", rare))
    )
    for staff in (whole, of_desk, of_rare):
        staff.looks_at = AT
    for number in range(20):
        grant.give(f"C{number + 1:08}", "collector1", why="bench", until=AT + timedelta(hours=8), at=AT, by="bench")

    narrow = access.CaseFilter(days_from=60, currency="CNY")

    def some(number: int) -> str:
        return f"C{1 + number * 7919 % asked.cases:08}"

    timed("may she see this case", lambda n: access.may_see_case(of_desk, some(n)), times=500)
    for name, staff in (("whole house", whole), ("one queue of five", of_desk), ("an empty queue", of_rare)):
        timed(f"first page of the list, {name}", lambda _n, s=staff: access.cases(s, access.CaseFilter()), times=5)
        timed(f"narrowed page of the list, {name}", lambda _n, s=staff: access.cases(s, narrow), times=5)
    at = AT + timedelta(days=1)
    timed("keep a look", lambda n: viewing.keep([some(n)], page="case", at=at, by="collector1", session=1), times=500)
    timed(
        "a look that is the same again",
        lambda n: viewing.keep([some(n)], page="case", at=at, by="collector1", session=1),
        times=500,
    )
    settings.release()
    shutil.rmtree(HOME, ignore_errors=True)


if __name__ == "__main__":
    main()
