"""``gadfly power``: how likely a study is to find an effect, and what it would take."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich import box
from rich.table import Table

from gadfly.cli.console import Json, note, out, plain, print_json, progress, settings

if TYPE_CHECKING:
    from gadfly.analysis.power import ContrastPower, PowerPoint, PowerResult

__all__ = ["power"]


def power(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="Study file (YAML).")],
    effect: Annotated[
        float,
        typer.Option(
            help="Difference between two arms that the study should find: in rating points "
            "(0 to 4), or in success rates (0.1 is ten percent more) with --outcome success."
        ),
    ],
    outcome: Annotated[
        Literal["rating", "success"],
        typer.Option(help="Compare mean self-ratings, or success rates."),
    ] = "rating",
    target: Annotated[
        float, typer.Option("--power", help="Power that is wanted, between 0 and 1.")
    ] = 0.8,
    alpha: Annotated[
        float, typer.Option(help="Two-sided error of each family of contrasts.")
    ] = 0.05,
    members: Annotated[
        int | None,
        typer.Option(min=2, max=100_000, help="Members, if not as many as the study file says."),
    ] = None,
    gini: Annotated[
        float | None,
        typer.Option(
            help="How unevenly members attack, from 0 (all alike) to below 1. Left out: as "
            "simulated members are, or 0.80, as in Ganguli et al. 2022."
        ),
    ] = None,
    icc: Annotated[
        float | None,
        typer.Option(help="Share of the variance of harm in an arm that is between members; 0.2."),
    ] = None,
    spread: Annotated[
        float | None,
        typer.Option(
            help="How much the effect differs between members: its standard deviation over its "
            "mean; 0.5. With 0 every member sees the same effect."
        ),
    ] = None,
    sd: Annotated[
        float | None,
        typer.Option(
            help="Standard deviation of harm within an arm, in steps of the scale before it is cut "
            "to ratings 0-4; 3.3, with which ratings spread as in Ganguli et al. 2022."
        ),
    ] = None,
    base: Annotated[
        float | None, typer.Option(help="Success rate of arms without the effect; 0.34.")
    ] = None,
    simulations: Annotated[
        int, typer.Option(min=100, help="Simulated studies behind every number.")
    ] = 2000,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**63 - 1, help="Seed; the study's if left out.")
    ] = None,
    out_folder: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder for power.svg, power.json.")
    ] = None,
    json: Json = False,
) -> None:
    """Say by simulation what a study can find, and the members, attacks and arms that it takes.

    Members are simulated as unevenly busy as --gini says, their attacks are assigned as the study
    assigns them, and ratings 0-4 are drawn. Found is what `gadfly analyze` will say is found: the
    same contrasts, by the same test, corrected by Holm among all contrasts of the kind.
    So more arms cost power twice: fewer attacks on each, and more contrasts. The same seed gives
    the same numbers.
    """
    from gadfly.analysis.figures.power import power_svg
    from gadfly.analysis.trials import Assumed
    from gadfly.records.canonical import pretty_json
    from gadfly.records.output import write_chunks
    from gadfly.run.power import study_power

    assumed = settings(
        Assumed, outcome=outcome, effect=effect, sd=sd, base=base, icc=icc, spread=spread
    )
    options = {} if seed is None else {"seed": seed}
    with progress("Simulated attacks") as tell:
        result = study_power(
            study,
            assumed,
            gini=gini,
            members=members,
            target=target,
            alpha=alpha,
            simulations=simulations,
            progress=tell,
            **options,
        )
    if out_folder is not None:
        out_folder.mkdir(parents=True, exist_ok=True)
        write_chunks(out_folder / "power.svg", [power_svg(result).encode()])
        write_chunks(out_folder / "power.json", [pretty_json(result)])
    if json:
        print_json(result)
    else:
        out.print(_contrasts(result))
        out.print(_sizes(result))
    for sentence in _sentences(result):
        note(sentence)


def _contrasts(result: PowerResult) -> Table:
    """The study as planned."""
    effect = result.effect
    title = (
        f"To find {effect.rating:+.2f} rating points = {100 * effect.success:+.0f} points of the "
        f"success rate (harm {effect.harm:+.2f})"
    )
    table = _table(title, "Fewest attacks of a kind", "Attacks", "Contrasts", "Power", "Width")
    for contrast in result.contrasts:
        place = f" ({contrast.within})" if contrast.within else ", all sizes"
        attacks = " + ".join(f"{n:,}" for n in contrast.attacks)
        table.add_row(
            plain(f"{contrast.second} − {contrast.first}{place}"),
            attacks,
            f"{contrast.family_size}",
            *_found(contrast),
        )
    return table


def _sizes(result: PowerResult) -> Table:
    """Studies of other sizes, and other numbers of arms."""
    names = "Members", "Attacks of each", "Arms", "Contrasts", "Power", "Width"
    table = _table("Other sizes, for the first contrast", *names)
    for place, point in enumerate((*result.curve, *result.by_arms)):
        if place == len(result.curve):
            table.add_section()
        each = f"{point.attacks_per_member:,.1f}"
        sizes = f"{point.members:,}", each, f"{point.arms}", f"{point.family_size}"
        table.add_row(*sizes, *_found(point))
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=plain(title), title_justify="left", box=box.SIMPLE_HEAD)
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left")
    return table


def _found(point: ContrastPower | PowerPoint) -> tuple[str, str]:
    """Power with its Monte Carlo interval, and the expected width."""
    power = point.power
    ends = [100 * float(end or 0) for end in (power.estimate, power.low, power.high)]
    width = "–" if point.width is None else f"{point.width:.2f}"
    return f"{ends[0]:.0f}% [{ends[1]:.0f}, {ends[2]:.0f}]", width


def _sentences(result: PowerResult) -> list[str]:
    """What it comes to, and what was assumed."""
    plan, assumed = result.plan, result.assumed
    first = result.contrasts[0]
    wanted = f"{result.target:.0%} power"
    each = plan.attacks / plan.members
    small = result.smallest_effect
    arms = "sizes of one intervention" if first.kind == "size" else "interventions of one size"
    told = [
        f"As planned ({plan.members:,} members, {plan.attacks:,} attacks) the smallest effect "
        f"found with {wanted} is {small.rating:+.2f} rating points "
        f"({100 * small.success:+.0f} points of the success rate)."
        if small is not None
        else f"As planned no effect of a plausible size is found with {wanted}.",
        _needed(
            "members",
            result.members_needed,
            f"{each:,.1f} attacks each",
            wanted,
            any_reach=_reached(result, [p for p in result.curve if p.times_each == 1]),
        ),
        _needed(
            "attacks of each",
            result.attacks_needed,
            f"{plan.members:,} members",
            wanted,
            any_reach=_reached(result, [p for p in result.curve if p.members == plan.members]),
        ),
        f"The planned attacks carry {result.most_arms} equal {arms} with {wanted}."
        if result.most_arms
        else f"The planned attacks carry no two {arms} with {wanted}.",
        f"Found: p ≤ {result.alpha:g} / contrasts of its kind, arms drawn anew by their "
        "probabilities, as in the report; by Holm it is then found whatever the other contrasts "
        "show. "
        "Width is that of the report’s 95% interval, on average.",
    ]
    spread = f"effects that differ between members by {assumed.spread:g} of their size"
    told.append(
        f"Assumed: success rate {assumed.base:g} (rating {assumed.threshold:g} or more) without "
        f"the effect, sd {assumed.sd:g}, ICC {assumed.icc:g}, {spread}, Gini {plan.gini:.2f}; "
        f"{result.simulations:,} simulated studies, seed {result.seed}."
    )
    return told


def _reached(result: PowerResult, points: list[PowerPoint]) -> bool:
    return any((point.power.estimate or 0) >= result.target for point in points)


def _needed(what: str, number: int | None, at: str, wanted: str, *, any_reach: bool) -> str:
    if number is not None:
        return f"With {at}, about {number:,} {what} reach {wanted}."
    if any_reach:
        return f"With {at}, even the fewest {what} that were simulated reach {wanted}."
    return f"With {at}, no simulated number of {what} reaches {wanted}."
