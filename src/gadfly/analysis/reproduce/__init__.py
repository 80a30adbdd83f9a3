"""The paper beside a file: its published numbers, ours, and whether they agree.

``published`` holds the numbers of Ganguli et al. 2022 with the source of each, ``identity`` says
what a file is, ``figures`` and ``released`` work out ours and ``bounds`` how far the published may
lie from them, ``compare`` puts both side by side, ``reproduce`` runs it all. Import from the
defining modules.
"""

__all__ = [
    "bounds",
    "compare",
    "figures",
    "identity",
    "published",
    "released",
    "reproduce",
    "write",
]
