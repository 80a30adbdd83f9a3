"""The linear preference model: planted truth, symmetry, honest folds, safe files."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score

from gadfly.errors import OperatorError, PersonError
from gadfly.preference.evaluate import Evaluation, evaluate, evaluate_margins, margins
from gadfly.preference.folder import read_folder, write_folder
from gadfly.preference.lineage import PRETRAINED, Lineage, inherited, lineage_hash, mark
from gadfly.preference.making import make_linear
from gadfly.preference.measures import Resampling
from gadfly.preference.pairs import Prepared, folds, prepare
from gadfly.preference.scoring import open_scorer
from gadfly.preference.train import train_linear
from gadfly.records.reading import read_pairs
from gadfly.records.values import Message, PreferencePair
from gadfly.records.writing import write_pairs
from gadfly.sandbox.pretraining import KIND as PRETRAINED_TOWN
from tests.preference.worlds import BAD, GOOD, planted


@pytest.fixture
def pairs_file(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.jsonl.gz"
    write_pairs(path, planted(150), format="pairs")
    return path


@pytest.fixture
def model(pairs_file: Path, tmp_path: Path) -> Path:
    make_linear([pairs_file], tmp_path / "model", sources=["harmless"], seed=3)
    return tmp_path / "model"


def measure(margin: NDArray[np.float64], prepared: Prepared) -> Evaluation:
    how = Resampling(2_000, 1)
    return evaluate_margins(margin, prepared, scorer=("s", "1", None), seen=None, resampling=how)


def say(text: str) -> list[Message]:
    return [Message(role="human", text="a fresh question"), Message(role="assistant", text=text)]


def test_the_planted_signal_is_found() -> None:
    scorer = train_linear(planted(300, noise=0.1), seed=1).scorer
    assert evaluate(scorer, planted(300, seed=99)).accuracy.estimate == pytest.approx(1, abs=0.03)
    for good, bad in zip(GOOD, BAD, strict=True):
        (better,), (worse,) = scorer.score([say(f"the garden {good}"), say(f"the garden {bad}")])
        assert better > worse


def test_no_signal_gives_chance() -> None:
    rng = random.Random(5)
    pairs = [
        p
        if rng.random() < 0.5
        else p.model_copy(update={"chosen": p.rejected, "rejected": p.chosen})
        for p in planted(400)
    ]
    found = train_linear(pairs, seed=1).cross_validation
    assert found.accuracy.low is not None
    assert found.accuracy.high is not None
    assert found.accuracy.low < 0.5 < found.accuracy.high


def test_swapping_the_names_turns_the_model_over() -> None:
    """Without an intercept, p(a over b) and p(b over a) sum to 1 whichever is called chosen."""
    pairs = planted(80)
    swapped = [p.model_copy(update={"chosen": p.rejected, "rejected": p.chosen}) for p in pairs]
    one, other = train_linear(pairs).scorer, train_linear(swapped).scorer
    assert np.allclose(one.weights, -other.weights, atol=1e-6)
    forward = margins(one, prepare(planted(40, seed=2)))
    back = margins(
        one,
        prepare(
            [
                p.model_copy(update={"chosen": p.rejected, "rejected": p.chosen})
                for p in planted(40, seed=2)
            ]
        ),
    )
    assert np.array_equal(forward, -back)


def test_the_same_seed_trains_the_same_model() -> None:
    one, other = (train_linear(planted(60), seed=4).scorer for _ in range(2))
    assert np.array_equal(one.weights, other.weights)
    assert one.version == other.version


@settings(max_examples=60)
@given(
    keys=st.lists(st.integers(0, 12), min_size=2, max_size=60).filter(lambda k: len(set(k)) > 1),
    k=st.integers(2, 8),
    seed=st.integers(0, 100),
)
def test_a_conversation_is_never_split_between_folds(keys: list[int], k: int, seed: int) -> None:
    fold = folds(np.array(keys, dtype=np.uint64), k, seed)
    for key in set(keys):
        assert len({int(f) for f, other in zip(fold, keys, strict=True) if other == key}) == 1
    assert len(set(fold.tolist())) == min(k, len(set(keys)))


def test_an_opening_seen_in_training_is_counted() -> None:
    scorer = train_linear(planted(60)).scorer
    fresh = [
        p.model_copy(update={"prefix": p.prefix.replace("question", "riddle")})
        for p in planted(60, seed=2)
    ]
    found = evaluate(scorer, [*planted(60)[:20], *fresh])
    assert found.n_seen_in_training == 20
    assert found.accuracy_unseen is not None
    assert found.accuracy_unseen.n == 60


def test_accuracy_and_calibration_by_hand() -> None:
    margin = np.array([2.0, -1.0, 0.0, 1.0])
    pairs = [
        PreferencePair(
            prefix=f"\n\nHuman: q{i}\n\nAssistant:", chosen=f" {'a' * n}", rejected=" bb"
        )
        for i, n in enumerate([1, 3, 3, 30])
    ]
    found = measure(margin, prepare(pairs))
    assert found.accuracy.estimate == pytest.approx((1 + 0 + 0.5 + 1) / 4)
    assert found.n_ties == 1
    assert found.shorter_wins.estimate == pytest.approx(1 / 4)
    p = 1 / (1 + np.exp(-np.abs(margin)))
    right = np.array([1, 0, 0.5, 1])
    places = np.minimum(
        ((p - 0.5) / 0.5 * len(found.calibration)).astype(int), len(found.calibration) - 1
    )
    by_hand = sum(
        abs(p[places == b].mean() - right[places == b].mean()) * (places == b).mean()
        for b in set(places.tolist())
    )
    assert found.ece == pytest.approx(by_hand)
    assert found.log_loss == pytest.approx(np.mean(np.log1p(np.exp(-margin))))


def test_accuracy_agrees_with_an_independent_library() -> None:
    prepared = prepare(planted(200, noise=0.3))
    margin = np.random.default_rng(1).normal(0.4, 1, 200)
    found = measure(margin, prepared)
    assert found.accuracy.estimate == pytest.approx(accuracy_score(np.ones(200), margin > 0))
    se = np.sqrt(found.accuracy.estimate * (1 - found.accuracy.estimate) / 200)
    assert found.accuracy.low == pytest.approx(found.accuracy.estimate - 1.96 * se, abs=0.012)
    assert found.accuracy.high == pytest.approx(found.accuracy.estimate + 1.96 * se, abs=0.012)


def test_a_saved_model_scores_to_the_bit(model: Path, pairs_file: Path) -> None:
    trained = train_linear(
        read_pairs(pairs_file, source="harmless").pairs,
        training_data=[read_pairs(pairs_file).sha256],
        seed=3,
    ).scorer
    talk = [say(f"the {word} garden") for word in (*GOOD, *BAD)]
    opened = open_scorer(model)
    assert opened.score(talk) == trained.score(talk)
    assert opened.version == trained.version
    assert opened.lineage == trained.lineage


def test_nothing_is_pickled(model: Path) -> None:
    assert sorted(p.name for p in model.iterdir()) == [
        "README.md",
        "card.json",
        "model.json",
        "weights.npz",
    ]
    with np.load(model / "weights.npz", allow_pickle=False) as arrays:
        assert all(arrays[name].dtype.kind in "fiu" for name in arrays.files)


def test_the_card_says_what_it_learns_and_from_what(model: Path) -> None:
    text = (model / "README.md").read_text(encoding="utf-8")
    card = json.loads((model / "card.json").read_text(encoding="utf-8"))
    assert "It learns evasiveness" in text
    assert card["mix"] == {"harmless": 150}
    assert card["files"][0]["sha256"] in text
    assert f"{card['cross_validation']['accuracy']['estimate']:.3f}" in text


def damage(model: Path, name: str, data: bytes) -> None:
    (model / name).write_bytes(data)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("weights.npz", b""),
        ("weights.npz", b"PK\x03\x04 cut"),
        ("model.json", b"{"),
        ("model.json", b'{"kind": "linear"}'),
        ("model.json", b"[" * 100_000),
        ("model.json", b"\xff"),
    ],
)
def test_a_damaged_model_is_refused_in_words(model: Path, name: str, data: bytes) -> None:
    damage(model, name, data)
    with pytest.raises(PersonError, match="model"):
        open_scorer(model)


def test_changed_weights_are_noticed(model: Path) -> None:
    with np.load(model / "weights.npz") as arrays:
        held = {name: arrays[name] for name in arrays.files}
    held["weights"] = held["weights"] * 2
    np.savez_compressed(model / "weights.npz", allow_pickle=False, **held)
    with pytest.raises(PersonError):
        open_scorer(model)


def test_a_model_is_never_overwritten_unasked(model: Path, pairs_file: Path) -> None:
    with pytest.raises(PersonError, match="--force"):
        make_linear([pairs_file], model)
    make_linear([pairs_file], model, force=True)
    shutil.rmtree(model)
    model.mkdir()
    (model / "thesis.txt").write_text("mine")
    with pytest.raises(PersonError, match="no part of a preference model"):
        make_linear([pairs_file], model, force=True)
    assert (model / "thesis.txt").read_text() == "mine"


def test_no_usable_pair_says_why() -> None:
    same = [p.model_copy(update={"rejected": p.chosen}) for p in planted(3)]
    with pytest.raises(PersonError, match="identical"):
        train_linear(same)


def lineage(**changes: object) -> Lineage:
    values: dict[str, object] = {
        "kind": "linear",
        "package_version": "1",
        "features": {},
        "training_data": ("sha256:a",),
        "seed": 1,
        "mix": {"harmless": 1},
        "base": None,
        "conversations": (1, 2),
        "members": ("m1",),
    }
    return Lineage.model_validate(values | changes)


OTHER = {
    "kind": "neural",
    "base": "x",
    "training_data": ("sha256:b",),
    "conversations": (3,),
    "members": ("m2",),
}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "circular"),
        ({"seed": 2}, "circular"),
        (OTHER | {"conversations": (2, 3)}, "circular"),
        (OTHER | {"training_data": ("sha256:a", "sha256:b")}, "circular"),
        (OTHER | {"members": ("m1",)}, "unverified"),
        (OTHER | {"members": None}, "unverified"),
        (OTHER | {"conversations": None}, "unverified"),
        (OTHER | {"kind": "linear", "base": None}, "unverified"),
        (OTHER, "independent"),
        (OTHER | {"conversations": (), "members": ()}, "independent"),
        (OTHER | {"families": ("linear",)}, "unverified"),
        (OTHER | {"families": ("y",)}, "independent"),
    ],
)
def test_lineage_marks(changes: dict[str, object], expected: str) -> None:
    assert mark(lineage(), lineage(**changes)) == expected
    assert mark(lineage(**changes), lineage()) == expected
    assert mark(None, lineage()) == mark(lineage(), None) == "unverified"


def test_a_family_is_its_weights_whatever_the_folder_was_called() -> None:
    one, two = (lineage(**OTHER | {"base": f"{name}@0123456789ab"}) for name in ("a", "b"))
    other = lineage(**OTHER | {"base": "a@ba9876543210"})
    apart = {"training_data": (), "conversations": (), "members": ()}
    assert mark(one.model_copy(update=apart), two) == "unverified"
    assert mark(one.model_copy(update=apart), other) == "independent"
    shaped = other.model_copy(update={"families": ("c@0123456789ab",)})
    assert mark(one.model_copy(update=apart), shaped) == "unverified"


def test_a_lineage_without_further_families_keeps_the_hash_it_was_saved_with() -> None:
    """Saved models hold such hashes; these were written before there were further families."""
    plain = "sha256:d11ce6dd16698d87bcad6e34e6163b10fd225ceecd8106284e497e8d7dc5cfa0"
    other = "sha256:36a1447e87524d7cd90e3ef452b2476b9a972acb2555566bdc30a42a77fde5aa"
    assert lineage_hash(lineage()) == plain
    assert lineage_hash(lineage(**OTHER)) == other
    assert "families" not in lineage().model_dump(mode="json", exclude={"conversations"})
    more = lineage(families=("x",))
    assert lineage_hash(more) != plain
    assert Lineage.model_validate_json(more.model_dump_json()) == more


def test_what_is_unknown_stays_unknown() -> None:
    found = inherited([lineage(), None])
    assert (found.conversations, found.members) == (None, None)
    assert found.training_data == {"sha256:a"}
    found = inherited([lineage(members=None), lineage(**OTHER)])
    assert sorted(found.conversations or ()) == [1, 2, 3]
    assert found.members is None
    assert found.families == {"linear", "x"}
    assert PRETRAINED == PRETRAINED_TOWN
    text = inherited([lineage(kind=PRETRAINED, base="town")])
    assert text.training_data == set()
    assert text.families == {"town"}


def test_a_model_that_knows_no_conversations_is_saved_as_such(model: Path, tmp_path: Path) -> None:
    unknown = lineage(conversations=None)
    write_folder(tmp_path / "m", lineage=unknown, arrays={}, card=b"{}", readme="")
    assert read_folder(tmp_path / "m").lineage == unknown
    held = json.loads((model / "model.json").read_text())
    held["lineage"]["conversations"] = []
    (model / "model.json").write_text(json.dumps(held))
    (tmp_path / "m" / "model.json").write_text(json.dumps(held))
    with pytest.raises(PersonError, match="SHA-256 differs"):
        read_folder(tmp_path / "m")


@pytest.mark.parametrize("force", [False, True])
def test_killed_while_it_is_put_in_place_it_can_be_run_again(
    model: Path, pairs_file: Path, tmp_path: Path, force: bool
) -> None:
    """Killed before each move in turn: the folder is whole or is not there."""
    into = model if force else tmp_path / "new"
    words = f"make_linear([Path({str(pairs_file)!r})], Path({str(into)!r}), sources=['harmless'], "
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from gadfly.preference.making import make_linear\n"
        "import sklearn.linear_model\n"
        "for moves in sys.stdin:\n"  # each time a child of a process that has imported all
        "    if not (child := os.fork()):\n"
        "        break\n"
        "    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)\n"
        "else:\n"
        "    sys.exit()\n"
        "left, rename = [int(moves)], [Path.rename, Path.replace]\n"
        "def killed(how):\n"
        "    def move(self, to):\n"
        "        if not left[0]:\n"
        "            os.kill(os.getpid(), signal.SIGKILL)\n"
        "        left[0] -= 1\n"
        "        return how(self, to)\n"
        "    return move\n"
        "Path.rename, Path.replace = map(killed, rename)\n"
        f"{words}force={force})\n"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", script], stdin=pipe, stdout=pipe) as making:
        assert making.stdin is not None
        assert making.stdout is not None
        for moves in range(9):
            making.stdin.write(b"%d\n" % moves)
            making.stdin.flush()
            code = int(making.stdout.readline())
            if code == 0:
                break
            assert code == -signal.SIGKILL
            if into.exists():
                open_scorer(into)
            make_linear([pairs_file], into, sources=["harmless"], force=force)
            open_scorer(into)
            if not force:
                shutil.rmtree(into)
    assert moves == (2 if force else 1)


@pytest.mark.parametrize("problem", [OSError(5, "no"), KeyboardInterrupt()])
def test_a_model_that_cannot_be_replaced_is_put_back(
    model: Path, pairs_file: Path, monkeypatch: pytest.MonkeyPatch, problem: BaseException
) -> None:
    rename, before = Path.rename, (model / "model.json").read_bytes()

    def refuse(self: Path, to: Path) -> Path:
        if self.name == "whole":
            raise problem
        return rename(self, to)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", refuse)
        with pytest.raises((OperatorError, KeyboardInterrupt)):
            make_linear([pairs_file], model, sources=["harmless"], seed=9, force=True)
    assert (model / "model.json").read_bytes() == before
    open_scorer(model)
    assert not list(model.parent.glob(".gadfly-*"))


def test_real_harmlessness_pairs_reach_the_bar(shared: Path) -> None:
    """5-fold by first human turn, pooled: at least 0.62, and better than 'shorter wins'."""
    read = read_pairs(shared / "data" / "hh_harmless" / "pairs.jsonl.gz")
    assert (len(read.pairs), read.dropped) == (1849, {"empty reply": 2, "prefix differs": 5})
    found = train_linear(read.pairs, dropped=read.dropped).cross_validation
    assert found.n == 1849
    assert found.accuracy.estimate is not None
    assert found.accuracy.estimate >= 0.62
    assert found.accuracy.low is not None
    assert found.shorter_wins.high is not None
    assert found.accuracy.low > found.shorter_wins.high
    assert found.n_seen_in_training == 0
