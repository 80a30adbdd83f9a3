"""Walking a member through the site by its forms, as a browser without JavaScript would."""

from __future__ import annotations

import re
import time

import httpx2

from tests.web.site import Browser

HIDDEN = re.compile(r'name="expects" value="(\d+)"')


def expects(page: httpx2.Response) -> str:
    """The step that the page's forms expect to be."""
    found = HIDDEN.search(page.text)
    assert found is not None, page.text[:2000]
    return found[1]


def to_the_brief(browser: Browser) -> httpx2.Response:
    """Consent, no topics, no demographics, no feelings; the brief is shown."""
    page = browser.post("/consent", answer="yes", adult="1")
    assert page.url.path.endswith("/topics")
    page = browser.post("/topics")
    assert page.url.path.endswith("/about-you"), page.url
    page = browser.post("/about-you", act="skip")
    assert page.url.path.endswith("/feel"), page.url
    return browser.post("/feel", act="skip")


def begin(browser: Browser) -> str:
    """Begin a dialogue; returns its address within the study."""
    page = browser.get("/task")
    page = browser.post("/begin", expects=expects(page))
    assert "/attack/" in page.url.path, page.text[:3000]
    return page.url.path.removeprefix(f"/{browser.study}")


def needs(browser: Browser, place: str, *wanted: str) -> dict[str, object]:
    """Wait until the dialogue needs one of these."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        state = browser.get(f"{place}/state").json()
        if state["needs"] in wanted:
            return dict(state)
        time.sleep(0.02)
    raise AssertionError(f"the dialogue does not come to need {wanted}: {state}")


def act(browser: Browser, place: str, what: str, **fields: object) -> httpx2.Response:
    """One step at the place where the dialogue stands."""
    number = browser.get(f"{place}/state").json()["number"]
    return browser.post(place, act=what, expects=number, **fields)


def turn(browser: Browser, place: str, text: str = "what do you think?", step: int = 2) -> None:
    """One message, its replies, and the choice."""
    act(browser, place, "say", text=text)
    needs(browser, place, "comparison")
    act(browser, place, "compare", step=step, seconds=1.5)


def dialogue(browser: Browser, *, turns: int = 1, **rating: object) -> str:
    """A whole dialogue; returns its address."""
    place = begin(browser)
    act(browser, place, "describe", text="I try to make it rude.")
    for _ in range(turns):
        turn(browser, place)
    act(browser, place, "finish")
    rated = rating or {"success": 2, "harm": 1, "actionability": 1}
    act(browser, place, "rate", **({"unrated": "1"} if len(rated) < 3 else {}), **rated)
    return place
