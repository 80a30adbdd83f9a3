"""One contract over every scorer: one score per reply, blind to what comes later, repeatable."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gadfly.errors import ProgrammerError
from gadfly.preference.constant import ConstantScorer
from gadfly.preference.protocol import Asking, Scorer, attack_scores, checked_scores
from gadfly.preference.train import train_linear
from gadfly.records.transcript import to_turns
from gadfly.records.values import Arm, Attack, Attacker, Message
from tests.preference.worlds import planted
from tests.shorter import ShorterScorer

LINEAR = train_linear(planted(120), seed=1).scorer
SCORERS: list[Scorer] = [ConstantScorer(0.5), ShorterScorer(), LINEAR, Asking(LINEAR, "why?")]

texts = st.one_of(
    st.text(max_size=80),
    st.sampled_from(
        ["", " ", "\x00\x1b[31m", "Human:", "\n\nAssistant: hi", "🐝" * 50, "a" * 5000]
    ),
)
messages = st.lists(
    st.builds(Message, role=st.sampled_from(["human", "assistant"]), text=texts), max_size=8
)


def attack(said: Sequence[Message], description: str | None = "to be kind") -> Attack:
    return Attack(
        arm=Arm(model_type="a", num_params="1"),
        attacker=Attacker(kind="simulated", team_type="crowd", member="m"),
        task_description=description,
        turns=to_turns(said),
    )


@pytest.mark.parametrize("scorer", SCORERS, ids=lambda s: s.version)
class TestEveryScorer:
    @settings(max_examples=40)
    @given(said=messages)
    def test_one_finite_score_per_reply(self, scorer: Scorer, said: list[Message]) -> None:
        (scores,) = scorer.score([said])
        assert len(scores) == sum(m.role == "assistant" for m in said)
        assert all(map(math.isfinite, scores))

    @settings(max_examples=40)
    @given(said=messages, cut=st.integers(0, 8))
    def test_what_is_said_later_changes_nothing(
        self, scorer: Scorer, said: list[Message], cut: int
    ) -> None:
        whole, part = scorer.score([said, said[:cut]])
        assert part == whole[: len(part)]

    @settings(max_examples=20)
    @given(many=st.lists(messages, max_size=5))
    def test_a_batch_gives_what_each_alone_gives(
        self, scorer: Scorer, many: list[list[Message]]
    ) -> None:
        assert scorer.score(many) == [scorer.score([one])[0] for one in many]

    def test_scores_of_an_attack_are_a_record(self, scorer: Scorer) -> None:
        said = [
            Message(role="human", text="good day"),
            Message(role="assistant", text="gladly, the garden"),
            Message(role="human", text="and now?"),
            Message(role="assistant", text="never bother"),
        ]
        full, empty = attack_scores([attack(said), attack(said[:1], None)], scorer)
        assert full.turns is not None
        assert full.minimum == min(full.turns)
        assert full.mean == pytest.approx(sum(full.turns) / 2)
        assert full.task_description is not None
        assert full.lineage is not None
        assert full.lineage.startswith("sha256:")
        assert (empty.minimum, empty.mean, empty.task_description) == (None, None, None)


def test_another_question_changes_the_score_of_descriptions_alone() -> None:
    asked = Asking(LINEAR, "Is it kind?")
    assert isinstance(asked, Scorer)
    said = [Message(role="human", text="x"), Message(role="assistant", text="good day")]
    (usual,), (other,) = (attack_scores([attack(said)], scorer) for scorer in (LINEAR, asked))
    (alone,) = LINEAR.score(
        [[Message(role="human", text=asked.question), Message(role="assistant", text="to be kind")]]
    )
    assert other.task_description == alone[0] != usual.task_description
    assert (other.scorer, other.lineage, other.turns) == (usual.scorer, usual.lineage, usual.turns)
    assert other.version != usual.version != Asking(LINEAR, "another").version != other.version


class Broken:
    name, version, lineage = "broken", "1", None

    def __init__(self, answer: list[tuple[float, ...]]) -> None:
        self.answer = answer

    def score(self, conversations: Sequence[Sequence[Message]]) -> list[tuple[float, ...]]:
        return self.answer


@pytest.mark.parametrize(
    ("answer", "said"),
    [([], "answered for 0"), ([(1.0, 2.0)], "gave 2 scores"), ([(float("nan"),)], "not a finite")],
)
def test_what_breaks_the_contract_is_never_stored(
    answer: list[tuple[float, ...]], said: str
) -> None:
    with pytest.raises(ProgrammerError, match=said):
        checked_scores(Broken(answer), [[Message(role="assistant", text="x")]])
