"""Markdown to HTML that is safe to show, for consent, briefs and every other text of a study.

A researcher writes these texts, so they are trusted to say anything, and nothing more: HTML in them
is shown as letters, pictures are links, and a link goes to the web or to a mailbox, in a tab of its
own. Headings begin one level down, because each page has a heading of its own.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping, Sequence
from functools import lru_cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from markupsafe import Markup

__all__ = ["markdown"]

_LINK = re.compile(r"(https?://|mailto:)[^\s]", re.IGNORECASE)
_DEEPEST = 6


@lru_cache(maxsize=256)  # texts of studies: the same for everybody
def markdown(text: str, *, top: int = 2) -> Markup:
    """Safe HTML of a Markdown text (CommonMark with tables).

    :param top: level of the heading that ``#`` makes, 1 to 6.
    """
    tokens = _PARSER.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + top - 1, _DEEPEST)}"
        if token.attrs.pop("style", None) == "text-align:right":  # inline style is not allowed
            token.attrSet("class", "number")
    html = _PARSER.renderer.render(tokens, _PARSER.options, {})
    return Markup(html)  # noqa: S704  (the parser escapes all that is not its own)


def _open_link(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    place: int,
    options: OptionsDict,
    env: MutableMapping[str, Any],
) -> str:
    tokens[place].attrSet("rel", "noopener noreferrer")
    tokens[place].attrSet("target", "_blank")
    return renderer.renderToken(tokens, place, options, env)


class _Parser(MarkdownIt):
    def validateLink(self, url: str) -> bool:  # noqa: N802 - the library's name
        return bool(_LINK.match(url))


def _parser() -> MarkdownIt:
    parser = _Parser("commonmark", {"html": False}).enable("table").disable("image")
    parser.add_render_rule("link_open", _open_link)
    return parser


_PARSER = _parser()
