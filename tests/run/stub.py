"""A stand-in for an OpenAI-compatible server on the loopback address, with planned answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, Any] | bytes]


@dataclass
class Stub:
    """Where it listens, what it was asked, what it answers next."""

    url: str = ""
    asked: list[tuple[str, dict[str, Any], str]] = field(default_factory=list)
    """Path, body and authorisation of each call."""
    answers: list[Answer] = field(default_factory=list)
    """Given in turn; when none is left, an ordinary reply."""


def chat(text: str, finish: str = "stop") -> Answer:
    choice = {
        "index": 0,
        "finish_reason": finish,
        "message": {"role": "assistant", "content": text},
    }
    return 200, _body("chat.completion", choice)


def completion(text: str) -> Answer:
    return 200, _body("text_completion", {"index": 0, "finish_reason": "stop", "text": text})


def _body(kind: str, choice: dict[str, Any]) -> dict[str, Any]:
    usage = {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14}
    return {
        "id": "1",
        "object": kind,
        "created": 1,
        "model": "m",
        "choices": [choice],
        "usage": usage,
    }


@contextmanager
def serve() -> Iterator[Stub]:
    """Run the server for a while."""
    stub = Stub()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            stub.asked.append((self.path, body, self.headers.get("Authorization", "")))
            ordinary = chat if "messages" in body else completion
            status, answer = (
                stub.answers.pop(0) if stub.answers else ordinary(f"reply {body['seed']}")
            )
            data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stub.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
