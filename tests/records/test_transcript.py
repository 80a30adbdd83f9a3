"""Transcripts: taken apart at the markers, put together again to the letter."""

from __future__ import annotations

import re

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gadfly.records.transcript import (
    REPLY_PATTERN,
    attack_messages,
    attack_text,
    parse,
    render,
    to_turns,
)
from gadfly.records.values import Arm, Attack, Attacker, Message, Reply, Turn
from tests.records.strategies import hostile


def said(text: str) -> list[tuple[str, str]]:
    return [(m.role, m.text) for m in parse(text).messages]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("no marker", []),
        ("\n\nHuman: a\n\nAssistant: b", [("human", "a"), ("assistant", "b")]),
        ("Human: a\n\nAssistant: b", [("human", "a"), ("assistant", "b")]),
        ("\n\nHuman:\n\nAssistant:", [("human", ""), ("assistant", "")]),
        (
            "\n\nHuman: a\n\nAssistant: b\n\nHuman: c",
            [("human", "a"), ("assistant", "b"), ("human", "c")],
        ),
        ("\n\nHuman: say Assistant: now", [("human", "say Assistant: now")]),
        ("\n\nHuman: a\nAssistant: b", [("human", "a\nAssistant: b")]),
        ("\n\nAssistant: a\n\nAssistant: b", [("assistant", "a"), ("assistant", "b")]),
        ("\n\nHuman:  two spaces ", [("human", " two spaces ")]),
        ("\n\nhuman: a", []),
    ],
)
def test_messages_are_found_at_markers(text: str, expected: list[tuple[str, str]]) -> None:
    assert said(text) == expected


@given(hostile)
def test_what_is_called_exact_prints_back_to_the_letter(text: str) -> None:
    parsed = parse(text)
    assert parsed.exact == (render(parsed.messages) == text)


@given(st.lists(st.tuples(st.sampled_from(["human", "assistant"]), st.text(max_size=20))))
def test_rendered_messages_parse_back(messages: list[tuple[str, str]]) -> None:
    wanted = [Message(role=role, text=text) for role, text in messages]  # type: ignore[arg-type]
    text = render(wanted)
    if not re.search(r"\n\n(Human|Assistant):", "".join(m.text for m in wanted)):
        again = parse(text)
        assert again.exact
        assert list(again.messages) == wanted


@given(hostile)
def test_columns_count_the_replies_that_the_parser_finds(text: str) -> None:
    counted = pl.Series([text]).str.count_matches(REPLY_PATTERN)[0]
    assert counted == sum(m.role == "assistant" for m in parse(text).messages)


def test_turns_keep_lone_messages_and_lone_replies() -> None:
    messages = parse(
        "\n\nAssistant: a\n\nHuman: b\n\nHuman: c\n\nAssistant: d\n\nHuman: e"
    ).messages
    turns = to_turns(messages)
    assert [(t.message, len(t.replies)) for t in turns] == [
        (None, 1),
        ("b", 0),
        ("c", 1),
        ("e", 0),
    ]
    assert attack_messages(turns) == messages


def test_voided_turns_are_no_part_of_the_text() -> None:
    turns = (
        Turn(message="a", failed=(Reply(text="", outcome="error"),), voided=True),
        Turn(
            message="b",
            replies=(Reply(text="x"), Reply(text="y")),
            continued=1,
            continued_by="random",
        ),
        Turn(message="c", replies=(Reply(text="p"), Reply(text="q"))),
    )
    attack = Attack(
        arm=Arm(model_type="a", num_params=""),
        attacker=Attacker(kind="model", team_type="in_house", member="m"),
        task_description=None,
        turns=turns,
    )
    assert attack_text(attack) == "\n\nHuman: b\n\nAssistant: y\n\nHuman: c"
