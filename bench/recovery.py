"""Whether effects that are told from arms are the true ones: a back-test against the made-up bank, whose customers' answers are known.

    python bench/recovery.py                               20 banks of 8,000 accounts, 10 nights, 100 draws each
    python bench/recovery.py --banks 40 --draws 200

Each bank (a seed of examples/firstbank) is lived through several times: nobody contacted, everybody contacted as the live strategy
wants, everybody as a candidate wants. In all of them every customer has the same luck on the same day, and a contact multiplies
her chance to pay as `firstbank/truth.py` says; so what contacts bring to each customer is known, not estimated. Then arms are drawn
by lot, again and again; of each customer only the life of her arm is shown to `experiments.compared` and `experiments.lift`, as a
simulation does, and their 95 % intervals are held against the truth. No gate and no capacities: contacts wanted are made.

    spare       a candidate that leaves holders of two products alone: it goes on as it begins, and its lift must come out right
    patient     a candidate that leaves everybody alone for ten days: it does not go on as it begins, which `goes_on` must say
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import ibis
import numpy as np
import pyarrow as pa

from anhuan.portfolio import experiments, strategy
from anhuan.rulebook.tables.model import Model

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results"
sys.path.insert(0, str(ROOT / "examples" / "firstbank"))

from firstbank import life, people  # noqa: E402
from firstbank.book import CURRENCIES, PRODUCTS  # noqa: E402
from firstbank.delivery import Evenings, Night, account_id, bucket_of  # noqa: E402

FIRST = date(2026, 10, 28)
ARMS = {experiments.HOLD_OUT: "0.1", "champion": "0.9"}
GOAL = (0.93, 0.97)

# --- the strategies -----------------------------------------------------------------------------------------------

LIVE = [("-", "[1..10]", "sms"), ("-", "(10..90]", "call"), ("-", "> 90", "letter")]
CANDIDATES: Mapping[str, Sequence[tuple[str, str, str | None]]] = {
    "spare": [('"classic", "gold"', "-", None), *(('not("classic", "gold")', days, channel) for _, days, channel in LIVE)],
    "patient": [("-", "[1..10]", None), *LIVE[1:]],
}


def document(rules: Sequence[tuple[str, str, str | None]]) -> bytes:
    """A strategy of one table: product and days past due to channel."""
    xml = ['<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="d" namespace="n">']
    for name, kind in (("product", "string"), ("days_past_due", "number")):
        xml.append(f'<inputData id="{name}" name="{name}"><variable id="v_{name}" name="{name}" typeRef="{kind}"/></inputData>')
    xml.append('<decision id="channel" name="channel"><variable id="v_channel" name="channel"/>')
    xml += [
        f'<informationRequirement id="r_{n}"><requiredInput href="#{n}"/></informationRequirement>'
        for n in ("product", "days_past_due")
    ]
    xml.append('<decisionTable id="t" hitPolicy="UNIQUE">')
    for name in ("product", "days_past_due"):
        xml.append(f'<input id="i_{name}"><inputExpression id="e_{name}"><text>{name}</text></inputExpression></input>')
    xml.append('<output id="o" name="channel" typeRef="string"/>')
    for number, (product, days, channel) in enumerate(rules):
        tests = [escape(product), escape(days)]
        cells = "".join(f'<inputEntry id="c{number}{k}"><text>{test}</text></inputEntry>' for k, test in enumerate(tests))
        told = f'"{channel}"' if channel else "null"
        xml.append(f'<rule id="u{number}">{cells}<outputEntry id="x{number}"><text>{told}</text></outputEntry></rule>')
    return "".join([*xml, "</decisionTable></decision></definitions>"]).encode()


class Desk:
    """Says whom a strategy wants contacted tonight, for many banks at once: one expression over all their books."""

    def __init__(self, rules: Sequence[tuple[str, str, str | None]]) -> None:
        self._con = ibis.duckdb.connect()
        rows = self._con.create_table("rows", schema=strategy.INPUTS)
        proposed = strategy.propose(rows, Model(document(rules)), "channel")
        self._query = self._con.compile(proposed.select("customer_id", "channel"))

    def wants(self, nights: Sequence[Night]) -> list[dict[str, np.ndarray]]:
        """For each bank, by channel, the customers to contact."""
        self._con.con.register("given", pa.concat_tables([_rows(number, night) for number, night in enumerate(nights)]))
        self._con.raw_sql("CREATE OR REPLACE TABLE rows AS SELECT * FROM given")
        found = self._con.con.sql(self._query).to_arrow_table()
        who, channel = found["customer_id"].to_numpy(zero_copy_only=False), found["channel"].to_numpy(zero_copy_only=False)
        bank = np.array([int(each[:4]) for each in who])
        customer = np.array([int(each[6:]) for each in who]) - 1_000_000_000
        return [
            {name: customer[(bank == number) & (channel == name)] for name in set(channel[bank == number].tolist())}
            for number in range(len(nights))
        ]


def _rows(bank: int, night: Night) -> pa.Table:
    """The overdue accounts of a bank as a strategy sees them; what the strategies here do not ask is null."""
    accounts = night.book.accounts
    rows = night.rows[accounts.cycles[night.rows] > 0]
    days = night.day - accounts.since[rows]
    given = {
        "account_id": account_id(rows),
        "customer_id": pa.array([f"{bank:04}-{each}" for each in people.customer_id(accounts.customer[rows]).to_pylist()]),
        "business_date": pa.array(np.full(len(rows), night.day, dtype="int32")).cast(pa.date32()),
        "currency": pa.array(CURRENCIES, pa.string()).take(pa.array(accounts.currency[rows])),
        "days_past_due": pa.array(days.astype("int32")),
        "bucket": pa.array(bucket_of(days).astype("int16")),
        "past_due_minor": pa.array(accounts.past_due(rows)),
        "product": pa.array(PRODUCTS, pa.string()).take(pa.array(accounts.product[rows])),
    }  # fmt: skip
    schema = strategy.INPUTS.to_pyarrow()
    return pa.table(
        [given[f.name].cast(f.type) if f.name in given else pa.nulls(len(rows), f.type) for f in schema], schema=schema
    )


# --- the banks ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Life:
    """What became of a bank's cohort: by measure one number a customer, and how she was treated, night by night."""

    values: dict[str, np.ndarray]
    treated: list[dict[int, str]]


def live_through(seeds: Sequence[int], accounts: int, nights: int, desk: Desk | None) -> list[tuple[np.ndarray, Life]]:
    """Each bank lived through under a strategy, or without contacts: its cohort (overdue on the first night), and its life."""
    first = int((np.datetime64(FIRST) - np.datetime64("1970-01-01")).astype(int))
    evenings = [Evenings(seed=seed, accounts=accounts, first=first, history=0) for seed in seeds]
    today = [each.next(life.Rates()) for each in evenings]
    cohort = [np.unique(_late(night)) for night in today]
    owed = [_owed(night) for night in today]
    paid = [np.zeros(len(night.book.customers), dtype=np.int64) for night in today]
    treated: list[list[dict[int, str]]] = [[] for _seed in seeds]
    for _night in range(nights):
        reached: list[dict[str, np.ndarray]] = desk.wants(today) if desk else [{} for _seed in seeds]
        for bank, each in enumerate(evenings):
            treated[bank].append({int(who): name for name, customers in reached[bank].items() for who in customers})
            today[bank] = each.next(life.Rates(), reached[bank])
            _add_paid(paid[bank], today[bank])
    return [
        (who, Life(_values(1.0 - np.isin(who, _late(night)), money[who].astype(float), due[who]), how))
        for who, night, money, due, how in zip(cohort, today, paid, owed, treated, strict=True)
    ]


def _values(cured: np.ndarray, paid: np.ndarray, owed: np.ndarray) -> dict[str, np.ndarray]:
    """The measures of `experiments.outcomes`."""
    share = np.where(owed > 0, np.clip(paid / np.maximum(owed, 1), 0, 1), cured)
    return {"cured": cured, "recovered": share, "paid_minor": paid}


def _owed(night: Night) -> np.ndarray:
    """What each customer has overdue in the home currency."""
    accounts = night.book.accounts
    late = np.flatnonzero((accounts.cycles > 0) & (accounts.currency == 0))
    return np.bincount(accounts.customer[late], accounts.past_due(late), minlength=len(night.book.customers))


def _late(night: Night) -> np.ndarray:
    """The customers who have something overdue, or whose overdue account is not in the file."""
    accounts = night.book.accounts
    return accounts.customer[accounts.cycles > 0]


def _add_paid(paid: np.ndarray, night: Night) -> None:
    """Payments of the day in the home currency, reversals taken off, waivers left out."""
    accounts, posted = night.book.accounts, night.payments
    sign = np.select([posted["kind"] == life.WAIVER, posted["kind"] == life.REVERSAL], [0, -1], default=1)
    customer = accounts.customer[posted["account"]]
    home = (accounts.currency[posted["account"]] == 0) & (customer < len(paid))
    np.add.at(paid, customer[home], (sign * posted["amount"])[home])


# --- estimates against the truth ----------------------------------------------------------------------------------


def judged(
    cohort: np.ndarray, alone: Life, live: Life, candidates: Mapping[str, Life], *, draws: int, name: str
) -> Iterator[tuple[str, str, float, Mapping[str, Any]]]:
    """What is estimated and of what, the truth, and the estimate, for each draw of the arms."""
    follows = {
        each: [followed(life.treated[0].get(int(who)), live.treated[0].get(int(who))) for who in cohort]
        for each, life in candidates.items()
    }
    ids = people.customer_id(cohort).to_pylist()
    for draw in range(draws):
        dealt = experiments.assignment(ARMS, seed=f"{name}/{draw}")
        arm = np.array([dealt.arm(each) for each in ids], dtype=object)
        shown = {m: np.where(arm == experiments.HOLD_OUT, alone.values[m], live.values[m]) for m in experiments.MEASURES}
        champion = experiments.compared(arm, shown)[1]
        for measure in experiments.MEASURES:
            yield "live vs hold-out", measure, float((live.values[measure] - alone.values[measure]).mean()), champion[measure]
        for candidate, mine in candidates.items():
            found = experiments.lift(arm, follows[candidate], shown)
            known = np.array([bool(arms) for arms in follows[candidate]])
            for measure in experiments.MEASURES:
                for against, other in (("vs_hold_out", alone), ("vs_live", live)):
                    truth = float((mine.values[measure] - other.values[measure])[known].mean())
                    yield f"{candidate} {against.replace('_', ' ')}", measure, truth, found[measure][against]


def followed(mine: str | None, lives: str | None) -> frozenset[str]:
    """The arms that treat a customer as a candidate does, which wants `mine` of her where the live strategy wants `lives`."""
    return frozenset([*(["champion"] if mine == lives else []), *([experiments.HOLD_OUT] if mine is None else [])])


def goes_on(cohort: np.ndarray, live: Life, mine: Life) -> float:
    """The share of the known for whom candidate and arm treat alike on all later nights, both on their own lives."""
    known = [int(who) for who in cohort if followed(mine.treated[0].get(int(who)), live.treated[0].get(int(who)))]
    left = {who for who in known if mine.treated[0].get(who) is None and live.treated[0].get(who) is not None}
    alike = [
        all((mine_.get(who) is None) if who in left else mine_.get(who) == live_.get(who)
            for mine_, live_ in zip(mine.treated[1:], live.treated[1:], strict=True))
        for who in known
    ]  # fmt: skip
    return sum(alike) / len(alike)


def backtest(*, banks: int, accounts: int, nights: int, draws: int, seed: int = 1) -> dict[str, Any]:
    """Coverage, bias and width by what is estimated; and how far each candidate goes on as it begins."""
    seeds = range(seed, seed + banks)
    alone = live_through(seeds, accounts, nights, None)
    live = live_through(seeds, accounts, nights, Desk(LIVE))
    others = {name: live_through(seeds, accounts, nights, Desk(rules)) for name, rules in CANDIDATES.items()}
    found: dict[tuple[str, str], list[tuple[float, float, float, float]]] = defaultdict(list)
    for bank in range(banks):
        cohort, mine = alone[bank][0], {name: lives[bank][1] for name, lives in others.items()}
        for what, measure, truth, told in judged(cohort, alone[bank][1], live[bank][1], mine, draws=draws, name=f"bank {bank}"):
            if told["effect"] is not None:
                found[what, measure].append((truth, told["effect"], told["low"], told["high"]))
    return {
        "banks": banks, "accounts": accounts, "nights": nights, "draws": draws,
        "customers": round(float(np.mean([len(cohort) for cohort, _life in alone]))),
        "goes_on": {
            name: round(float(np.mean([goes_on(alone[b][0], live[b][1], lives[b][1]) for b in range(banks)])), 3)
            for name, lives in others.items()
        },
        "estimates": [_summary(what, measure, np.array(rows)) for (what, measure), rows in found.items()],
    }  # fmt: skip


def _summary(what: str, measure: str, rows: np.ndarray) -> dict[str, Any]:
    truth, effect, low, high = rows.T
    return {
        "what": what,
        "measure": measure,
        "intervals": len(rows),
        "truth": float(truth.mean()),
        "bias": float((effect - truth).mean()),
        "half_width": float((high - low).mean() / 2),
        "coverage": float(((low <= truth) & (truth <= high)).mean()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("banks", 20), ("accounts", 8000), ("nights", 10), ("draws", 100)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    started = time.perf_counter()
    found = backtest(**vars(asked))
    found["seconds"] = round(time.perf_counter() - started, 1)
    for one in found["estimates"]:
        print(
            f"{one['what']:22} {one['measure']:11} truth {one['truth']:12.4f}  bias {one['bias']:+11.4f}  "
            f"± {one['half_width']:11.4f}  coverage {one['coverage']:.3f} of {one['intervals']}"
        )
    print(f"goes on: {found['goes_on']}   {found['customers']} customers a bank   {found['seconds']} s")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"recovery-{datetime.now(UTC):%Y%m%dT%H%M%S}.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
