"""E-mail against peers of the real world: Perl's Mail::DKIM judges the signature, Postfix writes the bounces."""

from __future__ import annotations

import base64
import os
import pwd
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.channels.permits import permit
from tests.channels.test_email import SIGNING, Authority, running, server

from anhuan.channels.email import composing
from anhuan.channels.email.bounces import Kind, classify
from anhuan.channels.email.transport import Smtp
from anhuan.channels.transport import Delivery, Message
from anhuan.core.vocabulary import Channel

pytestmark = pytest.mark.slow

# The record is handed over instead of asked for, for no name server knows a made-up bank.
JUDGE = """
use Mail::DKIM::Verifier;
no warnings;
*Mail::DKIM::PublicKey::fetch_async = sub {
    my ($class, %args) = @_;
    my $key = Mail::DKIM::PublicKey->parse($ENV{RECORD});
    return sub { $args{Callbacks}{Success}->($key); };
};
my $judge = Mail::DKIM::Verifier->new();
local $/; my $mail = <STDIN>; $judge->PRINT($mail); $judge->CLOSE;
print $judge->result;
"""


def judged(raw: bytes) -> str:
    """What Mail::DKIM says of a mail: pass, fail, invalid, none."""
    key = SIGNING.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    record = "v=DKIM1; k=rsa; p=" + base64.b64encode(key).decode()
    ran = subprocess.run(["perl", "-e", JUDGE], input=raw, capture_output=True, check=True, env=os.environ | {"RECORD": record})
    return ran.stdout.decode()


def has_mail_dkim() -> bool:
    perl = shutil.which("perl")
    return (
        perl is not None
        and subprocess.run([perl, "-MMail::DKIM::Verifier", "-e1"], capture_output=True, check=False).returncode == 0
    )


@pytest.mark.skipif(not has_mail_dkim(), reason="Perl's Mail::DKIM is not installed: apt-get install libmail-dkim-perl")
def test_an_independent_verifier_accepts_what_we_sign_and_nothing_changed(tmp_path):
    told = server(1, Authority(tmp_path))
    message = Message(
        "zhang@example.com",
        "您好，\n.一行以点开头\n\n请还款。\n\n\n",
        "zh",
        "账单提醒：您的信用卡本期账单已经到期，请及时还款",
        "<p>您好</p>",
    )
    raw = composing.compose(message, message.to, attempt="a:1", server=told, at=permit(Channel.EMAIL).at)
    assert judged(raw) == "pass"
    assert judged(raw.replace(b"unsubscribe/", b"elsewhere/")) == "fail"
    assert judged(raw.replace(b"\r\n\r\n", b"\r\n\r\nx\r\n", 1)) == "fail"


# --- Postfix ----------------------------------------------------------------------------------------------------------

POSTFIX = shutil.which("postfix") or shutil.which("/usr/sbin/postfix")
needs_postfix = pytest.mark.skipif(
    POSTFIX is None or os.geteuid() != 0,
    reason="Postfix is not installed, or this is not root: apt-get install postfix",
)
MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


@contextmanager
def postfix(folder: Path, authority: Authority, *, relay: int, port: int):
    """A Postfix of our own on the loopback interface, with STARTTLS, that hands everything to the port `relay`."""
    config, queue, data = folder / "config", folder / "queue", folder / "data"
    for place in (config, queue, data):
        place.mkdir()
    owner = pwd.getpwnam("postfix")
    os.chown(data, owner.pw_uid, owner.pw_gid)
    folder.chmod(0o755)
    for parent in folder.parents:
        if parent.stat().st_mode & 0o5 != 0o5 and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o5)
    (config / "master.cf").write_text(MASTER.format(port=port))
    (config / "main.cf").write_text(f"""
compatibility_level = 3.6
queue_directory = {queue}
data_directory = {data}
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.bank.example
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
relayhost = [127.0.0.1]:{relay}
smtp_tls_security_level = none
smtpd_tls_security_level = may
smtpd_tls_cert_file = {authority.files[0]}
smtpd_tls_key_file = {authority.files[1]}
smtpd_recipient_restrictions = permit_mynetworks, reject
maximal_queue_lifetime = 0
bounce_queue_lifetime = 0
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
""")
    subprocess.run([POSTFIX, "-c", config, "start"], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run([POSTFIX, "-c", config, "stop"], check=False, capture_output=True)


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@needs_postfix
def test_postfix_takes_our_mail_and_its_bounces_lead_back_to_each_attempt(tmp_path):
    authority, port = Authority(tmp_path), free_port()
    asked = {
        "a:1": ("never@example.com", Kind.HARD, "5.1.1"),
        "a:2": ("full@example.com", Kind.SOFT, "5.2.2"),
        "a:3": ("blocked@example.com", Kind.SOFT, "5.7.1"),
        "a:4": ("content@example.com", Kind.SOFT, "5.7.1"),
        "a:5": ("good@example.com", None, None),
    }
    with running(tmp_path / "mails") as relay, postfix(tmp_path, authority, relay=relay, port=port):
        told = server(port, authority, user="", password="")
        with Smtp(told) as transport:
            receipts = [
                transport.send(permit(Channel.EMAIL, attempt), Message(to, "您好")) for attempt, (to, _, _) in asked.items()
            ]
        assert {receipt.delivery for receipt in receipts} == {Delivery.TAKEN}
        found = returned(tmp_path / "mails", told, wanted=4)
    for attempt, (to, kind, status) in asked.items():
        if kind is None:
            assert attempt not in found
        else:
            [bounce] = found[attempt]
            assert (bounce.recipient, bounce.kind, bounce.status) == (to, kind, status)


def returned(folder: Path, told, *, wanted: int) -> dict:
    """The bounces that arrive within half a minute, by the attempt they came back to."""
    import json

    found: dict = {}
    until = time.monotonic() + 30
    while len(found) < wanted and time.monotonic() < until:
        time.sleep(0.2)
        for file in sorted(folder.glob("*.eml")):
            head, _, raw = file.read_bytes().partition(b"\n")
            for address in json.loads(head)["to"] if head.endswith(b"}") else []:
                attempt = told.envelope.returned(address)
                if attempt is not None:
                    found[attempt] = classify(raw)
    return found
