"""Pages when things are not as usual, and what no template may hold."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from anhuan.core.vocabulary import Flow, NightStatus
from anhuan.records.night import Night, NightStep
from anhuan.records.staff import Staff
from anhuan.workbench import dashboard, middleware
from anhuan.workbench import nights as night_pages

TEMPLATES = sorted((Path(dashboard.__file__).parent / "templates").rglob("*.html"))
AT = datetime(2026, 11, 21, 2, tzinfo=UTC)


@pytest.fixture
def home(settings: Any, tmp_path: Path) -> Path:
    settings.ANHUAN_HOME = tmp_path
    return tmp_path


@pytest.fixture
def reader(client: Client) -> Client:
    client.force_login(Staff.objects.create(username="reader", role="operations"))
    client.cookies["anhuan-language"] = "en"
    return client


def summary(*, overdue: int, entered: int, cure_rate: str | None, first: bool = False) -> dict[str, Any]:
    """The summary of a night with `overdue` accounts in M1, each owing 100.00 CNY, as `reports.summary` spells it."""
    counts = [10, overdue, 0, 0, 0, 0, 0, 0]
    grades = {"normal": 10, "special_mention": overdue, "substandard": 0, "doubtful": 0, "loss": 0}
    matrix = [[0] * 8 for _ in range(8)]
    return {
        "format": 1,
        "currencies": ["CNY"],
        "by_bucket": {
            "CNY": {
                "accounts": counts,
                "balance_total_minor": [n * 10_000 for n in counts],
                "past_due_amount_minor": [0, overdue * 100, *[0] * 6],
            }
        },
        "missing": {"CNY": {"accounts": 0, "balance_total_minor": 0, "past_due_amount_minor": 0}},
        "flow_by_currency": {"CNY": {flow.value: {"accounts": entered if flow == Flow.ENTERED else 0} for flow in Flow}},
        "rates": {"CNY": {"entry_rate": None, "cure_rate": cure_rate}},
        "five_class": {
            "CNY": {
                "ours": grades, "bank": {**grades, "unknown": 0}, "differ": 0,
                "ours_balance_minor": grades, "bank_balance_minor": grades,
            }
        },
        "roll": None if first else {"CNY": {by: {"matrix": matrix, "vanished": [0] * 8} for by in ("count", "balance")}},
    }  # fmt: skip


def sealed(sequence: int, day: date, told: dict[str, Any], *, open_cases: int = 0, **more: Any) -> Night:
    return Night.objects.create(
        sequence=sequence,
        business_date=day,
        issuer="firstbank",
        layout="canonical/1",
        content=f"{sequence:064}",
        snapshot=f"{day}.{sequence}",
        manifest_sha256=f"{sequence:064x}",
        status=NightStatus.SEALED,
        begun_at=AT,
        sealed_at=AT,
        summary=told,
        result={"cases": {"open": open_cases}, "heaps": {}, "rows": {"accounts.csv": 0}, "findings": 0, "seconds": {}, **more},
    )


def tile(page: str, key: str) -> str:
    """The words of a tile."""
    part = re.search(rf'data-tile="{key}">(.*?)</div>\s*</div>', page, re.DOTALL)
    assert part
    return " ".join(re.sub(r"<[^>]+>", " ", part[1]).split())


@pytest.mark.django_db
def test_a_tile_tells_the_change_and_whether_it_is_good(reader: Client, home: Path) -> None:
    sealed(1, date(2026, 11, 19), summary(overdue=40, entered=40, cure_rate=None, first=True), open_cases=38)
    sealed(2, date(2026, 11, 20), summary(overdue=52, entered=15, cure_rate="0.0500"), open_cases=50)
    sealed(3, date(2026, 11, 21), summary(overdue=45, entered=12, cure_rate="0.1250"), open_cases=44)
    page = reader.get("/").content.decode()
    assert tile(page, "overdue_accounts") == "Overdue accounts 45 −7"
    assert tile(page, "overdue_balance") == "Overdue balance CNY 4.50K −700"
    assert tile(page, "cure_rate") == "Cure rate 12.50% +7.50 pp"
    assert tile(page, "entry_rate") == "Entry rate –"
    assert page.count("tone-good") >= 4
    assert "The snapshot of this night is not in the home" in page


@pytest.mark.django_db
def test_the_first_of_all_nights_is_compared_with_nothing(reader: Client, home: Path) -> None:
    sealed(1, date(2026, 11, 19), summary(overdue=40, entered=40, cure_rate=None, first=True))
    page = reader.get("/").content.decode()
    assert tile(page, "overdue_accounts") == "Overdue accounts 40"
    assert "Nothing to compare yet" in page
    sealed(2, date(2026, 11, 20), summary(overdue=52, entered=15, cure_rate="0.05"))
    assert tile(reader.get("/").content.decode(), "entered") == "Entered 15"


@pytest.mark.django_db
def test_an_unfinished_night_says_how_to_go_on(reader: Client, home: Path) -> None:
    night = sealed(1, date(2026, 11, 20), {}, open_cases=0)
    Night.objects.filter(pk=night.pk).update(status=NightStatus.RUNNING, sealed_at=None, result={})
    NightStep.objects.create(night=night, step="identity", seconds=1.5)
    page = reader.get("/").content.decode()
    assert "The night of 2026-11-20 is not finished." in page
    assert "anhuan night DIR" in page


def test_a_nights_steps_stand_in_the_order_they_were_taken() -> None:
    night = Night(result={"seconds": {"age": 1.0, "cases": 3.0, "read": 4.0, "something_new": 2.0}})
    steps = night_pages.steps(night)
    assert [step.name for step in steps] == ["read", "age", "cases", "something_new"]
    assert [(step.start, step.width) for step in steps][1] == ("40.00%", "10.00%")


@pytest.mark.django_db
def test_a_refusal_stands_until_a_night_is_sealed_after_it(home: Path) -> None:
    folder = home / "refused" / "20261121T030000Z-2026-11-21"
    folder.mkdir(parents=True)
    refusal = {"business_date": "2026-11-21", "refused_at": "2026-11-21T03:00:00+00:00", "reasons": []}
    (folder / "refusal.json").write_text(json.dumps(refusal))
    broken = home / "refused" / "20261122T030000Z-2026-11-22"
    broken.mkdir()
    (broken / "refusal.json").write_text("{")
    sealed(1, date(2026, 11, 20), {})
    standing = night_pages.refusal_standing()
    assert standing
    assert standing["business_date"] == "2026-11-21"
    Night.objects.update(sealed_at=datetime(2026, 11, 21, 4, tzinfo=UTC))
    assert night_pages.refusal_standing() is None


@pytest.mark.django_db
def test_an_unknown_address_tells_a_stranger_nothing_of_the_book(client: Client) -> None:
    sealed(1, date(2026, 11, 20), summary(overdue=1, entered=1, cure_rate=None, first=True))
    page = client.get("/nowhere/")
    assert page.status_code == 404
    assert "2026-11-20" not in page.content.decode()


# --- The policy -----------------------------------------------------------------------------------------------------

_INLINE = {
    "a style attribute": re.compile(r"\sstyle\s*=", re.IGNORECASE),
    "a style element": re.compile(r"<style\b", re.IGNORECASE),
    "a script of its own": re.compile(r"<script\b(?![^>]*\bsrc=)", re.IGNORECASE),
    "an event handler": re.compile(r"\son[a-z]+\s*=\s*[\"']", re.IGNORECASE),
    "text that htmx would evaluate": re.compile(r"\shx-(on|vals\s*=\s*[\"']js)", re.IGNORECASE),
    "an address elsewhere": re.compile(r"(src|href|action)\s*=\s*[\"']https?://", re.IGNORECASE),
}


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.name)
def test_no_template_holds_what_the_policy_forbids(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert not [what for what, pattern in _INLINE.items() if pattern.search(text)]


def test_the_patterns_know_what_the_policy_forbids() -> None:
    bad = '<b style="x"><style></style><script>1</script><a onclick="x" hx-on:click="y" href="https://example.com">'
    assert all(pattern.search(bad) for pattern in _INLINE.values())
    assert not any(pattern.search('<script src="/a.js" defer></script>') for pattern in _INLINE.values())


def test_the_policy_allows_nothing_inline_and_nothing_foreign() -> None:
    assert "unsafe" not in middleware.POLICY
    assert not re.search(r"https?:|\*", middleware.POLICY)
    assert middleware.SOURCES["default-src"] == "'none'"


@pytest.mark.django_db
def test_every_answer_carries_the_policy_and_is_not_kept(reader: Client, home: Path) -> None:
    for address in ("/", "/cases/", "/nights/", "/nowhere/"):
        assert reader.get(address).headers["Content-Security-Policy"] == middleware.POLICY
    assert "no-store" in reader.get("/cases/").headers["Cache-Control"]
