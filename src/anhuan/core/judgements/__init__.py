"""Questions of law that are no contact: deadlines, classes, tests and records, each a pure function of dated law.

`KINDS` names every question and the function that answers it. A function takes the facts of the question by name, and of
`at`, `law` and `calendar` those it needs; `at` is the instant where its annotation says so, else the local date.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from anhuan.core.judgements.agency import (
    agency_may_keep_data,
    automated_decision_allowed,
    onward_sharing_allowed,
    pay_model_allowed,
    placement_allowed,
)
from anhuan.core.judgements.arrears import classification, payment_order_allowed
from anhuan.core.judgements.complaint import complaint_in_time, review_request_in_time
from anhuan.core.judgements.credit import (
    credit_objection_in_time,
    may_report_negative,
    may_report_to_bureau,
    negative_record_may_show,
    repaired_record_may_show,
)
from anhuan.core.judgements.law import Deadline, Judgement, Law, NoProvision, Provision
from anhuan.core.judgements.legal_steps import (
    confirmation_request_in_time,
    enforcement_in_time,
    notarised_enforcement_allowed,
    payment_order_alive,
    payment_order_enforceable,
    suit_allowed,
)
from anhuan.core.judgements.limitation import claim_in_time
from anhuan.core.judgements.moratorium import bankruptcy_route_allowed, moratorium_charge_allowed
from anhuan.core.judgements.overdraft import malicious_overdraft_objective
from anhuan.core.judgements.plan import plan_may_take_effect
from anhuan.core.judgements.retention import may_purge
from anhuan.core.judgements.validation import dispute_in_validation_period, validation_notice_in_time

KINDS: Mapping[str, Callable[..., Judgement]] = MappingProxyType(
    {
        function.__name__: function
        for function in (
            validation_notice_in_time,
            dispute_in_validation_period,
            may_report_to_bureau,
            may_purge,
            plan_may_take_effect,
            bankruptcy_route_allowed,
            placement_allowed,
            onward_sharing_allowed,
            agency_may_keep_data,
            pay_model_allowed,
            automated_decision_allowed,
            may_report_negative,
            negative_record_may_show,
            credit_objection_in_time,
            repaired_record_may_show,
            malicious_overdraft_objective,
            claim_in_time,
            payment_order_allowed,
            classification,
            complaint_in_time,
            review_request_in_time,
            payment_order_enforceable,
            payment_order_alive,
            enforcement_in_time,
            confirmation_request_in_time,
            suit_allowed,
            notarised_enforcement_allowed,
            moratorium_charge_allowed,
        )
    }
)

__all__ = ["KINDS", "Deadline", "Judgement", "Law", "NoProvision", "Provision"]
