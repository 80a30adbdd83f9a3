"""How often intervals hold the truth: every method against studies whose truth was planted.

``python -m gadfly.analysis.calibration`` (``make calibrate``) measures them all and writes
docs/calibration.md and docs/calibration.json. A method is entered in ``entries.py`` in a few lines.
"""

__all__ = [
    "arms",
    "beside",
    "compared",
    "entries",
    "entry",
    "judged",
    "measure",
    "models",
    "people",
    "raters",
    "reading",
    "table",
    "truths",
]
