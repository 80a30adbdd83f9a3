"""THE EMBEDDED WORLD: a made-up town, its tiny assistants and members, with known ground truth.

Import from the defining modules.
"""

__all__: list[str] = []
