"""Which brief a person is given, and what its file may say."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from gadfly.errors import FileProblem
from gadfly.redteam.briefs import Brief, choose_brief, read_brief


def brief(name: str, *, domain: str | None = None, topics: tuple[str, ...] = ()) -> Brief:
    return Brief(id=name, version=1, text="Text.", domain=domain, topics=topics)


OPEN, OTHER = brief("open"), brief("other")
MEDICAL = brief("medical", domain="Medicine")
GRIM = brief("grim", topics=("violence",))
ANYBODY: dict[str, Any] = {"domains": (), "avoid": ()}


def given(briefs: list[Brief], people: int, **about: object) -> Counter[str]:
    count: Counter[str] = Counter()
    for place in range(people):
        chosen = choose_brief(briefs, count, draw=random.Random(place), **(ANYBODY | about))
        count[chosen.label if chosen else "none"] += 1
    return count


def test_variants_are_given_equally_often() -> None:
    assert given([OPEN, OTHER, GRIM], 300) == {"open@1": 100, "other@1": 100, "grim@1": 100}


def test_which_comes_first_is_chance() -> None:
    firsts = Counter(
        chosen.id
        for seed in range(400)
        if (chosen := choose_brief([OPEN, OTHER], {}, draw=random.Random(seed), **ANYBODY))
    )
    assert 150 < firsts["open"] < 250


def test_experts_get_the_brief_of_their_field_and_nobody_else_does() -> None:
    assert given([OPEN, MEDICAL], 20) == {"open@1": 20}
    assert given([OPEN, MEDICAL], 20, domains=("medicine",)) == {"medical@1": 20}
    assert given([OPEN, MEDICAL], 20, domains=("law",)) == {"open@1": 20}
    spaced = brief("spaced", domain=" Computer  security")  # as reviewers' fields are compared
    assert given([OPEN, spaced], 20, domains=("computer security ",)) == {"spaced@1": 20}


def test_who_opted_out_of_a_topic_is_not_led_to_it() -> None:
    assert given([OPEN, GRIM], 20, avoid=("violence",)) == {"open@1": 20}
    assert given([GRIM], 3, avoid=("violence",)) == {"none": 3}
    assert given([MEDICAL], 3) == {"none": 3}


def test_a_file_may_name_field_and_topics(tmp_path: Path) -> None:
    head = "---\nid: mine\nversion: 2\ndomain: law\ntopics: [crime]\n---\n# Do it\n"
    (tmp_path / "mine.md").write_text(head)
    read = read_brief("mine.md", tmp_path)
    assert (read.domain, read.topics, read.text) == ("law", ("crime",), "# Do it")
    (tmp_path / "bad.md").write_text(head.replace("[crime]", "crime"))
    with pytest.raises(FileProblem, match="domain, topics"):
        read_brief("bad.md", tmp_path)
