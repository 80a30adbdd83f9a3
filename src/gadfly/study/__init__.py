"""THE PROTOCOL: the validated study file, its faults in plain words, and what it will take.

Import from the defining modules.
"""

__all__ = ["arms", "arrival", "effort", "faults", "fixed", "protocol"]
