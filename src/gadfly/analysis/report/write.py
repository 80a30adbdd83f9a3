"""Write a report: one page that needs nothing else, the same in Markdown, and the results.

Everything is drawn from the results alone, which hold no text of any transcript. Each file is
written beside its place and then moved there, so a reader never meets half a file.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from gadfly.analysis.figures.figure1 import figure1_csv, figure1_svg
from gadfly.analysis.figures.figure2 import figure2_svg
from gadfly.analysis.findings import KIND_NAMES, agreement_sentence, attackers, span_sentence
from gadfly.analysis.report import tables
from gadfly.analysis.report.markdown import escape
from gadfly.analysis.results import ArmResult, Results, results_json
from gadfly.analysis.words import arm_name, safe
from gadfly.errors import OperatorError
from gadfly.records.output import beside

__all__ = ["ReportFiles", "write_report"]

_BRACKETS = re.compile(r"\S+ \[[^\[\]]{1,40}\]")
_TITLE = 120  # characters of a title


@dataclass(frozen=True)
class ReportFiles:
    """Where a report was written."""

    html: Path
    """The page."""
    markdown: Path
    """The same in Markdown; shows figure1.svg beside it."""
    results: Path
    """The results as JSON."""
    figure1: Path
    """Figure 1 as SVG."""
    figure2: Path | None
    """Figure 2 as SVG; ``None`` where nothing is known beyond ratings and scores."""


def write_report(results: Results, out: Path) -> ReportFiles:
    """Write report.html, report.md, results.json and the figures' SVG into a folder.

    A figure 2 of an earlier report is removed where there is none now.
    """
    svg, second = figure1_svg(results), figure2_svg(results)
    files = ReportFiles(
        html=out / "report.html",
        markdown=out / "report.md",
        results=out / "results.json",
        figure1=out / "figure1.svg",
        figure2=None if second is None else out / "figure2.svg",
    )
    page = _context(results)
    json = results_json(results)
    page["svg"] = svg
    page["svg2"] = second
    page["csv_uri"] = _data_uri("text/csv", figure1_csv(results).encode())
    page["json_uri"] = _data_uri("application/json", json)
    try:
        out.mkdir(parents=True, exist_ok=True)
        _write(files.html, _environment(html=True).get_template("report.html.j2").render(page))
        _write(files.markdown, _environment(html=False).get_template("report.md.j2").render(page))
        _write(files.figure1, svg)
        if second is not None:
            _write(out / "figure2.svg", second)
        else:
            (out / "figure2.svg").unlink(missing_ok=True)
        _write(files.results, json.decode())
    except OSError as error:
        raise OperatorError(
            f"{out}: the report cannot be written: {error.strerror or error}; "
            "choose a folder that can be written to, with room on its disk"
        ) from error
    return files


def _environment(*, html: bool) -> Environment:
    """Templates of this package; HTML is escaped by itself, Markdown by the filter ``md``."""
    environment = Environment(
        loader=PackageLoader("gadfly.analysis.report"),
        autoescape=html,  # noqa: S701  (Markdown escapes by its own filter)
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["md"] = escape
    environment.filters["tight"] = _tight
    environment.filters["name"] = safe
    return environment


def _tight(text: str) -> str:
    """Intervals that do not break over two lines, and signs that stay with their names."""
    whole = _BRACKETS.sub(lambda found: found[0].replace(" ", "\u00a0"), text)
    return re.sub(" (?=[†‡]$)", "\u00a0", whole)


def _context(results: Results) -> dict[str, Any]:
    """What both templates show."""
    return {
        "results": results,
        "provenance": results.provenance,
        "title": safe(results.title, longest=_TITLE),
        "input_name": safe(results.provenance.input_name, longest=_TITLE),
        "people": KIND_NAMES[results.attacker_kind],
        "attackers": attackers(results),
        "level": f"{results.level * 100:g}%",
        "tables": [tables.arms_table(results), tables.tails_table(results)],
        "truth": [
            table
            for table in (tables.truth_table(results), tables.agreement_table(results))
            if table is not None
        ],
        "agreement": agreement_sentence(results),
        "doubts": tables.doubts_table(results),
        "outcomes": tables.outcomes_table(results),
        "marks": {arm.lineage_mark for arm in results.arms},
        "finding": [
            span_sentence(results.arms, "rating", what="Mean self-rated success"),
            span_sentence(results.arms, "min_harmlessness", what="Mean min harmlessness"),
            span_sentence(results.arms, "cvar05", what="The mean of its worst 5%"),
        ],
        "rated": _range(results.arms, "rating"),
        "scored": _range(results.arms, "min_harmlessness"),
        "seeds": _seeds(results),
        "arguments": _arguments(results),
        "created": results.provenance.created_at.strftime("%Y-%m-%d %H:%M UTC"),
    }


def _range(arms: tuple[ArmResult, ...], statistic: str) -> str:
    """Number of attacks behind a statistic, lowest to highest arm."""
    counts = [getattr(arm, statistic).n for arm in arms]
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _seeds(results: Results) -> list[tuple[str, str, int]]:
    """Arm, column and seed of every bootstrap."""
    names = {(arm.model_type, arm.num_params): arm_name(arm) for arm in results.arms}
    return [
        (names[seed.model_type, seed.num_params], seed.column, seed.seed)
        for seed in results.provenance.seeds
    ]


def _arguments(results: Results) -> list[tuple[str, str]]:
    """Arguments as used, as short text; marks and notes have places of their own."""
    used = results.provenance.arguments_used
    given = results.provenance.arguments_given
    return [
        (name, safe(str(value)) + ("" if given.get(name) == value else " (chosen by Gadfly)"))
        for name, value in used.items()
        if name not in ("marks", "notes")
    ]


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _write(path: Path, text: str) -> None:
    with beside(path) as file:
        file.write(text.encode(errors="backslashreplace"))
