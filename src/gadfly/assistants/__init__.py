"""WHO IS ATTACKED: the protocol of an assistant, and the assistants that speak it.

Import from the defining modules.
"""

__all__ = [
    "answers",
    "endpoint",
    "faults",
    "interventions",
    "limiter",
    "prompts",
    "protocol",
    "scripted",
    "server",
]
