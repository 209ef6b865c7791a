"""Draws the pages of the demonstration: `python tools/screenshots.py [--all DIR] [--size 2560x1440] [--only call,wall]`.

Fills the home of the demonstration if it is empty (`anhuan demo`), has its people do a few things, so that no page is empty, serves
it, and photographs its pages with Debian's chromium into docs/images; with `--all`, every page in both languages and themes into DIR,
to be looked at before a change is handed in. It works in the home: give it one of its own (ANHUAN_HOME; by default var/screenshots).
Personal data stays masked, but for the number on a call's screen, which is made up like everything else.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
FLAGS = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run", "--disable-quic"]
MORNING = "2026-11-23T10:00:00+08:00"
BEFORE = "2026-11-23T09:45:00+08:00"  # what the pictures show has happened by then

# What the README and the documentation show: page, language, theme.
SHOWN = (
    ("dashboard", "en", "light"),
    ("dashboard", "zh-hans", "light"),
    ("case", "en", "light"),
    ("case", "zh-hans", "dark"),
    ("call", "en", "light"),
    ("call", "zh-hans", "light"),
    ("offers", "en", "light"),
    ("wall", "en", "light"),
    ("wall", "zh-hans", "dark"),
    ("worklist", "en", "light"),
    ("gate", "en", "light"),
    ("gate", "zh-hans", "light"),
    ("compliance", "en", "light"),
)
THEMES = ("light", "dark")
SHORT = {"en": "en", "zh-hans": "zh"}


@dataclass(frozen=True)
class Shot:
    """A page: who looks at it, where it is (`{case}` and the like are filled in), and what is done before the picture is taken."""

    user: str
    address: str
    keys: tuple[str, ...] = ()
    opens: str = ""


_D, _C, _S, _H, _X = "demo", "wanglei", "zhouqi", "hehan", "xuming"
SHOTS: dict[str, Shot] = {
    "login": Shot("", "/login/"),
    "dashboard": Shot(_D, "/"),
    "cases": Shot(_D, "/cases/?bucket=2&bucket=3"),
    "case": Shot(_C, "/cases/{case}/"),
    "gate": Shot(_D, "/cases/{busy}/"),
    "held": Shot("sunyan", "/cases/{disputed}/"),
    "promise": Shot(_C, "/cases/{case}/", ("p",)),
    "offers": Shot(_C, "/cases/{case}/", ("n",), "offers"),
    "palette": Shot(_C, "/cases/{case}/", ("Control+k",)),
    "keys": Shot(_C, "/work/", ("?",)),
    "worklist": Shot(_C, "/work/"),
    "queues": Shot(_S, "/work/queues/"),
    "call": Shot(_C, "/call/"),
    "call-verified": Shot("chenxi", "/call/", ("1",)),
    "call-closed": Shot(_C, "/call/{closed_call}/"),
    "inbound": Shot(_C, "/desk/"),
    "inbound-check": Shot("sunyan", "/desk/call/{inbound_call}/"),
    "reveal": Shot(_C, "/cases/{case}/", ("r",)),
    "explanation": Shot(_D, "/explanation/{busy}/?channel=call"),
    "plans": Shot(_S, "/plans/"),
    "plan": Shot(_S, "/plans/{plan}/"),
    "agreement": Shot(_S, "/plans/{plan}/agreement/"),
    "approvals": Shot(_S, "/approvals/"),
    "disputes": Shot(_S, "/disputes/"),
    "dispute": Shot("sunyan", "/disputes/{dispute}/"),
    "hardship": Shot(_S, "/disputes/hardship/{hardship}/"),
    "payments": Shot(_D, "/payments/"),
    "payment-file": Shot(_D, "/payments/{payment_file}/"),
    "suspense": Shot(_D, "/payments/suspense/"),
    "suspense-item": Shot(_D, "/payments/suspense/{suspense}/"),
    "wall": Shot(_S, "/wall/"),
    "wall-big": Shot(_S, "/wall/?big=1"),
    "wall-rows": Shot(_S, "/wall/promises/"),
    "boards": Shot(_S, "/boards/"),
    "quality": Shot(_S, "/quality/"),
    "quality-call": Shot(_S, "/quality/calls/{quality_call}/"),
    "quality-person": Shot(_S, "/quality/people/{person_judged}/"),
    "quality-mine": Shot(_C, "/quality/mine/"),
    "people": Shot(_D, "/people/"),
    "person-new": Shot(_D, "/people/new/"),
    "person": Shot(_D, "/people/{person}/"),
    "team": Shot(_D, "/people/teams/{team}/"),
    "account": Shot(_C, "/account/"),
    "password": Shot(_C, "/account/password/"),
    "second-factor": Shot(_C, "/account/second-factor/"),
    "nights": Shot(_D, "/nights/"),
    "night": Shot(_D, "/nights/{night}/"),
    "outbox": Shot(_D, "/outbox/"),
    "sandbox": Shot(_D, "/sandbox/"),
    "wordings": Shot(_D, "/wordings/"),
    "wording": Shot(_D, "/wordings/{wording}/"),
    "wording-edit": Shot(_D, "/wordings/{wording}/edit/"),
    "compliance": Shot(_H, "/compliance/"),
    "rulebook": Shot(_H, "/compliance/rulebook/"),
    "looks": Shot(_H, "/compliance/looks/"),
    "replay": Shot(_H, "/compliance/replay/?run=1&law=uk&law=house"),
    "strategies": Shot(_X, "/strategies/"),
    "strategy": Shot(_X, "/strategies/cards/1/?table=treatment&row=30"),
    "strategy-edit": Shot(_X, "/strategies/cards/1/edit/?table=stage"),
    "strategy-changes": Shot(_X, "/strategies/cards/1/changes/"),
    "simulation": Shot(_X, "/strategies/cards/1/simulation/"),
    "arms": Shot(_X, "/strategies/cards/arms/"),
    "nothing": Shot(_D, "/nowhere/"),
    "forbidden": Shot(_C, "/people/"),
    "wrong-method": Shot(_C, "/work/next/"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", type=Path, metavar="DIR", help="every page, language and theme")
    parser.add_argument("--only", default="", help="names of pages, separated by commas")
    parser.add_argument("--size", default="1366x768")
    asked = parser.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("screenshots: no chromium here: apt-get install chromium fonts-noto-cjk")
    home = Path(os.environ.get("ANHUAN_HOME") or ROOT / "var" / "screenshots").absolute()
    environment = {**os.environ, "ANHUAN_HOME": str(home), "ANHUAN_CLOCK": MORNING, "DEMO_EXIT": "1"}
    subprocess.run([sys.executable, "-m", "anhuan", "demo"], env=environment, check=True, stdout=sys.stderr)
    command = [sys.executable, ROOT / "tools/lived_in.py"]
    lived = subprocess.run(command, env=environment | {"ANHUAN_CLOCK": BEFORE}, check=True, stdout=subprocess.PIPE, text=True)
    places = json.loads(lived.stdout.splitlines()[-1])
    folder = asked.all or ROOT / "docs/images"
    folder.mkdir(parents=True, exist_ok=True)
    width, height = map(int, asked.size.split("x"))
    views = [view for view in _views(everything=bool(asked.all)) if not asked.only or view[0] in asked.only.split(",")]
    with serving(environment) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        password = (home / "secrets/demo_password").read_text().strip()
        for user, language in sorted({(SHOTS[name].user, language) for name, language, _ in views}):
            page = sign_in(browser, address, user, password, language=language, size=(width, height))
            for name in [name for name in SHOTS if SHOTS[name].user == user]:
                themes = [theme for theme in THEMES if (name, language, theme) in views]
                files = {theme: folder / f"{name}-{SHORT[language]}-{theme}.png" for theme in themes}
                if files:
                    photograph(page, address, SHOTS[name], files, places)
                    print(*files.values(), flush=True)
            page.context.close()
        browser.close()
    return 0


def _views(*, everything: bool) -> list[tuple[str, str, str]]:
    return list(product(SHOTS, SHORT, THEMES)) if everything else list(SHOWN)


@contextmanager
def serving(environment: dict[str, str]) -> Iterator[str]:
    """The site on a free port, until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    site = subprocess.Popen([sys.executable, "-m", "anhuan", "serve", "--port", str(port)], env=environment)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{address}/login/", timeout=5).close()  # noqa: S310  our own site
                break
            except OSError:
                time.sleep(0.2)
        yield address
    finally:
        site.terminate()
        site.wait(20)


def sign_in(browser: Browser, address: str, user: str, password: str, *, language: str, size: tuple[int, int]) -> Page:
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, reduced_motion="reduce")
    cookies = {"anhuan-language": language, "theme": "light"}
    context.add_cookies([{"name": name, "value": value, "url": address} for name, value in cookies.items()])
    page = context.new_page()
    if user:
        page.goto(f"{address}/login/")
        page.fill("#id_username", user)
        page.fill("#id_password", password)
        page.press("#id_password", "Enter")
        page.wait_for_url(lambda url: "/login/" not in url)
    return page


def photograph(page: Page, address: str, shot: Shot, files: dict[str, Path], places: dict[str, str]) -> None:
    """One page, whole, in each of the themes."""
    page.goto(address + shot.address.format(**places))
    _settle(page)
    for key in shot.keys:
        page.keyboard.press(key)
        _settle(page)
    if shot.opens == "offers":
        for name, value in {"income": "12000", "expense_housing": "3000", "expense_food": "2500", "instalments": "6"}.items():
            page.fill(f"#plan-ask [name={name}]", value)
        page.select_option("#plan-ask [name=wish]", "plan")
        page.press("#plan-ask [name=instalments]", "Enter")
        page.locator("#plan-offers > *").first.wait_for()
        _settle(page)
    page.evaluate("scrollTo(0, 0)")
    # The side bar sticks to the window; a window as tall as the page lets it reach the bottom.
    size = page.viewport_size or {"width": 1366, "height": 768}
    whole = min(page.evaluate("document.documentElement.scrollHeight"), 1900)
    page.set_viewport_size({"width": size["width"], "height": max(size["height"], whole)})
    if shot.opens == "offers":
        page.evaluate("document.getElementById('card-plans').scrollIntoView()")
    for theme, file in files.items():
        page.evaluate(_TURN, theme)
        page.wait_for_timeout(200)  # charts are drawn anew
        page.screenshot(path=file)
    page.set_viewport_size(size)


_TURN = """(theme) => {
  document.documentElement.dataset.bsTheme = theme;
  document.documentElement.dispatchEvent(new CustomEvent('theme'));
}"""


def _settle(page: Page) -> None:
    """Everything the page asks for by itself has come."""
    page.wait_for_function("() => document.readyState === 'complete' && !document.querySelector('.htmx-request')")
    page.wait_for_timeout(150)


if __name__ == "__main__":
    sys.exit(main())
