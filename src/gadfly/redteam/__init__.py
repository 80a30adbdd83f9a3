"""WHO ATTACKS: the rules of one dialogue, assignment to arms, simulated members, briefs.

Import from the defining modules.
"""

__all__ = ["assignment", "briefs", "dialogue", "events", "members", "state"]
