"""What an analysis starts from: a frame of attacks, and what a reader must know beyond it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import polars as pl

from gadfly.analysis.analyze import analyze
from gadfly.analysis.questions import Beside
from gadfly.analysis.results import Design, Mark, Results, SourceInfo
from gadfly.analysis.topics.tags import Rule
from gadfly.analysis.truth import Truth
from gadfly.analysis.words import safe
from gadfly.records.values import Arm

__all__ = ["Analysable"]


@dataclass(frozen=True, repr=False)
class Analysable:
    """What an analysis starts from."""

    frame: pl.DataFrame
    source: SourceInfo
    marks: Mapping[Arm, Mark] | None
    """Lineage mark of each arm; ``None`` leaves it to the analysis."""
    design: Design
    notes: tuple[str, ...]
    success_threshold: float
    tag_rule: Rule = "any"
    """Which of an attack's reviewers must give a tag, where the caller does not say."""
    truth: Truth | None = None
    """What is known beyond ratings and scores; ``None`` where nothing is."""
    beside: Beside | None = None
    """Reviews and surveys of a study; ``None`` where there are none."""

    def __repr__(self) -> str:
        """What it is in a line; the frame shows attacks."""
        attacks, arms = self.frame.height, self.frame.n_unique(("model_type", "num_params"))
        title = safe(self.source.title)
        return f"{title}: {attacks:,} attacks on {arms:,} arms; results() analyses them"

    def _repr_html_(self) -> str:
        """The same for a notebook."""
        return f"<p>{escape(repr(self))}</p>"

    def results(
        self,
        *,
        success_threshold: float | None = None,
        tag_rule: Rule | None = None,
        **options: Any,
    ) -> Results:
        """Its analysis, with the options of :func:`gadfly.analysis.analyze.analyze`."""
        return analyze(
            self.frame,
            source=self.source,
            success_threshold=(
                self.success_threshold if success_threshold is None else success_threshold
            ),
            tag_rule=tag_rule or self.tag_rule,
            marks=self.marks,
            design=self.design,
            notes=self.notes,
            truth=self.truth,
            beside=self.beside,
            **options,
        )
