"""The addresses of the workbench. No address ever holds a name, a number or any other personal term."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LogoutView
from django.urls import path
from django.views.i18n import set_language

from anhuan.workbench import case, cases, compliance, dashboard, findings, gate, nights, rulebook
from anhuan.workbench.login import Login

urlpatterns = [
    path("", dashboard.dashboard, name="dashboard"),
    path("roll-rates/", dashboard.roll_rates_card, name="roll_rates"),
    path("cases/", cases.cases, name="cases"),
    path("search/", cases.search, name="search"),
    path("exports/cases.csv", cases.export, name="export_cases"),
    # A case id is the bank's customer number, which may hold any sign, a stroke too.
    path("cases/<path:case_id>/", case.case, name="case"),
    path("reveal/<path:case_id>/", case.reveal, name="reveal"),
    path("chain/<path:case_id>/", case.chain, name="chain"),
    path("gate/<path:case_id>/", gate.gate, name="gate"),
    path("explanation/<path:case_id>/", gate.explanation, name="explanation"),
    path("compliance/", compliance.compliance, name="compliance"),
    path("compliance/refusals.csv", compliance.refusals_csv, name="refusals_csv"),
    path("compliance/budgets.csv", compliance.budgets_csv, name="budgets_csv"),
    path("compliance/holds.csv", compliance.holds_csv, name="holds_csv"),
    path("compliance/replay/", rulebook.replayed, name="replay"),
    path("compliance/replay.csv", rulebook.replay_csv, name="replay_csv"),
    path("compliance/rulebook/", rulebook.rulebook, name="rulebook"),
    path("compliance/rulebook.csv", rulebook.rulebook_csv, name="rulebook_csv"),
    path("nights/", nights.nights, name="nights"),
    path("nights/<int:sequence>/", nights.night, name="night"),
    path("nights/<int:sequence>/findings.csv", findings.download, {"form": "csv"}, name="findings_csv"),
    path("nights/<int:sequence>/findings.parquet", findings.download, {"form": "parquet"}, name="findings_parquet"),
    path("login/", Login.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("language/", login_not_required(set_language), name="set_language"),
]
