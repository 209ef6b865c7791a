"""One night of the made-up bank, delivered in five forms, is one and the same night once it is read and sealed."""

from __future__ import annotations

import csv
import hashlib
import shutil
import sys
from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from pathlib import Path

import ibis
import pytest

from anhuan.portfolio import delinquency, engine, feed, snapshot

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "firstbank"
LAYOUTS = Path(__file__).with_name("layouts")
sys.path.insert(0, str(EXAMPLE))

import generate  # noqa: E402

DAY = date(2026, 10, 28)
BLOCKS = ("none", "frozen", "lost", "fraud", "dispute", "deceased", "charged_off", "closed")
GRADES = ("normal", "special_mention", "substandard", "doubtful", "loss")


@pytest.fixture(scope="module")
def canonical(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written("canonical", tmp_path_factory.mktemp("canonical"))


@pytest.fixture(scope="module")
def expected(canonical: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return sealed(canonical, None, tmp_path_factory.mktemp("expected"))


def written(form: str, out: Path) -> Path:
    [folder] = generate.generate(out=out, nights=1, accounts=2500, start=DAY, seed=5, form=form)
    return folder


def sealed(folder: Path, layout: Path | None, out: Path) -> dict[str, str]:
    """Read and seal a delivery as its first night; the digest of every data file of the snapshot."""
    delivery = feed.open_delivery(folder, layout=str(layout) if layout else None, search=[])
    assert (delivery.issuer, delivery.business_date, delivery.sequence) == ("firstbank", DAY, 1)
    con = engine.connect(out / "workspace")
    try:
        reading = feed.read(delivery, con, known=None, yesterday=None)
        assert [refusal.en for refusal in reading.refusals] == []
        nobody = ibis.memtable({"account_id": []}, schema={"account_id": "string"})
        standing = delinquency.age(con.table("accounts"), nobody, None, business_date=DAY)
        facts = snapshot.NightFacts(
            business_date=DAY, issuer=delivery.issuer, sequence=1, replaces=None, layout=delivery.layout.name,
            content=delivery.content, book={}, rows=reading.rows, used=reading.used, set_aside=reading.set_aside, previous=None,
        )  # fmt: skip
        known = delinquency.known(None, con.table("accounts"), business_date=DAY)
        night = snapshot.seal(con, facts, standing=standing, known=known, root=out / "snapshots")
    finally:
        con.disconnect()
    files = sorted(night.folder.glob("*.parquet"))
    assert len(files) == 7
    # Findings name lines, and a form without a header counts them otherwise.
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files if file.name != "findings.parquet"}


def test_parquet_seals_to_the_same_bytes_as_csv(expected: dict[str, str], tmp_path: Path) -> None:
    assert sealed(written("parquet", tmp_path / "delivery"), None, tmp_path) == expected


def test_the_card_core_s_files_seal_to_the_same_bytes_as_csv(expected: dict[str, str], tmp_path: Path) -> None:
    delivery = written("gb18030", tmp_path / "delivery")
    assert sealed(delivery, EXAMPLE / "layouts" / "firstbank-core.toml", tmp_path) == expected


def test_escape_separated_accounts_seal_to_the_same_bytes_as_csv(
    canonical: Path, expected: dict[str, str], tmp_path: Path
) -> None:
    folder = beside_canonical(canonical, tmp_path / "delivery")
    header = """
        账号 客户号 卡产品 币种 开户日 锁定码 授信额度 欠款总额 本金 利息 违约金 费用 分期未出账 最低还款额 逾期金额 最早未还到期日
        账单日 出账日 到期还款日 最后还款日 最后还款金额 自动还款 行为评分 催收评分 五级分类 委外机构
    """.split()
    lines = [header, *(in_chinese(row) for row in accounts_of(canonical))]
    text = "".join("\x1b".join([*line, ""]) + "\r\n" for line in lines)
    (folder / "firstbank-20261028-1.txt").write_bytes(text.encode("gbk"))
    assert sealed(folder, LAYOUTS / "escape-separated.toml", tmp_path) == expected


def test_fixed_width_accounts_seal_to_the_same_bytes_as_csv(canonical: Path, expected: dict[str, str], tmp_path: Path) -> None:
    folder = beside_canonical(canonical, tmp_path / "delivery")
    rows = accounts_of(canonical)
    head = f"H{'firstbank':10}{DAY:%Y%m%d}{1:06}{len(rows):09}"
    (folder / "ACCTFILE").write_text("\n".join([head, *(in_columns(row) for row in rows)]) + "\n", encoding="gb18030")
    assert sealed(folder, LAYOUTS / "fixed-width.toml", tmp_path) == expected


def beside_canonical(canonical: Path, folder: Path) -> Path:
    folder.mkdir()
    for name in ("customers.csv", "contact_points.csv", "payments.csv"):
        shutil.copy(canonical / name, folder / name)
    return folder


def accounts_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "accounts.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def in_chinese(row: dict[str, str]) -> list[str]:
    words = {
        "currency": {"CNY": "人民币", "USD": "美元", "HKD": "港币", "JPY": "日元"},
        "autopay": {"true": "是", "false": "否"},
        "classification": dict(zip((*GRADES, ""), ("正常", "关注", "次级", "可疑", "损失", ""), strict=True)),
    }
    dates = {"opened_on", "past_due_since", "statement_date", "due_date", "last_payment_on"}
    return [
        words[name][cell] if name in words else cell.replace("-", "/") if name in dates else cell for name, cell in row.items()
    ]


def in_columns(row: dict[str, str]) -> str:
    digits = 0 if row["currency"] == "JPY" else 2

    def text(width: int) -> Callable[[str], str]:
        return lambda cell: f"{cell:{width}}"

    def money(cell: str) -> str:
        return f"{int(Decimal(cell).scaleb(digits)):015}" if cell else " " * 15

    def day(cell: str) -> str:
        return f"{cell.replace('-', ''):8}"

    def place(words: Iterable[str], first: int) -> Callable[[str], str]:
        known = {word: str(number) for number, word in enumerate(words, first)}
        return lambda cell: known.get(cell, " ")

    forms = [
        text(12), text(12), text(10), text(3), day, place(BLOCKS, 0), *[money] * 9, day, text(2), day, day, day, money,
        lambda cell: "Y" if cell == "true" else "N", text(4), text(4), place(GRADES, 1), text(4),
    ]  # fmt: skip
    return "D" + "".join(form(cell) for form, cell in zip(forms, row.values(), strict=True))
