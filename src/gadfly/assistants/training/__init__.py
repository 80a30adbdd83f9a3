"""TRAINING: assistants made from other assistants, by distillation and by reinforcement.

Import from the defining modules.
"""

__all__ = [
    "cards",
    "distilled",
    "divergence",
    "folders",
    "lineages",
    "policy",
    "progress",
    "prompts",
    "reward",
    "rloo",
    "settings",
    "texts",
]
