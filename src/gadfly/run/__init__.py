"""HOW IT RUNS: assembles a study, drives its dialogues, saves each step, resumes, scores, reports.

Import from the defining modules.
"""

__all__ = [
    "assemble",
    "budget",
    "casts",
    "collect",
    "demo",
    "gather",
    "journal",
    "models",
    "notes",
    "power",
    "probes",
    "report",
    "reproduce",
    "scoring",
    "surveys",
    "tally",
    "training",
    "truth",
]
