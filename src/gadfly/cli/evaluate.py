"""``gadfly evaluate preference``: a preference model against pairs it did not choose."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gadfly.cli.console import Json, Lenient, note, out, plain, print_json, progress

__all__ = ["evaluate_app"]

evaluate_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Measure what was trained."
)


@evaluate_app.callback()
def _evaluate() -> None:
    """Keeps ``preference`` a command of its own while it is the only one."""


@evaluate_app.command()
def preference(
    pairs: Annotated[Path, typer.Argument(metavar="PAIRS", help="File of pairs.")],
    model: Annotated[
        Path, typer.Option("--preference-model", metavar="DIR", help="Folder of the model.")
    ],
    lenient: Lenient = False,
    as_json: Json = False,
) -> None:
    """Accuracy, calibration and length bias of a preference model on pairs."""
    from gadfly.preference.card import evaluation_lines
    from gadfly.preference.evaluate import evaluate
    from gadfly.preference.neural.scorer import NeuralScorer
    from gadfly.preference.scoring import open_scorer
    from gadfly.records.reading import read_pairs

    scorer = open_scorer(model)
    read = read_pairs(pairs, lenient=lenient)
    with progress("Scoring pairs") as tell:
        found = evaluate(scorer, read.pairs, dropped=read.dropped, progress=tell)
    for problem in read.skipped:
        note(f"left out: {problem}")
    if as_json:
        print_json(found)
        return
    for line in evaluation_lines(found):
        out.print(plain(line), soft_wrap=True)
    if isinstance(scorer, NeuralScorer):
        out.print(f"how            {scorer.how}")
