"""THE YARDSTICK: the harmlessness preference model: protocol, training, scoring, evaluation.

Import from the defining modules.
"""

__all__ = [
    "card",
    "constant",
    "evaluate",
    "features",
    "folder",
    "lexicon",
    "lineage",
    "linear",
    "making",
    "measures",
    "neural",
    "ngrams",
    "pairs",
    "protocol",
    "scoring",
    "train",
    "words",
]
