"""Django's entry to the pages of the staff; no models live here."""

from __future__ import annotations

from django.apps import AppConfig


class WorkbenchConfig(AppConfig):
    name = "anhuan.workbench"
    label = "workbench"
