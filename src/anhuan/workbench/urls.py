"""The addresses of the workbench. No address ever holds a name, a number or any other personal term."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LogoutView
from django.urls import path
from django.views.i18n import set_language

from anhuan.workbench import (
    case,
    cases,
    compliance,
    dashboard,
    findings,
    gate,
    nights,
    outbox,
    rulebook,
    sandbox,
    strategies,
    strategy,
    strategy_arms,
    strategy_changes,
    strategy_editor,
    strategy_simulation,
    wordings,
)
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
    path("wordings/", wordings.wordings, name="wordings"),
    path("wordings/<int:pk>/", wordings.wording, name="wording"),
    path("wordings/<int:pk>/act/", wordings.act, name="wording_act"),
    path("wordings/<int:pk>/edit/", wordings.edit, name="wording_edit"),
    path("wordings/<int:pk>/try/", wordings.tried, name="wording_try"),
    path("wordings/<int:pk>/save/", wordings.save, name="wording_save"),
    path("strategies/", strategies.strategies, name="strategies"),
    path("strategies/<slug:name>/arms/", strategy_arms.arms, name="strategy_arms"),
    path("strategies/<slug:name>/<int:number>/", strategy.strategy, name="strategy"),
    path("strategies/<slug:name>/<int:number>/model.dmn", strategies.download, name="strategy_model"),
    path("strategies/<slug:name>/<int:number>/act/", strategies.act, name="strategy_act"),
    path("strategies/<slug:name>/<int:number>/try/", strategy.tried, name="strategy_try"),
    path("strategies/<slug:name>/<int:number>/changes/", strategy_changes.changes, name="strategy_changes"),
    path("strategies/<slug:name>/<int:number>/simulation/", strategy_simulation.simulation, name="strategy_simulation"),
    path("strategies/<slug:name>/<int:number>/edit/", strategy_editor.edit, name="strategy_edit"),
    path("strategies/<slug:name>/<int:number>/prove/", strategy_editor.prove, name="strategy_prove"),
    path("strategies/<slug:name>/<int:number>/save/", strategy_editor.save, name="strategy_save"),
    path("outbox/", outbox.outbox, name="outbox"),
    path("outbox/<uuid:campaign_id>/", outbox.campaign, name="campaign"),
    path("outbox/<uuid:campaign_id>/stop/", outbox.stop, name="campaign_stop"),
    path("messages/<path:case_id>/", outbox.messages, name="messages"),
    path("message/<uuid:row_id>/", outbox.message, name="message"),
    path("sandbox/", sandbox.sandbox, name="sandbox"),
    path("sandbox/answer/", sandbox.answer, name="sandbox_answer"),
    path("nights/", nights.nights, name="nights"),
    path("nights/<int:sequence>/", nights.night, name="night"),
    path("nights/<int:sequence>/findings.csv", findings.download, {"form": "csv"}, name="findings_csv"),
    path("nights/<int:sequence>/findings.parquet", findings.download, {"form": "parquet"}, name="findings_parquet"),
    path("login/", Login.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("language/", login_not_required(set_language), name="set_language"),
]
