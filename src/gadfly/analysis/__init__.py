"""WHAT IT MEANS: from a frame of attacks to results, figures and the report.

``analyze.analyze`` makes results, ``report.write.write_report`` writes them. Import from the
defining modules; a notebook may name them, and they are loaded then (PEP 562).
"""

from importlib import import_module
from types import ModuleType

__all__ = [
    "aggregation",
    "agreement",
    "analyze",
    "arms",
    "bootstrap",
    "calibration",
    "coefficients",
    "coin",
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


def __getattr__(name: str) -> ModuleType:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    return __all__
