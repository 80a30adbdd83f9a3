"""WHAT IT MEANS: from a frame of attacks to results, figures and the report.

``analyze.analyze`` makes results, ``report.write.write_report`` writes them. Import from the
defining modules.
"""

__all__ = [
    "agreement",
    "analyze",
    "arms",
    "bootstrap",
    "calibration",
    "coefficients",
    "density",
    "embedding",
    "figures",
    "findings",
    "order",
    "power",
    "provenance",
    "questions",
    "report",
    "reproduce",
    "results",
    "sample",
    "schema",
    "simulate",
    "statistics",
    "topics",
    "trials",
    "truth",
    "words",
]
