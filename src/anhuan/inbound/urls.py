"""The addresses machines call (`docs/webhooks.md`). No address ever holds a customer, a name or a number."""

from __future__ import annotations

from django.urls import path

from anhuan.inbound import hooks, metrics, unsubscribe

urlpatterns = [
    path("hooks/receipts", hooks.hear_receipts, name="hook_receipts"),
    path("hooks/calls", hooks.hear_calls, name="hook_calls"),
    path("hooks/replies", hooks.hear_replies, name="hook_replies"),
    path("hooks/bounces", hooks.hear_bounces, name="hook_bounces"),
    path("hooks/payments", hooks.hear_payments, name="hook_payments"),
    path("unsubscribe/<str:token>", unsubscribe.unsubscribe, name="unsubscribe"),
    path("metrics", metrics.metrics, name="metrics"),
]
