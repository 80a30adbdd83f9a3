"""THE SITE: pages for members, reviewers and owners, and the platforms that people come from.

Import from the defining modules.
"""

__all__ = [
    "access",
    "app",
    "asking",
    "following",
    "judging",
    "leaving",
    "markdown",
    "page",
    "pages",
    "passwords",
    "pausing",
    "paying",
    "platforms",
    "policy",
    "routes",
    "serving",
    "showing",
    "standing",
    "telling",
    "templates",
    "worker",
]
