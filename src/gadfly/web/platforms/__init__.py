"""WHERE PEOPLE COME FROM: how they arrive from a crowd platform, and how it learns to pay them.

Import from the defining modules.
"""

__all__ = ["arrival", "external_question", "fake", "prolific", "redirect", "signatures", "webhooks"]
