"""A morning at the desk, told to a home through the real door: `python gate_story.py` with the home in the environment.

Prints the cases it chose: `talked` was spoken with three times today, `complained` has a complaint on hold, `others` has a third
person on file, `texts_no_more` opted out of texts, `asleep` was to be called at night.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta

from anhuan import settings

settings.start()

from anhuan.acts import consent, desk, dispatch, hold, law  # noqa: E402
from anhuan.core.vocabulary import Channel, HoldKind, LineResult, Outcome, Party  # noqa: E402
from anhuan.records.case import CaseFigures  # noqa: E402
from anhuan.records.customer import ContactPoint, Customer  # noqa: E402

BY = "wang.operations"
TODAY = datetime.fromisoformat("2026-11-03T08:20:00+08:00")
YESTERDAY = TODAY - timedelta(days=1)


def main() -> None:
    cases = chosen()
    for minutes in (0, 10, 20):
        contact(cases["talked"], Channel.CALL, TODAY + timedelta(minutes=minutes), Outcome.EFFECTIVE_CONVERSATION)
    contact(cases["complained"], Channel.CALL, YESTERDAY, None)
    hold.place(cases["complained"], HoldKind.COMPLAINT, law=law.in_force(TODAY), at=TODAY, by=BY)
    contact(cases["complained"], Channel.SMS, TODAY + timedelta(minutes=5), None)
    consent.opt_out(cases["texts_no_more"], Channel.SMS, at=TODAY, by=BY)
    contact(cases["asleep"], Channel.CALL, YESTERDAY.replace(hour=23), None)
    contact(cases["others"], Channel.CALL, TODAY, None, party=Party.DEBTOR)
    print(json.dumps(cases))


def chosen() -> dict[str, str]:
    """Five customers with nothing unusual about them and one mobile each; one of them with another person on file."""
    plain = set(Customer.objects.filter(flags=[], timezone="Asia/Shanghai").values_list("customer_id", flat=True))
    points: dict[str, list[tuple[str, str]]] = {}
    for case, kind, party in ContactPoint.objects.filter(absent_since=None).values_list("customer_id", "kind", "party"):
        points.setdefault(case, []).append((kind, party))
    worst = CaseFigures.objects.order_by("-past_due_amount_minor", "case_id").values_list("case_id", flat=True)
    usable = [
        case
        for case in worst
        if case in plain and points.get(case, []).count(("mobile", "debtor")) == 1 and permits(case)
    ]  # fmt: skip
    others = next(case for case in usable if any(party in {"spouse", "colleague", "relative"} for _, party in points[case]))
    names = ("talked", "complained", "texts_no_more", "asleep")
    return dict(zip(names, [case for case in usable if case != others], strict=False)) | {"others": others}


def permits(case: str) -> bool:
    previews = desk.previews(case, law=law.in_force(TODAY), at=TODAY)
    return any(a.channel is Channel.CALL and isinstance(p, desk.Preview) and p.verdict.permitted for a, p in previews)


def contact(case: str, channel: Channel, at: datetime, outcome: Outcome | None, *, party: Party = Party.DEBTOR) -> None:
    judged = law.in_force(at)
    attempt = next(a for a, _ in desk.previews(case, law=judged, at=at) if (a.channel, a.party) == (channel, party))
    answer = dispatch.start(case, replace(attempt, id=f"story:{case}:{channel}:{at}"), law=judged, at=at, by=BY)
    if isinstance(answer, dispatch.Started):
        line = (LineResult.CONNECTED if outcome else LineResult.NO_ANSWER) if channel is Channel.CALL else None
        dispatch.complete(answer.contact_id, line_result=line, outcome=outcome, at=at + timedelta(minutes=2), by=BY)


if __name__ == "__main__":
    main()
