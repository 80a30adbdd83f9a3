"""Runners that start in no time, to be killed: a process that has imported all and forks them.

Each line on its standard input is a study file, a database, dialogues at once and seconds of
lease (or what another module's runners are told); it answers with the process id of a new runner.
The runner exits with 0 when the quotas are full, and with 3 after an OperatorError, which it
prints.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from gadfly.assistants import endpoint, server  # noqa: F401 - imported before the fork
from gadfly.errors import OperatorError
from gadfly.run.assemble import open_study
from gadfly.run.collect import collect
from gadfly.store.store import Store
from gadfly.study.protocol import load_study


def _run(study: str, database: str, concurrency: str, lease: str) -> int:
    file = load_study(Path(study))
    try:
        with closing(Store(database)) as store:
            opened = open_study(file, store)
            asyncio.run(collect(opened, concurrency=int(concurrency), lease_seconds=float(lease)))
    except OperatorError as error:
        print(error, file=sys.stderr, flush=True)
        return 3
    return 0


def main(run: Callable[..., int] = _run) -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(run(*line.rstrip("\n").split("\t")))
        _tell(f"began {child}")
        threading.Thread(target=_report, args=(child,)).start()


def _report(child: int) -> None:
    _, status = os.waitpid(child, 0)
    _tell(f"ended {child} {os.waitstatus_to_exitcode(status)}")


def _tell(line: str) -> None:
    os.write(1, f"{line}\n".encode())  # at once, for several threads tell


class Zygote:
    """The other side: start runners, kill them, wait for them."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._ended: dict[int, int] = {}
        self._began: list[int] = []
        self._news = threading.Condition()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            what, child, *code = line.split()
            with self._news:
                if what == "began":
                    self._began.append(int(child))
                else:
                    self._ended[int(child)] = int(code[0])
                self._news.notify_all()

    def start(self, study: Path, database: str, concurrency: int = 20, lease: float = 1.0) -> int:
        return self.begin(study, database, concurrency, lease)

    def begin(self, *words: object) -> int:
        assert self._process.stdin is not None
        with self._news:
            before = len(self._began)
            self._process.stdin.write("\t".join(map(str, words)) + "\n")
            self._process.stdin.flush()
            assert self._news.wait_for(lambda: len(self._began) > before, 60)
            return self._began[before]

    def ended(self, child: int) -> bool:
        with self._news:
            return child in self._ended

    def wait(self, child: int, seconds: float = 120) -> int:
        with self._news:
            assert self._news.wait_for(lambda: child in self._ended, seconds), "it goes on and on"
            return self._ended[child]


@contextmanager
def zygote(module: str = "tests.run.zygote", *, hand: tuple[int, ...] = ()) -> Iterator[Zygote]:
    """:param hand: file descriptors that its children know by the same numbers."""
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        pass_fds=hand,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    try:
        yield Zygote(process)
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.wait(timeout=60)
        process.stdout.close()


if __name__ == "__main__":
    main()
