"""Draws the pages of the demonstration: `python tools/screenshots.py [--all DIR]`.

Fills the home of the demonstration if it is empty (`anhuan demo`), serves it, and photographs its pages with Debian's
chromium into docs/images; with `--all`, every page in both languages and both themes into DIR, to be looked at before
a change is handed in. Personal data stays masked: the pictures show nothing that a page does not show to everyone.
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
from itertools import product
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
FLAGS = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run", "--disable-quic"]
MORNING = "2026-11-23T09:30:00+08:00"

# What the README and the documentation show: page, language, theme.
SHOWN = (
    ("dashboard", "en", "light"),
    ("dashboard", "zh-hans", "light"),
    ("cases", "en", "light"),
    ("case", "en", "light"),
    ("case", "zh-hans", "dark"),
    ("gate", "en", "light"),
    ("gate", "zh-hans", "light"),
    ("compliance", "en", "light"),
    ("compliance", "zh-hans", "dark"),
)
PAGES = {
    "dashboard": "/", "cases": "/cases/?bucket=2&bucket=3", "case": "", "gate": "", "nights": "/nights/", "night": "",
    "compliance": "/compliance/", "rulebook": "/compliance/rulebook/", "replay": "/compliance/replay/?run=1&law=uk&law=house",
    "strategies": "/strategies/", "strategy": "/strategies/cards/1/?table=treatment&row=30",
    "strategy-edit": "/strategies/cards/1/edit/?table=stage", "simulation": "/strategies/cards/1/simulation/",
    "arms": "/strategies/cards/arms/",
}  # fmt: skip
SHORT = {"en": "en", "zh-hans": "zh"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", type=Path, metavar="DIR", help="every page, language and theme")
    parser.add_argument("--size", default="1440x900")
    asked = parser.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("screenshots: no chromium here: apt-get install chromium fonts-noto-cjk")
    home = Path(os.environ.get("ANHUAN_HOME") or ROOT / "var").absolute()
    environment = {**os.environ, "ANHUAN_HOME": str(home), "ANHUAN_CLOCK": MORNING, "DEMO_EXIT": "1"}
    subprocess.run([sys.executable, "-m", "anhuan", "demo"], env=environment, check=True, stdout=sys.stderr)
    folder = asked.all or ROOT / "docs/images"
    folder.mkdir(parents=True, exist_ok=True)
    width, height = map(int, asked.size.split("x"))
    with serving(environment) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        password = (home / "secrets/demo_password").read_text().strip()
        case_id, busy_id = moving_case(environment), busy_case(environment)
        views = list(product(PAGES, SHORT, ("light", "dark"))) if asked.all else list(SHOWN)
        for language, theme in sorted({(language, theme) for _, language, theme in views}):
            page = sign_in(browser, address, password, language=language, theme=theme, size=(width, height))
            for name in [name for name, *rest in views if tuple(rest) == (language, theme)]:
                file = folder / f"{name}-{SHORT[language]}-{theme}.png"
                photograph(page, address, name, file, case_id=busy_id if name == "gate" else case_id)
                print(file)
            page.context.close()
        browser.close()
    return 0


@contextmanager
def serving(environment: dict[str, str]) -> Iterator[str]:
    """The site on a free port, until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    site = subprocess.Popen([sys.executable, "-m", "anhuan", "serve", "--port", str(port)], env=environment)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(150):
            try:
                urllib.request.urlopen(f"{address}/login/", timeout=5).close()  # noqa: S310  our own site
                break
            except OSError:
                time.sleep(0.2)
        yield address
    finally:
        site.terminate()
        site.wait(20)


def sign_in(browser: Browser, address: str, password: str, *, language: str, theme: str, size: tuple[int, int]) -> Page:
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, reduced_motion="reduce")
    cookies = {"anhuan-language": language, "theme": theme}
    context.add_cookies([{"name": name, "value": value, "url": address} for name, value in cookies.items()])
    page = context.new_page()
    page.goto(f"{address}/login/")
    page.fill("#id_username", "demo")
    page.fill("#id_password", password)
    page.press("#id_password", "Enter")
    page.wait_for_url(f"{address}/")
    return page


def moving_case(environment: dict[str, str]) -> str:
    """The id of an open case about which there is much to see: several accounts, and a past."""
    command = [sys.executable, "-m", "anhuan", "case", "list", "--bucket", "2", "--bucket", "1", "--limit", "3000", "--json"]
    listed = json.loads(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)
    chosen = max(listed, key=lambda case: (case["reopened"], case["overdue_accounts"], case["case_id"]))
    return str(chosen["case_id"])


def busy_case(environment: dict[str, str]) -> str:
    """The id of a case with a hard-worked telephone: the first of those whose budgets are nearly used."""
    script = (
        "from anhuan import settings; settings.start()\n"
        "from anhuan.records.contact import Refusal\n"
        "found = Refusal.objects.filter(reasons__contains=[{'rule': 'cn.unanswered_per_number'}]).order_by('-at', '-id').first()\n"
        "print(found.customer_id if found else '')"
    )
    told = subprocess.run([sys.executable, "-c", script], env=environment, check=True, capture_output=True, text=True)
    return told.stdout.strip() or moving_case(environment)


def photograph(page: Page, address: str, name: str, file: Path, *, case_id: str) -> None:
    """One page, whole; the night is the last one."""
    if name in {"case", "gate"}:
        page.goto(f"{address}/cases/{case_id}/")
    elif name == "night":
        page.goto(f"{address}/nights/")
        page.locator("[data-rows] tbody a").first.click()
        page.wait_for_load_state()
    else:
        page.goto(address + PAGES[name])
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(600)
    # The side bar sticks to the window; a window as tall as the page lets it reach the bottom.
    size = page.viewport_size or {"width": 1440, "height": 900}
    whole = min(page.evaluate("document.documentElement.scrollHeight"), 1800)
    page.set_viewport_size({"width": size["width"], "height": max(size["height"], whole)})
    page.wait_for_timeout(500)
    page.screenshot(path=file)
    page.set_viewport_size(size)


if __name__ == "__main__":
    sys.exit(main())
