"""Why a promise, a plan or a waiver is not taken: a code, the field it is about, and a sentence in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from anhuan.core.money import format_minor
from anhuan.records.attempt import Fault

_SENTENCES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "customer_unknown": ("没有这位客户。", "There is no such customer."),
        "account_unknown": ("该账户不属于此客户。", "This is no account of the customer's."),
        "accounts_missing": ("请选择至少一个账户。", "Choose at least one account."),
        "accounts_unlike": ("所选账户币种不同；每份协议只含一个币种。", "An agreement is in one currency; these accounts owe in several."),
        "nothing_owed": ("所选账户没有欠款。", "Nothing is owed on the accounts chosen."),
        "currency_of_another": ("该账户以 {currency} 计欠。", "This account owes in {currency}."),
        "amount_unreadable": ("金额应为数字，如 1234.50。", "An amount is a number such as 1234.50."),
        "amount_beyond": ("金额应大于零且不超过该账户欠款总额。", "The amount lies above nought and comes to no more than the account owes."),
        "amount_too_small": (
            "按本行政策，承诺金额不得低于 {currency} {least}。",
            "By the bank's policy a promise comes to {currency} {least} at least.",
        ),
        "day_unreadable": ("日期应为 YYYY-MM-DD。", "A date is written YYYY-MM-DD."),
        "day_beyond": (
            "日期应在今日起 {days} 天以内（本行政策）。",
            "The day is today or at most {days} days ahead, by the bank's policy.",
        ),
        "under_plan": ("该账户正在履行协议，按协议还款。", "The account is under an agreement; what is due is what that says."),
        "promise_unknown": ("没有这一承诺。", "There is no such promise."),
        "promise_over": ("这一承诺已不在进行中。", "This promise is no longer open."),
        "no_policy": (
            "本行尚无适用于这些账户的协商政策；请在安装目录放置 policy.yaml。",
            "The bank has no policy that speaks of these accounts; put policy.yaml into the home.",
        ),
        "kind_unfit": ("这不是可以达成的协议种类。", "This is no kind of agreement."),
        "offer_gone": (
            "该方案已不在可选之列：欠款或政策已变。请在最新方案中重选。",
            "This offer is no longer there: what is owed, or the policy, has changed. Choose among the present ones.",
        ),
        "plan_pending": (
            "该客户此币种已有一份待审批或待签署的协议；请先处理它。",
            "An agreement of this customer in this currency waits already; settle that one first.",
        ),
        "plan_active": (
            "该客户此币种已有履行中的协议。",
            "An agreement of this customer in this currency is being performed.",
        ),
        "nobody_grants": ("政策未授权任何人批准此方案。", "The policy lets nobody grant this offer."),
        "may_not": ("您的角色无权办理。", "Your role may not do this."),
        "not_a_person": ("“{by}”不是在职人员；协议须由本人办理。", "{by!r} is nobody here; agreements are made by people."),
        "same_person": ("由 {by} 提出，须由另一人审批。", "{by} asked for it; it takes another person to decide."),
        "authority_short": (
            "此方案须由具备“{authority}”权限的人审批。",
            "This offer is decided by somebody with the authority of {authority}.",
        ),
        "reason_missing": ("请写明理由。", "Give the reason."),
        "out_of_turn": ("现为“{state_zh}”，不能这样处理。", "It is {state} now; this cannot be done with it."),
        "plan_unknown": ("没有这份协议。", "There is no such agreement."),
        "approval_unknown": ("没有这项审批，或已处理。", "There is no such approval, or it is decided already."),
        "lapsed": ("方案有效期至 {day}，已过期；请重新提出。", "The offer stood until {day}; propose it anew."),
        "facts_changed": (
            "自提出以来欠款已变动，须重新测算。",
            "What is owed has changed since it was proposed; it has to be reckoned anew.",
        ),
        "consent_missing": (
            "书面同意须写明文件所在；口头同意须注明保存录音的通话。",
            "A written consent says where the paper lies; an oral one names the contact whose recording holds it.",
        ),
        "consent_unfit": (
            "该通话不是与本人的通话，或未接通，不能作为口头同意的凭证。",
            "This contact was no conversation with the customer herself, so it holds no consent of hers.",
        ),
        "consent_unrecorded": (
            "该通话没有录音，口头同意不能作为凭证；请取得书面同意（《商业银行信用卡业务监督管理办法》第七十条）。",
            "This call was not recorded, so what she said cannot be shown; get her consent in writing (Credit Card Measures, Art. 70).",
        ),
        "component_unfit": ("只可减免利息、违约金或费用。", "Interest, penalty or fees may be waived."),
        "waiver_beyond": (
            "减免金额应大于零且不超过该项欠款。",
            "A waiver lies above nought and comes to no more than is owed of that kind.",
        ),
        "waiver_over": ("这项减免已不在进行中。", "This waiver is over."),
    }
)  # fmt: skip

STATES_ZH: Mapping[str, str] = MappingProxyType(
    {
        "proposed": "待审批", "approved": "待签署", "refused": "已拒绝", "active": "履行中", "performed": "已履行完毕",
        "defaulted": "已违约", "cancelled": "已取消", "replaced": "已被替换", "conditional": "履约后生效", "granted": "已生效",
        "void": "已失效",
    }
)  # fmt: skip


def fault(field: str, code: str, **facts: Any) -> Fault:
    """Amounts are given as `…_minor` with their `currency`, and written as people read them."""
    if "least_minor" in facts:
        facts["least"] = format_minor(facts["least_minor"], facts["currency"], grouped=True)
    zh, en = _SENTENCES[code]
    return Fault(field, code, zh.format(**facts), en.format(**facts))


def out_of_turn(state: str) -> Fault:
    return fault("state", "out_of_turn", state=state, state_zh=STATES_ZH.get(state, state))
