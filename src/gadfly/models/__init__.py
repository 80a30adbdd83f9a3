"""THE MODELS: transformers checkpoints on this machine, and how a conversation becomes tokens.

Import from the defining modules.
"""

__all__ = ["loading", "memory", "tokens"]
