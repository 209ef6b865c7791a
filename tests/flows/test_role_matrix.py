"""Who may open what: every address of the site and every role, and whoever has not signed in.

Each address has its line in MATRIX, so a new one without a line fails here. A line says how it is asked, whom the role admits and
what those are answered (a 404 where the thing asked for is none of this small book); everybody else is answered 403, and
whoever has not signed in is led to the door. A case that is placed outside is 404 to the desk, whatever the address.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from anhuan import clock
from anhuan.core.vocabulary import CaseStatus
from anhuan.records.case import Case, CaseFigures
from anhuan.records.grant import CaseGrant
from anhuan.records.staff import OF_A_DESK, Right, Role, Staff, roles_that_may

ALL = frozenset(Role.values)
IN_HOUSE, OUTSIDE = "C1", "C2"
# What stands in an address, where the line says nothing else.
FILLED: dict[str, Any] = {
    "case_id": IN_HOUSE,
    "number": 1,
    "name": "cards",
    "sequence": 1,
    "pk": 4_000,
    "token": "x",
    "measure": "none",
    "way": "next",
}


@dataclass(frozen=True)
class Line:
    """`who` are answered `code` when they ask by `method`; `open`: not behind the door, everybody is answered that."""

    code: int = 200
    method: str = "get"
    who: frozenset[str] = ALL
    open: bool = False


def get(code: int = 200, *rights: Right) -> Line:
    """For whoever has one of these rights; for all where none is named."""
    return Line(code, "get", frozenset().union(*map(roles_that_may, rights)) if rights else ALL)


def post(code: int, *rights: Right) -> Line:
    """For whoever has one of these rights; for all where none is named."""
    return Line(code, "post", frozenset().union(*map(roles_that_may, rights)) if rights else ALL)


def machine(code: int) -> Line:
    """For machines, which have keys of their own and no role."""
    return Line(code, "post", open=True)


MATRIX: dict[str, Line] = {
    # --- for machines and cardholders
    "api_permits": machine(401), "api_permit_state": machine(401), "api_contacts": machine(401), "hook_receipts": machine(404),
    "hook_calls": machine(404), "hook_replies": machine(404), "hook_bounces": machine(404), "hook_payments": machine(404),
    "unsubscribe": machine(404), "metrics": Line(404, open=True),
    # --- the door and one's own account
    "login": Line(302, open=True), "second_factor": Line(302, open=True), "set_language": Line(302, "post", open=True),
    "logout": post(302), "account": get(), "password_change": get(), "session_end": post(404), "second_factor_setup": get(),
    "second_factor_off": post(302), "recovery_codes": post(302),
    # --- the book and its cases
    "dashboard": get(), "roll_rates": get(), "cases": get(), "search": post(302), "export_cases": get(), "cases_xlsx": get(), "case": get(),
    "reveal": post(422, Right.REVEAL), "chain": get(), "gate": get(), "explanation": get(), "messages": get(),
    "case_events": get(), "case_beside": get(302), "message": post(404, Right.REVEAL), "viewings_of": get(),
    # --- nights, conduct, the rulebook
    "nights": get(), "night": get(404), "findings_csv": get(404), "findings_parquet": get(404), "compliance": get(),
    "refusals_csv": get(), "budgets_csv": get(), "holds_csv": get(), "replay": get(), "replay_csv": get(), "rulebook": get(),
    "rulebook_csv": get(), "viewings": get(200, Right.WATCH), "viewings_csv": get(200, Right.WATCH),
    # --- wordings, strategies, sending
    "wordings": get(), "wording": get(404), "wording_act": post(404, Right.SIGN), "wording_edit": get(404, Right.SIGN),
    "wording_try": post(404), "wording_save": post(404, Right.SIGN), "strategies": get(), "strategy_arms": get(404),
    "strategy": get(404), "strategy_model": get(404), "strategy_act": post(404, Right.SIGN), "strategy_try": post(404),
    "strategy_changes": get(404), "strategy_simulation": get(404), "strategy_edit": get(404, Right.SIGN),
    "strategy_prove": post(404, Right.SIGN), "strategy_save": post(404, Right.SIGN), "outbox": get(), "campaign": get(404),
    "campaign_stop": post(404, Right.SIGN), "campaign_counted": post(404, Right.SIGN),
    "sandbox": get(200, Right.REVEAL), "sandbox_answer": post(404, Right.REVEAL),
    # --- disputes and hardship
    "disputes": get(), "disputes_csv": get(), "disputes_xlsx": get(), "matter_card": get(), "matter_act": post(404, Right.WORK, Right.DECIDE),
    "dispute": get(404), "dispute_act": post(404, Right.WORK, Right.DECIDE), "hardship": get(404),
    "hardship_act": post(404, Right.WORK, Right.DECIDE), "evidence": post(404, Right.WORK, Right.DECIDE),
    "dispute_letter": post(404, Right.WORK, Right.DECIDE),
    # --- promises, plans, approvals
    "plans": get(), "plans_csv": get(), "plans_xlsx": get(), "plan_card": get(), "plan_offers": post(422, Right.WORK),
    "plan_act": post(404, Right.WORK), "plan": get(404), "plan_agreement": get(404), "plan_pdf": post(404, Right.REVEAL),
    "approvals": get(200, Right.GRANT), "approval_decide": post(404, Right.GRANT),
    # --- the worklist and the inbound desk
    "worklist": get(200, Right.WORK), "work_next": post(302, Right.WORK), "work_card": get(), "work_act": post(404, Right.WORK),
    "work_queues": get(200, Right.SUPERVISE), "work_preview": get(200, Right.SUPERVISE), "work_csv": get(200, Right.SUPERVISE),
    "work_xlsx": get(200, Right.SUPERVISE),
    "work_reassign": post(302, Right.SUPERVISE), "work_undo": post(302, Right.SUPERVISE), "inbound_desk": get(200, Right.WORK),
    "inbound_answer": post(302, Right.WORK), "inbound_check": get(404, Right.WORK), "inbound_not_shown": post(302, Right.WORK),
    # --- supervision
    "wall": get(200, Right.SUPERVISE), "wall_rows": get(404, Right.SUPERVISE), "quality": get(200, Right.SUPERVISE),
    "quality_draw": post(404, Right.SUPERVISE), "quality_call": get(404, Right.SUPERVISE), "quality_ask": post(404, Right.SUPERVISE),
    "quality_csv": get(200, Right.SUPERVISE), "quality_xlsx": get(200, Right.SUPERVISE),
    "quality_recording": get(404, Right.SUPERVISE),
    "quality_person": get(404, Right.SUPERVISE), "quality_coach": post(404, Right.SUPERVISE), "quality_mine": get(200, Right.WORK),
    "quality_answer": post(404, Right.WORK), "boards": get(200, Right.SUPERVISE, Right.WATCH),
    "boards_csv": get(200, Right.SUPERVISE, Right.WATCH), "boards_xlsx": get(200, Right.SUPERVISE, Right.WATCH),
    # --- the call
    "timeline": get(), "note_keep": post(422, Right.WORK), "call_under_way": get(302), "call_extension": post(422, Right.WORK),
    "call_begin": post(404, Right.WORK), "call_receive": post(302, Right.WORK), "call": get(404), "call_check": post(404, Right.WORK),
    "call_draft": post(404, Right.WORK), "call_line": get(404, Right.WORK),
    "call_screen": post(404, Right.WORK), "call_result": get(404, Right.WORK),
    "call_finish": post(404, Right.WORK), "hold_act": post(404, Right.WORK),
    # --- payments
    "payments_csv": get(200, Right.POST), "payments_xlsx": get(200, Right.POST), "suspense_csv": get(200, Right.POST),
    "suspense_xlsx": get(200, Right.POST),
    "payments": get(200, Right.POST), "payment_upload": post(302, Right.POST), "payment_file": get(404, Right.POST),
    "payment_take": post(404, Right.POST), "payment_discard": post(404, Right.POST), "payment_card": get(),
    "payment_claim": Line(422, "post", roles_that_may(Right.WORK) | roles_that_may(Right.POST)),
    "payment_reverse": post(404, Right.POST), "suspense": get(200, Right.POST), "suspense_item": get(404, Right.POST),
    "suspense_words": post(404, Right.POST), "suspense_act": post(404, Right.POST),
    # --- people
    "people": get(200, Right.PEOPLE), "people_csv": get(200, Right.PEOPLE), "person_new": get(200, Right.PEOPLE),
    "person": get(404, Right.PEOPLE), "person_act": post(404, Right.PEOPLE), "team": get(404, Right.PEOPLE),
}  # fmt: skip


def addresses(resolver: URLResolver | None = None) -> Iterator[URLPattern]:
    """Every address there is."""
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern)
        else:
            yield pattern


def filled(pattern: URLPattern, **told: Any) -> str:
    asked = {name: FILLED.get(name, UUID(int=1)) for name in pattern.pattern.converters}
    return reverse(str(pattern.name), kwargs=asked | {name: told[name] for name in told.keys() & asked.keys()})


@pytest.fixture
def book(settings: Any, tmp_path: Path) -> None:
    """A home without nights, one case in the house and one placed with an agency."""
    settings.ANHUAN_HOME = tmp_path
    for case_id, placed_with in ((IN_HOUSE, ""), (OUTSIDE, "agency-1")):
        Case.objects.create(case_id=case_id, status=CaseStatus.OPEN, bucket=1)
        CaseFigures.objects.create(
            case_id=case_id, bucket=1, days_past_due=5, currency="CNY", past_due_amount_minor=100, balance_total_minor=100,
            accounts=1, overdue_accounts=1, missing_accounts=0, other_currencies=0, placed_with=placed_with,
        )  # fmt: skip


def signed_in(role: str) -> Client:
    client = Client()
    if role:
        staff = Staff.objects.create(username=f"a.{role}", role=role)
        client.force_login(staff)
        if role in OF_A_DESK:  # whose own cases are few
            until = clock.now() + timedelta(hours=8)
            CaseGrant.objects.create(customer_id=IN_HOUSE, staff=staff, why="t", granted_at=clock.now(), until=until, by="t")
    return client


def test_every_address_has_its_line_and_every_line_its_address() -> None:
    named = [pattern.name for pattern in addresses()]
    assert sorted(set(named) - set(MATRIX)) == [], "give them lines in MATRIX"
    assert sorted(set(MATRIX) - set(named)) == []


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["", "a role that is none", *Role.values])
def test_each_role_opens_what_its_line_says_and_nothing_else(book: None, role: str) -> None:
    client = signed_in(role)
    wrong = []
    for pattern in addresses():
        line = MATRIX.get(str(pattern.name))
        if line is None or pattern.name == "logout":  # whoever has signed out is in nobody's role
            continue
        answer = getattr(client, line.method)(filled(pattern))
        expected = line.code if line.open or role in line.who else 403 if role else 302
        if pattern.name == "login" and not role:
            expected = 200
        if pattern.name == "second_factor_setup" and role:
            expected = 200  # one's own, whatever one may
        if answer.status_code != expected or (expected == 302 and not role and not line.open and "/login/" not in answer.url):
            wrong.append((pattern.name, line.method, answer.status_code, "expected", expected))
    assert wrong == []


@pytest.mark.django_db
@pytest.mark.parametrize("role", Role.values)
def test_a_case_placed_outside_is_no_case_to_the_desk_at_any_address(book: None, role: str) -> None:
    client = signed_in(role)
    wrong = []
    for pattern in addresses():
        line = MATRIX.get(str(pattern.name))
        if line is None or "case_id" not in pattern.pattern.converters:
            continue
        if pattern.name == "inbound_answer":  # whoever calls is answered, and told nothing until she is shown to be the one
            continue
        answer = getattr(client, line.method)(filled(pattern, case_id=OUTSIDE))
        expected = 403 if role not in line.who else 404 if role in OF_A_DESK else line.code
        if answer.status_code != expected:
            wrong.append((pattern.name, line.method, answer.status_code, "expected", expected))
    assert wrong == []
