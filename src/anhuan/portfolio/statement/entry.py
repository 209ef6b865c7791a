"""What a file of payments becomes: entries, findings, and the sentences of what can be wrong with a line.

No sentence takes a value out of a file: its texts hold personal data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

FORMATS = ("csv", "camt053")
LONGEST_REFERENCE = 140


@dataclass(frozen=True, slots=True)
class Entry:
    """One payment, or the reversal of one, as a file tells it; money in minor units of `currency`.

    `reference` names it within its source. `gateway` is its name at whoever moved the money, `payment_id` the one in the bank's
    books. `text` is what the payer wrote, `payer` who that was: both personal.
    """

    line: int
    reference: str
    amount_minor: int
    currency: str
    effective_on: date
    kind: str = "payment"
    payment_id: str = ""
    gateway: str = ""
    reverses: str = ""
    account_id: str = ""
    virtual_account: str = ""
    channel: str = ""
    text: str = field(default="", repr=False)
    payer: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Finding:
    """`code` is wrong with `column` of `line`. `raw` is the line itself where it could not be used: it is set aside whole."""

    line: int
    column: str
    code: str
    raw: str = field(default="", repr=False)


@dataclass(frozen=True)
class Statement:
    """A file as read: every line of it is an entry or set aside by a finding, so `rows` is the sum of both."""

    form: str
    rows: int
    entries: list[Entry]
    findings: list[Finding]

    @property
    def sums(self) -> dict[str, int]:
        """Minor units told, by currency: payments less reversals."""
        sums: dict[str, int] = {}
        for entry in self.entries:
            sums[entry.currency] = sums.get(entry.currency, 0) + (-1 if entry.kind == "reversal" else 1) * entry.amount_minor
        return sums


class StatementUnreadable(Exception):
    """What was given is no file of payments: nothing was taken. The place is a line, 0 for the file as a whole."""

    def __init__(self, code: str, line: int = 0, **facts: object) -> None:
        zh, en = sentence(code, **facts)
        where = (f"第 {line} 行：", f"Line {line}: ") if line else ("", "")
        super().__init__(where[1] + en)
        self.code, self.line, self.zh, self.en = code, line, where[0] + zh, where[1] + en


def sentence(code: str, **facts: object) -> tuple[str, str]:
    zh, en = SENTENCES[code]
    return zh.format(**facts), en.format(**facts)


SENTENCES: Mapping[str, tuple[str, str]] = {
    # the file as a whole
    "not_text": (
        "文件不是 {encoding} 编码的文本；请核对版式中的 encoding。",
        "The file is no text in {encoding}; check `encoding` in the layout.",
    ),
    "no_header": (
        "第一行应为列名，须含 {columns}；请核对版式或文件。",
        "The first line names the columns and needs {columns}; check the layout or the file.",
    ),
    "not_xml": ("不是完整的 XML；请重新导出对账单。", "This is no well-formed XML; export the statement again."),
    "doctype": (
        "XML 含 DOCTYPE，可能引入外部内容，不予读取；请使用原始 camt.053 文件。",
        "The XML has a DOCTYPE, which could bring in other content, and is not read; use the original camt.053 file.",
    ),
    "not_camt": (
        "不是 camt.053（银行对账单）；请核对文件，或用 --format csv。",
        "This is no camt.053 (bank to customer statement); check the file, or say --format csv.",
    ),
    "layout_unknown": ("没有版式 {name}；请在 layouts 中加入该文件。", "There is no layout {name}; add its file to layouts."),
    "layout_wrong": ("版式 {name} 有误：{key}。", "The layout {name} is wrong: {key}."),
    # lines that are set aside
    "fields": ("该行的列数与列名不符。", "The line has not as many fields as there are columns."),
    "missing": ("缺少必填内容。", "A required cell is empty."),
    "too_long": ("内容过长。", "The text is too long."),
    "not_a_date": ("日期不能读取；应为版式所写的形式。", "The date cannot be read; it is to be written as the layout says."),
    "not_money": (
        "金额不能读取；应为正数，小数位不超过该币种。",
        "The amount cannot be read: a positive number with no more decimals than the currency.",
    ),
    "not_a_currency": ("不是 ISO 4217 币种。", "This is no currency of ISO 4217."),
    "not_a_kind": ("类型应为 payment 或 reversal。", "The kind is payment or reversal."),
    "reverses_missing": ("冲正须写明所冲的还款。", "A reversal names what it takes back."),
    "key_repeated": ("同一文件中编号重复；只取第一行。", "The reference occurs twice in this file; only the first is taken."),
    "not_booked": ("该笔尚未入账（非 BOOK）。", "The entry is not booked (its status is not BOOK)."),
    "outgoing": ("是付出的款项，不是还款。", "This is money going out, no payment to us."),
    "reversal_of_outgoing": ("是付款被退回，不是还款。", "This takes back money that had gone out; it is no payment to us."),
    "batch_sum": ("明细金额之和与该笔总额不符，整笔不取。", "The details do not add up to the entry; none of them is taken."),
    # lines that are taken all the same
    "reference_differs": (
        "该编号此前已收到，内容不同；以先前的为准。",
        "This reference was told before with other content; what was told before stands.",
    ),
    "future": ("生效日晚于今天。", "The payment takes effect after today."),
}
"""Every code with its sentence in Chinese and English."""
