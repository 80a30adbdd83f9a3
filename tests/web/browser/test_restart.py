"""The server dies, by SIGKILL, while somebody types and while replies are awaited."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import expect

from gadfly.run.gather import gather
from gadfly.settings import Settings
from gadfly.store.audit import SYSTEM
from gadfly.web.serving import open_serving
from tests.command import start
from tests.stub import Stub
from tests.web.browser.conftest import Opener
from tests.web.browser.steps import begin, choose, describe, press, see_replies, set_out
from tests.web.site import write_study

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
SCRIPTED = "{kind: scripted, caution: 0.5}"


@pytest.fixture
def study(tmp_path: Path, stub: Stub) -> Path:
    """A study whose assistants answer after a while, on a server that outlives the site."""
    stub.delay = 0.6
    path = write_study(tmp_path)
    text = path.read_text()
    for scripted in (SCRIPTED, SCRIPTED.replace("0.5", "2.5")):
        text = text.replace(scripted, f"{{kind: endpoint, base_url: {stub.url}, model: m}}")
    ours = f'authorisations: {{"{stub.url}": our own}}'
    path.write_text(text.replace("adults_only", f"{ours}\n  adults_only"))
    return path


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def link(study: Path) -> str:
    """A personal link of a new member at the brief."""
    serving = open_serving([study], Settings(), loopback=True)
    person = set_out(serving, serving.people.add(serving.studies["town"].id, ["member"]))
    token = serving.people.link_for(person, by=SYSTEM)
    serving.leave()
    return f"/town/come/{token}"


@contextmanager
def served(study: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """The site in a process of its own, killed at the end."""
    process = start("serve", study, "--port", port)
    try:
        until = time.monotonic() + 60
        while True:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until, "the site does not start"
            try:
                httpx2.get(f"http://127.0.0.1:{port}/", timeout=1)
                break
            except httpx2.HTTPError:
                time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.communicate()


def test_nothing_typed_or_sent_is_lost(study: Path, tab: Opener) -> None:
    port, come = free_port(), link(study)
    with served(study, port):
        page = tab(f"http://127.0.0.1:{port}")
        page.goto(come)
        press(page, "Come in")
        begin(page)
        describe(page)
        message = page.locator("#text")
        message.press_sequentially("typed before the server died")
    press(page, "Send")  # to nobody
    expect(page.get_by_role("status")).to_contain_text("The connection is lost")
    expect(message).to_have_value("typed before the server died")
    with served(study, port):
        expect(page.get_by_role("heading", name="The assistants are writing")).to_be_visible()
        expect(page.get_by_role("status")).to_have_text("")
    # killed while the assistants answer
    with served(study, port):
        see_replies(page)
        choose(page)
        message.press_sequentially("typed in between")
    with served(study, port):
        page.reload()
        expect(message).to_have_value("typed in between")
        press(page, "Send")
        see_replies(page)
        expect(page.locator(".conversation .human .text")).to_have_text(
            ["typed before the server died", "typed in between"]
        )
        expect(page.locator(".turns")).to_have_text("1 of about 4 turns")
    serving = open_serving([study], Settings(), loopback=True)
    (attack,) = gather(serving.studies["town"].open, over_only=False).values()
    serving.leave()
    assert [turn.message for turn in attack.turns] == [
        "typed before the server died",
        "typed in between",
    ]
    assert [len(turn.comparisons) for turn in attack.turns] == [1, 0]
