"""``gadfly demo``: a whole study on a bare machine, and its report."""

from __future__ import annotations

import os
import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from gadfly.cli.analyze import arms_table, print_truth
from gadfly.cli.console import command, note, out, progress

if TYPE_CHECKING:
    from gadfly.run.demo import Demo

__all__ = ["demo", "serves"]


def demo(
    folder: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to fill.")] = Path(
        "demo"
    ),
    open_report: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the report where there is a browser.")
    ] = True,
    serve: Annotated[
        bool,
        typer.Option(
            "--serve/--no-serve", help="End by serving the site, where there is a terminal."
        ),
    ] = True,
) -> None:
    """Run a whole study here, write its report, and serve a site to red team on yourself."""
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
    if serves(serve, sys.stdout):
        _serve(done)


def serves(wanted: bool, output: TextIO) -> bool:
    """Whether the demo ends by serving: never in a script, which would wait for ever."""
    return wanted and output.isatty()


def _serve(done: Demo) -> None:
    """The site of the demo, until Ctrl-C."""
    from gadfly.cli.serve import free_port, listen
    from gadfly.settings import load_settings
    from gadfly.web.serving import open_serving
    from gadfly.web.showing import show_around

    studies = [done.study, done.site]
    # A newer Gadfly may word its texts anew: in the demo that is no fault.
    serving = open_serving(
        studies, load_settings(), database=done.database, loopback=True, amend=True
    )
    shown = show_around(serving, simulated="demo", people="town")
    serving.leave()
    port = free_port(8000)
    root = f"http://127.0.0.1:{port}"
    out.print()
    out.print(f"Your turn. The site is at {root} until Ctrl-C:")
    out.print(f"  red team the assistants at once  {root}{shown.attack}", soft_wrap=True)
    out.print(f"  come as a new member would       {root}{shown.arrive}", soft_wrap=True)
    out.print(f"  review what members did         {root}{shown.review}", soft_wrap=True)
    out.print(f"  run the people's study           {root}{shown.site}", soft_wrap=True)
    out.print(f"  look at the simulated study      {root}{shown.study}", soft_wrap=True)
    listen(studies, host="127.0.0.1", port=port, database=done.database)


def _has_browser() -> bool:
    """Whether a person sits before a screen: never open a text browser, never in a script."""
    screen = sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    return screen and sys.stdout.isatty()
