"""The code book on the command line: `anhuan codes`. It starts neither Django nor a database."""

from __future__ import annotations

from typing import Annotated

import typer

from anhuan.cli.terminal import AsJson, app, chinese, print_json


@app.command("codes")
def codes_command(
    reference: Annotated[bool, typer.Option("--reference", help="Print the page of the reference instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """Every code of what was done, of the line, of who was there and of what came of it, with what it stands for."""
    from anhuan.rulebook import codes
    from anhuan.rulebook.codes_reference import markdown

    if reference:
        typer.echo(markdown(), nl=False)
    elif as_json:
        print_json(codes.document())
    else:
        for axis, code in codes.book().all():
            typer.echo(f"{axis:7} {code.code:4} {code.zh if chinese() else code.en}")
