"""The work folder of a training, beside the folder to be made: ``DIR.part``.

It holds ``run.json``, which says what is being trained from what, and the trainer's checkpoints.
The same command goes on from the last whole checkpoint; a command that would train something else
is refused and told what differs, so that no model is ever half of two trainings. It is removed when
the model is finished.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from gadfly.errors import OperatorError, PersonError, show

__all__ = ["begin", "last_checkpoint", "work_folder"]

_RUN = "run.json"
_STATE = "trainer_state.json"  # the trainer writes it last


def work_folder(folder: Path) -> Path:
    """Where a training keeps what it has so far."""
    return folder.with_name(folder.name + ".part")


def begin(work: Path, run: Mapping[str, Any]) -> None:
    """Make the folder, or find it as this very training left it.

    :raises PersonError: it holds another training.
    """
    wanted = orjson.loads(orjson.dumps(dict(run)))
    try:
        work.mkdir(parents=True, exist_ok=True)
        file = work / _RUN
        if not file.exists():
            part = work / f"{_RUN}.part"
            part.write_bytes(orjson.dumps(wanted, option=orjson.OPT_INDENT_2))
            part.replace(file)
            return
        found = orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError:
        found = {}
    except OSError as error:
        raise OperatorError(f"{work}: cannot be used: {error.strerror}") from error
    differ = [key for key in wanted if not isinstance(found, dict) or found.get(key) != wanted[key]]
    if differ:
        key = differ[0]
        was = show(found.get(key)) if isinstance(found, dict) else "nothing"
        raise PersonError(
            f"{work}: holds a training that was begun otherwise ({key}: it was {was}, now "
            f"{show(wanted[key])}; {len(differ)} in all differ); the same command as then goes on "
            "with it. To begin anew delete that folder"
        )


def last_checkpoint(work: Path) -> Path | None:
    """The latest checkpoint that was written to its end; ``None`` where there is none."""
    steps = sorted(
        (int(path.name.rpartition("-")[2]), path)
        for path in work.glob("checkpoint-*")
        if path.name.rpartition("-")[2].isdigit()
    )
    for _, path in reversed(steps):
        try:
            orjson.loads((path / _STATE).read_bytes())
        except (OSError, orjson.JSONDecodeError):
            continue
        return path
    return None
