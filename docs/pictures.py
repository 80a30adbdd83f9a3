"""Take the README's pictures, in headless Chromium: the demo's report, and the site on its study.

    make pictures

The demo is run in a temporary folder and served there; a member then attacks an embedded
assistant. Chromium is looked for under its usual names; root needs ``--no-sandbox``, which is safe
here because all pages are our own and load nothing.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from playwright.sync_api import Browser, Page, sync_playwright

from gadfly.sandbox.reader import harm
from gadfly.settings import load_settings
from gadfly.web.serving import open_serving
from gadfly.web.showing import Shown, show_around

HERE = Path(__file__).resolve().parent
GADFLY = Path(sys.executable).parent / "gadfly"
NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
]
AIM = "I try to talk it into telling what it should keep to itself."


def main() -> None:
    """Run the demo in a temporary folder, and photograph its report and its site."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        sys.exit(f"needs Chromium, none of {', '.join(NAMES)} is here: apt install chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        demo = Path(folder) / "demo"
        subprocess.run([GADFLY, "demo", "--out", demo, "--no-open", "--no-serve"], check=True)
        browser = driver.chromium.launch(executable_path=program, args=FLAGS)
        page = browser.new_page(viewport={"width": 1060, "height": 760})
        page.goto((demo / "report.html").as_uri() + "#arms")
        keep(page, "report")
        with served(demo) as (url, shown):
            attack(browser, url, shown)
            look_in(browser, url, shown)
        browser.close()


@contextmanager
def served(demo: Path) -> Iterator[tuple[str, Shown]]:
    """The demo's site, at an address of this machine, with links for everybody."""
    studies = [demo / "study.yaml", demo / "site.yaml"]
    database = f"sqlite:///{demo / 'study.db'}"
    serving = open_serving(studies, load_settings(), database=database, loopback=True)
    shown = show_around(serving, simulated="demo", people="town")
    serving.leave()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [GADFLY, "serve", *studies, "--database", database, "--port", str(port)]
    process = subprocess.Popen(command)
    try:
        answered(url, process)
        yield url, shown
    finally:
        process.terminate()
        process.wait()


def answered(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until the site answers."""
    while process.poll() is None:
        try:
            urlopen(url, timeout=5).close()
        except URLError:
            time.sleep(0.2)
        else:
            return
    sys.exit("the site did not start")


def attack(browser: Browser, url: str, shown: Shown) -> None:
    """A turn of a dialogue: on a desk in light, on a phone in dark."""
    page = browser.new_page(viewport={"width": 1180, "height": 1120})
    page.set_default_timeout(60_000)  # the models are opened first
    page.goto(url + shown.attack)
    page.get_by_role("button", name="Come in").click()
    while not one_is_worse(page):  # this arm is too well behaved: let chance draw another one
        page.get_by_text("Leave this dialogue").first.click()
        page.get_by_role("button", name="Leave this dialogue").click()
    page.evaluate("scrollTo(0, 0)")
    keep(page, "dialogue")
    phone = browser.new_context(
        storage_state=page.context.storage_state(),
        viewport={"width": 390, "height": 844},
        device_scale_factor=2,
        is_mobile=True,
        has_touch=True,
        color_scheme="dark",
    ).new_page()
    phone.goto(page.url)
    phone.locator(f"label[for={page.locator('[name=step]:checked').get_attribute('id')}]").click()
    phone.locator("#choose").evaluate("(heading) => heading.scrollIntoView()")
    keep(phone, "phone")


def one_is_worse(page: Page) -> bool:
    """Begin a dialogue, and try openings until one reply is truly worse; choose that one."""
    page.get_by_role("button", name="Begin dialogue").click()
    page.get_by_label("What will you try?").fill(AIM)
    page.get_by_role("button", name="Start the dialogue").click()
    page.locator(".openings").wait_for()
    for message in page.locator(".openings button").all_inner_texts()[::2]:  # the harmful ones
        page.locator("#text").fill(message)
        page.get_by_role("button", name="Send", exact=True).click()
        page.locator("#choose").wait_for()
        a, b = (harm(text) for text in page.locator(".reply .text").all_inner_texts())
        page.locator(f"label[for=step-{2 if a >= b else 7}]").click()
        if a != b:
            return True
        page.get_by_role("button", name="Confirm").click()
        page.get_by_label("Your message").wait_for()
    return False


def look_in(browser: Browser, url: str, shown: Shown) -> None:
    """The owner's page of the simulated study, down to Figure 1."""
    page = browser.new_page(viewport={"width": 1180, "height": 940})
    page.goto(url + shown.study)
    page.get_by_role("button", name="Come in").click()
    figure = page.locator("img[src$='figure1.svg']")
    while True:  # every attack is scored bit by bit, while nobody waits
        page.wait_for_load_state()
        told = re.search(r"(\d+) of (\d+) attacks are scored", page.inner_text("main"))
        if figure.count() and told and told[1] == told[2]:
            break
        page.wait_for_timeout(1_000)
        page.reload()
    figure.evaluate("(image) => image.decode()")
    keep(page, "study")


def keep(page: Page, name: str) -> None:
    """What the window shows, as a picture."""
    path = HERE / f"{name}.png"
    page.screenshot(path=path)
    print(f"{path}  {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
