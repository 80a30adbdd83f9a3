"""``gadfly power``: how likely a study is to find an effect, and what it would take."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich import box
from rich.table import Table

from gadfly.cli.console import Json, note, out, plain, print_json, progress, settings

if TYPE_CHECKING:
    from gadfly.analysis.power import PowerResult
    from gadfly.records.estimate import Estimate

__all__ = ["power"]


def power(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="Study file (YAML).")],
    effect: Annotated[
        float,
        typer.Option(
            help="Difference of an arm from the first that the study should find: in rating points "
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
    alpha: Annotated[float, typer.Option(help="Two-sided error of each contrast.")] = 0.05,
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
        typer.Option(help="Share of the variance within an arm that is between members; 0.2."),
    ] = None,
    spread: Annotated[
        float | None,
        typer.Option(
            help="How much the effect differs between members: its standard deviation over its "
            "mean; 0.5. With 0 every member sees the same effect."
        ),
    ] = None,
    sd: Annotated[
        float | None, typer.Option(max=2, help="Standard deviation of ratings within an arm; 1.5.")
    ] = None,
    base: Annotated[float | None, typer.Option(help="Success rate of the first arm; 0.34.")] = None,
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

    Members are simulated as unevenly busy as --gini says, and their attacks assigned as the study
    assigns them: by a biased coin, blind, within each member. A contrast is found where the
    interval of the difference of two arms, with members as its units, excludes 0. Every arm is
    compared with the first of the file; nothing is corrected for several comparisons (for k of
    them, give --alpha 0.05/k). The same seed gives the same numbers.
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
    with progress("Attacks assigned") as tell:
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
    first, *_ = result.plan.quotas
    assumed = result.assumed
    unit = "points of rating" if assumed.outcome == "rating" else "of the success rate"
    title = f"To find {assumed.effect:+g} {unit}, against {first}"
    table = _table(title, "Arm", "Attacks", "Power")
    for contrast in result.contrasts:
        table.add_row(plain(contrast.arm), f"{contrast.attacks:,}", _share(contrast.power))
    return table


def _sizes(result: PowerResult) -> Table:
    """Studies of other sizes, and other numbers of arms."""
    table = _table("Other sizes", "Members", "Attacks of each", "Arms", "Power")
    for place, point in enumerate((*result.curve, *result.by_arms)):
        if place == len(result.curve):
            table.add_section()
        each = f"{point.attacks_per_member:,.1f}"
        table.add_row(f"{point.members:,}", each, f"{point.arms}", _share(point.power))
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=plain(title), title_justify="left", box=box.SIMPLE_HEAD)
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left")
    return table


def _share(power: Estimate) -> str:
    """With its Monte Carlo interval."""
    ends = [100 * float(end or 0) for end in (power.estimate, power.low, power.high)]
    return f"{ends[0]:.0f}% [{ends[1]:.0f}, {ends[2]:.0f}]"


def _sentences(result: PowerResult) -> list[str]:
    """What it comes to, and what was assumed."""
    plan, assumed = result.plan, result.assumed
    wanted = f"{result.target:.0%} power"
    each = plan.attacks / plan.members
    small = result.smallest_effect
    told = [
        f"As planned ({plan.members:,} members, {plan.attacks:,} attacks) the smallest effect "
        f"found with {wanted} is {small:+.2g}."
        if small is not None
        else f"As planned no effect of a plausible size is found with {wanted}.",
        _needed("members", result.members_needed, f"{each:,.1f} attacks each", wanted),
        _needed("attacks of each", result.attacks_needed, f"{plan.members:,} members", wanted),
        f"The planned attacks carry {result.most_arms} equal arms with {wanted}."
        if result.most_arms
        else f"The planned attacks carry no two arms with {wanted}.",
    ]
    parts = f"sd {assumed.sd:g}" if assumed.outcome == "rating" else f"base rate {assumed.base:g}"
    told.append(
        f"Assumed: {parts}, ICC {assumed.icc:g}, effects that differ between members by "
        f"{assumed.spread:g} of their size, Gini {plan.gini:.2f}; two-sided alpha "
        f"{result.alpha:g}; {result.simulations:,} simulated studies, seed {result.seed}."
    )
    return told


def _needed(what: str, number: int | None, at: str, wanted: str) -> str:
    if number is None:
        return f"With {at}, no simulated number of {what} just reaches {wanted}: see the table."
    return f"With {at}, about {number:,} {what} reach {wanted}."
