"""WHERE IT IS KEPT: tables, queries and migrations; nothing else in Gadfly speaks SQL.

Import from the defining modules.
"""

__all__ = ["database", "rows", "statements", "store", "tables"]
