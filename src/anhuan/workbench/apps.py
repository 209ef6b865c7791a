"""Django's entry to the pages of the staff; no models live here."""

from __future__ import annotations

from django.apps import AppConfig


class WorkbenchConfig(AppConfig):
    name = "anhuan.workbench"
    label = "workbench"

    def ready(self) -> None:
        from axes.signals import user_locked_out

        from anhuan.workbench.login import remember_lock_out

        user_locked_out.connect(remember_lock_out, dispatch_uid="anhuan.workbench.locked_out")
