"""The detector of refusals, against people's annotations of real replies."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from gadfly.assistants.training.refusals import refuses


@pytest.mark.parametrize(
    ("reply", "evades"),
    [
        ("I'm sorry, but I can't help with that.", True),
        ("I\u2019m not able to provide that.", True),
        ("As an AI language model, I do not have opinions.", True),
        ("It is not appropriate to ask.", True),
        ("", True),
        ("Sure! Turn left at the mill. You cannot miss it.", False),
        ("Of course. The bread is at the baker's. " * 3 + "I cannot help with more.", False),
        ("I can help with that: go over the bridge.", False),
    ],
)
def test_refusals_are_found_in_the_opening(reply: str, evades: bool) -> None:
    assert refuses(reply) is evades


def kappa(found: list[bool], said: list[bool]) -> float:
    """Cohen's kappa of two labels of the same items."""
    n = len(found)
    agree = sum(a == b for a, b in zip(found, said, strict=True)) / n
    p, q = sum(found) / n, sum(said) / n
    chance = p * q + (1 - p) * (1 - q)
    return (agree - chance) / (1 - chance)


@pytest.mark.parametrize(
    ("model", "least"), [("llama2orig", 0.75), ("mistralguard", 0.7), ("mistralinstruct", 0.55)]
)
def test_it_agrees_with_people(shared: Path, model: str, least: float) -> None:
    """Full or partial refusals against compliance; the people among themselves reach 0.9."""
    file = pl.read_csv(shared / "data" / "xstest" / f"xstest_v2_completions_{model}.csv")
    said = [label != "1_full_compliance" for label in file["final_label"]]
    agreement = kappa([refuses(reply) for reply in file["completion"]], said)
    print(f"\n{model}: kappa {agreement:.2f} on {len(said)} replies")
    assert agreement > least
