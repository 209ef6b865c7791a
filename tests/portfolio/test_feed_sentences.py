"""Every sentence a delivery can be told: in both languages, with the same facts, and in the documentation."""

from __future__ import annotations

import re
import string
import tomllib
from pathlib import Path

import pytest

from anhuan.portfolio.feed import layout as layouts
from anhuan.portfolio.feed.sentences import CATALOGUE, Weight, sentence

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "feed.md").read_text(encoding="utf-8")
SECTIONS = {
    Weight.UNREADABLE: "No delivery", Weight.REFUSAL: "Refused", Weight.SET_ASIDE: "Set aside", Weight.WARNING: "Warnings",
}  # fmt: skip


def facts(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


@pytest.mark.parametrize("code", CATALOGUE)
def test_both_languages_tell_the_same_facts(code) -> None:
    _, zh, en = CATALOGUE[code]
    # A column's Chinese name stands beside its code; some facts are words and come in each language.
    assert facts(zh) - {"label", "zh"} == facts(en) - {"en"}
    assert ("zh" in facts(zh)) == ("en" in facts(en))
    said = sentence(code, **dict.fromkeys(facts(zh) | facts(en), "x"))
    assert said.zh.endswith("。")
    assert said.en.endswith(".")
    assert re.search("[\u4e00-\u9fff]", said.zh)
    assert not re.search("[\u4e00-\u9fff]", said.en)


@pytest.mark.parametrize("code", CATALOGUE)
def test_every_code_is_documented_under_its_weight(code) -> None:
    weight, zh, en = CATALOGUE[code]
    section = DOCUMENT.split(f"### {SECTIONS[weight]}\n", 1)[1]
    section = section.split("\n## " if weight is Weight.WARNING else "\n### ", 1)[0]
    row = f"| `{code}` | {zh} | {en} |".replace("{", "‹").replace("}", "›")
    assert row in section


def test_every_key_of_a_layout_is_documented() -> None:
    source = Path(layouts.__file__).read_text(encoding="utf-8")
    keys = set(re.findall(r'\.(?:take|says|one_of|texts|table|place)\(\s*"(\w+)"', source)) - {"from"}
    section = DOCUMENT.split("\n## Layouts\n", 1)[1]
    assert len(keys) > 25
    assert {key for key in keys if not re.search(rf"\b{key}\b", section)} == set()


REQUIRED = {
    "customers": ("customer_id",),
    "contact_points": ("customer_id", "kind", "value", "party", "reserved"),
    "accounts": (
        "account_id", "customer_id", "currency", "block_code", "balance_total", "principal", "interest", "penalty", "fees",
        "instalment_unbilled", "past_due_amount", "past_due_since", "autopay",
    ),
}  # fmt: skip


def test_the_layouts_in_the_documentation_are_layouts_once_they_name_every_required_column() -> None:
    blocks = re.findall(r"```toml\n(.*?)```", DOCUMENT, flags=re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        told = tomllib.loads(block)
        text = block
        for file, columns in REQUIRED.items():
            there = told["files"].get(file, {}).get("columns", {})
            rest = "".join(f"{column} = {place}\n" for place, column in enumerate(columns, 1) if column not in there)
            if file in told["files"]:
                text = text.replace(f"[files.{file}.columns]\n", f"[files.{file}.columns]\n{rest}")
            else:
                text += f'\n[files.{file}]\npath = "{file}.dat"\nheader = false\n[files.{file}.columns]\n{rest}'
        # The example shows where a fact may stand; that this first record is not described further is not its point.
        text = text.replace('flag = { path = "{name}.ok" }', 'flag = { path = "{name}.ok" }\nhead = { prefix = "HDR" }')
        assert layouts.read(text.encode(), "documented.toml").files["customers.csv"]
