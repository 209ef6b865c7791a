"""How fast a strategy decides: in columns over a million rows, beside two engines that go row by row, and how long its proof takes.

    python bench/strategy.py                     1,000,000 rows in columns, 2,000 through the peers
    python bench/strategy.py --rows 200000 --sample 500 --no-peers
    python bench/strategy.py --rows 1000000 --spark --no-peers   also Apache Spark, local, on all cores (`make spark` first)

The strategy is examples/firstbank/strategy/card.dmn. The same rows go to all. Peers: zen-engine and SpiffWorkflow, neither of
which this project needs; absent, they are skipped with a line that says how to get them. What a peer does not support is
said, and the table left out. A table goes to the terminal, JSON to bench/results.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ibis
import numpy as np
import pyarrow as pa

from anhuan.portfolio import strategy
from anhuan.rulebook.tables import prove
from anhuan.rulebook.tables.evaluate import Decider
from anhuan.rulebook.tables.model import Model
from anhuan.rulebook.tables.spelling import from_object
from anhuan.rulebook.tables.table import POLICIES

ROOT = Path(__file__).resolve().parents[1]
MODEL = ROOT / "examples" / "firstbank" / "strategy" / "card.dmn"
RESULTS = ROOT / "bench" / "results"
DECISION = "proposal"
TABLES = ("protection", "stage", "risk", "treatment", "recovery_bp", "proposal")
GOAL_SECONDS = 1.0


# --- Rows --------------------------------------------------------------------------------------------------------


def book(rows: int) -> pa.Table:
    """Accounts as a strategy sees them, spread so that every table has work."""
    chance = np.random.default_rng(20261127)

    def numbers(low: int, high: int, kind: Any, missing: float = 0.0) -> pa.Array:
        mask = chance.random(rows) < missing if missing else None
        return pa.array(chance.integers(low, high, rows).astype(kind), mask=mask)

    def flags(share: float) -> pa.Array:
        return pa.array(chance.random(rows) < share)

    def words(shares: dict[str | None, float]) -> pa.Array:
        names = np.array(list(shares), dtype=object)
        return pa.array(names[chance.choice(len(names), rows, p=list(shares.values()))], pa.string())

    due = np.where(chance.random(rows) < 0.25, 0, np.minimum(900, chance.exponential(70, rows)))
    columns: dict[str, pa.Array] = {
        "account_id": pa.array([f"A{n:08}" for n in range(rows)]),
        "customer_id": pa.array([f"C{n // 10 * 9 + n % 9:08}" for n in range(rows)]),
        "business_date": pa.array([date(2026, 11, 27)] * rows, pa.date32()),
        "days_past_due": pa.array(due.astype("int32")),
        "days_to_due": numbers(-30, 20, "int32", 0.05),
        "hold": words({None: 0.95, "plan": 0.02, "dispute": 0.01, "complaint": 0.01, "hardship": 0.01}),
        "block_code": words({"none": 0.6, "frozen": 0.36, "charged_off": 0.02, "dispute": 0.01, "fraud": 0.01}),
        "past_due_minor": pa.array(np.exp(chance.normal(11.5, 1.6, rows)).astype("int64")),
        "balance_minor": pa.array(np.exp(chance.normal(13, 1.5, rows)).astype("int64")),
        "principal_minor": pa.array(np.exp(chance.normal(12.8, 1.6, rows)).astype("int64")),
        "minimum_due_minor": pa.array(np.exp(chance.normal(11, 1.2, rows)).astype("int64")),
        "behaviour_score": numbers(250, 900, "int16", 0.03),
        "collection_score": numbers(250, 900, "int16", 0.1),
        "promise_in_days": numbers(-5, 8, "int32", 0.9),
        "broken_promises": numbers(0, 4, "int16"),
        "days_since_contact": numbers(0, 40, "int32", 0.4),
        "days_since_payment": numbers(0, 120, "int32", 0.2),
        "effective_demands": numbers(0, 4, "int16"),
        "days_since_demand": numbers(0, 200, "int32", 0.5),
        "placement_round": numbers(0, 6, "int16"),
        "reachable": flags(0.8),
        "autopay": flags(0.3),
        "segment": words({"mass": 0.6, "mass_plus": 0.2, "gold": 0.14, "platinum": 0.04, "private": 0.02}),
        "pay_score": pa.array(chance.integers(0, 1_000_001, rows)).cast(pa.decimal128(19, 0)),
    }
    rare = ("deceased", "incapacitated", "bankrupt", "represented_by_attorney", "legal_open", "hardship", "serious_illness",
            "disaster_area", "vulnerable")  # fmt: skip
    columns |= {name: flags(0.006) for name in rare}
    return pa.table(columns)


def prepared(con: Any, rows: int) -> Any:
    """The rows as a DuckDB table of the strategy's input schema."""
    con.con.register("made", book(rows))
    made = con.table("made")
    typed = made.mutate(pay_score=(made.pay_score.cast("decimal(19, 6)") * ibis.literal(0.000001, "decimal(7, 6)")))
    whole = {name: (typed[name] if name in typed.columns else ibis.null(of)).cast(of) for name, of in strategy.INPUTS.items()}
    return con.create_table("book", typed.select(**whole))


# --- What is measured --------------------------------------------------------------------------------------------


def in_columns(con: Any, table: Any, model: Model, rows: int) -> dict[str, Any]:
    started = time.perf_counter()
    chosen = strategy.decided(table, model, DECISION)
    made = [name for name in chosen.columns if name not in table.columns]
    query = con.compile(chosen.select("account_id", *made))
    compiled = time.perf_counter() - started
    used, best = time.process_time(), float("inf")
    for _ in range(3):
        best = min(best, timed(lambda: con.con.execute(f"CREATE OR REPLACE TABLE decided AS {query}")))
    used = (time.process_time() - used) / 3
    return {
        "engine": "anhuan in columns (DuckDB)", "rows": rows, "seconds": best, "rows_per_second": round(rows / best),
        "compile_seconds": compiled, "tables": len(TABLES), "note": f"{len(made)} columns; {used:.2f} s of CPU; compiled in {compiled:.2f} s",
        "processor_seconds": used,
    }  # fmt: skip


def proposals(con: Any, table: Any, model: Model, rows: int) -> dict[str, Any]:
    query = con.compile(strategy.propose(table, model, DECISION))
    seconds = timed(lambda: con.con.execute(f"CREATE OR REPLACE TABLE proposals AS {query}"))
    teams = [
        strategy.Capacity("team", "phone_m1", rows // 50, {"private": "0.05"}),
        strategy.Capacity("channel", "call", rows // 10),
    ]
    cut = con.compile(strategy.rank_and_cut(con.table("proposals"), teams))
    seconds_cut = timed(lambda: con.con.execute(f"CREATE OR REPLACE TABLE ranked AS {cut}"))
    return {
        "engine": "… and one proposal per customer", "rows": rows, "seconds": seconds, "rows_per_second": round(rows / seconds),
        "tables": len(TABLES), "note": f"ranked and cut to capacity in {seconds_cut:.2f} s more",
    }  # fmt: skip


def on_spark(con: Any, table: Any, model: Model, rows: int) -> Iterator[dict[str, Any]]:
    """The same expression by Spark on this machine, from Parquet to Parquet; first a small run, so that Spark is warm."""
    from pyspark.sql import SparkSession

    told = {
        "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.ui.enabled": "false",
        "spark.driver.memory": "8g", "spark.sql.shuffle.partitions": "8", "spark.sql.session.timeZone": "UTC",
    }  # fmt: skip
    spark = SparkSession.builder.master("local[*]").config(map=told).getOrCreate()
    cluster = ibis.pyspark.connect(spark)
    with TemporaryDirectory() as folder:
        for name, part in (("warm", table.limit(10_000)), ("book", table)):
            part.to_parquet(f"{folder}/{name}.parquet")
            wanted = strategy.propose(cluster.read_parquet(f"{folder}/{name}.parquet"), model, DECISION)
            seconds = timed(lambda wanted=wanted, name=name: wanted.to_parquet(f"{folder}/{name}.proposals"))
            if name == "warm":
                print(f"Spark's first run, {part.count().to_pyarrow().as_py():,} rows: {seconds:.1f} s")
        made = (con.table("proposals"), con.read_parquet(f"{folder}/book.proposals/*.parquet"))
        here, there = (
            each.aggregate(n=each.count(), value=each.expected_value_minor.sum()).to_pyarrow().to_pylist() for each in made
        )
    spark.stop()
    yield {
        "engine": "Spark, one proposal per customer", "rows": rows, "seconds": seconds, "rows_per_second": round(rows / seconds),
        "tables": len(TABLES), "note": f"Parquet to Parquet; as many proposals, of the same value in all: {here == there}",
    }  # fmt: skip


def by_rows(sample: list[dict[str, Any]], model: Model) -> dict[str, Any]:
    decider = Decider(model, DECISION)
    seconds = timed(lambda: [decider.decide(row) for row in sample])
    return {
        "engine": "anhuan row by row", "rows": len(sample), "seconds": seconds, "rows_per_second": round(len(sample) / seconds),
        "tables": len(TABLES), "note": "34-digit decimals",
    }  # fmt: skip


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def proof(model: Model) -> dict[str, Any]:
    started = time.perf_counter()
    report = prove.check(model)
    return {"proved": report["ok"], "seconds": time.perf_counter() - started}


# --- Peers -------------------------------------------------------------------------------------------------------


def peers(sample: list[dict[str, Any]], model: Model) -> Iterator[dict[str, Any]]:
    plain = [{name: as_json(value) for name, value in row.items()} for row in sample]
    for name, package, run in (("zen-engine", "zen", zen), ("SpiffWorkflow", "SpiffWorkflow", spiff)):
        try:
            __import__(package)
        except ImportError:
            print(f"{name} is not installed: pip install {name} (bench only), then run again", file=sys.stderr)
            continue
        yield from run(plain, model)


def agreeing(name: str, rows: list[dict[str, Any]], answers: list[Any], model: Model) -> int:
    """On how many rows a peer's answer is ours."""
    decider = Decider(model, name)
    exact = [{key: from_object(value) for key, value in row.items()} for row in rows]
    return sum(decider.decide(row).output == answer for row, answer in zip(exact, answers, strict=True))


def as_json(value: Any) -> Any:
    value = from_object(value)
    return float(value) if type(value).__name__ == "Decimal" else value if isinstance(value, str | bool | None) else str(value)


def zen(rows: list[dict[str, Any]], model: Model) -> Iterator[dict[str, Any]]:
    """The tables it can express (hit policy first or collect) as JSON decision models of its own, one after the other."""
    import zen as engine_of

    tables = {node.name: node for node in model.decisions() if node.name in TABLES}
    usable = {"risk": "first", "stage": "first", "protection": "first"}
    engines = {name: engine_of.ZenEngine().create_decision(json.dumps(zen_table(tables[name], model))) for name in usable}

    found: dict[str, list[Any]] = {name: [] for name in engines}

    def run() -> None:
        for row in rows:
            for name, decision in engines.items():
                found[name].append((decision.evaluate(row)["result"] or {}).get(name))

    seconds = timed(run)
    alike = sum(agreeing(name, rows, answers, model) for name, answers in found.items())
    yield {
        "engine": "zen-engine", "rows": len(rows), "seconds": seconds, "rows_per_second": round(len(rows) / seconds),
        "tables": len(engines),
        "note": f"first hit and plain collect alone, no U A P C+; own JSON, no DMN XML; floats; agrees on {alike} of {3 * len(rows)}",
    }  # fmt: skip


def zen_table(node: Any, model: Model) -> dict[str, Any]:
    """A decision table of ours as zen's JSON: its cells are unary tests of its own dialect of FEEL."""
    from anhuan.rulebook.tables.boxed import Boxes

    names = frozenset(model.nodes[i].name for i in node.requires)
    table = Boxes(model).read_table(node.logic, names)
    inputs = [{"id": f"i{k}", "name": c.text, "field": c.text, "type": "expression"} for k, c in enumerate(table.inputs)]
    rules = []
    for rule in table.rules:
        cells = {f"i{k}": "" if text == "-" else zen_cell(text) for k, text in enumerate(rule.texts)}
        rules.append({"_id": str(rule.number), **cells, "o": rule.output_texts[0]})
    content = {
        "hitPolicy": "first", "inputs": inputs, "rules": rules,
        "outputs": [{"id": "o", "name": node.name, "field": node.name, "type": "expression"}],
    }  # fmt: skip
    ends = [{"id": "in", "type": "inputNode", "name": "in"}, {"id": "out", "type": "outputNode", "name": "out"}]
    edges = [{"id": "a", "sourceId": "in", "targetId": "t"}, {"id": "b", "sourceId": "t", "targetId": "out"}]
    table_node = {"id": "t", "type": "decisionTableNode", "name": node.name, "content": content}
    return {"nodes": [ends[0], table_node, ends[1]], "edges": edges}


def zen_cell(text: str) -> str:
    """Its dialect has no not(): a list of words that must not be is written with `not in`."""
    if text.startswith("not("):
        return "$ != null" if text == "not(null)" else f"$ not in [{text[4:-1]}]"
    return text.replace("< 600, null", "$ == null or $ < 600")


def spiff(rows: list[dict[str, Any]], model: Model) -> Iterator[dict[str, Any]]:
    """Tables of hit policy UNIQUE and COLLECT, from the same DMN file; others it refuses."""
    from SpiffWorkflow.bpmn.script_engine import PythonScriptEngine
    from SpiffWorkflow.dmn.parser.BpmnDmnParser import BpmnDmnParser

    refused = [
        node.name for node in model.decisions() if node.logic is not None and node.logic.attribute("hitPolicy") == "FIRST"
    ]
    yield {
        "engine": "SpiffWorkflow", "rows": 0, "seconds": 0.0, "rows_per_second": 0, "tables": 0,
        "note": f"UNIQUE and COLLECT alone, so not {', '.join(refused)}; cells are evaluated as Python; next line: one table by hand",
    }  # fmt: skip
    parser = BpmnDmnParser()
    parser.add_dmn_str(spiff_table(model).encode())
    ((_, single),) = parser.dmn_parsers.items()
    single.parse()
    engine = spiff_engine(single.decision)
    script = PythonScriptEngine()

    class Task:
        def __init__(self, data: dict[str, Any]) -> None:
            self.data, self.workflow = data, type("W", (), {"script_engine": script})()

    found: list[Any] = []
    seconds = timed(lambda: found.extend(engine.result(Task(dict(row))).get("risk") for row in rows))
    alike = agreeing("risk", rows, found, model)
    yield {
        "engine": "SpiffWorkflow, risk alone", "rows": len(rows), "seconds": seconds, "rows_per_second": round(len(rows) / seconds),
        "tables": 1, "note": f"cells rewritten in Python by hand; agrees on {alike} of {len(rows)}",
    }  # fmt: skip


def spiff_engine(decision: Any) -> Any:
    from SpiffWorkflow.dmn.engine.DMNEngine import DMNEngine

    return DMNEngine(decision.decisionTables[0])


SPIFF_CELLS = {
    "null": "? is None", ">= 600": "? is not None and ? >= 600", "[400..600)": "? is not None and 400 <= ? < 600",
    "< 400": "? is not None and ? < 400", ">= 700": "? is not None and ? >= 700", "<= 1": "? <= 1", "> 1": "? > 1",
    "[550..700)": "? is not None and 550 <= ? < 700", "< 600, null": "? is None or ? < 600",
    "[400..550)": "? is not None and 400 <= ? < 550", "-": "",
}  # fmt: skip


def spiff_table(model: Model) -> str:
    """The table `risk` as DMN with cells in Python."""
    from xml.sax.saxutils import escape

    from anhuan.rulebook.tables.boxed import Boxes

    node = next(node for node in model.decisions() if node.name == "risk")
    table = Boxes(model).read_table(node.logic, frozenset(model.nodes[i].name for i in node.requires))
    xml = ['<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="d" namespace="n">']
    xml.append('<decision id="risk" name="risk"><decisionTable id="t" hitPolicy="UNIQUE">')
    for k, clause in enumerate(table.inputs):
        xml.append(f'<input id="i{k}"><inputExpression id="e{k}"><text>{clause.text}</text></inputExpression></input>')
    xml.append('<output id="o" name="risk" typeRef="string"/>')
    for rule in table.rules:
        cells = "".join(f'<inputEntry id="r{rule.number}i{k}"><text>{escape(SPIFF_CELLS[text])}</text></inputEntry>'
                        for k, text in enumerate(rule.texts))  # fmt: skip
        output = f'<outputEntry id="r{rule.number}o"><text>{escape(rule.output_texts[0])}</text></outputEntry>'
        xml.append(f'<rule id="r{rule.number}">{cells}{output}</rule>')
    return "".join([*xml, "</decisionTable></decision></definitions>"])


# --- Telling -----------------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--sample", type=int, default=2_000)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--spark", action="store_true")
    asked = parser.parse_args()
    model = Model.load(MODEL)
    proved = proof(model)
    con = ibis.duckdb.connect()
    table = prepared(con, asked.rows)
    results = [in_columns(con, table, model, asked.rows), proposals(con, table, model, asked.rows)]
    if asked.spark:
        results += on_spark(con, table, model, asked.rows)
    sample = [
        {name: from_object(value) for name, value in row.items()}
        for row in con.to_pyarrow(table.limit(asked.sample)).to_pylist()
    ]
    results.append(by_rows(sample, model))
    if not asked.no_peers:
        results += peers(sample, model)
    tell(results, proved, model)
    document = {"at": datetime.now(UTC).isoformat(), "cores": os.cpu_count(), "python": platform.python_version(),
                "load": os.getloadavg(), "proof": proved, "results": results}  # fmt: skip
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"strategy-{datetime.now(UTC):%Y%m%dT%H%M%S}.json").write_text(json.dumps(document, indent=1) + "\n")


def tell(results: list[dict[str, Any]], proved: dict[str, Any], model: Model) -> None:
    rules = sum(len(list(node.logic.all("rule"))) for node in model.decisions() if node.logic is not None)
    policies = [POLICIES[n.logic.attribute("hitPolicy")] for n in model.decisions() if n.logic is not None and n.name in TABLES]
    print(
        f"{len(TABLES)} tables, {rules} rules ({' '.join(policies)}); proved: {proved['proved']} in {proved['seconds']:.2f} s"
    )
    print(f"cores {os.cpu_count()}, load {os.getloadavg()[0]:.1f}; goal: a million rows in {GOAL_SECONDS:g} s\n")
    print(f"{'engine':34}{'rows':>10}{'seconds':>9}{'rows/s':>12}{'tables':>8}  note")
    for r in results:
        print(f"{r['engine']:34}{r['rows']:>10,}{r['seconds']:>9.3f}{r['rows_per_second']:>12,}{r['tables']:>8}  {r['note']}")


if __name__ == "__main__":
    main()
