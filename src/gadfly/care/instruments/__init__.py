"""How people are asked how they feel: instruments as YAML, their scores, a rule for distress.

Import from the defining modules. Shipped are those whose authors allow it, with their credit;
others load from a file beside the study.
"""

__all__ = ["instrument", "scores"]
