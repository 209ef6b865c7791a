"""A delivery is read: typed rows, findings, rows set aside, and every reason to refuse the night.

Knows the order of judgement: a file's cells and rows, its duplicate keys, its control totals (over all rows, before
any is set aside), its parents, then the night against yesterday. Does not know how a cell or a row is judged
(`cells`, `rules`), nor the order of nights. Everything runs as SQL over whole files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from anhuan.core.money import MINOR_DIGITS, format_minor
from anhuan.core.vocabulary import Presence
from anhuan.portfolio.engine import workspace_of
from anhuan.portfolio.feed import cells
from anhuan.portfolio.feed.columns import ACCOUNTS, CONTACT_POINTS, CUSTOMERS, FILES, PAYMENTS, FileTable, Kind
from anhuan.portfolio.feed.delivery import Claim, DeliveredFile, Delivery, stamp
from anhuan.portfolio.feed.findings import MARKS, Findings
from anhuan.portfolio.feed.lines import Loaded
from anhuan.portfolio.feed.sentences import Sentence, sentence
from anhuan.portfolio.feed.sheet import Sheet, lines_of, open_sheet

if TYPE_CHECKING:
    import ibis
    from ibis.backends.duckdb import Backend

CEILING = Decimal("0.01")
"""Share of a file's rows that may be set aside: strictly more refuses the night."""

_SWING = 5  # a fifth: rows or past-due sums that differ by more from the previous night are told
_UNREADABLE = ("cell_not_money", "cell_too_large", "money_decimals", "cell_missing")
_BROKEN_LINES = ("line_fields", "line_width", "line_quoting")

_SCRATCH = (
    "TABLE IF EXISTS suspects", "TABLE IF EXISTS repeated", "TABLE IF EXISTS orphans", "TABLE IF EXISTS payment_accounts",
    "VIEW IF EXISTS feed_known", "VIEW IF EXISTS feed_yesterday",
)  # fmt: skip

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Reading:
    """What became of a delivery. Counts by canonical file name; rows = used + set_aside + surplus.

    `surplus`: identical duplicates beyond the first. `differences`: what does not agree with the control totals.
    `refusals`: every reason to refuse the night, differences among them; empty means it may be sealed.
    """

    rows: dict[str, int]
    used: dict[str, int]
    set_aside: dict[str, int]
    surplus: dict[str, int]
    differences: tuple[Sentence, ...]
    refusals: tuple[Sentence, ...]
    findings: int


def read(
    delivery: Delivery,
    con: Backend,
    *,
    known: ibis.Table | None,
    yesterday: ibis.Table | None,
    ceiling: Decimal = CEILING,
    progress: Progress | None = None,
) -> Reading:
    """Read `delivery` into the connection: tables customers, contact_points, accounts, payments (usable rows),

    findings and set_aside(file, line, key, raw). `known`: accounts of earlier nights (account_id, currency, …);
    `yesterday`: the standing of the previous sealed night; None on the first. `progress(file, lines, of)`.
    """
    return _Night(delivery, con, known, yesterday, ceiling, progress, alone=False).read()


def read_alone(delivery: Delivery, con: Backend) -> Reading:
    """Read a delivery without the book: what only earlier nights could tell is not held against it."""
    return _Night(delivery, con, None, None, CEILING, None, alone=True).read()


@dataclass
class _Night:
    delivery: Delivery
    con: Backend
    known: ibis.Table | None
    yesterday: ibis.Table | None
    ceiling: Decimal
    progress: Progress | None
    alone: bool
    rows: dict[str, int] = field(default_factory=dict)
    used: dict[str, int] = field(default_factory=dict)
    set_aside: dict[str, int] = field(default_factory=dict)
    surplus: dict[str, int] = field(default_factory=dict)
    loaded: dict[str, Loaded] = field(default_factory=dict)
    judged: set[str] = field(default_factory=set)
    differences: list[Sentence] = field(default_factory=list)
    refusals: list[Sentence] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.db = self.con.con
        self.day = self.delivery.business_date
        self.findings = Findings(self.db)

    def read(self) -> Reading:
        self.db.execute("CREATE OR REPLACE TABLE set_aside (file VARCHAR, line BIGINT, key VARCHAR, raw VARCHAR)")
        self.refusals += self.delivery.refusals
        for note in self.delivery.notes:
            self.findings.note(note.file, note.code, note.facts)
        for table in FILES.values():
            self.db.execute(f"DROP TABLE IF EXISTS {table.table}")
            self._file(table)
        if ACCOUNTS.name in self.judged:
            self._against_our_own_count()
        for table in FILES.values():
            self._against_the_ceiling(table)
        for scratch in _SCRATCH:
            self.db.execute(f"DROP {scratch}")
        return Reading(
            rows=self.rows,
            used=self.used,
            set_aside=self.set_aside,
            surplus=self.surplus,
            differences=tuple(self.differences),
            refusals=(*self.differences, *self.refusals),
            findings=self.findings.publish(),
        )

    # --- One file ----------------------------------------------------------------------------------------------------

    def _file(self, table: FileTable) -> None:
        name = table.name
        self.rows[name] = self.used[name] = self.set_aside[name] = self.surplus[name] = 0
        file = self.delivery.files.get(name)
        sheet = self._sheet(file) if file else None
        if file is None or sheet is None:
            self._empty(table)
            # Payments may stay away; nothing is held against their absence.
            if file is None and table.delta:
                self.judged.add(name)
            return
        self.judged.add(name)
        self._type(sheet)
        self._find(sheet)
        if table.key:
            self._repeated(sheet, table.key)
        if table is PAYMENTS:
            self._give_currency()
        self._against_totals(file, sheet)
        self._against_parents(sheet)
        self._put_aside(sheet)
        if stamp(file.path) != file.stamp:
            self.refusals.append(sentence("file_changed", file=file.path.name))
        self.db.execute(f"DROP TABLE IF EXISTS {lines_of(table)}")
        self._tell(name, self.rows[name], self.rows[name])

    def _tell(self, name: str, done: int, total: int) -> None:
        if self.progress:
            self.progress(name, done, total)

    def _sheet(self, file: DeliveredFile) -> Sheet | None:
        """The file's rows as a query; None when they cannot be told apart."""
        name = file.name
        self._tell(name, 0, file.weight.lines)
        scratch = workspace_of(self.con)
        sheet = open_sheet(self.db, file, scratch=scratch, progress=lambda done, total: self._tell(name, done, total))
        self.rows[name] = sheet.rows
        if sheet.loaded:
            self.loaded[name] = sheet.loaded
            if sheet.loaded.mistaken:
                self.findings.note(name, "encoding_suspect", {"encoding": file.form.encoding})
        self._against_counts(file, sheet)
        self.refusals += sheet.refusals
        if sheet.refusals:
            self.db.execute(f"DROP TABLE IF EXISTS {lines_of(sheet.table)}")
            return None
        for column in sheet.absent:
            self.findings.note(name, "column_absent", column=column)
        for column in sheet.unknown:
            self.findings.note(name, "column_unknown", column=column)
        return sheet

    def _empty(self, table: FileTable) -> None:
        """The file's table without a row, so that whoever reads it need not ask whether it came."""
        types = {
            Kind.DATE: "DATE",
            Kind.MONEY: "BIGINT",
            Kind.BOOLEAN: "BOOLEAN",
            Kind.NUMBER: "SMALLINT",
            Kind.FLAGS: "VARCHAR[]",
        }
        columns = [f'"{column.typed}" {types.get(column.kind, "VARCHAR")}' for column in table.columns]
        columns += {CUSTOMERS.name: ["age SMALLINT"], PAYMENTS.name: ["currency VARCHAR"]}.get(table.name, [])
        self.db.execute(f"CREATE TABLE {table.table} (line BIGINT, {', '.join(columns)})")

    def _type(self, sheet: Sheet) -> None:
        """Typed rows, and the lines among them that need a closer look: the one pass over all cells."""
        table, faults = sheet.table.table, list(sheet.faults(self.day))
        doubts = " + ".join(dict.fromkeys(fault.doubt for fault in faults if fault.doubt)) or "0"
        columns = ", ".join(f'"{column}"' for column in sheet.columns(self.day))
        self.db.execute(
            f"CREATE TABLE {table} AS SELECT {columns}, NOT whole AS broken, CAST({doubts} AS SMALLINT) AS doubts "
            f"FROM ({sheet.typed(self.day)})"
        )
        suspicions = " OR ".join(f"({s})" for s in dict.fromkeys(fault.suspicion for fault in faults if fault.suspicion))
        self.db.execute(
            f"CREATE OR REPLACE TEMP TABLE suspects AS SELECT line FROM {table} WHERE broken OR doubts <> 0 OR {suspicions}"
        )

    def _find(self, sheet: Sheet) -> None:
        """Say of each suspect line what is wrong with it, if anything is, and of blank ones that they are."""
        name = sheet.table.name
        if sheet.blank:
            self.findings.mark(self.findings.rule(name, None, "line_blank"), sheet.blank)
        if self._count("SELECT count(*) FROM suspects") == 0:
            return
        rule = self.findings.rule
        said = [
            f"CASE WHEN {fault.condition} THEN {rule(name, fault.column, fault.code, fault.facts)} END"
            for fault in sheet.faults(self.day)
        ]
        fields = rule(name, None, sheet.broken.code, sheet.broken.facts)
        quoting = rule(name, None, "line_quoting")
        rules = f"CASE WHEN misquoted THEN [{quoting}] WHEN NOT whole THEN [{fields}] ELSE [{', '.join(said)}] END"
        looked_at = sheet.typed(self.day, only="{line} IN (SELECT line FROM suspects)")
        self.findings.mark_many(
            f"SELECT line, rule FROM (SELECT line, unnest({rules}) AS rule FROM ({looked_at})) WHERE rule IS NOT NULL"
        )

    def _repeated(self, sheet: Sheet, key: str) -> None:
        """A key that occurs twice sets all its rows aside, unless they are identical: then one of them is used."""
        name, table = sheet.table.name, sheet.table.table
        column = sheet.table.column(key)
        whole = f"NOT broken AND {key} <> ''"
        self.db.execute(
            f"""CREATE OR REPLACE TEMP TABLE repeated AS SELECT line, {key} AS key FROM {table} WHERE {whole} AND {key} IN (
            SELECT {key} FROM {table} WHERE {whole} GROUP BY {key} HAVING count(*) > 1)"""
        )
        if self._count("SELECT count(*) FROM repeated") == 0:
            return
        raw = sheet.raw_of("{line} IN (SELECT line FROM repeated)")
        self.db.execute(
            f"""CREATE OR REPLACE TEMP TABLE repeated AS SELECT line, min(line) OVER same AS first,
            min(raw) OVER same = max(raw) OVER same AS identical
            FROM repeated JOIN ({raw}) USING (line) WINDOW same AS (PARTITION BY key)"""
        )
        surplus = "SELECT line FROM repeated WHERE identical AND line <> first"
        self.findings.mark(self.findings.rule(name, column, "key_repeated"), "SELECT line FROM repeated WHERE NOT identical")
        self.findings.forget(name, surplus)
        self.findings.mark(self.findings.rule(name, column, "row_repeated"), surplus)
        self.surplus[name] = self._count(f"SELECT count(*) FROM ({surplus})")

    # --- Control totals ----------------------------------------------------------------------------------------------

    def _against_counts(self, file: DeliveredFile, sheet: Sheet) -> None:
        """Checksums, size and rows as claimed; they hold whatever the rows are worth."""
        weighed = {"sha256": file.weight.sha256, **file.weight.checksums}
        name = file.path.name
        for claim in file.claims:
            for algorithm, expected in claim.checksums.items():
                if weighed[algorithm] != expected:
                    self._differs("checksum_differs", file=name, algorithm=algorithm, expected=expected, got=weighed[algorithm])
            if claim.bytes is not None and claim.bytes != file.weight.size:
                self._differs("bytes_differ", file=name, expected=claim.bytes, got=file.weight.size)
            if claim.rows is not None and claim.rows != sheet.rows:
                self._differs("rows_differ", file=name, expected=claim.rows, got=sheet.rows)

    def _differs(self, code: str, **facts: object) -> None:
        self.differences.append(sentence(code, **facts))

    def _against_totals(self, file: DeliveredFile, sheet: Sheet) -> None:
        """Sums as claimed, over every row delivered; a cell of a summed column that cannot be read refuses."""
        for claim in file.claims:
            for column, expected in claim.sums.items():
                if column not in sheet.table.amounts:
                    self._differs("sum_unknown", file=file.path.name, column=column)
                elif not self._illegible(file, sheet, column):
                    self._against_sum(file, sheet, claim, column, Decimal(expected))

    def _illegible(self, file: DeliveredFile, sheet: Sheet, column: str) -> bool:
        findings, name = self.findings, sheet.table.name
        rules = [findings.numbers(name, *_UNREADABLE, column=column), findings.numbers(name, *_BROKEN_LINES)]
        query = f"SELECT count(DISTINCT line), min(line) FROM {MARKS} WHERE rule IN {rules[0]} OR rule IN {rules[1]}"
        cells_, first = self.db.execute(query).fetchone()
        if cells_:
            label = sheet.table.column(column).zh
            self._differs("sum_cell_unreadable", file=file.path.name, column=column, label=label, cells=cells_, line=first)
        return bool(cells_)

    def _against_sum(self, file: DeliveredFile, sheet: Sheet, claim: Claim, column: str, expected: Decimal) -> None:
        digits = cells.digits_of("currency") if "currency" in sheet.columns(self.day) or sheet.table is PAYMENTS else "2"
        kept = cells.FINEST if sheet.coarse(column) else None
        total, finest = Decimal(0), 0
        query = f"SELECT {digits}, sum({column}_minor) FROM {sheet.table.table} GROUP BY 1"
        for decimals, amount in self.db.execute(query).fetchall():
            unit = Decimal(int(amount or 0)).scaleb(-(kept if kept is not None else decimals))
            total += unit.scaleb(decimals) if claim.money == "minor" else unit
            finest = max(finest, 0 if claim.money == "minor" else decimals)
        if total != expected:
            got = f"{total:.{max(finest, -int(total.normalize().as_tuple().exponent), 0)}f}"
            label = sheet.table.column(column).zh
            self._differs("sum_differs", file=file.path.name, column=column, label=label, expected=claim.sums[column], got=got)

    # --- Parents -----------------------------------------------------------------------------------------------------

    def _against_parents(self, sheet: Sheet) -> None:
        if sheet.table in {CONTACT_POINTS, ACCOUNTS} and CUSTOMERS.name in self.judged:
            self._orphans(sheet, "customer_id", CUSTOMERS, "SELECT customer_id FROM customers", "customer")
        elif sheet.table is PAYMENTS and ACCOUNTS.name in self.judged:
            self._orphans(sheet, "account_id", ACCOUNTS, "SELECT account_id FROM payment_accounts", "account")

    def _orphans(self, sheet: Sheet, key: str, parent: FileTable, usable: str, noun: str) -> None:
        """Rows whose parent is not usable: because it was set aside, or because there is none."""
        table, name = sheet.table.table, sheet.table.name
        self.db.execute(
            f"""CREATE OR REPLACE TEMP TABLE orphans AS SELECT line, EXISTS (SELECT 1 FROM set_aside AS s
            WHERE s.file = '{parent.name}' AND s.key = c.{key}) AS aside
            FROM (SELECT line, {key} FROM {table} WHERE NOT broken AND {key} <> ''
            AND {key} NOT IN ({usable})) AS c"""
        )
        column = sheet.table.column(key)
        codes = {"aside": f"{noun}_set_aside", "NOT aside": f"{noun}_unknown"}
        if self.alone and parent is ACCOUNTS:
            codes = dict.fromkeys(codes, "account_not_delivered")
        for aside, code in codes.items():
            self.findings.mark(self.findings.rule(name, column, code), f"SELECT line FROM orphans WHERE {aside}")

    def _give_currency(self) -> None:
        """Payments take their account's currency: of today, else of the night that last had it."""
        both = "SELECT account_id, currency, 0 AS age FROM accounts"
        if self.known is not None:
            self.con.create_view("feed_known", self.known, overwrite=True)
            both += " UNION ALL SELECT account_id, currency, 1 FROM feed_known"
        self.db.execute(
            f"""CREATE OR REPLACE TEMP TABLE payment_accounts AS SELECT account_id, arg_min(currency, age) AS currency
            FROM ({both}) WHERE account_id IN (SELECT account_id FROM payments) GROUP BY account_id"""
        )
        joined = "payments AS p LEFT JOIN payment_accounts AS a USING (account_id)"
        self.db.execute(f"CREATE OR REPLACE TABLE payments AS SELECT p.*, a.currency FROM {joined}")

    # --- Setting aside -----------------------------------------------------------------------------------------------

    def _put_aside(self, sheet: Sheet) -> None:
        """Move the rows that cannot be used into set_aside, drop the surplus, leave the usable ones typed."""
        table, name, key = sheet.table.table, sheet.table.name, sheet.table.key
        if table == PAYMENTS.table:
            self._settle_amounts(sheet)
        aside = self.findings.set_aside_lines(name)
        if self.surplus[name]:
            self.db.execute(f"DELETE FROM {table} WHERE line IN (SELECT line FROM repeated WHERE identical AND line <> first)")
        self.set_aside[name] = self._count(f"SELECT count(*) FROM ({aside})")
        if self.set_aside[name]:
            legible = f"nullif({key}, '')" if key else "NULL"
            if key:
                faulty = self.findings.numbers(name, "cell_too_long", "cell_undecodable", column=key)
                legible = f"CASE WHEN line NOT IN (SELECT line FROM {MARKS} WHERE rule IN {faulty}) THEN {legible} END"
            raw = sheet.raw_of(f"{{line}} IN ({aside})")
            self.db.execute(
                f"""INSERT INTO set_aside SELECT '{name}', line, {legible}, raw FROM {table} JOIN ({raw}) USING (line)"""
            )
            self.db.execute(f"DELETE FROM {table} WHERE line IN ({aside})")
        for column in ("broken", "doubts"):
            self.db.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        self.used[name] = self._count(f"SELECT count(*) FROM {table}")

    def _settle_amounts(self, sheet: Sheet) -> None:
        """Amounts kept in the finest unit become minor units of their currency, now that it is known."""
        if not sheet.coarse("amount"):
            return
        column = sheet.table.column("amount")
        over = f"power(10, {cells.FINEST} - ({cells.digits_of('currency')}))::BIGINT"
        unfit = f"SELECT line FROM payments WHERE currency IS NOT NULL AND amount_minor % {over} <> 0"
        self.findings.mark(self.findings.rule(PAYMENTS.name, column, "money_decimals"), unfit)
        self.db.execute(f"UPDATE payments SET amount_minor = amount_minor // {over}")

    # --- The night as a whole ----------------------------------------------------------------------------------------

    def _against_our_own_count(self) -> None:
        """Lateness as we count it against the bank's grade and against yesterday."""
        from anhuan.portfolio import delinquency  # with Ibis, which takes longer than most commands

        accounts = self.con.table(ACCOUNTS.table)
        nobody = accounts.select("account_id").limit(0)
        aged = self.con.compile(delinquency.age(accounts, nobody, None, business_date=self.day))
        rule, column = self.findings.rule, ACCOUNTS.column
        lines = "SELECT line FROM accounts WHERE account_id IN"
        self.findings.mark(
            rule(ACCOUNTS.name, column("classification"), "classification_differs"),
            f"{lines} (SELECT account_id FROM ({aged}) WHERE classification <> five_class)",
        )
        if self.yesterday is None:
            return
        self.con.create_view("feed_yesterday", self.yesterday, overwrite=True)
        self.findings.mark(
            rule(ACCOUNTS.name, column("past_due_since"), "bucket_jump"),
            f"""{lines} (SELECT account_id FROM ({aged}) AS t JOIN feed_yesterday AS y USING (account_id)
            WHERE y.presence <> '{Presence.MISSING}' AND t.bucket - y.bucket > 1
            AND NOT coalesce(t.past_due_since < y.past_due_since, false))""",
        )
        self._against_the_vanished()
        self._against_yesterdays_size()

    def _against_the_vanished(self) -> None:
        """Accounts overdue yesterday of which today's file has no row at all, not even one set aside."""
        gone = self._count(
            f"""SELECT count(*) FROM feed_yesterday AS y ANTI JOIN accounts USING (account_id)
            WHERE y.overdue AND y.presence <> '{Presence.MISSING}' AND NOT EXISTS
            (SELECT 1 FROM set_aside AS s WHERE s.file = '{ACCOUNTS.name}' AND s.key = y.account_id)"""
        )
        if gone:
            self.findings.note(ACCOUNTS.name, "accounts_vanished", {"accounts": gone}, column="account_id")

    def _against_yesterdays_size(self) -> None:
        there = f"FROM feed_yesterday WHERE presence <> '{Presence.MISSING}'"
        before = self._count(f"SELECT count(*) {there}")
        today = self.rows[ACCOUNTS.name] - self.surplus[ACCOUNTS.name]
        if before and abs(today - before) * _SWING > before:
            self.findings.note(ACCOUNTS.name, "rows_jump", {"before": before, "today": today})
        sums = self.db.execute(
            f"""SELECT currency, coalesce(b.total, 0), coalesce(t.total, 0)
            FROM (SELECT currency, sum(past_due_amount_minor)::HUGEINT AS total {there} GROUP BY ALL) AS b
            FULL JOIN (SELECT currency, sum(past_due_amount_minor)::HUGEINT AS total FROM accounts GROUP BY ALL) AS t USING (currency)
            WHERE abs(coalesce(t.total, 0) - coalesce(b.total, 0)) * {_SWING} > coalesce(b.total, 0) AND b.total > 0
            ORDER BY currency"""
        ).fetchall()
        for currency, then, now in sums:
            if currency in MINOR_DIGITS:
                told = {
                    "currency": currency,
                    "before": format_minor(int(then), currency),
                    "today": format_minor(int(now), currency),
                }
                self.findings.note(ACCOUNTS.name, "past_due_jump", told, column="past_due_amount")

    def _against_the_ceiling(self, table: FileTable) -> None:
        name = table.name
        file, rows, aside = self.delivery.files.get(name), self.rows[name], self.set_aside[name]
        if file is None:
            return
        if table is ACCOUNTS:
            self._against_card_numbers(rows)
        if aside <= self.ceiling * rows:
            return
        reason, count = self.findings.most(name)
        told = {"file": file.path.name, "rows": rows, "set_aside": aside, "reason": reason, "count": count}
        shares = {"percent": f"{Decimal(aside * 100) / rows:.2f}", "ceiling": f"{(self.ceiling * 100).normalize():f}"}
        self.refusals.append(sentence("ceiling_exceeded", **told, **shares))
        loaded = self.loaded.get(name)
        guess = "utf-8" if loaded and loaded.mistaken else loaded.guess if loaded else None
        if guess:
            self.refusals.append(sentence("encoding_wrong", file=file.path.name, encoding=file.form.encoding, guess=guess))

    def _against_card_numbers(self, rows: int) -> None:
        rules = self.findings.numbers(ACCOUNTS.name, "card_number")
        cards = self._count(f"SELECT count(*) FROM {MARKS} WHERE rule IN {rules}")
        if cards * 2 > rows:
            self.refusals.append(sentence("card_numbers", file=ACCOUNTS.name, cards=cards, rows=rows))

    def _count(self, query: str) -> int:
        return int(self.db.execute(query).fetchone()[0])
