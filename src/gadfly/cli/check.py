"""``gadfly check``: every fault of a study file, and what the study will take."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from gadfly.cli.console import Json, note, out, plain, print_json

if TYPE_CHECKING:
    from gadfly.study.effort import Effort

__all__ = ["check"]


def check(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="Study file (YAML).")],
    json: Json = False,
) -> None:
    """Explain every fault of a study file and estimate calls, tokens and hours."""
    from gadfly.errors import StudyProblem
    from gadfly.run.assemble import make_scorer, open_filter
    from gadfly.run.models import checkpoint_folder
    from gadfly.settings import load_settings
    from gadfly.study.arms import LocalSpec
    from gadfly.study.effort import estimate_effort
    from gadfly.study.protocol import load_study

    file = load_study(study)
    if missing := file.study.missing_facts():
        raise StudyProblem(study, missing)
    make_scorer(file)
    for arm in file.study.arms:
        if arm.preference_model is not None:
            open_filter(study, arm.preference_model)
        if isinstance(arm.assistant, LocalSpec):
            checkpoint_folder(study, arm.assistant)
    effort = estimate_effort(file, concurrency=load_settings().concurrency)
    if json:
        print_json({"protocol_hash": file.protocol_hash, "effort": effort.as_json()})
        return
    out.print(plain(f"{study}: no fault. Protocol {file.protocol_hash[:19]}"))
    out.print(_table(effort))
    note("Assuming " + "; ".join(effort.assumptions) + ".")


def _table(effort: Effort) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(justify="right")
    table.add_column()
    table.add_row(f"{effort.attacks:,}", "attacks")
    table.add_row(f"{effort.calls:,}", f"replies, {effort.endpoint_calls:,} of them from servers")
    table.add_row(f"{effort.tokens_in:,}", "tokens read by servers")
    table.add_row(f"{effort.tokens_out:,}", "tokens written by servers")
    if effort.cost:
        table.add_row(f"{effort.cost:,.2f}", f"{effort.cost_currency} for those tokens")
    table.add_row(f"{effort.machine_hours:,.1f}", "hours of waiting for servers")
    table.add_row(f"{effort.member_hours:,.1f}", "hours of people's time")
    if effort.pay:
        table.add_row(f"{effort.pay:,.0f}", f"{effort.currency} of pay, at the least")
    return table
