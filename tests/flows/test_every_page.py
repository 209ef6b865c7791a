"""Every page of the desk, looked at in a browser: by axe in both themes, for keys that mean two things, and for words nobody translated.

The pages of nights, the gate, strategies, wordings and sending are looked at beside their own walks; that no address is looked at
nowhere is seen to here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from django.urls import resolve
from playwright.sync_api import Browser, Page
from tests.flows import looking, starter, test_gate_screens, test_outbox_screens, test_strategy_screens
from tests.flows.browser import PASSWORD, ROOT, Desk, chromium, sit_down
from tests.flows.test_role_matrix import MATRIX

from anhuan.workbench.urls import urlpatterns

STORY = ROOT / "tests/flows/day_story.py"
TEMPLATES = ROOT / "src/anhuan/workbench/templates/workbench"
# Whoever sees most of them, and what stands in their addresses.
PAGES = {
    "lin": (
        "/work/", "/cases/{case}/", "/cases/{disputing}/", "/call/{call}/", "/desk/", "/plans/", "/plans/{plan}/",
        "/plans/{plan}/agreement/", "/disputes/", "/disputes/{dispute}/", "/disputes/hardship/{hardship}/", "/quality/mine/",
        "/account/", "/account/password/", "/account/second-factor/", "/people/",
    ),
    "wu": ("/desk/call/{inbound}/",),
    "zhou": (
        "/wall/", "/wall/promises/", "/wall/?big=1", "/boards/", "/quality/", "/quality/calls/{reviewed}/", "/quality/people/{person}/",
        "/approvals/", "/work/queues/", "/plans/?of=promises", "/plans/?of=waivers", "/disputes/?of=hardships",
    ),
    "wang.operations": (
        "/", "/payments/", "/payments/{file}/", "/payments/suspense/", "/payments/suspense/{suspense}/", "/people/", "/people/new/",
        "/people/{person}/", "/people/teams/0/", "/outbox/", "/compliance/", "/compliance/rulebook/", "/nights/{night}/",
        "/work/next/", "/nowhere/",
    ),
    "li.auditor": ("/compliance/looks/",),
}  # fmt: skip
# The same in the modules of their own walks.
ELSEWHERE = (
    *test_gate_screens.PAGES.values(), *test_strategy_screens.PAGES.values(), test_strategy_screens.EDITOR, *test_outbox_screens.PAGES,
    "/cases/", "/nights/", "/login/",  # test_screens.py
    "/login/code/",  # below
    "/wordings/", "/wordings/1/", "/wordings/1/edit/",  # test_wording_screens.py
)  # fmt: skip
# What answers a GET with something else than a page of its own.
NO_PAGE = {
    "a part of a page": {
        "roll_rates", "chain", "case_events", "timeline", "messages", "viewings_of", "work_card", "plan_card", "payment_card",
        "matter_card", "call_result", "call_line", "work_preview",
    },
    "a way to another page": {"case_beside", "call_under_way"},
    "a file": {
        "export_cases", "refusals_csv", "budgets_csv", "holds_csv", "replay_csv", "rulebook_csv", "viewings_csv", "plans_csv",
        "plans_xlsx", "boards_csv", "boards_xlsx", "work_csv", "disputes_csv", "findings_csv", "findings_parquet", "people_csv",
        "strategy_model", "quality_recording", "cases_xlsx", "work_xlsx", "disputes_xlsx", "quality_csv", "quality_xlsx", "payments_csv",
        "payments_xlsx", "suspense_csv", "suspense_xlsx",
    },
}  # fmt: skip


class _Anything(dict[str, str]):
    """Something for each name in an address: what it is matters not."""

    def __missing__(self, name: str) -> str:
        return (
            str(UUID(int=1))
            if name in {"call", "plan", "dispute", "hardship", "inbound", "reviewed", "suspense", "campaign"}
            else "1"
        )


def test_no_page_is_looked_at_nowhere() -> None:
    looked_at = {
        resolve(address.partition("?")[0].format_map(_Anything())).url_name
        for address in (*(each for pages in PAGES.values() for each in pages), *ELSEWHERE)
        if address != "/nowhere/"
    }
    none = frozenset[str]().union(*NO_PAGE.values())
    every = {str(pattern.name) for pattern in urlpatterns if MATRIX[str(pattern.name)].method == "get"}
    assert every - looked_at - none == set(), "look at them in PAGES, or say in NO_PAGE what they are"
    assert none - every == set()
    assert none & looked_at == set()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    desk = Desk(tmp_path_factory.mktemp("pages") / "home")
    desk.fill()
    for what in ("open", "happened"):
        ran = starter.run([STORY, what], environment=desk.environment, told=PASSWORD)
        assert ran.returncode == 0, ran.stderr
    desk.places = json.loads(ran.stdout)  # type: ignore[attr-defined]
    with desk.served():
        yield desk


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def walked(page: Page, desk: Desk, user: str) -> Iterator[str]:
    """One page after the other, everything on it loaded and unfolded."""
    for address in PAGES[user]:
        page.goto(desk.address + address.format(**desk.places))  # type: ignore[attr-defined]
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        looking.settled(page)
        page.evaluate("document.querySelectorAll('main details').forEach((each) => { each.open = true })")
        yield address


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("user", PAGES)
def test_axe_finds_nothing_and_a_key_means_one_thing(browser: Browser, desk: Desk, user: str) -> None:
    page = sit_down(browser, desk, user=user)
    found = {address: told for address in walked(page, desk, user) if (told := looking.complaints(page))}
    page.context.close()
    assert found == {}


@pytest.mark.slow
@pytest.mark.browser
def test_axe_finds_nothing_at_the_door(browser: Browser, desk: Desk) -> None:
    """Where nobody is signed in: an address that is none, a wrong password, the code after the right one, and whoever is locked out."""
    page = browser.new_context(reduced_motion="reduce").new_page()

    def knock(user: str, password: str) -> None:
        page.goto(f"{desk.address}/login/")
        page.fill("#id_username", user)
        page.fill("#id_password", password)
        page.press("#id_password", "Enter")

    page.goto(f"{desk.address}/nowhere/")
    assert looking.complaints(page) == []
    knock("song", PASSWORD)
    page.wait_for_url("**/login/code/**")
    assert looking.complaints(page) == []
    for _ in range(12):
        knock("song", "not the password")
        page.get_by_role("alert").wait_for()
        if "Too many" in page.get_by_role("alert").inner_text():
            break
    assert looking.complaints(page) == []
    page.context.close()


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("user", PAGES)
def test_a_chinese_page_holds_no_word_that_nobody_translated(browser: Browser, desk: Desk, user: str) -> None:
    page = sit_down(browser, desk, user=user, language="zh-hans")
    found = {address: told for address in walked(page, desk, user) if (told := looking.english(page))}
    page.context.close()
    assert found == {}


def test_every_key_stands_in_the_list_of_keys() -> None:
    listed = {" ".join(re.findall(r"<kbd>(.+?)</kbd>", keys)) for keys in re.findall(r"<dt>(.*?)</dt>", _text("_keys.html"))}
    alone = {key for keys in listed for key in keys.split(" ") if not keys.startswith("g ")} | listed
    used = {
        key
        for file in Path(TEMPLATES).glob("*.html")
        for key in re.findall(r'data-(?:field-)?key="([^"{]+)"', file.read_text())
    }
    assert used
    assert used - alone == set()


def _text(name: str) -> str:
    return (TEMPLATES / name).read_text()


def test_a_key_of_the_side_bar_means_the_same_everywhere() -> None:
    """A page may offer the same way once more; another way by the same key would never be reached."""
    link = re.compile(r"""<a [^>]*href="\{% url '(\w+)'[^>]*data-key="(g \w)\"""")
    ways: dict[str, set[str]] = {}
    for file in Path(TEMPLATES).glob("*.html"):
        for name, key in link.findall(file.read_text()):
            ways.setdefault(key, set()).add(name)
    assert ways
    # The same room: her own reviews for a collector, those of all for a supervisor.
    ways["g e"].discard("quality_mine")
    assert {key: names for key, names in ways.items() if len(names) > 1} == {}
