"""The embedded town: how long a person waits for a reply, and how long the demo takes.

Both on two threads. Bounds: a reply of any arm but rejection sampling within a second, the first
one (which loads the model) apart; the demo within four minutes.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gadfly.records.values import Message
from gadfly.sandbox.talk import ARMS, SAMPLING, ArmName, assistant, examples

__all__ = ["main"]

SECONDS, DEMO_SECONDS, THREADS = 1.0, 240.0, 2


async def _waits(size: str, arm: ArmName) -> list[float]:
    """Seconds for each reply, in one dialogue that grows."""
    answering = assistant(size, arm)
    said: list[Message] = []
    waits = []
    try:
        for seed, text in enumerate(examples(8)):
            said.append(Message(role="human", text=text))
            began = time.perf_counter()
            (reply,) = await answering.reply(said, seeds=[seed], sampling=SAMPLING)
            waits.append(time.perf_counter() - began)
            said.append(Message(role="assistant", text=reply.text))
    finally:
        await answering.close()
    return waits


def main() -> None:
    """Print both."""
    import torch

    torch.set_num_threads(THREADS)
    for size in ("small", "medium", "large"):
        for arm in ARMS:
            first, *others = asyncio.run(_waits(size, arm))
            bound = "no bound" if arm == "rejection-sampling" else f"{SECONDS:.1f} s allowed"
            print(
                f"a reply of {size} {arm}: at most {max(others):.2f} s, {bound}; "
                f"the first, with loading, {first:.2f} s",
                flush=True,
            )
    program = Path(sys.executable).parent / "gadfly"
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        subprocess.run(
            [program, "demo", "--out", f"{folder}/demo", "--no-open"],
            check=True,
            capture_output=True,
            env=os.environ | {"OMP_NUM_THREADS": str(THREADS)},
        )
        seconds = time.perf_counter() - began
    print(f"gadfly demo: {seconds:.0f} s of {DEMO_SECONDS:.0f} s allowed")


if __name__ == "__main__":
    main()
