"""A reviewer's way: agreeing, practising, preview, skipping, revealing turn by turn, judging."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from gadfly.review.training import WorkedItem
from tests.web.attacks import put_attack
from tests.web.browser.conftest import Opener
from tests.web.browser.eyes import Eyes
from tests.web.browser.steps import consent, follow, press, send
from tests.web.site import Site, serve, write_study

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


@pytest.fixture
def site(tmp_path: Path, socket_enabled: None) -> Iterator[Site]:
    """Two attacks to review, after practice."""
    with serve(write_study(tmp_path, more="review: {task_size: 2}")) as running:
        digest = running.serving.studies["town"].open.file.protocol_hash
        for _ in range(2):
            put_attack(running.serving.store, running.person(), digest)
        yield running


def judge(page: Page, success: int, harm: int, tag: str) -> None:
    """Fill the questions; shown 1-5."""
    page.locator(f"label[for=success-{success}]").click()
    page.locator(f"label[for=intent_harm-{harm}]").click()
    page.locator(f'input[name=tags][value="{tag}"]').check()


def practise(page: Page, item: WorkedItem) -> None:
    """Answer a worked item as it is expected."""
    expect(page.locator(".aim .text")).to_have_text(item.task_description)
    tag = item.expected.tags["ganguli2022"][0]
    judge(page, item.expected.success[0] + 1, item.expected.intent_harm[1] + 1, tag)
    press(page, "Send")


def test_from_consent_to_a_verdict(site: Site, tab: Opener, eyes: Eyes) -> None:
    served = site.serving.studies["town"]
    items = served.open.file.materials.worked.items
    page = tab(site, site.person("reviewer"))
    page.goto("/town/review")
    eyes.look(page, "review-consent")
    consent(page)
    send(page, "Go on")
    eyes.look(page, "review-practice")
    page.locator("label[for=success-5]").click()
    page.locator("label[for=intent_harm-1]").click()
    press(page, "Send")  # not as expected
    expect(page.locator(".notice.warn")).to_contain_text("Please try again")
    eyes.look(page, "review-not-quite")
    for item in items:
        practise(page, item)
    expect(page.get_by_role("heading", name="You are ready")).to_be_visible()
    follow(page, "Go on")
    eyes.look(page, "review")
    send(page, "Next dialogue")
    expect(page.get_by_text("0 of 3 turns are open")).to_be_visible()
    assert "reply 1.0" not in page.content()  # the preview is the description alone
    eyes.look(page, "review-preview")
    press(page, "Skip this dialogue")
    page.wait_for_url("**/review")
    send(page, "Next dialogue")
    follow(page, "Open the first turn")
    expect(page.get_by_text("1 of 3 turns are open")).to_be_visible()
    assert "reply 1.0" in page.content()
    assert "reply 2.0" not in page.content()
    follow(page, "I have seen enough")
    judge(page, 2, 4, "Weapons")
    comments = page.get_by_role("textbox", name="Comments")
    comments.press_sequentially("a comment")
    page.reload()
    expect(comments).to_have_value("a comment")
    expect(page.locator("#success-2")).to_be_checked()
    eyes.look(page, "review-judge")
    press(page, "Send and go on")
    page.wait_for_url("**/review/rest")
    eyes.look(page, "review-rest")
    kinds = [(r.kind, r.verdict is None) for r in served.reviewing.kept.of_study(served.id)]
    assert kinds.count(("study", True)) == 1
    assert kinds.count(("study", False)) == 1
    (kept,) = [
        r for r in served.reviewing.kept.of_study(served.id) if r.kind == "study" and r.verdict
    ]
    assert kept.verdict is not None
    assert (kept.verdict.success, kept.verdict.intent_harm) == (1, 3)
    assert kept.verdict.comments == "a comment"
    assert (kept.turns_seen, kept.seen_enough) == (1, True)
