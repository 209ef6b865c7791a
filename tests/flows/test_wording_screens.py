"""Walks through the pages of wordings: the list, a version with its way, and the page on which the next one is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.flows.browser import PASSWORD, ROOT, Desk, Witness, chromium, sit_down
from tests.flows.looking import complaints, settled

pytestmark = pytest.mark.browser

BANK = ROOT / "examples/firstbank/wordings"
THREAT = "不还就派人去你家堵门。"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A home with the wordings of three files, written by one person; there is another who may sign."""
    desk = Desk(tmp_path_factory.mktemp("desk") / "home")
    desk.prepare()
    desk.anhuan("staff", "add", "zhao.operations", "--language", "en", told=PASSWORD + "\n")
    files = [str(BANK / f"{name}.yaml") for name in ("overdue_gentle", "formal_demand", "overdue_reminder")]
    made = desk.anhuan("wording", "add", *files, "--by", "wang.operations", "--json")
    assert len(made) == 12
    with desk.served():
        yield desk


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def witness() -> Iterator[Witness]:
    witness = Witness()
    yield witness
    # What is refused answers 422 or 403, which a browser tells as a failed load.
    assert [said for said in witness.complaints if "422" not in said and "403" not in said] == []


@pytest.fixture
def sit(browser: Browser, desk: Desk, witness: Witness) -> Iterator[Callable[..., Page]]:
    pages: list[Page] = []

    def sit(**how: Any) -> Page:
        pages.append(sit_down(browser, desk, witness=witness, **how))
        return pages[-1]

    yield sit
    for page in pages:
        page.context.close()


def version(page: Page, desk: Desk, name: str, channel: str, language: str = "Chinese") -> None:
    """Open the latest version of a wording from the list."""
    page.goto(f"{desk.address}/wordings/")
    row = page.locator("tbody tr", has_text=name).filter(has_text=channel).filter(has_text=language)
    row.get_by_role("link").first.click()
    expect(page.locator("h1")).to_contain_text(name)


def test_a_wording_goes_its_way_through_the_pages_by_two_people(sit: Callable[..., Page], desk: Desk) -> None:
    page = sit()
    version(page, desk, "overdue_gentle", "SMS")
    expect(page.locator(".card-note").first).to_contain_text("2 parts (ucs2")
    page.get_by_role("button", name="Check").click()
    expect(page.locator(".case-head .pill")).to_have_text("Checked")
    expect(page.locator(".way-acts")).to_contain_text("another person")
    assert page.get_by_role("button", name="Approve").count() == 0
    other = sit(user="zhao.operations")
    other.goto(page.url)
    other.get_by_role("button", name="Approve").click()
    expect(other.locator(".case-head .pill")).to_have_text("Approved")
    other.get_by_role("button", name="Put in use").click()
    expect(other.locator(".case-head .pill")).to_have_text("In use")
    [told] = desk.anhuan("wording", "list", "cn/overdue_gentle/sms/zh", "--json")
    assert (told["state"], told["approved_by"], told["live_from"]) == ("live", "zhao.operations", "2026-11-03")


def test_an_auditor_reads_and_writes_nothing(sit: Callable[..., Page], desk: Desk) -> None:
    page = sit(user="li.auditor")
    version(page, desk, "formal_demand", "Letter")
    assert page.locator(".way-acts").count() == 0
    assert page.get_by_role("link", name="Write the next version").count() == 0
    answer = page.goto(f"{page.url}edit/")
    assert answer is not None
    assert answer.status == 403


def test_a_forbidden_phrase_is_marked_where_it_stands_while_it_is_written(sit: Callable[..., Page], desk: Desk) -> None:
    page = sit()
    version(page, desk, "overdue_gentle", "SMS")
    page.get_by_role("link", name="Write the next version").click()
    text = page.get_by_label("Text", exact=True)
    before = text.input_value()
    text.fill(before.replace("如有困难", THREAT + "如有困难"))
    page.get_by_role("button", name="Preview and check").click()
    expect(page.locator("#wording-shown mark")).to_contain_text("去你家堵")
    expect(page.locator("#wording-shown .found")).to_contain_text("Threat")
    assert not complaints(page), "with a finding"
    text.fill(before.replace("{past_due}", "{amount}"))
    page.get_by_role("button", name="Save as a draft").click()
    expect(page.locator("#wording-shown .found")).to_contain_text("amount")
    expect(page.get_by_label("Text", exact=True)).to_have_value(before.replace("{past_due}", "{amount}"))
    page.get_by_label("Text", exact=True).fill(before.replace("可能是您一时疏忽，", ""))
    page.get_by_role("button", name="Save as a draft").click()
    expect(page.locator("h1")).to_contain_text("cn/overdue_gentle/sms/zh/2")
    expect(page.locator(".said-text")).not_to_contain_text("疏忽")


def test_a_disclosure_that_is_taken_out_is_missed(sit: Callable[..., Page], desk: Desk) -> None:
    page = sit(language="zh-hans")
    page.goto(f"{desk.address}/wordings/?channel=letter&language=zh")
    page.locator("tbody a").first.click()
    expect(page.locator(".due .there")).to_have_count(10)
    page.locator("[data-key=e]").click()
    passages = page.locator("#p-discloses")
    passages.fill("\n".join(line for line in passages.input_value().splitlines() if not line.startswith("legal_basis")))
    page.get_by_role("button", name="预览并检查").click()
    expect(page.locator(".due .absent")).to_contain_text("法律依据")
    expect(page.locator(".found")).to_contain_text("未载明“法律依据”")


def test_axe_finds_nothing_and_nothing_sticks_out(sit: Callable[..., Page], desk: Desk) -> None:
    page = sit(language="zh-hans")
    page.goto(f"{desk.address}/wordings/")
    first = page.locator("tbody a").first.get_attribute("href")
    letter = page.locator("tbody tr", has_text="formal_demand").last.get_by_role("link").first.get_attribute("href")
    for address in ("/wordings/", first, letter, f"{letter}edit/"):
        page.goto(f"{desk.address}{address}")
        assert not complaints(settled(page)), address
        for width in (1024, 1920):
            page.set_viewport_size({"width": width, "height": 800})
            wide = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, f"{address} at {width}"
