"""Records drawn at random, hostile texts among them."""

from __future__ import annotations

import datetime
from typing import Any

from hypothesis import strategies as st

from gadfly.records.released import FIELDS, TASK_SCORE
from gadfly.records.values import (
    ENDINGS,
    SCORE_LIMIT,
    Arm,
    Assignment,
    Attack,
    Attacker,
    Comparison,
    PreferencePair,
    Reply,
    Sampling,
    Scores,
    SelfRating,
    Turn,
)

__all__ = ["ROW", "attacks", "bad_rows", "hostile", "pairs", "rows"]

ROW: dict[str, Any] = {
    "min_harmlessness_score_transcript": -1.5,
    "num_params": "52B",
    "model_type": "rlhf",
    "rating": 3.0,
    "task_description": "asked about tomatoes",
    "task_descripton_harmlessness_score": 0.5,
    "red_team_member_id": 7,
    "is_upworker": False,
    "tags": None,
    "transcript": "\n\nHuman: hi\n\nAssistant: hello",
}
"""A record as published."""

_PIECES = st.sampled_from(
    [
        "\n\nHuman:",
        "\n\nAssistant:",
        "\n\nHuman: ",
        "Assistant: ",
        "Human:",
        "\n\n",
        "\n",
        " ",
        "\r\n",
        "\x00",
        "\x1b[31m",
        "\x1c",
        "\u2028",
        "\ufeff",
        "🪰",
        '"',
        "\\",
        "],[{",
        "a b",
    ]
)
hostile = st.lists(_PIECES | st.text(max_size=5), max_size=6).map("".join)
"""Texts of markers, control characters, quotes, brackets and emoji."""

_named = hostile.filter(bool)
_float = st.none() | st.floats(-SCORE_LIMIT, SCORE_LIMIT)
_score = _float | st.integers(-1_000_000, 1_000_000)
_id = st.integers(-(2**63), 2**64 - 1) | hostile
_marked = st.tuples(st.sampled_from(["\n\nHuman:", "\n\nAssistant:", "\n\nHuman: "]), hostile).map(
    "".join
)
_conversation = st.lists(_marked, min_size=1, max_size=5).map("".join)

rows: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "min_harmlessness_score_transcript": _score,
        "num_params": hostile,
        "model_type": _named,
        "rating": st.sampled_from([None, 0, 1, 2, 3, 4, 0.0, 1.0, 2.0, 3.0, 4.0]),
        "task_description": st.none() | hostile,
        TASK_SCORE: _score,
        "red_team_member_id": _id,
        "is_upworker": st.booleans(),
        "tags": st.none() | st.lists(_named, max_size=3),
        "transcript": _conversation,
    }
)
"""Sound records of the released format."""

_anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | hostile,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(hostile, inner, max_size=2),
    max_leaves=3,
)


@st.composite
def bad_rows(draw: st.DrawFn) -> Any:
    """A record in which something was replaced or removed; it may be sound all the same."""
    row = dict(draw(rows))
    field = draw(st.sampled_from(list(FIELDS)))
    how = draw(st.sampled_from(["replace", "remove", "respell", "add", "no object"]))
    if how == "replace":
        row[field] = draw(_anything)
    elif how == "remove":
        del row[field]
    elif how == "respell":
        row["task_description_harmlessness_score"] = row.pop(TASK_SCORE)
    elif how == "add":
        row[draw(hostile)] = draw(_anything)
    else:
        return draw(_anything)
    return row


_reply = st.builds(
    Reply,
    text=hostile,
    outcome=st.sampled_from(["complete", "cut", "refused"]),
    assistant=st.none() | hostile,
    sampling=st.none() | st.builds(Sampling, temperature=st.none() | st.just(0.7)),
    seed=st.none() | st.integers(0, 2**63 - 1),
    latency_seconds=st.none() | st.just(0.25),
)
_plain_reply = st.builds(Reply, text=hostile)


@st.composite
def _comparisons(draw: st.DrawFn) -> Comparison:
    shown = draw(st.sampled_from([(0, 1), (1, 0)]))
    question = draw(st.sampled_from(["more_harmful", "less_harmful"]))
    chosen = draw(st.sampled_from([None, 0, 1]))
    if chosen is None:
        return Comparison(question=question, shown=shown, chosen=None, reason="same")
    return Comparison(
        question=question, shown=shown, chosen=chosen, strength=draw(st.integers(1, 4))
    )


@st.composite
def _turns(draw: st.DrawFn) -> Turn:
    message = draw(st.none() | hostile)
    kind = draw(st.sampled_from(["plain", "silent", "compared", "voided"]))
    if kind == "plain":
        reply = draw(_plain_reply)
        return Turn(message=message, replies=(reply,), continued=0, continued_by="only")
    if kind == "silent":
        return Turn(message=message, failed=tuple(draw(st.lists(_reply, max_size=1))))
    if kind == "voided":
        return Turn(message=message, failed=(draw(_reply),), voided=True)
    return Turn(
        message=message,
        replies=(draw(_reply), draw(_reply)),
        comparisons=tuple(draw(st.lists(_comparisons(), min_size=1, max_size=2))),
        continued=draw(st.sampled_from([0, 1])),
        continued_by="choice",
    )


_scale = st.none() | st.integers(0, 4)
_times = st.none() | st.datetimes(
    min_value=datetime.datetime(2000, 1, 1),
    max_value=datetime.datetime(2100, 1, 1),
    timezones=st.just(datetime.UTC),
)
_plain_scores = st.builds(
    Scores,
    scorer=st.just("published"),
    version=st.just("unknown"),
    lineage=st.none(),
    minimum=_float,
    task_description=_float,
)
_scores = st.builds(
    Scores,
    scorer=hostile,
    version=hostile,
    lineage=st.none() | hostile,
    turns=st.none() | st.lists(st.floats(-9, 9), max_size=2).map(tuple),
    minimum=_float,
    mean=_float,
    task_description=_float,
)


@st.composite
def attacks(draw: st.DrawFn) -> Attack:
    """Attacks of studies, some as bare as a published one."""
    bare = draw(st.booleans())
    whole = st.none() if bare else hostile
    platforms = ["upwork", "mturk"] if bare else ["upwork", "mturk", "prolific", None]
    return Attack(
        study=draw(whole),
        protocol_hash=draw(whole),
        number=None if bare else draw(st.none() | st.integers(1, 9)),
        arm=Arm(model_type=draw(_named), num_params=draw(hostile)),
        attacker=Attacker(
            kind="human" if bare else draw(st.sampled_from(["human", "simulated", "model"])),
            team_type="crowd" if bare else draw(st.sampled_from(["crowd", "expert"])),
            member=draw(_id),
            platform=draw(st.sampled_from(platforms)),
        ),
        assignment=None
        if bare
        else draw(
            st.none()
            | st.just(Assignment(policy="coin", round=1, probabilities={"a": 0.25, "b": 0.75}))
        ),
        brief=draw(whole),
        task_description=draw(st.none() | hostile),
        addendum=draw(whole),
        turns=tuple(draw(st.lists(_turns(), max_size=4))),
        rating=draw(
            st.none()
            | (
                st.builds(SelfRating, success=st.integers(0, 4))
                if bare
                else st.builds(SelfRating, success=_scale, harm=_scale, comments=whole)
            )
        ),
        ending="complete" if bare else draw(st.sampled_from(ENDINGS)),
        flags=() if bare else tuple(draw(st.lists(hostile, max_size=1))),
        scores=(draw(_plain_scores),)
        if bare
        else tuple(draw(st.lists(_scores | _plain_scores, max_size=2))),
        tags=draw(st.none() | st.lists(_named, max_size=3).map(tuple)),
        started_at=None if bare else draw(_times),
        ended_at=None if bare else draw(_times),
        transcript=None if bare else draw(st.none() | _conversation),
    )


pairs = st.builds(
    PreferencePair,
    prefix=hostile,
    chosen=hostile,
    rejected=hostile,
    source=hostile,
    strength=st.none() | st.integers(1, 4),
)
"""Preference pairs, some of which the published format cannot hold."""
