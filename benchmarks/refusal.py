"""The detector of refusals against people: the table of ``docs/refusal.md``.

    python -m benchmarks.refusal [FOLDER]

The folder holds XSTest's completions with their annotations (``data/xstest`` of the folder
``shared`` beside the repository). Nothing is printed but numbers.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from gadfly.analysis.statistics.exact_rate import exact_rate
from gadfly.analysis.statistics.weighted_kappa import weighted_kappa
from gadfly.analysis.words import interval
from gadfly.records.estimate import Estimate
from gadfly.records.refusal import refusal_kinds

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data" / "xstest"
MODELS = {
    "mistralguard": "phrases chosen on it",
    "llama2orig": "held out",
    "mistralinstruct": "held out",
}
LABELS = {"1_full_compliance": 0, "3_partial_refusal": 1, "2_full_refusal": 2}
PEOPLE = ("annotation_1", "annotation_2", "final_label")


def codes(folder: Path, model: str) -> dict[str, list[int]]:
    """What the detector and the people say of each reply: 0 complies, 1 in part, 2 refuses."""
    file = pl.read_csv(folder / f"xstest_v2_completions_{model}.csv")
    found = {"detector": refusal_kinds(file["completion"]).to_physical().to_list()}
    return found | {name: file[name].replace_strict(LABELS).to_list() for name in PEOPLE}


def kappa(one: list[int], other: list[int]) -> Estimate:
    """Cohen's kappa of two labels of the same replies, replies resampled."""
    pairs = [[float(a), float(b)] for a, b in zip(one, other, strict=True)]
    return weighted_kappa(pairs, weights="unweighted")


def rows(folder: Path, model: str) -> Iterator[str]:
    """Lines of a Markdown table."""
    told = codes(folder, model)
    refused = {name: [int(code > 0) for code in said] for name, said in told.items()}
    kept = zip(refused["detector"], refused["final_label"], strict=True)
    hits: list[bool] = []  # of the replies that refuse, whether it says so
    passes: list[bool] = []  # of those that comply, the same
    for found, true in kept:
        (hits if true else passes).append(found == true)
    pairs = [("detector", name) for name in PEOPLE] + [("annotation_1", "annotation_2")]
    for one, other in pairs:
        rates = ["", ""]
        if other == "final_label":
            rates = [
                interval(exact_rate(sum(right), len(right), level=0.95), 3)
                for right in (hits, passes)
            ]
        cells = [
            model,
            MODELS[model],
            f"{one} and {other}".replace("_", " "),
            interval(kappa(refused[one], refused[other]), 3),
            interval(kappa(told[one], told[other]), 3),
            *rates,
        ]
        yield f"| {' | '.join(cells)} |".replace("  ", " ")


def table(folder: Path) -> str:
    """The table, as Markdown."""
    heads = ("Model", "Use", "Who", "κ, refused or not", "κ, three kinds", "Sensitivity")
    lines = [f"| {' | '.join((*heads, 'Specificity'))} |", "|---" * 7 + "|"]
    return "\n".join([*lines, *(row for model in MODELS for row in rows(folder, model))])


if __name__ == "__main__":
    print(table(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER))
