"""What disputes and hardship share: their steps with sealed words, and why a step is not taken.

Knows how a step is kept and who may decide. Does not know what a step means (`acts.dispute`, `acts.hardship`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID, uuid4

from anhuan.acts.customer import Held
from anhuan.records import identity
from anhuan.records.account import Account
from anhuan.records.attempt import Fault
from anhuan.records.dispute import MatterStep
from anhuan.records.staff import Right, Staff

LONGEST = 2000

_SENTENCES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "kind_unfit": ("没有这一类型。", "There is no such kind."),
        "accounts_missing": ("请选择所涉账户。", "Choose the accounts it is about."),
        "account_unknown": ("有账户不属于该客户。", "One of the accounts is not this customer's."),
        "statement_missing": ("请写明客户的陈述（最多 2000 字）。", "Say what the customer states, in 2000 characters at most."),
        "reason_missing": ("请写明理由（最多 2000 字）。", "Give the reason, in 2000 characters at most."),
        "amount_unfit": (
            "异议金额应大于零且不超过所选账户欠款，且所选账户币种相同。",
            "The amount in dispute lies above nought, is no more than these accounts owe, and is of one currency.",
        ),
        "received_unfit": ("收到日期不得晚于今日，也不得早于一年前。", "It was received today at the latest, and within the last year."),
        "review_unfit": ("复核日期应在今日之后一年以内。", "The review lies after today, within a year."),
        "dispute_unknown": ("没有这项异议。", "There is no such dispute."),
        "hardship_unknown": ("没有这项困难登记。", "There is no such hardship."),
        "hardship_stands": (
            "该客户已有未结束的困难登记，请在其中补充。",
            "Hardship of this customer is registered already; add to that.",
        ),
        "outcome_unfit": ("结果应为成立、部分成立或不成立。", "The outcome is upheld, upheld in part, or rejected."),
        "out_of_turn": ("目前的状态不能这样处理。", "As it stands now this cannot be done."),
        "may_not": ("您的岗位无权办理。", "Your role may not do this."),
        "not_a_person": ("须由在职人员本人办理。", "This is done by people of the bank."),
        "same_person": ("登记人不得自行认定结果，须由另一人认定。", "It takes another person to decide than whoever registered it."),
        "consent_missing": (
            "涉及健康等敏感个人信息，须先登记客户的单独同意；否则请选择“其他”。",
            "This is sensitive data, such as of health: record the customer's separate consent first, or choose Other.",
        ),
        "paper_type": ("只接受 PDF、PNG、JPEG 文件。", "Papers are PDF, PNG or JPEG files."),
        "paper_size": ("文件为空或超过 10 MB。", "The file is empty or larger than 10 MB."),
        "paper_many": ("每项最多保存 20 份材料。", "At most 20 papers are kept of one matter."),
        "paper_broken": ("材料已损坏或不在存放处。", "The paper is damaged or not where it was kept."),
        "prolonged_already": ("期限已延至最长。", "It is prolonged as far as it may be."),
        "no_period": ("该类异议没有可延长的法定期限。", "The law gives this kind of dispute no period that could be prolonged."),
        "answered_already": ("已经答复。", "It is answered already."),
        "answer_under_way": ("答复信已在待发中。", "An answer is in the outbox already."),
        "answers_stopped": ("今日的答复信已被停发，请明日再试。", "Answers were stopped for today; put it there again tomorrow."),
        "not_corrected": ("须先由银行更正账目。", "The bank has to correct the account first."),
    }
)  # fmt: skip


def fault(field: str, code: str) -> Fault:
    return Fault(field, code, *_SENTENCES[code])


def step(customer: Held, subject_id: UUID, kind: str, *, text: str = "", code: str = "", **more: Any) -> MatterStep:
    """Keep a step, its words sealed, in the transaction that holds the customer. `more` is sealed beside `text`."""
    kept = MatterStep.objects.create(
        step_id=uuid4(), subject_id=subject_id, customer_id=customer.customer_id, kind=kind, code=code[:40], at=customer.at,
        by=customer.by,
    )  # fmt: skip
    if text or more:
        [sealed] = identity.seal_said({kept.step_id: {"text": text, **more}})
        sealed.save(force_insert=True)
    return kept


def steps_of(subject_id: UUID) -> list[tuple[MatterStep, dict[str, Any]]]:
    """Every step in its order with its words in clear; for pages that record the look."""
    kept = list(MatterStep.objects.filter(subject_id=subject_id).order_by("at", "step_id"))
    words = identity.said([each.step_id for each in kept])
    return [(each, words.get(each.step_id, {})) for each in kept]


def words(field: str, text: str, missing: str) -> list[Fault]:
    return [] if 0 < len(text.strip()) <= LONGEST else [fault(field, missing)]


def accounts_unfit(customer_id: str, account_ids: Iterable[str]) -> list[Fault]:
    asked = set(account_ids)
    if not asked:
        return [fault("accounts", "accounts_missing")]
    known = Account.objects.filter(customer_id=customer_id, account_id__in=asked).count()
    return [] if known == len(asked) else [fault("accounts", "account_unknown")]


def may_not_decide(by: str, *openers: str) -> Iterator[Fault]:
    """What keeps somebody from deciding: no right to, or that she registered it herself."""
    staff = Staff.objects.filter(username=by, is_active=True).first()
    if staff is None:
        yield fault("by", "not_a_person")
    elif not staff.may(Right.DECIDE):
        yield fault("by", "may_not")
    elif by in openers:
        yield fault("by", "same_person")


def told(body: Mapping[str, Any]) -> dict[str, Any]:
    """An event's body without what says nothing."""
    return {name: value for name, value in body.items() if value not in (None, "", [], {})}
