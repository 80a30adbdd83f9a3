"""The paper beside a file: its published numbers, ours, and whether they agree.

``published`` holds the numbers of Ganguli et al. 2022 with the source of each, ``identity`` says
what a file is, ``own`` works out ours and how far the paper's filter may have moved them,
``compare`` puts both side by side, ``reproduce`` runs it all. Import from the defining modules.
"""

__all__ = ["compare", "digest", "identity", "own", "published", "reproduce", "write"]
