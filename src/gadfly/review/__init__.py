"""WHO JUDGES: blind overlapping assignment, tags, training, adjudication.

Pure rules about reviews: no database, no site, no assistants. Import from the defining modules.
"""

__all__ = ["adjudication", "assignment", "materials", "settings", "tags", "training"]
