"""Every word a screen can show has a label, and every label its Chinese."""

from __future__ import annotations

import importlib.util
from enum import Enum
from pathlib import Path
from types import ModuleType

import pytest
from django.template import engines
from django.utils import translation

from anhuan.core import vocabulary
from anhuan.records.staff import Role
from anhuan.workbench import happenings, words

ROOT = Path(__file__).resolve().parents[2]

TABLES: dict[str, type[Enum]] = {
    "bucket": vocabulary.Bucket,
    "flow": vocabulary.Flow,
    "heap": vocabulary.Heap,
    "class": vocabulary.Classification,
    "presence": vocabulary.Presence,
    "case": vocabulary.CaseStatus,
    "night": vocabulary.NightStatus,
    "severity": vocabulary.Severity,
    "sex": vocabulary.Sex,
    "id_type": vocabulary.IdType,
    "flag": vocabulary.CustomerFlag,
    "kind": vocabulary.ContactKind,
    "party": vocabulary.Party,
    "place": vocabulary.Place,
    "block": vocabulary.BlockCode,
    "payment": vocabulary.PaymentKind,
    "role": Role,
}


@pytest.mark.parametrize("table", TABLES)
def test_every_closed_word_has_its_label(table: str) -> None:
    assert not [word for word in TABLES[table] if str(word.value) not in words.LABELS[table]]


def test_a_word_nobody_knows_is_shown_as_it_is() -> None:
    assert words.label("flow", "teleported") == "teleported"


def test_an_event_is_told_in_both_languages() -> None:
    body = {"business_date": "2026-11-20", "sequence": 17, "from": 1, "to": 2}
    told = {}
    for language in ("en", "zh-hans"):
        with translation.override(language):
            told[language] = happenings.sentence("case.moved", body)
    assert told == {"en": "Rolled from M1 to M2 on 2026-11-20.", "zh-hans": "2026-11-20 下滚：由 M1 滚至 M2。"}


def test_an_event_of_an_unknown_kind_or_form_is_not_hidden() -> None:
    assert happenings.sentence("case.teleported", {}) == "case.teleported"
    assert happenings.sentence("case.moved", {}) == "case.moved"


# --- The catalogue --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def catalogue() -> ModuleType:
    spec = importlib.util.spec_from_file_location("catalogue", ROOT / "tools/catalogue.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    import sys  # dataclasses look their own module up

    sys.modules["catalogue"] = module
    spec.loader.exec_module(module)
    return module


def test_every_sentence_has_its_chinese_and_the_compiled_file_agrees(
    catalogue: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert catalogue.main(["--check"]) == 0, capsys.readouterr().err


def test_a_sentence_without_chinese_is_named(catalogue: ModuleType) -> None:
    source = 'from django.utils.translation import gettext as _\n_("Nobody has translated this")\n'
    (message,) = catalogue.in_python(source)
    assert message.singular == "Nobody has translated this"
    (message,) = catalogue.in_template("{% load i18n %}<p>{% translate 'Nor this' context 'place' %}</p>")
    assert (message.singular, message.context) == ("Nor this", "place")
    text = catalogue.write({message: "here"}, {})
    assert catalogue.read(text) == {message: ""}


def test_placeholders_survive_translation(catalogue: ModuleType) -> None:
    import re

    placeholders = re.compile(r"%\((\w+)\)s")
    for message, chinese in catalogue.read(catalogue.CATALOGUE.read_text(encoding="utf-8")).items():
        wanted = set(placeholders.findall(message.plural or message.singular))
        assert set(placeholders.findall(chinese)) == wanted, message


def test_the_compiled_catalogue_is_read_by_django() -> None:
    template = engines["django"].from_string("{% load i18n %}{% translate 'Dashboard' %} {% translate 'Open' context 'case' %}")
    with translation.override("zh-hans"):
        assert template.render() == "看板 在催"
    with translation.override("en"):
        assert template.render() == "Dashboard Open"
