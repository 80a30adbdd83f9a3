"""``gadfly train preference``: a preference model from pairs."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from gadfly.cli.console import Json, out, plain, print_json, progress

__all__ = ["train_app"]

train_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Train models on what a study collected."
)


@train_app.callback()
def _train() -> None:
    """Keeps ``preference`` a command of its own while it is the only one."""


@train_app.command()
def preference(
    pairs: Annotated[list[Path], typer.Argument(metavar="PAIRS...", help="Files of pairs.")],
    into: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to make.")],
    kind: Annotated[Literal["linear"], typer.Option(help="Which model.")] = "linear",
    seed: Annotated[int, typer.Option(help="Seed of the folds.", min=0)] = 0,
    source: Annotated[
        list[str] | None,
        typer.Option(help="Where the pairs come from: once for all files, or once for each."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the model in DIR.")] = False,
    as_json: Json = False,
) -> None:
    """Train a harmlessness preference model on pairs and save it with its model card."""
    from gadfly.preference.making import make_linear

    command = shlex.join(["gadfly", *sys.argv[1:]])
    with progress("Training") as tell:
        card = make_linear(
            pairs, into, sources=source, seed=seed, force=force, command=command, progress=tell
        )
    if as_json:
        print_json(card.model_dump(mode="json"))
        return
    from gadfly.preference.card import estimate_text

    found = card.cross_validation
    out.print(plain(f"{into}: {card.name} {card.version} ({kind})"))
    out.print(
        f"  {card.n_pairs:,} pairs of {card.n_conversations:,} conversations; "
        f"left out: {sum(card.dropped.values()):,}"
    )
    out.print(f"  accuracy on conversations not seen: {estimate_text(found.accuracy)}")
    out.print(f"  shorter reply wins: {estimate_text(found.shorter_wins)}")
    out.print(f"  expected calibration error: {found.ece:.3f}")
