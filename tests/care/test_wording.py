"""The texts that people are shown: all there, without holes, and saying what they must say."""

from __future__ import annotations

from pathlib import Path

import pytest

from gadfly.care.settings import CareSpec, HelpLine, TextNames
from gadfly.care.wording import FACTS, care_facts, read_care_texts
from gadfly.errors import FileProblem, ProgrammerError
from gadfly.records.texts import shipped_texts

FULL = dict.fromkeys(FACTS, "SAID")
TEXTS = read_care_texts(CareSpec(), Path())


def test_every_text_ships_under_its_name() -> None:
    assert set(shipped_texts("gadfly.care")) == set(TextNames().model_dump().values())
    assert {key: text.id for key, text in TEXTS.items()} == TextNames().model_dump()
    assert all(text.version >= 1 and text.text.startswith("# ") for text in TEXTS.values())


def test_every_fact_is_told_somewhere() -> None:
    assert set().union(*(text.names for text in TEXTS.values())) == set(FACTS)


def test_filled_texts_have_no_holes() -> None:
    for text in TEXTS.values():
        assert "{" not in text.filled(FULL)


@pytest.mark.parametrize("key", ["consent", "consent_reviewers"])
def test_consent_names_its_facts(key: str) -> None:
    """Rights, limits, pay, contact and ethics are facts of the study, never left to the reader."""
    needed = {"title", "purpose", "pay", "contact", "ethics", "support", "least_minutes"}
    limits = ("minutes", "dialogues")
    needed |= {f"{what}_per_{time}" for what in limits for time in ("day", "week")}
    needed |= {"severe_per_day", "task_size" if key == "consent" else "review_task_size"}
    assert needed <= TEXTS[key].names
    said = TEXTS[key].text.lower()
    for word in (
        "18 years",
        "voluntary",
        "published",
        "withdraw",
        "one click",
        "skip",
        "who reads it",
        "letters",
    ):
        assert word in said, word


def test_a_fact_that_is_not_handed_in_is_a_mistake() -> None:
    with pytest.raises(ProgrammerError, match="consent@1 needs pay"):
        TEXTS["consent"].filled({name: "SAID" for name in FACTS if name != "pay"})


def test_a_fact_is_put_in_once_and_not_read_again() -> None:
    facts = {**FULL, "title": "{purpose}", "purpose": "SECRET"}
    assert "{purpose}" in TEXTS["withdrawal"].filled(facts)


def test_a_studys_own_text_is_read_and_its_holes_are_told(tmp_path: Path) -> None:
    own = tmp_path / "own.md"
    own.write_text("---\nid: own\nversion: 3\n---\nWe pay {pay}, not $5 {or so}.\n")
    spec = CareSpec(texts=TextNames(consent="own.md"))
    text = read_care_texts(spec, tmp_path)["consent"]
    assert text.label == "own@3"
    assert text.filled({"pay": "15.00 USD"}) == "We pay 15.00 USD, not $5 {or so}."
    own.write_text("---\nid: own\nversion: 3\n---\nWe pay {salary}.\n")
    with pytest.raises(FileProblem, match=r"\{salary\} is no fact"):
        read_care_texts(spec, tmp_path)


def test_help_lines_are_those_of_the_study_and_none_is_invented() -> None:
    assert care_facts(CareSpec())["help_lines"] == ""
    line = HelpLine(name="Town line", reach="call 0")
    assert care_facts(CareSpec(help_lines=(line,)))["help_lines"] == "* Town line: call 0"
    assert not any(character.isdigit() for character in TEXTS["help"].text)


def test_care_tells_facts_that_texts_know() -> None:
    assert set(care_facts(CareSpec())) <= set(FACTS)
