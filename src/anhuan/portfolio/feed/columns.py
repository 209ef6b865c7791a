"""The contract as a table: which files a delivery has, which columns they have, and what each column may hold.

Knows names, kinds, limits and closed lists, as `docs/feed.md` states them. Does not know how a cell is read (`cells`) or
what is done about a bad one (`rules`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from importlib import resources

from anhuan.core.money import MINOR_DIGITS
from anhuan.core.vocabulary import (
    DELIVERED_PARTIES,
    BlockCode,
    Classification,
    ContactKind,
    CustomerFlag,
    IdType,
    PaymentKind,
    Place,
    Sex,
)


class Kind(Enum):
    TEXT = "text"
    DATE = "date"
    MONEY = "money"  # becomes `<name>_minor`
    BOOLEAN = "boolean"
    CHOICE = "choice"  # one of a closed list
    NUMBER = "number"  # whole, within low..high, else left out
    LANGUAGE = "language"  # a BCP 47 tag, else the default
    REGION = "region"  # 6 digits of GB/T 2260, else left out
    FLAGS = "flags"  # `;`-separated words of a closed list


class Need(Enum):
    """How much of a column must be there."""

    CELL = "cell"  # no row without it
    COLUMN = "column"  # cells may be empty, but a file without the column cannot be judged
    NOTHING = "nothing"


class Below(Enum):
    """What an amount below nil is."""

    FINE = "fine"
    ODD = "odd"  # a warning
    WRONG = "wrong"  # the row is set aside


@dataclass(frozen=True)
class Column:
    """One column of the contract. `identity`: an id, whose empty cell stays empty text instead of becoming NULL."""

    name: str
    zh: str
    kind: Kind = Kind.TEXT
    need: Need = Need.NOTHING
    identity: bool = False
    limit: int | None = None
    choices: tuple[str, ...] = ()
    listed: str = ""  # how a long closed list is called in a sentence
    low: int = 0
    high: int = 0
    default: str | None = None
    nil: bool = False  # an empty amount counts as nil
    below: Below = Below.FINE

    @property
    def typed(self) -> str:
        """Name of the column once it is typed."""
        return f"{self.name}_minor" if self.kind is Kind.MONEY else self.name


@dataclass(frozen=True)
class FileTable:
    """One file of the contract: `customers.csv` is read into table `customers`."""

    name: str
    zh: str
    columns: tuple[Column, ...]
    key: str | None = None
    delta: bool = False  # what is new since the last delivery; may be absent when there is nothing new

    @property
    def table(self) -> str:
        return self.name.removesuffix(".csv")

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    @property
    def amounts(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.kind is Kind.MONEY)


def _time_zones() -> tuple[str, ...]:
    """IANA's names as the locked `tzdata` lists them, not as this machine happens to have them."""
    return tuple((resources.files("tzdata") / "zones").read_text(encoding="ascii").split())


CUSTOMERS = FileTable(
    "customers.csv",
    "客户文件",
    (
        Column("customer_id", "客户号", need=Need.CELL, identity=True, limit=32),
        Column("name", "姓名"),
        Column("id_type", "证件类型", Kind.CHOICE, choices=tuple(IdType)),
        Column("id_number", "证件号码"),
        Column("birth_date", "出生日期", Kind.DATE),
        Column("sex", "性别", Kind.CHOICE, choices=tuple(Sex)),
        Column("language", "语言", Kind.LANGUAGE, default="zh-CN"),
        Column("timezone", "时区", Kind.CHOICE, choices=_time_zones(), listed="IANA time zones", default="Asia/Shanghai"),
        Column("region_code", "行政区划", Kind.REGION),
        Column("employer", "工作单位"),
        Column("segment", "客户分类"),
        Column("flags", "标识", Kind.FLAGS, choices=tuple(CustomerFlag)),
    ),
    key="customer_id",
)

CONTACT_POINTS = FileTable(
    "contact_points.csv",
    "联系方式文件",
    (
        Column("customer_id", "客户号", need=Need.CELL, identity=True, limit=32),
        Column("kind", "类型", Kind.CHOICE, Need.CELL, choices=tuple(ContactKind)),
        Column("value", "联系方式", need=Need.CELL),
        Column("party", "归属人", Kind.CHOICE, Need.CELL, choices=DELIVERED_PARTIES),
        Column("party_name", "归属人姓名"),
        Column("person_id", "归属人编号", identity=True),
        Column("place", "地点", Kind.CHOICE, choices=tuple(Place)),
        Column("valid", "是否有效", Kind.BOOLEAN),
        Column("reserved", "是否预留", Kind.BOOLEAN, Need.CELL),
        Column("source", "来源"),
    ),
)

ACCOUNTS = FileTable(
    "accounts.csv",
    "账户文件",
    (
        Column("account_id", "账号", need=Need.CELL, identity=True, limit=32),
        Column("customer_id", "客户号", need=Need.CELL, identity=True, limit=32),
        Column("product", "卡产品"),
        Column("currency", "币种", Kind.CHOICE, Need.CELL, choices=tuple(MINOR_DIGITS), listed="ISO 4217"),
        Column("opened_on", "开户日", Kind.DATE),
        Column("block_code", "锁定码", Kind.CHOICE, Need.CELL, choices=tuple(BlockCode)),
        Column("credit_limit", "授信额度", Kind.MONEY, below=Below.ODD),
        Column("balance_total", "欠款总额", Kind.MONEY, Need.CELL),
        Column("principal", "本金", Kind.MONEY, Need.COLUMN, nil=True),
        Column("interest", "利息", Kind.MONEY, Need.COLUMN, nil=True),
        Column("penalty", "违约金", Kind.MONEY, Need.COLUMN, nil=True),
        Column("fees", "费用", Kind.MONEY, Need.COLUMN, nil=True),
        Column("instalment_unbilled", "分期未出账", Kind.MONEY, Need.COLUMN, nil=True),
        Column("minimum_due", "最低还款额", Kind.MONEY, below=Below.ODD),
        Column("past_due_amount", "逾期金额", Kind.MONEY, Need.CELL, below=Below.WRONG),
        Column("past_due_since", "最早未还到期日", Kind.DATE, Need.COLUMN),
        Column("cycle_day", "账单日", Kind.NUMBER, low=1, high=31),
        Column("statement_date", "出账日", Kind.DATE),
        Column("due_date", "到期还款日", Kind.DATE),
        Column("last_payment_on", "最后还款日", Kind.DATE),
        Column("last_payment_amount", "最后还款金额", Kind.MONEY, below=Below.ODD),
        Column("autopay", "自动还款", Kind.BOOLEAN, Need.CELL),
        Column("behaviour_score", "行为评分", Kind.NUMBER, low=0, high=1000),
        Column("collection_score", "催收评分", Kind.NUMBER, low=0, high=1000),
        Column("classification", "五级分类", Kind.CHOICE, choices=tuple(Classification)),
        Column("placed_with", "委外机构"),
    ),
    key="account_id",
)

PAYMENTS = FileTable(
    "payments.csv",
    "还款文件",
    (
        Column("payment_id", "还款编号", need=Need.CELL, identity=True, limit=64),
        Column("account_id", "账号", need=Need.CELL, identity=True, limit=32),
        Column("posted_on", "入账日", Kind.DATE, Need.CELL),
        Column("effective_on", "生效日", Kind.DATE, Need.CELL),
        Column("amount", "金额", Kind.MONEY, Need.CELL, below=Below.WRONG),
        Column("kind", "类型", Kind.CHOICE, Need.CELL, choices=tuple(PaymentKind)),
        Column("reverses", "所冲还款编号", identity=True, limit=64),
        Column("channel", "渠道"),
    ),
    key="payment_id",
    delta=True,
)

FILES: Mapping[str, FileTable] = {file.name: file for file in (CUSTOMERS, CONTACT_POINTS, ACCOUNTS, PAYMENTS)}
"""By canonical file name, parents before children: the order in which they are read."""

COMPONENTS = ("principal", "interest", "penalty", "fees", "instalment_unbilled")
"""What balance_total must be the sum of."""
