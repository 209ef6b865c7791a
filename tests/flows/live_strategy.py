"""Takes a small strategy live in a home, signed by two people, with one call a day: `python live_strategy.py DAY`."""

from __future__ import annotations

import os
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.rulebook.dmn import decision, definitions, input_data, item, table

from anhuan import settings

RULES = [["[1..30]", '"sms"', "100"], ["> 30", '"call"', "days_past_due"]]


def model() -> bytes:
    body = table("UNIQUE", [("days_past_due", "tDays")], RULES, outputs=[("channel", ""), ("expected_value_minor", "")])
    given = [item("tDays", "number", ">= 1"), input_data("days_past_due", "tDays")]
    return definitions(*given, decision("act", body, needs=["i days_past_due"]))


def go_live(day: date) -> None:
    from anhuan.acts import strategy
    from anhuan.acts.staff import create_staff
    from anhuan.records.strategy import StrategyVersion

    at = datetime.combine(day, datetime.min.time(), UTC) - timedelta(days=1)

    def taken(answer: Any) -> StrategyVersion:
        assert isinstance(answer, StrategyVersion), answer
        return answer

    for name in ("wang", "li"):
        create_staff(username=name, password="correct horse battery", role="operations", language="en", at=at, by="t")
    made = taken(strategy.draft(model(), name="cards", arms={"champion": "1"}, at=at, by="wang"))
    taken(strategy.check(made.pk, at=at, by="system:cli"))
    night = {"business_date": str(day - timedelta(days=2)), "sequence": 0, "manifest_sha256": "0" * 64, "law": "1" * 64}
    taken(strategy.simulated(made.pk, nights=[night], figures={"fingerprint": made.fingerprint}, at=at, by="system:cli"))
    taken(strategy.approve(made.pk, at=at, by="li"))
    taken(strategy.go_live(made.pk, live_from=day, at=at, by="system:cli"))


if __name__ == "__main__":
    settings.start()
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)
    go_live(date.fromisoformat(sys.argv[1]))
    (Path(os.environ["ANHUAN_HOME"]) / "capacities.yaml").write_text("channel: {call: 1}\n")
