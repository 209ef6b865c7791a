"""Every address of the site, by edge. A page's own addresses stand with the page's edge."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [path("", include(f"anhuan.{edge}.urls")) for edge in ("agency", "inbound", "workbench")]
