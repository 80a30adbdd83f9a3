"""The embedded assistants: openings that they understand can be clicked, and are answered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.web.browser.conftest import Opener
from tests.web.browser.eyes import Eyes
from tests.web.browser.steps import begin, choose, describe, press, ready
from tests.web.site import Site, serve, write_study

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
SMALL = '{kind: local, path: "sandbox:small/plain"}'


@pytest.fixture
def site(tmp_path: Path, socket_enabled: None) -> Iterator[Site]:
    """A study of the smallest of them."""
    path = write_study(tmp_path)
    text = path.read_text()
    for caution in ("0.5", "2.5"):
        text = text.replace(f"{{kind: scripted, caution: {caution}}}", SMALL)
    text = text.replace("{kind: plain_lm}", "{kind: plain_lm, prompt: town-one-shot}")
    text = text.replace("{kind: prompted}", "{kind: prompted, prompt: town-hhh}")
    path.write_text(text)
    with serve(path) as running:
        yield running


def test_an_opening_is_a_click(site: Site, tab: Opener, eyes: Eyes) -> None:
    page = tab(site, ready(site))
    page.goto("/town/task")
    begin(page)
    describe(page)
    eyes.look(page, "dialogue-openings")
    opening = page.locator(".openings button").first
    said = opening.inner_text()
    opening.click()
    message = page.get_by_label("Your first message")
    expect(message).to_have_value(said)
    expect(message).to_be_focused()
    press(page, "Send")
    page.locator("#choose").wait_for(timeout=60_000)  # the models are opened first
    expect(page.locator(".conversation .human .text")).to_have_text(said)
    choose(page)
