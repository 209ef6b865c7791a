"""Signing in, and the language of the pages.

Knows Django's own login form and language cookie. Does not know roles; those are asked by `frame.page`.
"""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpResponse


class Login(LoginView):
    """The sign-in page; it greets a member of staff in the language she is kept with, unless she chose one."""

    template_name = "workbench/login.html"
    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_valid(form)
        if settings.LANGUAGE_COOKIE_NAME not in self.request.COOKIES:
            remember_language(response, form.get_user().language)
        return response


def remember_language(response: HttpResponse, language: str) -> None:
    """Keep the language of the pages in the cookie Django reads it from."""
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite="Lax",
    )
