"""The addresses agencies call (`docs/agency-api.md`). No address ever holds a customer, a name or a number."""

from __future__ import annotations

from django.urls import path

from anhuan.agency import api

urlpatterns = [
    path("api/permits", api.permits, name="api_permits"),
    path("api/permits/state", api.state, name="api_permit_state"),
    path("api/contacts", api.contacts, name="api_contacts"),
]
