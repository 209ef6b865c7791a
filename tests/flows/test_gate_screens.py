"""The gate in front of a reader: verdicts beside the buttons of a case, and the pages of compliance, in a real browser."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.flows import starter
from tests.flows.browser import ROOT, Desk, Witness, chromium, sit_down
from tests.flows.looking import complaints, foreign, settled

pytestmark = pytest.mark.browser

PAGES = {
    "case": "/cases/{talked}/",
    "held case": "/cases/{complained}/",
    "case with others": "/cases/{others}/",
    "panel": "/gate/{others}/",
    "explanation": "/explanation/{complained}/?channel=call",
    "compliance": "/compliance/",
    "refusals of a rule": "/compliance/?days=30&rule=cn.hold_complaint",
    "holds": "/compliance/?hold=complaint",
    "rulebook": "/compliance/rulebook/",
    "rulebook compared": "/compliance/rulebook/?on=2026-11-03&against=2024-01-01",
    "american rules": "/compliance/rulebook/?law=us-fed&law=us-ma&law=uk",
    "replay": "/compliance/replay/?run=1&law=uk&from=2026-11-01&to=2026-11-03",
}

# Of each kind of page the fullest one: what is judged a second time, in the other language and theme.
FULLEST = {name: PAGES[name] for name in ("case with others", "holds", "rulebook compared", "replay")}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    desk = Desk(tmp_path_factory.mktemp("desk") / "home")
    desk.fill()
    with desk.served():
        yield desk


@pytest.fixture(scope="module")
def cases(desk: Desk) -> dict[str, str]:
    """The morning's story, told through the real door."""
    told = starter.run([ROOT / "tests/flows/gate_story.py"], environment=desk.environment)
    assert told.returncode == 0, told.stderr
    return dict(json.loads(told.stdout))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def witness() -> Witness:
    return Witness()


@pytest.fixture
def sit(browser: Browser, desk: Desk, witness: Witness, cases: dict[str, str]) -> Iterator[Callable[..., Page]]:
    pages: list[Page] = []

    def sit(**how: Any) -> Page:
        pages.append(sit_down(browser, desk, witness=witness, **how))
        return pages[-1]

    yield sit
    for page in pages:
        page.context.close()


@pytest.fixture
def page(sit: Callable[..., Page]) -> Page:
    return sit()


def button(page: Page, channel: str) -> Any:
    return page.locator(f".gate-button[data-channel={channel}]").first


# --- The case -------------------------------------------------------------------------------------------------------


def test_three_talks_leave_the_telephone_red_until_tomorrow_and_texts_green(
    page: Page, desk: Desk, cases: dict[str, str]
) -> None:
    page.goto(f"{desk.address}/cases/{cases['talked']}/")
    expect(button(page, "call")).to_have_attribute("data-verdict", "refuse")
    expect(button(page, "sms")).to_have_attribute("data-verdict", "permit")
    refused = page.locator(".verdict-refuse").first
    expect(refused).to_contain_text("At most 3 effective talks a day")
    expect(refused).to_contain_text("GB/T 45251-2025")
    expect(refused).to_contain_text("national standard")
    expect(refused.locator(".opens")).to_have_text("from 08:00 tomorrow")


def test_a_click_tells_everything_and_sends_nothing(page: Page, desk: Desk, cases: dict[str, str], witness: Witness) -> None:
    page.goto(f"{desk.address}/cases/{cases['complained']}/")
    before = desk.anhuan("case", "show", cases["complained"], "--json")
    button(page, "call").focus()
    page.keyboard.press("Enter")
    sheet = page.locator("#explanation")
    expect(sheet).to_be_visible()
    for words in ("While a complaint is pending", "cn.hold_complaint", "since", "recorded: yes", "Nothing was sent"):
        expect(sheet).to_contain_text(words)
    told = desk.anhuan(
        "gate",
        "explain",
        "--case",
        cases["complained"],
        "--channel",
        "call",
        "--at",
        "2026-11-03T09:31:00+08:00",
        "--json",
        code=1,
    )
    assert page.locator("#explanation .law-line .hash").get_attribute("title") == f"SHA-256 {told['law']}"
    page.keyboard.press("Escape")
    expect(sheet).not_to_be_visible()
    assert desk.anhuan("case", "show", cases["complained"], "--json") == before
    assert not [value for value in desk.personal for address in witness.addresses if value in address]


def test_what_was_done_stands_on_the_page(page: Page, desk: Desk, cases: dict[str, str]) -> None:
    page.goto(f"{desk.address}/cases/{cases['complained']}/")
    expect(page.locator("#standing")).to_contain_text("Complaint")
    expect(page.locator("#timeline [data-kind=contact], #timeline [data-kind=refusal]")).to_have_count(2)
    expect(page.locator("#timeline [data-kind=refusal]").first).to_contain_text("complaint is pending")
    page.locator("#events").scroll_into_view_if_needed()
    expect(page.locator("#events")).to_contain_text("Collection stopped from 2026-11-03 08:20 on: Complaint.")
    page.goto(f"{desk.address}/cases/{cases['texts_no_more']}/")
    expect(button(page, "sms")).to_have_attribute("data-verdict", "refuse")
    expect(button(page, "call")).to_have_attribute("data-verdict", "permit")


def test_other_people_stay_sealed(page: Page, desk: Desk, cases: dict[str, str]) -> None:
    page.goto(f"{desk.address}/cases/{cases['others']}/")
    expect(page.locator(".verdict-others")).to_be_visible()
    sealed = page.locator(".verdict-others ~ .verdict-refuse").first
    expect(sealed).to_contain_text("before the debtor is lost")
    shown = page.locator("#gate").inner_text()
    assert not [value for value in desk.personal if value in shown]


# --- Compliance -----------------------------------------------------------------------------------------------------


def test_compliance_is_reached_by_keys_and_opens_the_cases_behind_a_figure(
    page: Page, desk: Desk, cases: dict[str, str]
) -> None:
    page.keyboard.press("g")
    page.keyboard.press("o")
    page.wait_for_url("**/compliance/")
    expect(page.locator("[data-tile=refused] .tile-value")).to_have_text("2")
    expect(page.locator("[data-tile=holds] .tile-value")).to_have_text("1")
    expect(page.locator("[data-tile=full] .tile-value")).to_have_text("1")
    expect(page.locator("[data-chart=refusals] svg")).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**rule=*")
    rows = page.locator("#refused tbody th")
    assert set(rows.all_inner_texts()) <= {cases["asleep"], cases["complained"]}
    rows.first.locator("a").click()
    page.wait_for_url("**/cases/**")
    page.go_back()
    page.locator("#budgets tbody a").first.click()
    page.wait_for_url(f"**/cases/{cases['talked']}/")


def test_the_rulebook_is_narrowed_linked_and_compared(page: Page, desk: Desk) -> None:
    page.goto(f"{desk.address}/compliance/rulebook/")
    page.fill("#r-q", "quiet")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=quiet**")
    expect(page.locator(".rule")).to_have_count(1)
    expect(page.locator(".rule")).to_contain_text("不得以任何方式催收")
    page.goto(f"{desk.address}/compliance/rulebook/?on=2026-11-03&against=2024-01-01&q=cn.")
    told = desk.anhuan("rules", "show", "--as-of", "2026-11-03", "--against", "2024-01-01", "--law", "cn", "--json")
    assert page.locator(".changes tbody tr").count() == len(told)


def test_a_replay_on_the_page_is_that_of_the_command_line(page: Page, desk: Desk, tmp_path: Path) -> None:
    page.goto(f"{desk.address}/compliance/replay/")
    page.fill("#y-from", "2026-11-01")
    page.fill("#y-to", "2026-11-03")
    page.locator(".chips label", has_text=re.compile("^uk$")).click()
    with page.expect_response(re.compile("replay")):
        page.locator(".filters button").click()
    expect(page.locator(".replay-sum")).to_contain_text("contacts judged")
    told = desk.anhuan(
        "gate", "replay", "--from", "2026-11-01", "--to", "2026-11-03", "--law", "uk", "--json",
        code=1 if page.locator("#replayed tbody tr").count() else 0,
    )  # fmt: skip
    assert page.locator("#replayed tbody tr").count() == told["changed"]
    assert "law=uk" in page.url, "the state stands in the address"


def test_tables_come_down(page: Page, desk: Desk, cases: dict[str, str], tmp_path: Path) -> None:
    page.goto(f"{desk.address}/compliance/?days=7")
    with page.expect_download() as coming:
        page.locator("#budgets a[download]").click()
    file = tmp_path / coming.value.suggested_filename
    coming.value.save_as(file)
    rows = list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8-sig"))))
    assert [(row["case"], row["rule"], row["count"]) for row in rows] == [(cases["talked"], "cn.talks_per_day", "3")]


# --- Words, colours, widths, policy ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_every_page_speaks_chinese(sit: Callable[..., Page], desk: Desk, cases: dict[str, str]) -> None:
    """English is heard where axe looks at the same pages."""
    page = sit(language="zh-hans")
    for name, address in PAGES.items():
        page.goto(desk.address + address.format(**cases))
        page.wait_for_load_state("networkidle")
        assert not foreign(page, "zh-CN"), name


def test_axe_finds_nothing_to_complain_of_and_every_page_speaks_one_language(
    sit: Callable[..., Page], desk: Desk, cases: dict[str, str]
) -> None:
    page = sit()
    for name, address in PAGES.items():
        page.goto(desk.address + address.format(**cases))
        assert not foreign(settled(page), "en"), name
        for summary in page.locator("summary").all():
            summary.click()
        assert not complaints(page), name
    page.goto(desk.address + PAGES["held case"].format(**cases))
    button(page, "call").click()
    expect(page.locator("#explanation .reason")).to_be_visible()
    assert not complaints(page, "#explanation"), "an explanation"


@pytest.mark.slow
def test_nothing_sticks_out_and_no_page_breaks_the_policy(
    sit: Callable[..., Page], desk: Desk, cases: dict[str, str], witness: Witness
) -> None:
    small, usual, wall = (1024, 700), (1366, 768), (3840, 2160)
    for language, pages, widths in (("en", PAGES, (small, usual)), ("zh-hans", FULLEST, (usual, wall))):
        page = sit(language=language)
        for name, address in pages.items():
            page.goto(desk.address + address.format(**cases))
            page.wait_for_load_state("networkidle")
            for width, height in widths:
                page.set_viewport_size({"width": width, "height": height})
                page.wait_for_timeout(350)
                wide = page.evaluate(
                    "() => [document.documentElement.scrollWidth - innerWidth, ...[...document.querySelectorAll('.card')]"
                    ".map((card) => card.scrollWidth - card.clientWidth)].reduce((a, b) => Math.max(a, b), 0)"
                )
                assert wide <= 0, f"{name} at {width} in {language}: {wide} px too wide"
                cut = page.locator(".table-responsive").evaluate_all(
                    "all => all.filter((t) => t.scrollWidth > t.clientWidth).length"
                )
                assert width < 1366 or not cut, f"{name} at {width} in {language} scrolls sideways"
    page.goto(desk.address + PAGES["held case"].format(**cases))
    button(page, "call").click()
    expect(page.locator("#explanation .reason")).to_be_visible()
    page.goto(f"{desk.address}/compliance/")
    page.locator("[data-chart=refusals]").hover(position={"x": 400, "y": 60})
    assert witness.complaints == []


def test_an_auditor_reads_all_of_it(sit: Callable[..., Page], desk: Desk, cases: dict[str, str]) -> None:
    page = sit(user="li.auditor")
    for address in PAGES.values():
        answer = page.goto(desk.address + address.format(**cases))
        assert answer is not None
        assert answer.status == 200
        assert "no-store" in (answer.header_value("cache-control") or "")
