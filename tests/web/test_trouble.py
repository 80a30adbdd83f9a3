"""Assistants that may not be asked, or do not answer: people are told, and nobody waits in vain."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from gadfly.redteam.events import Abandoned, read_event
from gadfly.run import sitting
from gadfly.store.tables import attacks, events
from tests.stub import Stub
from tests.stub import serve as answer
from tests.web.journeys import act, begin, expects, needs, to_the_brief, turn
from tests.web.site import Browser, Site, serve, write_study

pytestmark = [pytest.mark.allow_hosts(["127.0.0.1"]), pytest.mark.usefixtures("socket_enabled")]
AWAY = (401, {"error": {"message": "no such key"}})


@pytest.fixture
def stub() -> Iterator[Stub]:
    with answer() as stub:
        yield stub


def asks(folder: Path, stub: Stub, more: str = "") -> Path:
    """A study whose assistants are on a server."""
    path = write_study(folder, more=more)
    assistant = f"assistant: {{kind: endpoint, base_url: '{stub.url}', model: m}}"
    text = re.sub(
        r"assistant: .*", f"{assistant}\n    sampling: {{max_tokens: 20}}", path.read_text()
    )
    text = text.replace("launch:\n", f"launch:\n  authorisations: {{'{stub.url}': my own}}\n")
    first, _, rest = text.partition("  - model_type: prompted")  # its prompt is long
    path.write_text(first + rest[rest.index("scorer:") :])
    return path


def reasons(site: Site) -> list[str | None]:
    """Why each attack was abandoned."""
    kept = site.serving.store
    last = [read_event(kept.events_of(attack.id)[-1][1]) for attack in kept.attacks(1)]
    return [event.reason if isinstance(event, Abandoned) else None for event in last]


def until_over(browser: Browser, place: str) -> int:
    """Turns until the dialogue ends by itself."""
    act(browser, place, "describe", text="one aim")
    for number in range(20):
        act(browser, place, "say", text="and then? " * 20)
        if needs(browser, place, "comparison", "nothing")["needs"] == "nothing":
            return number
        act(browser, place, "compare", step=2)
    raise AssertionError("the budget was never spent")


def to_the_end(browser: Browser) -> None:
    """From the page that says that no dialogue follows to the farewell, with its pay."""
    page = browser.post("/begin", expects=expects(browser.get("/task")))
    page = browser.post("/go", place="rest", expects=expects(page))
    page = browser.post("/feel", act="skip")
    assert "Task 1 is done" in page.text
    page = browser.post("/finish", expects=expects(page))
    assert page.url.path == "/town/done"


def test_a_spent_budget_ends_a_dialogue_kindly_and_begins_no_other(
    tmp_path: Path, stub: Stub
) -> None:
    with serve(asks(tmp_path, stub, "budget: {study: {tokens: 5000}}\n")) as site:
        first, second = (site.browser(site.person()) for _ in range(2))
        for browser in (first, second):
            to_the_brief(browser)
        assert until_over(first, begin(first)) > 0
        assert reasons(site) == ["The study has spent what it may on its assistants"]
        asked = len(stub.asked)
        page = first.get("/task")
        assert "your time is paid" in page.text
        to_the_end(first)
        with site.serving.store.database.writing() as c:  # another process has spent the rest
            c.execute(update(attacks).values(tokens_out=5000))
        page = second.get("/task")
        assert "has spent what it may" in page.text
        assert "End my part here and be paid" in page.text
        assert len(stub.asked) == asked
        assert len(reasons(site)) == 1


def test_a_spent_share_ends_one_person_s_part_alone(tmp_path: Path, stub: Stub) -> None:
    with serve(asks(tmp_path, stub, "budget: {member: {tokens: 5000}}\n")) as site:
        browser, other = (site.browser(site.person()) for _ in range(2))
        to_the_brief(browser)
        begun = expects(browser.get("/task"))
        until_over(browser, begin(browser))
        page = browser.get("/task")
        assert "your dialogues is spent" in page.text
        browser.post("/begin", expects=begun)  # an old tab
        assert len(reasons(site)) == 1
        to_the_end(browser)
        assert len(reasons(site)) == 1
        to_the_brief(other)
        place = begin(other)
        act(other, place, "describe", text="one aim")
        turn(other, place)


def test_a_server_that_fails_is_left_alone_and_found_again(
    tmp_path: Path, stub: Stub, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sitting, "_AGAIN", 0.4)
    stub.always = AWAY
    with serve(asks(tmp_path, stub)) as site:
        browser = site.browser(site.person())
        to_the_brief(browser)
        place = begin(browser)
        act(browser, place, "describe", text="one aim")
        act(browser, place, "say", text="are you there?")
        until = time.monotonic() + 2
        while time.monotonic() < until:
            state = browser.get(f"{place}/state").json()
            time.sleep(0.02)
        assert state["needs"] == "replies"
        assert state["trouble"] is True
        failures = [r for r in caplog.records if r.name == "gadfly.run.sitting"]
        assert 2 <= len(failures) <= 4  # at 0, 0.4, 1.2 seconds
        page = browser.get(place).text
        assert re.search(r'trouble">The assistants do not answer at the moment', page)
        entries = site.serving.audit.entries(1)
        assert [e.object for e in entries if e.what == "assistants failed"] == ["attack 1"]

        owner = site.browser(site.person("owner"))
        assert "Dialogues that wait" not in owner.get("/study").text
        with site.serving.store.database.writing() as c:
            c.execute(update(events).values(stored_at="2026-01-01T00:00:00.000+00:00"))
        assert "Dialogues that wait" in owner.get("/study").text

        stub.always = None
        state = needs(browser, place, "comparison")
        assert state["trouble"] is False
        assert "Dialogues that wait" not in owner.get("/study").text
        act(browser, place, "compare", step=2)
