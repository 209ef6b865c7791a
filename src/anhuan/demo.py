"""The demonstration: the made-up bank of `examples/firstbank`, worked through night by night, then served.

Knows how to fill an empty home, what the made-up desk does on the last days, and who signs in. The bank itself is a generator that
stands with the examples, in the repository or in the installed wheel. The desk's contacts pass the real door: some are permitted,
some refused, none leaves the house.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from anhuan.core.law import Law

# The morning after the last night of the demonstration: a Monday, at the hour at which machines begin to send.
MORNING = "2026-11-23T10:00:00+08:00"
LAST_NIGHT = date(2026, 11, 22)
DESK_DAYS = 10  # the desk works on so many of the last days
PROMISED_AGO = 3  # so many days ago some promised to pay by the last night's day
STRATEGY_NIGHTS = 5  # so many of the last nights live by the made-up bank's strategy
SIMULATED_NIGHTS = 2  # so many before those it is tried on
USER = "demo"

Progress = Callable[[str, int, int], None]
Say = Callable[[str], None]


def run(home: Path, *, port: int, nights: int, accounts: int, progress: Progress, say: Say) -> int:
    """Fill `home` unless it is filled, then serve until Ctrl-C (`DEMO_EXIT=1`: until the site answered once)."""
    os.environ.setdefault("ANHUAN_CLOCK", MORNING)
    from anhuan import settings

    settings.start()
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)
    scripts = _bank_folder() / "scripts"
    if scripts.exists() and not (home / "scripts").exists():
        shutil.copytree(scripts, home / "scripts")
    if not _work_through(home, nights=nights, accounts=accounts, progress=progress, say=say):
        return 3
    password = _demo_staff(home)
    _agree()
    port = _free_port(port)
    return _serve(
        port,
        say,
        f"\n  安还 Anhuan    http://127.0.0.1:{port}/\n"
        f"  用户 user      {USER}\n"
        f"  密码 password  {password}\n\n"
        "  Others sign in with the same password · 下列用户密码相同：\n"
        + "".join(f"    {name:9} {role}\n" for name, role, *_rest in _PEOPLE)
        + "\n"
        "  Ctrl-C ends the demonstration; `make demo` starts it again in seconds.\n",
    )


def _work_through(home: Path, *, nights: int, accounts: int, progress: Progress, say: Say) -> bool:
    """Generate the bank's nights and run those that are not sealed yet; False when one is refused."""
    from anhuan.clockwork import nightly

    for name in (
        "policy.yaml",
        "letterhead.toml",
    ):  # what the bank grants, without which nobody could agree anything; and its paper
        if not (home / name).exists():
            shutil.copyfile(_bank_folder() / name, home / name)
    folder = home / "demo-nights"
    first = LAST_NIGHT - timedelta(days=nights - 1)
    sealed = {entry["business_date"] for entry in nightly.listed(home)}
    wanted = [first + timedelta(days=n) for n in range(nights)]
    missing = [day for day in wanted if day.isoformat() not in sealed]
    if not missing:
        for day in (LAST_NIGHT + timedelta(days=1 - n) for n in reversed(range(DESK_DAYS))):
            _work(day)
        return True
    if not all((folder / day.isoformat() / "manifest.json").exists() for day in missing):
        say(f"Writing {nights} nights of {accounts:,} accounts of the made-up bank …")
        _firstbank().generate(
            out=folder, nights=nights, accounts=accounts, start=first, seed=7, form="canonical", progress=progress
        )
    for number, day in enumerate(missing, start=1):
        progress("nights", number - 1, len(missing))
        with _clock_at(day + timedelta(days=1)):
            _speak(day)
            if day == max(LAST_NIGHT - timedelta(days=STRATEGY_NIGHTS - 1), first + timedelta(days=1)):
                _live_by_a_strategy(day, home)
            outcome = nightly.run(folder / day.isoformat(), home=home, progress=None)
        say(f"{day}  {outcome.status:9}  {_one_line(outcome.result)}")
        if outcome.status == "refused":
            return False
        _work(day + timedelta(days=1))
    progress("nights", len(missing), len(missing))
    return True


@contextmanager
def _clock_at(day: date) -> Iterator[None]:
    """The clock in the small hours of a day, when the night before it is worked through."""
    kept = os.environ["ANHUAN_CLOCK"]
    os.environ["ANHUAN_CLOCK"] = datetime.combine(day, time_of_day(5), _ZONE).isoformat()
    try:
        yield
    finally:
        os.environ["ANHUAN_CLOCK"] = kept


def _one_line(result: dict[str, Any]) -> str:
    shown = {key: result[key] for key in ("flow", "cases", "proposals", "reason") if result.get(key)}
    return json.dumps(shown, ensure_ascii=False).replace('"', "")


def _live_by_a_strategy(day: date, home: Path) -> None:
    """Put the made-up bank's card strategy live from a business date, tried on the nights before, signed by two people; once."""
    from anhuan import clock
    from anhuan.acts import strategy
    from anhuan.clockwork import proposing, simulating
    from anhuan.records.strategy import StrategyVersion

    file = _bank_folder() / "strategy" / "card.dmn"
    nights = simulating.nights_between(day - timedelta(days=SIMULATED_NIGHTS), day)
    if not file.exists() or not nights or StrategyVersion.objects.filter(name="cards").exists():
        return
    author, second = _signers()
    strategy.draft(file.read_bytes(), name="cards", at=clock.now(), by=author)
    version = StrategyVersion.objects.get(name="cards")
    strategy.check(version.pk, at=clock.now(), by=author)
    report = simulating.replay(version, None, nights, capacities=proposing.capacities(home), home=home)
    simulating.keep(version, report, home=home, at=clock.now(), by=author)
    strategy.approve(version.pk, at=clock.now(), by=second)
    made = strategy.go_live(version.pk, live_from=day, at=clock.now(), by=second)
    if isinstance(made, list):
        raise RuntimeError("; ".join(sentence.en for sentence in made))  # noqa: TRY004  refused, not mistyped


def _signers() -> tuple[str, str]:
    """Two made-up people who sign; nobody learns their passwords, so nobody signs in as them."""
    from anhuan import clock
    from anhuan.acts import staff
    from anhuan.records.staff import Staff

    for name in _STAFF[:2]:
        if not Staff.objects.filter(username=name).exists():
            staff.create_staff(
                username=name, password=secrets.token_urlsafe(24), role="operations", language="zh-hans", at=clock.now(),
                by="system:demo",
            )  # fmt: skip
    return _STAFF[0], _STAFF[1]


def _speak(day: date) -> None:
    """Put the made-up bank's wordings in force, signed by two made-up people; once."""
    from anhuan import clock
    from anhuan.acts import wording
    from anhuan.records.wording import WordingVersion
    from anhuan.rulebook import letters

    folder = _bank_folder() / "wordings"
    if WordingVersion.objects.exists() or not folder.exists():
        return
    author, second = _signers()
    for file in sorted(folder.glob("*.yaml")):
        for each in letters.read_file(file)[0]:
            version = wording.draft(each, at=clock.now(), by=author)
            if not isinstance(version, list):
                wording.check(version.pk, at=clock.now(), by=author)
                wording.approve(version.pk, at=clock.now(), by=second)
                wording.go_live(version.pk, live_from=day + timedelta(days=1), at=clock.now(), by=second)


def _firstbank() -> ModuleType:
    """The generator of the made-up bank."""
    sys.path.insert(0, str(_bank_folder()))
    return importlib.import_module("generate")


def _bank_folder() -> Path:
    """Where the made-up bank is: in the repository's examples, or beside this file in the wheel."""
    here = Path(__file__).resolve()
    for folder in (here.parents[2] / "examples" / "firstbank", here.parent / "_firstbank"):
        if (folder / "generate.py").exists():
            return folder
    raise FileNotFoundError("The made-up bank (examples/firstbank) is not part of this installation.")


# --- the made-up desk ---------------------------------------------------------------------------------------------

_ZONE = ZoneInfo("Asia/Shanghai")
_STAFF = ("demo.zhao", "demo.lin", "demo.sun", "demo.he")
# How often a kind of contact is tried, by channel; of other people, to ask where the debtor is.
_WEIGHTS = {"call": 9, "sms": 4, "email": 2, "letter": 1, "visit": 1}
_OTHERS = 2
# Most hours are working hours; a few are too early or too late, as impatience would have it.
_HOURS = (7, *range(8, 22), *range(9, 12), *range(14, 19), 22, 23)
_DIALS = (8, 6, 5, 4, 4, 3)  # how often the desk dials a few hard cases on the last two days
_LINES = (
    ("connected", "effective_conversation"), ("connected", "conversation"), ("connected", "hung_up"), ("no_answer", None),
    ("no_answer", None), ("busy", None), ("switched_off", None),
)  # fmt: skip


def _work(day: date) -> None:
    """What the desk does on one of the last days, the same every time; nothing where it has been done."""
    from anhuan.acts import law
    from anhuan.records.case import CaseFigures
    from anhuan.records.consent import OptOut
    from anhuan.records.contact import Permit, Refusal
    from anhuan.records.hold import Hold

    ago = (LAST_NIGHT + timedelta(days=1) - day).days
    done = any(kept.objects.filter(attempt_id__startswith=f"demo:{day}:").exists() for kept in (Permit, Refusal))
    worst = list(CaseFigures.objects.order_by("-past_due_amount_minor", "case_id").values_list("case_id", flat=True)[:400])
    if not 0 <= ago < DESK_DAYS or done or not worst:
        return
    chance = random.Random(f"the desk on {day}")  # noqa: S311  made-up doings need no secure chance
    _listen(day, ago, worst[:12], chance)
    if ago == PROMISED_AGO:
        _hear_promises(worst[40:43], at=datetime.combine(day, time_of_day(9, 40), _ZONE))
    stopped = sorted({each for kept in (Hold, OptOut) for each in kept.objects.values_list("customer_id", flat=True)})
    tries = [chance.choice(worst) for _ in range(24)] + [chance.choice(stopped) for _ in range(6 if stopped else 0)]
    often = [case for case, dials in zip(worst[12:18], _DIALS, strict=False) for _ in range(dials if ago < 2 else 3)]
    plan = sorted((_moment(day, ago, chance), case, case in often) for case in tries + often)
    for number, (at, case, dials_only) in enumerate(plan):
        _try(f"demo:{day}:{number}", case, at, chance, law.in_force(at), dials_only=dials_only)


def _moment(day: date, ago: int, chance: random.Random) -> datetime:
    """Some time of a day; of this one before now."""
    minutes = chance.randrange(7 * 60 + 40, 9 * 60 + 26) if ago == 0 else chance.choice(_HOURS) * 60 + chance.randrange(60)
    return datetime.combine(day, time_of_day(), _ZONE) + timedelta(minutes=minutes, seconds=chance.randrange(60))


def _try(attempt_id: str, case: str, at: datetime, chance: random.Random, law: Law, *, dials_only: bool) -> None:
    """One contact of the desk: judged by the door, and if it is permitted, its made-up result."""
    from anhuan.acts import desk, dispatch
    from anhuan.core.vocabulary import CALLS, LineResult, Outcome, Party

    offered = desk.previews(case, law=law, at=at)
    weights = [
        _OTHERS if attempt.party is not Party.DEBTOR else 0 if dials_only and attempt.channel not in CALLS
        else _WEIGHTS.get(attempt.channel.value, 1)
        for attempt, _preview in offered
    ]  # fmt: skip
    if not any(weights):
        return
    (attempt, _said) = chance.choices(offered, weights)[0]
    by = chance.choice(_STAFF)
    answer = dispatch.start(case, replace(attempt, id=attempt_id), law=law, at=at, by=by)
    if not isinstance(answer, dispatch.Started):
        return
    after = at + timedelta(seconds=chance.randrange(20, 240))
    fate = chance.random()
    if fate < 0.02:
        dispatch.void(answer.contact_id, proof="line_rejected", at=after, by=by)
    elif fate < 0.04:
        dispatch.unknown(answer.contact_id, at=after, by=by)
    elif attempt.channel in CALLS:
        line, outcome = ("no_answer", None) if dials_only and chance.random() < 0.7 else chance.choice(_LINES)
        said = Outcome(outcome) if outcome else None
        dispatch.complete(answer.contact_id, line_result=LineResult(line), outcome=said, at=after, by=by)
    else:
        dispatch.complete(answer.contact_id, at=after, by=by)


def _listen(day: date, ago: int, cases: list[str], chance: random.Random) -> None:
    """What customers say on this day: a complaint, disputes, hardship, no more texts, a bad time, a call of their own."""
    from anhuan.acts import consent, dispatch, hold, law
    from anhuan.core.vocabulary import Channel, HoldKind, Outcome

    at = datetime.combine(day, time_of_day(7, 10), _ZONE)
    who = [cases[number % len(cases)] for number in range(12)]
    by = chance.choice(_STAFF)
    holds = {
        9: (who[0], HoldKind.PLAN), 8: (who[1], HoldKind.DISPUTE), 6: (who[2], HoldKind.COMPLAINT),
        5: (who[3], HoldKind.HARDSHIP), 3: (who[4], HoldKind.PLAN), 2: (who[5], HoldKind.DISPUTE),
    }  # fmt: skip
    if ago in holds:
        case, kind = holds[ago]
        hold.place(case, kind, law=law.in_force(at), at=at, by=by, reason="made_up")
    elif ago == 7:
        consent.opt_out(who[6], Channel.SMS, at=at, by=by)
        consent.opt_out(who[7], Channel.CALL, at=at, by=by)
    elif ago == 4:
        consent.block_time(who[8], begins=time_of_day(12), ends=time_of_day(20), at=at, by=by)
        consent.cease(who[9], written=True, at=at, by=by)
    else:
        said = Outcome.CONVERSATION
        dispatch.record_inbound(who[10], channel=Channel.CALL, started_at=at, outcome=said, at=at, by=by)


def _hear_promises(cases: list[str], *, at: datetime) -> None:
    """Some promise to pay by the last night's day; the nights that follow find who did."""
    from anhuan.acts import promise
    from anhuan.records.account import Account

    for case in cases:
        account = Account.objects.filter(customer_id=case).order_by("-past_due_amount_minor", "account_id").first()
        if account is not None and account.past_due_amount_minor > 0:
            promise.make(
                case, account_id=account.account_id, amount_minor=account.past_due_amount_minor, currency=account.currency,
                due_on=LAST_NIGHT, grace_days=0, at=at, by="wanglei",
            )  # fmt: skip


def _agree() -> None:
    """What the desk agrees this morning: promises, a plan that begins, one that waits for a second person, a dispute, hardship; once."""
    from anhuan import clock
    from anhuan.acts import dispute, hardship, promise, waiver
    from anhuan.records.account import Account
    from anhuan.records.case import CaseFigures
    from anhuan.records.dispute import DisputeKind
    from anhuan.records.hardship import HardshipKind
    from anhuan.records.plan import Plan

    cases = list(CaseFigures.objects.order_by("-past_due_amount_minor", "case_id").values_list("case_id", flat=True)[50:150])
    at = clock.now()
    if not cases or Plan.objects.exists():
        return
    begun = _propose_one(cases, by="sunyan", alone=True)
    waits = _propose_one([each for each in cases if each != begun], by="wanglei", alone=False)
    free = [each for each in cases if each not in {begun, waits}]
    debts = {
        each: Account.objects.filter(customer_id=each).order_by("-past_due_amount_minor", "account_id") for each in free[:9]
    }
    for number, case in enumerate(free[:6]):
        account, by = debts[case][0], ("wanglei", "chenxi")[number % 2]
        promise.make(
            case, account_id=account.account_id, amount_minor=account.past_due_amount_minor, currency=account.currency,
            due_on=LAST_NIGHT + timedelta(days=1 + number), at=at, by=by,
        )  # fmt: skip
    dispute.register(
        free[6], kind=DisputeKind.AMOUNT, account_ids=[debts[free[6]][0].account_id], at=at, by="sunyan",
        statement="客户称十月已还一笔，账单未见；将提供转账凭证。",
    )  # fmt: skip
    hardship.register(free[7], kind=HardshipKind.INCOME, statement="客户称上月失业，正在求职，愿意协商。", at=at, by="chenxi")
    penalty = debts[free[8]][0]
    waiver.propose(
        free[8], account_id=penalty.account_id, component="penalty", amount_minor=penalty.penalty_minor, at=at, by="wanglei",
        reason="客户一次结清逾期金额，请求免除全部违约金。",
    )  # fmt: skip


def _propose_one(cases: list[str], *, by: str, alone: bool) -> str:
    """Propose a plan to one of these cases that `by` may grant alone, which she then signs, or may not; the case, or nothing."""
    from anhuan import clock
    from anhuan.acts import approval, bargain, plan
    from anhuan.core.plan.agreement import Kind
    from anhuan.core.plan.negotiation import Expense, Form, note
    from anhuan.records.account import Account
    from anhuan.records.staff import Staff

    role, at = Staff.objects.get(username=by).role, clock.now()
    for account in Account.objects.filter(customer_id__in=cases, currency="CNY").order_by("account_id"):
        # A household that can pay the debt off in about three years.
        income = 800_000 + account.balance_total_minor // 24
        form = Form("CNY", income, {Expense.HOUSING: 250_000, Expense.FOOD: 280_000}, household=2)
        case, asked = account.customer_id, bargain.ask(account.customer_id, [account.account_id], form=form, at=at)
        for offer in [] if isinstance(asked, list) else asked.offers():
            grantable = note(offer, role).alone
            if offer.kind is not Kind.PLAN or grantable != alone or not (alone or approval.deciders(offer.grantable_by)):
                continue
            made = plan.propose(
                case, account_ids=[account.account_id], offer_id=offer.id, form=form, wish=None, at=at, by=by,
                why="" if alone else "客户收入稳定，希望期数更长，月供可承受。",
            )  # fmt: skip
            if not isinstance(made, list):
                if alone:
                    plan.agree(made.plan_id, consent="written", evidence="柜面签署的纸质协议，编号 2026-1123-01", at=at, by=by)
                return case
    return ""


# Who else works at the made-up bank: user, role, team, skills, what they speak. No such people exist.
_PEOPLE: tuple[tuple[str, str, str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("wanglei", "collector", "电话一组", (), ("zh",)),
    ("chenxi", "collector", "电话一组", ("foreign_currency",), ("zh", "yue", "en")),
    ("sunyan", "senior", "专席组", ("hardship", "disputes", "complaints", "vulnerable"), ("zh", "en")),
    ("zhouqi", "supervisor", "", ("hardship", "disputes", "legal"), ("zh",)),
    ("hehan", "compliance", "", (), ()),
    ("xuming", "strategy", "", (), ()),
    ("guolin", "auditor", "", (), ()),
)
_TEAMS = {"电话一组": ("desk",), "专席组": ("senior", "hardship", "disputes", "plans", "complaints")}


def _demo_staff(home: Path) -> str:
    """The password of the demonstration's staff, made on the first run and kept in the home's secrets; all sign in with it."""
    from anhuan import clock
    from anhuan.acts import staff
    from anhuan.records.staff import Staff, Team

    kept = home / "secrets" / "demo_password"
    if not kept.exists():  # kept before anybody is taken in: a start cut short in between must not lose it
        with os.fdopen(os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(secrets.token_urlsafe(12) + "\n")
    password = kept.read_text().strip()
    known = set(Staff.objects.values_list("username", flat=True))
    for name in _TEAMS.keys() - set(Team.objects.values_list("name", flat=True)):
        staff.save_team(name, queues=_TEAMS[name], lead="", at=clock.now(), by="system:demo")
    for name, role, team, skills, speaks in ((USER, "operations", "", (), ()), *_PEOPLE):
        if name in known:
            continue
        refused = staff.create_staff(
            username=name, password=password, role=role, language="zh-hans", team=team, skills=skills, speaks=speaks,
            at=clock.now(), by="system:demo",
        )  # fmt: skip
        if refused is not None:
            raise RuntimeError(refused.en)
    return password


def _free_port(wanted: int) -> int:
    """`wanted` if it is free on loopback, else the next free one."""
    for port in range(wanted, wanted + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"No free port between {wanted} and {wanted + 99}.")


def _serve(port: int, say: Say, welcome: str) -> int:
    """The site, and beside it a sender, whose messages go to the sandbox."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # end as with Ctrl-C, and so take both along
    command = [sys.executable, "-m", "anhuan"]
    server = subprocess.Popen([*command, "serve", "--port", str(port)])
    sender: subprocess.Popen[bytes] | None = None
    try:
        if not _answers(port, server):
            say("The site did not answer within a minute.")
            return 70
        if os.environ.get("DEMO_EXIT"):
            say(welcome)
            return 0
        sender = subprocess.Popen([*command, "work"])
        say(welcome)
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        for process in (sender, server):
            if process is not None and process.poll() is None:
                process.terminate()
        for process in (sender, server):
            if process is not None:
                process.wait()


def _answers(port: int, server: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            site = HTTPConnection("127.0.0.1", port, timeout=10)
            site.request("GET", "/login/")
            return site.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            time.sleep(0.2)
    return False
