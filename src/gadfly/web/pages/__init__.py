"""The pages, one module for each task of somebody.

Import from the defining modules.
"""

__all__ = [
    "about_you",
    "arrive",
    "care",
    "dialogue",
    "door",
    "exports",
    "feelings",
    "letters",
    "member",
    "members",
    "owner",
    "pay",
    "reading",
    "report",
    "review",
    "review_lead",
    "review_start",
    "wellbeing",
    "withdraw",
]
