"""The findings of a delivery: small marks (line, rule) in DuckDB, and the sentences each rule says.

Knows how findings are kept so that a million of them cost little: a rule's sentence is written once, a row's finding
is two numbers. Does not know any rule. `publish` shows them as the table the rest of the house reads:

    findings(file, line, column, code, severity, message_zh, message_en)     line NULL: of the file as a whole
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import duckdb

from anhuan.core.vocabulary import Severity
from anhuan.portfolio.feed.columns import Column
from anhuan.portfolio.feed.sentences import Weight, sentence, weight

MARKS, RULES, NOTES = "finding_marks", "finding_rules", "finding_notes"


class Findings:
    """Gathers findings in the connection. A rule is known by its number; marks name lines and rules."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con = con
        self._rules: dict[tuple[str, str | None, str], int] = {}
        self._fatal: set[int] = set()
        said = 'file VARCHAR, {} "column" VARCHAR, code VARCHAR, severity VARCHAR, message_zh VARCHAR, message_en VARCHAR'
        con.execute("DROP VIEW IF EXISTS findings")
        con.execute(f"CREATE OR REPLACE TABLE {MARKS} (line BIGINT, rule SMALLINT)")
        con.execute(f"CREATE OR REPLACE TABLE {RULES} (rule SMALLINT, {said.format('')})")
        con.execute(f"CREATE OR REPLACE TABLE {NOTES} ({said.format('line BIGINT,')})")

    def rule(self, file: str, column: Column | None, code: str, facts: Mapping[str, object] | None = None) -> int:
        """The number of this rule; asked again, the same."""
        name = column.name if column else None
        known = self._rules.get((file, name, code))
        if known is not None:
            return known
        number = self._rules[file, name, code] = len(self._rules) + 1
        said = sentence(code, **{"column": name, "label": column.zh if column else "", **(facts or {})})
        severity = Severity.SET_ASIDE if weight(code) is Weight.SET_ASIDE else Severity.WARNING
        if severity is Severity.SET_ASIDE:
            self._fatal.add(number)
        self._con.execute(
            f"INSERT INTO {RULES} VALUES (?, ?, ?, ?, ?, ?, ?)", [number, file, name, code, severity, said.zh, said.en]
        )
        return number

    def mark(self, rule: int, lines: str) -> None:
        """Say `rule` of every line that the query `lines` (one column) yields."""
        self._con.execute(f"INSERT INTO {MARKS} SELECT line, {rule} FROM ({lines}) AS said(line)")

    def mark_many(self, marks: str) -> None:
        """Take over the (line, rule) pairs that the query `marks` yields."""
        self._con.execute(f"INSERT INTO {MARKS} {marks}")

    def note(self, file: str, code: str, facts: Mapping[str, object] | None = None, *, column: str | None = None) -> None:
        """A finding of the file as a whole."""
        said = sentence(code, **{"column": column, **(facts or {})})
        self._con.execute(
            f"INSERT INTO {NOTES} VALUES (?, NULL, ?, ?, ?, ?, ?)", [file, column, code, Severity.WARNING, said.zh, said.en]
        )

    def of(self, file: str) -> str:
        """SQL list of the numbers of `file`'s rules: `(1, 2)`."""
        return _numbers(number for (owner, _, _), number in self._rules.items() if owner == file)

    def fatal(self, file: str) -> str:
        """SQL list of the numbers of `file`'s rules that set a row aside."""
        return _numbers(n for (owner, _, _), n in self._rules.items() if owner == file and n in self._fatal)

    def numbers(self, file: str, *codes: str, column: str | None = None) -> str:
        """SQL list of the numbers of `file`'s rules with these codes, of `column` alone when it is given."""
        return _numbers(
            number
            for (owner, name, code), number in self._rules.items()
            if owner == file and code in codes and column in {None, name}
        )

    def set_aside_lines(self, file: str) -> str:
        """Query of the lines of `file` that some rule sets aside."""
        return f"SELECT DISTINCT line FROM {MARKS} WHERE rule IN {self.fatal(file)}"

    def forget(self, file: str, lines: str) -> None:
        """Drop all that was said of these lines of `file`."""
        self._con.execute(f"DELETE FROM {MARKS} WHERE rule IN {self.of(file)} AND line IN ({lines})")

    def most(self, file: str) -> tuple[str, int]:
        """What set most rows of `file` aside, as `code (column)`, and how many rows that were."""
        row = self._con.execute(
            f"""SELECT r.code || coalesce(' (' || r."column" || ')', ''), count(*) FROM {MARKS} AS m JOIN {RULES} AS r USING (rule)
            WHERE m.rule IN {self.fatal(file)} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1"""
        ).fetchone()
        return (str(row[0]), int(row[1])) if row else ("", 0)

    def publish(self) -> int:
        """Make the table `findings` (a view, so that sentences are stored once) and return how many there are."""
        said = 'r.file, m.line, r."column", r.code, r.severity, r.message_zh, r.message_en'
        self._con.execute(
            f"CREATE OR REPLACE VIEW findings AS SELECT {said} FROM {MARKS} AS m JOIN {RULES} AS r USING (rule) "
            f"UNION ALL SELECT * FROM {NOTES}"
        )
        counted = self._con.execute(f"SELECT (SELECT count(*) FROM {MARKS}) + (SELECT count(*) FROM {NOTES})").fetchall()[0]
        return int(counted[0]) if counted else 0


def _numbers(numbers: Iterable[int]) -> str:
    return f"({', '.join(map(str, sorted(numbers))) or 'NULL'})"
