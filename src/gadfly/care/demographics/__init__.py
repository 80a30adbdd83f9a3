"""What people may say of who they are: questions as YAML, and counts in which nobody is found.

Import from the defining modules.
"""

__all__ = ["counts", "questions"]
