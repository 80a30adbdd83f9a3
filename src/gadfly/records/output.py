"""Bytes out: a file that is there whole or not at all.

It is written beside its place and moved there at the end, so that a reader never meets half of it.
The same bytes in give the same bytes out: gzip carries no time and no name.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from gadfly.errors import FileProblem, OperatorError, show

__all__ = ["beside", "replacing", "write_chunks"]


@contextmanager
def beside(path: Path) -> Iterator[IO[bytes]]:
    """A file to write to, that takes the place of ``path`` when the block ends without an error."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """The same, with a message for whoever gave the name where it cannot be written."""
    if path.is_dir():
        raise FileProblem(path, "is a folder; give the name of a file to write")
    try:
        with beside(path) as file:
            yield file
    except (FileNotFoundError, NotADirectoryError):
        raise FileProblem(path, "cannot be written: there is no such folder") from None
    except PermissionError:
        raise FileProblem(path, "cannot be written: permission denied") from None
    except OSError as error:
        raise OperatorError(f"{path}: cannot be written: {error.strerror}") from error
    except ValueError as error:  # a null byte in the name
        raise FileProblem(show(str(path)), f"cannot be written: {error}") from None


def write_chunks(path: Path, chunks: Iterable[bytes]) -> None:
    """Write bytes piece by piece, gzipped where the name ends with ``.gz``."""
    with replacing(path) as file:
        if path.suffix.lower() != ".gz":
            file.writelines(chunks)
            return
        with gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as packed:
            packed.writelines(chunks)
