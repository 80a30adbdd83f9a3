"""What a notebook shows of a record: names and values, a table for each level, all of it escaped.

Long tables and texts are cut, and say by how much; the record holds everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from pydantic import BaseModel

__all__ = ["as_html"]

_ROWS = 20
_LETTERS = 200
_ESTIMATE = {"estimate", "low", "high", "level", "n", "method", "reason"}  # itself a record


def as_html(record: BaseModel) -> str:
    """A record as a table of its fields."""
    return _table(((name, value) for name, value in record), head=())


def _value(value: Any) -> str:
    if isinstance(value, BaseModel):
        return _estimate(value) if set(dict(value)) == _ESTIMATE else as_html(value)
    if isinstance(value, Mapping):
        return _table(value.items(), head=())
    if isinstance(value, (tuple, list, set, frozenset)):
        return _many(list(value))
    if value is None:
        return "–"
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    more = f" … {len(text) - _LETTERS:,} letters more" if len(text) > _LETTERS else ""
    return escape(text[:_LETTERS]) + more


def _estimate(found: Any) -> str:
    """The number, its interval, and why something is missing; how it was made, where one points."""
    ends = "" if found.low is None else f" [{_value(found.low)}, {_value(found.high)}]"
    why = f"; {escape(found.reason)}" if found.reason else ""
    made = escape(f"{100 * found.level:g}%, n = {found.n:,}; {found.method}")
    return f'<span title="{made}">{_value(found.estimate)}{ends}{why}</span>'


def _many(values: list[Any]) -> str:
    """Records of one kind as rows, what is the same in all of them once below; everything else in
    one line.
    """
    if values and all(isinstance(v, BaseModel) and type(v) is type(values[0]) for v in values):
        rows = [dict(value) for value in values]
        alike = {name: v for name, v in rows[0].items() if all(row[name] == v for row in rows)}
        alike = alike if 0 < len(alike) < len(rows[0]) else {}
        head = tuple(name for name in rows[0] if name not in alike)
        shown = _table((tuple(row[name] for name in head) for row in rows), head=head)
        return shown + (f"<p>In all rows:</p>{_table(alike.items(), head=())}" if alike else "")
    shown = ", ".join(_value(v) for v in values[:_ROWS])
    return shown + (f" … {len(values) - _ROWS:,} more" if len(values) > _ROWS else "")


def _table(rows: Iterable[tuple[Any, ...]], *, head: tuple[str, ...]) -> str:
    every = list(rows)
    cut = every[:_ROWS] if head else every
    top = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    lines = [f"<tr>{top}</tr>"] if head else []
    for first, *rest in cut:
        cell = f"<td>{_value(first)}</td>" if head else f'<th scope="row">{escape(str(first))}</th>'
        lines.append(f"<tr>{cell}{''.join(f'<td>{_value(v)}</td>' for v in rest)}</tr>")
    more = f"<p>… {len(every) - len(cut):,} rows more</p>" if len(every) > len(cut) else ""
    return f"<table>{''.join(lines)}</table>{more}"
