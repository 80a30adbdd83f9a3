"""The command line: one file per verb; a command parses, calls one function and prints."""

__all__ = ["console", "main"]
