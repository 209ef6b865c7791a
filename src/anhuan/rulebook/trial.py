"""Trying cases of law: every scenario of files and folders, put to the gate or to a judgement, against the answer it carries.

Knows both families of cases. Does not know how results are shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from anhuan.core.days import Calendar, UnknownYear
from anhuan.core.gate import Refusal, check
from anhuan.core.judgements.law import NoProvision
from anhuan.core.law import Law
from anhuan.rulebook.book import House, law_on
from anhuan.rulebook.calendars import with_foresight
from anhuan.rulebook.judging import judge
from anhuan.rulebook.scenarios import Case, ContactScenario, JudgementCase, read


def run(
    paths: Iterable[Path], *, house: House | None = None, calendars: Mapping[str, Calendar] | None = None
) -> dict[str, Any]:
    """Try every case: `{"total", "passed", "failed", "cases"}`, the cases in the order of files.

    `calendars` by law; without them what the libraries know. RulebookError when a file cannot be read, or an id stands
    twice: then nothing is tried.
    """
    tried = list(_tried(read(paths), house, calendars))
    passed = sum(case["passed"] for case in tried)
    return {"total": len(tried), "passed": passed, "failed": len(tried) - passed, "cases": tried}


def _tried(cases: Sequence[Case], house: House | None, calendars: Mapping[str, Calendar] | None) -> Iterator[dict[str, Any]]:
    for case in cases:
        if isinstance(case, ContactScenario):
            yield _try_contact(case, law_on(case.packs, case.as_of, house=house, calendars=calendars))
        else:
            yield _try_judgement(case, calendars)


def _try_contact(case: ContactScenario, law: Law) -> dict[str, Any]:
    verdict = check(case.attempt, case.facts, law, case.at)
    reasons = verdict.reasons if isinstance(verdict, Refusal) else ()
    got = "refuse" if reasons else "permit"
    presumed = isinstance(verdict, Refusal) and verdict.presumed_violation
    topics = sorted({reason.rule.topic.value for reason in reasons})
    return {
        "id": case.id,
        "family": "contact",
        "expected": case.verdict,
        "got": got,
        "presumed_violation": presumed,
        "passed": got == case.verdict and presumed == case.presumed_violation and set(case.rules) <= set(topics),
        "expected_rules": list(case.rules),
        "rules": topics,
        "reasons": [reason.document() for reason in reasons],
    }


def _try_judgement(case: JudgementCase, calendars: Mapping[str, Calendar] | None) -> dict[str, Any]:
    calendar_of = None if calendars is None else lambda law: with_foresight(calendars[law])
    got: bool | str | None = None
    reasons: list[dict[str, Any]] = []
    try:
        answer = judge(case.kind, case.jurisdiction, case.given, at=case.at, calendar_of=calendar_of)
    except (UnknownYear, NoProvision) as silent:
        reasons.append({"message_zh": silent.zh, "message_en": silent.en})
    else:
        got = answer.value
        reasons.append(
            {
                "citation": answer.citation,
                "force": answer.force.value,
                "confidence": answer.confidence.value,
                "message_zh": answer.sentence_zh,
                "message_en": answer.sentence_en,
            }
        )
    return {
        "id": case.id,
        "family": "judgement",
        "expected": case.expected,
        "got": got,
        "presumed_violation": False,
        "passed": got == case.expected,
        "rules": [case.topic],
        "reasons": reasons,
    }
