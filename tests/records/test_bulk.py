"""Whole tables in and out of PostgreSQL, and the nightly exchange of a table for its successor."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import psycopg
import pyarrow as pa
import pytest
from django.core.management import call_command
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.thorough import tries

from anhuan.records import bulk
from anhuan.records.case import CaseFigures
from anhuan.records.payment import Payment

pytestmark = pytest.mark.django_db

KINDS: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "text": (pa.string(), st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12)),
    "varchar(40)": (pa.large_string(), st.text(st.sampled_from("a,\"\n\\é汉🀄'\t"), max_size=12)),
    "smallint": (pa.int16(), st.integers(-(2**15), 2**15 - 1)),
    "integer": (pa.int64(), st.integers(-(2**31), 2**31 - 1)),
    "bigint": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "double precision": (pa.float64(), st.floats(allow_nan=False)),
    "boolean": (pa.bool_(), st.booleans()),
    "date": (pa.date32(), st.dates(date(1900, 1, 1), date(2200, 1, 1))),
    "timestamptz": (
        pa.timestamp("us", "UTC"),
        st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    ),
    "bytea": (pa.binary(), st.binary(max_size=12)),
    "uuid": (pa.string(), st.uuids()),
    "jsonb": (pa.string(), st.sampled_from(['{"a": 1}', "[]", '"汉"', "null"])),
    "varchar[]": (pa.list_(pa.string()), st.lists(st.sampled_from(["staff", "student", "汉 字", ""]), max_size=3)),
}


@settings(max_examples=tries(60), deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_type_arrives_as_it_left(data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.tuples(*(st.none() | strategy for _, strategy in KINDS.values())), max_size=6))
    arrays = []
    for n, (arrow, _) in enumerate(KINDS.values()):
        cells = [str(row[n]) if isinstance(row[n], UUID) else row[n] for row in rows]
        arrays.append(pa.array(cells, arrow))
    names = [f"c{n}" for n in range(len(KINDS))]
    batch = pa.RecordBatch.from_arrays(arrays, names)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS t")
        cursor.execute(f"CREATE TEMP TABLE t (n serial, {', '.join(f'{c} {k}' for c, k in zip(names, KINDS, strict=True))})")
        assert bulk.copy(cursor, "t", names, pa.RecordBatchReader.from_batches(batch.schema, [batch])) == len(rows)
        cursor.execute(f"SELECT {', '.join(names)} FROM t ORDER BY n")
        import json

        kinds = list(KINDS)
        for stored, given_ in zip(cursor.fetchall(), rows, strict=True):
            for kind, got, sent in zip(kinds, stored, given_, strict=True):
                if sent is None:
                    assert got is None
                elif kind == "jsonb":
                    assert (json.loads(got) if isinstance(got, str) else got) == json.loads(sent)
                else:
                    assert (bytes(got) if kind == "bytea" else got) == sent


def one_batch(**columns: list[Any]) -> pa.RecordBatchReader:
    table = pa.table(columns)
    return pa.RecordBatchReader.from_batches(table.schema, table.to_batches())


def test_a_number_that_does_not_fit_its_column_is_an_error_and_not_another_number() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE t (n smallint)")
        with pytest.raises(pa.ArrowInvalid), transaction.atomic():
            bulk.copy(cursor, "t", ["n"], one_batch(n=[1, 70_000]))
        cursor.execute("SELECT count(*) FROM t")
        assert cursor.fetchone() == (0,)


def test_a_row_the_database_refuses_ends_the_copy_and_lets_the_reader_go() -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        for _ in range(50):
            yield pa.record_batch({"n": pa.array([1] * 20_000)})

    schema = pa.schema([("n", pa.int64())])
    threads = threading.active_count()
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE t (n bigint CHECK (n > 1))")
        with pytest.raises(Exception, match="t_n_check"), transaction.atomic():
            bulk.copy(cursor, "t", ["n"], pa.RecordBatchReader.from_batches(schema, batches()))
    assert threading.active_count() == threads


def test_sliced_batches_arrive_whole() -> None:
    table = pa.table({"a": pa.array([None, 1, None, 3, 4]), "b": pa.array(["x", None, "", "é", "z"])}).slice(1, 3)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE t (a integer, b text)")
        bulk.copy(cursor, "t", ["a", "b"], pa.RecordBatchReader.from_batches(table.schema, table.to_batches()))
        cursor.execute("SELECT a, b FROM t")
        assert cursor.fetchall() == [(1, None), (None, ""), (3, "é")]


def test_what_is_fetched_tells_empty_from_unknown() -> None:
    with connection.cursor() as cursor:
        fetched = bulk.fetch(
            cursor,
            "SELECT * FROM (VALUES (1, 'a,\"b'::text, true, DATE '2026-11-01'), (NULL, '', NULL, NULL), (3, NULL, false, NULL),"
            " (4, E'two\\nlines', false, NULL)) v (n, t, b, d)",
        )
        assert fetched.to_pydict() == {
            "n": [1, None, 3, 4],
            "t": ['a,"b', "", None, "two\nlines"],
            "b": [True, None, False, False],
            "d": [date(2026, 11, 1), None, None, None],
        }
        assert bulk.fetch(cursor, "SELECT 1 AS n WHERE false").num_rows == 0


# --- the exchange -------------------------------------------------------------------------------------------------

FIGURES = {
    "case_id": ["C1", "C2"],
    "bucket": [1, 2],
    "days_past_due": [3, 40],
    "currency": ["CNY", "CNY"],
    "past_due_amount_minor": [10, 20],
    "balance_total_minor": [100, 200],
    "accounts": [1, 1],
    "overdue_accounts": [1, 1],
    "missing_accounts": [0, 0],
    "other_currencies": [0, 0],
    "segment": ["", ""],
    "region_code": ["", ""],
    "placed_with": ["", ""],
}


def exchange(cursor: Any, **swap_options: Any) -> None:
    with bulk.swap_together(cursor, CaseFigures, **swap_options) as (fresh,):
        bulk.copy(cursor, fresh, list(FIGURES), one_batch(**FIGURES), freeze=True)


def shape(cursor: Any, table: str) -> list[tuple[Any, ...]]:
    """Everything a migration could have an opinion on: columns, constraints and indexes with their names."""
    cursor.execute(
        "SELECT attname, format_type(atttypid, atttypmod), attnotnull, attcollation, pg_get_expr(adbin, adrelid)"
        " FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum"
        " WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum",
        [table],
    )
    columns = cursor.fetchall()
    cursor.execute(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass ORDER BY 1", [table]
    )
    constraints = cursor.fetchall()
    cursor.execute("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s ORDER BY 1", [table])
    return [*columns, *constraints, *cursor.fetchall()]


def test_after_the_exchange_the_table_is_what_the_migrations_made() -> None:
    with connection.cursor() as cursor:
        before = shape(cursor, "records_casefigures")
        for _ in range(2):
            exchange(cursor)
            assert shape(cursor, "records_casefigures") == before
    assert [figures.case_id for figures in CaseFigures.objects.order_by("pk")] == ["C1", "C2"]
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_the_old_table_can_be_kept_under_another_name() -> None:
    with connection.cursor() as cursor:
        exchange(cursor)
        for _ in range(2):
            exchange(cursor, keep_old={CaseFigures: "records_casefigures_before"})
        cursor.execute("SELECT count(*) FROM records_casefigures_before")
        assert cursor.fetchone() == (2,)


def test_who_may_read_the_table_may_read_its_successor() -> None:
    with connection.cursor() as cursor:
        cursor.execute("GRANT SELECT, REFERENCES ON records_casefigures TO PUBLIC")
        privileges = "SELECT array_agg(a::text ORDER BY a::text) FROM pg_class, aclexplode(relacl) a WHERE relname = %s"
        cursor.execute(privileges, ["records_casefigures"])
        before = cursor.fetchone()
        exchange(cursor)
        cursor.execute(privileges, ["records_casefigures"])
        assert cursor.fetchone() == before


def another_connection() -> psycopg.Connection[Any]:
    parameters = connection.get_connection_params()
    wanted = {k: parameters[k] for k in ("dbname", "user", "password", "host", "port") if parameters.get(k)}
    return psycopg.connect(**wanted, autocommit=True)


@pytest.fixture
def emptied_figures(transactional_db: None) -> Iterator[None]:
    CaseFigures.objects.all().delete()
    yield
    CaseFigures.objects.all().delete()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("emptied_figures")
def test_readers_see_the_old_table_or_the_new_one_whole_and_never_none() -> None:
    seen: set[int] = set()
    failures: list[Exception] = []
    stop = threading.Event()

    def read() -> None:
        try:
            with another_connection() as reader:
                while not stop.is_set():
                    (count,) = reader.execute("SELECT count(*) FROM records_casefigures").fetchone()  # type: ignore[misc]
                    seen.add(count)
        except Exception as failure:  # noqa: BLE001
            failures.append(failure)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(12):
        with transaction.atomic(), connection.cursor() as cursor:
            exchange(cursor)
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures
    assert seen <= {0, 2}
    assert 2 in seen


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("emptied_figures")
def test_a_reader_whose_view_began_before_the_exchange_sees_a_whole_table() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        exchange(cursor)
    with another_connection() as reader:
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT 1 FROM records_case")
        with transaction.atomic(), connection.cursor() as cursor:
            exchange(cursor)
        assert reader.execute("SELECT count(*) FROM records_casefigures").fetchone() == (2,)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("emptied_figures")
def test_the_exchange_waits_for_a_long_reader_while_new_readers_are_let_through() -> None:
    waits: list[float] = []
    stop = threading.Event()

    def read() -> None:
        with another_connection() as reader:
            while not stop.is_set():
                started = time.perf_counter()
                reader.execute("SELECT count(*) FROM records_casefigures")
                waits.append(time.perf_counter() - started)
                time.sleep(0.01)

    with another_connection() as long_reader:
        long_reader.execute("BEGIN")
        long_reader.execute("SELECT count(*) FROM records_casefigures")
        reading = threading.Thread(target=read)
        reading.start()
        release = threading.Timer(3.0, long_reader.rollback)
        release.start()
        started = time.perf_counter()
        with transaction.atomic(), connection.cursor() as cursor:
            exchange(cursor)
        took = time.perf_counter() - started
        stop.set()
        reading.join()
        release.join()
    assert took >= 2.5
    assert max(waits) < 2.5
    assert sum(wait < 0.2 for wait in waits) > 5
    assert CaseFigures.objects.count() == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("emptied_figures")
def test_a_reader_who_never_leaves_ends_the_exchange_with_a_clear_error_and_the_old_table_stands() -> None:
    with another_connection() as long_reader:
        long_reader.execute("BEGIN")
        long_reader.execute("SELECT count(*) FROM records_casefigures")
        with pytest.raises(bulk.TableBusy), transaction.atomic(), connection.cursor() as cursor:
            exchange(cursor, attempts=1)
        long_reader.rollback()
    assert CaseFigures.objects.count() == 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('records_casefigures_fresh'), current_setting('lock_timeout')")
        assert cursor.fetchone() == (None, "0")


def test_an_exchange_never_touches_another_table() -> None:
    with connection.cursor() as cursor:
        before = shape(cursor, Payment._meta.db_table)
        exchange(cursor)
        assert shape(cursor, Payment._meta.db_table) == before
