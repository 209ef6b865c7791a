"""Recordings as a browser plays them: for whoever checks quality, of a call that is to be checked, in parts as they are asked for.

Knows byte ranges (RFC 9110, section 14). What may be played, and that it was heard, is `acts.recording`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.http import require_GET

from anhuan import clock
from anhuan.acts import recording as recordings
from anhuan.records import access
from anhuan.records.contact import Contact
from anhuan.records.quality import QualityPick
from anhuan.workbench.frame import reader, viewed
from anhuan.workbench.wall import supervisors_only

_PIECE = 256 * 1024
_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})", re.ASCII)


@supervisors_only
@require_GET
def recording(request: HttpRequest, contact_id: UUID) -> HttpResponseBase:
    """The recording of a call on the list of quality checks, whole or the part that is asked for; that it was heard is kept."""
    pick = QualityPick.objects.filter(pk=contact_id).first()
    staff, now = reader(request), clock.now()
    if pick is None or pick.collector == staff.get_username() or not access.may_see_case(staff, pick.customer_id):
        raise Http404
    found = recordings.of(Contact.objects.get(pk=contact_id))
    if found is None or found.path is None:
        raise Http404
    new = recordings.hear(found, at=now, by=staff.get_username())
    viewed(request, [pick.customer_id], clear=new, reason="recording")
    return _part(request, found.path, found.digest)


def _part(request: HttpRequest, path: Path, digest: str) -> HttpResponseBase:
    """The file, or the one range of it that is asked for; a range of another version than this, or several at once, is answered whole."""
    size, tag = path.stat().st_size, f'"{digest}"'
    headers = {"Accept-Ranges": "bytes", "ETag": tag, "Cache-Control": "private, no-store", "Content-Disposition": "inline"}
    asked = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    begin, end = 0, size - 1
    if asked and any(asked.groups()) and request.headers.get("If-Range", tag) == tag:
        first, last = asked.groups()
        begin = int(first) if first else max(0, size - int(last))
        end = min(int(last), size - 1) if first and last else size - 1
        if begin >= size or end < begin or (not first and not int(last)):
            return HttpResponse(status=416, headers={**headers, "Content-Range": f"bytes */{size}"})
        headers["Content-Range"] = f"bytes {begin}-{end}/{size}"
    headers["Content-Length"] = str(end - begin + 1)
    status = 206 if "Content-Range" in headers else 200
    return StreamingHttpResponse(_read(path, begin, end), status=status, content_type="audio/wav", headers=headers)


def _read(path: Path, begin: int, end: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(begin)
        left = end - begin + 1
        while left > 0 and (piece := file.read(min(_PIECE, left))):
            left -= len(piece)
            yield piece
