"""THE RECORD: what a study leaves behind, as frozen values, and the files that hold it.

Import from the defining modules.
"""

__all__ = [
    "canonical",
    "columns",
    "convert",
    "estimate",
    "files",
    "frame",
    "native",
    "notebook",
    "opening",
    "output",
    "pairs",
    "ratings",
    "reading",
    "refusal",
    "released",
    "review_ratings",
    "reviews",
    "rows",
    "sifting",
    "static_scores",
    "transcript",
    "truth",
    "values",
    "writing",
]
