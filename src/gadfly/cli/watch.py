"""``gadfly run --watch``: how each arm stands, calls, faults, tokens, cost and the time left.

On a terminal a table that is drawn anew; elsewhere a line every ten seconds, as for all progress.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from gadfly.cli.console import err, note, plain
from gadfly.run.tally import Tally

__all__ = ["watching"]

_LINE_SECONDS = 10.0


@contextmanager
def watching(tally: Tally) -> Iterator[None]:
    """Show a tally while the block runs, and once more at its end."""
    if err.is_terminal:
        with Live(console=err, get_renderable=lambda: _picture(tally), refresh_per_second=4):
            yield
        return
    over = threading.Event()
    lines = threading.Thread(target=_lines, args=(tally, over), daemon=True)
    lines.start()
    try:
        yield
    finally:
        over.set()
        lines.join()
        note(_line(tally))


def _lines(tally: Tally, over: threading.Event) -> None:
    while not over.wait(_LINE_SECONDS):
        note(_line(tally))


def _line(tally: Tally) -> str:
    arms = ", ".join(
        f"{name} {arm.over:,}/{arm.wanted:,}" for name, arm in list(tally.arms.items())
    )
    return f"Attacks {tally.over:,} of {tally.wanted:,} ({arms}); {'; '.join(_facts(tally))}"


def _picture(tally: Tally) -> Group:
    arms = Table(box=None, pad_edge=False)
    for title in ("Arm", "", "Over", "Wanted", "Under way"):
        arms.add_column(title, justify="left" if title in ("Arm", "") else "right")
    for name, arm in list(tally.arms.items()):
        bar = ProgressBar(total=max(1, arm.wanted), completed=arm.over, width=24)
        arms.add_row(plain(name), bar, f"{arm.over:,}", f"{arm.wanted:,}", f"{arm.lasting:,}")
    return Group(arms, plain(""), *(plain(fact) for fact in _facts(tally)))


def _facts(tally: Tally) -> list[str]:
    faults = {kind: n for kind, n in sorted(tally.requests.items()) if kind != "answered"}
    outcomes = {kind: n for kind, n in sorted(tally.replies.items()) if kind != "complete"}
    left = tally.seconds_left()
    facts = [f"{tally.calls:,} calls, {tally.rate():,.0f} a second"]
    if faults:
        facts.append("faults: " + ", ".join(f"{n:,} {kind}" for kind, n in faults.items()))
    if outcomes:
        lost = ", ".join(f"{n:,} {kind}" for kind, n in outcomes.items())
        facts.append(f"replies lost: {lost} (the last: {tally.last_loss})")
    if tally.probes_wanted:
        facts.append(f"{tally.probes:,} of {tally.probes_wanted:,} fixed messages answered")
    if tally.tokens_in or tally.tokens_out:
        facts.append(f"{tally.tokens_in:,} tokens read, {tally.tokens_out:,} written")
        cost = (
            f"{tally.cost:,.4f} {tally.currency}" if tally.priced else "not known: no price stated"
        )
        facts.append(f"cost so far {cost}")
    if tally.twins:
        facts.append(f"{tally.twins:,} of {tally.pairs:,} pairs are the same text twice")
    if tally.lost:
        facts.append(f"{tally.lost:,} dialogues went to another runner")
    facts.append("time left: " + ("not known yet" if left is None else _time(left)))
    return facts


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
