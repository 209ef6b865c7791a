"""Bounces, complaints and automatic replies in the forms mail systems really use."""

from __future__ import annotations

import base64
import os
import quopri
from pathlib import Path

import pytest
from tests.channels.mails import HARD, NONE, ONE, ORIGINAL, SOFT, TWO, multipart, plain, report, seen

from anhuan.channels.email.bounces import Bounce, Kind, NotAMail, classify

# --- for people's eyes alone --------------------------------------------------------------------------------------

IN_WORDS = {
    "qmail": (
        f"""\
        Hi. This is the qmail-send program at mx.example.org.
        I'm afraid I wasn't able to deliver your message to the following addresses.
        This is a permanent error; I've given up. Sorry it didn't work out.

        <{ONE}>:
        192.0.2.1 does not like recipient.
        Remote host said: 550 sorry, no mailbox here by that name (#5.7.1)
        Giving up on 192.0.2.1.

        <{TWO}>:
        The users mailfolder is over the allowed quota (size). (#5.2.2)

        --- Below this line is a copy of the message.

        Return-Path: <bank@bank.example>
        To: {ONE}

        user unknown
        """,
        [(ONE, HARD), (TWO, SOFT)],
    ),
    "qmail, host gone": (
        f"""\
        Hi. This is the qmail-send program at mx.example.org.
        I'm afraid I wasn't able to deliver your message to the following addresses.

        <{ONE}>:
        Sorry, I couldn't find any host named example.com. (#5.1.2)
        """,
        [(ONE, HARD)],
    ),
    "qmail, no answer": (
        f"""\
        Hi. This is the qmail-send program at mx.example.org.
        I'm afraid I wasn't able to deliver your message to the following addresses.

        <{ONE}>:
        Sorry, I wasn't able to establish an SMTP connection. (#4.4.1)
        I'm not going to try again; this message has been in the queue too long.
        """,
        [(ONE, SOFT)],
    ),
    "postfix": (
        f"""\
        This is the Postfix program at host mx.example.org.

        I'm sorry to have to inform you that your message could not be
        be delivered to one or more recipients. It's attached below.

                                The Postfix program

        <{ONE}>: host mx.example.com[192.0.2.3] said: 550 5.1.1
            <{ONE}>: Recipient address rejected: User unknown (in reply to RCPT TO command)

        <{TWO}>: host mx.example.net[192.0.2.4] said: 552 5.2.2 Mailbox
            full (in reply to end of DATA command)
        """,
        [(ONE, HARD), (TWO, SOFT)],
    ),
    "sendmail transcript": (
        f"""\
        The original message was received at Mon, 9 Feb 2026 15:31:29 +0800

           ----- The following addresses had permanent fatal errors -----
        <{ONE}>

           ----- Transcript of session follows -----
        ... while talking to mx.example.com.:
        >>> RCPT To:<{ONE}>
        <<< 550 Mailbox not found
        550 <{ONE}>... User unknown

           ----- Original message follows -----

        Return-Path: <bank@bank.example>
        """,
        [(ONE, HARD)],
    ),
    "courier": (
        f"""\
        This is a delivery status notification from mx.example.org,
        running the Courier mail server, version 0.65.2.

                             UNDELIVERABLE MAIL

        Your message to the following recipients cannot be delivered:

        <{ONE}>:
            mx.example.com [192.0.2.9]:
        >>> RCPT TO:<{ONE}>
        <<< 550 5.1.1 <{ONE}>... User Unknown
        """,
        [(ONE, HARD)],
    ),
    "google": (
        f"""\
        Delivery to the following recipient failed permanently:

             {ONE}

        Technical details of permanent failure:
        Google tried to deliver your message, but it was rejected by the recipient domain. The error that
        the other server returned was: 550 550 5.2.2 <{ONE}>... Mailbox Full (state 17).

        ----- Original message -----

        To: {ONE}
        """,
        [(ONE, SOFT)],
    ),
    "exchange 2003": (
        f"""\
        Your message

          To:      {ONE}
          Subject: Reminder
          Sent:    Thu, 5 Feb 2026 09:41:20 +0800

        did not reach the following recipient(s):

        {ONE} on Thu, 5 Feb 2026 09:41:21 +0800
            The recipient name is not recognized
            The MTS-ID of the original message is: c=us;a= ;p=example
            MSEXCH:IMS:Example:CORP:MX 0 (000C05A6) Unknown Recipient
        """,
        [(ONE, HARD)],
    ),
    "exchange 2010": (
        f"""\
        Delivery has failed to these recipients or groups:

        {ONE}<mailto:{ONE}>
        The recipient's mailbox is full and can't accept messages now. Please try resending this message later.

        Diagnostic information for administrators:

        Generating server: mx.example.com

        {ONE}
        #554 5.2.2 mailbox full ##
        """,
        [(ONE, SOFT)],
    ),
    "domino": (
        f"""\
        Your message

          Subject: Reminder

        was not delivered to:

          {ONE}

        because:

          User zhao ({ONE}) not listed in Domino Directory
        """,
        [(ONE, HARD)],
    ),
    "imail": (f"Unknown user: {ONE}\n\n\nOriginal message follows.\n\nReceived: from mx.example.org\n", [(ONE, HARD)]),
    "yahoo": (
        f"""\
        Sorry, we were unable to deliver your message to the following address.

        <{ONE}>:
        Remote host said: 554 5.7.9 Message not accepted for policy reasons. [BODY]
        """,
        [(ONE, SOFT)],
    ),
    "mailbox unavailable": (
        f"<{ONE}>: delivery failed\n\n550 Requested action not taken: mailbox unavailable\n",
        [(ONE, HARD)],
    ),
    "messaging server": (
        f"""\
        This report relates to a message you sent with the following header fields:

          Message-id: <1.2.3@bank.example>
          Subject: Reminder

        Your message cannot be delivered to the following recipients:

          Recipient address: {ONE}
          Reason: Remote SMTP server has rejected address
          Diagnostic code: smtp;550 5.1.1 unknown or illegal alias: {ONE}
        """,
        [(ONE, HARD)],
    ),
    "biglobe": (
        f"""\
           ----- The following addresses had delivery problems -----
        {ONE}
           ----- Non-delivered information -----
        The number of messages in recipient's mailbox exceeded the local limit.
        """,
        [(ONE, SOFT)],
    ),
    "a warning that it is late": (
        f"""\
        This is a warning message only.
        YOU DO NOT NEED TO RESEND YOUR MESSAGE.

        <{ONE}>: Deferred: host name lookup failure, could not be delivered yet
        """,
        [(ONE, SOFT)],
    ),
    "nobody is named": ("Your message could not be delivered: user unknown.\n", [(None, HARD)]),
}


@pytest.mark.parametrize("form", IN_WORDS)
def test_a_bounce_in_words_alone_is_read_recipient_by_recipient(form):
    body, expected = IN_WORDS[form]
    assert seen(plain(body)) == expected


def test_exim_names_the_recipients_in_a_header_and_gives_a_reason_to_each():
    body = f"""\
        This message was created automatically by mail delivery software.

        A message that you sent could not be delivered to one or more of its
        recipients. This is a permanent error. The following address(es) failed:

          {ONE}
            host mx.example.com [192.0.2.5]
            SMTP error from remote mail server after RCPT TO:<{ONE}>:
            550 5.1.1 User unknown
          {TWO}
            mailbox is full: retry timeout exceeded

        ------ This is a copy of the message, including all the headers. ------

        Return-path: <bank@bank.example>
        """
    raw = plain(body, subject="Mail delivery failed: returning message to sender",
                headers=f"X-Failed-Recipients: {ONE},\n  {TWO}\nAuto-Submitted: auto-replied\n")  # fmt: skip
    assert seen(raw) == [(ONE, HARD), (TWO, SOFT)]


CHINESE = {
    "qq, no such person": (
        f"抱歉，您的邮件被退回来了……\n\n收件人：{ONE}\n退信原因：收件人邮件地址（{ONE}）不存在，邮件无法送达。\n",
        HARD,
    ),
    "qq, full": (f"抱歉，您的邮件被退回来了……\n\n收件人：{ONE}\n退信原因：对方邮箱空间已满，无法接收新邮件。\n", SOFT),
    "netease": (f"您的邮件被退回\n\n收件人 {ONE} 错误\n退信原因：550 User not found: {ONE}\n", HARD),
    "spam": (f"很抱歉，您的邮件被退回\n\n<{ONE}>：退信原因：邮件内容被收件方服务器判定为垃圾邮件，拒收。\n", SOFT),
    "frozen": (f"退信：无法投递到以下收件人\n{ONE}\n该帐号已被冻结，暂停使用\n", SOFT),
}


@pytest.mark.parametrize("form", CHINESE)
@pytest.mark.parametrize("charset", ["utf-8", "gb18030", "gb2312"])
def test_chinese_providers_write_chinese_in_their_own_charset(form, charset):
    body, kind = CHINESE[form]
    assert seen(plain(body, sender="PostMaster@qq.example", subject="系统退信", charset=charset)) == [(ONE, kind)]


def test_traditional_chinese_in_big5_inside_base64():
    text = base64.encodebytes(f"您的郵件無法投遞\n{ONE}\n原因：使用者不存在\n".encode("big5")).decode()
    raw = plain("", subject="=?big5?B?sGirSA==?=")
    head, _, _ = raw.partition(b"\n\n")
    head = head.replace(b"charset=utf-8", b"charset=big5").replace(b"8bit", b"base64")
    assert seen(head + b"\n\n" + text.encode()) == [(ONE, HARD)]


def test_a_charset_that_is_wrong_or_unknown_does_not_hide_the_words():
    body = f"退信\n{ONE}\n用户不存在\n".encode("gb18030")
    for charset in (b"us-ascii", b"x-unknown-8bit", b"utf-8"):
        raw = plain("", sender="postmaster@163.example", subject="=?utf-8?b?6YCA5L+h?=").replace(
            b"utf-8\nContent-T", charset + b"\nContent-T"
        )
        assert seen(raw + body) == [(ONE, HARD)]


def test_a_page_is_read_where_there_is_no_text():
    page = f"<style>.full {{}}</style><p>您的邮件被<b>退回</b></p><table><tr><td>{ONE}</td></tr><tr><td>邮箱不存在</td></tr></table>"
    raw = plain(page, sender="postmaster@126.example", subject="系统退信").replace(b"text/plain", b"text/html")
    assert seen(raw) == [(ONE, HARD)]


def test_words_in_quoted_printable_are_read_whole():
    text = f"Delivery to the following recipient failed permanently:\n\n  {ONE}\n\nThe user you tried to reach does not exist, "
    body = quopri.encodestring(f"{text}and a very long line follows here that must be wrapped somewhere.\n".encode())
    raw = plain("").replace(b"8bit", b"quoted-printable") + body
    assert seen(raw) == [(ONE, HARD)]


# --- for machines -------------------------------------------------------------------------------------------------


def test_each_recipient_of_a_report_is_told_apart():
    raw = multipart(
        f"""
        Content-Type: text/plain

        <{ONE}>: host mx said: 550 user unknown

        <{TWO}>: mail system is busy
        """,
        f"""
        Content-Type: message/delivery-status

        Reporting-MTA: dns; mx.example.org

        Final-Recipient: rfc822; {ONE}
        Action: failed
        Status: 5.0.0

        Final-Recipient: rfc822; {TWO}
        Action: delayed
        Status: 4.4.1

        Final-Recipient: rfc822; li.si@example.com
        Action: delivered
        Status: 2.0.0
        """,
        ORIGINAL,
    )
    assert seen(raw) == [(ONE, HARD), (TWO, SOFT), ("li.si@example.com", NONE)]
    assert [bounce.action for bounce in classify(raw)] == ["invalidate", "retry", "none"]


def test_the_words_beside_an_address_count_where_the_fields_are_silent():
    raw = multipart(
        f"Content-Type: text/plain\n\n<{ONE}>: mailbox is full\n\n<{TWO}>: no such user\n",
        f"Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\n"
        f"Final-Recipient: rfc822; {ONE}\nAction: failed\nStatus: 5.1.1\n\n"
        f"Final-Recipient: rfc822; {TWO}\nAction: failed\nStatus: 5.0.0\n",
    )
    assert seen(raw) == [(ONE, SOFT), (TWO, HARD)]


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/octet-stream", "message/global-delivery-status", "Message/Delivery-Status; charset=x"]
)
def test_a_report_under_another_type_is_a_report_all_the_same(kind):
    fields = (
        f"Reporting-MTA: dns; mx\n\nFinal-Recipient: rfc822;{ONE}\nAction: failed\n"
        f"Status: 5.1.1\nDiagnostic-Code: smtp;550 unknown user\n"
    )
    assert classify(multipart(f"Content-Type: {kind}\n\n{fields}")) == [Bounce(ONE, HARD, "5.1.1")]


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
def test_an_encoded_report_is_decoded_though_none_should_be(encoding):
    fields = f"Reporting-MTA: dns; mx\n\nFinal-Recipient: rfc822;{ONE}\nAction: failed\nStatus: 5.2.2\n".encode()
    encoded = base64.encodebytes(fields) if encoding == "base64" else quopri.encodestring(fields)
    part = f"Content-Type: message/delivery-status\nContent-Transfer-Encoding: {encoding}\n\n{encoded.decode()}"
    assert classify(multipart(part)) == [Bounce(ONE, SOFT, "5.2.2")]


def test_folded_fields_odd_spaces_and_comments_are_understood():
    part = f"""
        Content-Type: message/delivery-status

        Reporting-MTA:DNS;mx
        Final-Recipient:RFC822;<{ONE}>
        Action:failed
        Status:5.0.0 (permanent failure)
        Diagnostic-Code: smtp;
         550-5.1.1 The email account that you tried to reach does
         550 5.1.1 not exist
        """
    assert classify(multipart(part)) == [Bounce(ONE, HARD, "5.1.1")]


def test_a_report_without_a_status_takes_it_from_the_answer():
    assert classify(report("552 5.2.2 over quota", "", who=ONE)) == [Bounce(ONE, SOFT, "5.2.2")]
    assert classify(report("user unknown", "", who=ONE)) == [Bounce(ONE, HARD, None)]


def test_a_report_without_an_action_goes_by_its_status():
    part = f"Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; {ONE}\nStatus: "
    assert [classify(multipart(part + status))[0].kind for status in ("2.0.0", "4.0.0", "5.1.1")] == [NONE, SOFT, HARD]


def test_an_unknown_user_after_the_content_was_sent_is_a_filter_when_the_status_says_the_mailbox_exists():
    transcript = f"""
        Content-Type: text/plain

           ----- Transcript of session follows -----
        ... while talking to mx.example.com.:
        >>> DATA
        <<< 550 Unknown user {ONE}
        554 5.0.0 Service unavailable
        """
    fields = (
        f"Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\n"
        f"Final-Recipient: RFC822; {ONE}\nAction: failed\nStatus: {{}}\nDiagnostic-Code: SMTP; 550 Unknown user {ONE}\n"
    )
    assert seen(multipart(transcript, fields.format("5.2.0"))) == [(ONE, SOFT)]
    assert seen(multipart(transcript, fields.format("5.1.1"))) == [(ONE, HARD)]


def test_the_mail_returned_inside_a_bounce_is_never_taken_for_one():
    inner = report("550 5.1.1 user unknown", "5.1.1", who=TWO).decode().replace("--b", "--i").replace('"b"', '"i"')
    raw = multipart(
        f"Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; {ONE}\nAction: failed\nStatus: 5.7.1\n",
        "Content-Type: message/rfc822\n\n" + inner,
    )
    assert seen(raw) == [(ONE, SOFT)]


def test_a_bounce_somebody_forwards_is_read_attached_or_quoted():
    inner = report("550 5.1.1 user unknown", "5.1.1", who=TWO).decode().replace("--b", "--i").replace('"b"', '"i"')
    attached = multipart("Content-Type: text/plain\n\nFYI, see below\n", "Content-Type: message/rfc822\n\n" + inner,
                         kind="multipart/mixed", sender="staff@bank.example", subject="Fwd: mail")  # fmt: skip
    quoted = plain(
        "see this\n\n" + "\n".join("> " + line for line in inner.splitlines()), sender="staff@bank.example", subject="Fwd: mail"
    )
    assert seen(attached) == seen(quoted) == [(TWO, HARD)]


def test_a_report_whose_boundary_is_broken_is_still_read():
    raw = report("550 5.1.1 no such user", "5.1.1", who=ONE).replace(b'boundary="b"', b'boundary="another"')
    assert seen(raw) == [(ONE, HARD)]


def test_the_one_who_stands_in_a_report_twice_counts_once_by_the_worse():
    part = f"""
        Content-Type: message/delivery-status

        Reporting-MTA: dns; mx

        Final-Recipient: rfc822; {ONE}
        Action: delayed
        Status: 4.4.1

        Final-Recipient: rfc822; {ONE.upper()}
        Action: failed
        Status: 5.1.1
        """
    assert seen(multipart(part)) == [(ONE.upper(), HARD)]


def test_a_local_recipient_is_named_by_its_address_where_there_is_one():
    part = (
        f"Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\n"
        f"Final-Recipient: X-Unix; |/usr/bin/filter\nOriginal-Recipient: rfc822;{ONE}\nAction: failed\nStatus: 5.3.0\n"
    )
    assert seen(multipart(part)) == [(ONE, SOFT)]


def test_a_mailbox_file_is_read_mail_by_mail():
    one, two = report("550 no such user", "5.1.1", who=ONE), report("552 mailbox full", "5.2.2", who=TWO)
    box = b"From MAILER-DAEMON Mon Feb  9 15:31:29 2026\n" + one + b"\nFrom MAILER-DAEMON Mon Feb  9 15:32:29 2026\n" + two
    assert seen(box) == [(ONE, HARD), (TWO, SOFT)]


def test_the_ends_of_lines_do_not_matter():
    assert seen(report("550 no such user", "5.1.1", who=ONE).replace(b"\n", b"\r\n")) == [(ONE, HARD)]


# --- complaints and automatic replies -----------------------------------------------------------------------------


def feedback(fields: str, original: str = ORIGINAL) -> bytes:
    return multipart(
        "Content-Type: text/plain\n\nThis is an email abuse report for an email message received from IP 192.0.2.1\n",
        "Content-Type: message/feedback-report\n\nUser-Agent: SomeGenerator/1.0\nVersion: 1\n" + fields,
        original, kind="multipart/report; report-type=feedback-report", sender="fbl@mail.example", subject="FW: Reminder",
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["abuse", "fraud", "opt-out", "virus", "other"])
def test_a_complaint_suppresses_the_address(kind):
    for raw in (
        feedback(f"Feedback-Type: {kind}\n"),
        feedback(f"Feedback-Type: {kind}\nOriginal-Rcpt-To: <{ONE}>\n", "Content-Type: text/plain\n"),
    ):
        [bounce] = classify(raw)
        assert (bounce.recipient, bounce.kind, bounce.action) == (ONE, Kind.FEEDBACK, "suppress")


def test_a_complaint_whose_recipient_is_redacted_names_whom_we_wrote_to():
    assert seen(feedback("Feedback-Type: abuse\nOriginal-Rcpt-To: redacted\n")) == [(ONE, Kind.FEEDBACK)]


def test_no_spam_after_all_is_no_complaint():
    assert [kind for _, kind in seen(feedback("Feedback-Type: not-spam\n"))] == [NONE]


def test_a_complaint_in_the_form_of_outlook_is_the_mail_complained_of():
    raw = multipart(ORIGINAL.replace("To:", "X-HmXmrOriginalRecipient: <qian.er@outlook.example>\n    To:"), kind="multipart/mixed",
                    sender="staff@hotmail.com", subject="complaint about message from 192.0.2.1")  # fmt: skip
    assert seen(raw) == [("qian.er@outlook.example", Kind.FEEDBACK)]


AUTO = {
    "RFC 3834": ("Reminder", "Auto-Submitted: auto-replied\n"),
    "vacation(1)": ("away from my mail", "Precedence: bulk\n"),
    "exchange": ("Automatic reply: Reminder", "X-Auto-Response-Suppress: All\n"),
    "a header of its own": ("Re: Reminder", "X-Autoreply: yes\n"),
    "qq": ("自动回复:Reminder", ""),
    "netease": ("Re:Reminder (自动回复)", ""),
    "german": ("Automatische Antwort: Reminder", ""),
    "out of office": ("Out of Office: Reminder", "Return-Path: <>\n"),
}


@pytest.mark.parametrize("form", AUTO)
def test_an_automatic_reply_changes_nothing(form):
    subject, headers = AUTO[form]
    raw = plain(
        "I am away until Monday. My mailbox is full of mail.\n", sender=f"Zhao <{ONE}>", subject=subject, headers=headers
    )
    assert classify(raw) == [Bounce(ONE, Kind.AUTO_REPLY)]


def test_an_ordinary_mail_is_none():
    for body, subject in [
        ("我已经还款了，请查收。\n", "Re: 还款提醒"),
        ("The user manual is not found in my account.\n", "Question"),
    ]:
        assert classify(plain(body, sender=f"Zhao <{ONE}>", subject=subject)) == [Bounce(None, NONE)]


def test_a_postmaster_who_writes_himself_is_none():
    assert classify(
        plain("The mail server will be down on Sunday.\n", sender="postmaster@example.com", subject="Maintenance")
    ) == [Bounce(None, NONE)]


def test_a_read_receipt_is_none():
    part = (
        f"Content-Type: message/disposition-notification\n\nReporting-UA: x\n"
        f"Final-Recipient: rfc822;{ONE}\nDisposition: manual-action/MDN-sent-manually; displayed\n"
    )
    raw = multipart("Content-Type: text/plain\n\nYour message was displayed.\n", part, kind="multipart/report; report-type=x",
                    sender=ONE, subject="Read: Reminder")  # fmt: skip
    assert seen(raw) == [(ONE, NONE)]


@pytest.mark.parametrize("raw", [b"", b"\n\n", b"no header at all\n", bytes(range(256)) * 4, b"\x00" * 100])
def test_what_is_no_mail_says_so(raw):
    with pytest.raises(NotAMail):
        classify(raw)


# --- difficult mails of others ------------------------------------------------------------------------------------

SOFT_NUMBERS = {3, 4, 5, 8, 9, 11, 12, 14, 24, 25, 28, 32, 33, 34, 35, 36}
"""Read one by one. 4 and 36: «Unknown user» in answer to the content, status 5.2.0: a filter. 9: an error, and nothing said of it."""


@pytest.mark.skipif(not os.environ.get("ANHUAN_TESTDATA"), reason="ANHUAN_TESTDATA names no folder of third-party test data")
@pytest.mark.parametrize("number", range(1, 38))
def test_difficult_mails_are_judged_as_people_judged_them(number):
    raw = (Path(os.environ["ANHUAN_TESTDATA"]) / "bounce-mails" / f"make-test-{number:02}.eml").read_bytes()
    found = classify(raw)
    assert {bounce.kind for bounce in found} == {SOFT if number in SOFT_NUMBERS else HARD}
    assert len(found) == (2 if number == 6 else 1)  # two mails stand in number 6
    assert all(bounce.recipient and "@" in bounce.recipient and bounce.status for bounce in found)
