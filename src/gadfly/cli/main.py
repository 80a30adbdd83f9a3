"""The command ``gadfly``: its verbs, and how an error reaches a person.

A mistake in an input ends with its message alone and exit code 2; a fault of the machine (disk,
database, server) with its message and exit code 3; Ctrl-C with 130. Only a bug shows a traceback.
Verbs import what they need when they are called, so that ``gadfly --help`` is quick.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from gadfly.cli.console import err, note
from gadfly.cli.convert import convert
from gadfly.errors import GadflyError, PersonError, ProgrammerError

__all__ = ["app", "main"]

app = typer.Typer(
    name="gadfly",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Red-team studies of language models, from the first attack to the published number.",
)
app.command()(convert)


def main() -> None:
    """Run the command line and turn errors into messages and exit codes."""
    try:
        app()
    except ProgrammerError:
        raise
    except GadflyError as error:
        err.print("error:", style="bold red", end=" ")
        note(str(error))
        sys.exit(2 if isinstance(error, PersonError) else 3)
    except KeyboardInterrupt:
        note("Stopped.")
        sys.exit(130)
