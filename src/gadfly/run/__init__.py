"""HOW IT RUNS: assembles a study, drives its dialogues, saves each step, resumes, scores, reports.

Import from the defining modules.
"""

__all__ = ["assemble", "collect", "demo", "journal", "probes", "report", "scoring", "truth"]
