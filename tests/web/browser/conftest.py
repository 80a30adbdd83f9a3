"""Debian's Chromium, driven by Playwright; every page that it opens is listened to.

Chromium may talk to 127.0.0.1 alone. An error of a script, a breach of the content security policy
or a request elsewhere fails the test in which it happens.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, sync_playwright

from gadfly.store.people import Person
from tests.conftest import ROOT
from tests.web.browser.eyes import Eyes
from tests.web.site import Site

Opener = Callable[..., Page]
NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser for the tests of one file: its loop must not outlive them in this worker."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("no Chromium here: apt install chromium (make browser does, as root)")
    flags = [*FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=flags)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core, of the version that the Makefile names."""
    found = sorted(Path(ROOT, ".venv").glob("axe-core-*/axe.min.js"))
    if not found:
        pytest.skip("no axe-core here: install npm, then make browser")
    return found[-1].read_text(encoding="utf-8")


@pytest.fixture
def eyes(axe: str) -> Eyes:
    """Looks at pages as people do who see them otherwise: dark, small, read out."""
    return Eyes(axe)


@pytest.fixture
def tab(chromium: Browser) -> Iterator[Opener]:
    """Open a page for a person of a site: ``tab(site, person, phone=True, dark=True)``."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def stay_home(route: Route) -> None:
        if urlsplit(route.request.url).hostname == "127.0.0.1":
            return route.continue_()
        faults.append(f"a request to {route.request.url}")
        return route.abort()

    def listen(page: Page) -> None:
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "console",
            lambda said: faults.append(said.text) if "Security Policy" in said.text else None,
        )

    def open_(
        site: Site | str,
        person: Person | None = None,
        *,
        phone: bool = False,
        dark: bool = False,
        **more: Any,
    ) -> Page:
        url = site if isinstance(site, str) else site.url
        options = (PHONE if phone else {}) | more
        context = chromium.new_context(
            base_url=url,
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            **options,
        )
        contexts.append(context)
        context.set_default_timeout(10_000)
        context.route("**/*", stay_home)
        context.on("page", listen)
        if isinstance(site, Site) and person is not None:
            cookies = site.browser(person).client.cookies
            context.add_cookies(
                [
                    {"name": c.name, "value": c.value or "", "domain": "127.0.0.1", "path": c.path}
                    for c in cookies.jar
                ]
            )
        return context.new_page()

    yield open_
    for context in contexts:
        context.close()
    assert faults == []
