"""The settings: what is taken, what stops the start with which sentence, and what production refuses."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from anhuan import settings
from anhuan.environment import MARK, SettingsRefused, new_keyring, new_secret_key, read, reference

ROOT = Path(__file__).resolve().parents[2]
PRODUCTION = {
    "ANHUAN_PRODUCTION": "1",
    "ANHUAN_ALLOWED_HOSTS": "collections.bank.example",
    "ANHUAN_SECRET_KEY": new_secret_key(),
    "ANHUAN_KEYRING": json.dumps(new_keyring()),
}


def refusal(**environment: str) -> str:
    with pytest.raises(SettingsRefused) as refused:
        read(environment)
    assert refused.value.zh, "every refusal speaks both languages"
    return refused.value.en


def python(code: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh process, in which settings are read anew."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("ANHUAN_", "DJANGO_"))}
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**inherited, "ANHUAN_HOME": str(home), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_nothing_needs_to_be_set():
    found = read({})
    assert found.home == Path("var").absolute()
    assert (found.production, found.database, found.clock) == (False, None, None)


def test_an_empty_variable_is_as_good_as_none():
    assert read({"ANHUAN_HOME": "", "DATABASE_URL": "", "ANHUAN_CLOCK": "", "ANHUAN_PRODUCTION": ""}).database is None


def test_a_database_is_written_as_libpq_writes_it():
    found = read({"DATABASE_URL": "postgresql://clerk:s%40cret@db.bank.example:6432/book?sslmode=require"})
    assert settings._django_database(found.database or {}) == {
        "NAME": "book",
        "USER": "clerk",
        "PASSWORD": "s@cret",
        "HOST": "db.bank.example",
        "PORT": "6432",
        "OPTIONS": {"application_name": "anhuan", "sslmode": "require"},
    }


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("DATABASE_URL", "postgresql://clerk:s3cret@host/book?colour=red", "is not an address"),
        ("DATABASE_URL", "host=somewhere", "names no database"),
        ("ANHUAN_PRODUCTION", "perhaps", "must be 1 or 0"),
        ("ANHUAN_SECRET_KEY", "short", "too short"),
        ("ANHUAN_KEYRING", "{}", "must be JSON"),
        ("ANHUAN_KEYRING", json.dumps({**new_keyring(), "current": 2}), "must be JSON"),
        ("ANHUAN_KEYRING", json.dumps({**new_keyring(), "blind": "ab"}), "must be JSON"),
        ("ANHUAN_CLOCK", "2026-11-23T09:30:00", "with offset"),
        ("ANHUAN_CLOCK", "tomorrow", "with offset"),
    ],
)
def test_a_bad_value_is_named_with_what_is_wrong_and_never_quoted(name, value, sentence):
    said = refusal(**{name: value})
    assert said.startswith(f"{name} ")
    assert sentence in said
    assert "s3cret" not in said


def test_one_key_for_two_purposes_is_refused():
    ring = new_keyring()
    ring["blind"] = ring["fingerprint"]
    assert "ANHUAN_KEYRING" in refusal(ANHUAN_KEYRING=json.dumps(ring))


def test_everything_wrong_is_said_at_once():
    said = refusal(ANHUAN_PRODUCTION="perhaps", ANHUAN_CLOCK="tomorrow", DATABASE_URL="host=somewhere")
    assert len(said.splitlines()) == 3


def test_a_secret_may_stand_in_a_file(tmp_path):
    file = tmp_path / "secret"
    file.write_text(PRODUCTION["ANHUAN_SECRET_KEY"] + "\n")
    assert read({"ANHUAN_SECRET_KEY_FILE": str(file)}).secret_key == PRODUCTION["ANHUAN_SECRET_KEY"]
    assert "cannot be read" in refusal(ANHUAN_SECRET_KEY_FILE=str(tmp_path / "absent"))
    assert "both given" in refusal(ANHUAN_SECRET_KEY=new_secret_key(), ANHUAN_SECRET_KEY_FILE=str(file))


def test_production_starts_with_everything_given():
    assert read(PRODUCTION).production


@pytest.mark.parametrize("missing", ["ANHUAN_ALLOWED_HOSTS", "ANHUAN_SECRET_KEY", "ANHUAN_KEYRING"])
def test_production_refuses_to_start_without(missing):
    assert missing in refusal(**{name: value for name, value in PRODUCTION.items() if name != missing})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ANHUAN_SECRET_KEY", f"{MARK}-{new_secret_key()}"),
        ("ANHUAN_KEYRING", json.dumps({"origin": MARK, **new_keyring()})),
        ("ANHUAN_ALLOWED_HOSTS", "*"),
        ("ANHUAN_CLOCK", "2026-11-23T09:30:00+08:00"),
    ],
)
def test_production_refuses_what_was_made_for_demonstrations(name, value):
    assert name in refusal(**{**PRODUCTION, name: value})
    read({name: value})  # which is welcome elsewhere


def test_the_first_start_makes_secrets_only_their_owner_can_read_and_production_refuses_them(tmp_path):
    home = tmp_path / "home"
    code = "from anhuan import settings; settings.start(database=False); print(settings.SECRET_KEY)"
    first, second = python(code, home), python(code, home)
    assert first.stdout == second.stdout, first.stderr
    assert MARK in first.stdout
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    for name in ("secret_key", "keyring.json"):
        assert stat.S_IMODE((home / "secrets" / name).stat().st_mode) == 0o600
    files = {
        "ANHUAN_SECRET_KEY_FILE": str(home / "secrets" / "secret_key"),
        "ANHUAN_KEYRING_FILE": str(home / "secrets" / "keyring.json"),
    }
    said = refusal(**files, ANHUAN_PRODUCTION="1", ANHUAN_ALLOWED_HOSTS="collections.bank.example")
    assert len(said.splitlines()) == 2
    assert said.count("generated for development") == 2


def test_first_starts_at_the_same_moment_agree_on_one_secret(tmp_path):
    code = "from anhuan import settings; settings.start(database=False); print(settings.SECRET_KEY, settings.ANHUAN_KEYRING)"
    environment = {**os.environ, "ANHUAN_HOME": str(tmp_path / "home")}
    together = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True) for _ in range(5)
    ]
    assert len({process.communicate()[0] for process in together}) == 1


def test_a_home_that_cannot_be_made_is_a_sentence_of_the_command_line(tmp_path):
    (tmp_path / "file").write_text("")
    done = python(
        "from anhuan.__main__ import main; import sys; sys.argv = ['anhuan', 'init']; main()", tmp_path / "file" / "home"
    )
    assert (done.returncode, done.stderr.count("Traceback")) == (2, 0)
    assert "cannot use" in done.stderr


def test_a_database_that_does_not_answer_is_a_sentence(tmp_path):
    code = "from anhuan import settings; settings.start()"
    done = python(code, tmp_path / "home", DATABASE_URL=f"postgresql://clerk:s3cret@/book?host={tmp_path}")
    assert "DATABASE_URL: no connection" in done.stderr
    assert "s3cret" not in done.stderr


def test_importing_the_settings_writes_nothing(tmp_path):
    done = python("import anhuan.settings", tmp_path / "home")
    assert (done.returncode, list(tmp_path.iterdir())) == (0, []), done.stderr


def test_a_new_encryption_key_joins_the_ring_and_becomes_the_current_one(tmp_path):
    home = tmp_path / "home"
    code = (
        "from anhuan import settings; settings.start(database=False)\n"
        "from django.conf import settings as told\n"
        "before = dict(told.ANHUAN_KEYRING)\n"
        "assert settings.add_encryption_key(told.ANHUAN_HOME) == 2\n"
        "assert told.ANHUAN_KEYRING['current'] == 2\n"
        "assert told.ANHUAN_KEYRING['encryption']['1'] == before['encryption']['1']\n"
        "assert told.ANHUAN_KEYRING['blind'] == before['blind']\n"
    )
    done = python(code, home)
    assert done.returncode == 0, done.stderr
    ring = json.loads((home / "secrets" / "keyring.json").read_text())
    assert sorted(ring["encryption"]) == ["1", "2"]
    assert ring["origin"] == MARK, "a generated ring stays one"


def test_a_ring_given_from_outside_is_not_ours_to_change(tmp_path):
    code = (
        "from anhuan import settings; settings.start(database=False)\n"
        "assert settings.add_encryption_key(settings.ANHUAN_HOME) == 1\n"
        "assert list(settings.ANHUAN_KEYRING['encryption']) == ['1']\n"
    )
    done = python(code, tmp_path / "home", ANHUAN_KEYRING=json.dumps(new_keyring()))
    assert done.returncode == 0, done.stderr


def test_the_command_makes_secrets_production_takes():
    made = {
        name: subprocess.run(
            [sys.executable, "-m", "anhuan.settings", what], capture_output=True, text=True, check=True
        ).stdout.strip()
        for name, what in (("ANHUAN_SECRET_KEY", "secret-key"), ("ANHUAN_KEYRING", "keyring"))
    }
    assert read({**PRODUCTION, **made}).production


def test_a_log_line_tells_where_an_error_happened_but_not_what_it_said(tmp_path):
    code = (
        "import logging\n"
        "from anhuan import settings; settings.start(database=False)\n"
        "try:\n    raise ValueError('13800138000')\n"
        "except ValueError:\n    logging.getLogger('anhuan').exception('reading failed')\n"
    )
    line = json.loads(python(code, tmp_path / "home").stderr)
    assert (line["level"], line["logger"], line["message"]) == ("error", "anhuan", "reading failed")
    assert line["exception"] == "ValueError"
    assert line["where"] == ["<string>:4 <module>"]
    assert "13800138000" not in json.dumps(line)


def test_the_reference_in_the_docs_is_what_the_code_says():
    assert (ROOT / "docs/reference/settings.md").read_text() == reference(), "run `make reference`"
