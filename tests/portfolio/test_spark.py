"""The night on Apache Spark, in local mode: ages, inputs, proposals and the cut come to the same rows as on DuckDB."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pytest

import generate
from anhuan.portfolio import delinquency, engine, experiments, feed, strategy
from anhuan.rulebook.tables.model import Model

MODEL = Model.load(Path(__file__).resolve().parents[2] / "examples" / "firstbank" / "strategy" / "card.dmn")
ARMS = experiments.assignment({"hold_out": "0.1", "champion": "0.9"}, seed="cards")
CAPACITIES = [strategy.Capacity("team", "phone_m1", 40, {"private": "0.2"}), strategy.Capacity("channel", "call", 90)]
RESULTS = ("standing", "proposals", "ranked")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    """A session of two threads, bound to this machine alone."""
    why = "the night on Spark is NOT tested: no {}; `make spark` installs it"
    sql = pytest.importorskip("pyspark.sql", reason=why.format("pyspark"))
    if shutil.which("java") is None:
        pytest.skip(why.format("java"))
    told = {
        "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.ui.enabled": "false",
        "spark.driver.memory": "2g", "spark.sql.shuffle.partitions": "2", "spark.sql.session.timeZone": "UTC",
        "spark.ui.showConsoleProgress": "false",
    }  # fmt: skip
    session = sql.SparkSession.builder.master("local[2]").config(map=told).getOrCreate()
    yield session
    session.stop()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two nights of the made-up bank as Parquet, and what records might say of its customers."""
    root = tmp_path_factory.mktemp("nights")
    generate.generate(out=root / "feeds", nights=2, accounts=2500, start=date(2026, 10, 28), seed=11)
    for number, folder in enumerate(sorted((root / "feeds").glob("20*"))):
        con = engine.connect(root / f"workspace{number}")
        feed.read(feed.open_delivery(folder, layout=None, search=[]), con, known=None, yesterday=None)
        for name in ("accounts", "customers", "set_aside"):
            con.table(name).to_parquet(root / f"{name}{number}.parquet")
        if number:
            people = con.table("customers").customer_id.to_pyarrow().to_pylist()
    holds = pa.array(["dispute" if at % 40 == 0 else None for at in range(len(people))])
    kept = pa.array([at % 7 == 0 for at in range(len(people))])
    said = {
        "customer_id": people,
        "hold": holds,
        "reachable": kept,
        "days_since_contact": pa.array([3] * len(people), pa.int32()),
    }
    ibis.memtable(pa.table(said)).to_parquet(root / "conduct.parquet")
    return root


def night(read: Callable[[str], ibis.Table], keep: Callable[[str, ibis.Table], ibis.Table]) -> None:
    """Both nights as the product works them, each result kept by name."""
    standing = None
    for number, day in enumerate((date(2026, 10, 28), date(2026, 10, 29))):
        aside = read(f"set_aside{number}")
        ids = aside.filter(aside.file == "accounts.csv", aside.key.notnull()).select(account_id=aside.key).distinct()
        accounts = read(f"accounts{number}")
        name = "standing" if number else "yesterday"
        standing = keep(name, delinquency.age(accounts, ids, standing, business_date=day))
    rows = strategy.inputs(standing, accounts, read("customers1"), business_date=day, conduct=read("conduct"), arms=ARMS)
    proposals = keep("proposals", strategy.propose(rows, MODEL, "proposal", fingerprint="abc", version=3))
    keep("ranked", strategy.rank_and_cut(proposals, CAPACITIES))


def rows(table: ibis.Table) -> list[dict]:
    return table.order_by("account_id").to_pyarrow().to_pylist()


@pytest.mark.filterwarnings("ignore")  # of pyspark, about a pandas it has not met yet
def test_the_night_comes_to_the_same_rows_on_spark(spark: Any, files: Path, tmp_path: Path) -> None:
    con = engine.connect(tmp_path / "workspace")
    here: dict[str, ibis.Table] = {}

    def keep(name: str, table: ibis.Table) -> ibis.Table:
        here[name] = con.create_table(name, table, temp=True)
        return here[name]

    night(lambda name: con.read_parquet(files / f"{name}.parquet"), keep)
    cluster = ibis.pyspark.connect(spark)
    there: dict[str, ibis.Table] = {}

    def keep_there(name: str, table: ibis.Table) -> ibis.Table:
        table.to_parquet(str(tmp_path / name))
        there[name] = cluster.read_parquet(str(tmp_path / name))
        return there[name]

    night(lambda name: cluster.read_parquet(str(files / f"{name}.parquet")), keep_there)
    for name in RESULTS:
        assert rows(there[name]) == rows(here[name]), name
    heaps = {row["heap"] for row in rows(here["ranked"])}
    assert heaps == {"proposed", "no_capacity"}
    assert len(rows(here["proposals"])) > 1000
