"""Commands on the wordings of an installation: from a file to the texts that are sent, and what a file would be told."""

from __future__ import annotations

from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from anhuan.cli.terminal import EXIT_NO, EXIT_USAGE, AsJson, app, chinese, console, print_json, say, start, table, usage

if TYPE_CHECKING:
    from anhuan.acts.wording import Answer
    from anhuan.records.wording import WordingVersion
    from anhuan.rulebook.letters import Fault, Filled, Wording

wording_app = typer.Typer(no_args_is_help=True, help="Wordings: drafted, checked, approved by a second person, in force.")
app.add_typer(wording_app, name="wording")

Refs = Annotated[
    list[str],
    typer.Argument(metavar="REF…", help="JURISDICTION/NAME/CHANNEL/LANGUAGE[/NUMBER]; * matches anything; without a number the latest."),
]  # fmt: skip
Files = Annotated[list[Path], typer.Argument(metavar="PATH…", help="YAML files, or folders of them.")]
Signed = Annotated[str, typer.Option("--by", metavar="USER", help="Who signs: a member of staff.")]
Run = Annotated[str, typer.Option("--by", metavar="USER", help="Who does it.")]
Day = Annotated[str, typer.Option("--from", metavar="D", help="The first day it is used, or no longer used.")]


@wording_app.command("add")
def add(paths: Files, by: Signed, as_json: AsJson = False) -> None:
    """Keep each wording of the files as the next version, a draft; what says nothing new is left as it is."""
    wordings = _read(paths, as_json=as_json)
    start(migrate=True)
    from anhuan import clock
    from anhuan.acts import wording

    _answer([wording.draft(each, at=clock.now(), by=by) for each in wordings], as_json=as_json)


@wording_app.command("check")
def check(refs: Refs, by: Run = "system:cli", as_json: AsJson = False) -> None:
    """Judge versions under the law of today, or files (no installation is needed). Exit code 1 when anything is against one."""
    files = _files(refs)
    if files:
        _check_files(files, as_json=as_json)
        return
    versions = _named(refs, as_json=as_json)
    from anhuan import clock
    from anhuan.acts import wording

    checked = [wording.check(each.pk, at=clock.now(), by=by) for each in versions]
    _answer(checked, as_json=as_json)
    if any(not isinstance(each, list) and each.findings for each in checked):
        raise typer.Exit(EXIT_NO)


@wording_app.command("approve")
def approve(refs: Refs, by: Signed, as_json: AsJson = False) -> None:
    """Answer for checked versions; their author cannot."""
    versions = _named(refs, as_json=as_json)
    from anhuan import clock
    from anhuan.acts import wording

    _answer([wording.approve(each.pk, at=clock.now(), by=by) for each in versions], as_json=as_json)


@wording_app.command("live")
def live(refs: Refs, live_from: Day, by: Run = "system:cli", as_json: AsJson = False) -> None:
    """Use approved versions from a day on; what was in force before ends there."""
    day = _day(live_from, as_json=as_json)
    versions = _named(refs, as_json=as_json)
    from anhuan import clock
    from anhuan.acts import wording

    _answer([wording.go_live(each.pk, live_from=day, at=clock.now(), by=by) for each in versions], as_json=as_json)


@wording_app.command("retire")
def retire(refs: Refs, live_until: Day, by: Run = "system:cli", as_json: AsJson = False) -> None:
    """Use versions in force no longer from a day on."""
    day = _day(live_until, as_json=as_json)
    versions = _named(refs, as_json=as_json)
    from anhuan import clock
    from anhuan.acts import wording

    _answer([wording.retire(each.pk, live_until=day, at=clock.now(), by=by) for each in versions], as_json=as_json)


@wording_app.command("list")
def list_them(refs: Annotated[list[str] | None, typer.Argument(metavar="[REF…]")] = None, as_json: AsJson = False) -> None:
    """Every version of every wording, or of those named."""
    start(migrate=True)
    from anhuan.records.wording import WordingVersion

    found = [each for each in WordingVersion.objects.all() if not refs or any(_matches(each, ref) for ref in refs)]
    if as_json:
        print_json([_document(each) for each in found])
    elif found:
        columns = ("wording", "number", "state", "findings", "live_from", "live_until", "made_by", "approved_by")
        rows = [[str(document[name] or "") if name != "findings" else str(len(each.findings or ())) for name in columns]
                for each in found for document in [_document(each)]]  # fmt: skip
        console().print(table("", columns, rows))
    else:
        print("还没有文本。" if chinese() else "There is no wording yet. Run: anhuan wording add PATH --by USER")


@wording_app.command("show")
def show(refs: Refs, as_json: AsJson = False) -> None:
    """Versions with what they say, their findings and signatures."""
    found = _named(refs, as_json=as_json)
    if as_json:
        print_json([_document(each) | {"document": each.document} for each in found])
        return
    for each in found:
        _print(_document(each))
        for part, text in each.document["parts"].items():
            print(f"--- {part}\n{text}\n")


@wording_app.command("preview")
def preview(refs: Refs, as_json: AsJson = False) -> None:
    """Versions, or the wordings of files, with their example values in them; of a text message, how many parts it takes."""
    files = _files(refs)
    if files:
        wordings = _read(files, as_json=as_json)
    else:
        wordings = [each.wording for each in _named(refs, as_json=as_json)]
    from anhuan.rulebook import letters

    previews = [_preview(each, letters.fill(each, letters.examples(each))) for each in wordings]
    if as_json:
        print_json(previews)
        return
    for one in previews:
        length = f" · {one['length']['parts']} × {one['length']['alphabet']}" if "length" in one else ""
        console().print(f"[bold]{one['wording']}[/bold]{length}", highlight=False)
        for part, text in one["parts"].items():
            print(f"--- {part}\n{text}\n")


# --- reading ------------------------------------------------------------------------------------------------------


def _read(paths: list[Path], *, as_json: bool) -> list[Wording]:
    """The wordings of the files; exit code 2 with every mistake when one cannot be read."""
    from anhuan.rulebook import letters

    files = [file for path in paths for file in (sorted(path.glob("*.yaml")) if path.is_dir() else [path])]
    read = [(file, *letters.read_file(file)) for file in files]
    faults = [(file, fault) for file, _, wrong in read for fault in wrong]
    if faults:
        if as_json:
            told = [{"file": str(file), **fault.document()} for file, fault in faults]
            print_json({"error": {"code": "bad_wording"}, "faults": told})
        for file, fault in faults:
            say(f"anhuan: {file}:{fault.line} {fault.zh if chinese() else fault.en}")
        raise typer.Exit(EXIT_USAGE)
    return [wording for _, wordings, _ in read for wording in wordings]


def _files(refs: list[str]) -> list[Path]:
    """What is given, if all of it is files or folders."""
    files = [Path(ref) for ref in refs if ref.endswith((".yaml", ".yml")) or Path(ref).is_dir()]
    return files if len(files) == len(refs) else []


def _check_files(files: list[Path], *, as_json: bool) -> None:
    from anhuan import clock
    from anhuan.rulebook import letters

    today = clock.now().date()
    judged = {wording.key: letters.judge(wording, on=today).document() for wording in _read(files, as_json=as_json)}
    if as_json:
        print_json([{"wording": key, "ok": not found, "findings": found} for key, found in judged.items()])
    else:
        for key, found in judged.items():
            console().print(f"{'[red]✗[/red]' if found else '[green]✓[/green]'} {key}", highlight=False)
            for one in found:
                console().print(f"    {one['where']}: {one['message_zh' if chinese() else 'message_en']}", highlight=False)
    raise typer.Exit(EXIT_NO if any(judged.values()) else 0)


def _matches(version: WordingVersion, ref: str) -> bool:
    return fnmatchcase(version.title, ref) or fnmatchcase(version.key, ref)


def _named(refs: list[str], *, as_json: bool) -> list[WordingVersion]:
    """The versions named; of a wording named without a number, or by a pattern, the latest one."""
    start(migrate=True)
    from anhuan.records.wording import WordingVersion

    latest: dict[str, WordingVersion] = {}
    for ref in refs:
        numbered = ref.count("/") == 4 and not ref.endswith("*")
        found = [each for each in WordingVersion.objects.all() if fnmatchcase(each.title if numbered else each.key, ref)]
        if not found:
            usage("no_such_wording", f"没有文本 {ref}。", f"There is no wording {ref}.", as_json=as_json)
        latest |= {each.title if numbered else each.key: each for each in found}
    return list(latest.values())


def _day(text: str, *, as_json: bool) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        usage("bad_date", f"--from 应为 YYYY-MM-DD，收到 {text}", f"--from takes YYYY-MM-DD, not {text}", as_json=as_json)


# --- printing -----------------------------------------------------------------------------------------------------


def _answer(answers: list[Answer], *, as_json: bool) -> None:
    """What became of each; exit code 1 when one was refused."""
    documents: list[dict[str, Any]] = [
        {"refused": [fault.document() for fault in answer]} if isinstance(answer, list) else _document(answer)
        for answer in answers
    ]
    if as_json:
        print_json(documents)
    else:
        for answer, document in zip(answers, documents, strict=True):
            if isinstance(answer, list):
                for fault in answer:
                    say(f"anhuan: {fault.zh if chinese() else fault.en}")
            else:
                _print(document)
    if any(isinstance(answer, list) for answer in answers):
        raise typer.Exit(EXIT_NO)


def _document(version: WordingVersion) -> dict[str, Any]:
    """The public JSON of a version, without what it says."""
    document: dict[str, Any] = {
        "wording": version.key, "number": version.number, "state": version.state, "purpose": version.purpose,
        "fingerprint": version.fingerprint, "findings": version.findings,
    }  # fmt: skip
    for name in ("live_from", "live_until"):
        day = getattr(version, name)
        document[name] = day.isoformat() if day else None
    for step in ("made", "checked", "approved"):
        at = getattr(version, f"{step}_at")
        document |= {f"{step}_by": getattr(version, f"{step}_by") or None, f"{step}_at": at.isoformat() if at else None}
    return document


def _print(document: dict[str, Any]) -> None:
    who = ", ".join(f"{step} {document[f'{step}_by']}" for step in ("made", "checked", "approved") if document[f"{step}_by"])
    since = f" · {document['live_from']}" if document["live_from"] else ""
    console().print(
        f"[bold]{document['wording']}/{document['number']}[/bold] {document['state']}{since} · {who}", highlight=False
    )
    for finding in document["findings"] or []:
        told = finding["message_zh" if chinese() else "message_en"]
        console().print(f"    [red]✗[/red] {finding['where']}: {told}", highlight=False)


def _preview(wording: Wording, filled: Filled | tuple[Fault, ...]) -> dict[str, Any]:
    from anhuan.rulebook import letters

    if isinstance(filled, tuple):
        return {"wording": wording.key, "parts": dict(wording.parts), "faults": [fault.document() for fault in filled]}
    told: dict[str, Any] = {"wording": wording.key, "parts": dict(filled.parts)}
    if wording.channel == "sms":
        cut = letters.cut(filled.parts["text"])
        told["length"] = {"alphabet": cut.alphabet, "units": cut.units, "parts": cut.parts, "left": cut.left}
    return told
