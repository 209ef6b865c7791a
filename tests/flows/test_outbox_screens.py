"""The outbox in a browser: campaigns and their button, a message with its receipts, and the sandbox's phone that is heard."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.flows import starter
from tests.flows.browser import ROOT, Desk, Witness, chromium, sit_down
from tests.flows.looking import complaints, settled

pytestmark = pytest.mark.browser

CLOCK = "2026-11-23T10:05:00+08:00"
PAGES = ("/outbox/", "/outbox/{campaign}/", "/sandbox/", "/cases/C00000001/")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Four messages have left; of a second campaign none has."""
    desk = Desk(tmp_path_factory.mktemp("outbox") / "home")
    desk.prepare()
    told(desk, "story")
    with desk.served():
        yield desk


def told(desk: Desk, *arguments: str) -> None:
    ran = starter.run([ROOT / "tests/flows/killed_sender.py", *arguments], environment=desk.environment)
    assert ran.returncode == 0, ran.stderr


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, desk: Desk) -> Iterator[Page]:
    page = sit_down(browser, desk, witness=Witness())
    yield page
    page.context.close()


def test_a_campaign_is_stopped_with_one_button_and_says_so(page: Page, desk: Desk) -> None:
    page.goto(f"{desk.address}/outbox/")
    expect(page.locator("#outbox")).to_contain_text("Waiting 2")
    page.get_by_role("row", name="second").get_by_role("link").first.click()
    page.fill("#reason", "the wrong text")
    page.get_by_role("button", name="Stop at once").click()
    expect(page.locator(".alert")).to_contain_text("nothing more of it leaves")
    expect(page.locator(".card").last).to_contain_text("Stopped 2")


def test_the_phone_answers_and_the_case_shows_what_was_said_and_what_came_of_it(page: Page, desk: Desk) -> None:
    page.goto(f"{desk.address}/sandbox/")
    page.locator(".threads li a").first.click()
    expect(page.locator(".bubble").first).to_contain_text("325.06元")
    page.fill("#answer", "T")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".bubble-note")).to_contain_text("not heard yet")
    told(desk, "send")  # a sender hears it
    expect(page.locator(".bubble-note")).to_contain_text("No more by this channel")
    page.goto(f"{desk.address}/outbox/")
    expect(page.locator("#outbox")).to_contain_text("No more by this channel")
    page.get_by_role("row", name="No more messages").get_by_role("link").click()
    page.locator("#messages").scroll_into_view_if_needed()
    page.locator("#messages").get_by_role("button", name="Read").last.click()
    expect(page.locator("#message .said")).to_contain_text("325.06元")
    expect(page.locator("#message .receipts")).to_contain_text("taken by the next hand")
    page.reload()
    page.locator("#events").scroll_into_view_if_needed()
    expect(page.locator("#events")).to_contain_text("message")


def test_the_pages_of_the_outbox_are_for_everybody(browser: Browser, desk: Desk) -> None:
    page = sit_down(browser, desk, witness=Witness(), language="zh-hans")
    page.goto(f"{desk.address}/outbox/")
    campaign = (page.locator("#outbox tbody th a").first.get_attribute("href") or "").strip("/").rpartition("/")[2]
    for address in PAGES:
        page.goto(desk.address + address.format(campaign=campaign))
        assert not complaints(settled(page)), address
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, address
    page.context.close()
