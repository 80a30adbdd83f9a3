"""A stand-in for an OpenAI-compatible server on the loopback address: fast, and bad on command.

It runs in a thread of a test (:func:`serve`), or as a process of its own for tests that kill
(``python -m tests.stub --delay 0.2 --log FILE``), where it prints its address and logs every
call that it has answered. What it answers follows from the request alone, unless something else
was planned.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, TextIO

from aiohttp import web

Bad = Literal["hang", "close", "half", "trickle"]
Answer = tuple[int, dict[str, Any] | bytes] | tuple[int, dict[str, Any] | bytes, dict[str, str]]


@dataclass
class Stub:
    """Where it listens, what it was asked, what it answers next."""

    url: str = ""
    delay: float = 0.0
    several: Literal["yes", "ignores", "copies", "refuses"] = "yes"
    """What it makes of ``n``."""
    counts_tokens: bool = True
    asked: list[tuple[str, dict[str, Any], str]] = field(default_factory=list)
    """Path, body and authorisation of each call."""
    headers: list[dict[str, str]] = field(default_factory=list)
    """Of each call."""
    answers: list[Answer | Bad] = field(default_factory=list)
    """Given in turn; when none is left, an ordinary reply."""
    always: Answer | Bad | None = None
    """Given when none is left in ``answers``, in place of an ordinary reply."""
    until: float = float("inf")
    """``time.monotonic()`` at which ``always`` ends."""
    capacity: float = float("inf")
    """Calls at once above which it answers 429."""
    under_way: int = 0
    most_under_way: int = 0
    log: TextIO | None = None

    def plan(self) -> Answer | Bad | None:
        if self.answers:
            return self.answers.pop(0)
        return self.always if time.monotonic() < self.until else None


def chat(text: Any, finish: Any = "stop", **more: Any) -> Answer:
    message = {"role": "assistant", "content": text} | more
    return 200, _body("chat.completion", [_choice(0, finish, message=message)])


def completion(text: str, finish: str = "stop") -> Answer:
    return 200, _body("text_completion", [_choice(0, finish, text=text)])


def _choice(index: int, finish: Any, **content: Any) -> dict[str, Any]:
    return {"index": index, "finish_reason": finish, **content}


def _body(kind: str, choices: list[dict[str, Any]], read: int = 11) -> dict[str, Any]:
    wrote = 3 * len(choices)
    return {
        "id": "1",
        "object": kind,
        "created": 1,
        "model": "m",
        "choices": choices,
        "usage": {
            "prompt_tokens": read,
            "completion_tokens": wrote,
            "total_tokens": read + wrote,
        },
    }


def fingerprint(body: dict[str, Any]) -> str:
    """What a call asked for: its conversation and its seed."""
    asked = [body.get("messages") or body.get("prompt"), body.get("seed")]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:24]


def _ordinary(stub: Stub, body: dict[str, Any]) -> Answer:
    n = body.get("n") or 1
    if n > 1 and stub.several == "refuses":
        return 400, {"error": {"message": "n must be 1", "code": "invalid_value"}}
    n = 1 if stub.several == "ignores" else n
    same = stub.several == "copies"
    texts = [f"reply {body.get('seed')}" + (f".{i}" if i and not same else "") for i in range(n)]
    if "messages" in body:
        contents = [{"message": {"role": "assistant", "content": text}} for text in texts]
    else:
        contents = [{"text": f" {text}"} for text in texts]
    kind = "chat.completion" if "messages" in body else "text_completion"
    answer = _body(kind, [_choice(i, "stop", **c) for i, c in enumerate(contents)])
    if not stub.counts_tokens:
        del answer["usage"]
    return 200, answer


def application(stub: Stub) -> web.Application:
    async def handle(request: web.Request) -> web.StreamResponse:
        stub.under_way += 1
        stub.most_under_way = max(stub.most_under_way, stub.under_way)
        try:
            body = await request.json()
            if stub.log is None:
                stub.headers.append(dict(request.headers))
                stub.asked.append((request.path, body, request.headers.get("Authorization", "")))
            planned = stub.plan()
            if stub.under_way > stub.capacity:
                planned = (429, {"error": {"message": "too many at once"}})
            if stub.delay:
                await asyncio.sleep(stub.delay)
            if isinstance(planned, str):
                return await _misbehave(request, planned)
            response = _response(planned or _ordinary(stub, body))
            if stub.log is not None:
                await response.prepare(request)
                await response.write_eof()
                stub.log.write(f"{time.time():.3f} {fingerprint(body)}\n")
                stub.log.flush()
            return response
        finally:
            stub.under_way -= 1

    async def models(request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "m", "object": "model"}]})

    app = web.Application(client_max_size=2**26)
    app.router.add_post("/v1/chat/completions", handle)
    app.router.add_post("/v1/completions", handle)
    app.router.add_get("/v1/models", models)
    return app


def _response(answer: Answer) -> web.Response:
    status, content, headers = answer if len(answer) == 3 else (*answer, {})
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    kind = {"Content-Type": "application/json"}
    return web.Response(status=status, body=data, headers={**kind, **headers})


async def _misbehave(request: web.Request, how: Bad) -> web.StreamResponse:
    if how == "hang":
        while request.transport is not None and not request.transport.is_closing():
            await asyncio.sleep(0.05)
    if how in ("half", "trickle"):
        response = web.StreamResponse(headers={"Content-Length": "10000"})
        await response.prepare(request)
        await response.write(b'{"choices": [{"message": {"content": "he')
        while how == "trickle":
            await asyncio.sleep(0.05)
            await response.write(b"e")
    if request.transport is not None:
        request.transport.abort()
    raise web.HTTPServiceUnavailable


async def _start(stub: Stub) -> web.AppRunner:
    runner = web.AppRunner(application(stub), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
    await site.start()
    host, port = runner.addresses[0][:2]
    stub.url = f"http://{host}:{port}/v1"
    return runner


@contextmanager
def serve() -> Iterator[Stub]:
    """Run the server in a thread for a while."""
    stub, started, loop = Stub(), threading.Event(), asyncio.new_event_loop()

    async def run() -> None:
        runner = await _start(stub)
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    task = loop.create_task(run())

    def work() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.close()

    thread = threading.Thread(target=work)
    thread.start()
    assert started.wait(30)
    try:
        yield stub
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()


async def _main(delay: float, log: str | None, several: Any) -> None:
    stub = Stub(delay=delay, several=several)
    with open(log, "a") if log else contextlib.nullcontext() as stub.log:  # noqa: PTH123
        await _start(stub)
        print(stub.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--log")
    parser.add_argument("--several", default="yes")
    given = parser.parse_args()
    asyncio.run(_main(given.delay, given.log, given.several))
