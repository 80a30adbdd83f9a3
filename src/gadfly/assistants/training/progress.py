"""What a training tells while it runs: a line of the log, and how far it is.

The log is the trainer's own history, which its checkpoints carry, so that a training that was
stopped and went on has the log of one that never stopped.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from gadfly.models.loading import quiet

__all__ = ["Row", "Tell", "quietly", "read_log", "teller"]

Row = dict[str, float | int | None]
"""One line of the log: the step, and what was measured."""
Tell = Callable[[int, int], None]


def teller(
    log: Path,
    *,
    row: Callable[[Row], Row | None],
    evaluate: Callable[[int], Row],
    evaluate_every: int,
    tell: Tell | None,
) -> Any:
    """A callback of ``transformers.Trainer`` that keeps the log, evaluates and tells progress.

    :param row: the line of the log for an entry of the trainer's history; ``None`` for none.
    :param evaluate: measures after so many steps; called before the first step, then every
        ``evaluate_every`` steps and after the last.
    """
    from transformers import TrainerCallback

    class Teller(TrainerCallback):
        written = 0  # entries of the history that the file has

        def on_train_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:
            if not state.log_history:
                state.log_history.append({"step": state.global_step, **evaluate(0)})
            if state.is_world_process_zero:
                log.write_bytes(b"")
                self.write(state)

        def on_step_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
            step, last = state.global_step, state.global_step >= state.max_steps
            if step % evaluate_every == 0 or last:
                state.log_history.append({"step": step, **evaluate(step)})
            if tell is not None and state.is_world_process_zero:
                tell(step, state.max_steps)

        def on_log(self, args: Any, state: Any, control: Any, **others: Any) -> None:
            if state.is_world_process_zero:
                self.write(state)

        def write(self, state: Any) -> None:
            """Add what the file has not yet; a training that goes on writes its past again."""
            rows = [row(entry) for entry in state.log_history[self.written :]]
            self.written = len(state.log_history)
            with log.open("ab") as file:
                file.writelines(_line(one) for one in rows if one)

    return Teller()


def _line(row: Row) -> bytes:
    """A line with the step first, then by name: checkpoints do not keep the order of keys."""
    return orjson.dumps({"step": row["step"], **dict(sorted(row.items()))}) + b"\n"


@contextmanager
def quietly() -> Iterator[None]:
    """Without bars of transformers, and without what it and TRL warn each other of."""
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def read_log(log: Path) -> list[Row]:
    """The lines of a log."""
    return [orjson.loads(line) for line in log.read_bytes().splitlines()]
