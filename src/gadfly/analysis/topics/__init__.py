"""What is asked of a study, one question a file: a frame of attacks in, a named result out.

Each file defines its result (a record that stands in ``results.json``) and the function that makes
it. How it is shown stands in ``report/sections`` under the same name, how it is drawn in
``figures``. Topics build on ``statistics``, never on each other's results or the report.
"""

__all__ = [
    "cells",
    "contrasts",
    "counts",
    "coverage",
    "efficacy",
    "evasion",
    "judge_arm",
    "judge_calibration",
    "judges",
    "labels",
    "map",
    "missing",
    "mixed",
    "mixed_design",
    "mixed_fit",
    "one_attack",
    "people",
    "ratings",
    "scores",
    "sequential",
    "static",
    "surveys",
    "tags",
    "tails",
    "traps",
    "turns",
]
