"""What a server's answer means for the address, whatever its code says."""

from __future__ import annotations

import pytest
from tests.channels.mails import WHO, report

from anhuan.channels.email.bounces import Bounce, Kind, classify

# The words of many mail systems, with the status each came with ("" where the report had none).
GONE = [
    ("550 5.1.1 <{}>: Recipient address rejected: User unknown in local recipient table", "5.1.1"),
    ("550 5.1.1 <{}>: Recipient address rejected: User unknown in relay recipient table", "5.0.0"),
    ("550 5.7.1 <{}>... User unknown", "5.7.1"),
    ("550 #5.1.0 Address rejected {}", "5.1.0"),
    ("550-5.1.1 The email account that you tried to reach does not exist. Please try\n 550-5.1.1 double-checking", "5.1.1"),
    ("550 5.4.1 Recipient address rejected: Access denied. AS(201806281) [BN1NAM.outlook.com]", "5.4.1"),
    ("550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient {} not found by SMTP address lookup", "5.1.10"),
    ("550 Requested action not taken: mailbox unavailable", "5.0.0"),
    ("550 Requested action not taken: mailbox unavailable (S2017062302)", ""),
    ("550 5.5.0 Requested action not taken: mailbox unavailable", "5.5.0"),
    ("550 User not found: {}", ""),
    ("550 Invalid User: {}", "5.0.0"),
    ("550 Mailbox not found. http://service.mail.example.com/cgi-bin/help?id=1", "5.0.0"),
    ("550 No such user here", "5.0.0"),
    ('550 No Such User Here"', ""),
    ("553 sorry, no mailbox here by that name (#5.7.1)", "5.7.1"),
    ("550 sorry, no mailbox here by that name. (#5.7.17)", "5.7.17"),
    ("511 sorry, no mailbox here by that name (#5.1.1 - chkuser)", "5.1.1"),
    ("553 5.3.0 <{}>... Addressee unknown, relay=[192.0.2.1]", "5.3.0"),
    ("554 delivery error: dd This user doesn't have a example.com account ({}) [0] - mta107.example.com", "5.0.0"),
    ("554 delivery error: dd Requested mail action aborted, mailbox not found [0]", "5.0.0"),
    ("550 unknown user <{}>", "5.0.0"),
    ("550 5.1.1 unknown or illegal alias: {}", "5.1.1"),
    ("550 {}... No such user - please check the address and try again", ""),
    ("550 Unrouteable address", ""),
    ("Unrouteable address", "5.0.0"),
    ("550 Host unknown", "5.1.2"),
    ("Host or domain name not found. Name service error for name=example.invalid type=AAAA: Host not found", "5.4.4"),
    ("Domain example.invalid has no valid MX records", "5.0.0"),
    ("DNS Error: 15698833 DNS type 'mx' lookup of example.invalid responded with code NXDOMAIN Domain name not found", "5.1.2"),
    ("550 5.1.2 <{}>... Host unknown (Name server: example.invalid.: host not found)", "5.1.2"),
    ("all relevant MX records point to non-existent hosts", ""),
    ("Name or service not known", "5.0.0"),
    ("550 5.1.6 recipient no longer on server: {}", "5.1.6"),
    ("550 5.1.6 User has moved; please try <{}>", "5.1.6"),
    ("551 User not local; please try <someone@example.net>", ""),
    ("550 The account {} has been replaced by someone.new@example.com", "5.0.0"),
    ("556 5.1.10 Domain does not accept mail (nullMX)", "5.1.10"),
    ("Domain example.com does not accept mail (nullMX)", "5.1.0"),
    ("521 5.3.2 example.com does not accept mail", "5.3.2"),
    ("an MX or SRV record indicated no SMTP service", ""),
    ("550 This address no longer accepts mail.", "5.0.0"),
    ("smtp; 450 4.1.1 <{}>: Recipient address rejected: undeliverable address: User unknown", "4.1.1"),
    ("550 5.2.0 <{}> unknown user account", "5.1.0"),
    ("550 RCPT TO:<{}> User unknown", "5.0.0"),
    ("550 5.1.1 User doesn't exist: {}", "5.1.1"),
    ("550 There is no one at this address", "5.0.0"),
    ("550 invalid mailbox path", "5.0.0"),
    ("550 Recipient not exist: {}", ""),
    ("550 5.1.1 Recipient not found <{}>", "5.1.1"),
    ("550 5.1.0 <{}>: Email address could not be found, or was misspelled (G8)", "5.1.0"),
    ("550 relay not permitted? no: that user is not listed in public Name & Address Book", "5.1.1"),
    ("User someone ({}) not listed in Domino Directory", "5.1.1"),
    ("X-Notes; User someone ({}) not listed in public Name & Address Book", "5.0.0"),
    ("550 5.1.1 该用户不存在", "5.1.1"),
    ("550 收件人邮件地址（{}）不存在，邮件无法送达。", "5.0.0"),
    ("550 用户不存在", ""),
    ("550 此收件者不存在", ""),
    ("550 Adresse d au moins un destinataire invalide. Invalid recipient.", "5.0.0"),
    ("550 Empfänger unbekannt", "5.0.0"),
    ("550 no existe ese usuario", "5.0.0"),
    ("550 Usuário desconhecido", "5.0.0"),
    ("550 utente sconosciuto", ""),
    ("550 Пользователь не найден", "5.0.0"),
    ("550 The recipient's mailbox has been deleted", "5.0.0"),
    ("551 not our customer", "5.0.0"),
    ("", "5.1.1"),
    ("", "5.1.2"),
    ("", "5.1.3"),
    ("", "5.1.6"),
    ("", "5.4.4"),
    ("", "5.3.2"),
]
PASSING = [
    ("552 5.2.2 mailbox full", "5.1.1"),
    ("550 5.1.1 <{}>: mailbox is full", "5.1.1"),
    ("552 Too much mail data {}", "5.2.2"),
    ("452 4.2.2 The email account that you tried to reach is over quota", "4.2.2"),
    ("552-5.2.2 The email account that you tried to reach is over quota and inactive", "5.2.2"),
    ("554 5.2.2 STOREDRV.Deliver.Exception:QuotaExceededException; Failed to process message", "5.2.2"),
    ("maildir has overdrawn his diskspace quota, please try again later", "5.0.0"),
    ("550 5.2.1 The email account that you tried to reach is disabled. Learn more at", "5.2.1"),
    ("554 delivery error: dd This account has been disabled or discontinued [#102]. - mta1.example.com", "5.0.0"),
    ("550 User suspended", "5.0.0"),
    ("550 5.1.1 account suspended: {}", "5.1.1"),
    ("550 The user {} has been suspended. User unknown to delivery", "5.1.1"),
    ("550 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using bl.example.org", "5.7.1"),
    ("554 5.7.1 <{}>: Relay access denied", "5.7.1"),
    ("550 5.1.1 <{}>: Recipient address rejected: blocked by policy", "5.1.1"),
    ("553 5.1.8 <{}>: Sender address rejected: Domain not found", "5.1.8"),
    ("550 5.7.1 <mail.example.com>: Helo command rejected: Host not found", "5.7.1"),
    ("550 5.7.1 Relaying denied. IP name lookup failed [192.0.2.254]", "5.7.1"),
    ("553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", "5.7.1"),
    ("552 5.3.4 Message size exceeds fixed limit", "5.3.4"),
    ("552 5.2.3 Message size exceeds fixed maximum message size (10485760)", "5.2.3"),
    ("550 5.1.0 message too large", "5.1.0"),
    ("552-5.7.0 Our system detected an illegal attachment on your message. Please", "5.7.0"),
    ("550 5.7.26 Unauthenticated email from example.com is not accepted due to domain's DMARC policy", "5.7.26"),
    ("550 SPF check failed: domain of sender does not exist", "5.0.0"),
    ("554 5.7.1 Message rejected as spam", "5.7.1"),
    ("554 DT:SPM 163 smtp3, please see http://mail.example.com/help?ip=192.0.2.1", "5.0.0"),
    ("550 Ip frequency limited", "5.0.0"),
    ("550 Mail content denied", "5.0.0"),
    ("450 4.2.0 <{}>: Recipient address rejected: Greylisted, see http://postgrey.example.org/", "4.2.0"),
    ("450 4.2.1 The user you are trying to contact is receiving mail at a rate that", "4.2.1"),
    ("421 4.7.0 Too many connections from your IP", "4.7.0"),
    ("450 Requested action not taken: mailbox unavailable", "4.2.0"),
    ("550 5.2.1 mailbox unavailable", "5.2.1"),
    ("Host or domain name not found. Name service error for name=example.com type=MX: Host not found, try again", "4.4.3"),
    ("connect to mx.example.com[192.0.2.2]:25: Connection refused", "4.4.1"),
    ("connect to mx.example.com[192.0.2.2]:25: No route to host", "5.4.1"),
    ("delivery temporarily suspended: conversation with mx.example.com timed out", "4.4.2"),
    ("Message expired: unable to deliver in 5 days. Connection timed out", "5.4.7"),
    ("X-Unix; 127", "5.0.0"),
    ("mail for example.com loops back to myself", "5.4.6"),
    ("554 5.4.14 Hop count exceeded - possible mail loop ATTR34", "5.4.14"),
    ("550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required", "5.7.133"),
    ("550 5.7.1 RESOLVER.RST.NotAuthorized; not authorized", "5.7.1"),
    ("554 5.7.9 Message not accepted for policy reasons.", "5.7.9"),
    ("550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Part of their network is on our block list", "5.7.1"),
    ("550 邮箱空间已满", "5.1.1"),
    ("550 收件人邮箱容量不足", "5.0.0"),
    ("554 5.7.1 该邮件被拒收：疑似垃圾邮件", "5.7.1"),
    ("550 该用户已被冻结", "5.1.1"),
    ("550 使用者信箱已滿", "5.0.0"),
    ("552 Das Postfach ist voll", "5.0.0"),
    ("", "5.0.0"),
    ("", "5.2.0"),
    ("", "5.2.1"),
    ("", "5.2.2"),
    ("", "5.7.1"),
    ("", "4.4.7"),
    ("", "4.1.1"),
]  # fmt: skip


@pytest.mark.parametrize(("diagnostic", "status"), GONE)
def test_nobody_there_is_hard(diagnostic, status):
    [bounce] = classify(report(diagnostic, status))
    assert (bounce.recipient, bounce.kind, bounce.action) == (WHO, Kind.HARD, "invalidate")


@pytest.mark.parametrize(("diagnostic", "status"), PASSING)
def test_everything_else_that_failed_is_soft(diagnostic, status):
    [bounce] = classify(report(diagnostic, status))
    assert (bounce.recipient, bounce.kind, bounce.action) == (WHO, Kind.SOFT, "retry")


@pytest.mark.parametrize("who", ["mailbox-full@example.com", "user-unknown@example.com", "no.such.user@spam.example.com"])
def test_an_address_says_nothing_of_itself(who):
    [full] = classify(report("552 5.2.2 over quota {}", "5.2.2", who=who))
    [gone] = classify(report("550 5.1.1 {} no such user", "5.1.1", who=who))
    [odd] = classify(report("554 5.0.0 {}", "5.0.0", who=who))
    assert [full.kind, gone.kind, odd.kind] == [Kind.SOFT, Kind.HARD, Kind.SOFT]


@pytest.mark.parametrize("action", ["delivered", "relayed", "expanded", "Delivered (to mailing list)"])
def test_what_was_not_refused_is_none(action):
    assert classify(report("250 2.1.5 Ok", "2.1.5", action=action)) == [Bounce(WHO, Kind.NONE, "2.1.5")]


def test_what_is_only_late_is_soft_whatever_its_words():
    [bounce] = classify(report("450 4.1.1 user unknown", "4.1.1", action="delayed"))
    assert bounce.kind is Kind.SOFT
