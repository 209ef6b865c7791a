"""The command `anhuan calendar`, as other programs use it: JSON Lines in, JSON Lines out."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

NOTICE = """\
cn:
  2027:
    source: the notice
    rest_days: ['2027-01-01..2027-01-03']
    working_days: ['2027-01-09']
"""


def run(home, *arguments, lines, **environment):
    """The command in a process of its own: exit code, lines of stdout, stderr."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith("ANHUAN_")}
    done = subprocess.run(
        [sys.executable, "-m", "anhuan", "calendar", *arguments],
        input="".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines).encode(),
        env={**settings, "ANHUAN_HOME": str(home), **environment},
        capture_output=True,
        check=False,
    )
    return done.returncode, [json.loads(line) for line in done.stdout.decode().splitlines()], done.stderr.decode()


def asked(op, date, **more):
    return {"op": op, "date": date, **more}


def test_questions_are_answered_line_by_line(tmp_path):
    questions = {
        "2026-05-09 is worked": (asked("is_workday", "2026-05-09"), True),
        "2026-10-01 is free": (asked("is_workday", "2026-10-01"), False),
        "named": (asked("is_named_holiday", "2026-10-03"), True),
        "a weekend has no name": (asked("is_named_holiday", "2026-10-17"), False),
        "fifteen": (asked("add_workdays", "2026-09-16", n=15), "2026-10-13"),
        "one": (asked("add_workdays", "2026-09-30", n=1), "2026-10-08"),
        "back": (asked("add_workdays", "2026-10-08", n=-1), "2026-09-30"),
        "none": (asked("add_workdays", "2026-10-01", n=0), "2026-10-08"),
        "roll": (asked("roll", "2026-10-01"), "2026-10-08"),
    }
    code, answers, _ = run(tmp_path, "--law", "cn", lines=[question for question, _ in questions.values()])
    assert code == 0
    assert answers == [{"result": result} for _, result in questions.values()]


def test_a_bad_line_is_answered_with_an_error_and_the_rest_goes_on(tmp_path):
    lines = [
        "no json\n",
        "\n",
        "[1]\n",
        "[" * 100_000 + "\n",
        asked("is_workday", "2027-05-09"),
        asked("add_workdays", "2026-12-30", n=2),
        asked("is_workday", "2026-02-30"),
        asked("is_workday", "20260509"),
        asked("is_workday", 20260509),
        asked("guess", "2026-05-09"),
        asked(["is_workday"], "2026-05-09"),
        asked("add_workdays", "2026-05-09"),
        asked("add_workdays", "2026-05-09", n=1.5),
        asked("add_workdays", "2026-05-09", n=True),
        asked("is_workday", "2026-05-09"),
    ]
    code, answers, _ = run(tmp_path, "--law", "cn", "--json", lines=lines)
    assert code == 0
    assert [answer["error"]["code"] for answer in answers[:-1]] == [
        "bad_json", "bad_date", "bad_json", "unknown_year", "unknown_year", "bad_date", "bad_date", "bad_date",
        "bad_op", "bad_op", "bad_n", "bad_n", "bad_n",
    ]  # fmt: skip
    assert all(answer["error"]["message_zh"] and answer["error"]["message_en"] for answer in answers[:-1])
    assert answers[-1] == {"result": True}


def test_bytes_that_are_no_text_are_a_bad_line(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "anhuan", "calendar", "--law", "cn"],
        input=b'\xff\xfe\n{"op": "is_workday", "date": "2026-05-09"}',
        env={**os.environ, "ANHUAN_HOME": str(tmp_path)},
        capture_output=True,
        check=True,
    )
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert first["error"]["code"] == "bad_json"
    assert second == {"result": True}


@pytest.mark.parametrize(("law", "end"), [("us-fed", "2026-07-06"), ("uk", "2026-07-03")])
def test_other_laws_have_days_of_their_own(tmp_path, law, end):
    code, answers, _ = run(tmp_path, "--law", law, lines=[asked("add_workdays", "2026-07-02", n=1)])
    assert (code, answers) == (0, [{"result": end}])


def test_a_year_of_the_bank_is_taken_from_its_home_or_from_a_file_named(tmp_path):
    (tmp_path / "calendar.yaml").write_text(NOTICE, encoding="utf-8")
    questions = [asked("is_workday", "2027-01-09"), asked("add_workdays", "2026-12-31", n=1)]
    wanted = [{"result": True}, {"result": "2027-01-04"}]
    assert run(tmp_path, "--law", "cn", lines=questions)[:2] == (0, wanted)
    named = ("--calendar", str(tmp_path / "calendar.yaml"))
    assert run(tmp_path / "elsewhere", "--law", "cn", *named, lines=questions)[:2] == (0, wanted)


def test_a_calendar_that_changes_a_known_year_is_refused_in_the_readers_language(tmp_path):
    (tmp_path / "calendar.yaml").write_text(NOTICE.replace("2027:", "2026:"), encoding="utf-8")
    code, answers, said = run(tmp_path, "--law", "cn", lines=[])
    assert (code, answers) == (2, [])
    assert "calendar.yaml:2: the year 2026 is known already" in said
    code, _, said = run(tmp_path, "--law", "cn", lines=[], ANHUAN_LANG="zh")
    assert code == 2
    assert "2026 年已公布" in said


def test_a_law_nobody_knows_and_a_missing_file_are_usage(tmp_path):
    assert run(tmp_path, "--law", "fr", lines=[])[0] == 2
    assert run(tmp_path, "--law", "cn", "--calendar", str(tmp_path / "none"), lines=[])[0] == 2


def test_the_command_starts_neither_django_nor_a_database(tmp_path):
    program = (
        "import sys; sys.argv = ['anhuan', 'calendar', '--law', 'cn']\n"
        "from anhuan.__main__ import main\n"
        "try: main()\n"
        "finally: print([name for name in ('django', 'psycopg', 'ibis', 'duckdb', 'pyarrow') if name in sys.modules])"
    )
    question = json.dumps(asked("is_workday", "2026-05-09")).encode()
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=question,
        env={**os.environ, "ANHUAN_HOME": str(tmp_path / "home")},
        capture_output=True,
        check=False,
    )
    assert done.stdout.decode().splitlines() == ['{"result": true}', "[]"], done.stderr.decode()
    assert not (tmp_path / "home").exists()
