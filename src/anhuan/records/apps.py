"""Django's entry to the one app of ours with models."""

from __future__ import annotations

from django.apps import AppConfig


class RecordsConfig(AppConfig):
    name = "anhuan.records"
    label = "records"
    default_auto_field = "django.db.models.BigAutoField"
