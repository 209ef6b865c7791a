"""Strategies in front of an analyst, in a real browser: read, tried, changed, proved, signed, simulated, and found on a case."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from tests.flows import starter
from tests.flows.browser import ROOT, Desk, Witness, chromium, number, sit_down, write_nights
from tests.flows.looking import complaints, foreign, settled
from tests.flows.strategy_story import MODEL

pytestmark = pytest.mark.browser

PAGES = {
    "list": "/strategies/",
    "version": "/strategies/cards/1/?table=treatment&row=30",
    "changes": "/strategies/cards/2/changes/",
    "simulation": "/strategies/cards/2/simulation/?group=1",
    "arms": "/strategies/cards/arms/",
    "case": "/cases/{case}/",
}
EDITOR = "/strategies/cards/1/edit/?table=stage"

# What dmn-js says of its own build in the browser's console.
_OF_ITS_BUILD = "minified copy of the development build of Inferno"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    desk = Desk(tmp_path_factory.mktemp("desk") / "home")
    desk.prepare()
    desk.deliveries = write_nights(tmp_path_factory.mktemp("bank"), accounts=300)
    with desk.served():
        yield desk


@pytest.fixture(scope="module")
def story(desk: Desk) -> dict[str, str]:
    told = starter.run([ROOT / "tests/flows/strategy_story.py", *desk.deliveries], environment=desk.environment)
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
def sit(browser: Browser, desk: Desk, witness: Witness, story: dict[str, str]) -> Iterator[Callable[..., Page]]:
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


def version(desk: Desk, title: str) -> dict[str, Any]:
    return dict(desk.anhuan("strategy", "show", title, "--json"))


def drawn(page: Page) -> Page:
    page.wait_for_selector("#dmn[data-ready]")
    return page


def marked(page: Page) -> Locator:
    return page.locator("#dmn td.rule-index.row-marked")


# --- reading --------------------------------------------------------------------------------------------------------


def test_an_empty_home_says_how_a_strategy_comes_about(browser: Browser, desk: Desk) -> None:
    page = sit_down(browser, desk)
    page.goto(f"{desk.address}/strategies/")
    expect(page.locator("main")).to_contain_text("There is no strategy yet")
    expect(page.locator("main")).to_contain_text("the next night proposes nothing")
    page.context.close()


def test_the_list_tells_every_version_and_who_signed(page: Page, desk: Desk) -> None:
    page.keyboard.press("g")
    page.keyboard.press("s")
    page.wait_for_url("**/strategies/")
    rows = page.locator("[data-rows] tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("Simulated")
    expect(rows.nth(1)).to_have_class("chosen")
    for name in ("zhao.analyst", "lin.analyst", "2026-11-01", "Live"):
        expect(rows.nth(1)).to_contain_text(name)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/strategies/cards/2/")


def test_the_case_says_why_and_leads_to_the_row(page: Page, desk: Desk, story: dict[str, str]) -> None:
    told = desk.anhuan("case", "show", story["case"], "--json")["proposals"][0]
    page.goto(f"{desk.address}/cases/{story['case']}/")
    card = page.locator("#why")
    for words in (told["wording"], told["arm"], told["account_id"], f"{told['decision']} row {told['rule']}", "Permitted"):
        expect(card).to_contain_text(words)
    card.get_by_role("link", name=f"row {told['rule']}", exact=False).first.click()
    drawn(page)
    expect(marked(page)).to_have_text(str(told["rule"]))
    expect(page.locator("#dmn .decision-table-name")).to_have_text(told["decision"])
    expect(page.locator("#dmn td.row-marked").last).to_contain_text(" / ")


def test_the_mark_of_the_makers_stays_in_sight(page: Page, desk: Desk) -> None:
    page.goto(f"{desk.address}{PAGES['version']}")
    mark = drawn(page).locator(".bjs-powered-by:visible")
    expect(mark).to_have_count(1)
    topmost = (
        "(m) => { m.scrollIntoView({block: 'center'}); const s = m.getBoundingClientRect();"
        " return m.contains(document.elementFromPoint(s.x + s.width / 2, s.y + s.height / 2)) }"
    )
    for _ in range(50):  # the table beside it may still be drawn
        if mark.evaluate(topmost):
            break
        page.wait_for_timeout(100)
    assert mark.evaluate(topmost)
    mark.click()
    expect(page.locator(".bjs-powered-by-lightbox")).to_be_visible()


def test_a_row_that_is_tried_is_decided_as_the_command_decides_it(page: Page, desk: Desk, tmp_path: Path) -> None:
    row: dict[str, Any] = {
        "days_past_due": 12, "past_due_minor": 250000, "balance_minor": 900000, "behaviour_score": 640, "collection_score": 600,
        "broken_promises": 0, "reachable": True, "placement_round": 0, "block_code": "none", "minimum_due_minor": 50000,
        **dict.fromkeys(("deceased", "incapacitated", "bankrupt", "represented_by_attorney", "legal_open", "hardship",
                         "serious_illness", "disaster_area", "vulnerable", "autopay"), False),
    }  # fmt: skip
    file = tmp_path / "row.json"
    file.write_text(json.dumps([row]))
    (told,) = desk.anhuan("decide", str(MODEL), "--decision", "treatment", "--input", str(file), "--json")
    page.goto(f"{desk.address}/strategies/cards/1/")
    drawn(page)
    for name, value in row.items():
        field = page.locator(f"[name='in:{name}']")
        field.select_option(json.dumps(value)) if isinstance(value, bool) else field.fill(str(value))
    page.keyboard.press("Enter")
    fired = page.locator("#tried li", has_text=re.compile(r"^treatment"))
    expect(fired.locator(".fired-row a")).to_have_text(f"row {told['rules'][0]}")
    for value in (told["output"]["channel"], told["output"]["wording"]):
        expect(fired).to_contain_text(json.dumps(value))
    fired.locator(".fired-row a").click()
    expect(marked(page)).to_have_text(str(told["rules"][0]))
    page.locator("[name='in:days_past_due']").fill("-1")
    page.keyboard.press("Enter")
    expect(page.locator("#tried [role=alert]")).to_contain_text("days_past_due: -1 is no tCount")


# --- changing -------------------------------------------------------------------------------------------------------


def type_into(page: Page, row: int, text: str) -> None:
    """Into the first cell of a row of the table that is open."""
    page.locator("#dmn tbody tr").nth(row - 1).locator("td.input-cell").first.click()
    page.keyboard.press("Control+a")
    page.keyboard.type(text)


def test_an_analyst_changes_a_copy_is_told_what_is_wrong_and_keeps_it_mended(page: Page, desk: Desk, witness: Witness) -> None:
    before = version(desk, "cards/1")
    page.goto(f"{desk.address}{EDITOR}")
    drawn(page)
    type_into(page, 3, "[0..3]")
    with page.expect_response("**/prove/", timeout=60_000):
        page.get_by_role("button", name="Prove").click()
    found = page.locator("#strategy-findings .found li")
    expect(found).to_have_count(1)
    expect(found).to_contain_text("Never fires")
    expect(page.locator("#dmn-unsaved")).to_have_text("Changed, not kept")
    page.locator("#dmn-tabs button", has_text="treatment").click()
    found.get_by_role("link", name="row 6").click()
    expect(page.locator("#dmn .decision-table-name")).to_have_text("stage")
    expect(marked(page)).to_have_text("6")
    type_into(page, 3, "0")
    type_into(page, 7, "[4..14]")
    type_into(page, 8, "[15..30]")
    with page.expect_response("**/prove/", timeout=60_000):
        page.get_by_role("button", name="Prove").click()
    expect(page.locator("#strategy-findings")).to_contain_text("Proved")
    page.get_by_role("button", name="Keep as a new draft").click()
    page.wait_for_url("**/strategies/cards/3/", timeout=60_000)
    expect(page.locator(".alert-success")).to_contain_text("cards/3")
    kept = version(desk, "cards/3")
    assert (kept["state"], kept["made_by"], kept["findings"]) == ("checked", "wang.operations", [])
    assert (kept["arms"], kept["seed"], kept["decision"]) == (before["arms"], before["seed"], before["decision"])
    assert version(desk, "cards/1") == before, "the version it was made from stays as it was"
    model = desk.anhuan("strategy", "show", "cards/3", "--model")
    assert model.count("<annotationEntry") == MODEL.read_text("utf-8").count("<annotationEntry"), "notes of rows come back"
    page.goto(f"{desk.address}/strategies/cards/3/changes/?from=1")
    expect(page.locator(".changed-rows tbody tr")).to_have_count(2)
    expect(page.locator("ins")).to_have_text(["[4..14]", "[15..30]"])
    expect(page.locator(".card-note", has_text="rows the same")).to_contain_text("14 rows the same")
    assert [said for said in witness.complaints if _OF_ITS_BUILD not in said] == []


def test_a_file_that_is_no_strategy_is_refused_with_every_reason(page: Page, desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "no.dmn"
    file.write_text("<x/>")
    page.goto(f"{desk.address}/strategies/")
    page.set_input_files("#s-model", str(file))
    page.fill("#s-name", "cards")
    page.fill("#s-arms", "champion=0.5")
    page.get_by_role("button", name="Hand in").click()
    refused = page.locator("#strategy-refused li")
    expect(refused).to_have_count(2)
    expect(refused.last).to_contain_text("no DMN model")
    expect(page.locator("#s-name")).to_have_value("cards")


def test_a_file_with_a_gap_becomes_a_draft_that_shows_what_no_rule_answers(page: Page, desk: Desk, tmp_path: Path) -> None:
    text = MODEL.read_text("utf-8")
    start = text.index('<rule id="treatment_rule5"')
    file = tmp_path / "gap.dmn"
    file.write_text(text[:start] + text[text.index("</rule>", start) + len("</rule>") :], "utf-8")
    page.goto(f"{desk.address}/strategies/")
    page.set_input_files("#s-model", str(file))
    page.fill("#s-name", "other")
    page.fill("#s-arms", "hold_out=0.1 champion=0.9")
    page.get_by_role("button", name="Hand in").click()
    page.wait_for_url("**/strategies/other/1/", timeout=60_000)
    assert version(desk, "other/1")["state"] == "draft"
    found = page.locator("#strategy-findings .found li").first
    expect(found).to_contain_text("No rule answers this row")
    expect(found.locator(".example")).to_contain_text('stage = "pre_due"')
    expect(drawn(page).locator("#dmn .decision-table-name")).to_have_text("treatment")
    expect(page.locator(".way .tone-bad")).to_contain_text("finding")


def test_another_person_approves_and_puts_it_live_from_a_day(page: Page, desk: Desk) -> None:
    page.goto(f"{desk.address}/strategies/cards/2/")
    page.get_by_role("button", name="Approve").click()
    expect(page.locator(".case-head .pill")).to_have_text("Approved")
    page.fill("#w-day", "2026-11-01")
    page.locator("#w-day").evaluate("(field) => field.removeAttribute('min')")
    page.get_by_role("button", name="Put live").click()
    expect(page.locator(".alert-warning").first).to_contain_text("The night of 2026-11-02 has begun")
    expect(page.locator("#w-day")).to_have_value("2026-11-03")
    page.get_by_role("button", name="Put live").click()
    expect(page.locator(".case-head .pill")).to_have_text("Live")
    told = version(desk, "cards/2")
    assert (told["state"], told["approved_by"], told["live_from"]) == ("live", "wang.operations", "2026-11-03")
    assert version(desk, "cards/1")["live_until"] == "2026-11-03"


# --- figures --------------------------------------------------------------------------------------------------------


def figures(desk: Desk) -> dict[str, Any]:
    """The kept simulation of cards/2, as the records hold it."""
    script = (
        "import json\nfrom anhuan import settings; settings.start()\nfrom anhuan.records.strategy import Simulation\n"
        "print(json.dumps(Simulation.objects.get(version__name='cards', version__number=2).figures))"
    )
    return dict(json.loads(starter.run(["-c", script], environment=desk.environment).stdout))


def test_the_report_shows_the_simulation_that_is_kept(page: Page, desk: Desk) -> None:
    told = figures(desk)
    page.goto(f"{desk.address}/strategies/cards/2/simulation/")
    for name in ("wanted", "permitted", "refused", "no_capacity", "customers"):
        assert number(page.locator(f"[data-tile={name}] .tile-value").inner_text()) == told["totals"][name]
    series = page.evaluate(
        "() => echarts.getInstanceByDom(document.querySelector('[data-chart=simulation]')).getOption()"
        ".series.map((s) => [s.stack, s.data.reduce((a, b) => a + b, 0)])"
    )
    assert sum(n for stack, n in series if stack == "new") == told["totals"]["wanted"]
    assert sum(n for stack, n in series if stack == "live") == told["totals"]["live"]["wanted"]
    rules = page.locator("[aria-labelledby=h-sim-rules] tbody tr")
    assert {row.locator("th").inner_text(): number(row.locator("td.n").first.inner_text()) for row in rules.all()} == {
        rule: told["totals"]["refused_by_rule"].get(rule, 0)
        for rule in {*told["totals"]["refused_by_rule"], *told["totals"]["live"]["refused_by_rule"]}
    }
    expect(page.locator("[aria-labelledby=h-sim-capacity]")).to_contain_text("/ 60")


def test_a_difference_leads_to_its_customers_and_to_the_row_of_either_version(page: Page, desk: Desk) -> None:
    group = figures(desk)["differences"]["groups"][0]
    page.goto(f"{desk.address}/strategies/cards/2/simulation/")
    first = page.locator("#differences tbody tr").first
    expect(first.locator("th")).to_have_text(str(group["proposals"]))
    first.locator("th a").click()
    page.wait_for_url("**group=1*")
    expect(page.locator("#treated tbody tr")).to_have_count(group["proposals"])
    side, title = ("new", "cards/2") if group["new"] else ("live", "cards/1")
    page.locator("#differences tbody tr").first.locator("a.go").first.click()
    page.wait_for_url(f"**/strategies/{title}/?table=treatment*")
    drawn(page)
    expect(marked(page)).to_have_text(str(group[side]["rule"]))


def test_arms_are_compared_with_intervals_as_the_report_compares_them(page: Page, desk: Desk) -> None:
    told = {each["arm"]: each for each in figures(desk)["results"]}
    page.goto(f"{desk.address}/strategies/cards/arms/?version=1")
    for place, measure in enumerate(("cured", "paid_minor")):
        rows = page.locator(".intervals").nth(place).locator("tbody tr")
        expect(rows).to_have_count(len(told))
        for row in rows.all():
            arm = told[row.locator("th").inner_text()]
            assert number(row.locator("td").first.inner_text()) == arm["n"]
            shown = row.locator("td").nth(1).inner_text()
            mean = arm[measure]["mean"]
            assert shown == (f"{mean * 100:.2f}%" if measure == "cured" else f"{round(mean) / 100:,.2f}")
    assert page.locator("svg.interval circle").count() == 2


# --- who may, words, colours, policy --------------------------------------------------------------------------------


def test_an_auditor_reads_all_of_it_and_signs_nothing(sit: Callable[..., Page], desk: Desk, story: dict[str, str]) -> None:
    page = sit(user="li.auditor")
    for address in PAGES.values():
        answer = page.goto(desk.address + address.format(**story))
        assert answer is not None
        assert answer.status == 200
        assert "no-store" in (answer.header_value("cache-control") or "")
        assert page.locator("form[method=post]:not(.try, .lookup, .who, .language, form[action*=language])").count() == 0
    answer = page.goto(desk.address + EDITOR)
    assert answer is not None
    assert answer.status == 403
    token = page.context.request.get(f"{desk.address}/strategies/cards/1/").text()
    found = re.search(r'X-CSRFToken": "([^"]+)"', token)
    assert found
    for deed in ("act", "save", "prove"):
        answer_ = page.context.request.post(
            f"{desk.address}/strategies/cards/1/{deed}/", form={"step": "retire", "day": "2027-01-01"},
            headers={"X-CSRFToken": found[1], "Referer": desk.address},
        )  # fmt: skip
        assert answer_.status == 403, deed


@pytest.mark.parametrize("language", [pytest.param("en", marks=pytest.mark.slow), "zh-hans"])
def test_every_page_speaks_one_language_to_everyone_within_the_policy(
    sit: Callable[..., Page], desk: Desk, story: dict[str, str], witness: Witness, language: str
) -> None:
    page = sit(language=language)
    for name, address in {**PAGES, "editor": EDITOR}.items():
        page.goto(desk.address + address.format(**story))
        settled(page)
        if name in {"version", "editor"}:
            drawn(page)
        assert not foreign(page, "en" if language == "en" else "zh-CN"), name
        assert complaints(page) == [], name
        wide = page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{name}: {wide} px too wide"
    for tab in page.locator("#dmn-tabs button").all():
        tab.click()
        page.wait_for_timeout(150)
    assert complaints(page) == [], "the last view of the editor"
    assert page.locator("#dmn").get_attribute("data-untranslated") is None
    assert [said for said in witness.complaints if _OF_ITS_BUILD not in said] == []
