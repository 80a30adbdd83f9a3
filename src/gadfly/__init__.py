"""Gadfly: red-team studies of language models, from the first attack to the published number.

Names are loaded when they are first used (PEP 562), so that ``import gadfly`` costs nothing.

Records:   ``Attack``, ``Message``, ``PreferencePair``
Files:     ``read_attacks``, ``read_attack_frame``, ``read_pairs``, ``write_attacks``, ``convert``
Yardstick: ``Scorer``, ``open_scorer``
Studies:   ``Study``, ``load_study``
Analysis:  ``read``, ``analyze``, ``Results``, ``Estimate``, ``write_report``; ``gadfly.analysis``
Errors:    ``GadflyError``
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gadfly import analysis
    from gadfly.analysis.analyze import analyze
    from gadfly.analysis.report.write import write_report
    from gadfly.analysis.results import Results
    from gadfly.errors import GadflyError
    from gadfly.preference.protocol import Scorer
    from gadfly.preference.scoring import open_scorer
    from gadfly.records.convert import convert
    from gadfly.records.estimate import Estimate
    from gadfly.records.reading import read_attack_frame, read_attacks, read_pairs
    from gadfly.records.values import Attack, Message, PreferencePair
    from gadfly.records.writing import write_attacks
    from gadfly.run.report import read
    from gadfly.study.protocol import Study, load_study

# Threads of torch that spin while they wait stand still where other programs are busy too: the same
# work took nine times as long. This must be said before torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__all__ = [
    "Attack",
    "Estimate",
    "GadflyError",
    "Message",
    "PreferencePair",
    "Results",
    "Scorer",
    "Study",
    "analysis",
    "analyze",
    "convert",
    "load_study",
    "open_scorer",
    "read",
    "read_attack_frame",
    "read_attacks",
    "read_pairs",
    "write_attacks",
    "write_report",
]

_HOMES = {
    "Attack": "records.values",
    "Estimate": "records.estimate",
    "GadflyError": "errors",
    "Message": "records.values",
    "PreferencePair": "records.values",
    "Results": "analysis.results",
    "Scorer": "preference.protocol",
    "Study": "study.protocol",
    "analyze": "analysis.analyze",
    "convert": "records.convert",
    "load_study": "study.protocol",
    "open_scorer": "preference.scoring",
    "read": "run.report",
    "read_attack_frame": "records.reading",
    "read_attacks": "records.reading",
    "read_pairs": "records.reading",
    "write_attacks": "records.writing",
    "write_report": "analysis.report.write",
}


def __getattr__(name: str) -> Any:
    if name == "analysis":
        import_module("gadfly.analysis.questions")  # and with it every topic
        return import_module("gadfly.analysis")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'gadfly' has no attribute {name!r}")
    return getattr(import_module(f"gadfly.{home}"), name)


def __dir__() -> list[str]:
    return __all__
