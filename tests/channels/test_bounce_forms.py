"""Bounces as two dozen mail systems write them for people, each put together after its manner."""

from __future__ import annotations

import time

import pytest
from tests.channels.mails import HARD, NONE, ONE, ORIGINAL, SOFT, TWO, multipart, plain, seen

from anhuan.channels.email.bounces import Kind, classify

FORMS = {
    "addresses with delivery errors, reason in brackets": (
        f"---The following addresses had delivery errors---\n\n{ONE} [mailbox over quota]\n",
        [(ONE, SOFT)],
    ),
    "starred list and technical details": (
        f"""\
        Delivery to the following recipients failed permanently:

                * {ONE}

        Technical details:

        SMTP:RCPT host 192.0.2.8: 553 5.3.0 <{ONE}>... No such user here
        """,
        [(ONE, HARD)],
    ),
    "server message and command": (
        f"""\
        お客様が送信されたメールは、以下のエラーが発生したため配信できませんでした。

        -------server message
        550 5.1.1 unknown user <{ONE}>

        -------SMTP command
        RCPT TO:<{ONE}>

        -------original message
        Return-Path: <bank@bank.example>
        """,
        [(ONE, HARD)],
    ),
    "reason first, then the recipients, then whose mail it was": (
        f"""\
        Your message could not be delivered because of

        550 5.1.1 User unknown

        The following recipients were affected:
            {ONE}

        Original Sender:    <bank@bank.example>
        Sender-MTA:         <192.0.2.1>
        """,
        [(ONE, HARD)],
    ),
    "failed recipients with the envelope below": (
        f"""\
        I'm afraid I wasn't able to deliver your message to the following addresses.

        Failed recipient(s):
        {ONE}

        Error message:
        550-5.1.1 The email account that you tried to reach does not exist.

          MAIL FROM: bank@bank.example
          RCPT TO: {ONE}
        """,
        [(ONE, HARD)],
    ),
    "advice by the page": (
        f"""\
        Your message to {ONE} couldn't be delivered.

        zhao.liu wasn't found at example.com.

        How to Fix It
        The address may be misspelled or may not exist. Contact the recipient (by phone, for example) to check that the
        address is correct. If the problem continues, your message may have been blocked by a policy.

        This error occurs because the sender sent a message to an email address outside of the organization.

        Reported error: 550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient {ONE} not found by SMTP address lookup
        """,
        [(ONE, HARD)],
    ),
    "restricted to members": (
        f"""\
        Your message can't be delivered because delivery to this address is restricted.

        {ONE}
        #550 5.7.1 RESOLVER.RST.AuthRequired; authentication required ##rfc822;{ONE}
        """,
        [(ONE, SOFT)],
    ),
    "router of a database": (
        f"Your message\n\nwas not delivered to:\n\n  {ONE}\n\nbecause:\n\n  Router: Database disk quota exceeded\n",
        [(ONE, SOFT)],
    ),
    "a domain without a name": (
        f"The following address(es) failed:\n\n  {ONE}\n    Domain example.com does not exist\n",
        [(ONE, HARD)],
    ),
    "all hosts failing": (
        f"The following address(es) failed:\n\n  {ONE}\n    all hosts for 'example.com' have been failing for a long time\n",
        [(ONE, SOFT)],
    ),
    "two in one, one of them full": (
        f"Unable to deliver message.\n\n<{ONE}>:\nThis user doesn't have an account [0]\n\n<{TWO}>:\nThis account is over quota\n",
        [(ONE, HARD), (TWO, SOFT)],
    ),
    "a filter's own words": (
        f"A message from <bank@bank.example> to:\n-> {ONE}\n\nwas considered unsolicited bulk e-mail.\nDelivery of the email was stopped!\n",
        [(ONE, SOFT)],
    ),
    "moved": (f"<{ONE}>: could not be delivered, 551 5.1.6 User has moved, see somewhere.else@example.com\n", [(ONE, HARD)]),
    "refused, and nothing said why": (f"The following recipients did not receive this message:\n\n<{ONE}>\n", [(ONE, SOFT)]),
    "postponed by a full mailbox": (
        f'Delivery of email to this address\n"{ONE}"\nhas been postponed due to a full mailbox.\nWe will continue to try.\n',
        [(ONE, SOFT)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_a_mail_system_is_understood_in_its_own_manner(form):
    body, expected = FORMS[form]
    assert seen(plain(body, subject="Undeliverable Mail")) == expected


def test_whom_we_wrote_to_counts_and_not_where_it_was_forwarded():
    part = (
        "Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\n"
        f"Original-Recipient: rfc822;{ONE}\nFinal-Recipient: rfc822;{TWO}\nAction: failed\nStatus: 5.1.1\n"
    )
    assert seen(multipart(part)) == [(ONE, HARD)]


def test_a_report_a_gateway_wrapped_is_found_inside():
    inner = (
        "Content-Type: message/rfc822\n\nFrom: postmaster@mx.example.org\nTo: bounce@bank.example\nSubject: Undeliverable\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="i"\n\n--i\nContent-Type: message/delivery-status\n\n'
        f"Reporting-MTA: dns; mx\n\nFinal-Recipient: rfc822;{ONE}\nAction: failed\nStatus: 5.1.1\n\n--i--\n"
    )
    wrapped = multipart(
        "Content-Type: text/plain\n\nThis e-mail is confidential. Do not deliver it to others.\n", inner, kind="multipart/mixed"
    )
    assert seen(wrapped) == [(ONE, HARD)]


def test_a_mailbox_that_refuses_by_a_receipt_has_failed():
    part = f"Content-Type: message/disposition-notification\n\nFinal-Recipient: rfc822; {ONE}\nDisposition: automatic-action/x; deleted\n"
    said = f"Content-Type: text/plain\n\nYour message to <{ONE}> was automatically rejected:\nQuota exceeded\n"
    assert seen(multipart(said, part, subject="Automatically rejected mail")) == [(ONE, SOFT)]


def test_an_abuse_report_in_words_alone_is_a_complaint():
    said = "Content-Type: text/plain\n\nThis is an email abuse report for an email message received from IP 192.0.2.1\n"
    assert seen(multipart(said, ORIGINAL, kind="multipart/mixed", sender="fbl@mail.example")) == [(ONE, Kind.FEEDBACK)]


def test_a_report_of_authentication_results_for_a_domain_is_none():
    body = "This is a DMARC aggregate report for bank.example.\n"
    assert [
        kind
        for _, kind in seen(
            plain(body, sender="noreply@mail.example", subject="Report Domain: bank.example Submitter: mail.example")
        )
    ] == [NONE]


@pytest.mark.parametrize("stuff", ["a", "a@", "-", "\n", "> ", '"a', "user ", f"Final-Recipient: rfc822; {ONE}\n"])
def test_a_mail_made_to_be_slow_is_read_in_a_moment(stuff):
    begin = time.process_time()
    classify(plain("could not be delivered\n" + stuff * (300_000 // len(stuff))))
    assert time.process_time() - begin < 5


def test_a_header_that_cannot_be_decoded_hides_nothing():
    assert seen(plain(f"<{ONE}>: no such user, could not be delivered\n", subject="=?utf-8?b?x?= failure")) == [(ONE, HARD)]
