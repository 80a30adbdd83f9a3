"""THE SITE: pages for members, reviewers and owners, and the platforms that people come from.

Import from the defining modules.
"""

__all__ = ["platforms"]
