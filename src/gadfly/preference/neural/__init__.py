"""NEURAL PREFERENCE MODELS: transformers sequence classifiers with one output, trained by TRL.

Import from the defining modules.
"""

__all__ = ["batches", "one_pass", "scorer", "sequences", "settings", "trainer", "training", "work"]
