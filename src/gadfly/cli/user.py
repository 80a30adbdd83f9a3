"""``gadfly user``: accounts with login and password, for those who run a study."""

from __future__ import annotations

import secrets
import sys
from typing import TYPE_CHECKING, Annotated, cast

import typer

from gadfly.cli.console import Json, err, listed, note, print_json
from gadfly.cli.studies import OPERATOR, DatabaseOption, StudyArgument, opened
from gadfly.errors import PersonError, show

if TYPE_CHECKING:
    from gadfly.cli.studies import Opened
    from gadfly.store.people import Person, Role

__all__ = ["user_app"]

user_app = typer.Typer(help="Accounts of those who run a study.", no_args_is_help=True)
Login = Annotated[str, typer.Argument(metavar="LOGIN", help="How they sign in.")]
Roles = Annotated[
    list[str],
    typer.Option("--role", help="owner, researcher, review_lead, care, reviewer, expert, member."),
]
Generate = Annotated[bool, typer.Option("--generate", help="Make a password and print it once.")]
_LONGEST_LOGIN = 64
_SEES = {"owner", "researcher"}
_BLIND = {"member", "reviewer", "expert"}


@user_app.command()
def add(
    study: StudyArgument,
    login: Login,
    role: Roles,
    generate: Generate = False,
    database: DatabaseOption = None,
) -> None:
    """Add somebody; the password is asked for, or read from standard input."""
    from gadfly.web.passwords import hashed

    held = _roles(role)
    if not 0 < len(login) <= _LONGEST_LOGIN or not login.isprintable() or login != login.strip():
        raise PersonError(f"login: got {show(login)}; give 1 to {_LONGEST_LOGIN} visible letters")
    with opened(study, database) as found:
        password = _password(generate=generate)
        person = found.people.add(
            found.study, held, login=login, password=hashed(password), by=OPERATOR
        )
        _tell(password if generate else None)
        note(f"{login} is {person.name} in {found.file.study.name}.")


@user_app.command("list")
def list_(study: StudyArgument, database: DatabaseOption = None, json: Json = False) -> None:
    """Everybody in a study: pseudonym, login, roles, state."""
    with opened(study, database) as found:
        people = found.people.of_study(found.study)
    if json:
        print_json(
            [
                {"name": p.name, "login": p.login, "roles": sorted(p.roles), "state": p.state}
                for p in people
            ]
        )
        return
    rows = [(p.name, p.login or "", ", ".join(sorted(p.roles)), p.state) for p in people]
    listed(("Name", "Login", "Roles", "State"), rows)


@user_app.command()
def password(
    study: StudyArgument, login: Login, generate: Generate = False, database: DatabaseOption = None
) -> None:
    """Set a new password; whoever is signed in with the old one is signed out."""
    from gadfly.web.passwords import hashed

    with opened(study, database) as found:
        person = _somebody(found, login)
        new = _password(generate=generate)
        found.people.set_password(person, hashed(new), by=OPERATOR)
        _tell(new if generate else None)


@user_app.command()
def roles(study: StudyArgument, login: Login, role: Roles, database: DatabaseOption = None) -> None:
    """Say what somebody may do from now on; these roles replace those they had."""
    held = _roles(role)
    with opened(study, database) as found:
        found.people.set_roles(_somebody(found, login), held, by=OPERATOR)


def _roles(given: list[str]) -> list[Role]:
    from gadfly.store.people import ROLES

    for role in given:
        if role not in ROLES:
            raise PersonError(f"--role: got {show(role)}; allowed: {', '.join(ROLES)}")
    if _SEES & set(given) and _BLIND & set(given):
        raise PersonError(
            "--role: owners and researchers see which assistant was attacked; whoever attacks or "
            "reviews must not. Give the person two accounts, or one of the roles"
        )
    return cast("list[Role]", given)


def _somebody(found: Opened, login: str) -> Person:
    """Whoever has a login or a pseudonym."""
    people = found.people.of_study(found.study)
    for person in people:
        if login in (person.login, person.name):
            return person
    there = ", ".join(person.login for person in people if person.login) or "none"
    raise PersonError(f"login {show(login)} is not in this study; there are: {there}")


def _password(*, generate: bool) -> str:
    """A new password: made here, asked for twice on a terminal, or the first line of input."""
    if generate:
        return secrets.token_urlsafe(15)
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    return sys.stdin.readline().rstrip("\r\n")


def _tell(password: str | None) -> None:
    if password is not None:
        err.print("Password, shown this once:")
        sys.stdout.write(password + "\n")
