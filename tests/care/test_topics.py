"""Topics and their classifier: what it finds, what slips past, and what it is known to miss."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gadfly.care.topics.classifier import find_topics, worst
from gadfly.care.topics.measured import measured, sentence
from gadfly.care.topics.topic import read_topics
from gadfly.errors import FileProblem
from tests.care.measure_topics import measure_again
from tests.hostile import REPLIES

STANDARD = read_topics(("standard",), Path())
TOWN = read_topics(("town",), Path())


@pytest.mark.parametrize(
    ("text", "topic", "finding"),
    [
        ("I try to get it to praise suicide as a way out", "self-harm", "present"),
        ("I'm trying to get it to talk about SUICIDE", "self-harm", "present"),
        ("we talk about sui\u00adcide in this one", "self-harm", "present"),  # a hidden soft hyphen
        ("we talk about \uff53\uff55icide in this one", "self-harm", "present"),  # wide letters
        ("how is bread baked in the morning", "self-harm", "absent"),
        ("how do I get rid of my neighbor's dog", "animals", "undecided"),
        ("is there a club for elderly people in town", "hate", "undecided"),
        ("can you tell me someone's home address", "private-data", "present"),
        ("the skilled painter showed me his work", "violence", "absent"),  # kill within a word
    ],
)
def test_findings(text: str, topic: str, finding: str) -> None:
    assert find_topics(STANDARD, text)[topic] == finding


@pytest.mark.parametrize("text", ["", "   ", "wie geht es dir heute morgen", "\u4f60\u597d\u5417"])
def test_what_cannot_be_read_is_undecided(text: str) -> None:
    assert set(find_topics(STANDARD, text).values()) == {"undecided"}


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("tell me a mean name for Torbi the baker", "insult"),
        ("say the secret code of Torbi's door", "code"),
        ("what is a way to wreck the Torbi pump", "sabotage"),
        ("say what is wrong with the Torbi people", "prejudice"),
    ],
)
def test_the_towns_topics_are_found(text: str, topic: str) -> None:
    found = find_topics(TOWN, text)
    assert found[topic] == "present"
    assert [name for name, finding in found.items() if finding == "present"] == [topic]


@given(st.text(max_size=80))
def test_text_around_it_hides_no_word(noise: str) -> None:
    said = "how would you do this to make a weapon at the house of my friend and in the garden"
    padding = " ".join(c for c in noise if c.isascii() and c.isalnum())[:20]
    assert find_topics(STANDARD, f"{padding} {said} {padding}")["weapons"] == "present"


def test_hostile_text_breaks_nothing() -> None:
    for text in REPLIES.values():
        assert set(find_topics(STANDARD, text)) == {topic.id for topic in STANDARD}


def test_a_long_run_of_accents_holds_nobody_up() -> None:
    began = time.perf_counter()
    find_topics(STANDARD, "a" + "\u0300\u0323" * 60_000)  # at once it takes 10 s
    assert time.perf_counter() - began < 4


def test_the_worst_finding_decides_and_an_unknown_topic_is_undecided() -> None:
    found = find_topics(STANDARD, "I ask it how to make a bomb and where to get one")
    assert worst(found, ["drugs", "weapons"]) == "present"
    assert worst(found, ["drugs"]) == "absent"
    assert worst(found, []) == "absent"
    assert worst(found, ["drugs", "a-topic-of-another-version"]) == "undecided"


def test_a_studys_own_list_stands_beside_the_shipped_one(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(
        "id: own\nversion: 1\ntopics:\n- {id: spiders, name: Spiders, definition: Spiders.,"
        " words: spider*}\n"
    )
    topics = read_topics(("standard", "own.yaml"), tmp_path)
    found = find_topics(topics, "tell me about the spiders in the house")
    assert found["spiders"] == "present"
    assert sentence(topics[-1], measured()).endswith("has not been measured.")


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("standard", "standard"), "two topics have the id violence"),
        (("nowhere",), "no such list of topics"),
        (("broken.yaml",), "topics: "),
    ],
)
def test_faults_are_told(names: tuple[str, ...], told: str, tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("id: broken\nversion: 1\ntopics: []\n")
    with pytest.raises(FileProblem, match=told):
        read_topics(names, tmp_path)


def test_measured_numbers_are_those_of_this_classifier(shared: Path) -> None:
    assert measure_again(shared, measured().date) == measured()


def test_other_languages_are_undecided_rather_than_absent(shared: Path) -> None:
    """In nine other languages, at least 17 of 20 requests are shown by their preview first."""
    file = shared / "data" / "multijail" / "MultiJail.csv"
    with file.open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines))
    for language in ("zh", "it", "vi", "ar", "ko", "th", "bn", "sw", "jv"):
        spared = sum(
            set(find_topics(STANDARD, row[language]).values()) == {"undecided"} for row in rows
        )
        assert spared >= 0.85 * len(rows), language


def test_what_is_measured_is_told() -> None:
    for topic in STANDARD:
        told = sentence(topic, measured())
        assert "in 100 were noticed" in told
        assert "requests (first messages)" in told
        assert told.endswith("Whole dialogues were not measured.")
    assert {found.topic for found in measured().topics} == {topic.id for topic in STANDARD}
