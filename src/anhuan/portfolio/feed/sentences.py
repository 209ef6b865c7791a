"""What a delivery can be told: every code with its weight and its sentence in Chinese and English.

Knows the words alone; who says them, and when, stands in `delivery`, `reading` and `rules`. No sentence takes a
value out of a cell: cells hold personal data, and sentences go to logs, screens and Parquet.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Weight(Enum):
    """What a sentence means for the delivery, from worst to least."""

    UNREADABLE = "unreadable"  # there is no delivery to speak of: exit code 2
    REFUSAL = "refusal"  # the night is refused, the book stays as it was
    SET_ASIDE = "set_aside"  # the row is kept whole and not used
    WARNING = "warning"  # the row is used all the same


@dataclass(frozen=True)
class Sentence:
    """A machine code and the same sentence in both languages."""

    code: str
    zh: str
    en: str


class FeedUnreadable(Exception):
    """What was given is no delivery, or is described by no layout: nothing was judged, nothing changed."""

    def __init__(self, said: Sentence) -> None:
        super().__init__(said.en)
        self.code = said.code
        self.zh = said.zh
        self.en = said.en


def sentence(code: str, **facts: object) -> Sentence:
    """The sentence of `code` with its facts filled in; KeyError when the code or a fact is not known (a bug)."""
    _, zh, en = CATALOGUE[code]
    return Sentence(code, zh.format(**facts), en.format(**facts))


def unreadable(code: str, **facts: object) -> FeedUnreadable:
    """The exception that carries the sentence of `code`."""
    return FeedUnreadable(sentence(code, **facts))


def weight(code: str) -> Weight:
    return CATALOGUE[code][0]


_U, _R, _S, _W = Weight.UNREADABLE, Weight.REFUSAL, Weight.SET_ASIDE, Weight.WARNING

CATALOGUE: dict[str, tuple[Weight, str, str]] = {
    # --- There is no delivery -------------------------------------------------------------------------------------
    "folder_missing": (_U, "没有这个文件夹：{folder}。", "There is no such folder: {folder}."),
    "manifest_missing": (
        _U,
        "{folder} 中没有 manifest.json：批次尚未到齐，或需用 --layout 指定银行自己的布局。",
        "{folder} holds no manifest.json: the delivery is not complete yet, or its form must be named with --layout.",
    ),
    "manifest_broken": (
        _U,
        "manifest.json 第 {line} 行第 {column} 列不是有效的 JSON：{reason}。",
        "manifest.json is not valid JSON at line {line}, column {column}: {reason}.",
    ),
    "manifest_wrong": (
        _U,
        "manifest.json 的 {where} 缺失或写法不对，应为{zh}。",
        "manifest.json: {where} is missing or not of the right form; it should be {en}.",
    ),
    "layout_unknown": (
        _U,
        "没有名为 {layout} 的布局；已有：{names}。",
        "There is no layout named {layout}; there are: {names}.",
    ),
    "layout_version": (
        _U,
        "要求的布局是 {wanted}，找到的是 {found}。",
        "Layout {wanted} was asked for; the one found is {found}.",
    ),
    "layout_broken": (
        _U,
        "布局 {file} 的 {where} 有误：{zh}。",
        "Layout {file} is wrong at {where}: {en}.",
    ),
    "not_ready": (
        _U,
        "没有就绪标志文件 {flag}：批次尚未到齐。",
        "There is no flag file {flag}: the delivery is not complete yet.",
    ),
    "fact_missing": (
        _U,
        "按布局 {layout} 找不到{zh}：{where}。",
        "By layout {layout} the {en} cannot be found: {where}.",
    ),
    "file_ambiguous": (
        _U,
        "与 {pattern} 相符的文件不止一个：{names}；一个批次只能有一个。",
        "More than one file matches {pattern}: {names}; a delivery has one.",
    ),
    "file_closed": (_U, "无法读取 {name}：{reason}。", "{name} cannot be read: {reason}."),
    # --- The night is refused -------------------------------------------------------------------------------------
    "file_missing": (_R, "缺少文件 {file}。", "{file} is missing."),
    "file_unlisted": (
        _R,
        "{file} 已送达，但 manifest.json 未列出，没有控制总数可核对。",
        "{file} was delivered but manifest.json does not list it, so nothing vouches for it.",
    ),
    "file_twice": (
        _R,
        "{file} 送达了两份（{names}），无法判断以哪份为准。",
        "{file} was delivered twice ({names}); nothing says which one counts.",
    ),
    "file_damaged": (
        _R,
        "{file} 无法读取：{reason}。",
        "{file} cannot be read: {reason}.",
    ),
    "file_changed": (
        _R,
        "{file} 在读取过程中被改动。",
        "{file} was changed while it was being read.",
    ),
    "checksum_differs": (
        _R,
        "{file} 的 {algorithm} 校验和不符：应为 {expected}，实为 {got}。",
        "{file}: {algorithm} should be {expected} and is {got}.",
    ),
    "bytes_differ": (
        _R,
        "{file} 的字节数不符：应为 {expected}，实为 {got}。",
        "{file}: size in bytes should be {expected} and is {got}.",
    ),
    "rows_differ": (
        _R,
        "{file} 的行数不符：应为 {expected}，实为 {got}。",
        "{file}: rows should be {expected} and are {got}.",
    ),
    "sum_differs": (
        _R,
        "{file} 的 {column}（{label}）合计不符：应为 {expected}，实为 {got}。",
        "{file}: the sum of {column} should be {expected} and is {got}.",
    ),
    "sum_cell_unreadable": (
        _R,
        "{file} 的 {column}（{label}）有控制总数，却有 {cells} 个单元格无法读取，首个在第 {line} 行。",
        "{file}: {column} has a control total, yet {cells} of its cells cannot be read, the first on line {line}.",
    ),
    "sum_unknown": (
        _R,
        "{file} 没有可以求和的金额列 {column}，控制总数无法核对。",
        "{file} has no money column {column} to add up; its control total cannot be checked.",
    ),
    "fact_differs": (
        _R,
        "{where} 的{zh}应为 {expected}，实为 {got}。",
        "{where}: the {en} should be {expected} and is {got}.",
    ),
    "flag_wrong": (
        _R,
        "标志文件 {flag} 的内容与布局不符。",
        "Flag file {flag} does not hold what the layout says.",
    ),
    "record_missing": (
        _R,
        "{file} 没有{zh}（应以 {prefix} 开头）；文件可能被截断。",
        "{file} has no {en} (it should begin with {prefix}); the file may be cut short.",
    ),
    "record_wrong": (
        _R,
        "{file} 的{zh}与布局不符。",
        "{file}: the {en} does not hold what the layout says.",
    ),
    "header_missing": (
        _R,
        "{file} 是空文件，连列名行也没有。",
        "{file} is empty: it has not even a header line.",
    ),
    "column_missing": (
        _R,
        "{file} 缺少必需的列 {column}（{label}）。",
        "{file} lacks the required column {column}.",
    ),
    "column_repeated": (
        _R,
        "{file} 的列 {column} 出现不止一次。",
        "{file} has column {column} more than once.",
    ),
    "column_type": (
        _R,
        "{file} 的列 {column} 的类型 {type} 无法读作文本。",
        "{file}: column {column} is of type {type}, which is no cell.",
    ),
    "ceiling_exceeded": (
        _R,
        "{file} 的 {rows} 行中有 {set_aside} 行不能使用（{percent}%），超过上限 {ceiling}%；主要原因：{reason}，{count} 行。",
        "{file}: {set_aside} of {rows} rows cannot be used ({percent} %, ceiling {ceiling} %), most for {reason} ({count} rows).",
    ),
    "encoding_wrong": (
        _R,
        "{file} 含有不属于 {encoding} 编码的字节，看来是 {guess} 编码；请检查布局的 encoding。",
        "{file} holds bytes that are not {encoding}; it looks like {guess}: check the layout's encoding.",
    ),
    "card_numbers": (
        _R,
        "{file} 的 {rows} 个账号中有 {cards} 个像真实卡号；请银行改送代码（token）。",
        "{file}: {cards} of {rows} account ids look like real card numbers; ask the bank to send tokens.",
    ),
    # --- The row is set aside -------------------------------------------------------------------------------------
    "line_fields": (
        _S,
        "这一行不是 {fields} 个字段（缺列、多列或被截断）。",
        "The line does not have {fields} fields: some are missing, too many, or it is cut short.",
    ),
    "line_width": (
        _S,
        "这一行的长度不是 {width}（{zh}）。",
        "The line is not {width} {en} long.",
    ),
    "line_quoting": (
        _S,
        "这一行的引号不成对或位置不对（字段内不得换行）。",
        "The quotes of this line do not pair up or stand in the wrong place (no line break inside a field).",
    ),
    "cell_undecodable": (
        _S,
        "{column}（{label}）含有无法按 {encoding} 解码的字节或控制字符 NUL。",
        "{column} holds bytes that are not {encoding}, or a NUL.",
    ),
    "cell_missing": (_S, "{column}（{label}）为必填，却是空的。", "{column} is required and empty."),
    "cell_too_long": (
        _S,
        "{column}（{label}）超过 {limit} 个字符。",
        "{column} is longer than {limit} characters.",
    ),
    "cell_not_listed": (
        _S,
        "{column}（{label}）的值不在允许的清单内：{listed}。",
        "{column} is not one of the values allowed: {listed}.",
    ),
    "cell_not_a_date": (
        _S,
        "{column}（{label}）不是存在的日期，或格式不是 {form}。",
        "{column} is no date that exists, or is not written {form}.",
    ),
    "cell_not_money": (
        _S,
        "{column}（{label}）不是金额：应写作{zh}，不带千分位、指数或空格。",
        "{column} is not an amount: it should be {en}, without thousands separators, exponents or spaces.",
    ),
    "cell_too_large": (
        _S,
        "{column}（{label}）的数额过大，超出系统所能记录。",
        "{column} is an amount larger than can be kept.",
    ),
    "cell_not_a_number": (_S, "{column}（{label}）不是整数。", "{column} is not a whole number."),
    "money_decimals": (
        _S,
        "{column}（{label}）的小数位多于该币种的位数。",
        "{column} has more decimals than its currency.",
    ),
    "money_negative": (_S, "{column}（{label}）不得为负。", "{column} must not be negative."),
    "key_repeated": (
        _S,
        "{column}（{label}）出现不止一次，且各行内容不同；这些行都不使用。",
        "{column} occurs more than once with different rows; none of them is used.",
    ),
    "balance_not_sum": (
        _S,
        "balance_total（欠款总额）不等于本金、利息、违约金、费用、分期未出账之和。",
        "balance_total is not the sum of principal, interest, penalty, fees and instalment_unbilled.",
    ),
    "past_due_since_missing": (
        _S,
        "past_due_amount（逾期金额）大于 0，却没有 past_due_since。",
        "past_due_amount is above 0, yet there is no past_due_since.",
    ),
    "past_due_since_future": (
        _S,
        "past_due_since 晚于业务日期。",
        "past_due_since is after the business date.",
    ),
    "customer_unknown": (
        _S,
        "customers.csv 中没有这个客户。",
        "There is no such customer in customers.csv.",
    ),
    "customer_set_aside": (
        _S,
        "该客户在 customers.csv 中的行未能使用，此行随之搁置。",
        "The customer's own row in customers.csv was set aside, and takes this one along.",
    ),
    "account_unknown": (
        _S,
        "今日和以往各夜都没有这个账户。",
        "There is no such account, today or on any earlier night.",
    ),
    "account_set_aside": (
        _S,
        "该账户今日的行未能使用，以往各夜也没有它，此行随之搁置。",
        "The account's row of today was set aside and no earlier night knows it, so this one goes along.",
    ),
    # --- The row is used all the same -----------------------------------------------------------------------------
    "line_blank": (_W, "空行。", "The line is blank."),
    "row_repeated": (
        _W,
        "与前面的一行完全相同；只用第一行。",
        "The same row stands further up; one of them is used.",
    ),
    "language_unknown": (
        _W,
        "language（语言）不是 BCP 47 标记，按 {default} 处理。",
        "language is not a BCP 47 tag; {default} is used.",
    ),
    "region_unknown": (
        _W,
        "region_code（行政区划）不是 6 位 GB/T 2260 代码，不予采用。",
        "region_code is not a 6-digit code of GB/T 2260; it is left out.",
    ),
    "flag_unknown": (
        _W,
        "flags（标识）含有未知的标识，其余照用。",
        "flags holds one that is not known; the others are used.",
    ),
    "number_out_of_range": (
        _W,
        "{column}（{label}）不在 {low}–{high} 之间，不予采用。",
        "{column} is not within {low}-{high}; it is left out.",
    ),
    "birth_date_odd": (
        _W,
        "birth_date（出生日期）得不出合理的年龄（0–120 岁）。",
        "birth_date gives no age between 0 and 120.",
    ),
    "id_number_invalid": (
        _W,
        "居民身份证号不符合 GB 11643（18 位、校验码、出生日期）。",
        "The resident id number does not satisfy GB 11643 (18 digits, check digit, birth date).",
    ),
    "id_contradicts_birth_date": (
        _W,
        "居民身份证号中的出生日期与 birth_date 不一致。",
        "The birth date inside the resident id number is not birth_date.",
    ),
    "contact_value_odd": (
        _W,
        "value（联系方式）不像该类型的号码或地址。",
        "value does not look like a contact of its kind.",
    ),
    "card_number": (
        _W,
        "account_id（账号）像真实卡号（通过 Luhn 校验）；应送代码（token）。",
        "account_id looks like a real card number (it passes Luhn); a token is due here.",
    ),
    "due_before_statement": (
        _W,
        "due_date（到期还款日）早于 statement_date（出账日）。",
        "due_date is before statement_date.",
    ),
    "date_in_future": (
        _W,
        "{column}（{label}）晚于业务日期。",
        "{column} is after the business date.",
    ),
    "past_due_since_unexpected": (
        _W,
        "past_due_amount（逾期金额）为 0，却有 past_due_since。",
        "past_due_amount is 0, yet there is a past_due_since.",
    ),
    "money_below_nil": (_W, "{column}（{label}）为负数。", "{column} is below nil."),
    "payment_of_nil": (_W, "amount（金额）为 0。", "amount is 0."),
    "reversal_of_nothing": (
        _W,
        "冲正（reversal）没有指明所冲的 payment_id。",
        "A reversal that does not say which payment it reverses.",
    ),
    "classification_differs": (
        _W,
        "银行的五级分类与按逾期天数计算的不同。",
        "The bank's classification is not the one its days past due give.",
    ),
    "bucket_jump": (
        _W,
        "账龄比上一夜跳升不止一档，past_due_since 却没有提前。",
        "The bucket rose by more than one since the previous night, yet past_due_since is no older.",
    ),
    "account_not_delivered": (
        _W,
        "今日的 accounts.csv 中没有这个账户的可用行；以往各夜是否有过，只有正式运行时才知道。",
        "Today's accounts.csv has no usable row of the account; whether an earlier night knew it shows when the night is run.",
    ),
    # --- Of a file as a whole (no line) ---------------------------------------------------------------------------
    "file_unknown": (
        _W,
        "文件夹中有布局未提及的文件，未读取。",
        "The folder holds a file the layout does not name; it was not read.",
    ),
    "file_absent": (_W, "没有送达此文件，按空文件处理。", "The file was not delivered; it is taken as empty."),
    "manifest_key_unknown": (
        _W,
        "manifest.json 中有未知的键 {key}，未采用。",
        "manifest.json has a key {key} that is not known; it was left alone.",
    ),
    "column_unknown": (_W, "列名行中有未知的列，未读取。", "The header names a column that is not known; it was not read."),
    "column_absent": (_W, "没有送达此列，按空值处理。", "The column was not delivered; it is taken as empty."),
    "encoding_suspect": (
        _W,
        "文件按 {encoding} 读取，但其内容是有效的 UTF-8；请检查布局的 encoding。",
        "The file is read as {encoding}, yet all of it is valid UTF-8: check the layout's encoding.",
    ),
    "accounts_vanished": (
        _W,
        "上一夜逾期的账户中有 {accounts} 个今日没有送达；不视为出催，案件保持在催，请向银行查明。",
        "Not delivered, though overdue on the previous night: accounts {accounts}; not taken for cured, their cases stay open: ask why.",
    ),
    "rows_jump": (
        _W,
        "行数与上一夜相差超过 20%：上一夜 {before}，今日 {today}。",
        "Rows differ from the previous night by more than 20 %: {before} then, {today} today.",
    ),
    "past_due_jump": (
        _W,
        "{currency} 逾期金额合计与上一夜相差超过 20%：上一夜 {before}，今日 {today}。",
        "The past-due sum in {currency} differs from the previous night by more than 20 %: {before} then, {today} today.",
    ),
}  # fmt: skip
