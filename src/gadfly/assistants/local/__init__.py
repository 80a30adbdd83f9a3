"""LOCAL MODELS: any transformers causal LM on this machine as an assistant.

Import from the defining modules. None of them loads torch before it is used, but for ``kv`` and
``shared``, which are imported inside functions only.
"""

__all__ = [
    "alone",
    "batch",
    "batching",
    "drawing",
    "embedding",
    "kv",
    "local",
    "prefixes",
    "sampling",
    "shared",
]
