"""Hostile text in Markdown: it stays text, in a paragraph and in a table cell."""

from __future__ import annotations

import re

__all__ = ["escape"]

_SPECIAL = re.compile(r"([\\`*_|#~$])")


def escape(text: str) -> str:
    """Text that Markdown prints as it stands: no markup, no HTML, no link, one line.

    Brackets of HTML become entities, because not every renderer heeds a backslash before one.

    >>> escape("a|b <i> [x](http://example.org)")
    'a\\\\|b &lt;i&gt; [x]\\\\(http\\\\://example.org)'
    """
    shown = " ".join(text.splitlines())
    shown = shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    shown = _SPECIAL.sub(r"\\\1", shown)
    shown = shown.replace("](", "]\\(").replace("://", "\\://")
    return re.sub(r"www\.", r"www\\.", shown, flags=re.IGNORECASE)
