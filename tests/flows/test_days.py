"""The five commonest days of a desk in a real browser, by keyboard alone: from the door to the supervisor's wall.

Every walk signs in as a collector, takes a case from the worklist, calls, and goes on with the next; afterwards the database is asked
what is left of it. The mouse is never touched: the only calls to the page besides keys are those that look.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.flows import starter
from tests.flows.browser import PASSWORD, ROOT, Desk, Witness, chromium, sit_down

pytestmark = pytest.mark.browser

STORY = ROOT / "tests/flows/day_story.py"
DEBT = re.compile(r"overdue|past due|debt|owed?\b|balance|CNY|collection", re.IGNORECASE)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    desk = Desk(tmp_path_factory.mktemp("days") / "home")
    desk.fill()
    opened = starter.run([STORY, "open"], environment=desk.environment, told=PASSWORD)
    assert opened.returncode == 0, opened.stderr
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

    desk: Desk
    page: Page
    keys: int = field(default=0)

    def press(self, *keys: str) -> None:
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

    def unfold(self, code: str) -> None:
        """Do something by its two letters in the palette."""
        self.press("Control+k")
        expect(self.page.locator("#palette-text")).to_be_focused()
        self.type(code)
        self.press("Enter")


@pytest.fixture
def sit(browser: Browser, desk: Desk, witness: Witness) -> Iterator[Callable[..., Person]]:
    people: list[Person] = []

    def sit(user: str = "lin", **how: Any) -> Person:
        people.append(Person(desk, sit_down(browser, desk, user=user, witness=witness, **how)))
        return people[-1]

    yield sit
    for person in people:
        person.page.context.close()


@pytest.fixture
def lin(sit: Callable[..., Person]) -> Person:
    """The collector, before her worklist."""
    lin = sit()
    lin.press("g", "l")
    lin.page.wait_for_url("**/work/")
    return lin


def told(desk: Desk, customer: str) -> dict[str, Any]:
    answer = starter.run([STORY, "told", customer], environment=desk.environment)
    assert answer.returncode == 0, answer.stderr
    return dict(json.loads(answer.stdout))


# --- reached, and a promise -----------------------------------------------------------------------------------------


def test_she_is_reached_and_promises(lin: Person, desk: Desk) -> None:
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
def test_nobody_answers_and_the_case_comes_again_tomorrow(lin: Person, desk: Desk) -> None:
    customer = lin.take()
    lin.call()
    lin.press("Escape")
    lin.conclude("8", "Enter", result="NOA")
    left = told(desk, customer)
    assert left["contacts"][-1]["line_result"] == "no_answer"
    assert left["work"][0]["follow_up_why"] == "try_again"
    assert left["work"][0]["follow_up_at"][:10] == "2026-11-04"
    assert not left["promises"]
