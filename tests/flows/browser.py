"""A desk to sit at: a home with the made-up bank's nights worked through by the command line, served, and a browser.

Everything is the real thing: the generator's files, `anhuan night`, `anhuan serve`, Debian's chromium. Only the clock is moved.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from tests.flows import homes, starter

import generate

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
)
PASSWORD = "open-the-desk-2026"
expect.set_options(timeout=20_000)  # a page answers at once, the machine under it may be busy
# The nights reach over a month's end, so that a month's roll rates exist.
FIRST_NIGHT, NIGHTS, ACCOUNTS = "2026-10-31", 3, 900
CLOCK = "2026-11-03T09:30:00+08:00"


@dataclass
class Desk:
    """A home, the deliveries it was given, and its site while one is served."""

    home: Path
    deliveries: list[Path] = field(default_factory=list)
    address: str = ""

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANHUAN_", "DJANGO_"))}
        return {**kept, "ANHUAN_HOME": str(self.home), "ANHUAN_CLOCK": CLOCK, "ANHUAN_LANG": "en"}

    @property
    def log(self) -> Path:
        return self.home / "site.log"

    def anhuan(self, *arguments: str, told: str = "", code: int = 0, clock: str = CLOCK) -> Any:
        """Run the command; its JSON when it was asked for, else its words."""
        ran = starter.run(["-m", "anhuan", *arguments], environment={**self.environment, "ANHUAN_CLOCK": clock}, told=told)
        assert ran.returncode == code, f"{arguments}: {ran.returncode}\n{ran.stdout}\n{ran.stderr}"
        return json.loads(ran.stdout) if "--json" in arguments else ran.stdout

    def prepare(self) -> None:
        """A home that has been begun, with an operator and an auditor."""
        homes.copy(homes.made_once("begun", _begin), self.home)

    def fill(self) -> None:
        """The same after the bank's nights, worked through by the command line."""
        worked = homes.made_once("worked", _work)
        shutil.rmtree(self.home, ignore_errors=True)
        homes.copy(worked / "home", self.home)
        self.deliveries = deliveries(worked / "bank")

    @contextmanager
    def served(self) -> Iterator[Desk]:
        with self.log.open("ab") as log:
            begun = os.fstat(log.fileno()).st_size
            command = [sys.executable, "-m", "anhuan", "serve", "--port", "0"]
            site = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log, cwd=ROOT)
            try:
                self.address = self._address(site, since=begun)
                yield self
            finally:
                site.terminate()
                site.wait(60)

    def _address(self, site: subprocess.Popen[bytes], *, since: int) -> str:
        """Where it serves, which it says once it listens; its first answer has been given."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and site.poll() is None:
            if said := re.search(rb"Serving (\S+)/ ", self.log.read_bytes()[since:]):
                urllib.request.urlopen(f"{said[1].decode()}/login/", timeout=60).close()
                return said[1].decode()
            time.sleep(0.1)  # between two looks into its log
        raise AssertionError(f"the site did not answer:\n{self.log.read_text()}")

    # --- What the bank delivered, to compare with

    def delivered(self, name: str) -> list[dict[str, str]]:
        """The rows of a file of the last delivery."""
        with (self.deliveries[-1] / name).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    @cached_property
    def nights(self) -> list[dict[str, Any]]:
        return list(self.anhuan("nights", "--json"))

    @cached_property
    def open_cases(self) -> dict[str, dict[str, Any]]:
        """The open cases by id, most past due first."""
        return {row["case_id"]: row for row in self.anhuan("case", "list", "--limit", "10000", "--json")}

    @cached_property
    def personal(self) -> set[str]:
        """Values of persons that may stand nowhere but in an answer to who asked for them."""
        told: set[str] = set()
        for row in self.delivered("customers.csv"):
            told |= {row["name"], row["id_number"], row["employer"]}
        for row in self.delivered("contact_points.csv"):
            told |= {row["value"], row["party_name"]}
        return {value for value in told if len(value) > 1}


def _begin(home: Path) -> None:
    homes.forgive_haste(home)
    desk = Desk(home)
    desk.anhuan("init")
    for name, role in (("wang.operations", "operations"), ("li.auditor", "auditor")):
        desk.anhuan("staff", "add", name, "--role", role, "--language", "en", told=PASSWORD + "\n")
    homes.wait_for_stop(home)


def _work(folder: Path) -> None:
    """Have the bank write its nights, and work them through."""
    desk = Desk(folder / "home")
    desk.prepare()
    for delivery in write_nights(folder / "bank", accounts=ACCOUNTS):
        desk.anhuan("night", str(delivery), "--json")
    homes.wait_for_stop(desk.home)


def write_nights(bank: Path, *, accounts: int) -> list[Path]:
    generate.generate(out=bank, nights=NIGHTS, accounts=accounts, start=date.fromisoformat(FIRST_NIGHT), seed=8)
    return deliveries(bank)


def deliveries(bank: Path) -> list[Path]:
    return sorted(folder for folder in bank.iterdir() if folder.is_dir())


@dataclass
class Witness:
    """What a browser was heard saying and seen asking for."""

    complaints: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)

    def attend(self, context: BrowserContext) -> None:
        context.add_init_script(
            "document.addEventListener('securitypolicyviolation',"
            " (e) => console.error('POLICY ' + e.violatedDirective + ' ' + e.blockedURI + ' ' + e.sourceFile + ':' + e.lineNumber))"
        )
        context.on("page", self._attend_page)

    def _attend_page(self, page: Page) -> None:
        page.on("console", lambda said: self.complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.addresses.append(request.url))
        page.on("load", lambda loaded: self.titles.append(loaded.title()))


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's browser, or a skip that says what is missing."""
    if CHROMIUM is None:
        pytest.skip("no chromium here: apt-get install chromium fonts-noto-cjk")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


def sit_down(
    browser: Browser, desk: Desk, *, user: str = "wang.operations", language: str = "en", theme: str = "light",
    width: int = 1366, height: int = 768, witness: Witness | None = None,
) -> Page:  # fmt: skip
    """A fresh browser profile signed in as `user`."""
    context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True, reduced_motion="reduce")
    context.set_default_timeout(30_000)
    if witness:
        witness.attend(context)
    context.add_cookies(
        [
            {"name": "anhuan-language", "value": language, "url": desk.address},
            {"name": "theme", "value": theme, "url": desk.address},
        ]
    )
    page = context.new_page()
    page.goto(f"{desk.address}/login/")
    page.fill("#id_username", user)
    page.fill("#id_password", PASSWORD)
    page.press("#id_password", "Enter")
    page.wait_for_url(lambda url: "/login/" not in url)  # each role begins on a page of its own
    return page


def number(text: str) -> int:
    """The whole number a cell shows: `1,234` or `−5`."""
    return int(re.sub(r"[^0-9−-]", "", text).replace("−", "-") or "0")
