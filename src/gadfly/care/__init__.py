"""WHO IS LOOKED AFTER: consent, limits, pay, opt-outs, feelings, and what is done about them.

Import from the defining modules.
"""

__all__ = [
    "demographics",
    "feelings",
    "following",
    "forms",
    "instruments",
    "journey",
    "limits",
    "pay",
    "settings",
    "topics",
    "wording",
]
