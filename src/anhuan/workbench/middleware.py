"""The headers that keep a page to itself: scripts, styles and requests only from our own address; and a page for a wrong method.

Knows the policy the pages are written for (no inline script or style, no eval, no frame around us). Does not
know any page; the two that show decision tables name their own, narrowest exception (`dmn_words`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render

# Tabler draws the arrows of its select boxes and checks from data addresses in its style sheet.
SOURCES = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "font-src": "'self'",
    "img-src": "'self' data:",
    "media-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}


def policy(sources: Mapping[str, str]) -> str:
    """The header that says where each kind of thing may come from."""
    return "; ".join(f"{directive} {source}" for directive, source in sources.items())


POLICY = policy(SOURCES)

PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


class ContentSecurityPolicy:
    """Sets the policy on every answer that has none of its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        return response


class WrongMethod:
    """Says in a page what an empty answer would not: that an address which only takes forms was asked for, and nothing was done.

    Whoever signs in after her session ended in mid-form comes back to such an address.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        staff = getattr(request, "user", None)  # a machine, which never signs in, is answered in its own way
        if isinstance(response, HttpResponseNotAllowed) and staff is not None and staff.is_authenticated:
            page = render(request, "405.html", status=response.status_code)
            page.headers["Allow"] = response.headers["Allow"]
            return page
        return response
