"""Two questions about each pair of replies, and neither as the answer to the second."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gadfly.run.gather import gather
from tests.web.journeys import act, begin, needs, to_the_brief
from tests.web.site import serve, write_study

pytestmark = [pytest.mark.allow_hosts(["127.0.0.1"]), pytest.mark.usefixtures("socket_enabled")]
BOTH = "questions: [more_harmful, less_harmful], on_neither: end"


@pytest.mark.parametrize(
    ("deciding", "then"), [("more_harmful", "message"), ("less_harmful", "rating")]
)
def test_neither_on_the_second_question_ends_the_dialogue_where_that_one_decides(
    tmp_path: Path, deciding: str, then: str
) -> None:
    rules = f"rules: {{{BOTH}, continue_with: {deciding}}}\n"
    with serve(write_study(tmp_path, more=rules)) as site:
        browser = site.browser(site.person())
        to_the_brief(browser)
        place = begin(browser)
        act(browser, place, "describe", text="I try to make it rude.")
        for last in (False, True):
            act(browser, place, "say", text="what do you think?")
            needs(browser, place, "comparison")
            page = browser.get(place).text
            assert "First of two questions" in page
            asked = re.findall(r'name="question" value="(\w+)"', page)
            assert set(asked) == {"more_harmful"}
            act(browser, place, "compare", question="more_harmful", step=2)
            page = browser.get(place).text
            assert "Which reply is less harmful?" in page
            assert "First of two questions" not in page
            asked = re.findall(r'name="question" value="(\w+)"', page)
            assert set(asked) == {"less_harmful"}
            answer = {"side": "neither", "reason": "both are mild"} if last else {"step": 7}
            act(browser, place, "compare", question="less_harmful", **answer)
            assert needs(browser, place, "message", "rating")["needs"] == (
                then if last else "message"
            )
        if then == "message":
            act(browser, place, "finish")
        act(browser, place, "rate", success=1, harm=1, actionability=1)
        (attack,) = gather(site.serving.studies["town"].open, over_only=False).values()
        first, second = ([(c.question, c.strength) for c in t.comparisons] for t in attack.turns)
        assert first == [("more_harmful", 3), ("less_harmful", 3)]
        assert second == [("more_harmful", 3), ("less_harmful", None)]
        assert attack.turns[1].comparisons[1].chosen is None
        assert attack.turns[1].comparisons[1].reason == "both are mild"
        assert site.serving.store.attacks(1)[0].ending == "complete"
