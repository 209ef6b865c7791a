"""Commands on letters as paper: a page to look at, and what the print house has told of those it was given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from anhuan.cli.terminal import EXIT_NO, AsJson, app, chinese, console, print_json, usage

letter_app = typer.Typer(no_args_is_help=True, help="Letters as paper: pages to look at, and the lists of the print house.")
app.add_typer(letter_app, name="letter")


@letter_app.command("preview")
def preview(
    file: Annotated[Path, typer.Argument(metavar="WORDING.yaml", help="A file of wordings with a letter or a visit sheet.")],
    out: Annotated[Path, typer.Option("--out", metavar="PDF", help="Where to write it; one file for each language.")],
    letterhead: Annotated[Path, typer.Option("--letterhead", metavar="TOML", help="The paper it is set on.")],
    as_json: AsJson = False,
) -> None:
    """Set the letters of a file with their example values, addressed to nobody; no installation is needed."""
    from anhuan import clock
    from anhuan.channels.letter.press import NoFace, NotSet, Press, pages_of
    from anhuan.channels.letter.sheet import Letter, letter_id, read_letterhead
    from anhuan.rulebook import letters

    wordings, faults = letters.read_file(file)
    shown = [each for each in wordings if each.channel in {"letter", "visit"}]
    if faults or not shown:
        zh, en = (faults[0].zh, faults[0].en) if faults else ("文件中没有函件", "there is no letter in it")
        usage("bad_wording", f"{file}：{zh}", f"{file}: {en}", as_json=as_json)
    try:
        press = Press(read_letterhead(letterhead))
        made: list[dict[str, Any]] = []
        for wording in shown:
            filled = letters.fill(wording, letters.examples(wording))
            if isinstance(filled, tuple):
                usage("not_filled", filled[0].zh, filled[0].en, as_json=as_json)
            address = (
                ("收件人姓名", "省市区街道门牌", "000000")
                if wording.language == "zh"
                else ("Addressee", "1 Street", "City 000000")
            )
            letter = Letter(
                letter_id(wording.key), clock.now().date(), wording.language, address, filled.parts["subject"], filled.parts["text"],
                "C00000000", "https://pay.bank.example/r/EXAMPLE", visit=wording.channel == "visit",
            )  # fmt: skip
            pdf = press.one(letter)
            target = out.with_stem(f"{out.stem}-{wording.language}") if len(shown) > 1 else out
            target.write_bytes(pdf)
            made.append({"wording": wording.key, "file": str(target), "pages": pages_of(pdf)})
    except NoFace as absent:
        usage("no_face", absent.zh, absent.en, as_json=as_json)
    except (NotSet, ValueError, OSError) as wrong:
        usage("not_set", f"无法排版：{wrong}", f"it cannot be set: {wrong}", as_json=as_json)
    if as_json:
        print_json(made)
    else:
        for each in made:
            console().print(f"{each['wording']} → {each['file']} ({each['pages']})", highlight=False)


@letter_app.command("reconcile")
def reconcile(
    spool: Annotated[Path, typer.Argument(metavar="SPOOL", help="The folder the print house takes batches from.")],
    file: Annotated[Path, typer.Argument(metavar="LIST.csv", help="Its list: letter,event,on,reason.")],
    days: Annotated[int, typer.Option("--days", help="Letters of which nothing was told for so long are findings.")] = 14,
    as_json: AsJson = False,
) -> None:
    """Compare a list of the print house with the letters it was given; nothing is changed. Exit code 1 when something is wrong.

    To take a list in for good, put it into SPOOL/returns: the sender reads it there.
    """
    from anhuan import clock
    from anhuan.channels.letter import returns
    from anhuan.channels.letter.spool import Spool

    try:
        made = {letter["id"]: batch.made_at.date() for batch in Spool(spool).batches() for letter in batch.letters}
        content = file.read_bytes()
    except (OSError, KeyError, json.JSONDecodeError) as wrong:
        usage("bad_input", f"无法读取：{wrong}", f"cannot read it: {wrong}", as_json=as_json)
    found = returns.reconcile(content, made=made, before=Spool(spool).told(), today=clock.now().date(), patience=days)
    if as_json:
        print_json({"letters": len(made), "told": dict(found.counts), "findings": [each.document() for each in found.findings]})
    else:
        told = ", ".join(f"{name} {count}" for name, count in found.counts.items()) or "–"
        console().print(f"{len(made)} · {told}", highlight=False)
        for each in found.findings:
            console().print(f"[red]✗[/red] {each.line} {each.letter} {each.zh if chinese() else each.en}", highlight=False)
    raise typer.Exit(EXIT_NO if found.findings else 0)
