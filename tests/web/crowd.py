"""Many members at once, by real requests: each walks by the site's forms, and keeps count.

A member does what the page's own script does: it sends a form once, follows where it leads, asks
every so often how things stand while assistants work, and sends the very same request again where
a connection is lost.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from itsdangerous import URLSafeSerializer

from gadfly.care.journey import Consented, Felt, Passed, TopicsChosen
from gadfly.records.canonical import canonical_json
from gadfly.redteam.dialogue import rebuild
from gadfly.redteam.events import read_event
from gadfly.redteam.state import Dialogue
from gadfly.settings import Settings
from gadfly.store.sealing import Vault
from gadfly.store.store import Store
from gadfly.study.protocol import load_study
from gadfly.web.serving import open_serving, vault_keys

AGAIN = {429, 502, 503, 504}  # as send.js has it
EXPECTS = re.compile(r'name="expects" value="(\d+)"')
WAITING = ("replies", "order", "continuation")
STEPS = (
    Consented(agreed=True, adult=True, texts=("test",)),
    TopicsChosen(avoid=()),
    Passed(place="demographics"),
    Felt(moment="before", answered=False),
)


@dataclass(frozen=True)
class Pass:
    """What lets somebody in: a pseudonym, a cookie, and the token of its forms."""

    name: str
    cookie: str
    csrf: str


def passes(study: Path, database: str, settings: Settings, count: int) -> list[Pass]:
    """So many new members of the first study of a database, who stand before the brief."""
    serving = open_serving([study], settings, database=database, loopback=True)
    (served,) = serving.studies.values()
    signer, made = URLSafeSerializer(serving.secret, salt="session"), []
    for _ in range(count):
        person = serving.people.add(served.id, ["member"])
        for number, step in enumerate(STEPS):
            serving.people.add_step(person, number, canonical_json(step).decode())
        token = serving.people.begin_session(person.id, 3600)
        made.append(Pass(person.name, str(signer.dumps(token)), serving.sign("csrf", token)))
    serving.leave()
    return made


def kept(study: Path, database: str, settings: Settings) -> list[Dialogue]:
    """The dialogues of a database's first study, rebuilt from their events.

    :raises InvalidEvent: one has a gap, or an event twice.
    """
    rules = load_study(study).study.rules
    with closing(Store(database, Vault(vault_keys(settings, loopback=True)))) as store:
        return [
            rebuild(rules, ((number, read_event(body)) for number, body in bodies))
            for bodies in store.events(1).values()
        ]


def missing(dialogues: list[Dialogue], walkers: list[Walker]) -> list[str]:
    """What the site acknowledged and does not have exactly once; and what nobody sent."""
    turns = [turn for d in dialogues for turn in (*d.turns, *filter(None, [d.turn]))]
    said = Counter(str(turn.message) for turn in turns)
    sent = Counter(text for walker in walkers for text in walker.said)
    wrong = [
        f"{text!r}: {said[text]} kept, {sent[text]} acknowledged"
        for text in said | sent
        if said[text] != sent[text]
    ]
    chosen = Counter(str(turn.message) for d in dialogues for turn in d.turns if turn.comparisons)
    picked = Counter(text for walker in walkers for text in walker.compared)
    wrong += [
        f"choice after {text!r}: {chosen[text]} kept, {picked[text]} acknowledged"
        for text in chosen | picked
        if chosen[text] != picked[text]
    ]
    return wrong


@dataclass(frozen=True)
class Page:
    """What came back, wherever the request led."""

    path: str
    status: int
    text: str

    @property
    def expects(self) -> str:
        """The step that the page's forms expect to be."""
        found = EXPECTS.search(self.text)
        assert found is not None, f"{self.path} ({self.status}): {self.text[:2000]}"
        return found[1]


async def _at_once(_: str) -> None:
    """Nobody thinks."""


@dataclass
class Walker:
    """A member under way."""

    session: aiohttp.ClientSession
    url: str
    """Address of the study."""
    who: Pass
    think: Callable[[str], Awaitable[None]] = _at_once
    """What passes before "describe", "say", "poll", "compare" and "rate"."""
    patient: bool = False
    """Sends again what got no answer."""
    seconds: float = 0.0
    """Waited for the site in this turn."""
    turns: list[float] = field(default_factory=list)
    """Those of each turn that is over."""
    said: list[str] = field(default_factory=list)
    """Messages that the site has acknowledged."""
    compared: list[str] = field(default_factory=list)
    """Messages whose choice it has acknowledged."""
    requests: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """What came back instead of a page."""

    async def ask(self, place: str, data: dict[str, str] | None = None) -> Page:
        """One request until it is answered."""
        wait = 0.05
        while (page := await self._once(place, data)) is None:
            await asyncio.sleep(wait)
            wait = min(2 * wait, 0.5)
        if page.status >= 400:
            what = (data or {}).get("act", place)
            self.refused[f"{page.status} {what} {_told(page.text)}"] += 1
        return page

    async def _once(self, place: str, data: dict[str, str] | None) -> Page | None:
        cookie = {"Cookie": f"gadfly={self.who.cookie}"}
        sent = None if data is None else {"csrf": self.who.csrf, **data}
        began = time.perf_counter()
        try:
            method = "GET" if data is None else "POST"
            request = self.session.request(method, f"{self.url}{place}", data=sent, headers=cookie)
            async with request as response:
                text = await response.text()
                self.requests += 1 + len(response.history)
                if self.patient and response.status in AGAIN:
                    return None
                return Page(response.url.path, response.status, text)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            if not self.patient:
                self.refused[f"{type(error).__name__} {place}"] += 1
                raise
            return None
        finally:
            self.seconds += time.perf_counter() - began

    async def dialogue(self, turns: int) -> bool:
        """A whole dialogue; false where the member is to begin none."""
        page = await self.ask("/task")
        while "/attack/" not in page.path:
            if "/begin" not in page.text:
                return False
            page = await self.ask("/begin", {"expects": page.expects})
        place = "/attack/" + page.path.rsplit("/", 1)[1]
        await self.think("describe")
        page = await self.act(page, place, "describe", text=f"An aim of {self.who.name}.")
        for _ in range(turns):
            page = await self.turn(page, place)
        page = await self.act(page, place, "finish")
        await self.think("rate")
        await self.act(page, place, "rate", success="2", harm="1", actionability="1")
        return True

    async def turn(self, page: Page, place: str) -> Page:
        """A message, its replies, and the choice."""
        await self.think("say")
        self.seconds = 0.0
        text = f"Message {len(self.said)} of {self.who.name}: what do you think?"
        page = await self.act(page, place, "say", text=text)
        if page.status < 400:
            self.said.append(text)
        needs = "replies"
        while needs in WAITING:
            await self.think("poll")
            state = await self.ask(f"{place}/state")
            needs = str(json.loads(state.text)["needs"])
        page = await self.ask(place)
        await self.think("compare")
        page = await self.act(page, place, "compare", side="A", step="2", seconds="1.5")
        if page.status < 400:
            self.compared.append(text)
        self.turns.append(self.seconds)
        return page

    async def act(self, page: Page, place: str, what: str, **fields: str) -> Page:
        """One step, by the form of a page."""
        return await self.ask(place, {"act": what, "expects": page.expects, **fields})


def _told(text: str) -> str:
    """The sentence of a refusal."""
    found = re.search(r'class="notice[^>]*>(.*?)</', text, re.S) or re.search(r"<h1>(.*?)<", text)
    return " ".join(found[1].split())[:100] if found else text[:100]
