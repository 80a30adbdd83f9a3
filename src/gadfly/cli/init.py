"""``gadfly init``: a study file with comments, ready to run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gadfly.cli.console import command, note

__all__ = ["init"]


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make or to use.")],
    endpoint: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Attack this OpenAI-compatible server (up to /v1)."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="The model's name on that server.")
    ] = None,
    completions: Annotated[
        bool, typer.Option("--completions", help="A plain language model: Human/Assistant text.")
    ] = False,
    key_variable: Annotated[
        str | None, typer.Option(metavar="VAR", help="Environment variable that holds its key.")
    ] = None,
    contact: Annotated[
        str | None, typer.Option(metavar="WHO", help="Whom the server's owner can reach.")
    ] = None,
    authorised: Annotated[
        str | None,
        typer.Option(metavar="BY", help="Who allowed the test, and where it is written."),
    ] = None,
    people: Annotated[
        bool, typer.Option("--people", help="Its members are people, who come to its site.")
    ] = False,
) -> None:
    """Write a study file with comments, ready to run; with --endpoint on a server of your own."""
    from gadfly.errors import PersonError
    from gadfly.study.template import Endpoint, write_template

    served = None
    if endpoint is not None:
        if model is None or contact is None or authorised is None:
            raise PersonError(
                "--endpoint needs --model (its name on that server), --contact (whom its owner can "
                "reach) and --authorised (who allowed the test, and where that is written)"
            )
        served = Endpoint(
            base_url=endpoint,
            model=model,
            contact=contact,
            authorised=authorised,
            api="completions" if completions else "chat",
            key_variable=key_variable,
        )
    path = write_template(folder, served, people=people)
    note(f"Wrote {path}. Read it, change what you like, then:")
    note(f"  {command()} check {path}")
    note(f"  {command()} {'serve' if people else 'run'} {path}")
    note(f"  {command()} analyze {path} --out {path.parent / 'report'}")
