"""Server time of the pages a collector lives on: the case, its timeline, the call, the list, at a database of N cases.

    python bench/pages.py                      a million cases
    python bench/pages.py --cases 20000 --asked 100

A home of its own under var/bench holds made-up cases (those of `bench/gate.py`, with figures, bucket spans, payments and promises);
the cases that are looked at have sealed people, events and refusals besides. Each page is asked for through the whole of Django,
middleware and templates, by one member of staff, case after case; the statements it takes are counted. A table goes to the terminal,
JSON to bench/results.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(Path(__file__).resolve().parent))
RESULTS = ROOT / "bench" / "results"
AT = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)  # ten in the morning in Shanghai
GOAL = 100.0

_MORE = (
    """
    INSERT INTO records_casefigures (case_id, bucket, days_past_due, currency, past_due_amount_minor, balance_total_minor, accounts,
        overdue_accounts, missing_accounts, other_currencies, segment, region_code, placed_with)
    SELECT case_id, 1, 20, 'CNY', 1000 + abs(hashtext(case_id))::bigint % 9000000, 20000000, 1, 1, 0, 0, 'mass', '310000', ''
    FROM records_case ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO records_bucketspan (case_id, since, bucket, restated)
    SELECT case_id, date '2026-06-01' + 30 * n, n % 3, false FROM records_case, generate_series(0, 5) n ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO records_payment (payment_id, account_id, posted_on, effective_on, amount_minor, currency, kind, reverses, channel, sequence)
    SELECT account_id || '-' || n, account_id, date '2026-11-01' - n, date '2026-11-01' - n, 10000 + n, 'CNY', 'payment', '', 'app', 1
    FROM records_account, generate_series(1, 3) n ON CONFLICT DO NOTHING
    """,
)


def fill(cases: int, each: int, asked: int) -> list[str]:
    """The home, made once, and the cases that will be looked at."""
    import gate

    gate.SCRATCH = ROOT / "var" / "bench" / "pages"
    gate.fill(cases, each)
    from django.db import connection

    from anhuan.records.case import CaseFigures

    if not CaseFigures.objects.exists():
        with connection.cursor() as cursor:
            for statement in _MORE:
                cursor.execute(statement)
            cursor.execute("VACUUM ANALYZE")
    found = list(
        CaseFigures.objects.order_by("-past_due_amount_minor", "case_id").values_list("case_id", flat=True)[: asked + 60]
    )
    _people(found)
    return found[:asked]


def _people(cases: list[str]) -> None:
    """Sealed names and points, and a past of events, for these cases."""
    from anhuan.records import events
    from anhuan.records.case import Case
    from anhuan.records.customer import ContactPoint, Customer
    from anhuan.records.identity import keyring

    ring = keyring()
    for number, customer in enumerate(Customer.objects.filter(pk__in=cases, sealed=b"")):
        told = json.dumps([f"测试{number}", "other", f"X{number:06}", "1990-01-01", "示例公司"]).encode()
        customer.sealed, customer.key_id = ring.seal("customer", [customer.pk], [told])[0], ring.current
        customer.save()
    points = {"mobile": "+8619900000001", "phone": "010-00000000", "address": "示例省示例市示例路1号"}
    for point in ContactPoint.objects.filter(customer_id__in=cases, sealed=b""):
        plain = json.dumps([points[point.kind], "", "contract"]).encode()
        point.sealed, point.key_id = ring.seal("contact_point", [str(point.pk)], [plain])[0], ring.current
        point.save()
    for case in Case.objects.filter(pk__in=cases, events=0):
        for number in range(60):
            body = {"business_date": "2026-11-01", "from": number % 2, "to": 1 + number % 2}
            at = AT - timedelta(hours=60 - number)
            events.append(chain=case.pk, kind="case.moved", body=body, at=at, by="system:night")


def measure(cases: list[str]) -> dict[str, dict[str, Any]]:
    """Milliseconds and statements of each page over these cases."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from anhuan.acts import call as calls
    from anhuan.acts import law as laws
    from anhuan.records.call import Call, Way
    from anhuan.records.customer import ContactPoint
    from anhuan.records.staff import Staff

    staff, _ = Staff.objects.get_or_create(username="bench", defaults={"role": "supervisor"})
    client = Client(SERVER_NAME="localhost")
    client.force_login(staff)
    law = laws.in_force(AT)
    told: dict[str, dict[str, Any]] = {}

    def time_of(name: str, addresses: list[str]) -> None:
        client.get(addresses[0])
        took = []
        with CaptureQueriesContext(connection) as queries:
            client.get(addresses[-1])
        statements, cpu = len(queries), time.process_time()
        for address in addresses:
            begun = time.perf_counter()
            answer = client.get(address)
            took.append((time.perf_counter() - begun) * 1000)
            if answer.status_code != 200:
                raise RuntimeError(f"{address}: {answer.status_code}")
        cpu = (time.process_time() - cpu) * 1000 / len(took)
        took.sort()
        told[name] = {
            "asked": len(took), "p50_milliseconds": took[len(took) // 2], "p95_milliseconds": took[len(took) * 95 // 100],
            "most_milliseconds": took[-1], "python_cpu_milliseconds": cpu, "statements": statements,
        }  # fmt: skip

    time_of("case", [f"/cases/{case}/" for case in cases])
    time_of("timeline", [f"/timeline/{case}/" for case in cases])
    time_of("gate", [f"/gate/{case}/" for case in cases])
    time_of("list", ["/cases/"] * min(len(cases), 40))
    Call.objects.filter(by="bench", closed_at=None).delete()
    for case in cases:
        point = ContactPoint.objects.filter(customer_id=case, kind="mobile", party="debtor").get()
        begun_call = calls.begin(case, point_id=point.pk, way=Way.BY_HAND, law=law, at=AT, by="bench")
        if isinstance(begun_call, Call):
            time_of("call", [f"/call/{begun_call.call_id}/"] * min(len(cases), 100))
            begun_call.delete()
            break
    return told


def main() -> None:
    parsed = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parsed.add_argument("--cases", type=int, default=1_000_000)
    parsed.add_argument("--contacts", type=int, default=4, help="contacts of each case")
    parsed.add_argument("--asked", type=int, default=200, help="how many cases are looked at")
    options = parsed.parse_args()
    os.environ["ANHUAN_CLOCK"] = AT.isoformat()
    cases = fill(options.cases, options.contacts, options.asked)
    told = measure(cases)
    for name, each in told.items():
        print(
            f"{name:10} p50 {each['p50_milliseconds']:7.1f} ms   p95 {each['p95_milliseconds']:7.1f} ms"
            f"   Python {each['python_cpu_milliseconds']:6.1f} ms   {each['statements']:3} statements"
        )
    RESULTS.mkdir(exist_ok=True)
    document = {
        "cases": options.cases, "contacts_a_case": options.contacts, "goal_milliseconds": GOAL, "machine": platform.processor(),
        "cores": os.cpu_count(), "pages": told,
    }  # fmt: skip
    (RESULTS / "pages.json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
