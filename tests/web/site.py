"""A real site for tests: a study with people and scripted assistants, served over a real socket."""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx2
import uvicorn

from gadfly.settings import Settings
from gadfly.store.people import Person, Role
from gadfly.store.store import Store
from gadfly.web.app import create_app
from gadfly.web.serving import Serving, open_serving

STUDY = """\
name: {name}
title: A study of the town
purpose: To try the site.
team_type: crowd
seed: 7
members: {{kind: human, count: 20}}
arms:
  - model_type: plain lm
    num_params: tiny
    quota: {quota}
    assistant: {{kind: scripted, caution: 0.5}}
    intervention: {{kind: plain_lm}}
  - model_type: prompted
    num_params: tiny
    quota: {quota}
    assistant: {{kind: scripted, caution: 2.5}}
    intervention: {{kind: prompted}}
scorer: {{kind: constant}}
task_size: {task_size}
launch:
  contact: Ada Example, ada@example.org
  adults_only: true
  ethics_reference: none needed, a test
  pay_floor: {{amount: 20, currency: USD}}
care:
  support: Ada Example, ada@example.org
  legal_contact: {{name: Bea Example, address: bea@example.org}}
{more}
"""

NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Whom browsers trust: no certificate is asked for here, and to load those there are takes long."""


def write_study(
    folder: Path, name: str = "town", *, quota: int = 50, task_size: int = 2, more: str = ""
) -> Path:
    """A study file; `more` is YAML under `care:`, or further keys from column 0."""
    path = folder / f"{name}.yaml"
    path.write_text(STUDY.format(name=name, quota=quota, task_size=task_size, more=more))
    return path


@dataclass
class Site:
    """A site under test."""

    url: str
    serving: Serving
    server: uvicorn.Server = field(repr=False)
    browsers: list[Browser] = field(default_factory=list, repr=False)

    def person(self, *roles: Role, study: str = "town", **more: Any) -> Person:
        """Somebody new with these roles."""
        return self.serving.people.add(self.serving.studies[study].id, roles or ("member",), **more)

    def browser(self, person: Person | None = None, study: str = "town") -> Browser:
        """A browser, signed in where a person is given."""
        browser = Browser(self.url, study)
        browser.site, browser.person = self, person
        self.browsers.append(browser)
        if person is not None:
            from itsdangerous import URLSafeSerializer

            token = self.serving.people.begin_session(person.id, 3600)
            cookie = URLSafeSerializer(self.serving.secret, salt="session").dumps(token)
            browser.client.cookies.set("gadfly", str(cookie), path=f"/{study}")
            browser.csrf = self.serving.sign("csrf", token)
        return browser


class Browser:
    """A client that keeps cookies, follows redirects and sends the token along, as a page does."""

    def __init__(self, url: str, study: str = "town") -> None:
        options: dict[str, Any] = {"follow_redirects": True, "timeout": 30, "verify": NOBODY}
        self.client = httpx2.Client(base_url=url, **options)
        self.study = study
        self.csrf = ""

    def get(self, place: str = "", **more: Any) -> httpx2.Response:
        return self.client.get(f"/{self.study}{place}", **more)

    def post(self, place: str, /, **data: Any) -> httpx2.Response:
        return self.client.post(f"/{self.study}{place}", data={"csrf": self.csrf, **data})

    def learn(self) -> None:
        """Take the token from a page, as a browser would."""
        found = re.search(r'<meta name="csrf" content="(\w*)"', self.get().text)
        self.csrf = found[1] if found else ""


@cache
def _empty() -> bytes:
    """A database without a row: to migrate each anew takes half of a site's start."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "empty.db")
        Store(f"sqlite:///{path}").close()
        return path.read_bytes()


@contextmanager
def serve(*studies: Path, database: str | None = None) -> Iterator[Site]:
    """Serve these studies on 127.0.0.1 until the block ends."""
    settings = Settings(secret="a secret of at least thirty-two characters", lease_seconds=5)  # type: ignore[arg-type]
    fresh = studies[0].with_suffix(".db")
    if database is None and not fresh.exists():
        fresh.write_bytes(_empty())
    serving = open_serving(list(studies), settings, database=database, loopback=True)
    app = create_app(serving)
    # Named TCP, so that asyncio sends at once and no page waits 40 ms for an acknowledgement.
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("the site did not start")
        time.sleep(0.01)
    site = Site(f"http://127.0.0.1:{listener.getsockname()[1]}", serving, server)
    try:
        yield site
    finally:
        for browser in site.browsers:
            browser.client.close()
        server.should_exit = True
        thread.join(timeout=15)
        listener.close()
