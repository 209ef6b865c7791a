"""One home and one database for each process that runs tests, gone afterwards.

Tests run on the embedded PostgreSQL in a temporary home, or on `DATABASE_URL` when it is set. The server starts with
the first test that asks for the database, so that tests of the core stay quick.
"""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

# Thousands of collected tests stay as long as the run does: to look through them at every 700 new objects would take its time.
gc.set_threshold(50_000, 50, 100)

# Before anything of Django is imported. Whatever the developer has set must not reach the tests, nor they his home.
_home = Path(tempfile.mkdtemp(prefix="anhuan-tests-"))
for name in [name for name in os.environ if name.startswith("ANHUAN_") and name != "ANHUAN_TESTDATA"]:
    del os.environ[name]
os.environ["ANHUAN_HOME"] = str(_home)
(_home / "postgres").mkdir(mode=0o700)
(_home / "postgres" / "local.conf").write_text("fsync = off\n")  # nothing here is to outlive a power cut
os.environ["DJANGO_SETTINGS_MODULE"] = "anhuan.settings"
# What is dear to make is made once for all processes of a run (tests/flows/homes.py); they inherit where.
_alone = "PYTEST_XDIST_WORKER" not in os.environ
if _alone:
    os.environ["TESTS_MADE_ONCE"] = tempfile.mkdtemp(prefix="anhuan-tests-made-")

from anhuan import settings  # noqa: E402

settings.start(database=False)

from django.conf import settings as django_settings  # noqa: E402

# A password hash made to be slow would be most of a test's time.
django_settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

from django.db.backends.postgresql.operations import DatabaseOperations  # noqa: E402

_sql_flush = DatabaseOperations.sql_flush


def _sql_flush_with_events(self: DatabaseOperations, style: object, tables: list[str], **options: bool) -> list[str]:
    """Django empties the tables after a test that commits; those that stay refuse that from everybody, and are asked aside."""
    emptied: list[str] = _sql_flush(self, style, tables, **options)
    staying = [(table, trigger) for table, trigger in STAYING.items() if table in tables]
    off, on = (
        [f"ALTER TABLE {table} {what} TRIGGER {trigger}" for table, trigger in staying] for what in ("DISABLE", "ENABLE")
    )
    return [*off, *emptied, *on]


# Tables that nobody empties, and the trigger that sees to it.
STAYING = {
    "records_event": "event_stays_all",
    "records_contact": "contact_stays_all",
    "records_permit": "permit_stays_all",
    "records_viewing": "viewing_stays_all",
}


DatabaseOperations.sql_flush = _sql_flush_with_events


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Workers inherit the environment, and with a settings module in it they would read the settings before this file
    gives them a home of their own.
    """
    del os.environ["DJANGO_SETTINGS_MODULE"], os.environ["ANHUAN_HOME"]


def pytest_unconfigure() -> None:
    settings.release()
    shutil.rmtree(_home, ignore_errors=True)
    if _alone:
        shutil.rmtree(os.environ["TESTS_MADE_ONCE"], ignore_errors=True)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """pytest-django's hook before it makes its test database: hold the server it is made on.

    On a `DATABASE_URL` the workers share one server: each then has a database named after it.
    """
    settings.start()


@pytest.fixture(scope="session", autouse=True)
def _tables_can_be_emptied_after_a_test() -> Iterator[None]:
    """Django truncates every table after a test that commits; the triggers of those that stay would rightly refuse that."""
    from django.db import connection
    from django.test import TransactionTestCase

    emptying = TransactionTestCase._fixture_teardown

    def past_the_triggers(test: TransactionTestCase) -> None:
        with connection.cursor() as cursor:
            for table in STAYING:
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        emptying(test)
        with connection.cursor() as cursor:
            for table in STAYING:
                cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(TransactionTestCase, "_fixture_teardown", past_the_triggers)
        yield


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home for a test that runs the command line or keeps files of its own."""
    return tmp_path / "home"
