"""The command on mails that come back, as other programs call it."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.channels.mails import WHO, report


def classify(*files) -> tuple[int, list, str]:
    ran = subprocess.run(
        [sys.executable, "-m", "anhuan", "bounce", "classify", *map(str, files), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.returncode, json.loads(ran.stdout), ran.stderr


def test_every_recipient_of_every_file_is_told_in_order(tmp_path):
    gone, full = tmp_path / "gone.eml", tmp_path / "full.eml"
    gone.write_bytes(report("550 no such user", "5.1.1"))
    full.write_bytes(report("552 mailbox full", "5.1.1"))
    code, rows, said = classify(gone, full)
    assert (code, said) == (0, "")
    assert rows == [
        {"file": str(gone), "recipient": WHO, "class": "hard", "status": "5.1.1", "action": "invalidate"},
        {"file": str(full), "recipient": WHO, "class": "soft", "status": "5.1.1", "action": "retry"},
    ]


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_answered(tmp_path):
    gone, page = tmp_path / "gone.eml", tmp_path / "page.html"
    gone.write_bytes(report("550 no such user", "5.1.1"))
    page.write_text("<html></html>")
    code, rows, said = classify(tmp_path / "missing.eml", gone, page, tmp_path)
    assert code == 2
    assert [row.get("class") or row["error"]["code"] for row in rows] == ["unreadable", "hard", "not_a_mail", "unreadable"]
    assert "missing.eml cannot be read" in said
    assert "page.html is no mail" in said
