"""The command ``gadfly``: its verbs, and how an error reaches a person.

A mistake in an input ends with its message alone and exit code 2; a fault of the machine (disk,
database, server) with its message and exit code 3; Ctrl-C with 130. Only a bug shows a traceback.
Verbs import what they need when they are called, so that ``gadfly --help`` is quick.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from gadfly.cli.analyze import analyze
from gadfly.cli.check import check
from gadfly.cli.console import err, note, out
from gadfly.cli.convert import convert
from gadfly.cli.demo import demo
from gadfly.cli.evaluate import evaluate_app
from gadfly.cli.export import export
from gadfly.cli.init import init
from gadfly.cli.invite import invite
from gadfly.cli.power import power
from gadfly.cli.reproduce import reproduce
from gadfly.cli.run import run
from gadfly.cli.sandbox import sandbox_app
from gadfly.cli.score import score
from gadfly.cli.serve import serve
from gadfly.cli.train import train_app
from gadfly.cli.user import user_app
from gadfly.errors import GadflyError, PersonError, ProgrammerError

__all__ = ["app", "main"]

app = typer.Typer(
    name="gadfly",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for verb in (
    demo,
    init,
    check,
    power,
    run,
    serve,
    analyze,
    reproduce,
    score,
    convert,
    export,
    invite,
):
    app.command()(verb)
app.add_typer(user_app, name="user")
app.add_typer(train_app, name="train")
app.add_typer(evaluate_app, name="evaluate")
app.add_typer(sandbox_app, name="sandbox")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        out.print(f"gadfly {version('gadfly')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Red-team studies of language models, from the first attack to the published number."""


_EXTRAS = {
    "models": ("torch", "transformers", "trl", "accelerate", "datasets", "safetensors"),
    "postgres": ("pg8000",),
    "web": ("argon2", "cryptography", "fastapi", "itsdangerous", "jwt", "markdown_it", "uvicorn"),
}
"""Libraries that come with an extra alone."""


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
    except ModuleNotFoundError as error:
        extra = next((name for name, modules in _EXTRAS.items() if error.name in modules), None)
        if extra is None:
            raise
        err.print("error:", style="bold red", end=" ")
        note(f"this needs {error.name}, which is not installed: pip install 'gadfly[{extra}]'")
        sys.exit(3)
    except KeyboardInterrupt:
        note("Stopped.")
        sys.exit(130)


if __name__ == "__main__":
    main()
