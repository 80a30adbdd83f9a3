"""THE SITE: pages for members, reviewers and owners, and the platforms that people come from.

Import from the defining modules.
"""

__all__ = [
    "access",
    "app",
    "leaving",
    "page",
    "pages",
    "passwords",
    "platforms",
    "serving",
    "showing",
    "standing",
    "templates",
    "worker",
]
