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
from anhuan.records.circumstance import CircumstanceKind, PersonFindingKind, PointFindingKind
from anhuan.records.contact import Origin, State
from anhuan.records.staff import Role
from anhuan.rulebook.statutes import STATUTES
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
    "channel": vocabulary.Channel,
    "purpose": vocabulary.Purpose,
    "direction": vocabulary.Direction,
    "line": vocabulary.LineResult,
    "outcome": vocabulary.Outcome,
    "hold": vocabulary.HoldKind,
    "covers": vocabulary.Covers,
    "force": vocabulary.Force,
    "confidence": vocabulary.Confidence,
    "topic": vocabulary.RuleTopic,
    "state": State,
    "origin": Origin,
    "person": PersonFindingKind,
    "point": PointFindingKind,
    "learnt": CircumstanceKind,
    "role": Role,
}


@pytest.mark.parametrize("table", TABLES)
def test_every_closed_word_has_its_label(table: str) -> None:
    assert not [word for word in TABLES[table] if str(word.value) not in words.LABELS[table]]


def test_every_pack_of_rules_has_its_label() -> None:
    assert not {folder.name for folder in STATUTES.iterdir() if folder.is_dir()} - words.LABELS["pack"].keys()


def test_a_contact_is_told_by_channel_party_and_result() -> None:
    begun = {"contact": "c", "channel": "call", "party": "debtor", "purpose": "collect", "actor": "bank"}
    over = {"channel": "call", "party": "debtor", "line_result": "connected", "outcome": "conversation"}
    told = {}
    for language in ("en", "zh-hans"):
        with translation.override(language):
            told[language] = [happenings.sentence("contact.started", begun), happenings.sentence("contact.completed", over)]
    assert told == {
        "en": [
            "Call begun, to: Cardholder (to collect); permitted by the gate.",
            "Call completed, to: Cardholder: connected, conversation.",
        ],
        "zh-hans": [
            "电话开始，对象：持卡人本人（催收）；合规闸门已许可。",
            "电话已了结，对象：持卡人本人；结果：接通、通话。",
        ],
    }


def test_a_hold_is_told_with_the_contacts_it_would_have_refused() -> None:
    body = {"kind": "complaint", "begins": "2026-11-17T07:10:00+08:00", "meanwhile": ["a", "b"]}
    with translation.override("en"):
        told = happenings.sentence("hold.placed", body)
    assert told == (
        "Collection stopped from 2026-11-17 07:10 on: Complaint. Contacts made meanwhile that it would have refused: 2."
    )


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
