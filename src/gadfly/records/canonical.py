"""The canonical form of a record and its content hash.

One value has one text: JSON in UTF-8, keys sorted, no spaces, every field present, floats in their
shortest form that reads back, never NaN or infinity. The content hash is SHA-256 of that text, so
two people who hold the same record hold the same hash, and a changed field is a changed hash.
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict

from gadfly.records.notebook import as_html

__all__ = ["Record", "canonical_json", "content_hash", "pretty_json", "sha256"]


class Record(BaseModel):
    """A frozen value: unknown fields are refused, numbers are finite, nothing changes it."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return as_html(self)


def canonical_json(value: Any) -> bytes:
    """The canonical text of a record, or of any value made of JSON types."""
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    return orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)


def pretty_json(value: Any) -> bytes:
    """A record, or any value made of JSON types, as a file that people open: keys sorted, two
    spaces, a newline at the end.
    """
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(plain, option=options)


def sha256(data: bytes) -> str:
    """ "sha256:" and 64 hexadecimal digits."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def content_hash(value: Any) -> str:
    """The hash of a value's canonical text."""
    return sha256(canonical_json(value))
