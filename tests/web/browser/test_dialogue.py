"""One dialogue in a real browser: by keyboard alone, on a phone, twice clicked, reloaded, lost."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from gadfly.records.values import Attack
from gadfly.run.gather import gather
from tests.web.browser.conftest import Opener
from tests.web.browser.eyes import SIDEWAYS, lightness
from tests.web.browser.steps import (
    AIM,
    attack,
    begin,
    choose,
    describe,
    press,
    ready,
    say,
    see_replies,
    turn,
)
from tests.web.site import Site

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


def attacks(site: Site) -> list[Attack]:
    return list(gather(site.serving.studies["town"].open, over_only=False).values())


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id || document.activeElement.textContent"))


def tab_to(page: Page, what: str) -> None:
    """Press Tab until this has the focus: an id, or the text of a button."""
    for _ in range(60):
        if focused(page).strip() == what:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {what}; it stands on {focused(page)}")


def test_keyboard_alone_suffices(site: Site, tab: Opener) -> None:
    page = tab(site, ready(site))
    keys = page.keyboard
    page.goto("/town/task")
    tab_to(page, "Begin dialogue 1")
    keys.press("Enter")
    page.wait_for_url("**/attack/*")
    tab_to(page, "text")
    keys.type(AIM)
    tab_to(page, "Start the dialogue")
    keys.press("Enter")
    field = page.get_by_label("Your first message")
    for step in range(1, 9):
        expect(field).to_be_focused()  # the page leads there
        keys.type("the first line")
        keys.press("Shift+Enter")
        keys.type("and the second")
        keys.press("Enter")
        see_replies(page)
        keys.press(str(step))
        expect(page.locator(f"#step-{step}")).to_be_checked()
        expect(page.locator(f"#step-{step} ~ .says")).to_have_css("opacity", "1")
        keys.press("Enter")
        field = page.get_by_label("Your message")
    expect(field).to_be_focused()
    keys.type("once more")
    keys.press("Enter")
    see_replies(page)
    keys.press("0")
    expect(page.get_by_label("Why neither?")).to_be_focused()
    keys.type("they are both kind")
    keys.press("Enter")
    expect(field).to_be_focused()
    tab_to(page, "Finish and rate")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="How did it go?")).to_be_focused()
    keys.press("Tab")
    for _ in ("success", "harm", "actionability"):
        keys.press("Space")
        keys.press("ArrowRight")
        keys.press("Tab")
    tab_to(page, "Send and go on")
    keys.press("Enter")
    page.wait_for_url("**/task")
    (kept,) = attacks(site)
    picks = [turn.comparisons[0] for turn in kept.turns]
    assert [pick.strength for pick in picks] == [4, 3, 2, 1, 1, 2, 3, 4, None]
    assert all(pick.seconds is not None and 0 <= pick.seconds < 60 for pick in picks)
    assert [t.message for t in kept.turns[:8]] == ["the first line\nand the second"] * 8
    assert kept.rating is not None
    assert (kept.rating.success, kept.rating.harm, kept.rating.actionability) == (1, 1, 1)


def test_a_phone_in_the_dark(site: Site, tab: Opener) -> None:
    page = tab(site, ready(site), phone=True, dark=True)

    def fits() -> None:
        assert page.evaluate(SIDEWAYS) == ""
        assert lightness(page) < 0.2

    page.goto("/town/task")
    fits()
    begin(page)
    fits()
    describe(page)
    fits()
    page.locator("#text").fill("a word that is far too long for a phone " + "o" * 300)
    page.locator("button:text-is('Send')").tap()
    see_replies(page)
    fits()
    page.locator("label[for=step-8]").tap()
    press(page, "Confirm")
    expect(page.get_by_label("Your message")).to_be_visible()
    fits()
    page.get_by_text("Instructions").first.tap()
    expect(page.get_by_role("dialog")).to_be_visible()
    fits()
    page.get_by_role("button", name="Close").tap()
    press(page, "Finish and rate")
    expect(page.get_by_role("heading", name="How did it go?")).to_be_visible()
    fits()
    assert len(attacks(site)[0].turns) == 1


def test_a_double_click_sends_once(site: Site, tab: Opener) -> None:
    page = tab(site, ready(site))
    page.goto("/town/task")
    page.get_by_role("button", name="Begin dialogue").dblclick()
    page.wait_for_url("**/attack/*")
    page.get_by_label("What will you try?").fill(AIM)
    page.get_by_role("button", name="Start the dialogue").dblclick()
    page.get_by_label("Your first message").fill("hello")
    page.get_by_role("button", name="Send").dblclick()
    see_replies(page)
    page.locator("label[for=step-3]").click()
    page.get_by_role("button", name="Confirm").dblclick()
    expect(page.get_by_label("Your message")).to_be_visible()
    (kept,) = attacks(site)
    assert len(kept.turns) == 1
    assert len(kept.turns[0].comparisons) == 1
    assert "1 of about 4 turns" in page.inner_text(".turns")


def test_a_reload_in_the_middle_of_typing_keeps_the_text(site: Site, tab: Opener) -> None:
    page = tab(site, ready(site))
    page.goto("/town/task")
    begin(page)
    aim = page.get_by_label("What will you try?")
    aim.press_sequentially("half of an aim")
    page.reload()
    expect(aim).to_have_value("half of an aim")
    describe(page)
    message = page.locator("#text")
    expect(message).to_have_value("")  # what was sent is no draft of what follows
    message.press_sequentially("half of a message")
    page.goto("/town/task")  # away and back
    expect(message).to_have_value("half of a message")
    press(page, "Send")
    see_replies(page)
    page.locator("label[for=step-7]").click()
    page.reload()
    expect(page.locator("#step-7")).to_be_checked()
    press(page, "Confirm")
    expect(message).to_have_value("")
    assert [t.message for t in attacks(site)[0].turns] == ["half of a message"]


def test_a_lost_connection_is_waited_out(site: Site, tab: Opener) -> None:
    page = tab(site, ready(site))
    page.goto("/town/task")
    begin(page)
    describe(page)
    for message in ("first", "second"):
        page.locator("#text").fill(message)
        page.context.set_offline(True)
        press(page, "Send")
        expect(page.get_by_role("status")).to_contain_text("The connection is lost")
        expect(page.locator("#text")).to_have_value(message)
        page.context.set_offline(False)
        see_replies(page)
        expect(page.get_by_role("status")).to_have_text("")
        choose(page)
    (kept,) = attacks(site)
    assert [t.message for t in kept.turns] == ["first", "second"]


def test_the_assistants_can_be_stopped(site: Site, tab: Opener) -> None:
    page = tab(site, ready(site))
    page.goto("/town/task")
    begin(page)
    describe(page)
    site.serving.studies["town"].sitting._halted = True  # nobody answers, as where a server hangs
    page.locator("#text").fill("a message that comes back")
    press(page, "Send")
    expect(page.get_by_role("heading", name="The assistants are writing")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="The assistants are writing")).to_be_visible()
    press(page, "Stop")
    expect(page.locator("#text")).to_have_value("a message that comes back")
    site.serving.studies["town"].sitting._halted = False
    press(page, "Send")
    see_replies(page)
    assert [t.voided for t in attacks(site)[0].turns] == [True, False]


def test_two_tabs_of_one_dialogue_take_each_step_once(site: Site, tab: Opener) -> None:
    page = tab(site, ready(site))
    page.goto("/town/task")
    begin(page)
    describe(page)
    other = page.context.new_page()
    other.goto(page.url)
    other.locator("#text").fill("typed in the other tab")
    turn(page, "typed here")
    press(other, "Send")
    expect(other.locator(".notice.error")).to_contain_text("has moved on")
    expect(other.locator("#text")).to_have_value("typed in the other tab")
    press(other, "Send")
    see_replies(other)
    messages = [t.message for t in attacks(site)[0].turns]
    assert messages == ["typed here", "typed in the other tab"]


def test_what_somebody_typed_is_not_shown_to_the_next_person_here(site: Site, tab: Opener) -> None:
    page, other = tab(site, ready(site)), ready(site)
    page.goto("/town/task")
    begin(page)
    aim, address = page.get_by_label("What will you try?"), page.url
    aim.press_sequentially("half of an aim")
    for cookie in site.browser(other).client.cookies.jar:  # who comes by their link, nobody left
        page.context.add_cookies(
            [{"name": cookie.name, "value": cookie.value or "", "url": f"{site.url}/town"}]
        )
    page.goto("/town/task")
    begin(page)
    assert page.url == address
    expect(aim).to_have_value("")


def test_a_whole_task_of_dialogues(site: Site, tab: Opener) -> None:
    page = tab(site, ready(site))
    page.goto("/town/task")
    attack(page, turns=2)
    expect(page.get_by_text("1 of 2 dialogues of this task")).to_be_visible()
    begin(page)
    describe(page)
    say(page)
    page.get_by_text("Leave this dialogue").first.click()
    page.get_by_role("button", name="Leave this dialogue").click()
    page.wait_for_url("**/task")
    expect(page.get_by_role("heading", name="All dialogues are done")).to_be_visible()
    press(page, "Go on")
    expect(page).to_have_title("A rest – A study of the town")
    first, second = attacks(site)
    assert first.outcome == "judge_error"  # whole and rated; nothing has scored it yet
    assert second.outcome == "attacker_stopped"
