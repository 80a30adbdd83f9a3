"""Training a neural model: stopped and gone on with, on two processes, from the command line."""

from __future__ import annotations

import inspect
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson
import pytest

from gadfly.cli.train import preference
from gadfly.errors import PersonError
from gadfly.models.tokens import Encoder
from gadfly.preference.making import make_neural
from gadfly.preference.neural.sequences import encode, held_out, mixed, order
from gadfly.preference.neural.settings import NeuralSettings
from gadfly.preference.neural.training import train_neural
from gadfly.preference.pairs import prepare
from gadfly.preference.scoring import open_scorer
from gadfly.records.values import PreferencePair
from gadfly.records.writing import write_pairs
from tests.preference.worlds import planted
from tests.tiny import tiny_causal, tiny_tokenizer

SETTINGS = NeuralSettings(learning_rate=2e-3, epochs=4, batch_size=8, held_out=0.2, device="cpu")
OPTIONS = (
    "--learning-rate", "0.002", "--epochs", "4", "--batch-size", "8", "--held-out", "0.2",
    "--device", "cpu", "--source", "harmless",
)  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base that is no classifier yet, a file of pairs, and a model trained in one go."""
    folder = tmp_path_factory.mktemp("training")
    tiny_causal(folder / "base", layers=1)
    write_pairs(folder / "pairs.jsonl", planted(120), format="pairs")
    make_neural(
        [folder / "pairs.jsonl"], folder / "whole", base=folder / "base", settings=SETTINGS,
        sources=["harmless"],
    )  # fmt: skip
    return folder


def command(place: Path, into: Path, *more: str) -> list[str]:
    words = ["train", "preference", place / "pairs.jsonl", "--kind", "neural"]
    return [
        "gadfly.cli.main",
        *map(str, [*words, "--base", place / "base", "--out", into]),
        *OPTIONS,
        *more,
    ]


def run(words: list[str], *before: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *before, "-m", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def log(folder: Path) -> list[dict[str, float]]:
    found: list[dict[str, float]] = orjson.loads((folder / "training_log.json").read_bytes())
    return found


def test_killed_and_started_again_it_makes_the_same_model(place: Path, tmp_path: Path) -> None:
    into = tmp_path / "model"
    work = tmp_path / "model.part"
    process = subprocess.Popen(
        [sys.executable, "-m", *command(place, into)],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    deadline = time.monotonic() + 120
    while not list(work.glob("checkpoint-*/trainer_state.json")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not into.exists()
    other = SETTINGS.model_copy(update={"learning_rate": 1e-3})
    with pytest.raises(PersonError, match=r"begun otherwise \(settings.learning_rate"):
        make_neural(
            [place / "pairs.jsonl"], into, base=place / "base", settings=other,
            sources=["harmless"],
        )  # fmt: skip
    seen: list[int] = []
    make_neural(
        [place / "pairs.jsonl"], into, base=place / "base", settings=SETTINGS,
        sources=["harmless"], progress=lambda done, total: seen.append(done),
    )  # fmt: skip
    assert seen[0] > 1  # it went on
    assert not work.exists()
    for name in ("model.safetensors", "training_log.json", "weights.npz", "tokenizer.json"):
        assert (into / name).read_bytes() == (place / "whole" / name).read_bytes(), name
    mine, theirs = open_scorer(into), open_scorer(place / "whole")
    assert (mine.version, mine.lineage) == (theirs.version, theirs.lineage)


def test_a_checkpoint_cut_short_is_passed_over(place: Path, tmp_path: Path) -> None:
    """Stopped by Ctrl-C, the newest checkpoint half written: it goes on from the one before."""

    def stop(done: int, total: int) -> None:
        if done == 30:
            raise KeyboardInterrupt

    def make(progress: Callable[[int, int], None]) -> None:
        make_neural(
            [place / "pairs.jsonl"], tmp_path / "model", base=place / "base", settings=SETTINGS,
            sources=["harmless"], progress=progress,
        )  # fmt: skip

    with pytest.raises(KeyboardInterrupt):
        make(stop)
    work = tmp_path / "model.part"
    assert sorted(path.name for path in work.glob("checkpoint-*")) == [
        "checkpoint-24", "checkpoint-28",
    ]  # fmt: skip
    (work / "checkpoint-28" / "trainer_state.json").write_text('{"half')
    seen: list[int] = []
    make(lambda done, total: seen.append(done))
    assert seen[0] == 25
    for name in ("model.safetensors", "training_log.json"):
        same = (tmp_path / "model" / name).read_bytes() == (place / "whole" / name).read_bytes()
        assert same, name


def test_two_processes_give_the_curve_of_one(place: Path, tmp_path: Path) -> None:
    into = tmp_path / "model"
    launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    done = run([*launcher, *command(place, into, "--json")])
    assert done.returncode == 0, done.stderr
    card = json.loads(done.stdout)  # one of them printed
    assert card["n_pairs"] == 96
    ours, theirs = log(into), log(place / "whole")
    assert (
        [step["step"] for step in ours] == [step["step"] for step in theirs] == list(range(1, 49))
    )
    for step, other in zip(ours, theirs, strict=True):
        assert step["loss"] == pytest.approx(other["loss"], abs=1e-4)
    assert theirs[-1]["loss"] < 0.7 * theirs[0]["loss"]
    assert open_scorer(into).lineage == open_scorer(place / "whole").lineage
    assert not (tmp_path / "model.part").exists()


def test_the_verb_says_what_it_made_and_what_it_left_out(place: Path, tmp_path: Path) -> None:
    pairs = planted(40)
    pairs[3] = pairs[3].model_copy(update={"chosen": " gladly" * 400})
    pairs[4] = pairs[4].model_copy(update={"rejected": pairs[4].chosen})
    train_neural(
        pairs, base=place / "base", folder=tmp_path / "m", settings=SETTINGS, name="mine",
        training_data=["sha256:" + "0" * 64], members=["b", "a"], base_name="Town 0.1M",
        dropped={"tie": 2},
    )  # fmt: skip
    card = orjson.loads((tmp_path / "m" / "card.json").read_bytes())
    left = {"identical replies": 1, "past the context window": 1, "tie": 2}
    assert card["dropped"] == left
    assert (card["name"], card["base"]) == ("mine", "Town 0.1M")
    lineage = open_scorer(tmp_path / "m").lineage
    assert lineage is not None
    assert lineage.members == ("a", "b")
    assert lineage.training_data == ("sha256:" + "0" * 64,)
    assert lineage.family == "Town 0.1M"
    assert open_scorer(tmp_path / "m").name == "mine"
    for words, said in (
        (["--kind", "neural"], "needs --base MODEL"),
        (["--epochs", "2"], "--epochs is for neural models"),
        (["--kind", "neural", "--base", "x", "--held-out", "2"], "--held-out: got 2.0"),
    ):
        done = run(
            ["gadfly.cli.main", "train", "preference", str(place / "pairs.jsonl"), "--out",
             str(tmp_path / "no"), *words]
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (2, "")
        assert said in " ".join(done.stderr.split())


def test_the_help_names_the_defaults() -> None:
    parameters = inspect.signature(preference).parameters
    for name, field in NeuralSettings.model_fields.items():
        if field.default is None or name in {"dtype", "saved_as", "gradient_checkpointing"}:
            continue
        if name == "checkpoints":  # not for the command line
            continue
        [option] = inspect.get_annotations(preference, eval_str=True)[name].__metadata__
        shown = re.search(r"\[(.*)\]", option.help)
        assert shown is not None, name
        assert float(shown[1]) == field.default, name
        assert parameters[name].default is None


def test_saved_in_half_precision_it_is_judged_so(place: Path, tmp_path: Path) -> None:
    half = SETTINGS.model_copy(update={"saved_as": "float16"})
    card = train_neural(read(place), base=place / "base", folder=tmp_path / "m", settings=half)
    size = (tmp_path / "m" / "model.safetensors").stat().st_size
    assert size < 0.6 * (place / "whole" / "model.safetensors").stat().st_size
    whole = orjson.loads((place / "whole" / "card.json").read_bytes())["held_out"]
    assert card.evaluation.log_loss != whole["log_loss"]
    assert card.evaluation.log_loss == pytest.approx(whole["log_loss"], abs=5e-3)


def read(place: Path) -> list[PreferencePair]:
    from gadfly.records.reading import read_pairs

    return list(read_pairs(place / "pairs.jsonl", source="harmless").pairs)


KEPT = [0, 1, 3, 5, 9, 10, 21, 22]
"""The first pairs of the mix below, as they were drawn when the mix came before the encoding."""


def sourced(n: int, source: str, seed: int) -> list[PreferencePair]:
    made = planted(n, seed=seed)
    return [
        one.model_copy(update={"source": source, "prefix": one.prefix.replace("question", source)})
        for one in made
    ]


def test_a_mix_is_kept_and_its_surplus_counted() -> None:
    prepared = prepare([*sourced(60, "harmless", 1), *sourced(20, "helpful", 2)])
    encoder = Encoder(tiny_tokenizer())
    fitting = encode(prepared, encoder, 512)
    found = mixed(fitting, {"harmless": 0.5, "helpful": 0.5}, seed=0)
    assert found.prepared.mix == {"harmless": 20, "helpful": 20}
    assert found.prepared.dropped == {"surplus of the mix": 40}
    again = encode(found.prepared, encoder, 512)
    assert (found.chosen, found.rejected) == (again.chosen, again.rejected)
    kept = [place for place, one in enumerate(prepared.pairs) if one in found.prepared.pairs]
    assert kept[:8] == KEPT  # as the embedded models were made
    assert mixed(fitting, None, seed=0) is fitting
    with pytest.raises(PersonError, match="each needs a share: harmless, helpful"):
        mixed(fitting, {"harmless": 1.0}, seed=0)
    with pytest.raises(ValueError, match="must sum to 1"):
        NeuralSettings(mix={"harmless": 2.0, "helpful": 1.0})


def test_the_mix_holds_after_long_pairs_are_left_out(place: Path, tmp_path: Path) -> None:
    pairs = [*sourced(60, "harmless", 1), *sourced(30, "helpful", 2)]
    for at in range(60, 70):
        pairs[at] = pairs[at].model_copy(update={"chosen": " gladly" * 400})
    half = SETTINGS.model_copy(update={"mix": {"harmless": 0.5, "helpful": 0.5}, "epochs": 1})
    train_neural(pairs, base=place / "base", folder=tmp_path / "m", settings=half)
    card = orjson.loads((tmp_path / "m" / "card.json").read_bytes())
    assert card["dropped"] == {"past the context window": 10, "surplus of the mix": 40}
    assert card["n_pairs"] + card["held_out"]["n"] == 40


def test_no_conversation_is_on_both_sides() -> None:
    keys = np.repeat(np.arange(50, dtype=np.uint64), 3)
    judged = held_out(keys, 0.2, seed=4)
    assert set(keys[judged]) & set(keys[~judged]) == set()
    assert judged.sum() == 30
    assert (held_out(keys, 0.2, seed=5) != judged).any()
    with pytest.raises(PersonError, match="one conversation"):
        held_out(keys[:3], 0.2, seed=0)


def test_the_order_holds_every_pair_as_often_as_it_should() -> None:
    lengths = np.random.default_rng(0).integers(5, 90, 1000).tolist()
    places = order(lengths, epochs=3, batch=16, seed=1)
    assert len(places) == 188 * 16
    counts = np.bincount(places, minlength=1000)
    assert counts.min() == 3
    assert counts.max() == 4
    assert len(set(places[:512])) == 512  # nobody comes twice before all came once
    rows = np.array(lengths)[np.array(places)].reshape(-1, 16)
    spread = (rows.max(axis=1) - rows.min(axis=1)).mean()
    assert spread < 15  # 80 without grouping
    assert abs(np.corrcoef(np.arange(len(rows)), rows.mean(axis=1))[0, 1]) < 0.3
    assert order(lengths, epochs=3, batch=16, seed=1) == places
    assert order([1, 2], epochs=1, batch=8, seed=0).count(0) == 4
