"""The generated page of rules."""

from __future__ import annotations

from pathlib import Path

from anhuan.rulebook.reference import markdown
from anhuan.rulebook.statutes import STATUTES, entries

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_in_the_docs_is_what_the_statutes_say():
    assert (ROOT / "docs/reference/rules.md").read_text() == markdown(), "run `make reference`"


def test_every_rule_of_every_pack_stands_on_the_page():
    page = markdown()
    for pack in (path.name for path in STATUTES.iterdir() if path.is_dir()):
        for entry in entries(pack):
            assert f"### `{entry.id}`" in page
            assert all(str(version.in_force) in page for version in entry.versions)
