"""Why an act on a call is not done, in both languages; and the scripts of this installation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from django.conf import settings

from anhuan.records.attempt import Fault
from anhuan.rulebook import scripts
from anhuan.rulebook.scripts import Scripts

_SENTENCES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "call_open": ("您还有一通电话没有完成登记，请先完成。", "You have a call that is not wrapped up yet: finish it first."),
        "customer_called": ("另一位同事正在与该客户通话。", "A colleague is on a call with this customer."),
        "call_unknown": ("没有这通电话。", "There is no such call."),
        "call_closed": ("这通电话已完成登记，不能更改。", "This call is wrapped up and never changed."),
        "call_of_another": ("这通电话由另一位同事进行。", "This call is led by a colleague."),
        "way_unknown": ("拨打方式应为 softphone、dialler 或 by_hand。", "The way to call is softphone, dialler or by_hand."),
        "way_not_set_up": ("这种拨打方式尚未配置。", "This way to call is not set up."),
        "extension_missing": ("请先登记您的分机号。", "Register your extension first."),
        "extension_unfit": ("分机号由 2 至 20 位数字、字母或 - _ 组成。", "An extension has 2 to 20 letters, digits, - or _."),
        "no_tries_left": ("身份核实次数已用完，本次通话不得再核实。", "No more identity checks on this call: the tries are used up."),
        "already_verified": ("身份已核实。", "The identity is checked already."),
        "not_the_customer": ("通话对象不是客户本人，不做身份核实。", "The call is not with the customer: there is nothing to check."),
        "not_herself": ("通话对象是担保人，不能登记为本人。", "The call was with a guarantor: the party is not the customer."),
        "too_little_on_file": ("在册信息不足，无法核实身份。", "Too little is on file to check the identity."),
        "answers_missing": ("请填写对方的回答。", "Enter what the person answered."),
        "field_missing": ("请填写：{zh}。", "State: {en}."),
        "field_unreadable": ("无法读取：{zh}。", "This cannot be read: {en}."),
        "account_unknown": ("该账户不属于此客户。", "This is no account of the customer's."),
        "note_too_long": ("备注最多 2000 字。", "A note has 2000 characters at most."),
        "statement_unsaid": (
            "须告知的一项未勾选：请勾选，或选择未告知的原因。",
            "A statement that must be made is not ticked: tick it, or say why it was not made.",
        ),
        "step_unfit": ("下一步无法读取。", "The next step cannot be read."),
    }
)  # fmt: skip


def fault(field: str, code: str, **told: str) -> Fault:
    zh, en = _SENTENCES[code]
    return Fault(field, code, zh.format(**told), en.format(**told))


def bank_scripts() -> Scripts:
    """What this bank's collectors say: the `scripts` folder of the home, or the plain script."""
    return scripts.load(Path(settings.ANHUAN_HOME) / "scripts")
