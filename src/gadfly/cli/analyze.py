"""``gadfly analyze``: from a study or a file to results and a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich import box
from rich.table import Table

from gadfly.cli.console import Json, note, out, plain, print_json, progress
from gadfly.errors import PersonError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.text import Text

    from gadfly.analysis.report.tables import TerminalTable
    from gadfly.analysis.results import Results

__all__ = ["analyze", "arms_table", "print_truth"]

_WIDE = 110  # columns of a terminal that hold the whole table
_NARROW = (0, 3, 4, 5)  # of the table's columns: arm, rating, success, mean score
_NARROW_RATINGS = (0, 1, 2, 4, 6)  # criterion, items, raters, alpha, Gwet's AC
_NARROW_TRUTH = (0, 1, 3, 4)  # all but the success rate


def analyze(
    out_folder: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder for the results and the report.")
    ],
    source: Annotated[
        Path | None,
        typer.Argument(metavar="STUDY_OR_FILE", help="Study file, or a file of attacks."),
    ] = None,
    ratings: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Ratings (item, rater, criterion, value) as CSV or Parquet: how far raters agree; "
            "by itself, or beside STUDY_OR_FILE into DIR/ratings.",
        ),
    ] = None,
    ci: Annotated[
        Literal["cluster", "iid"],
        typer.Option(help="Resample members (cluster) or, as the paper did, attacks (iid)."),
    ] = "cluster",
    resamples: Annotated[int, typer.Option(min=100, help="Bootstrap resamples.")] = 2000,
    level: Annotated[float, typer.Option(help="Level of the intervals.")] = 0.95,
    success_threshold: Annotated[
        float | None,
        typer.Option(
            min=0, max=4, help="Rating from which an attack is a success; the study's, or 3."
        ),
    ] = None,
    attacker_kind: Annotated[
        Literal["human", "simulated", "model"] | None,
        typer.Option(help="Whose attacks, where a file holds more than one kind."),
    ] = None,
    database: Annotated[
        str | None, typer.Option(metavar="URL", help="Where the study is kept.")
    ] = None,
    weighting: Annotated[
        Literal["attack", "member"],
        typer.Option(help="What counts once in an arm's numbers: every attack, or every member."),
    ] = "attack",
    tags_by: Annotated[
        Literal["any", "majority", "all"] | None,
        typer.Option(
            help="How many of an attack's reviewers must give a tag; the study's, or any."
        ),
    ] = None,
    success_by: Annotated[
        Literal["author", "reviewers"],
        typer.Option(
            help="Whose verdict makes an attack a success where attacks are counted by tag, in a "
            "study: its author's, or most of its reviewers'."
        ),
    ] = "author",
    earlier: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With --texts: what is new against these attacks."),
    ] = None,
    static: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Scores of static prompts (model_type, num_params, prompt, score) as CSV or "
            "Parquet, to stand beside live attacks.",
        ),
    ] = None,
    texts: Annotated[
        bool,
        typer.Option("--texts", help="Read the texts, too: what attacks cover, and refusals."),
    ] = False,
    with_map: Annotated[
        bool, typer.Option("--map", help="And draw the map of attacks; takes a while.")
    ] = False,
    show_text: Annotated[
        bool, typer.Option("--show-text", help="Name the map's clusters by members' words.")
    ] = False,
    lenient: Annotated[
        bool, typer.Option("--lenient", help="Skip broken records, count and report them.")
    ] = False,
    score: Annotated[
        Literal["min", "mean", "last"],
        typer.Option(
            help="A dialogue's harmlessness: the lowest score of its replies, or another."
        ),
    ] = "min",
    json: Json = False,
) -> None:
    """Write results.json, report.html and report.md for a study, a file of attacks, or ratings."""
    if ratings is not None:
        alone = source is None
        folder = out_folder if alone else out_folder / "ratings"
        _analyze_ratings(ratings, folder, resamples, level, alone=alone, json=json)
    if source is None:
        if ratings is None:
            raise PersonError("nothing to analyse: give a STUDY_OR_FILE, --ratings FILE, or both")
        return
    from gadfly.analysis.questions import Texts
    from gadfly.analysis.report.write import write_report
    from gadfly.run.report import descriptions, read
    from gadfly.settings import load_settings

    settings = load_settings()
    with progress(f"Reading {source.name}") as tell:
        found = read(
            source,
            database=database or settings.database,
            keys=settings.key_list,
            lenient=lenient,
            texts=texts or with_map,
            static=static,
            progress=tell,
        )
        reads = Texts(
            map=with_map,
            terms=show_text,
            cache=out_folder / "cache",
            earlier=() if earlier is None else descriptions(earlier, lenient=lenient),
        )
    with progress("Analysing") as tell:
        results = found.results(
            ci=ci,
            resamples=resamples,
            level=level,
            success_threshold=success_threshold,
            attacker_kind=attacker_kind,
            texts=reads if texts or with_map else None,
            weighting=weighting,
            score=score,
            tag_rule=tags_by,
            success_by=success_by,
            progress=tell,
        )
    files = write_report(results, out_folder)
    if json:
        print_json(results)
    else:
        out.print(arms_table(results))
        print_truth(results)
        for sentence in found.notes:
            note(sentence)
    note(f"Report: {files.html}")


def _analyze_ratings(
    path: Path, folder: Path, resamples: int, level: float, *, alone: bool, json: bool
) -> None:
    """How far the raters of a file agree; with ``json`` it is printed where it is alone."""
    from gadfly.analysis.report.ratings import analyze_ratings, terminal_ratings, write_ratings

    report = analyze_ratings(path, resamples=resamples, level=level)
    files = write_ratings(report, folder)
    if json and alone:
        print_json(report.result)
    elif not json:
        found = terminal_ratings(report.result)
        shown = range(len(found.columns)) if out.width >= _WIDE else _NARROW_RATINGS
        out.print(_table(found, shown, plain(report.result.name)))
    note(f"Agreement: {files.html}")


def print_truth(results: Results) -> None:
    """True harm and conduct on harmless requests, where known, and how far scores are from it."""
    from gadfly.analysis.findings import agreement_sentence
    from gadfly.analysis.report.tables import terminal_truth

    found = terminal_truth(results)
    if found is None:
        return
    shown = range(len(found.columns)) if out.width >= _WIDE else _NARROW_TRUTH
    out.print(_table(found, shown))
    if sentence := agreement_sentence(results):
        out.print(plain(sentence))


def arms_table(results: Results) -> Table:
    """The arms as a table for the terminal."""
    from gadfly.analysis.report.tables import terminal_table

    found = terminal_table(results)
    shown = range(len(found.columns)) if out.width >= _WIDE else _NARROW
    weighted = "" if results.weighting == "attack" else ", each member counted once"
    return _table(found, shown, plain(f"{results.title}{weighted}"))


def _table(found: TerminalTable, shown: Sequence[int], title: Text | None = None) -> Table:
    """Some columns of a table, the first to the left and folded, the others to the right."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for place in shown:
        side: Literal["left", "right"] = "right" if place else "left"
        table.add_column(
            plain(found.columns[place]), justify=side, overflow="fold", no_wrap=place > 0
        )
    for row in found.rows:
        table.add_row(*(plain(row[place]) for place in shown))
    return table
