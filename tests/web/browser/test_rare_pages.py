"""Pages that few people meet, looked at as all others are."""

from __future__ import annotations

from pathlib import Path

import pytest

from gadfly.care.journey import Felt, Passed, Step
from gadfly.records.canonical import canonical_json
from gadfly.store.letters import Letters
from tests.web.browser.conftest import Opener
from tests.web.browser.eyes import Eyes
from tests.web.browser.steps import ready, send
from tests.web.site import serve, write_study
from tests.web.test_arrival import TURK
from tests.web.test_review import RIGHT, here, serve_bench
from tests.web.test_review import begin as begin_review

pytestmark = [pytest.mark.allow_hosts(["127.0.0.1"]), pytest.mark.usefixtures("socket_enabled")]

TO_THE_SURVEY: tuple[Step, ...] = (
    Passed(place="brief"),
    Passed(place="dialogues"),
    Passed(place="rest"),
    Felt(moment="after", answered=False),
)
GRIM = "---\nid: grim\nversion: 1\ntopics: [violence]\n---\n# A brief that leads to one topic\n"


def test_joining_the_survey_letters_and_what_is_not_there(
    tmp_path: Path, tab: Opener, eyes: Eyes
) -> None:
    more = "  survey_every: 1\narrival: {open: true}\n"
    with serve(write_study(tmp_path, more=more)) as site:
        page = tab(site)
        page.goto("/town")
        send(page, "Tell me more")
        eyes.look(page, "joined")
        page.goto("/town/nowhere")
        eyes.look(page, "nowhere")
        person = ready(site)
        people = site.serving.people
        for step in TO_THE_SURVEY:
            number = len(people.steps(person))
            assert people.add_step(person, number, canonical_json(step).decode())
        owner = site.person("owner")
        Letters(site.serving.store).send(person, owner, "A letter.", circle="study", expects=0)
        page = tab(site, person)
        page.goto("/town/feel")
        eyes.look(page, "spane")
        page.goto("/town/letters")
        eyes.look(page, "letters")
        page.goto("/town/follow-up")
        eyes.look(page, "follow-up")


def test_no_task_is_left(tmp_path: Path, tab: Opener, eyes: Eyes) -> None:
    (tmp_path / "grim.md").write_text(GRIM, encoding="utf-8")
    with serve(write_study(tmp_path, more="brief: grim.md\n")) as site:
        page = tab(site, ready(site))
        page.goto("/town/topics")
        page.locator("input[value=violence]").check()
        send(page, "Save")
        page.goto("/town/task")
        eyes.look(page, "no-task")


def test_in_a_platforms_frame(tmp_path: Path, tab: Opener, eyes: Eyes) -> None:
    ids = "workerId=W1&assignmentId=A1&hitId=H1&turkSubmitTo=https://workersandbox.mturk.com"
    with serve(write_study(tmp_path, more=TURK)) as site:
        page = tab(site)
        page.goto(f"/town/arrive?{ids}")
        eyes.look(page, "framed")
        page.goto("/town/arrive?assignmentId=ASSIGNMENT_ID_NOT_AVAILABLE&hitId=H1")
        eyes.look(page, "preview")


BY_KEYS = (
    ("#adult", "Space", "task"),
    ("button[value=yes]", "Enter", "topics"),
    ("input[name=avoid]", "Space", "topics"),
    ("main form button", "Enter", "about-you"),
    ("button[value=skip]", "Enter", "feel"),
    ("input[type=range]", "ArrowRight", "feel"),
    ("button[value=skip]", "Enter", "task"),
    ("main form button", "Enter", "attack/1"),
)
"""What Tab leads to, the key that is pressed there, and the page that one is on then."""


def test_from_the_consent_to_the_brief_by_keyboard_alone(tmp_path: Path, tab: Opener) -> None:
    with serve(write_study(tmp_path)) as site:
        page = tab(site, site.person())
        page.goto("/town/task")
        for selector, key, address in BY_KEYS:
            for _ in range(60):
                page.keyboard.press("Tab")
                if page.evaluate("(s) => document.activeElement.matches(s)", selector):
                    break
            else:
                raise AssertionError(f"no Tab leads to {selector}")
            page.keyboard.press(key)
            page.wait_for_url(f"**/town/{address}")


def test_what_a_lead_sees_of_a_dispute(tmp_path: Path, tab: Opener, eyes: Eyes) -> None:
    with serve_bench(tmp_path, "{training: false, per_attack: 2}") as bench:
        bench.attack()
        for success in (1, 5):
            _, browser = bench.reviewer()
            browser.post(here(begin_review(browser)), **{**RIGHT, "success": success})
        page = tab(bench.site, bench.site.person("review_lead"))
        page.goto("/town/study/reviews")
        eyes.look(page, "dispute-queue")
        page.goto("/town/study/reviews/1")
        eyes.look(page, "dispute")
