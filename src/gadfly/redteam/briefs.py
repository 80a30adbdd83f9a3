"""Briefs: the instructions that an attacker is shown, as Markdown with id and version.

Its front matter may also name the field whose experts it is for, and the topics that it leads to.

A brief ships beside this module, or stands beside the study file. Its id and version go on every
attack; its text is part of the study's hash.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from gadfly.records.texts import VersionedText, plain, read_text

__all__ = ["Brief", "choose_brief", "read_brief"]

_PACKAGE = "gadfly.redteam"


class Brief(VersionedText):
    """Instructions shown to an attacker."""

    domain: str | None = None
    """Given to experts of this field alone."""
    topics: tuple[str, ...] = ()
    """Topics that it leads to: not given to who opted out of one."""


def choose_brief(
    briefs: Sequence[Brief],
    given: Mapping[str, int],
    *,
    domains: Collection[str],
    avoid: Collection[str],
    draw: random.Random,
) -> Brief | None:
    """The brief that a person is given: the least given of those that suit them, ties by a coin.

    A brief suits who is expert in its field, if it names one, and who opted out of none of its
    topics. Who is expert in the field of one is given none that is for everybody. ``None`` where no
    brief suits.

    :param given: how many people were given each, by label.
    """
    known = {plain(domain) for domain in domains}
    open_to = [b for b in briefs if b.domain is None or plain(b.domain) in known]
    suits = [b for b in open_to if not set(b.topics) & set(avoid)]
    fitting = [b for b in suits if b.domain is not None] or suits
    if not fitting:
        return None
    fewest = min(given.get(brief.label, 0) for brief in fitting)
    return draw.choice([brief for brief in fitting if given.get(brief.label, 0) == fewest])


def read_brief(name: str, beside: Path) -> Brief:
    """A shipped brief by name, or a Markdown file beside the study.

    :raises FileProblem: there is none of that name, or its front matter is broken.
    """
    return read_text(Brief, name, package=_PACKAGE, beside=beside, what="brief")
