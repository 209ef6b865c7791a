"""Walks through the workbench in a real browser, over a home the real command line filled."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Browser, Page, Route, expect
from tests.flows.browser import NIGHTS, Desk, Witness, chromium, number, sit_down
from tests.flows.looking import complaints, foreign, settled

pytestmark = pytest.mark.browser

BUCKETS = range(1, 8)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    desk = Desk(tmp_path_factory.mktemp("desk") / "home")
    desk.fill()
    with desk.served():
        yield desk


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def witness() -> Witness:
    return Witness()


@pytest.fixture
def sit(browser: Browser, desk: Desk, witness: Witness) -> Iterator[Callable[..., Page]]:
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


def addresses(desk: Desk) -> dict[str, str]:
    """One address of every kind of page."""
    case = next(iter(desk.open_cases))
    owners = {row["account_id"]: row["customer_id"] for row in desk.delivered("accounts.csv")}
    paid = next(
        owners[row["account_id"]] for row in desk.delivered("payments.csv") if owners.get(row["account_id"]) in desk.open_cases
    )
    return {
        "dashboard": "/",
        "dashboard in dollars": "/?currency=USD",
        "cases": "/cases/",
        "closed cases": "/cases/?status=closed",
        "case": f"/cases/{case}/",
        "case with payments": f"/cases/{paid}/",
        "nights": "/nights/",
        "night": f"/nights/{desk.nights[-1]['sequence']}/",
        "nothing": "/nowhere/",
    }


# --- The door -------------------------------------------------------------------------------------------------------


def test_every_page_asks_for_a_login(browser: Browser, desk: Desk) -> None:
    page = browser.new_page()
    for address in addresses(desk).values():
        page.goto(desk.address + address)
        assert "/login/" in page.url or address == "/nowhere/"
    page.close()


def test_a_wrong_password_stays_at_the_door(browser: Browser, desk: Desk) -> None:
    page = browser.new_page()
    page.goto(f"{desk.address}/login/")
    page.fill("#id_username", "wang.operations")
    page.fill("#id_password", "not the password")
    page.press("#id_password", "Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    assert page.url.endswith("/login/")
    page.close()


# --- The dashboard --------------------------------------------------------------------------------------------------


def test_the_dashboard_tells_what_the_command_line_tells(page: Page, desk: Desk) -> None:
    last, before = desk.nights[-1], desk.nights[-2]
    currencies = page.locator(".page-tools [aria-label=Currency] a").all_inner_texts()
    flow = dict.fromkeys(last["flow"], 0)
    for currency in currencies:
        page.goto(f"{desk.address}/?currency={currency}")
        for name in flow:
            flow[name] += number(page.locator(f"[data-tile={name}] .tile-value").inner_text())
    assert flow == last["flow"]
    assert number(page.locator("[data-tile=open_cases] .tile-value").inner_text()) == last["cases"]["open"]
    assert (
        number(page.locator("[data-tile=open_cases] .change").inner_text()) == last["cases"]["open"] - before["cases"]["open"]
    )
    assert page.locator(".book-date time").inner_text() == last["business_date"]
    expect(page.locator(".moved-clock")).to_be_visible()


def test_the_table_of_buckets_is_the_sum_of_the_delivered_accounts(page: Page, desk: Desk) -> None:
    day = desk.nights[-1]["business_date"]
    delivered = [
        row for row in desk.delivered("accounts.csv") if row["currency"] == "CNY" and Decimal(row["past_due_amount"]) > 0
    ]
    owed = sum(Decimal(row["balance_total"]) for row in delivered if row["past_due_since"] < day)
    assert page.locator("[aria-labelledby=h-tonight] tfoot td").nth(1).inner_text() == f"{owed:,.2f}"
    rows = page.locator("[aria-labelledby=h-tonight] tbody tr")
    assert sum(number(rows.nth(n).locator("td").first.inner_text()) for n in range(7)) == len(
        [row for row in delivered if row["past_due_since"] < day]
    )


def test_the_charts_are_drawn_with_a_bar_for_every_night_and_bucket(page: Page, desk: Desk) -> None:
    plot = page.locator("[data-chart=buckets]")
    expect(plot.locator("svg")).to_be_visible()
    drawn = page.evaluate(
        "() => { const o = echarts.getInstanceByDom(document.querySelector('[data-chart=buckets]')).getOption();"
        " return [o.xAxis[0].data, o.series.map((s) => [s.name, s.data])] }"
    )
    assert drawn[0] == [night["business_date"] for night in desk.nights]
    assert [name for name, _ in drawn[1]] == [f"M{bucket}" for bucket in BUCKETS]
    shown = page.locator("[aria-labelledby=h-tonight] tbody tr")
    for n, (_name, values) in enumerate(drawn[1]):
        balance = Decimal(shown.nth(n).locator("td").nth(1).inner_text().replace(",", ""))
        assert Decimal(str(values[-1])) == balance
    assert plot.locator("svg path[fill]:not([fill=none])").count() >= 7 * NIGHTS
    plot.hover(position={"x": 300, "y": 150})
    expect(page.locator(".tip")).to_contain_text("CNY")


def test_the_heat_map_is_the_matrix_of_the_report(page: Page, desk: Desk) -> None:
    days = [night["business_date"] for night in desk.nights]

    def compare(by: str, start: str, end: str) -> None:
        report = desk.anhuan("report", "roll-rates", "--from", start, "--to", end, "--by", by, "--json")
        expect(page.locator("#roll .card-note")).to_have_text(f"{start} → {end}")
        shares = page.locator("#roll tbody tr")
        for row, line in enumerate(report["matrix"]):
            cells = shares.nth(row).locator("td:not(.sum)")
            for column, value in enumerate(line):
                text = cells.nth(column).inner_text()
                assert (f"{Decimal(value) / sum(line) * 100:.1f}%" in text) if value else not text.strip()
                if by == "count" and value:
                    assert f"{value:,}" in text

    compare("count", days[-2], days[-1])
    with page.expect_response(re.compile("roll-rates")):
        page.locator("#roll label", has_text="Balance").click()
    expect(page.locator("#roll")).to_contain_text("Balance in CNY")
    compare("balance", days[-2], days[-1])
    with page.expect_response(re.compile("roll-rates")):
        page.locator("#roll select").select_option("2026-11")
    compare("balance", "2026-10-31", days[-1])


def test_the_heaps_add_up_in_front_of_the_reader(page: Page, desk: Desk) -> None:
    heaps = [number(text) for text in page.locator(".heap-sum li strong").all_inner_texts()]
    assert sum(heaps[:-1]) == heaps[-1] == desk.nights[-1]["rows"]["accounts.csv"]
    widths = page.locator(".heaps rect").evaluate_all("all => all.map((r) => parseFloat(r.getAttribute('width')))")
    assert abs(sum(widths) - 100) < 0.1


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_findings_come_down_in_the_readers_language(
    sit: Callable[..., Page], desk: Desk, language: str, tmp_path: Path
) -> None:
    page = sit(language=language)
    snapshot = Path(desk.nights[-1]["findings_file"]).parent.name
    kept = pq.read_table(desk.home / "snapshots" / snapshot / "findings.parquet").to_pylist()
    assert kept, "the bank's last night is expected to hold odd rows"
    told = sorted((row["file"], row["line"] or 0, row["message_en" if language == "en" else "message_zh"]) for row in kept)
    for form in ("CSV", "Parquet"):
        with page.expect_download() as coming:
            page.locator("[aria-labelledby=h-findings] .card-tools a", has_text=form).click()
        file = tmp_path / coming.value.suggested_filename
        coming.value.save_as(file)
        if form == "CSV":
            rows: list[Any] = list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8-sig"))))
        else:
            rows = pq.read_table(file).to_pylist()
        assert sorted((row["file"], int(row["line"] or 0), row["message"]) for row in rows) == told


# --- The list -------------------------------------------------------------------------------------------------------


def test_the_list_is_filtered_sorted_and_paged_by_keyboard_alone(page: Page, desk: Desk) -> None:
    keys = page.keyboard
    keys.press("g")
    keys.press("c")
    page.wait_for_url("**/cases/")
    everything = desk.open_cases
    seen = page.locator("#list tbody th").all_inner_texts()
    assert len(seen) == 50
    owed = [everything[case]["past_due_amount_minor"] for case in seen]
    assert owed == sorted(owed, reverse=True)

    while page.locator("#list a[rel=next]").count():
        first = page.locator("#list tbody th").first.inner_text()
        keys.press("]")
        expect(page.locator("#list tbody th").first).not_to_have_text(first)
        seen += page.locator("#list tbody th").all_inner_texts()
    assert len(seen) == len(set(seen)) == len(everything)
    keys.press("[")
    expect(page.locator("#list tbody th").first).to_have_text(seen[-50 - len(seen) % 50] if len(seen) % 50 else seen[-100])

    keys.press("f")
    for _ in range(2):
        keys.press("Tab")
    with page.expect_response(re.compile(r"bucket=2")):
        keys.press("Space")
    wanted = {case for case, row in everything.items() if row["bucket"] == 2}
    expect(page.locator("#list .pager > span")).to_contain_text(f"{len(wanted)} cases")
    assert "bucket=2" in page.url
    assert page.evaluate("document.activeElement.id") == "f-b2", "the reader keeps her place when the list is drawn anew"
    assert set(page.locator("#list tbody th").all_inner_texts()) <= wanted


def test_rows_are_walked_and_opened_without_a_mouse(page: Page, desk: Desk) -> None:
    page.goto(f"{desk.address}/cases/?sort=-dpd&bucket=1&bucket=2")
    listed = page.locator("#list tbody th").all_inner_texts()
    for key in ("j", "j", "j", "k"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.textContent") == listed[1]
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/cases/{listed[1]}/**")
    page.keyboard.press("]")
    page.wait_for_url(f"**/cases/{listed[2]}/**")
    page.keyboard.press("[")
    page.wait_for_url(f"**/cases/{listed[1]}/**")
    page.keyboard.press("[")
    page.wait_for_url(f"**/cases/{listed[0]}/**")
    assert "sort=-dpd" in page.locator(".page-tools a").first.get_attribute("href")
    page.keyboard.press("[")  # before the first there is the list itself
    page.wait_for_url("**/cases/?*sort=-dpd*")


def test_single_keys_can_be_switched_off(page: Page, desk: Desk) -> None:
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.locator("[data-keys-switch]").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("c")
    page.keyboard.press("?")
    page.wait_for_timeout(300)
    assert page.url == f"{desk.address}/"
    expect(page.locator("#keys")).not_to_be_visible()


def test_the_list_comes_down_masked_with_progress(page: Page, desk: Desk, tmp_path: Path) -> None:
    page.goto(f"{desk.address}/cases/?bucket=1")
    wanted = {case_id for case_id, row in desk.open_cases.items() if row["bucket"] == 1}
    with page.expect_download() as coming:
        page.locator("a[data-export]").click()
    file = tmp_path / coming.value.suggested_filename
    coming.value.save_as(file)
    text = file.read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {row["case_id"] for row in rows} == wanted
    assert all("*" in row["name"] for row in rows if row["name"])
    assert not {value for value in desk.personal if value in text}
    expect(page.locator("[data-export-text]")).to_have_text(f"{len(rows):,}")


# --- A person -------------------------------------------------------------------------------------------------------


def _open_case_with_a_mobile(desk: Desk) -> tuple[str, dict[str, str], dict[str, str]]:
    """An open case, its customer as delivered, and a mobile number that is hers alone."""
    customers = {row["customer_id"]: row for row in desk.delivered("customers.csv")}
    points = [row for row in desk.delivered("contact_points.csv") if row["kind"] == "mobile" and row["party"] == "debtor"]
    values = [row["value"] for row in desk.delivered("contact_points.csv")]
    for point in points:
        person = customers.get(point["customer_id"])
        if point["customer_id"] in desk.open_cases and person and person["employer"] and values.count(point["value"]) == 1:
            return point["customer_id"], person, point
    raise AssertionError("the bank delivered nobody fit for this walk")


def test_a_phone_number_finds_its_customer_and_stands_in_no_address(page: Page, desk: Desk, witness: Witness) -> None:
    case, person, point = _open_case_with_a_mobile(desk)
    number_typed = point["value"].removeprefix("+86")
    for term in (number_typed, f"{number_typed[:3]} {number_typed[3:7]} {number_typed[7:]}", person["id_number"], case):
        page.goto(f"{desk.address}/nights/")
        page.keyboard.press("/")
        page.keyboard.type(term)
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/cases/{case}/")
    page.goto(f"{desk.address}/nights/")  # from a case's page the address waited for would already be there
    page.keyboard.press("/")
    page.keyboard.type(person["name"])
    page.keyboard.press("Enter")
    page.wait_for_url("**/cases/**")
    assert page.url.endswith(f"/cases/{case}/") or case in page.locator("#list tbody th").all_inner_texts()
    page.keyboard.press("/")
    page.keyboard.type("13999999999")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Nothing was found")).to_be_visible()
    assert not [value for value in {*desk.personal, number_typed} for address in witness.addresses if value in address]


def test_a_look_in_clear_needs_a_reason_leaves_an_event_and_does_not_last(page: Page, desk: Desk, witness: Witness) -> None:
    case, person, point = _open_case_with_a_mobile(desk)
    answer = page.goto(f"{desk.address}/cases/{case}/")
    assert answer
    assert "no-store" in (answer.header_value("cache-control") or "")
    shown = page.locator("#person").inner_text()
    assert person["name"] not in shown
    assert person["id_number"] not in shown
    assert point["value"] not in shown

    page.keyboard.press("r")
    page.fill("#reveal-reason", f"calls {person['name']}")
    page.locator("#reveal button[type=submit]").click()
    expect(page.locator("#reveal-refused")).to_contain_text("must not hold")
    page.fill("#reveal-reason", "Customer called in")
    page.locator("#reveal label", has_text="Employer").click()
    with page.expect_response(re.compile("reveal")) as told:
        page.locator("#reveal button[type=submit]").click()
    assert "no-store" in (told.value.header_value("cache-control") or "")
    expect(page.locator("#person")).to_contain_text(person["name"])
    expect(page.locator("#person")).to_contain_text(person["employer"])
    expect(page.locator("#person")).to_contain_text(point["value"])
    assert person["id_number"] not in page.locator("#person").inner_text()

    page.get_by_role("button", name="Mask again").click()
    page.locator("#events").scroll_into_view_if_needed()
    expect(page.locator("#events li").first).to_contain_text("Customer called in")
    assert person["name"] not in page.content()
    event = desk.anhuan("case", "show", case, "--json")["events"][0]
    assert (event["kind"], event["by"]) == ("identity.revealed", "wang.operations")
    assert event["body"] == {"fields": ["employer", "name", "phone"], "reason": "Customer called in"}
    page.get_by_role("button", name="Verify the chain").click()
    expect(page.locator("#chain")).to_contain_text("unbroken")
    page.go_back()
    page.go_forward()
    assert person["name"] not in page.content()
    assert not [title for title in witness.titles if any(value in title for value in desk.personal)]


def test_what_failed_says_so_in_sight_and_loses_nothing_typed(page: Page, desk: Desk) -> None:
    page.goto(f"{desk.address}/cases/{_open_case_with_a_mobile(desk)[0]}/")
    page.keyboard.press("r")
    page.fill("#reveal-reason", "Customer called in")
    send, told = page.locator("#reveal button[type=submit]"), page.locator("#trouble p:visible")

    def fails(how: Callable[[Route], None], words: str) -> None:
        page.route("**/reveal/**", how)
        send.click()
        expect(told).to_contain_text(words)
        expect(page.locator("#reveal-reason")).to_have_value("Customer called in")
        page.unroute("**/reveal/**")

    fails(lambda route: route.abort(), "does not answer")
    fails(lambda route: route.fulfill(status=500), "nothing half-done was kept")
    fails(lambda route: route.fulfill(status=409), "somebody changed it in the meantime")
    fails(lambda route: route.fulfill(status=404), "no longer there")
    # A session that ends in mid-form: in another window she signs in again, comes back, and sends what she had typed.
    session = page.context.cookies()
    page.context.clear_cookies(name="anhuan-session")
    send.click()
    expect(told).to_contain_text("Your session has ended")
    page.context.add_cookies(session)  # type: ignore[arg-type]  # as they came
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(told).to_contain_text("send it once more")
    send.click()
    expect(page.locator("[data-revealed]")).to_be_visible()
    expect(told).to_have_count(0)


def test_an_auditor_sees_everything_masked_and_reveals_nothing(sit: Callable[..., Page], desk: Desk) -> None:
    page = sit(user="li.auditor")
    case = _open_case_with_a_mobile(desk)[0]
    page.goto(f"{desk.address}/cases/{case}/")
    expect(page.locator("#person")).to_contain_text("**")
    assert page.locator("[data-open=reveal]").count() == page.locator("#reveal").count() == 0
    status = page.evaluate(
        "async (address) => (await fetch(address, {method: 'POST', headers: {'X-CSRFToken': JSON.parse(document.body.getAttribute("
        "'hx-headers'))['X-CSRFToken'], 'Content-Type': 'application/x-www-form-urlencoded'}, body: 'field=name&reason=audit'})).status",
        f"/reveal/{case}/",
    )
    assert status == 403


def test_no_personal_value_reaches_the_log(page: Page, desk: Desk) -> None:
    case, person, _point = _open_case_with_a_mobile(desk)
    page.keyboard.press("/")
    page.keyboard.type(person["id_number"])
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/cases/{case}/")
    page.goto(f"{desk.address}/nowhere/")
    log = desk.log.read_text()
    assert not [value for value in desk.personal if value in log]


# --- Words, colours, widths -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_every_page_speaks_chinese_and_says_so(sit: Callable[..., Page], desk: Desk) -> None:
    """English is heard where axe looks at the same pages."""
    page = sit(language="zh-hans")
    for name, address in addresses(desk).items():
        page.goto(desk.address + address)
        assert not foreign(page, "zh-CN"), name


def test_the_language_is_switched_in_place_and_kept(page: Page, desk: Desk) -> None:
    page.goto(f"{desk.address}/cases/?bucket=1")
    page.get_by_role("button", name="中文").click()
    page.wait_for_load_state()
    assert page.url == f"{desk.address}/cases/?bucket=1"
    expect(page.locator("h1")).to_have_text("案件")
    page.goto(f"{desk.address}/")
    expect(page.locator("h1")).to_have_text("看板")
    expect(page.locator("[data-tile=overdue_balance] .tile-value")).to_contain_text("万")
    page.get_by_role("button", name="English").click()
    expect(page.locator("h1")).to_have_text("Dashboard")
    expect(page.locator("[data-tile=overdue_balance] .tile-value")).to_contain_text(re.compile("[MK]"))


def test_the_theme_is_chosen_and_kept(page: Page, desk: Desk) -> None:
    page.get_by_role("button", name="Dark theme").click()
    assert page.locator("html").get_attribute("data-bs-theme") == "dark"
    page.goto(f"{desk.address}/nights/")
    assert page.locator("html").get_attribute("data-bs-theme") == "dark"
    page.get_by_role("button", name="System theme").click()
    page.emulate_media(color_scheme="light")
    page.goto(f"{desk.address}/nights/")
    assert page.locator("html").get_attribute("data-bs-theme") == "light"


def test_axe_finds_nothing_to_complain_of_and_every_page_speaks_one_language(sit: Callable[..., Page], desk: Desk) -> None:
    page = sit()
    for name, address in addresses(desk).items():
        page.goto(desk.address + address)
        assert not foreign(settled(page), "en"), name
        for opener in page.locator("[data-open]").all() if name == "case" else ():
            opener.click()
            assert not complaints(page, "dialog[open]"), f"{name} with a window open"
            page.keyboard.press("Escape")
        for summary in page.locator("summary").all():
            summary.click()
        assert not complaints(page), name
    page.goto(f"{desk.address}/cases/{_open_case_with_a_mobile(desk)[0]}/")
    page.keyboard.press("r")
    page.fill("#reveal-reason", "audit")
    page.locator("#reveal button[type=submit]").click()
    expect(page.locator("[data-revealed]")).to_be_visible()
    assert not complaints(page, "#person"), "a person in clear"
    page.context.clear_cookies(name="anhuan-session")
    page.goto(f"{desk.address}/login/")
    assert not complaints(page), "the door"


@pytest.mark.slow
def test_nothing_sticks_out_from_a_small_desk_to_a_wall(sit: Callable[..., Page], desk: Desk) -> None:
    for language in ("en", "zh-hans"):
        page = sit(language=language)
        for name, address in addresses(desk).items():
            page.goto(desk.address + address)
            page.wait_for_load_state("networkidle")
            for width, height in ((1024, 700), (1366, 768), (3840, 2160)):
                page.set_viewport_size({"width": width, "height": height})
                wide = _settled_overhang(page)
                assert wide <= 0, f"{name} at {width} in {language}: {wide} px too wide"
                cut = page.locator(".table-responsive").evaluate_all(
                    "all => all.filter((t) => t.scrollWidth > t.clientWidth).map((t) => t.closest('section').innerText.slice(0, 40))"
                )
                assert width < 1366 or not cut, f"{name} at {width} in {language}: scrolls sideways: {cut}"


def _settled_overhang(page: Page) -> int:
    """How many pixels stick out once the charts have been drawn anew, for which a busy machine takes a while."""
    for _ in range(50):
        page.wait_for_timeout(200)
        wide = page.evaluate(
            "() => [document.documentElement.scrollWidth - innerWidth, ...[...document.querySelectorAll('.card')]"
            ".map((card) => card.scrollWidth - card.clientWidth)].reduce((a, b) => Math.max(a, b), 0)"
        )
        if wide <= 0:
            break
    return int(wide)


# --- The policy -----------------------------------------------------------------------------------------------------


def test_no_page_breaks_the_policy(sit: Callable[..., Page], desk: Desk, witness: Witness) -> None:
    page = sit()
    for address in addresses(desk).values():
        page.goto(desk.address + address)
        settled(page)
        for plot in page.locator("[data-chart]").all():
            plot.hover(position={"x": 200, "y": 60})
            page.wait_for_timeout(100)
        for button in page.locator("[data-chart-measure], [data-theme-choice]").all():
            button.click()
    allowed = [text for text in witness.complaints if "404" in text]
    assert witness.complaints == allowed
    answer = page.goto(f"{desk.address}/")
    policy = (answer.header_value("content-security-policy") or "") if answer else ""
    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert "unsafe" not in policy


def test_the_policy_is_heard_when_it_is_broken(page: Page, witness: Witness) -> None:
    page.evaluate(
        "() => { const b = document.createElement('b'); b.setAttribute('style', 'color: red'); document.body.append(b) }"
    )
    page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.broken = 1'; document.body.append(s) }"
    )
    for directive in ("POLICY style-src", "POLICY script-src"):
        for _ in range(100):
            if not any(text.startswith(directive) for text in witness.complaints):
                page.wait_for_timeout(100)
        assert any(text.startswith(directive) for text in witness.complaints), directive
    assert page.evaluate("() => window.broken") is None


# --- When things are not as usual -----------------------------------------------------------------------------------


def test_an_empty_home_says_what_to_do(browser: Browser, tmp_path: Path) -> None:
    desk = Desk(tmp_path / "home")
    desk.prepare()
    with desk.served():
        page = sit_down(browser, desk)
        expect(page.locator("pre")).to_have_text("anhuan night DIR")
        page.goto(f"{desk.address}/cases/")
        expect(page.get_by_text("No case matches.")).to_be_visible()
        page.goto(f"{desk.address}/nights/")
        expect(page.get_by_text("No night has been worked through yet")).to_be_visible()
        page.context.close()


def test_a_refused_delivery_stands_on_the_dashboard_until_a_night_is_sealed(page: Page, desk: Desk, tmp_path: Path) -> None:
    spoilt = tmp_path / "2026-11-03"
    spoilt.mkdir()
    for file in desk.deliveries[-1].iterdir():
        (spoilt / file.name).write_bytes(file.read_bytes())
    manifest = spoilt / "manifest.json"
    told = manifest.read_text().replace('"2026-11-02"', '"2026-11-01"')
    manifest.write_text(told)
    refused = desk.anhuan("night", str(spoilt), "--json", code=3, clock="2026-11-03T18:00:00+08:00")
    page.reload()
    banner = page.locator(".banner-bad")
    expect(banner).to_contain_text("2026-11-01")
    expect(banner).to_contain_text(refused["reasons"][0]["message_en"])
    page.goto(f"{desk.address}/nights/")
    expect(page.locator("#refused")).to_contain_text(refused["reasons"][0]["message_en"])
