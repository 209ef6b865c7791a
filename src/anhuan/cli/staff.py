"""Commands on the people who sign in and their teams; on the machine itself, so under no right but to be there."""

from __future__ import annotations

import sys
from typing import Annotated, Any, NoReturn

import typer

from anhuan.cli.terminal import AsJson, audit_app, print_json, staff_app, start, usage

BY = "system:cli"

_ROLES = "collector, senior, supervisor, strategy, operations, compliance or auditor"
TeamOf = Annotated[str | None, typer.Option("--team", metavar="TEAM", help="A team's name; an empty text: none.")]
Skills = Annotated[
    list[str] | None, typer.Option("--skill", help="hardship, disputes, …; again for each; an empty text: none.")
]
Speaks = Annotated[list[str] | None, typer.Option("--speaks", help="zh, yue, en, …; again for each; an empty text: none.")]


def _words(told: list[str] | None) -> list[str] | None:
    return None if told is None else [word for word in told if word]


@staff_app.command("add")
def add(
    username: str,
    *,
    role: Annotated[str, typer.Option(help=_ROLES)] = "operations",
    language: Annotated[str, typer.Option(help="Of the pages: zh-hans or en")] = "zh-hans",
    team: TeamOf = None,
    skill: Skills = None,
    speaks: Speaks = None,
    temporary: Annotated[bool, typer.Option("--temporary", help="The password must be changed at the first sign-in.")] = False,
) -> None:
    """Add a member of staff; the password is asked for, or read from standard input."""
    import getpass

    start(migrate=True)
    from anhuan import clock
    from anhuan.acts import staff

    password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    refused = staff.create_staff(
        username=username, password=password, role=role, language=language, team=team or "", skills=_words(skill) or (),
        speaks=_words(speaks) or (), temporary=temporary, at=clock.now(), by=BY,
    )  # fmt: skip
    if refused:
        usage(refused.code, refused.zh, refused.en, as_json=False)
    print(f"{username} ({role})")


@staff_app.command("list")
def list_(
    everybody: Annotated[bool, typer.Option("--all", help="Also who was let go.")] = False, as_json: AsJson = False
) -> None:
    """List who signs in, by user name."""
    start(migrate=True)
    from anhuan.records.staff import Staff

    found = Staff.objects.select_related("team").order_by("username")
    rows = [_document(one) for one in (found if everybody else found.filter(is_active=True))]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        told = [row["role"], row["team"] or "-", ",".join(row["skills"]) or "-", ",".join(row["speaks"]) or "-"]
        print(f"{row['username']:24} {' '.join(told)}" + ("" if row["active"] else "  (let go)"))


@staff_app.command("change")
def change(
    username: str,
    *,
    role: Annotated[str | None, typer.Option(help=_ROLES)] = None,
    team: TeamOf = None,
    skill: Skills = None,
    speaks: Speaks = None,
    active: Annotated[bool | None, typer.Option("--take-in/--let-go", help="Take in again, or let go.")] = None,
    reset: Annotated[
        bool, typer.Option("--reset-second-factor", help="The phone is lost; another is set up at the door.")
    ] = False,
    password: Annotated[bool, typer.Option("--new-password", help="Print a temporary password.")] = False,
    as_json: AsJson = False,
) -> None:
    """Change somebody's role, team, skills or languages; let go or take in again; reset what was lost. The rest stays."""
    start(migrate=True)
    from anhuan import clock
    from anhuan.acts import staff

    signed: dict[str, Any] = {"at": clock.now(), "by": BY}
    told = _taken(
        staff.change_staff(username, role=role, team=team, skills=_words(skill), speaks=_words(speaks), **signed), as_json
    )
    if active is not None:
        told = _taken((staff.reactivate if active else staff.deactivate)(username, **signed), as_json)
    if reset:
        told = _taken(staff.reset_second_factor(username, **signed), as_json)
    given = _taken(staff.give_password(username, **signed), as_json) if password else None
    if as_json:
        print_json(_document(told) | ({"password": given} if given else {}))
    else:
        print(given or f"{username} ({told.role})")


@staff_app.command("team")
def team(
    name: str,
    queue: Annotated[list[str] | None, typer.Option(help="A queue it works; again for each. None: every queue.")] = None,
    lead: Annotated[str, typer.Option(metavar="USER", help="Who leads it.")] = "",
    as_json: AsJson = False,
) -> None:
    """Make a team, or change the one of that name."""
    start(migrate=True)
    from anhuan import clock
    from anhuan.acts import staff
    from anhuan.records.staff import Team

    known = Team.objects.filter(name=name).first()
    made = _taken(
        staff.save_team(name, queues=queue or [], lead=lead, pk=known.pk if known else None, at=clock.now(), by=BY), as_json
    )
    document = {"name": made.name, "queues": made.queues, "lead": made.lead.username if made.lead else None}
    if as_json:
        print_json(document)
    else:
        print(f"{made.name}: {', '.join(made.queues) or 'every queue'}")


@audit_app.command("clear-looks")
def clear_looks(as_json: AsJson = False) -> None:
    """Remove the record of who looked at whom where it is older than this house keeps it."""
    start(migrate=True)
    from anhuan import clock
    from anhuan.acts import viewing

    gone = viewing.clear_old(at=clock.now(), by=BY)
    if as_json:
        print_json({"cleared": gone})
    else:
        print(f"{gone:,} looks cleared")


def _taken(answer: Any, as_json: bool) -> Any:
    """The answer of an act, or the end of the command with its sentence."""
    from anhuan.portfolio.feed import Sentence

    return _refuse(answer, as_json=as_json) if isinstance(answer, Sentence) else answer


def _refuse(refused: Any, *, as_json: bool) -> NoReturn:
    usage(refused.code, refused.zh, refused.en, as_json=as_json)


def _document(one: Any) -> dict[str, Any]:
    return {
        "username": one.username, "role": one.role, "team": one.team.name if one.team else None, "skills": list(one.skills),
        "speaks": list(one.speaks), "language": one.language, "active": one.is_active,
    }  # fmt: skip
