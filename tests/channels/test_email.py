"""E-mail keeps what every transport keeps, against a server we did not write; and says who sent it, and to whom it returns."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from ipaddress import ip_address
from pathlib import Path

import dkim
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID
from tests.channels import mail_server
from tests.channels.contract import Loopback, Sent, TransportContract
from tests.channels.permits import AT, permit

from anhuan.channels.email import composing
from anhuan.channels.email.envelope import Envelope, TooLong
from anhuan.channels.email.server import Server
from anhuan.channels.email.transport import Smtp
from anhuan.channels.transport import Delivery, Message, Session
from anhuan.core.vocabulary import Channel

GOOD = "zhang.san@example.com"
SIGNING = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = SIGNING.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


def published(name: bytes, timeout: int = 5) -> bytes:
    """The key record as the DNS would give it."""
    import base64

    assert name.rstrip(b".") == b"card._domainkey.bank.example"
    key = SIGNING.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return b"v=DKIM1; k=rsa; p=" + base64.b64encode(key)


class Authority:
    """A certificate authority for tests, and a certificate of its for 127.0.0.1."""

    def __init__(self, folder: Path, *, name: str = "127.0.0.1") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._signed(self.key, "test authority", authority=True)
        key = ec.generate_private_key(ec.SECP256R1())
        self.files = folder / f"{name}.pem", folder / f"{name}.key"
        self.files[0].write_bytes(self._signed(key, "mx", address=name).public_bytes(Encoding.PEM))
        self.files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def _signed(self, key, name, *, authority=False, address=""):
        named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = named if authority else self.certificate.subject
        begin = datetime.now(UTC) - timedelta(days=1)
        builder = (
            x509.CertificateBuilder()
            .subject_name(named)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        if authority:
            usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
            builder = builder.add_extension(usage, critical=True)
        else:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False)
        return builder.sign(self.key, SHA256())


@contextmanager
def running(folder: Path, certificate: str = "", key: str = ""):
    """The other server; its port."""
    folder.mkdir(exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, mail_server.__file__, certificate, key, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def other_side(authority, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mails")
    with running(folder, *map(str, authority.files)) as port:
        yield port, folder


def server(port: int, authority: Authority, **changes) -> Server:
    told = {
        "host": "127.0.0.1", "port": port, "sender": "某某银行信用卡中心 <card@bank.example>", "return_domain": "mail.bank.example",
        "return_secret": "a secret of tests", "unsubscribe": "https://card.bank.example/unsubscribe/{token}", "user": "bank",
        "password": "correct", "ca": authority.pem, "dkim_domain": "bank.example", "dkim_selector": "card", "dkim_key": PEM,
        "answer_within": 5, "final_within": 1, "helo": "out.bank.example",
    }  # fmt: skip
    return Server(**told | changes)


class Post(Loopback):
    channel = Channel.EMAIL
    good, never, later, silent = GOOD, "never@example.com", "later@example.com", "silent@example.com"

    def __init__(self, told: Server, folder: Path) -> None:
        self.transport, self.folder = Smtp(told), folder
        for file in folder.iterdir():
            file.unlink()

    def mails(self):
        """The envelope and the bytes of each mail that was taken."""
        for file in sorted(self.folder.iterdir()):
            head, _, raw = file.read_bytes().partition(b"\n")
            yield json.loads(head), raw

    def arrived(self):
        return [
            Sent(
                envelope["to"][0],
                message_from_bytes(raw, policy=policy.default).get_body(("plain",)).get_content().rstrip("\n"),
            )
            for envelope, raw in self.mails()
        ]


@pytest.fixture
def loopback(other_side, authority):
    port, folder = other_side
    return Post(server(port, authority), folder)


class TestEmailKeepsTheContract(TransportContract):
    pass


def sent(loopback: Post, message: Message, attempt: str = ""):
    """One message on its way: the receipt, the envelope and the bytes that arrived."""
    with loopback.transport as transport:
        receipt = transport.send(permit(Channel.EMAIL, attempt), message)
    [(envelope, raw)] = loopback.mails()
    return receipt, envelope, raw


# --- what arrives -----------------------------------------------------------------------------------------------------


def test_the_mail_carries_both_forms_of_the_text_and_every_header_a_bank_owes(loopback):
    message = Message(GOOD, "您好，\n.一行以点开头\n请还款。", "zh", "账单提醒：请查收\r\nBcc: x@example.com", "<p>您好</p>")
    receipt, envelope, raw = sent(loopback, message, "0190d0b2-7b7b-7000-8000-0123456789ab:1")
    mail = message_from_bytes(raw, policy=policy.default)
    assert envelope["tls"] is True
    assert mail.get_body(("plain",)).get_content().strip() == message.text
    assert mail.get_body(("html",)).get_content().strip() == message.html
    assert mail["Subject"] == "账单提醒：请查收 Bcc: x@example.com"
    assert mail["Bcc"] is None
    assert str(mail["From"]) == "某某银行信用卡中心 <card@bank.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["List-Unsubscribe"].startswith("<https://card.bank.example/unsubscribe/0190d0b2-")
    assert datetime.strptime(mail["Date"], "%a, %d %b %Y %H:%M:%S %z") == AT
    assert mail["Message-ID"] == f"<{receipt.references[0]}>"
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998


def test_it_returns_to_an_address_that_names_the_attempt_and_is_sealed(loopback):
    _, envelope, _ = sent(loopback, loopback.message(GOOD), "attempt:7")
    address = envelope["from"]
    local, _, domain = address.partition("@")
    returns = Envelope("mail.bank.example", "a secret of tests")
    assert local.startswith("bounce+attempt_7.")
    assert domain == "mail.bank.example"
    assert returns.returned(f"<{address.upper()}>") == "attempt:7"
    assert returns.returned(address.replace("attempt_7", "attempt_8")) is None
    assert Envelope("mail.bank.example", "another secret of tests").returned(address) is None
    assert returns.returned("bounce@mail.bank.example") is None


def test_the_link_to_unsubscribe_names_the_attempt_by_the_same_seal(loopback):
    _, _, raw = sent(loopback, loopback.message(GOOD), "attempt:9")
    token = message_from_bytes(raw)["List-Unsubscribe"].strip("<>").rpartition("/")[2]
    assert Envelope("mail.bank.example", "a secret of tests").attempt(token) == "attempt:9"


@pytest.mark.parametrize("attempt", ["a", "0190d0b2-7b7b-7000-8000-0123456789ab:12", "Agency:7/x", "合同"])
def test_any_attempt_that_fits_comes_back_whole(attempt):
    returns = Envelope("mail.bank.example", "a secret of tests")
    address = returns.sender(attempt)
    assert len(address.partition("@")[0]) <= 64
    assert returns.returned(address) == attempt


def test_an_attempt_that_fits_no_address_is_not_sent(loopback):
    with pytest.raises(TooLong):
        Envelope("mail.bank.example", "a secret of tests").sender("x" * 60)
    with loopback.transport as transport:
        receipt = transport.send(permit(Channel.EMAIL, "x" * 60), loopback.message(GOOD))
    assert (receipt.delivery, receipt.code, receipt.nothing_left) == (Delivery.FAILED, "attempt_id_too_long", True)


# --- the signature ----------------------------------------------------------------------------------------------------


def test_what_arrives_is_signed_and_any_change_shows(loopback):
    _, _, raw = sent(loopback, Message(GOOD, "您好，\n.一行以点开头", "zh", "账单提醒", "<p>您好</p>"))
    assert dkim.verify(raw, dnsfunc=published)
    for old, new in [
        (b"unsubscribe/", b"elsewhere/"),
        (b"One-Click", b"Two-Click"),
        (b"\r\nTo: zhang", b"\r\nTo: wang"),
        (b"==\r\n", b"=\r\n"),
    ]:
        assert old in raw
        assert not dkim.verify(raw.replace(old, new, 1), dnsfunc=published)
    assert not dkim.verify(b"Subject: another\r\n" + raw, dnsfunc=published)


def test_the_fast_signature_is_the_one_the_library_makes():
    told = server(1, type("Nobody", (), {"pem": ""}))
    raw = composing.compose(
        Message(GOOD, "您好"), GOOD, attempt="a", server=replace(told, dkim_domain="", dkim_selector="", dkim_key=""), at=AT
    )
    fast = composing.signature(raw, told.dkim)
    from dkim import crypto

    digest = dkim.HASH_ALGORITHMS[b"rsa-sha256"](b"any")
    key = dkim.parse_pem_private_key(PEM.encode())
    assert composing._rsa(digest, key) == crypto.RSASSA_PKCS1_v1_5_sign(digest, key)
    assert dkim.verify(fast + raw, dnsfunc=published)


# --- what a server says -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "code", "permanent"),
    [
        ("never@example.com", "5.1.1:550", True),
        ("later@example.com", "4.7.1:451", False),
        ("full@example.com", "5.2.2:552", False),
        ("blocked@example.com", "5.7.1:554", True),
        ("content@example.com", "5.7.1:550", True),
        ("hangs-up@example.com", "4.3.2:421", False),
        ("no address", "bad_address", True),
        ("张三@example.com", "bad_address", True),
        ("a@b@example.com", "bad_address", True),
        ("x@example.com\r\nRCPT TO:<y@example.com>", "bad_address", True),
    ],
)
def test_a_refusal_is_told_by_its_codes_and_the_next_message_still_goes(loopback, address, code, permanent):
    with loopback.transport as transport:
        refused = transport.send(permit(Channel.EMAIL), loopback.message(address))
        taken = transport.send(permit(Channel.EMAIL), loopback.message(GOOD))
    assert (refused.delivery, refused.code, refused.permanent, refused.nothing_left) == (Delivery.FAILED, code, permanent, True)
    assert taken.delivery is Delivery.TAKEN


def test_a_domain_in_chinese_goes_out_in_its_ascii_form(loopback):
    _, envelope, _ = sent(loopback, loopback.message("wang@例子.测试"))
    assert envelope["to"] == ["wang@xn--fsqu00a.xn--0zwm56d"]


def test_a_line_cut_after_the_text_leaves_it_unknown_and_it_is_not_sent_again(loopback):
    with loopback.transport as transport:
        cut = transport.send(permit(Channel.EMAIL), loopback.message("cut@example.com"))
        after = transport.send(permit(Channel.EMAIL), loopback.message(GOOD))
    assert (cut.delivery, cut.nothing_left) == (Delivery.UNKNOWN, False)
    assert after.delivery is Delivery.TAKEN
    assert [mail.to for mail in loopback.arrived()] == ["cut@example.com", GOOD]


def test_a_line_the_server_closed_meanwhile_is_opened_again(loopback):
    with loopback.transport as transport:
        transport.send(permit(Channel.EMAIL), loopback.message(GOOD))
        transport._line.sock.shutdown(2)
        receipt = transport.send(permit(Channel.EMAIL), loopback.message(GOOD))
    assert receipt.delivery is Delivery.TAKEN
    assert len(loopback.arrived()) == 2


def test_one_line_carries_a_whole_batch(loopback):
    with loopback.transport as transport:
        line = transport._line
        list(transport.send_many((permit(Channel.EMAIL), loopback.message(GOOD)) for _ in range(30)))
        assert transport._line is line


# --- safety -----------------------------------------------------------------------------------------------------------


def broken(told: Server) -> str:
    """Why a session with this server cannot be had."""
    with Smtp(told) as transport:
        receipt = transport.send(permit(Channel.EMAIL), Message(GOOD, "您好"))
        health = transport.health()
    assert (receipt.delivery, receipt.permanent, receipt.nothing_left) == (Delivery.FAILED, False, True)
    assert health.session is Session.BROKEN
    assert health.code == receipt.code
    return health.code


def test_a_certificate_nobody_vouches_for_is_not_trusted(other_side, authority):
    assert broken(server(other_side[0], authority, ca="")) == "ssl_cert_verification_error"


def test_a_certificate_for_another_name_is_not_trusted(authority, tmp_path):
    elsewhere = Authority(tmp_path, name="127.0.0.2")
    with running(tmp_path / "mails", *map(str, elsewhere.files)) as port:
        assert broken(server(port, elsewhere)) == "ssl_cert_verification_error"


def test_a_server_without_starttls_gets_nothing_in_clear(authority, tmp_path):
    with running(tmp_path / "mails") as port:
        assert broken(server(port, authority)) == "starttls_or_login_not_offered"
        assert list((tmp_path / "mails").iterdir()) == []


def test_a_wrong_password_is_told(other_side, authority):
    assert broken(server(other_side[0], authority, password="wrong")) == "smtp_535"


def test_a_server_out_of_reach_is_asked_again_only_after_a_while(authority):
    with Smtp(server(1, authority)) as transport:
        begin = time.monotonic()
        receipts = list(transport.send_many((permit(Channel.EMAIL), Message(GOOD, "您好")) for _ in range(50)))
    assert {receipt.code for receipt in receipts} == {"connection_refused_error"}
    assert time.monotonic() - begin < 20


@pytest.mark.parametrize(
    "wrong",
    [
        {"security": "none"}, {"security": "ssl"}, {"unsubscribe": "http://bank.example/{token}"}, {"unsubscribe": "https://bank.example/"},
        {"return_secret": "short"}, {"dkim_selector": ""}, {"dkim_key": "no key"}, {"sender": "the bank"}, {"per_second": -1},
        {"sender": "Bank <card@bank.example>\r\nBcc: x@example.com"},
    ],
)  # fmt: skip
def test_an_unsafe_configuration_is_refused(authority, wrong):
    with pytest.raises(ValueError, match=r"\w"):
        server(587, authority, **wrong)


def test_no_secret_shows_in_the_representation_of_a_server(authority):
    shown = repr(server(587, authority))
    assert not any(secret in shown for secret in ("correct", "a secret of tests", "PRIVATE KEY"))


# --- pace -------------------------------------------------------------------------------------------------------------


def test_a_domain_that_wants_it_slow_waits_while_others_are_served(other_side, authority):
    port, folder = other_side
    post = Post(server(port, authority, domains={"slow.example": 10}), folder)
    slow, quick = [f"a{n}@slow.example" for n in range(4)], [f"b{n}@quick.example" for n in range(10)]
    begin = time.monotonic()
    with post.transport as transport:
        list(transport.send_many((permit(Channel.EMAIL), post.message(to)) for to in slow + quick))
    took = time.monotonic() - begin
    order = [mail.to for mail in post.arrived()]
    assert sorted(order) == sorted(slow + quick)
    assert took >= 0.3
    assert order.index("b9@quick.example") < order.index("a3@slow.example")
