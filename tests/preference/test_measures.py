"""Measures and saved numbers against hand-made cases."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import orjson
import pytest

from gadfly.errors import PersonError
from gadfly.preference.evaluate import evaluate
from gadfly.preference.folder import read_folder, write_folder
from gadfly.preference.lineage import lineage_hash
from gadfly.preference.linear import BITS, KIND
from gadfly.preference.measures import (
    Resampling,
    accuracy_estimate,
    by_length,
    calibration,
    calibration_error,
    correctness,
)
from gadfly.preference.pairs import context, prepare
from gadfly.preference.scoring import open_scorer
from gadfly.preference.train import train_linear
from gadfly.records.values import PreferencePair
from tests.preference.worlds import planted

HOW = Resampling(draws=2_000, seed=1)


def keys(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.uint64)


def test_ties_count_half() -> None:
    assert correctness(np.array([0.1, 0.0, -0.1])).tolist() == [1, 0.5, 0]


def test_calibration_of_a_hand_made_case() -> None:
    """Four pairs at confidence 0.9, three right: |0.75 − 0.9|; six at 0.6, all right: |1 − 0.6|."""
    sure, unsure = np.log(9), np.log(1.5)
    margins = np.array([sure, sure, sure, -sure, *[unsure] * 6]) * 1.0000001  # off the bin's edge
    bins = calibration(margins, correctness(margins))
    assert calibration_error(bins) == pytest.approx(0.4 * 0.15 + 0.6 * 0.4, abs=1e-6)
    assert sum(one.n for one in bins) == 10
    turned = calibration(-margins, 1 - correctness(-margins))
    assert calibration_error(turned) == pytest.approx(calibration_error(bins))


def test_the_interval_is_of_conversations_not_of_pairs() -> None:
    """Every pair told ten times over adds no knowledge, so the interval stays as wide."""
    right = np.array([1.0, 0, 1, 1, 0, 1, 1, 1, 0, 1])
    once = accuracy_estimate(right, np.arange(10).astype(np.uint64), HOW)
    tenfold = np.repeat(np.arange(10), 10).astype(np.uint64)
    many = accuracy_estimate(np.repeat(right, 10), tenfold, HOW)
    assert (once.estimate, once.low, once.high) == (many.estimate, many.low, many.high)
    assert (once.n, many.n) == (10, 100)


@pytest.mark.parametrize(
    ("right", "conversation", "reason"),
    [([1.0, 0.0], (7, 7), "one conversation"), ([1.0, 1.0], (1, 2), "same value")],
)
def test_no_interval_where_there_is_none(
    right: list[float], conversation: tuple[int, ...], reason: str
) -> None:
    found = accuracy_estimate(np.array(right), keys(*conversation), HOW)
    assert found.estimate == np.mean(right)
    assert found.low is None
    assert found.reason is not None
    assert reason in found.reason


def test_length_bins() -> None:
    difference = np.array([-500, -80, -20, 0, 20, 500])
    right = np.array([1, 0, 1, 0, 1, 0.5])
    bins = by_length(difference, right, correctness(-difference.astype(float)))
    assert [one.n for one in bins] == [1, 0, 1, 2, 1, 0, 1]
    assert bins[0].low is None
    assert bins[-1].high is None
    assert bins[1].accuracy is None
    assert bins[3].accuracy == 0.5
    assert bins[3].shorter_wins == 0.75  # one shorter by 20, one alike


def test_accuracy_is_told_by_source() -> None:
    pairs = planted(40)
    helpful = [p.model_copy(update={"source": "helpful"}) for p in planted(20, seed=3)]
    found = evaluate(train_linear(pairs).scorer, [*pairs, *helpful])
    assert {name: one.n for name, one in found.accuracy_by_source.items()} == {
        "harmless": 40,
        "helpful": 20,
    }


def test_what_teaches_nothing_is_counted() -> None:
    first, second, *_ = planted(5)
    weak = second.model_copy(update={"strength": 1})
    blank = second.model_copy(update={"chosen": "  "})
    alike = second.model_copy(update={"chosen": second.rejected + " "})
    prepared = prepare([first, first, weak, blank, alike], {"prefix differs": 2})
    assert prepared.pairs == (first,)
    assert prepared.dropped == {
        "empty reply": 1,
        "identical replies": 1,
        "prefix differs": 2,
        "repeated pair": 1,
        "tie": 1,
    }


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("\n\nHuman: a\n\nAssistant:", ["a"]),
        ("\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant:", ["a", "b", "c"]),
        ("\n\nAssistant:", []),
        ("", []),
        ("no marker at all", ["no marker at all"]),
    ],
)
def test_context_of_a_pair(prefix: str, expected: list[str]) -> None:
    pair = PreferencePair(prefix=prefix, chosen="x", rejected="y")
    assert [message.text for message in context(pair)] == expected


def test_pairs_that_differ_in_no_feature_teach_nothing() -> None:
    pairs = [
        PreferencePair(prefix=f"\n\nHuman: {i}\n\nAssistant:", chosen="🐝", rejected="🐞")
        for i in range(8)
    ]
    found = train_linear(pairs)
    assert not found.scorer.weights.any()
    assert found.cross_validation.n_ties == 8
    assert found.cross_validation.accuracy.estimate == 0.5


@pytest.mark.parametrize("n", [2, 3, 5, 7])
def test_few_conversations_train(n: int) -> None:
    found = train_linear(planted(n)).cross_validation
    assert found.n == found.n_conversations == n
    assert f"{min(n, 5)}-fold" in found.accuracy.method


def saved(folder: Path, **changes: object) -> Path:
    """A folder whose hashes are right and whose numbers are not."""
    scorer = train_linear(planted(20)).scorer
    arrays = scorer.arrays() | {k: v for k, v in changes.items() if isinstance(v, np.ndarray)}
    features = scorer.lineage.features | changes.get("features", {})  # type: ignore[operator]
    lineage = scorer.lineage.model_copy(
        update={"features": features, "kind": changes.get("kind", KIND)}
    )
    write_folder(folder, lineage=lineage, arrays=arrays, card=b"{}", readme="")
    return folder


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"weights": np.full(2**BITS + 57, np.nan)}, "not finite"),
        ({"centre": np.array([np.inf])}, "not finite"),
        ({"weights": np.zeros(3)}, "of shape"),
        ({"weights": np.zeros(2**BITS + 57, dtype=np.float32)}, "float32"),
        ({"features": {"version": 99}}, "train it again"),
        ({"features": {"bits": 40}}, "allowed: 1 to 24"),
        ({"features": {"bits": True}}, "allowed: 1 to 24"),
        ({"kind": "oracle"}, "allowed: linear"),
    ],
)
def test_numbers_that_cannot_be_are_refused(
    tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    with pytest.raises(PersonError, match=said):
        open_scorer(saved(tmp_path / "model", **changes))


def test_a_cut_weights_file_and_a_changed_lineage_are_noticed(tmp_path: Path) -> None:
    folder = saved(tmp_path / "model")
    weights = (folder / "weights.npz").read_bytes()
    (folder / "weights.npz").write_bytes(weights[:-1])
    with pytest.raises(PersonError, match="SHA-256 differs"):
        open_scorer(folder)
    (folder / "weights.npz").write_bytes(weights)
    manifest = orjson.loads((folder / "model.json").read_bytes())
    manifest["lineage"]["mix"] = {"helpful": 1}
    (folder / "model.json").write_bytes(orjson.dumps(manifest))
    with pytest.raises(PersonError, match="hash differs"):
        open_scorer(folder)


def test_the_same_training_gives_the_same_bytes(tmp_path: Path) -> None:
    one, other = saved(tmp_path / "one"), saved(tmp_path / "other")
    for name in ("model.json", "weights.npz"):
        assert (one / name).read_bytes() == (other / name).read_bytes()


def test_conversations_survive_the_folder(tmp_path: Path) -> None:
    held = read_folder(saved(tmp_path / "model")).lineage
    lineage = train_linear(planted(20)).scorer.lineage
    assert held.conversations == lineage.conversations
    assert lineage_hash(held) == lineage_hash(lineage)
    unknown = lineage.model_copy(update={"conversations": None})
    write_folder(tmp_path / "unknown", lineage=unknown, arrays={}, card=b"{}", readme="")
    again = read_folder(tmp_path / "unknown").lineage
    assert again.conversations is None  # unknown stays unknown
    assert lineage_hash(again) == lineage_hash(unknown) != lineage_hash(lineage)
