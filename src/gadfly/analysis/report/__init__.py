"""The report: results as a page, as Markdown, as JSON, and as rows for a terminal.

Import from the defining modules.
"""

__all__ = ["markdown", "page", "ratings", "section", "sections", "tables", "write"]
