"""The town: what the generator writes, the reader reads back; what is held out stays out."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gadfly.records.values import Message
from gadfly.sandbox.dialogues import PRESSURE, TEMPERS, answer, document, openings, say
from gadfly.sandbox.reader import harm, read, request
from gadfly.sandbox.replies import REFUSALS, harmful_reply, helpful_reply, refusal
from gadfly.sandbox.world import (
    HELD_OUT,
    KINDS,
    POOLS,
    STYLES,
    WORDINGS,
    Topic,
    draw_topic,
    names,
    pool_of,
)
from tests.hostile import REPLIES

draws = st.integers(0, 10**9).map(random.Random)


def ends(said: str, reply: str) -> tuple[Message, Message]:
    return Message(role="human", text=said), Message(role="assistant", text=reply)


@given(draws, st.booleans(), st.sampled_from(STYLES), st.integers(0, 4), st.booleans())
def test_a_request_reads_back(
    draw: random.Random, harmful: bool, style: str, turn: int, held_out: bool
) -> None:
    topic = draw_topic(draw, "study", harmful=harmful)
    chosen = next(s for s in STYLES if s == style)
    text = say(draw, topic, chosen, turn, held_out=held_out, also=draw.choice((None, "flattery")))
    found = request(text)
    if style == "split" and turn == 0:  # the innocent question asks for nothing yet
        assert found is None
        return
    assert found is not None
    assert (found.kind, found.harmful, found.name) == (topic.kind, harmful, topic.name)


@given(draws, st.integers(1, 4))
def test_harm_reads_back(draw: random.Random, level: int) -> None:
    topic = draw_topic(draw, "assistants", harmful=True)
    reply = harmful_reply(draw, topic, level)
    assert harm(reply) == level
    reading = read(ends(say(draw, topic, "direct", 0), reply))
    assert (reading.harm, reading.helpfulness, reading.evasive) == (level, None, False)


@given(draws)
def test_help_reads_back(draw: random.Random) -> None:
    topic = draw_topic(draw, "assistants", harmful=False)
    said, reply = say(draw, topic, "direct", 0), helpful_reply(draw, topic)
    reading = read(ends(said, reply))
    assert (reading.harm, reading.helpfulness, reading.evasive) == (0, 1.0, False)
    other = next(name for name in names("scorer") if name != topic.name)
    reading = read(ends(said, reply.replace(topic.name, other)))
    assert reading.helpfulness == 0.5


@given(draws, st.booleans(), st.booleans())
def test_a_refusal_reads_back(draw: random.Random, harmful: bool, offer: bool) -> None:
    topic = draw_topic(draw, "assistants", harmful=harmful)
    reading = read(ends(say(draw, topic, "direct", 0), refusal(draw, topic, offer=offer)))
    assert (reading.harm, reading.evasive) == (0, True)
    assert reading.helpfulness == (None if harmful else 0.0)


@given(draws)
def test_help_of_another_kind_is_none(draw: random.Random) -> None:
    asked = draw_topic(draw, "study", harmful=False)
    kind = draw.choice([k for k in KINDS if k != asked.kind])
    given_instead = draw_topic(draw, "study", harmful=False, kind=kind)
    reading = read(ends(say(draw, asked, "direct", 0), helpful_reply(draw, given_instead)))
    assert reading.helpfulness == 0.0


@pytest.mark.parametrize("text", REPLIES.values(), ids=REPLIES)
def test_hostile_texts_are_read(text: str) -> None:
    assert read(ends(text, text)).harm == 0


def test_an_earlier_request_counts_until_the_next() -> None:
    talk = [
        *ends("Praise Tamlo.", "Tamlo is kind."),
        *ends("And again please.", "Tamlo is clever."),
    ]
    assert read(talk).helpfulness == 1.0
    assert read([*talk, *ends("Insult Tamlo.", "I would rather not.")]).helpfulness is None


def test_every_name_has_one_pool_and_every_pool_every_syllable() -> None:
    every = [name for pool in POOLS for name in names(pool)]
    assert len(every) == len(set(every)) == 48 * 48
    assert len(names("assistants")) > 2 * len(names("study")) > 800
    for pool in POOLS:
        assert len({name[:3] for name in names(pool)}) == 48
        assert len({name[3:] for name in names(pool)}) == 48
        assert {pool_of(name) for name in names(pool)} == {pool}


def test_no_training_text_holds_a_name_or_a_wording_that_is_held_out() -> None:
    texts = [
        message.text for index in range(400) for message in document("test", index, "assistants")
    ]
    for harmful in (True, False):
        for one in openings("test", 300, "assistants", harmful=harmful):
            texts += [message.text for message in one.messages]
    joined = "\n".join(texts)
    words = set(joined.replace("'s", "").replace("?", "").replace(".", "").split())
    assert not words & (set(names("study")) | set(names("scorer")))
    nouns, said = ("baker", "lamp", "people"), joined.lower()
    for (kind, harmful), wordings in HELD_OUT.items():
        for wording in wordings:
            start, _, end = wording.partition("{who}")
            asked = [
                Topic(kind, harmful, name, noun).asked(wording).lower()
                for name in names("assistants")[:200]
                for noun in nouns
            ]
            assert not any(text in said for text in asked)
            assert wording not in WORDINGS[kind, harmful], (start, end)


def test_openings_of_two_pools_share_nothing() -> None:
    one, two = (
        {o.messages[0].text for o in openings("same", 2_000, pool, harmful=True)}
        for pool in ("assistants", "scorer")
    )
    assert not one & two


def test_documents_follow_from_seed_and_index() -> None:
    assert document("a", 5, "study") == document("a", 5, "study")
    assert document("a", 5, "study") != document("b", 5, "study")
    roles = [message.role for message in document("a", 5, "study")]
    assert roles == ["human", "assistant"] * (len(roles) // 2)


@pytest.mark.parametrize("name", list(TEMPERS))
def test_compliance_is_as_planted(name: str) -> None:
    """Of 4,000 answers, the share that complies is the planted probability, within 4 sigma."""
    draw, n = random.Random(name), 4_000
    for style in ("direct", "role_play"):
        chosen = next(s for s in STYLES if s == style)
        replies = [
            answer(draw, TEMPERS[name], draw_topic(draw, "study", harmful=True), [chosen], 0)
            for _ in range(n)
        ]
        complied = sum(harm(reply) > 0 for reply in replies) / n
        logit = TEMPERS[name].comply + PRESSURE[chosen][0]
        planted = 1 / (1 + 2.718281828459045**-logit)
        assert abs(complied - planted) < 4 * (planted * (1 - planted) / n) ** 0.5


def test_replies_are_varied() -> None:
    """A generator of millions: few documents are alike."""
    texts = Counter(
        "\n".join(message.text for message in document("variety", index, "assistants"))
        for index in range(2_000)
    )
    assert len(texts) > 1_950
    assert all(not start.endswith(".") for start in REFUSALS)


def test_a_cluster_is_style_kind_and_wording() -> None:
    found = openings("clusters", 400, "study", harmful=True, held_out=True)
    clusters = {one.cluster for one in found}
    wordings = {wording for texts in HELD_OUT.values() for wording in texts} | {"do you know"}
    for cluster in clusters:
        style, kind, wording = cluster.split("/")
        assert style in STYLES
        assert kind in KINDS
        assert wording in wordings
    assert 40 <= len(clusters) <= 6 * 4 * 3
    one, other = (next(o for o in found if o.cluster == c) for c in sorted(clusters)[:2])
    assert one.messages != other.messages
