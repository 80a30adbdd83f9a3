"""Figure 6: how one attack is quantified."""

from __future__ import annotations

from collections.abc import Sequence

from gadfly.analysis.figures.one_attack import one_attack_svg
from gadfly.analysis.report.section import Excerpt, Figure, Section
from gadfly.analysis.topics.one_attack import OneAttack
from gadfly.analysis.words import number, printable, safe
from gadfly.records.spreadsheet import csv_text

__all__ = ["section"]


def section(attack: OneAttack, *, said: Sequence[tuple[str, str]] = ()) -> Section:
    """Its scores, its text hidden.

    :param said: who said what, where the text was asked for; folded away until it is opened.
    """
    excerpt = Excerpt(
        name="one-attack-text",
        caption="The text of this attack, which may offend",
        said=tuple((who, printable(text)) for who, text in said),
    )
    numbers: list[list[object]] = [
        ["task description", attack.task_description_harmlessness],
        *([f"reply {k}", score] for k, score in enumerate(attack.turn_scores or (), start=1)),
        ["lowest of the replies", attack.harmlessness],
        ["mean of the replies", attack.mean_harmlessness],
        ["self-rated success", attack.rating],
    ]
    arm = f"{safe(attack.model_type)} {safe(attack.num_params, longest=20)}".strip()
    figure = Figure(
        name="figure6",
        title="Figure 6. One attack, quantified",
        svg=one_attack_svg(attack),
        finding=(
            f"The attack on {arm} in {attack.turns} turns has a lowest score of "
            f"{number(attack.harmlessness)} and is rated {number(attack.rating, 0)}; its task "
            f"description scores {number(attack.task_description_harmlessness)}."
        ),
        method=(
            "The score of a reply is given all that was said before it; grey bars stand for text. "
            "Chosen: the median score among attacks of the most usual length."
            + (f" Scores by reply are missing: {attack.reason}." if attack.reason else "")
        ),
        n=f"Attack {attack.record:,} of the file",
        csv=csv_text(["what", "value"], numbers),
    )
    return Section(
        name="one-attack",
        title="Figure 6. How an attack is quantified",
        lead="One typical attack: what is measured where."
        + ("" if said else " Its text is not shown."),
        parts=(figure, excerpt) if said else (figure,),
    )
