"""How a bank came to its strategies, told to a home: `python strategy_story.py DELIVERIES…` with the home in the environment.

One night without a strategy; `cards/1` tried on it, approved by another person and live for the nights that follow; `cards/2`, which
asks more of a balance before it calls, drawn up and tried beside it. Prints a case somebody is to be contacted about.
"""

from __future__ import annotations

import json
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from anhuan import settings

settings.start()

from django.conf import settings as django  # noqa: E402

from anhuan import clock  # noqa: E402
from anhuan.acts import strategy  # noqa: E402
from anhuan.acts.staff import create_staff  # noqa: E402
from anhuan.clockwork import nightly, proposing, simulating  # noqa: E402
from anhuan.records.case import Case  # noqa: E402
from anhuan.records.strategy import Proposal, StrategyVersion  # noqa: E402

MODEL = Path(__file__).resolve().parents[2] / "examples/firstbank/strategy/card.dmn"
ARMS = {"hold_out": "0.2", "champion": "0.8"}
AUTHOR, SECOND = "zhao.analyst", "lin.analyst"


def main(deliveries: list[Path]) -> None:
    home, now = Path(django.ANHUAN_HOME), clock.now()
    for name in (AUTHOR, SECOND):
        create_staff(username=name, password="open-the-desk-2026", role="operations", language="en", at=now, by="t")
    first, *rest = deliveries
    (home / "capacities.yaml").write_text("channel: {call: 60}\n")
    nightly.run(first, home=home)
    night = date.fromisoformat(first.name)
    model = MODEL.read_bytes()
    live = tried(model, None, (night, night), home)
    taken(strategy.approve(live.pk, at=now, by=SECOND))
    live = taken(strategy.go_live(live.pk, live_from=night + timedelta(days=1), at=now, by=SECOND))
    for folder in rest:
        nightly.run(folder, home=home)
    asking_more = model.replace(b"&lt; 300000<", b"&lt; 700000<").replace(b"&gt;= 300000<", b"&gt;= 700000<")
    tried(asking_more, live, (night + timedelta(days=1), date.fromisoformat(rest[-1].name)), home)
    cases = Case.objects.values("pk")
    wanted = Proposal.objects.filter(state="proposed", customer_id__in=cases).order_by("-business_date", "customer_id").first()
    assert wanted is not None
    print(json.dumps({"case": wanted.customer_id}))


def tried(model: bytes, live: StrategyVersion | None, nights: tuple[date, date], home: Path) -> StrategyVersion:
    """A version drawn up, proved, and tried on sealed nights."""
    made = taken(strategy.draft(model, name="cards", arms=ARMS, at=clock.now(), by=AUTHOR))
    made = taken(strategy.check(made.pk, at=clock.now(), by=AUTHOR))
    assert made.findings == []
    sealed = simulating.nights_between(*nights)
    report = simulating.replay(made, live, sealed, capacities=proposing.capacities(home), home=home)
    simulating.keep(made, report, home=home, at=clock.now(), by=AUTHOR)
    return StrategyVersion.objects.get(pk=made.pk)


def taken(answer: Any) -> StrategyVersion:
    assert isinstance(answer, StrategyVersion), [sentence.en for sentence in answer]
    return answer


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
