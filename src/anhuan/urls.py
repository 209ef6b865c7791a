"""Every address of the site, by edge. A page's own addresses stand with the page's edge."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("", include("anhuan.agency.urls")),
    path("", include("anhuan.inbound.urls")),
    path("", include("anhuan.workbench.urls")),
]
