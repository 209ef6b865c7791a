"""A signed message of a machine: whose secret it was signed with, when, and that it is taken once.

The scheme is that of Standard Webhooks: `webhook-id`, `webhook-timestamp` (seconds since 1970) and `webhook-signature`, a list of
`v1,` with the base64 of HMAC-SHA256 over `id.timestamp.body`. A secret stands in the home's folder `secrets`, as `hook_SOURCE`;
a source without one does not exist. Does not know what a message means.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from anhuan import clock
from anhuan.records.outbox import Hook

SOURCES = ("receipts", "replies", "bounces", "payments", "calls")
"""The machines that may speak, each with a secret of its own."""
LARGEST = 1 << 20
"""Bytes of a message: a bounce brings the mail it is about."""
_SKEW = timedelta(minutes=5)
_PREFIX = "whsec_"

_ERRORS: Mapping[str, tuple[int, str, str]] = {
    "source": (404, "没有这个来源。", "There is no such source."),
    "method": (405, "只接受 POST。", "Only POST is taken."),
    "large": (413, "正文过大。", "The body is too large."),
    "signature": (401, "没有签名，或签名不符。", "No signature, or one that does not hold."),
    "stale": (401, "时间戳与现在相差超过五分钟。", "The timestamp is more than five minutes from now."),
    "body": (422, "正文不是所需的形式：{why}。", "The body is not of the form wanted: {why}."),
}

Answer = Callable[[bytes, datetime], dict[str, Any]]


class Unreadable(ValueError):
    """The message cannot be used; the text says which field, and is no person's."""


def signed(source: str) -> Callable[[Answer], Callable[[HttpRequest], JsonResponse]]:
    """A view that only the machine with the source's secret reaches; the same message again is answered, and not taken again.

    What the message does and that it has been taken are one transaction.
    """

    def wrap(answer: Answer) -> Callable[[HttpRequest], JsonResponse]:
        @login_not_required
        @csrf_exempt
        @wraps(answer)
        def view(request: HttpRequest) -> JsonResponse:
            at = clock.now()
            wrong = _wrong(request, source)
            if wrong:
                return error(wrong)
            name = f"{source}:{request.headers['webhook-id']}"
            try:
                with transaction.atomic():
                    _, new = Hook.objects.get_or_create(hook_id=name[:150], defaults={"source": source, "received_at": at})
                    return JsonResponse(answer(request.body, at) if new else {"taken_before": True})
            except Unreadable as unreadable:
                return error("body", why=str(unreadable))

        return view

    return wrap


def error(code: str, **facts: str) -> JsonResponse:
    status, zh, en = _ERRORS[code]
    told = {"code": code, "message_zh": zh.format(**facts), "message_en": en.format(**facts)}
    return JsonResponse({"error": told}, status=status)


def _wrong(request: HttpRequest, source: str) -> str:
    """Why a message is not taken; "" when it is. The body is read only once its length and its sender are known."""
    secret = _secret(source)
    if secret is None:
        return "source"
    if request.method != "POST":
        return "method"
    if int(request.headers.get("Content-Length") or 0) > LARGEST:
        return "large"
    id_, stamp = request.headers.get("webhook-id", ""), request.headers.get("webhook-timestamp", "")
    if not id_ or len(id_) > 128 or not id_.isprintable() or not stamp.isdecimal():
        return "signature"
    expected = signature(secret, id_, stamp, request.body)
    offered = request.headers.get("webhook-signature", "").split()
    if not any(hmac.compare_digest(expected, each) for each in offered):
        return "signature"
    return "stale" if abs(clock.real().timestamp() - int(stamp)) > _SKEW.total_seconds() else ""


def signature(secret: bytes, id_: str, stamp: str, body: bytes) -> str:
    """How a message is signed."""
    made = hmac.new(secret, f"{id_}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(made).decode()


# --- secrets ------------------------------------------------------------------------------------------------------


def _file(source: str) -> Path:
    return Path(settings.ANHUAN_HOME) / "secrets" / f"hook_{source}"


def _secret(source: str) -> bytes | None:
    try:
        text = _file(source).read_text(encoding="ascii").strip()
        return base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (OSError, binascii.Error, UnicodeDecodeError):
        return None


def new_secret(source: str) -> str:
    """Make the secret of a source, in place of the one it had, and answer it for the machine to keep."""
    text = _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
    file = _file(source)
    draft = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text + "\n")
    draft.replace(file)
    return text
