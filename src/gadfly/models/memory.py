"""What a device that has too little memory is for whoever runs it: a sentence with advice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gadfly.errors import OperatorError

__all__ = ["enough_memory"]

_OF_CPU = ("DefaultCPUAllocator", "not enough memory")  # torch has no type for these


@contextmanager
def enough_memory(work: str) -> Iterator[None]:
    """Tell of memory that is not there in words.

    :param work: what is done within, as in "sampling".
    :raises OperatorError: torch found too little memory.
    """
    try:
        yield
    except RuntimeError as error:
        import torch

        said = str(error)
        if not isinstance(error, torch.OutOfMemoryError) and not any(m in said for m in _OF_CPU):
            raise
        first = said.strip().splitlines()[0] if said.strip() else "out of memory"
        raise OperatorError(
            f"{work}: the device has too little memory ({first}); ask for fewer or shorter replies "
            "at once, take a shorter precision (dtype: bfloat16) or a smaller model, or another "
            "device (device: cpu), and end what else is on it"
        ) from error
