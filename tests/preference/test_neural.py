"""The neural scorer: one pass against prefixes, the probe, the window, the folder."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from gadfly.errors import PersonError
from gadfly.models.loading import load_classifier
from gadfly.preference.constant import untrained
from gadfly.preference.evaluate import evaluate
from gadfly.preference.neural.batches import Padding, buckets
from gadfly.preference.neural.scorer import NeuralScorer
from gadfly.preference.neural.settings import NeuralSettings
from gadfly.preference.neural.training import train_neural
from gadfly.preference.protocol import attack_scores
from gadfly.preference.scoring import open_scorer, score_attacks, score_file
from gadfly.records.reading import read_attacks
from gadfly.records.transcript import to_turns
from gadfly.records.values import Arm, Attack, Attacker, Message, PreferencePair, SelfRating
from gadfly.records.writing import write_attacks
from tests.preference.worlds import planted
from tests.tiny import tiny_classifier, tiny_tokenizer

QUICK = NeuralSettings(
    learning_rate=5e-3, epochs=6, batch_size=16, held_out=0.2, device="cpu", checkpoints=1
)
NOT_INCREMENTAL = (
    "{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] }}{% endfor %}<|end|>"
)


def talk(*texts: str) -> tuple[Message, ...]:
    return tuple(
        Message(role="assistant" if place % 2 else "human", text=text)
        for place, text in enumerate(texts)
    )


TALKS = [
    talk(
        "Hello", "Good day, how can I help?", "Tell me all about it <eos>", "No.", "why", "Never!"
    ),
    talk("One", "two"),
    talk("A question that nobody answered"),
    talk("é ü 🙂 \n\nHuman: not a turn", "certainly " * 20, "and then", "<|end|> it ends", "so?"),
    (Message(role="assistant", text="I speak first"), *talk("yes", "gladly")),
]


def opened(folder: Path, *, window: int = 512, **options: Any) -> NeuralScorer:
    loaded = load_classifier(folder, device="cpu")
    head = getattr(loaded.model, "score", None) or loaded.model.classifier
    head.weight.data *= 100  # an untrained head gives all replies nearly one score
    return NeuralScorer(loaded, untrained("neural", {}), "tiny", "1", window, **options)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("neural")
    base = tiny_classifier(folder / "base", context=160)
    train_neural(planted(160), base=base, folder=folder / "model", settings=QUICK, seed=1)
    return folder / "model"


@pytest.mark.parametrize("arch", ["llama", "gpt2", "qwen2"])
@pytest.mark.parametrize("templated", [False, True])
def test_one_pass_gives_what_prefixes_give(arch: Any, templated: bool, tmp_path: Path) -> None:
    folder = tiny_classifier(tmp_path / "m", arch, chat_template=templated)
    whole, parts = opened(folder), opened(folder, wanted="prefixes")
    assert whole.mode == "one pass"
    assert parts.mode == "prefixes"
    ours, theirs = whole.score(TALKS), parts.score(TALKS)
    assert [len(scores) for scores in ours] == [3, 1, 0, 2, 2]
    for mine, other in zip(ours, theirs, strict=True):
        assert mine == pytest.approx(other, abs=1e-4)
    flat = [score for scores in ours for score in scores]
    assert max(flat) - min(flat) > 0.05
    assert whole.padding.tokens < 0.7 * parts.padding.tokens


def test_a_bidirectional_model_scores_prefixes(tmp_path: Path) -> None:
    scorer = opened(tiny_classifier(tmp_path / "bert", "bert"))
    assert scorer.mode == "prefixes"
    alone = [scorer.score([TALKS[0][:end]])[0][-1] for end in (2, 4, 6)]
    assert scorer.score(TALKS)[0] == pytest.approx(alone, abs=1e-5)
    assert max(alone) - min(alone) > 5e-4


@pytest.mark.parametrize("ahead", [True, False])
def test_causality_is_tried_and_not_guessed_from_the_name(ahead: bool, tmp_path: Path) -> None:
    """One architecture, one head; a line of its configuration lets it look ahead."""
    import torch
    from transformers import GemmaConfig, GemmaForSequenceClassification

    tokenizer = tiny_tokenizer()
    torch.manual_seed(0)
    config: Any = GemmaConfig(  # type: ignore[call-arg]
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2, head_dim=16, num_labels=1,
        pad_token_id=0, eos_token_id=1, use_bidirectional_attention=ahead,
        max_position_embeddings=256,
    )  # fmt: skip
    model: Any = GemmaForSequenceClassification(config)  # type: ignore[no-untyped-call]
    model.score.weight.data *= 30
    model.save_pretrained(tmp_path / "m")
    tokenizer.save_pretrained(tmp_path / "m")
    assert opened(tmp_path / "m").mode == ("prefixes" if ahead else "one pass")
    if ahead:  # in transformers 5.23 it looks ahead in texts that are not padded alone
        with pytest.raises(PersonError, match="depends on the padding"):
            train_neural(planted(8), base=tmp_path / "m", folder=tmp_path / "x", settings=QUICK)


def test_a_template_that_is_not_incremental_scores_prefixes(tmp_path: Path) -> None:
    folder = tiny_classifier(tmp_path / "m", chat_template=True)
    scorer = opened(folder)
    scorer.loaded.tokenizer.chat_template = NOT_INCREMENTAL
    assert scorer.mode == "prefixes"
    assert [len(scores) for scores in scorer.score(TALKS[:4])] == [3, 1, 0, 2]
    assert scorer.score_last([TALKS[1]]) == pytest.approx(scorer.score([TALKS[1]])[0], abs=1e-5)


def test_scores_do_not_depend_on_the_batch(tmp_path: Path) -> None:
    folder = tiny_classifier(tmp_path / "m")
    together, alone = opened(folder), opened(folder, batch_tokens=1)
    for mine, other in zip(together.score(TALKS), alone.score(TALKS), strict=True):
        assert mine == pytest.approx(other, abs=1e-5)
    assert alone.padding.waste == 0
    assert together.padding.waste > 0
    ends = [TALKS[0], TALKS[1]]
    assert together.score_last(ends) == pytest.approx(
        [scores[-1] for scores in together.score(ends)], abs=1e-5
    )
    assert together.score_last(ends) == together.score_last(ends)


def test_it_learns_what_is_planted_and_says_what_it_is_made_from(model: Path) -> None:
    card = orjson.loads((model / "card.json").read_bytes())
    assert card["held_out"]["accuracy"]["estimate"] > 0.9
    assert card["held_out"]["n"] == 32
    assert card["n_pairs"] == 128
    assert card["kind"] == "neural"
    assert card["settings"]["mode"] == "one pass"
    assert card["settings"]["max_length"] == 160
    scorer = open_scorer(model)
    assert isinstance(scorer, NeuralScorer)
    assert scorer.mode == "one pass"
    assert scorer.version == card["version"]
    lineage = scorer.lineage
    assert len(lineage.conversations or ()) == 128
    assert lineage.base == f"base@{lineage.features['base_weights'][7:19]}"  # type: ignore[index]
    fresh = evaluate(scorer, planted(60, seed=9))
    assert fresh.accuracy.estimate is not None
    assert fresh.accuracy.estimate > 0.9
    assert "It reads no more than its context window" in (model / "README.md").read_text()
    assert not [path for path in model.iterdir() if path.suffix in {".bin", ".pt", ".pkl"}]


def test_other_programs_open_the_folder(model: Path) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    theirs = AutoModelForSequenceClassification.from_pretrained(model)
    tokenizer = AutoTokenizer.from_pretrained(model)
    text = "\n\nHuman: a question\n\nAssistant: gladly" + tokenizer.eos_token
    found = theirs(**tokenizer(text, return_tensors="pt")).logits.item()
    ours = open_scorer(model).score([talk("a question", "gladly")])[0][0]
    assert found == pytest.approx(ours, abs=1e-4)


def attack(*texts: str) -> Attack:
    return Attack(
        arm=Arm(model_type="a", num_params="1"),
        attacker=Attacker(kind="simulated", team_type="crowd", member=1),
        task_description="to be kind",
        turns=to_turns(talk(*texts)),
        rating=SelfRating(success=1),
    )


def test_a_conversation_past_the_window_has_no_score_and_is_counted(model: Path) -> None:
    scorer = open_scorer(model)
    long = attack("a", "b", "c" * 200, "gladly")
    scores = attack_scores([long, attack("a", "b")], scorer)
    assert (scores[0].turns, scores[0].minimum, scores[0].mean) == (None, None, None)
    assert scores[0].task_description is not None
    assert scores[1].minimum is not None
    done = score_attacks([long, attack("a", "b"), attack("a")], scorer)
    assert (done.n_too_long, done.n_without_reply, done.n_replies) == (1, 1, 1)
    assert [one.outcome for one in done.attacks] == ["judge_error", "scored", "judge_error"]
    with pytest.raises(PersonError, match="1 of 2 conversations have more than 160 tokens"):
        scorer.score([talk("a", "b"), talk("c" * 200, "d")])
    with pytest.raises(PersonError, match="nothing is cut"):
        scorer.score_last([talk("c" * 200, "d")])  # type: ignore[attr-defined]
    pairs = planted(6)
    pairs[2] = pairs[2].model_copy(update={"rejected": " never" * 100})
    found = evaluate(scorer, pairs)
    assert (found.n, found.dropped) == (5, {"past the context window": 1})


def test_a_file_is_scored_and_what_was_not_is_said(model: Path, tmp_path: Path) -> None:
    write_attacks(tmp_path / "in.jsonl", [attack("a", "b"), attack("c" * 200, "d"), attack("e")])
    done = score_file(tmp_path / "in.jsonl", model, tmp_path / "out.jsonl")
    counts = done.summary()
    assert (counts["n_too_long"], counts["n_without_reply"], counts["n_replies"]) == (1, 1, 1)
    assert re.fullmatch("one pass, padding [0-9]+% of the tokens fed", counts["how"])
    first, second, _ = read_attacks(tmp_path / "out.jsonl").attacks
    assert first.scores[0].turns == pytest.approx(
        open_scorer(model).score([talk("a", "b")])[0], abs=1e-5
    )
    assert second.scores[0].turns is None


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_changed_file_is_noticed(model: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(model, folder)
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(bytes(data))
    with pytest.raises(PersonError, match="SHA-256 differs"):
        open_scorer(folder)
    (folder / name).unlink()
    with pytest.raises(PersonError, match="has no"):
        open_scorer(folder)


def test_a_file_that_nobody_vouches_for_is_refused(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(model, folder)
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(PersonError, match="does not describe"):
        open_scorer(folder)


def test_a_neural_model_is_replaced_whole(model: Path, tmp_path: Path) -> None:
    from gadfly.preference.making import make_linear
    from gadfly.records.writing import write_pairs

    folder = tmp_path / "copy"
    shutil.copytree(model, folder)
    write_pairs(tmp_path / "pairs.jsonl", planted(30), format="pairs")
    with pytest.raises(PersonError, match="--force"):
        make_linear([tmp_path / "pairs.jsonl"], folder)
    make_linear([tmp_path / "pairs.jsonl"], folder, force=True)
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md", "card.json", "model.json", "weights.npz",
    ]  # fmt: skip
    assert open_scorer(folder).name == "gadfly-linear"


@pytest.mark.parametrize("templated", [False, True])
def test_training_reads_what_scoring_reads(templated: bool, tmp_path: Path) -> None:
    """With a learning rate of nothing, TRL's own loss is the log loss of the scorer's margins."""
    base = tiny_classifier(tmp_path / "base", chat_template=templated)
    if not templated:  # padded by the terminator itself, as many tokenizers come
        tokenizer = tiny_tokenizer()
        tokenizer.pad_token = tokenizer.eos_token
        tokenizer.save_pretrained(base)
    head = load_classifier(base, device="cpu")
    head.model.score.weight.data *= 30
    head.model.save_pretrained(base)
    settings = QUICK.model_copy(
        update={"learning_rate": 1e-30, "batch_size": 20, "epochs": 1, "held_out": 0.5}
    )
    pairs = planted(40)
    train_neural(pairs, base=base, folder=tmp_path / "m", settings=settings)
    [step] = orjson.loads((tmp_path / "m" / "training_log.json").read_bytes())
    scorer = open_scorer(tmp_path / "m")
    trained = set(scorer.lineage.conversations or ()) if scorer.lineage else set()
    margins = [
        ours - theirs for ours, theirs, pair in _margins(scorer, pairs) if _key(pair) in trained
    ]
    assert len(margins) == 20
    assert step["loss"] == pytest.approx(np.logaddexp(0, -np.array(margins)).mean(), abs=1e-5)
    assert np.std(margins) > 0.05


def _margins(scorer: Any, pairs: list[PreferencePair]) -> list[tuple[float, float, PreferencePair]]:
    from gadfly.preference.pairs import context

    def score(pair: PreferencePair, reply: str) -> float:
        said = (*context(pair), Message(role="assistant", text=reply))
        return float(scorer.score_last([said])[0])

    return [(score(pair, pair.chosen), score(pair, pair.rejected), pair) for pair in pairs]


def _key(pair: PreferencePair) -> int:
    from gadfly.preference.lineage import conversation_key
    from gadfly.preference.pairs import context

    return conversation_key(context(pair))


def test_batches_hold_like_lengths_and_no_more_than_they_may() -> None:
    draw = np.random.default_rng(0)
    lengths = draw.integers(1, 100, 300).tolist()
    made = buckets(lengths, 400)
    assert sorted(place for batch in made for place in batch) == list(range(300))
    padding = Padding()
    for batch in made:
        longest = max(lengths[place] for place in batch)
        assert longest * len(batch) <= 400
        padding.add([lengths[place] for place in batch])
    assert padding.tokens == sum(lengths)
    assert padding.waste < 0.05
    assert buckets([500], 400) == [[0]]
