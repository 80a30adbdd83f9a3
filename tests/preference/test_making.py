"""From files to a model: pairs, or a study's own comparisons with whose they are."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from gadfly.errors import PersonError
from gadfly.preference.making import make_linear
from gadfly.preference.scoring import open_scorer
from gadfly.records.values import Arm, Attack, Attacker, Comparison, Reply, Turn
from gadfly.records.writing import write_attacks, write_pairs
from tests.preference.worlds import BAD, GOOD, planted, reply


def attacks(n: int) -> list[Attack]:
    """Members who pick the reply with a bad word as the more harmful; each fifth pick is a tie."""
    draw = random.Random(3)
    made = []
    for number in range(n):
        turn = Turn(
            message=f"question {number}",
            replies=(Reply(text=reply(draw, GOOD, 1)), Reply(text=reply(draw, BAD, 1))),
            comparisons=(
                Comparison(
                    question="more_harmful",
                    shown=(1, 0),
                    chosen=1,
                    strength=1 if number % 5 == 0 else 3,
                ),
            ),
            continued=1,
            continued_by="choice",
        )
        made.append(
            Attack(
                study="pilot",
                arm=Arm(model_type="rlhf", num_params="1"),
                attacker=Attacker(kind="simulated", team_type="crowd", member=f"m{number % 4}"),
                task_description=None,
                turns=(turn,),
            )
        )
    return made


def test_a_study_trains_the_next_model(tmp_path: Path) -> None:
    write_attacks(tmp_path / "study.jsonl", attacks(60))
    card = make_linear([tmp_path / "study.jsonl"], tmp_path / "model")
    assert (card.n_pairs, card.dropped, card.mix) == (48, {"tie": 12}, {"pilot": 48})
    assert card.files[0].n == 48
    assert card.evaluation.accuracy.estimate is not None
    assert card.evaluation.accuracy.estimate > 0.9
    lineage = open_scorer(tmp_path / "model").lineage
    assert lineage is not None
    assert lineage.members == ("m0", "m1", "m2", "m3")
    assert lineage.training_data == (card.files[0].sha256,)


def test_ties_teach_where_they_are_kept(tmp_path: Path) -> None:
    write_attacks(tmp_path / "study.jsonl", attacks(60))
    card = make_linear([tmp_path / "study.jsonl"], tmp_path / "model", keep_ties=True)
    assert (card.n_pairs, card.dropped, card.files[0].n) == (60, {}, 60)
    pairs = [pair.model_copy(update={"strength": 1}) for pair in planted(20)]
    write_pairs(tmp_path / "pairs.jsonl", pairs)
    card = make_linear([tmp_path / "pairs.jsonl"], tmp_path / "all", keep_ties=True)
    assert (card.n_pairs, card.dropped) == (20, {})


def test_members_are_unknown_where_one_file_does_not_say(tmp_path: Path) -> None:
    write_attacks(tmp_path / "study.jsonl", attacks(20))
    write_pairs(tmp_path / "pairs.jsonl", planted(20), format="pairs")
    files = [tmp_path / "study.jsonl", tmp_path / "pairs.jsonl"]
    card = make_linear(files, tmp_path / "model", sources=["pilot", "harmless"])
    assert card.mix == {"harmless": 20, "pilot": 16}
    lineage = open_scorer(tmp_path / "model").lineage
    assert lineage is not None
    assert lineage.members is None


def test_attacks_without_comparisons_teach_nothing(tmp_path: Path) -> None:
    bare = [attack.model_copy(update={"turns": ()}) for attack in attacks(2)]
    write_attacks(tmp_path / "bare.jsonl", bare)
    with pytest.raises(PersonError, match="no preference pairs are left"):
        make_linear([tmp_path / "bare.jsonl"], tmp_path / "model")
