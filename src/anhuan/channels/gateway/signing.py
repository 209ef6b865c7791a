"""Signatures of requests to a gateway, and of the callbacks it makes: whoever holds the secret said exactly this, just now.

Requests carry HMAC-SHA256 over method, path, instant, nonce and the digest of the body. Callbacks follow the Standard Webhooks
scheme (`webhook-id`, `webhook-timestamp`, `webhook-signature: v1,…`), which providers and libraries share. Pure: the instant is
an argument, and remembering which callbacks were seen is the caller's.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

TOLERANCE = timedelta(minutes=5)
"""How far the clocks of both sides may be apart, and how long a callback's id must be remembered (twice this)."""
_PREFIX = "whsec_"


class NotSigned(ValueError):
    """The callback is not theirs, was changed on the way, or is too old; `code` says which."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def signed_headers(
    method: str, path: str, body: bytes, *, key_id: str, secret: bytes, at: datetime, nonce: str
) -> dict[str, str]:
    """The headers that sign a request. `nonce` must never repeat under one key; `path` is as sent, query included."""
    stamp = str(int(at.timestamp()))
    digest = hashlib.sha256(body).hexdigest()
    signed = "\n".join((method.upper(), path, stamp, nonce, digest)).encode()
    return {
        "X-Key-Id": key_id,
        "X-Timestamp": stamp,
        "X-Nonce": nonce,
        "X-Content-SHA256": digest,
        "X-Signature": hmac.new(secret, signed, hashlib.sha256).hexdigest(),
    }


def verified(headers: Mapping[str, str], body: bytes, *, secrets: Iterable[str], at: datetime) -> str:
    """The id of a callback that is really theirs; raises NotSigned. The caller refuses an id it has seen before.

    `secrets`: `whsec_…` in base64, the old one beside the new while they are exchanged.
    """
    told = {name.lower(): value for name, value in headers.items()}
    name, stamp = told.get("webhook-id", ""), told.get("webhook-timestamp", "")
    if not name or not stamp.isascii() or not stamp.isdigit() or len(stamp) > 12:
        raise NotSigned("headers_missing")
    if abs(at.timestamp() - int(stamp)) > TOLERANCE.total_seconds():
        raise NotSigned("too_old_or_too_new")
    given = [one.partition(",")[2] for one in told.get("webhook-signature", "").split() if one.startswith("v1,")]
    for secret in secrets:
        expected = _webhook_signature(secret, name, stamp, body)
        if any(hmac.compare_digest(expected.encode(), one.encode()) for one in given):
            return name
    raise NotSigned("signature_wrong")


def _webhook_signature(secret: str, name: str, stamp: str, body: bytes) -> str:
    try:
        key = b64decode(secret.removeprefix(_PREFIX), validate=True)
    except Error as reason:
        raise ValueError("a callback secret is whsec_ and base64") from reason
    return b64encode(hmac.new(key, f"{name}.{stamp}.".encode() + body, hashlib.sha256).digest()).decode()
