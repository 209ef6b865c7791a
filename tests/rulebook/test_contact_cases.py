"""Reading cases of contacts: what is mistyped is told with its line and never passes for what is in order."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from tests.core.questions import LONDON, NEW_YORK, moment

from anhuan.core.facts import Facts
from anhuan.core.vocabulary import HoldKind, LineResult, Party, PointKind
from anhuan.rulebook.scenarios.contacts import read_scenarios
from anhuan.rulebook.statutes import RulebookError

CASE = """family: contact
scenarios:
  - id: A
    law: [cn]
    debtor: {timezones: [Asia/Shanghai], points: [{id: m1, kind: mobile}], attorney: {contact_known: true}}
    debts: [{id: card}, {id: loan}]
    people: [{id: f1, relation: friend}]
    history:
      - {at: '2026-06-01T10:00:00+08:00', event: dispute_registered, debts: [card], written: true}
    attempt: {channel: call, at: '2026-06-10T10:00:00+08:00', party: debtor, purpose: collect, debts: [card], actor: bank}
    expect: {verdict: permit}
"""
EVENT = "event: dispute_registered, debts: [card], written: true"


@pytest.fixture
def read(tmp_path):
    def case(text: str):
        file = tmp_path / "case.yaml"
        file.write_text(text, encoding="utf-8")
        return read_scenarios(file)

    return case


def told_by(read, *events: str, zone: str = "Asia/Shanghai") -> Facts:
    lines = "".join(f"      - {{{event}}}\n" for event in events)
    text = CASE.replace("Asia/Shanghai", zone)
    before, after = text[: text.index("      - {at")], text[text.index("    attempt:") :]
    (case,) = read(before + lines + after)
    return case.facts


@pytest.mark.parametrize(
    ("changed", "line", "said"),
    [
        (("actor: bank", "actor: bank, recordd: false"), 10, "attempt has no recordd"),
        (("actor: bank", "actor: bank, device: privat"), 10, "'privat' is none of"),
        (("actor: bank", "actor: bank, form: card"), 10, "'card' is none of"),
        (("actor: bank", "actor: bank, addressee: all"), 10, "'all' is none of"),
        (("actor: bank", "actor: bank, says: [swears]"), None, "'swears' is none of"),
        ((", actor: bank", ""), 10, "actor is missing"),
        (("'2026-06-10T10:00:00+08:00'", "'2026-06-10T10:00:00'"), 10, "an instant with an offset"),
        (("'2026-06-10T10:00:00+08:00'", "'soon'"), 10, "an instant with an offset"),
        (("kind: mobile", "kind: pager"), 5, "'pager' is none of"),
        (("kind: mobile", "kind: mobile, belongs_to: nobody"), 5, "'nobody' is none of"),
        (("kind: mobile", "kind: mobile, domain: secret"), 5, "'secret' is none of"),
        (("kind: mobile", "kind: mobile, colour: red"), 5, "point has no colour"),
        (("contact_known: true", "known: true"), 5, "attorney has no known"),
        (("timezones:", "whereabouts: away, timezones:"), 5, "'away' is none of"),
        (("{id: loan}", "{id: loan, barred: true}"), 6, "debt has no barred"),
        (("relation: friend", "relation: friend, age: 3"), 7, "person has no age"),
        ((EVENT, "event: quarrel"), 9, "there is no event quarrel"),
        ((EVENT, "event: opt_out, channel: sms, pont: m1"), 9, "opt_out has no pont"),
        ((EVENT, "event: opt_out"), 9, "channel is missing"),
        ((", party: debtor", ""), 10, "party is missing"),
        (("purpose: collect, ", ""), 10, "purpose is missing"),
        ((EVENT, "event: opt_out, channel: smoke"), 9, "'smoke' is none of"),
        ((EVENT, "event: contact, channel: call"), 9, "direction is missing"),
        ((EVENT, "event: inconvenient_time, until_date: never"), 9, "until_date is a date"),
        (("verdict: permit", "verdict: permit, rule: x"), 11, "expect has no rule"),
        (("    law: [cn]\n", "    law: [cn]\n    laws: [uk]\n"), 5, "scenario has no laws"),
        (("debtor: {timezones: [Asia/Shanghai], points: [{id: m1, kind: mobile}], attorney: {contact_known: true}}", "debtor: her"),
         5, "debtor is a mapping"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_case_is_told_with_its_line(read, changed, line, said):
    assert changed[0] in CASE
    with pytest.raises(RulebookError) as wrong:
        read(CASE.replace(*changed))
    assert said in wrong.value.en
    assert line in (None, wrong.value.line)


def test_a_file_of_another_family_holds_no_contacts(read):
    assert read("family: judgement\ncases: []\n") == []
    assert read("- a list\n") == []
    with pytest.raises(RulebookError, match="scenarios is a list"):
        read("family: contact\nscenarios: none\n")


def test_what_is_not_said_is_in_order(read):
    (case,) = read(CASE)
    attempt = case.attempt
    assert attempt.recorded
    assert attempt.identifies_institution
    assert attempt.staff_count == 2
    assert attempt.says == frozenset()
    assert len(attempt.letter_items) == 9
    assert len(attempt.voicemail_items) == 4
    assert not attempt.automated
    assert not attempt.discloses_debt
    assert case.facts.debts["loan"].in_collection_procedures
    assert (case.as_of, case.at, case.rules, case.presumed_violation) == (
        date(2026, 6, 10),
        moment("2026-06-10 10:00"),
        (),
        False,
    )


def test_the_law_of_a_case_is_that_of_the_date_at_the_debtor(read):
    (case,) = read(CASE.replace("Asia/Shanghai", NEW_YORK).replace("2026-06-10T10", "2026-06-10T02"))
    assert case.as_of == date(2026, 6, 9)


def test_events_after_the_attempt_never_occur(read):
    facts = told_by(read, "at: '2026-06-10T10:00:01+08:00', event: complaint_opened")
    assert facts.holds == ()
    assert told_by(read, "at: '2026-06-10T10:00:00+08:00', event: complaint_opened").holds != ()


def test_a_contact_of_the_main_number_is_of_the_kind_its_channel_reaches(read):
    contacts = told_by(
        read,
        "at: '2026-06-01T10:00:00+08:00', event: contact, channel: letter, direction: outbound",
        "at: '2026-06-02T10:00:00+08:00', event: contact, channel: voicemail, direction: outbound, party: friend, person: f1",
        "at: '2026-06-03T10:00:00+08:00', event: contact, channel: call, direction: inbound, line_result: connected, point: m1",
    ).contacts
    assert [each.point_kind for each in contacts] == [PointKind.HOME_ADDRESS, PointKind.MOBILE, PointKind.MOBILE]
    assert contacts[1].line_result is LineResult.VOICEMAIL
    assert (contacts[1].party, contacts[1].person) == (Party.FRIEND, "f1")
    assert [each.actor for each in contacts] == ["bank"] * 3
    assert contacts[0].debts == {"card", "loan"}


def test_an_answer_frees_the_debts_it_names_and_the_oldest_dispute_of_each(read):
    facts = told_by(
        read,
        "at: '2026-06-01T10:00:00+08:00', event: dispute_registered, debts: [card, loan], written: true",
        "at: '2026-06-02T10:00:00+08:00', event: dispute_registered, debts: [card], written: true",
        "at: '2026-06-03T10:00:00+08:00', event: dispute_answered, debts: [card]",
    )
    standing = [(hold.begins, *hold.debts) for hold in facts.holds if hold.ends is None]
    assert standing == [(moment("2026-06-01 10:00"), "loan"), (moment("2026-06-02 10:00"), "card")]


def test_one_breathing_space_ends_all_of_them_that_stand(read):
    facts = told_by(
        read,
        "at: '2026-05-01T10:00:00+01:00', event: breathing_space_started, kind: standard",
        "at: '2026-05-02T10:00:00+01:00', event: breathing_space_started, kind: mental_health_crisis",
        "at: '2026-05-03T10:00:00+01:00', event: breathing_space_ended",
        zone=LONDON,
    )
    assert [hold.ends for hold in facts.holds] == [moment("2026-05-03 10:00", LONDON)] * 2
    assert [hold.until_date for hold in facts.holds] == [date(2026, 6, 29), None]


def test_the_end_of_treatment_gives_a_crisis_its_last_date(read):
    facts = told_by(
        read,
        "at: '2026-05-02T10:00:00+01:00', event: breathing_space_started, kind: mental_health_crisis",
        "at: '2026-05-03T10:00:00+01:00', event: crisis_treatment_ended",
        zone=LONDON,
    )
    assert [(hold.kind, hold.until_date) for hold in facts.holds] == [(HoldKind.BREATHING_SPACE, date(2026, 6, 2))]


def test_the_cases_of_this_repository_are_all_read():
    folder = Path(__file__).parents[1] / "scenarios" / "contact"
    assert sum(len(read_scenarios(file)) for file in folder.glob("*.yaml")) > 900
