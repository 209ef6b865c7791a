"""The editor of a strategy's tables: opened on a version, proved as often as wished, kept as the next version.

Knows what the page may do that others may not (`dmn_words`), and that nothing is ever overwritten. The model comes as the browser
writes it and is judged like any file.
"""

from __future__ import annotations

import secrets

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HttpResponseClientRedirect

from anhuan.acts import strategy
from anhuan.records.strategy import StrategyVersion
from anhuan.rulebook.tables.document import MOST_BYTES, ModelRefused
from anhuan.rulebook.tables.model import Model
from anhuan.workbench import dmn_words
from anhuan.workbench.frame import page, reader
from anhuan.workbench.strategies import SECONDS, drafted, may_sign, sentences, version_of
from anhuan.workbench.strategy import drawable, findings
from anhuan.workbench.strategy_tables import decisions


@page
@require_GET
def edit(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """The tables of a version, to be changed; what the prover found of it beside them."""
    version = _opened(request, name, number)
    if not drawable(bytes(version.model)):
        raise Http404
    tables = decisions(bytes(version.model))
    nonce = secrets.token_urlsafe(16)
    context = {
        "version": version, "findings": findings(version.findings, tables), "words": dmn_words.words(), "nonce": nonce,
        "opened": tables.get(request.GET.get("table", version.decision)), "types": _types(bytes(version.model)),
    }  # fmt: skip
    response = render(request, "workbench/strategy_edit.html", context)
    response["Content-Security-Policy"] = dmn_words.editor_policy(nonce)
    return response


@page
@require_POST
def prove(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """What is against the model as it stands in the editor; nothing is kept."""
    version = _opened(request, name, number)
    model = _model(request)
    try:
        found = list(strategy.findings_on(model, version.decision, SECONDS))
    except ModelRefused as refused:
        found = [{"code": "model_refused", "decision": "", "message_zh": refused.zh, "message_en": refused.en}]
    context = {"findings": findings(found, decisions(model)), "unsaved": True}
    return render(request, "workbench/_strategy_findings.html", context)


@page
@require_POST
def save(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """Keep the model as the next version of the strategy, dealt out as the version it was made from."""
    version = _opened(request, name, number)
    answer = drafted(
        request, _model(request), name=version.name, decision=version.decision, arms=version.arms, seed=version.seed
    )
    if isinstance(answer, list):
        return render(request, "workbench/_strategy_refused.html", {"refused": sentences(answer)}, status=422)
    return HttpResponseClientRedirect(answer.url)


def _opened(request: HttpRequest, name: str, number: int) -> StrategyVersion:
    """The version, for somebody who may draw up another one. Raises PermissionDenied and Http404."""
    if not may_sign(reader(request)):
        raise PermissionDenied
    return version_of(name, number)


def _model(request: HttpRequest) -> bytes:
    file = request.FILES.get("model")
    return file.read() if file is not None and (file.size or 0) <= MOST_BYTES else b""


def _types(model: bytes) -> list[str]:
    """The types the model defines itself, so that the editor offers them too."""
    try:
        return Model(model).type_names
    except ModelRefused:
        return []
