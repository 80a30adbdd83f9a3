"""THE EMBEDDED WORLD: a made-up town, its tiny assistants and members, with known ground truth.

Import from the defining modules.
"""

__all__ = [
    "build",
    "card",
    "comparisons",
    "dialogues",
    "members",
    "pretraining",
    "reader",
    "recipe",
    "replies",
    "shipped",
    "talk",
    "trial",
    "world",
]
