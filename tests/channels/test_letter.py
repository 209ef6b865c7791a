"""Letters: the contract of every transport, read off the printed pages; and what the press, the spool and the lists keep."""

from __future__ import annotations

import json
import re
import shutil
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from tests.channels.contract import Loopback, Sent, TransportContract
from tests.channels.permits import AT, permit

from anhuan.channels.letter import code128, returns
from anhuan.channels.letter.press import NoFace, NotSet, Press, pages_of
from anhuan.channels.letter.sheet import Letter, Letterhead, address_trouble, blocks, letter_id, read_letterhead
from anhuan.channels.letter.spool import Printed, Spool
from anhuan.channels.letter.transport import PrintHouse
from anhuan.channels.transport import Delivery, Message
from anhuan.core.vocabulary import Channel

HEAD_FILE = Path(__file__).resolve().parents[2] / "examples/firstbank/letterhead.toml"
ADDRESS = "李明\n示例省示例市示例路100号\n示例花园3幢501室\n000000"
LINK = "https://pay.firstbank.example/r/7QK2M9"
TODAY = AT.date()

try:
    Press(read_letterhead(HEAD_FILE))
    _missing = ""
except NoFace as _absent:
    _missing = str(_absent)
faced = pytest.mark.skipif(bool(_missing), reason=_missing)
read_back = pytest.mark.skipif(
    shutil.which("pdftotext") is None, reason="pages are read back by pdftotext: apt-get install poppler-utils"
)


@pytest.fixture
def head() -> Letterhead:
    return read_letterhead(HEAD_FILE)


@pytest.fixture(scope="module")
def press() -> Press:
    return Press(read_letterhead(HEAD_FILE))


def letter(name: str = "x", **more: object) -> Letter:
    told = {
        "id": letter_id(name), "on": date(2026, 6, 10), "lang": "zh", "address": tuple(ADDRESS.split("\n")), "subject": "还款通知",
        "text": "李明：\n\n您好，请及时还款。", "reference": "C1", "link": LINK,
    }  # fmt: skip
    return Letter(**(told | more))


def words(pdf: Path, *, page: int = 1, box: tuple[int, int, int, int] | None = None) -> str:
    """The words of a page, or of a box of it (left, top, width, height in millimetres)."""
    crop = [
        flag for name, value in zip("xyWH", box or (), strict=False) for flag in (f"-{name}", str(round(value * 72 / 25.4)))
    ]
    asked = ["pdftotext", "-f", str(page), "-l", str(page), *crop, str(pdf), "-"]
    return subprocess.run(asked, capture_output=True, check=True, text=True).stdout


def tight(text: str) -> str:
    return re.sub(r"\s", "", text)


class House(Loopback):
    """What the print house takes, read with other people's eyes: the address where the window is, the text below it."""

    channel = Channel.LETTER
    good = ADDRESS
    never = "李明"

    def __init__(self, place: Path, head: Letterhead) -> None:
        self.place = place
        self.transport = PrintHouse(place, head, clock=lambda: AT)

    def arrived(self) -> list[Sent]:
        found = []
        for batch in sorted((self.place / "ready").glob("*/letters.pdf")):
            manifest = json.loads((batch.parent / "manifest.json").read_text())
            for each in manifest["letters"]:
                address = words(batch, page=each["first_page"], box=(20, 50, 85, 40)).strip()
                text = words(batch, page=each["first_page"], box=(20, 95, 180, 178))
                found.append(
                    Sent(
                        re.sub(r"(?<=[\d\u4e00-\u9fff]) (?=[\d\u4e00-\u9fff])", "", address),
                        tight(text).removeprefix("账单提醒"),
                    )
                )
        return found


@faced
@read_back
class TestThePrintHouseKeepsTheContract(TransportContract):
    @pytest.fixture
    def loopback(self, tmp_path: Path, head: Letterhead) -> House:
        return House(tmp_path / "spool", head)


# --- the press ----------------------------------------------------------------------------------------------------


@faced
def test_the_same_letters_give_the_same_bytes(press: Press, head: Letterhead) -> None:
    both = [letter("a"), letter("b", lang="en")]
    again = Press(head)
    assert again.many(both) == press.many(both)
    assert again.one(both[0]) == press.one(both[0]) != press.one(both[1])


def test_without_its_face_no_press_starts(tmp_path: Path, head: Letterhead) -> None:
    (tmp_path / "NotoSansCJK-Regular.ttc").write_bytes(b"")
    with pytest.raises(NoFace, match="fonts-noto-cjk") as refused:
        Press(head, fonts=[tmp_path])
    assert "请安装" in refused.value.zh


@faced
@pytest.mark.parametrize("sign", ["\ue000", "🙂", "ส"])
def test_a_sign_the_face_does_not_have_is_no_blank_box(press: Press, sign: str) -> None:
    with pytest.raises(NotSet) as refused:
        press.one(letter(address=(f"王{sign}", "某路1号")))
    assert refused.value.code == "no_glyph"


@faced
def test_a_rare_character_of_a_name_is_set(press: Press) -> None:
    assert pages_of(press.one(letter(address=("王𠮷龘", "某路1号")))) == 1


@faced
@read_back
@pytest.mark.parametrize("text", ["#panic()", "$ x $", "*b* _i_ `c`", '#import "x"', "\\u{41}", "@ref <label> // c", "= head"])
def test_words_are_shown_and_never_run(press: Press, tmp_path: Path, text: str) -> None:
    (tmp_path / "one.pdf").write_bytes(press.one(letter(text=text, subject=text, link="")))
    assert tight(words(tmp_path / "one.pdf")).count(tight(text)) == 2


@faced
@read_back
def test_a_long_letter_counts_its_pages_and_no_seal_stands_alone(press: Press, tmp_path: Path) -> None:
    pdf = press.one(letter(text="\n\n".join(["这是一段很长的说明文字。" * 30] * 9) + "\n\n~ 第一示例银行（业务专用章）"))
    assert pages_of(pdf) == 2
    (tmp_path / "one.pdf").write_bytes(pdf)
    last = tight(words(tmp_path / "one.pdf", page=2))
    assert "第2页，共2页" in last
    assert "这是一段很长的说明文字。" in last
    assert "业务专用章" in last


@faced
@read_back
@pytest.mark.skipif(shutil.which("zbarimg") is None, reason="codes are read by zbarimg: apt-get install zbar-tools")
def test_both_codes_are_read_from_the_printed_page(press: Press, tmp_path: Path) -> None:
    one = letter()
    (tmp_path / "one.pdf").write_bytes(press.one(one))
    subprocess.run(["pdftoppm", "-r", "200", "-gray", "-png", "one.pdf", "page"], cwd=tmp_path, check=True, capture_output=True)
    seen = subprocess.run(["zbarimg", "-q", "page-1.png"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert set(seen.split()) == {f"QR-Code:{LINK}", f"CODE-128:{one.id}"}


@faced
def test_a_letter_without_a_link_of_its_own_leads_to_the_banks_page(tmp_path: Path, head: Letterhead) -> None:
    sent = []
    for name, link in (("own", LINK), ("banks", "")):
        with PrintHouse(tmp_path / name, head, clock=lambda: AT) as house:
            house.send(permit(Channel.LETTER, "one"), Message(ADDRESS, "您好", details={"link": link}))
        [pdf] = (tmp_path / name / "archive").glob("*/*.pdf")
        sent.append(pdf.read_bytes())
    expected = letter("one", on=TODAY, link=head.link, text="您好", subject="", reference="")
    assert Press(head).one(expected) == sent[1] != sent[0]


@pytest.mark.parametrize(
    ("text", "widths"),
    [  # start B, the signs, the check sign, stop; worked out by hand from the tables of the standard
        ("A", "2112141113231311232331112"),
        ("1", "2112141232212232112331112"),
    ],
)  # fmt: skip
def test_bars_are_those_of_the_standard(text: str, widths: str) -> None:
    assert "".join(map(str, code128.bars(text))) == widths


def test_only_ascii_has_bars() -> None:
    for wrong in ("", "李", "\n"):
        with pytest.raises(ValueError, match="printable"):
            code128.bars(wrong)


# --- the sheet ----------------------------------------------------------------------------------------------------


def test_marks_make_blocks_and_everything_else_is_words() -> None:
    text = "您好：\n\n# 一\n|= a | b |\n| 1 | 2 |\n\n- x\n- y\n[ ] 是  [ ] 否\n#1 no head\n~ 某银行（章）\n"
    assert [(block["kind"], block.get("lines") or block.get("cells") or block.get("text")) for block in blocks(text)] == [
        ("par", ["您好："]), ("head", "一"), ("rows", [["a", "b"], ["1", "2"]]), ("item", ["x", "y"]), ("box", [["是", "否"]]),
        ("par", ["#1 no head"]), ("sign", ["某银行（章）"]),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "trouble"),
    [
        (("a", "b"), ""), (("a",), "address_incomplete"), (("a",) * 6, ""), (("a",) * 7, "address_too_long"),
        (("李", "路" * 21 * 5), ""), (("李", "路" * (21 * 5 + 1)), "address_too_long"),
    ],
)  # fmt: skip
def test_an_address_fits_the_window_or_is_refused(lines: tuple[str, ...], trouble: str) -> None:
    assert address_trouble(lines) == trouble


def test_a_letterhead_with_a_mistake_says_which(tmp_path: Path) -> None:
    for text, said in (('window = "cn"', "cn"), ("colour = 'x'\nsize = 1", "size"), ("window = {left = 1}", "top")):
        (tmp_path / "head.toml").write_text(text)
        with pytest.raises(ValueError, match=said):
            read_letterhead(tmp_path / "head.toml")


# --- the spool ----------------------------------------------------------------------------------------------------


@faced
def test_a_manifest_names_letters_and_nobody(tmp_path: Path, head: Letterhead) -> None:
    with PrintHouse(tmp_path, head, clock=lambda: AT) as house:
        receipts = list(
            house.send_many(
                (
                    permit(Channel.LETTER, f"m{n}"),
                    Message(ADDRESS, "您好", subject="通知", details={"reference": "C9", "link": LINK}),
                )
                for n in range(3)
            )
        )
    [batch] = (tmp_path / "ready").iterdir()
    text = (batch / "manifest.json").read_text()
    manifest = json.loads(text)
    assert [(each["id"], each["pages"], each["first_page"]) for each in manifest["letters"]] == [
        (receipt.references[0], 1, n + 1) for n, receipt in enumerate(receipts)
    ]
    for personal in ("李明", "示例", "C9", "pay.firstbank", "m1"):
        assert personal not in text
    archived = sorted(file.stem for file in (tmp_path / "archive").glob("*/*.pdf"))
    assert archived == sorted(each["id"] for each in manifest["letters"])
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.rglob("*.pdf")} == {0o600}


@faced
def test_what_an_earlier_session_printed_is_not_printed_again(tmp_path: Path, head: Letterhead) -> None:
    said = []
    for _ in range(2):
        with PrintHouse(tmp_path, head, clock=lambda: AT) as house:
            said.append(house.send(permit(Channel.LETTER, "once"), Message(ADDRESS, "您好")))
    assert [(receipt.delivery, receipt.code) for receipt in said] == [(Delivery.TAKEN, ""), (Delivery.TAKEN, "taken_before")]
    assert len(list((tmp_path / "ready").iterdir())) == 1


@faced
def test_two_sessions_side_by_side_print_an_attempt_once(tmp_path: Path, head: Letterhead) -> None:
    with PrintHouse(tmp_path, head, clock=lambda: AT) as one, PrintHouse(tmp_path, head, clock=lambda: AT) as other:
        said = [each.send(permit(Channel.LETTER, "same"), Message(ADDRESS, "您好")) for each in (one, other)]
    assert [receipt.code for receipt in said] == ["", "taken_before"]
    assert len(list((tmp_path / "ready").iterdir())) == 1


def test_a_session_that_opens_leaves_alone_what_another_is_making(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.open()
    with ThreadPoolExecutor(1) as hands:
        with spool.held():
            (tmp_path / "making" / "half").mkdir()
            opening = hands.submit(Spool(tmp_path).open)
            with pytest.raises(TimeoutError):
                opening.result(timeout=0.2)
            (tmp_path / "making" / "half").rename(tmp_path / "ready" / "half")
        opening.result(timeout=60)
    assert (tmp_path / "ready" / "half").is_dir()


@faced
@pytest.mark.parametrize("receipts_before_the_kill", [1, 4])
def test_a_sender_killed_at_work_prints_every_letter_once_in_the_end(tmp_path: Path, receipts_before_the_kill: int) -> None:
    count = 12
    command = [sys.executable, "-m", "tests.channels.print_and_die", str(tmp_path), str(HEAD_FILE), str(count)]
    with subprocess.Popen(command, cwd=HEAD_FILE.parents[2], stdout=subprocess.PIPE, text=True) as sender:
        assert sender.stdout is not None
        for _ in range(receipts_before_the_kill):
            assert sender.stdout.readline()
        sender.kill()
    ended = subprocess.run(command, cwd=HEAD_FILE.parents[2], capture_output=True, text=True, check=True)
    assert len(ended.stdout.splitlines()) == count
    ready = [json.loads(file.read_text()) for file in (tmp_path / "ready").glob("*/manifest.json")]
    assert sorted(each["id"] for manifest in ready for each in manifest["letters"]) == sorted(
        letter_id(f"k{n}") for n in range(count)
    )
    assert ended.stdout.count("taken_before") >= receipts_before_the_kill
    assert list((tmp_path / "making").iterdir()) == []


def printed(name: str) -> Printed:
    return Printed(letter_id(name), name.encode(), 1)


def kept(spool: Spool, *names: str) -> str:
    return spool.keep([printed(name) for name in names], b"whole", at=AT, faces=(), duplex=False)


def test_a_batch_whose_manifest_was_written_is_finished_and_any_other_thrown_away(tmp_path: Path, monkeypatch) -> None:
    spool = Spool(tmp_path)
    spool.open()
    monkeypatch.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(OSError(5, "killed")))
    with pytest.raises(OSError, match="killed"):
        kept(spool, "a")
    assert spool.knows(letter_id("a")), "its manifest stands: it will be printed"
    monkeypatch.undo()
    (tmp_path / "making" / "half").mkdir()
    again = Spool(tmp_path)
    again.open()
    assert again.knows(letter_id("a"))
    assert len(list((tmp_path / "ready").iterdir())) == 1
    assert list((tmp_path / "making").iterdir()) == []


@faced
def test_a_full_disk_fails_the_batch_and_proves_that_nothing_left(tmp_path: Path, head: Letterhead, monkeypatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with PrintHouse(tmp_path, head, clock=lambda: AT) as house:
        monkeypatch.setattr("anhuan.channels.letter.spool._write", full)
        receipt = house.send(permit(Channel.LETTER), Message(ADDRESS, "您好"))
    assert (receipt.delivery, receipt.code, receipt.permanent, receipt.nothing_left) == (
        Delivery.FAILED, "spool_errno_28", False, True,
    )  # fmt: skip
    assert list((tmp_path / "ready").iterdir()) == []


@faced
def test_one_letter_that_cannot_be_set_does_not_keep_the_others_back(tmp_path: Path, head: Letterhead) -> None:
    with PrintHouse(tmp_path, head, clock=lambda: AT) as house:
        batch = [(permit(Channel.LETTER), Message(to, "您好")) for to in (ADDRESS, f"王\ue000\n{ADDRESS}", ADDRESS)]
        receipts = list(house.send_many(batch))
    assert sorted((each.delivery.value, each.code) for each in receipts) == [
        ("failed", "no_glyph"),
        ("taken", ""),
        ("taken", ""),
    ]


@faced
@read_back
def test_the_longest_address_stands_whole_in_the_window_and_its_addressee_above_it(tmp_path: Path, head: Letterhead) -> None:
    address = "示例省示例市示例区示例街道示例路一百号示例" * 5
    with PrintHouse(tmp_path, head, clock=lambda: AT) as house:
        receipt = house.send(permit(Channel.LETTER), Message(address, "您好", details={"name": "李明"}))
    assert receipt.delivery is Delivery.TAKEN
    [pdf] = (tmp_path / "ready").glob("*/letters.pdf")
    assert tight(words(pdf, box=(20, 50, 85, 40))) == "李明" + address


@faced
@read_back
def test_a_visit_sheet_has_no_window_and_needs_no_address(tmp_path: Path, head: Letterhead) -> None:
    with PrintHouse(tmp_path, head, clock=lambda: AT) as house:
        receipt = house.send(permit(Channel.VISIT), Message("", "[ ] 两人同行", subject="外访工作单"))
    assert receipt.delivery is Delivery.TAKEN
    [pdf] = (tmp_path / "ready").glob("*/letters.pdf")
    assert "外访工作单" in tight(words(pdf, box=(20, 28, 170, 20)))


@faced
@read_back
def test_letters_for_both_sides_begin_on_a_front(tmp_path: Path, head: Letterhead) -> None:
    with PrintHouse(tmp_path, replace(head, duplex=True), clock=lambda: AT) as house:
        list(house.send_many((permit(Channel.LETTER), Message(ADDRESS, "您好", subject=f"第{n}封")) for n in range(3)))
    [batch] = (tmp_path / "ready").iterdir()
    manifest = json.loads((batch / "manifest.json").read_text())
    assert [each["first_page"] for each in manifest["letters"]] == [1, 3, 5]
    for n, each in enumerate(manifest["letters"]):
        assert f"第{n}封" in tight(words(batch / "letters.pdf", page=each["first_page"]))


# --- the lists of the print house ---------------------------------------------------------------------------------

MADE = {"LA": TODAY - timedelta(days=20), "LB": TODAY - timedelta(days=20), "LC": TODAY - timedelta(days=3)}


def told(*lines: str, before: tuple[returns.Told, ...] = (), patience: int | None = None) -> returns.Reconciled:
    content = "\n".join(("letter,event,on,reason", *lines)).encode()
    return returns.reconcile(content, made=MADE, before=before, today=TODAY, patience=patience)


def test_a_list_tells_what_became_of_letters() -> None:
    found = told(
        "LA,printed,2026-06-01,", "LA,posted,2026-06-02,", "LA,returned,2026-06-09,moved", "LB,returned,2026-06-09,refused"
    )
    assert found.findings == []
    assert found.counts == {"printed": 1, "posted": 1, "returned": 2}
    assert [(each.letter, each.address_at_fault) for each in found.told if each.event == "returned"] == [
        ("LA", True),
        ("LB", False),
    ]


@pytest.mark.parametrize(
    ("lines", "code", "line", "column"),
    [
        (["LX,printed,2026-06-01,"], "unknown_letter", 2, "letter"), (["LA,burnt,2026-06-01,"], "bad_event", 2, "event"),
        (["LA,printed,1.6.2026,"], "bad_date", 2, "on"), (["LA,printed,2026-05-01,"], "before_made", 2, "on"),
        (["LA,printed,2026-06-11,"], "in_future", 2, "on"), (["LA,returned,2026-06-01,gone"], "bad_reason", 2, "reason"),
        (["LA,printed,2026-06-01,"] * 2, "twice", 3, "event"), (["LA,printed"], "bad_columns", 2, ""),
        (["LA,spoiled,2026-06-01,", "LA,returned,2026-06-02,moved"], "already_ended", 3, "event"),
        (["LA,posted,2026-06-01,", "LA,spoiled,2026-06-02,"], "spoiled_after_posting", 3, "event"),
    ],
)  # fmt: skip
def test_a_line_that_does_not_hold_is_a_finding_and_changes_nothing(
    lines: list[str], code: str, line: int, column: str
) -> None:
    found = told(*lines)
    assert [(each.code, each.line, each.column) for each in found.findings] == [(code, line, column)]
    assert len(found.told) == len(lines) - 1
    assert all(each.zh and each.en for each in found.findings)


def test_a_letter_nobody_tells_of_is_a_finding_after_two_weeks() -> None:
    found = told("LA,printed,2026-06-01,", patience=14)
    assert [(each.code, each.letter) for each in found.findings] == [("not_told", "LB")]


def test_what_was_told_before_is_remembered() -> None:
    before = (returns.Told("LA", "returned", TODAY, "moved"),)
    assert [each.code for each in told("LA,printed,2026-06-01,", before=before).findings] == ["already_ended"]


def test_a_list_that_is_no_list_is_one_finding() -> None:
    for content, code in (
        (b"letter;event\n", "bad_header"),
        ("信,printed".encode("gb18030"), "unreadable"),
        (b"", "bad_header"),
    ):
        found = returns.reconcile(content, made=MADE, before=(), today=TODAY)
        assert [each.code for each in found.findings] == [code]


@faced
def test_lists_become_receipts_once_and_findings_stand_beside_them(tmp_path: Path, head: Letterhead) -> None:
    heard = []
    house = PrintHouse(tmp_path, head, clock=lambda: AT, every=3600)
    house.listen(heard.append)
    with house:
        sent = [house.send(permit(Channel.LETTER), Message(ADDRESS, "您好")) for _ in range(2)]
        one, two = (receipt.references[0] for receipt in sent)
        for number in range(2):
            (tmp_path / "returns" / f"list{number}.csv").write_text(
                f"letter,event,on,reason\n{one},posted,{TODAY},\n{one},returned,{TODAY},moved\n{two},delivered,{TODAY},\nLX,posted,{TODAY},\n"
            )
            house.look()
    assert [(each.references, each.delivery, each.code, each.permanent) for each in heard] == [
        ((one,), Delivery.NOT_DELIVERED, "moved", True), ((two,), Delivery.DELIVERED, "delivered", False),
    ]  # fmt: skip
    done = tmp_path / "returns" / "done"
    assert [each["code"] for each in json.loads((done / "list0.findings.json").read_text())] == ["unknown_letter"]
    again = [each["code"] for each in json.loads((done / "list1.findings.json").read_text())]
    assert again == ["twice", "twice", "twice", "unknown_letter"]
    assert list((tmp_path / "returns").glob("*.csv")) == []


# --- as an installation has it ------------------------------------------------------------------------------------


@faced
def test_a_file_of_channels_names_the_print_house(tmp_path: Path) -> None:
    from anhuan.acts.dispatch.carriers import Carriers

    (tmp_path / "channels.yaml").write_text(
        "letter: {transport: print_house, letterhead_file: letterhead.toml, spool_folder: spool/letters}\n"
    )
    shutil.copy(HEAD_FILE, tmp_path / "letterhead.toml")
    carriers = Carriers(tmp_path, lambda: AT, lambda _receipt: None, lambda _inbound: None)
    receipt = carriers.of(Channel.LETTER).send(permit(Channel.LETTER), Message(ADDRESS, "您好"))
    carriers.close()
    assert receipt.delivery is Delivery.TAKEN
    assert len(list((tmp_path / "spool/letters/ready").iterdir())) == 1
