"""A process that is really killed while it absorbs a night leaves nothing of it, and the next run all of it."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from tests.records.killed_absorb import MOMENTS, SECOND
from tests.records.nightfall import Books, Card
from tests.records.slow_model import Model, day_of
from tests.records.test_cases_by_model import assert_agreed

from anhuan.records import events
from anhuan.records.account import Account
from anhuan.records.case import BucketSpan, Case, CaseBefore, CaseFigures
from anhuan.records.events import Event
from anhuan.records.night import Night, NightStep

ROOT = Path(__file__).parents[2]

FIRST = [Card("A1", "C1", 30), Card("A2", "C2", 30), Card("A3", "C3", 1), Card("A5", "C5", 61)]


def everything() -> dict[str, Any]:
    models = (Account, Case, CaseFigures, CaseBefore, BucketSpan, Event)
    return {model.__name__: sorted(map(repr, model.objects.values_list())) for model in models}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_night_killed_while_it_is_absorbed_leaves_nothing_and_run_again_ends_the_same(moment: str, tmp_path: Path) -> None:
    books, model = Books(), Model()
    books.night(1, FIRST)
    model.night(day_of(1), FIRST, [], replace_it=False)
    before = everything()

    memory = tmp_path / "books"
    memory.write_bytes(pickle.dumps(books))
    database = connection.settings_dict["NAME"]
    killed = subprocess.run(
        [sys.executable, "-m", "tests.records.killed_absorb", database, moment, memory],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert killed.returncode == -9, (killed.stdout, killed.stderr)
    assert everything() == before
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('records_account_fresh'), to_regclass('records_casefigures_fresh')")
        assert cursor.fetchone() == (None, None)

    night = Night.objects.get(business_date=day_of(2))
    assert not NightStep.objects.filter(night=night, step="cases").exists()
    counted = books.absorb(night, None, *SECOND)
    assert counted == model.night(day_of(2), *SECOND, replace_it=False)
    assert_agreed(model)
    assert events.verify()["ok"]
