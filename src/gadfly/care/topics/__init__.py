"""What a person may opt out of: topics, and the classifier that finds them in a dialogue.

Import from the defining modules. Topics are YAML: ``standard``, the embedded town's, a study's own.
"""

__all__ = ["classifier", "topic"]
