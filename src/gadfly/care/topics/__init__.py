"""What a person may opt out of: topics, the classifier that finds them, and how well it does.

Import from the defining modules. Topics are YAML: ``standard``, the embedded town's, a study's own.
"""

__all__ = ["classifier", "measured", "topic"]
