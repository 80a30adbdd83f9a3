"""The mean number of turns.

Definition: the mean over attacks of the number of the assistant's replies in the dialogue.

It stands beside the minimum score of an arm because a minimum over more replies is lower by itself:
two arms whose attacks differ in length are not compared fairly by their minima.

>>> import numpy as np
>>> TurnsMean().estimate(np.array([1.0, 4.0, 4.0]))
3.0
"""

from __future__ import annotations

from dataclasses import dataclass

from gadfly.analysis.statistics.mean import Mean

__all__ = ["TurnsMean"]


@dataclass(frozen=True)
class TurnsMean(Mean):
    """The mean number of replies in a dialogue."""

    name: str = "mean number of turns"
