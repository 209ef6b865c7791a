"""A desk of fifty on the served site: every click of a collector's day, at a database of N cases.

    python bench/desk.py                                  50,000 cases, fifty collectors, four minutes
    python bench/desk.py --cases 1000000 --seconds 600
    python bench/desk.py --cases 1000000 --keep           with the home of that run, as it was left

A home of its own under var/bench holds made-up cases with sealed people, a proposal each, and the worklist laid out by the night's own act.
`anhuan serve` answers from processes of its own. Collectors sign in as people do, take the next case, open it with all its cards, call by
hand, ask who she is, tick what was said, and wrap the call up: nobody there, a promise, a call back, a refusal, a transfer; now and then
a promise on the card or a follow-up without a call. Between two interactions each waits three to six seconds, as somebody who reads and
talks would, which makes some eleven interactions a second, a case open with its eight parts being one. A supervisor looks at the wall.

Afterwards the database is compared with what the site had answered: every result, promise and date that was acknowledged must be there,
and no case may have been with two collectors. A table goes to the terminal, JSON to bench/results.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(Path(__file__).resolve().parent))
RESULTS = ROOT / "bench" / "results"
PASSWORD = "fifty-at-their-desks-2026"  # noqa: S105  of made-up people in a home of the bench
GOAL = {"p95_milliseconds": 300.0, "lost": 0, "with_two": 0}
# What calls come to, and how often of a hundred.
RESULTS_OF_CALLS = {"NOA": 46, "PTP": 26, "CBK": 10, "RTP": 8, "UTP": 6, "CLP": 4}
_FIGURES = (
    """
    UPDATE records_account SET past_due_amount_minor = 32506, balance_total_minor = 325064, minimum_due_minor = 32506,
        principal_minor = 325064, past_due_since = '2026-10-30', due_date = '2026-10-30' WHERE balance_total_minor = 1000
    """,
    """
    INSERT INTO records_casefigures (case_id, bucket, days_past_due, currency, past_due_amount_minor, balance_total_minor, accounts,
        overdue_accounts, missing_accounts, other_currencies, segment, region_code, placed_with)
    SELECT case_id, 1, 20, 'CNY', 32506, 325064, 1, 1, 0, 0, 'mass', '310000', '' FROM records_case ON CONFLICT DO NOTHING
    """,
)


# --- the home -----------------------------------------------------------------------------------------------------


def fill(options: argparse.Namespace) -> Path:
    """A home with so many cases, made once; the worklist laid out, and the collectors taken in."""
    import worklist

    scratch = ROOT / "var" / "bench" / "desk"
    worklist.fill(options.cases, 2, scratch, keep=options.keep)
    home = Path(os.environ["ANHUAN_HOME"])
    from anhuan.records.staff import Staff

    Staff.objects.filter(username__startswith="bench").update(is_active=False)  # those of the other bench: the desk has its own
    if options.keep:
        return home
    shutil.copyfile(ROOT / "examples/firstbank/policy.yaml", home / "policy.yaml")
    shutil.copytree(ROOT / "examples/firstbank/scripts", home / "scripts", dirs_exist_ok=True)
    from django.contrib.auth.hashers import make_password
    from django.db import connection

    with connection.cursor() as cursor:
        for statement in _FIGURES:
            cursor.execute(statement)
        seal(cursor)
        cursor.execute("VACUUM ANALYZE records_account, records_casefigures, records_customer, records_contactpoint")
    hashed = make_password(PASSWORD)
    for name, role in [*((f"desk{n}", "collector") for n in range(options.collectors)), ("wall", "supervisor")]:
        Staff.objects.update_or_create(username=name, defaults={"role": role, "password": hashed, "language": "zh-hans"})
    connection.close()
    return home


POINTS = {"mobile": "+8619900000001", "phone": "010-00000000", "address": "示例省示例市示例路1号"}


def seal(cursor: Any) -> None:
    """Names, documents and points for everybody who has none yet; nobody of these lives anywhere."""
    from anhuan.records.identity import keyring

    ring = keyring()
    for table, key, kind, told in (
        ("customer", "customer_id", "''", lambda row, _kind: _person(row)),
        ("contact_point", "point_id", "kind", lambda _row, kind: [POINTS[kind], "", "contract"]),
    ):
        name, of = f"records_{table.replace('_', '')}", {"customer_id": "text", "point_id": "uuid"}[key]
        cursor.execute(f"SELECT {key}::text, {kind} FROM {name} WHERE sealed = ''")  # noqa: S608  our own words
        rows = cursor.fetchall()
        for begin in range(0, len(rows), 50_000):
            part = rows[begin : begin + 50_000]
            plain = [json.dumps(told(*row), ensure_ascii=False).encode() for row in part]
            keys = [row for row, _ in part]
            cursor.execute(
                f"UPDATE {name} t SET sealed = n.sealed, key_id = %s FROM unnest(%s::{of}[], %s::bytea[]) n (key, sealed) "  # noqa: S608
                f"WHERE t.{key} = n.key",
                [ring.current, keys, ring.seal(table, keys, plain)],
            )


def _person(customer: str) -> list[str]:
    return [f"测试{customer[1:]}", "other", f"X{customer[1:]}", "1990-01-01", "示例公司"]


@contextmanager
def served(home: Path, workers: int, at: datetime) -> Iterator[str]:
    """The site as `anhuan serve` runs it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "ANHUAN_HOME": str(home), "ANHUAN_CLOCK": at.isoformat()}
    command = [sys.executable, "-m", "anhuan", "serve", "--port", str(port), "--workers", str(workers)]
    with (home / "site.log").open("w") as log:
        site = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        address = f"http://127.0.0.1:{port}"
        try:
            for _ in range(600):
                try:
                    urllib.request.urlopen(f"{address}/login/", timeout=5).close()  # noqa: S310  our own site
                    break
                except OSError:
                    time.sleep(0.2)  # until it answers, two minutes at most
            else:
                raise Wrong(f"the site does not answer; see {home / 'site.log'}")
            yield address
        finally:
            site.terminate()
            site.wait(60)


# --- a collector --------------------------------------------------------------------------------------------------


@dataclass
class Told:
    """What the site answered: milliseconds by interaction, failures, and what it acknowledged."""

    took: dict[str, list[float]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    results: dict[str, str] = field(default_factory=dict)
    promises: list[str] = field(default_factory=list)
    follow_ups: list[str] = field(default_factory=list)
    held: list[tuple[str, str, float, float]] = field(default_factory=list)


class Wrong(Exception):
    """An answer that no click of a collector should get."""


_HIDDEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class Collector:
    """One browser with one pair of hands."""

    def __init__(
        self, session: aiohttp.ClientSession, address: str, name: str, told: Told, options: argparse.Namespace
    ) -> None:
        self.session, self.address, self.name, self.told, self.options = session, address, name, told, options
        self.chance = random.Random(name)
        self.token = self.page = ""

    async def ask(self, method: str, path: str, *, part: bool = False, **form: Any) -> str:
        """One request; where it leads is in `self.at`."""
        headers = {"HX-Request": "true"} if part else {}
        if method == "post":
            headers |= {"X-CSRFToken": self.token, "Referer": self.address + "/"}
        pairs = [(name, one) for name, each in form.items() for one in (each if isinstance(each, list) else [each])]
        async with self.session.request(method, self.address + path, data=pairs or None, headers=headers) as answer:
            text = await answer.text()
            self.at = answer.headers.get("HX-Redirect", answer.url.path)
            if answer.status != 200:
                raise Wrong(f"{answer.status} {method} {path.split('?', maxsplit=1)[0]} {_why(text)}")
        if found := _HIDDEN.search(text):
            self.token = found[1]
        return text

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        self.told.took.setdefault(name, []).append((time.perf_counter() - begun) * 1000)

    async def think(self) -> None:
        await asyncio.sleep(self.chance.uniform(self.options.least, self.options.most))

    async def sign_in(self) -> None:
        await self.ask("get", "/login/")
        with self.timed("sign in"):
            await self.ask("post", "/login/", username=self.name, password=PASSWORD)
        if self.at.startswith("/login/"):
            raise Wrong("not let in")

    async def day(self, until: float) -> None:
        await asyncio.sleep(self.chance.uniform(0, self.options.arriving))
        await self.sign_in()
        await self.ask("get", "/work/")
        while time.perf_counter() < until:
            await self.think()
            try:
                await self.case()
            except (TimeoutError, Wrong, aiohttp.ClientError) as wrong:
                self.told.wrong.append(f"{self.name} {type(wrong).__name__} {wrong}"[:300])
                await self.go_back()

    async def go_back(self) -> None:
        """After a failure: a call that is left open is wrapped up, so that the day goes on."""
        with_call = await self.ask("get", "/call/")
        if re.search(r'data-part="(un)?verified"', with_call):
            await self.ask("post", f"{self.at}finish/", part=True, result="NOA")

    async def case(self) -> None:
        """Take the next case, bring it to a result."""
        with self.timed("next case"):
            page = await self.ask("post", "/work/next/")
        if "/cases/" not in self.at:
            raise Wrong("no case was handed out")
        customer, begun = self.at.split("/")[2], time.perf_counter()
        await asyncio.gather(
            *(
                self.part(name, customer)
                for name in ("worklist/card", "plans/card", "payments/card", "disputes/card", "gate", "messages", "looks")
            )
        )
        await self.think()
        what = self.chance.random()
        point = re.search(r'data-call-point="([^"]+)"', page)
        if what < 0.06:
            await self.date(customer)
        elif what < 0.12:
            await self.promise(customer)
        elif point is None:
            await self.date(customer)
        else:
            await self.call(customer, point[1])
        self.told.held.append((customer, self.name, begun, time.perf_counter()))

    async def part(self, name: str, customer: str) -> None:
        with self.timed(f"card {name.split('/', maxsplit=1)[0]}"):
            text = await self.ask("get", f"/{name}/{customer}/", part=True)
        if name == "worklist/card":
            found = re.search(r'name="lease" value="([^"]*)"', text)
            self.lease = found[1] if found else ""

    async def date(self, customer: str) -> None:
        with self.timed("follow up"):
            await self.ask(
                "post",
                f"/worklist/act/{customer}/",
                part=True,
                what="follow_up",
                lease=self.lease,
                when="days",
                why="call_back",
            )
        self.told.follow_ups.append(customer)

    async def promise(self, customer: str) -> None:
        with self.timed("promise"):
            await self.ask(
                "post",
                f"/plans/act/{customer}/",
                part=True,
                step="promise",
                account=f"{customer}-1",
                amount="past_due",
                day="three",
            )
        self.told.promises.append(customer)
        await self.think()
        await self.date(customer)

    async def call(self, customer: str, point: str) -> None:
        with self.timed("begin call"):
            await self.ask("post", f"/call/begin/{customer}/", part=True, point=point, way="by_hand")
        call = self.at
        with self.timed("call page"):
            page = await self.ask("get", call)
        await self.think()
        result = self.chance.choices([*RESULTS_OF_CALLS], [*RESULTS_OF_CALLS.values()])[0]
        said: list[str] = []
        if result != "NOA":
            known = {
                "id_tail": customer[-4:],
                "birth_day": "0101",
                "card_tail": f"{customer[-3:]}1",
                "employer": "示例公司",
                "name": f"测试{customer[1:]}",
            }
            asked = re.findall(r'data-question="(\w+)"', page)
            with self.timed("identity"):
                page = await self.ask(
                    "post", f"{call}identity/", part=True, **{f"answer-{each}": known[each] for each in asked}
                )
            if 'data-verified="yes"' not in page:
                raise Wrong("she was not recognised")
            said = re.findall(r'name="said" value="([^"]+)"', page)
            for ticked in (said[: len(said) // 2], said):
                await self.think()
                with self.timed("draft"):
                    await self.ask("post", f"{call}draft/", part=True, said=ticked, note="她说下午方便")
        await self.think()
        with self.timed("result"):
            fields = await self.ask("get", f"{call}result/?result={result}", part=True)
        form = dict(re.findall(r'<input[^>]*name="(\w+)"[^>]*value="([^"]*)"', fields)) | _selected(fields)
        await self.think()
        with self.timed("finish"):
            await self.ask("post", f"{call}finish/", part=True, result=result, said=said, **form)
            await self.ask("get", self.at)
        self.told.results[call.split("/")[2]] = result
        if result == "PTP":
            self.told.promises.append(customer)


def _selected(fields: str) -> dict[str, str]:
    """What each list of a form stands at."""
    chosen = {}
    for name, body in re.findall(r'<select[^>]*name="(\w+)"[^>]*>(.*?)</select>', fields, re.DOTALL):
        found = re.search(r'value="([^"]*)" selected', body) or re.search(r'value="([^"]*)"', body)
        chosen[name] = found[1] if found else ""
    return chosen


def _why(text: str) -> str:
    found = re.search(r'data-(?:fault|rule)="([^"]+)"', text)
    return found[1] if found else ""


async def supervise(
    session: aiohttp.ClientSession, address: str, told: Told, options: argparse.Namespace, until: float
) -> None:
    """Somebody at the wall, which asks again by itself."""
    eye = Collector(session, address, "wall", told, options)
    await eye.sign_in()
    while time.perf_counter() < until:
        with eye.timed("wall"):
            await eye.ask("get", "/wall/")
        await asyncio.sleep(10)


async def work(address: str, options: argparse.Namespace) -> Told:
    told, until = Told(), time.perf_counter() + options.arriving + options.seconds
    sessions = [
        aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(60),
            cookie_jar=aiohttp.CookieJar(unsafe=True),
            connector=aiohttp.TCPConnector(limit=6),
        )
        for _ in range(options.collectors + 1)
    ]
    try:
        days = [Collector(session, address, f"desk{n}", told, options).day(until) for n, session in enumerate(sessions[1:])]
        await asyncio.gather(supervise(sessions[0], address, told, options, until), *days)
    finally:
        await asyncio.gather(*(session.close() for session in sessions))
    return told


# --- afterwards ---------------------------------------------------------------------------------------------------


def compare(told: Told, before: datetime) -> dict[str, Any]:
    """What was acknowledged against what is there; who held what with whom."""
    from anhuan.records.call import Call
    from anhuan.records.events import Event
    from anhuan.records.promise import Promise

    kept = dict(Call.objects.filter(opened_at__gte=before).exclude(closed_at=None).values_list("call_id", "result_code"))
    kept = {str(call): result for call, result in kept.items()}
    promised = Counter(Promise.objects.filter(at__gte=before).values_list("customer_id", flat=True))
    dated = Counter(Event.objects.filter(kind="work.follow_up", at__gte=before).values_list("chain", flat=True))
    lost = [call for call, result in told.results.items() if kept.get(call) != result]
    lost += [each for each, number in Counter(told.promises).items() if promised[each] < number]
    lost += [each for each, number in Counter(told.follow_ups).items() if dated[each] < number]
    spans: dict[str, list[tuple[float, float, str]]] = {}
    for customer, who, begun, ended in told.held:
        spans.setdefault(customer, []).append((begun, ended, who))
    two = [
        customer for customer, each in spans.items()
        for one, other in zip(sorted(each), sorted(each)[1:], strict=False) if other[0] < one[1] and other[2] != one[2]
    ]  # fmt: skip
    return {
        "calls": len(told.results),
        "promises": len(told.promises),
        "follow_ups": len(told.follow_ups),
        "lost": lost,
        "with_two": two,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=50_000)
    parser.add_argument("--collectors", type=int, default=50)
    parser.add_argument("--workers", type=int, default=2, help="processes of the site, of eight threads each")
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--keep", action="store_true", help="do not lay the work out anew: go on where the last run ended")
    parser.add_argument(
        "--arriving", type=float, default=60, help="seconds in which they sign in, before those that are measured"
    )
    parser.add_argument("--least", type=float, default=3, help="seconds between two interactions, at least")
    parser.add_argument("--most", type=float, default=6)
    options = parser.parse_args()
    import worklist

    home = fill(options)
    load = [os.getloadavg()]
    with served(home, options.workers, worklist.AT) as address:
        told = asyncio.run(work(address, options))
    load.append(os.getloadavg())
    from django.db import connection

    connection.close()
    found = compare(told, worklist.AT)
    interactions = {name: _of(values) for name, values in sorted(told.took.items())}
    for name, each in interactions.items():
        print(
            f"{name:16} {each['number']:6}   p50 {each['p50']:7.1f} ms   p95 {each['p95']:7.1f} ms   most {each['most']:7.1f} ms"
        )
    rate = sum(map(len, told.took.values())) / (options.seconds + options.arriving / 2)
    print(
        f"{rate:.1f} requests a second; errors {len(told.wrong)}; lost {len(found['lost'])}; with two {len(found['with_two'])}"
    )
    for each in told.wrong[:10]:
        print("  ", each)
    RESULTS.mkdir(exist_ok=True)
    machine = {"python": platform.python_version(), "cores": os.cpu_count(), "platform": platform.platform(), "load": load}
    document = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine, "goal": GOAL, "asked": vars(options),
        "requests_a_second": round(rate, 1), "interactions": interactions, "errors": told.wrong, **found,
    }  # fmt: skip
    file = RESULTS / f"desk-{datetime.now(UTC):%Y%m%dT%H%M%S}.json"
    file.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    print(file)
    return 1 if told.wrong or found["lost"] or found["with_two"] else 0


def _of(values: list[float]) -> dict[str, float]:
    values = sorted(values)
    return {
        "number": len(values), "p50": round(values[len(values) // 2], 1), "p95": round(values[len(values) * 95 // 100], 1),
        "most": round(values[-1], 1),
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
