"""`/unsubscribe/<token>`: the link every mail carries; a mail program posts to it at one click (RFC 8058), a person presses a button.

The token names the mail and is sealed; it names nobody. Following the link alone changes nothing, for scanners follow links.
"""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from anhuan import clock
from anhuan.acts import receipts
from anhuan.acts.dispatch import carriers


@login_not_required
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Ask, or take, that no more mails go to the address this one went to."""
    addresses = carriers.return_addresses(Path(settings.ANHUAN_HOME))
    attempt_id = addresses.attempt(token) if addresses else None
    if attempt_id is None:
        raise Http404
    done = request.method == "POST" and receipts.unsubscribe(attempt_id, at=clock.now())
    response = render(request, "inbound/unsubscribe.html", {"done": done})
    add_never_cache_headers(response)
    return response
