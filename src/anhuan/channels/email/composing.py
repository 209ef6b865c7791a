"""A message as the bytes of a mail: two forms of one text, the headers a bank owes, signed over exactly what is sent.

Knows RFC 5322, MIME, one-click unsubscribing (RFC 8058) and DKIM (RFC 6376). Does not know sockets. Everything leaves in
seven bits, so that no server on the way has a reason to change it.
"""

from __future__ import annotations

import re
from datetime import datetime
from email import policy
from email.header import Header
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime, formataddr, parseaddr
from functools import lru_cache
from typing import Any

import dkim  # type: ignore[import-untyped]
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPrivateNumbers, RSAPublicNumbers
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from anhuan.channels.email.server import Dkim, Server
from anhuan.channels.transport import Message

_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)"
)
_BREAKS = re.compile(r"[\r\n\x00]+")
_POLICY = policy.compat32.clone(
    linesep="\r\n", cte_type="7bit", max_line_length=998
)  # a link folded is a link some do not find
SIGNED = (
    b"from", b"to", b"subject", b"date", b"message-id", b"reply-to", b"mime-version", b"content-type", b"auto-submitted",
    b"list-unsubscribe", b"list-unsubscribe-post", b"from", b"subject",
)  # fmt: skip


def address(text: str) -> tuple[str, str] | None:
    """An address as it goes over the wire, and its domain in small letters; None for what is no address.

    A domain in other letters is written in its ASCII form; before the @ only ASCII reaches every mailbox.
    """
    local, at, domain = text.strip().rpartition("@")
    try:
        domain = domain.encode("idna").decode()
    except UnicodeError:
        return None
    whole = f"{local}{at}{domain}"
    if len(local) > 64 or len(whole) > 254 or not _ADDRESS.fullmatch(whole):
        return None
    return whole, domain.lower()


def compose(message: Message, to: str, *, attempt: str, server: Server, at: datetime) -> bytes:
    """The mail, signed where the server has a key. `envelope.TooLong` for an id no address can carry."""
    token = server.envelope.token(attempt)
    text = MIMEText(message.text, "plain", "utf-8")
    mail: MIMEText | MIMEMultipart = text
    if message.html:
        # A boundary of our own spares the search for one; in the Base64 of the parts it cannot stand.
        mail = MIMEMultipart("alternative", f"=_{token}", [text, MIMEText(message.html, "html", "utf-8")])
    mail["From"] = formataddr(parseaddr(server.sender), "utf-8")
    mail["To"] = to
    mail["Subject"] = Header(_BREAKS.sub(" ", message.subject), "utf-8", header_name="Subject").encode()
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = f"<{message_id(server, attempt)}>"
    if server.reply_to:
        mail["Reply-To"] = server.reply_to
    mail["Auto-Submitted"] = "auto-generated"
    mail["List-Unsubscribe"] = f"<{server.unsubscribe.replace('{token}', token)}>"
    mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail["Content-Language"] = message.lang
    raw = mail.as_bytes(policy=_POLICY)
    return signature(raw, server.dkim) + raw if server.dkim else raw


def message_id(server: Server, attempt: str) -> str:
    """The id of an attempt's mail, without brackets; reports about it name it."""
    return f"{server.envelope.token(attempt)}@{server.return_domain}"


# --- DKIM -------------------------------------------------------------------------------------------------------------


def signature(raw: bytes, key: Dkim) -> bytes:
    """The header that signs these very bytes, and that they have no more of these headers: nobody adds another From."""
    _sign_fast()
    return bytes(
        dkim.sign(
            raw, key.selector.encode(), key.domain.encode(), key.key.replace("\r\n", "\n").encode(),
            canonicalize=(b"relaxed", b"relaxed"), include_headers=SIGNED,
        )
    )  # fmt: skip


def _sign_fast() -> None:
    """Let the library's one slow step, RSA in pure Python, be done by OpenSSL: the same bytes, ten times as fast."""
    dkim.RSASSA_PKCS1_v1_5_sign = _rsa


def _rsa(digest: Any, key: dict[str, int]) -> bytes:
    return _key(tuple(key[name] for name in _NUMBERS)).sign(digest.digest(), PKCS1v15(), Prehashed(SHA256()))


_NUMBERS = ("modulus", "publicExponent", "privateExponent", "prime1", "prime2", "exponent1", "exponent2", "coefficient")


@lru_cache(maxsize=16)
def _key(numbers: tuple[int, ...]) -> RSAPrivateKey:
    n, e, d, p, q, dmp1, dmq1, iqmp = numbers
    return RSAPrivateNumbers(p, q, d, dmp1, dmq1, iqmp, RSAPublicNumbers(e, n)).private_key()
