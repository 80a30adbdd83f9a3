"""A town whose members come from the fake of Prolific, over real sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from anyio.from_thread import start_blocking_portal

from gadfly.care.journey import Felt, Passed, TopicsChosen
from gadfly.records.canonical import canonical_json
from gadfly.store.people import Person
from gadfly.web.platforms.fake import FakeProlific, FakeSubmission
from tests.web.journeys import dialogue, expects
from tests.web.platforms.serving import serving
from tests.web.site import Browser, Site, serve, write_study

HOST = "study.example.org"


@dataclass
class World:
    """A study whose people come from a fake of Prolific."""

    site: Site
    fake: FakeProlific

    def come(self, visit: FakeSubmission, browser: Browser | None = None) -> Browser:
        browser = browser or self.site.browser()
        page = browser.get("/arrive", params=self.fake.arrival(visit))
        assert page.status_code == 200, page.text
        browser.learn()
        return browser

    def hook(self, visit: FakeSubmission, status: str) -> Callable[[], int]:
        """A delivery that can be sent as often as one likes."""
        visit.status = status
        headers, body = self.fake.delivery(visit)
        url = f"{self.site.url}/town/hooks/prolific"
        return lambda: httpx2.post(url, headers=headers, content=body).status_code

    @property
    def person(self) -> Person:
        (person,) = self.site.serving.people.of_study(self.site.serving.studies["town"].id)
        return person

    def state(self) -> str:
        return self.person.state

    @property
    def owed(self) -> list[tuple[str, str, int]]:
        """Outcome, state and amount of every payment."""
        kept = self.site.serving.payments
        study = self.site.serving.studies["town"].id
        return [(p.outcome, p.state, p.amount) for _, p in kept.of_study(study)]

    def pass_on(self, *steps: Any) -> None:
        """Steps of the person that other pages ask for."""
        people, person = self.site.serving.people, self.person
        for step in steps:
            at = len(people.steps(person))
            assert people.add_step(person, at, canonical_json(step).decode())


@contextmanager
def world(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    database: str | None = None,
    more: str = "",
) -> Iterator[World]:
    fake = FakeProlific(study_url="", audience=HOST)
    for name, value in fake.environ().items():
        monkeypatch.setenv(name, value)
    with ExitStack() as stack:
        portal = stack.enter_context(start_blocking_portal())
        address = stack.enter_context(portal.wrap_async_context_manager(serving(fake.app())))
        arrival = (
            f"arrival:\n  platform: {{kind: prolific, audience: {HOST}, "
            f"workspace: '{fake.workspace}', api: '{address}'{more}}}\n"
        )
        study = write_study(tmp_path, task_size=1, more=arrival)
        yield World(stack.enter_context(serve(study, database=database)), fake)


def agree(town: World, browser: Browser) -> None:
    """As far as the brief."""
    browser.post("/consent", answer="yes", adult="1")
    felt = Felt(moment="before", answered=False)
    town.pass_on(TopicsChosen(avoid=()), Passed(place="demographics"), felt)


def whole_task(town: World, browser: Browser) -> None:
    """One dialogue, and all that a task asks for after it."""
    agree(town, browser)
    dialogue(browser, turns=2)
    browser.post("/begin", expects=expects(browser.get("/task")))
    town.pass_on(Passed(place="rest"), Felt(moment="after", answered=False))


def finish(browser: Browser) -> httpx2.Response:
    return browser.post("/finish", expects=expects(browser.get("/task")))
