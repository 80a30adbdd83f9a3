"""``gadfly demo``: a whole study on a bare machine, and its report."""

from __future__ import annotations

import os
import sys
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from gadfly.cli.analyze import arms_table, print_truth
from gadfly.cli.console import command, note, out, progress

__all__ = ["demo"]


def demo(
    folder: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to fill.")] = Path(
        "demo"
    ),
    open_report: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the report where there is a browser.")
    ] = True,
) -> None:
    """Run a whole study here: simulated members, small language models, a report at the end."""
    from gadfly.run.demo import run_demo

    note("A whole study of twelve small language models, without key or network: a few minutes.")
    try:
        done = run_demo(folder, progress)
    except KeyboardInterrupt:
        note("Stopped, and every step is kept.")
        note(f"Go on with: {command()} demo --out {folder}")
        raise typer.Exit(130) from None
    out.print(arms_table(done.results))
    print_truth(done.results)
    note("What you are looking at:")
    for sentence in done.notes:
        note(f"  {sentence}")
    note(f"Report:         {done.html}")
    note(f"Your own file:  {command()} analyze FILE --out report")
    note(f"Your own study: {command()} init my-study")
    if open_report and _has_browser():
        webbrowser.open(done.html.resolve().as_uri())


def _has_browser() -> bool:
    """Whether a person sits before a screen: never open a text browser, never in a script."""
    screen = sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    return screen and sys.stdout.isatty()
