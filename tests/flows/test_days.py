"""The five commonest days of a desk in a real browser, by keyboard alone: from the door to the supervisor's wall.

Every walk signs in as a collector, takes a case from the worklist, calls, and goes on with the next; afterwards the database is asked
what is left of it. The mouse is never touched: the only calls to the page besides keys are those that look.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.flows import starter
from tests.flows.browser import PASSWORD, ROOT, Desk, Witness, chromium, number, sit_down

pytestmark = pytest.mark.browser

STORY = ROOT / "tests/flows/day_story.py"
LATER = "2026-11-03T11:00:00+08:00"
DEBT = re.compile(r"overdue|past due|debt|owed?\b|balance|CNY|collection", re.IGNORECASE)


class Open(Desk):
    """A desk that is open for the day."""

    middle: list[str]  # customers 61 to 120 days late


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    desk = Open(tmp_path_factory.mktemp("days") / "home")
    desk.fill()
    opened = starter.run([STORY, "open"], environment=desk.environment, told=PASSWORD)
    assert opened.returncode == 0, opened.stderr
    desk.middle = json.loads(opened.stdout)["middle"]
    with desk.served():
        yield desk


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def witness() -> Iterator[Witness]:
    """Whatever the browser complains of fails the walk, but for a form's 422 and a draft that a newer one overtook, both by design."""
    witness = Witness()
    yield witness
    assert [each for each in witness.complaints if not re.search(r"422|sendAbort|afterRequest", each)] == []


@dataclass
class Person:
    """Somebody at the desk: a browser of her own, and hands that know only keys."""

    desk: Open
    page: Page
    keys: int = field(default=0)

    def press(self, *keys: str) -> None:
        self.page.wait_for_load_state()  # no hand is quicker than the page's own scripts; this one would be
        for key in keys:
            self.page.keyboard.press(key)
            self.keys += 1

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)
        self.keys += len(text)

    def take(self) -> str:
        """The next case; its id."""
        before = self.page.url
        self.press("n")
        self.page.wait_for_url(lambda url: url != before and "/cases/" in url)
        return str(self.page.locator("#case").get_attribute("data-case"))

    def call(self, key: str = "c") -> None:
        self.press(key)
        self.page.wait_for_url("**/call/*/")
        self.page.locator("#wrapup").wait_for()

    def prove(self, answers: dict[str, str]) -> None:
        """Put the questions as they stand and type what she answers; the focus begins in the first."""
        asked = self.page.locator("[data-question]")
        expect(asked.first).to_be_focused()
        for place in range(asked.count()):
            self.type(answers[str(asked.nth(place).get_attribute("data-question"))])
            self.press("Tab" if place + 1 < asked.count() else "Enter")
        expect(self.page.locator("#call[data-verified=yes]")).to_be_visible()

    def tick(self) -> None:
        """Every statement that must be made, one key each."""
        for _ in range(self.page.locator("[name=said]:not(:checked)").count()):
            self.press("t")
        expect(self.page.locator("[name=said]:not(:checked)")).to_have_count(0)

    def conclude(self, *keys: str, result: str) -> None:
        self.press(*keys)
        expect(self.page.locator(".pill[data-result]")).to_have_attribute("data-result", result)

    def go_to(self, field: str) -> None:
        """Tab on until the focus is in the field of this name."""
        for _ in range(80):
            if self.page.evaluate("document.activeElement.name || document.activeElement.id") == field:
                return
            self.press("Tab")
        raise AssertionError(f"no way to {field} by Tab")

    def find(self, customer: str) -> None:
        """Open a case by its number."""
        self.press("/")
        self.type(customer)
        self.press("Enter")
        self.page.wait_for_url(f"**/cases/{customer}/*")

    def unfold(self, code: str) -> None:
        """Do something by its two letters in the palette."""
        self.press("Control+k")
        expect(self.page.locator("#palette-text")).to_be_focused()
        self.type(code)
        self.press("Enter")


@pytest.fixture
def sit(browser: Browser, desk: Open, witness: Witness) -> Iterator[Callable[..., Person]]:
    people: list[Person] = []

    def sit(user: str = "lin", **how: Any) -> Person:
        people.append(Person(desk, sit_down(browser, desk, user=user, witness=witness, **how)))
        return people[-1]

    yield sit
    for person in people:
        person.page.context.close()


@pytest.fixture
def lin(sit: Callable[..., Person]) -> Person:
    """The collector, before her worklist, on which her day begins."""
    lin = sit()
    lin.page.wait_for_url("**/work/")
    return lin


def told(desk: Open, customer: str) -> dict[str, Any]:
    answer = starter.run([STORY, "told", customer], environment=desk.environment)
    assert answer.returncode == 0, answer.stderr
    return dict(json.loads(answer.stdout))


# --- reached, and a promise -----------------------------------------------------------------------------------------


def test_she_is_reached_and_promises(lin: Person, desk: Open) -> None:
    customer = lin.take()
    answers = told(desk, customer)["answers"]
    lin.call()
    assert not DEBT.search(lin.page.locator("#call").inner_text()), "before she showed who she is"
    lin.prove(answers)
    lin.tick()
    lin.conclude("1", "Enter", result="PTP")
    left = told(desk, customer)
    (call,), (promise,) = left["calls"], left["promises"]
    assert (call["result_code"], call["line_code"], call["party_code"], call["by"]) == ("PTP", "OK", "RPC", "lin")
    assert call["verified_at"]
    assert (promise["state"], promise["by"]) == ("open", "lin")
    assert left["contacts"][-1]["outcome"] in {"conversation", "effective_conversation"}
    assert left["work"][0]["follow_up_why"] == "promise_due"
    assert lin.take() != customer


# --- nobody answers -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_nobody_answers_and_the_case_comes_again_tomorrow(lin: Person, desk: Open) -> None:
    customer = lin.take()
    lin.call()
    lin.press("Escape")
    lin.conclude("8", "Enter", result="NOA")
    left = told(desk, customer)
    assert left["contacts"][-1]["line_result"] == "no_answer"
    assert left["work"][0]["follow_up_why"] == "try_again"
    assert left["work"][0]["follow_up_at"][:10] == "2026-11-04"
    assert not left["promises"]


# --- somebody else answers ------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_somebody_else_answers_is_told_nothing_and_seals_the_number(lin: Person, desk: Open) -> None:
    customer = lin.take()
    point = lin.page.locator("[data-call-point]").first.get_attribute("data-call-point")
    lin.call()
    lin.press("Escape")
    lin.tick()
    lin.press("o")
    expect(lin.page.locator("#result-other")).to_be_focused()
    lin.type("NCT")
    expect(lin.page.locator(".chosen[data-result=NCT]")).to_be_visible()
    lin.go_to("party")
    lin.type("OTH")
    assert not DEBT.search(lin.page.locator("#call").inner_text())
    lin.press("Escape")
    lin.conclude("Enter", result="NCT")
    left = told(desk, customer)
    assert [(found["kind"], str(found["point_id"])) for found in left["points"]] == [("of_third_person", point)]
    assert left["calls"][0]["party_code"] == "OTH"
    assert left["calls"][0]["verified_at"] is None
    lin.find(customer)
    expect(lin.page.locator(f"[data-call-point='{point}']")).to_have_count(0)
    # The case stays hers, for another number; there is none, so she goes on with it another day.
    lin.page.locator("#card-worklist [data-key=u]").wait_for()
    lin.press("u")
    lin.go_to("when")
    lin.type("In three days")
    lin.go_to("at")
    lin.press("Enter")
    expect(lin.page.locator("#card-worklist")).to_contain_text("2026-11-06")


# --- hardship, and a plan that a second person approves ---------------------------------------------------------------


@pytest.mark.slow
def test_hardship_leads_to_a_plan_that_the_supervisor_approves(lin: Person, sit: Callable[..., Person], desk: Open) -> None:
    customer = desk.middle[0]
    lin.find(customer)
    lin.call()
    lin.prove(told(desk, customer)["answers"])
    lin.tick()
    lin.press("6")
    expect(lin.page.locator("[data-choice-open]")).to_be_visible()
    lin.conclude("1", "Enter", result="HRD")
    left = told(desk, customer)
    assert [(each["kind"], each["state"]) for each in left["hardships"]] == [("income", "open")]
    assert [each["kind"] for each in left["holds"]] == ["hardship"]
    assert left["work"][0]["queue"] == "hardship"

    lin.find(customer)
    expect(lin.page.locator("[data-channel=call][data-permitted=no]").first).to_be_visible()
    _ask_for_two_dozen_instalments(lin)
    assert [each["state"] for each in told(desk, customer)["plans"]] == ["proposed"]
    zhou = sit("zhou")
    zhou.press("g", "a")
    zhou.page.wait_for_url("**/approvals/")
    zhou.go_to("reason")
    zhou.press("Tab", "Enter")
    zhou.page.locator(".pill-decision-approved").wait_for()
    lin.page.reload()
    lin.page.locator(".agree-form").wait_for()
    lin.go_to("evidence")
    lin.type("scan 2026-11-20/7")
    lin.press("Enter")
    lin.page.locator("#card-plans .pill-plan-active").wait_for()
    left = told(desk, customer)
    (plan,), (approval,) = left["plans"], left["approvals"]
    assert (plan["state"], plan["proposed_by"], plan["consent"]) == ("active", "lin", "written")
    assert (approval["decision"], approval["decided_by"], approval["wanted_by"]) == ("approved", "zhou", "lin")
    assert {each["kind"] for each in left["holds"] if each["ends"] is None} == {"hardship", "plan"}


def _ask_for_two_dozen_instalments(lin: Person) -> None:
    """Her money told, her wish told, and approval asked for what is beyond a collector."""
    lin.page.locator("#plan-ask").wait_for(state="attached")
    lin.press("n")
    for name, value in {"income": "16000", "expense_housing": "2000", "expense_food": "1500"}.items():
        lin.go_to(name)
        lin.type(value)
    lin.go_to("wish")
    lin.type("Instal")
    lin.go_to("instalments")
    lin.type("24")
    lin.press("Enter")
    expect(lin.page.locator("#plan-offers [data-key=y]")).to_be_visible()
    lin.press("Escape", "y")
    lin.page.locator("#card-plans .pill-plan-proposed").wait_for()


# --- a dispute ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_from_the_instant_she_disputes_nothing_is_collected(lin: Person, desk: Open) -> None:
    customer = lin.take()
    answers = told(desk, customer)["answers"]
    lin.call()
    lin.prove(answers)
    lin.tick()
    lin.press("7")
    expect(lin.page.locator("[data-choice-open]")).to_be_visible()
    lin.conclude("1", "Enter", result="DIS")
    lin.find(customer)
    expect(lin.page.locator("#strip [data-channel~=call]").first).to_have_attribute("data-permitted", "no")
    expect(lin.page.locator("[data-call-point]")).to_have_count(0)
    left = told(desk, customer)
    assert [(each["kind"], each["state"], each["opened_by"]) for each in left["disputes"]] == [("amount", "open", "lin")]
    assert "dispute" in {each["kind"] for each in left["holds"]}
    assert left["work"][0]["queue"] == "disputes"
    # Each command's clock begins at the same instant, which lies before the site's.
    at = "2026-11-03T15:00:00+08:00"
    refused = desk.anhuan("gate", "explain", "--case", customer, "--channel", "call", "--at", at, "--json", code=1)
    assert "hold_dispute" in json.dumps(refused)


# --- ten cases ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_ten_cases_are_worked_by_keyboard_alone_and_the_wall_moves(
    lin: Person, sit: Callable[..., Person], desk: Open, record_property: Callable[[str, object], None]
) -> None:
    zhou = sit("zhou")
    before, begun, looking = _wall(zhou), time.monotonic(), 0.0
    lin.keys = 0
    for turn in range(10):
        customer = lin.take()
        if turn in (0, 4, 7):
            looked = time.monotonic()
            answers = told(desk, customer)["answers"]
            looking += time.monotonic() - looked
            lin.call()
            lin.prove(answers)
            lin.tick()
            lin.conclude("1", "Enter", result="PTP")
        else:
            lin.call()
            lin.press("Escape")
            lin.conclude("8", "Enter", result="NOA")
    seconds = time.monotonic() - begun - looking
    record_property("keys", lin.keys)
    record_property("seconds", seconds)
    after = _wall(zhou)
    moved = {name: after[name] - before[name] for name in before}
    assert moved == {"calls": 10, "right_party": 3, "promises": 3, "kept": 0, "broken": 0, "due": 0}
    assert lin.keys <= 7 * 6 + 3 * 60, f"{lin.keys} keys"
    assert seconds < 300, f"{seconds:.0f} s"


def _wall(zhou: Person) -> dict[str, int]:
    """The figures of the day for everybody."""
    with zhou.page.expect_navigation(url="**/wall/"):
        zhou.press("g", "v")
    tiles = zhou.page.locator(".wall-tiles .tile-value").all_inner_texts()
    calls = zhou.page.locator("#wall tfoot td").first.inner_text()
    names = ("right_party", "promises", "due", "kept", "broken")
    return {"calls": number(calls), **{name: number(text) for name, text in zip(names, tiles, strict=False)}}


# --- what may come between ------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_reload_in_mid_call_keeps_what_was_written(lin: Person, desk: Open) -> None:
    lin.take()
    lin.call()
    lin.press("Escape", "t", "2")
    expect(lin.page.locator(".chosen[data-result=CBK]")).to_be_visible()
    lin.press("w")
    with lin.page.expect_response(lambda draft: "/draft/" in draft.url and "evening" in (draft.request.post_data or "")):
        lin.type("Busy until the evening")
    expect(lin.page.locator("#call-saved [data-saved]")).to_be_visible()
    lin.page.reload()
    expect(lin.page.locator("[name=said]:checked")).to_have_count(1)
    expect(lin.page.locator("#result-CBK")).to_be_checked()
    expect(lin.page.locator("#call-note-text")).to_have_value("Busy until the evening")
    lin.page.goto(f"{desk.address}/work/")
    lin.page.goto(f"{desk.address}/call/")
    lin.page.locator("#call-note-text").wait_for()
    lin.press("Escape")
    lin.conclude("8", "Enter", result="NOA")


@pytest.mark.slow
def test_keys_rest_while_chinese_is_composed(lin: Person) -> None:
    lin.take()
    lin.call()
    lin.press("Escape", "w")
    field = lin.page.locator("#call-note-text")
    expect(field).to_be_focused()
    typing = lin.page.context.new_cdp_session(lin.page)
    typing.send("Input.imeSetComposition", {"text": "xiawu", "selectionStart": 5, "selectionEnd": 5})
    lin.page.evaluate(
        "() => document.body.dispatchEvent(new KeyboardEvent('keydown', {key: '8', bubbles: true, isComposing: true}))"
    )
    expect(lin.page.locator("[name=result]:checked")).to_have_count(0)
    typing.send("Input.insertText", {"text": "下午再打"})
    expect(field).to_have_value("下午再打")
    heard = lin.page.evaluate(
        "() => { const form = document.getElementById('wrapup'), heard = [];"
        " form.addEventListener('submit', () => heard.push('submit'));"
        " document.dispatchEvent(new CompositionEvent('compositionend', {bubbles: true})); form.requestSubmit(); return heard; }"
    )
    assert heard == [], "the Enter that ends a composition"
    expect(lin.page.locator("#wrapup")).to_be_visible()
    lin.press("Escape")
    lin.conclude("8", "Enter", result="NOA")
