"""Bytes in: a file read, unpacked and recognised.

Everything is decided by content, nothing by name: gzip by its first two bytes, Parquet by its first
four, a JSON array by its opening bracket, JSON lines by their opening brace.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gadfly.errors import FileProblem, OperatorError, show
from gadfly.records.canonical import sha256

__all__ = ["Contents", "Layout", "bytes_of", "load"]

Layout = Literal["array", "lines", "parquet"]

_GZIP_ALONE = 31  # zlib's word for: gzip with its header and checksum, and nothing else
_GZIP = b"\x1f\x8b"
_PARQUET = b"PAR1"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Contents:
    """A file in memory, unpacked."""

    path: Path
    """Where it was read."""
    sha256: str
    """Hash of the file as it lies on disk."""
    data: bytes
    """Its bytes, gunzipped."""
    layout: Layout
    """How records are laid out in them."""
    cut: bool = False
    """Its gzip data end early and what came before was kept (lenient reading only)."""


def load(path: Path | str, *, lenient: bool = False) -> Contents:
    """Read and unpack a file; raises :class:`FileProblem` where there is nothing to take apart."""
    path = Path(path)
    packed = bytes_of(path)
    digest = sha256(packed)
    if packed.startswith(_PARQUET):
        return Contents(path, digest, packed, "parquet")
    data, cut = packed, False
    if packed.startswith(_GZIP):
        data, cut = _unpack(path, packed, lenient=lenient)
    if data.startswith(_BYTE_ORDER_MARK):
        data = data[len(_BYTE_ORDER_MARK) :]
    layout = _layout(path, data, cut=cut)
    return Contents(path, digest, data, layout, cut)


def bytes_of(path: Path) -> bytes:
    """A file as it lies on disk; an empty one, or none, is a :class:`FileProblem`."""
    try:
        packed = path.read_bytes()
    except FileNotFoundError:
        raise FileProblem(path, "there is no such file") from None
    except IsADirectoryError:
        raise FileProblem(path, "is a folder; give a file in it") from None
    except PermissionError:
        raise FileProblem(path, "may not be read: permission denied") from None
    except OSError as error:
        raise OperatorError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError:  # a null byte in the name
        raise FileProblem(show(str(path)), "is not the name of a file") from None
    if not packed:
        raise FileProblem(path, "is empty (0 bytes)")
    return packed


def _unpack(path: Path, packed: bytes, *, lenient: bool) -> tuple[bytes, bool]:
    """The gunzipped bytes, and whether they end early; gzip files may stand one after another."""
    parts: list[bytes] = []
    rest = packed
    while rest:
        member = zlib.decompressobj(wbits=_GZIP_ALONE)
        try:
            parts.append(member.decompress(rest))
        except zlib.error as error:
            where = "are damaged" if not parts else "are followed by something else"
            what = f"its gzip data {where} ({error}); fetch the file again"
            raise FileProblem(path, what) from None
        if not member.eof and not lenient:
            what = f"its gzip data are cut after {len(packed):,} bytes; fetch the file again"
            raise FileProblem(path, what)
        if not member.eof:
            return b"".join(parts), True
        rest = member.unused_data.lstrip(b"\0")  # tapes pad with zeros
    return b"".join(parts), False


def _layout(path: Path, data: bytes, *, cut: bool) -> Layout:
    start = data[:4096].lstrip()[:1] or data.lstrip()[:1]
    if cut and start != b"{":
        what = "its gzip data are cut, and not within JSON lines; fetch the file again"
        raise FileProblem(path, what)
    if not start:
        raise FileProblem(path, "is empty: nothing but white space in it")
    if start == b"[":
        return "array"
    if start == b"{":
        return "lines"
    got = show(data.lstrip()[:12].decode(errors="backslashreplace"))
    allowed = "a JSON array ('['), JSON lines ('{'), either of them gzipped, or Parquet"
    raise FileProblem(path, f"is of no known format: it starts with {got}; allowed: {allowed}")
