"""Mails that come back, put together for tests."""

from __future__ import annotations

import textwrap

from anhuan.channels.email.bounces import Kind, classify

HARD, SOFT, NONE = Kind.HARD, Kind.SOFT, Kind.NONE
ONE, TWO = "zhao.liu@example.com", "sun.qi@example.net"


def plain(body: str, *, sender="MAILER-DAEMON@mx.example.org", subject="failure notice", headers="", charset="utf-8") -> bytes:
    """A mail of one part of text."""
    head = f"From: {sender}\nTo: bounce@bank.example\nSubject: {subject}\n{headers}MIME-Version: 1.0\n"
    head += f"Content-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: 8bit\n\n"
    return head.encode() + textwrap.dedent(body).encode({"gb2312": "gb18030"}.get(charset, charset))


def multipart(*parts: str, kind="multipart/report; report-type=delivery-status", sender="MAILER-DAEMON@mx.example.org",
              subject="Undelivered Mail Returned to Sender", headers="") -> bytes:  # fmt: skip
    """A mail of parts, each written with its own headers."""
    body = "".join("--b\n" + textwrap.dedent(part).strip("\n") + "\n" for part in parts)
    head = f"From: {sender}\nTo: bounce@bank.example\nSubject: {subject}\n{headers}MIME-Version: 1.0\n"
    return (head + f'Content-Type: {kind}; boundary="b"\n\n{body}--b--\n').encode()


def seen(raw: bytes) -> list[tuple[str | None, Kind]]:
    return [(bounce.recipient, bounce.kind) for bounce in classify(raw)]


ORIGINAL = f"""
    Content-Type: message/rfc822

    From: The bank <bank@bank.example>
    To: {ONE}
    Subject: Reminder

    no such user, mailbox full, spam
    """

WHO = "wang.wu@example.com"


def report(diagnostic: str, status: str, *, action: str = "failed", who: str = WHO) -> bytes:
    """A delivery status notification with these fields."""
    fields = [f"Final-Recipient: rfc822; {who}", f"Action: {action}"]
    if status:
        fields.append(f"Status: {status}")
    if diagnostic:
        fields.append("Diagnostic-Code: smtp; " + diagnostic.replace("{}", who).replace("\n", "\n "))
    fields_text = "\n".join(fields)
    return f"""From: MAILER-DAEMON@mx.example.org (Mail Delivery System)
To: bounce@bank.example
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain; charset=utf-8

Your message could not be delivered to one or more recipients.
--b
Content-Type: message/delivery-status; charset=utf-8
Content-Transfer-Encoding: 8bit

Reporting-MTA: dns; mx.example.org

{fields_text}
--b
Content-Type: text/rfc822-headers

From: The bank <bank@bank.example>
To: {who}
Subject: user unknown

--b--
""".encode()
