"""WHO JUDGES: blind overlapping assignment, tags, training, adjudication.

Pure rules about reviews: no database, no site, no assistants. Import from the defining modules.
"""

__all__ = ["adjudication", "assignment", "materials", "rubric", "settings", "tags", "training"]
