"""What verbs share: two consoles, one progress bar, one way to print JSON, common options.

Results go to standard output, everything else (progress, notes) to standard error, so that a pipe
holds results alone. On a terminal progress is a bar with an ETA; elsewhere it is a line every ten
seconds. Text that came from a file or a model is printed through :func:`plain`, which shows control
characters and never reads rich's markup.
"""

from __future__ import annotations

import re
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from gadfly.errors import PersonError, show

__all__ = [
    "Json",
    "Lenient",
    "command",
    "err",
    "invocation",
    "listed",
    "note",
    "out",
    "plain",
    "print_json",
    "progress",
    "settings",
]

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON for programs.")]
Lenient = Annotated[
    bool, typer.Option("--lenient", help="Leave out records with a problem, and say which.")
]
Made = TypeVar("Made")

_QUIET_SECONDS = 10.0
_OBEYED = re.compile("[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def print_json(value: Any) -> None:
    """One JSON document on standard output; what a terminal would obey is escaped in it."""
    from gadfly.records.canonical import pretty_json

    text = pretty_json(value).decode()
    escaped = _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    sys.stdout.buffer.write(escaped.encode())
    sys.stdout.flush()


def plain(text: str) -> Text:
    """Hostile text made harmless for a terminal: control characters shown, markup not read."""
    shown = "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)
    return Text(shown)


def listed(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows of hostile texts under their columns."""
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*map(plain, row))
    out.print(table)


def note(text: str) -> None:
    """A sentence beside the result, on standard error."""
    err.print(plain(text), soft_wrap=not err.is_terminal)  # a log keeps one line a sentence


def command() -> str:
    """How this command was called, for hints that can be pasted back."""
    called = sys.argv[0]
    return "gadfly" if shutil.which("gadfly") == called or "/" not in called else called


def invocation() -> str:
    """This command with its arguments, for provenance."""
    return shlex.join(["gadfly", *sys.argv[1:]])


def settings(kind: type[Made], **options: Any) -> Made:
    """Settings with the options that were given; the others have their defaults."""
    from pydantic import ValidationError

    try:
        return kind(**{name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        option = "--" + "".join(map(str, fault["loc"][:1])).replace("_", "-")
        raise PersonError(f"{option}: got {show(fault['input'])}; {fault['msg']}") from None


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar; call the yielded function with (done, total) as often as you like."""
    if not err.is_terminal:
        yield _lines(what)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _lines(what: str) -> Callable[[int, int], None]:
    """Progress for a log file: a line every ten seconds, with the time left."""
    started = last = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < _QUIET_SECONDS or not done:
            return
        last = now
        left = (now - started) / done * (total - done)
        note(f"{what}: {done:,} of {total:,}, about {left:,.0f} s left")

    return tell
