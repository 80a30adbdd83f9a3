"""``gadfly invite``: personal links for the people of a study, printed once."""

from __future__ import annotations

import csv
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from gadfly.cli.console import Json, listed, note, print_json
from gadfly.cli.studies import OPERATOR, DatabaseOption, StudyArgument, opened
from gadfly.errors import PersonError, show

if TYPE_CHECKING:
    from gadfly.cli.studies import Opened

__all__ = ["invite"]

_LOCAL = "http://127.0.0.1:8000"


def invite(
    study: StudyArgument,
    role: Annotated[str, typer.Option(help="What they may do: member, reviewer, ...")] = "member",
    count: Annotated[int, typer.Option(min=1, max=10_000, help="How many links.")] = 1,
    who: Annotated[
        str | None,
        typer.Option(
            "--for",
            metavar="LABEL",
            help="Whom one link is for; kept as a keyed hash, so that limits hold across studies.",
        ),
    ] = None,
    domain: Annotated[list[str] | None, typer.Option(help="Field of an expert.")] = None,
    days: Annotated[
        int | None, typer.Option(min=1, max=3650, help="Days until an unused link runs out.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="Address of the site, as people reach it.")
    ] = None,
    show_list: Annotated[bool, typer.Option("--list", help="Show the links made so far.")] = False,
    revoke: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Make link N open nothing any more.")
    ] = None,
    database: DatabaseOption = None,
    json: Json = False,
) -> None:
    """Make personal links and print them once, one a line; or list or revoke them."""
    with opened(study, database) as found:
        if show_list:
            _list(found, json=json)
        elif revoke is not None:
            found.people.revoke(found.study, revoke, by=OPERATOR)
            note(f"Link {revoke} opens nothing any more.")
        else:
            base = (url or found.settings.public_url or _LOCAL).rstrip("/")
            tokens = _made(found, role, count, who, domain or [], days)
            place = f"{base}/{found.file.study.name}/come"
            _print([f"{place}/{token}" for token in tokens], role, json=json)
            note("Each link opens one person's place. They are kept nowhere: save them now.")


def _made(
    found: Opened, role: str, count: int, who: str | None, domains: list[str], days: int | None
) -> list[str]:
    from gadfly.store.people import ROLES
    from gadfly.web.serving import server_secret, subject_of

    if role not in ROLES:
        raise PersonError(f"--role: got {show(role)}; allowed: {', '.join(ROLES)}")
    if (role == "expert") != bool(domains):
        raise PersonError("--domain says what an expert is expert in; give it for experts alone")
    domains = [found.file.field(domain) for domain in domains]
    seconds = None if days is None else days * 24 * 3600.0
    if who is None:
        return found.people.invite_many(
            found.study, role, count, by=OPERATOR, domains=domains, seconds=seconds
        )
    if count != 1 or not who.strip():
        raise PersonError("--for names one person: give a label, and make one link")
    secret = server_secret(found.settings, found.url, loopback=found.settings.alone)
    subject = subject_of(secret, "label", who)
    make = found.people.invite
    token = make(found.study, role, by=OPERATOR, subject=subject, domains=domains, seconds=seconds)
    return [token]


def _print(links: list[str], role: str, *, json: bool) -> None:
    if json:
        print_json([{"role": role, "link": link} for link in links])
        return
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["role", "link"])
    writer.writerows([role, link] for link in links)


def _list(found: Opened, *, json: bool) -> None:
    made = found.people.invitations(found.study)
    if json:
        print_json([vars(link) for link in made])
        return
    rows = [(str(m.id), m.role, m.made_at, m.person or "", m.revoked_at or "") for m in made]
    listed(("No.", "Role", "Made", "Used by", "Revoked"), rows)
