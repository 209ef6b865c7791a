"""Mails taken apart: a file into mails, a mail into its own texts and the mails it carries, whatever their charset.

Knows how mails are built and how they are built wrongly. Does not know what any of them says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from html.parser import HTMLParser


class NotAMail(ValueError):
    """The bytes are no mail: empty, or without a single header."""


_MBOX_LINE = re.compile(rb"(?:\A|\n\r?\n)From \S.*\d\d:\d\d.*\d{4}.*\r?\n")
HEADER_LINE = re.compile(rb"\A(?:[!-9;-~]+[ \t]*:.*\r?\n(?:[ \t].*\r?\n)*){2,}", re.MULTILINE)
# The parser would take these apart as mails of their own, and blindly to their encoding; as text they are read like any text.
_REPORT_TYPES = re.compile(
    rb"^(content-type:\s*)message/(?:global-)?(delivery-status|feedback-report|disposition-notification|headers)",
    re.IGNORECASE | re.MULTILINE,
)


def mails(raw: bytes) -> Iterator[bytes]:
    raw = raw.lstrip(b"\xef\xbb\xbf\r\n\t ")
    if not HEADER_LINE.match(_MBOX_LINE.sub(b"", raw, count=1) if raw.startswith(b"From ") else raw):
        raise NotAMail("no header lines at the beginning")
    if not raw.startswith(b"From "):
        yield raw
        return
    yield from (one for one in _MBOX_LINE.split(raw) if one.strip())


def parsed(raw: bytes) -> Message:
    return message_from_bytes(_REPORT_TYPES.sub(rb"\1text/x-\2", raw), policy=policy.compat32)


def header(mail: Message, name: str) -> str:
    """A header, decoded and on one line; "" when it is missing. Some write Chinese into it as it is, in some charset."""
    value = next((str(value) for key, value in mail.raw_items() if key.casefold() == name.casefold()), "")
    raw = value.encode("utf-8", "surrogateescape")
    try:
        text = str(make_header(decode_header(value))) if value.isascii() else decoded(raw, "")
    except (LookupError, UnicodeError, ValueError, HeaderParseError):
        text = decoded(raw, "")
    return " ".join(text.split())


def own_parts(part: Message) -> Iterator[Message]:
    """The leaves of a mail, without what it carries inside: a returned mail or its headers."""
    if part.get_content_maintype() == "message":
        return
    if part.is_multipart():
        for child in part.get_payload():
            if isinstance(child, Message):
                yield from own_parts(child)
    else:
        yield part


def returned(part: Message) -> Iterator[Message]:
    """The mails inside a mail: returned whole, or their headers alone."""
    if part.get_content_maintype() == "message":
        yield from (child for child in part.get_payload() if isinstance(child, Message))
    elif part.get_content_type() in {"text/rfc822-headers", "text/x-headers"}:
        yield parsed(text_of(part).lstrip().encode())
    elif part.is_multipart():
        for child in part.get_payload():
            if isinstance(child, Message):
                yield from returned(child)


_CHARSETS = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "ks_c_5601-1987": "cp949",
    "iso-8859-8-i": "iso-8859-8",
}


def text_of(part: Message) -> str:
    """The text of a leaf, by its encoding and charset; by the likeliest charset when that one is wrong or missing."""
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    text = decoded(payload, str(part.get_content_charset() or "").lower())
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\u00a0", " ")


def decoded(raw: bytes, named: str) -> str:
    for charset in (_CHARSETS.get(named, named), "utf-8", "gb18030"):
        try:
            return raw.decode(charset)
        except (LookupError, UnicodeError, ValueError):
            continue
    return raw.decode("latin-1")


class _Stripped(HTMLParser):
    """The words of a page, a line per block."""

    BLOCKS = frozenset("p div br tr td th li ul ol table h1 h2 h3 h4 h5 h6 pre hr title".split())

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002  # the parser's signature
        self._hidden += tag in {"style", "script"}
        if tag in self.BLOCKS:
            self.words.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in {"style", "script"}
        if tag in self.BLOCKS:
            self.words.append("\n")

    def handle_data(self, data: str) -> None:
        if self._hidden <= 0:
            self.words.append(data)


def without_tags(page: str) -> str:
    stripped = _Stripped()
    stripped.feed(page)
    stripped.close()
    return re.sub(r"\n\s*\n+", "\n\n", "".join(stripped.words))
