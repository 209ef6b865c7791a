"""What a night takes to judge promises and agreements: a book of accounts, of which some have a promise or a plan.

    python bench/judging.py                       660,000 customers (a million accounts), 50,000 promises, 10,000 plans
    python bench/judging.py --customers 60000

A home of its own under var/bench holds made-up customers. The first night looks at everything once; the next finds nothing due and
nothing paid; one is paid towards 5,000 of them, and one finds 5,000 promises broken. Seconds are of the clock and of the processors, this
process's and PostgreSQL's. Afterwards nothing is left to judge. A table goes to the terminal.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(Path(__file__).resolve().parent))
AT = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)  # ten in the morning in Shanghai
DAY = date(2026, 11, 19)

# Every twelfth customer promised, of which a tenth is due on the third night; every fourth account of others is under a plan.
_PROMISES = """
INSERT INTO records_promise (promise_id, customer_id, account_id, amount_minor, currency, due_on, state, at, recorded_at, by, updated_at)
SELECT gen_random_uuid(), customer_id, customer_id || '-1', 1000, 'CNY', '2026-11-22'::date + CASE WHEN n %% 10 = 0 THEN 0 ELSE 5 END,
       'open', %(at)s, %(at)s, 'bench', %(at)s
FROM (SELECT customer_id, row_number() OVER (ORDER BY customer_id) n FROM records_customer LIMIT %(promises)s) c
"""
_PLANS = """
INSERT INTO records_plan (plan_id, customer_id, accounts, currency, kind, state, terms, facts, composition, policy, authority, principal_minor,
    waived_minor, total_minor, effective_annual_rate, proposed_at, proposed_by, valid_until, consent, consent_evidence, agreed_at,
    agreed_by, paid_minor, missed, next_due_minor, ended_by, ended_why, updated_at)
SELECT gen_random_uuid(), customer_id, ARRAY[customer_id || '-1'], 'CNY', 'plan', 'active', %(terms)s, '{}', '[]', '', 'collector', 12000,
       0, 12000, '0', %(at)s, 'bench', '2026-11-27', 'written', 'bench', %(at)s, 'bench', 0, 0, 1000, '', '', %(at)s
FROM (SELECT customer_id FROM records_customer ORDER BY customer_id DESC LIMIT %(plans)s) c
"""
_INSTALMENTS = """
INSERT INTO records_instalment (plan_id, number, due_on, agreed_on, settled, payment_minor, principal_minor, charges_minor, interest_minor,
    fee_minor, closing_minor, state, paid_minor)
SELECT plan_id, n, d, d, true, 1000, 1000, 0, 0, 0, 12000 - 1000 * n, 'open', 0
FROM records_plan, generate_series(1, 12) n, LATERAL (SELECT ('2026-12-05'::date + make_interval(months => n - 1))::date d) i
"""
_PAID = """
INSERT INTO records_payment (payment_id, account_id, posted_on, effective_on, amount_minor, currency, kind, reverses, channel, sequence)
SELECT 'P-' || account_id, account_id, '2026-11-21', '2026-11-21', 1000, 'CNY', 'payment', '', '', 3 FROM (
    (SELECT account_id FROM records_promise WHERE due_on > '2026-11-22' ORDER BY 1 LIMIT 2500)
    UNION ALL (SELECT accounts[1] FROM records_plan ORDER BY 1 LIMIT 2500)) p
"""


def main() -> int:
    told = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    told.add_argument("--customers", type=int, default=660_000)
    told.add_argument("--promises", type=int, default=50_000)
    told.add_argument("--plans", type=int, default=10_000)
    options = told.parse_args()
    os.environ["ANHUAN_HOME"] = str(ROOT / "var" / "bench" / "judging" / f"home-{options.customers}")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "anhuan.settings")
    from anhuan import settings

    settings.start()
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    _fill(options)
    print(f"{'night':22} {'seconds':>8} {'python':>7} {'postgres':>9}  customers looked at, what became")
    for number, (name, before) in enumerate(
        {"first": "", "nothing new": "", "5,000 paid": _PAID, "5,000 broken": ""}.items(), start=1
    ):
        day = DAY + timedelta(days=number - 1)
        if before:
            with connection.cursor() as cursor:
                cursor.execute(before)
        print(_night(name, day, number), flush=True)
    return int(bool(_everything(DAY + timedelta(days=3))))


def _fill(options: argparse.Namespace) -> None:
    """The same made-up book each time."""
    from django.db import connection

    from anhuan.core.plan.agreement import Kind, PlanTerms
    from anhuan.core.plan.parts import Parts
    from anhuan.core.plan.policy import DefaultRule
    from anhuan.records.terms import document
    from gate import _ACCOUNTS, _CASES, _CUSTOMERS

    terms = PlanTerms(
        Kind.PLAN,
        "CNY",
        Parts(12_000),
        DAY,
        date(2026, 12, 5),
        instalments=12,
        default=DefaultRule(missed=2, days_late=60, grace_days=3),
    )
    import json

    asked = {"customers": options.customers, "promises": options.promises, "plans": options.plans, "at": AT - timedelta(days=1)}
    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE records_promise, records_instalment, records_waiver, records_plan, records_payment, records_night CASCADE"
        )
        cursor.execute("SELECT count(*) FROM records_customer")
        if cursor.fetchone()[0] != options.customers:
            for statement in (_CUSTOMERS, _CASES, _ACCOUNTS):
                cursor.execute(statement, asked)
        for statement in (_PROMISES, _PLANS, _INSTALMENTS):
            cursor.execute(statement, asked | {"terms": json.dumps(document(terms))})
        cursor.execute("VACUUM ANALYZE")


def _night(name: str, day: date, sequence: int) -> str:
    from django.db import connection

    from anhuan.acts import performance, promise
    from anhuan.records.night import Night
    from gate import _cpu_of

    at = AT + (day - DAY)
    Night.objects.create(
        sequence=sequence, business_date=day, issuer="bench", layout="canonical/1", content=f"{sequence:064}", snapshot=str(sequence),
        manifest_sha256=f"{sequence:064}", status="sealed", begun_at=at,
    )  # fmt: skip
    backend = connection.connection.info.backend_pid
    begun, python, postgres = time.perf_counter(), time.process_time(), _cpu_of(backend)
    looked, became = 0, {}
    for noun, acts in {"promises": promise, "plans": performance}.items():
        whose = acts.concerned(sequence=sequence)
        looked += len(whose)
        became[noun] = acts.judge(whose, at=at, known_through=day)
    seconds, ours, theirs = time.perf_counter() - begun, time.process_time() - python, _cpu_of(backend) - postgres
    return f"{name:22} {seconds:8.2f} {ours:7.2f} {theirs:9.2f}  {looked:,} {became}"


def _everything(day: date) -> dict[str, Any]:
    """What judging all would still find."""
    from anhuan.acts import performance, promise

    at = AT + (day - DAY)
    return promise.judge(None, at=at, known_through=day) | performance.judge(None, at=at, known_through=day)


if __name__ == "__main__":
    sys.exit(main())
