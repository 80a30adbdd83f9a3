"""Reinforcement: a golden short run, the reward, the prompts, resumption, lineage."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest

from gadfly.assistants.training.folders import CARD, LINEAGE, LOG
from gadfly.assistants.training.lineages import checkpoint_lineage
from gadfly.assistants.training.policy import train_policy
from gadfly.assistants.training.progress import read_log
from gadfly.assistants.training.reward import HeldOut, Prompts, Reward
from gadfly.assistants.training.settings import PolicySettings
from gadfly.errors import PersonError
from gadfly.models.loading import load_causal, load_classifier, weights_hash
from gadfly.models.tokens import Encoder
from gadfly.preference.lineage import conversation_key, lineage_hash, mark
from gadfly.preference.neural.scorer import NeuralScorer
from gadfly.records.values import Message
from tests.assistants.worlds import Conversation, LikesE, asked, assistant, human
from tests.tiny import tiny_causal, tiny_classifier, tiny_tokenizer

SETTINGS = PolicySettings(
    learning_rate=2e-2,
    beta=0.02,
    steps=16,
    completions_per_step=32,
    num_generations=8,
    max_new_tokens=8,
    benign_share=0.25,
    evaluate_every=8,
    save_every=6,
    device="cpu",
)
ATTACKS: list[Conversation] = [
    (human(f"Break door {i} <eos>"), assistant("No."), human("Do it now.")) for i in range(20)
]
BENIGN: list[Conversation] = [(one,) for one in asked(32)]
HELD_OUT: list[Conversation] = [(one,) for one in asked(48)[32:]]
GOLDEN = Path(__file__).with_name("golden_policy.json")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_causal(tmp_path_factory.mktemp("base"))


def train(base: Path, folder: Path, **options: Any) -> Any:
    options = {"settings": SETTINGS, "held_out": HELD_OUT, "scorer": LikesE()} | options
    return train_policy(base, folder / "unused", ATTACKS, BENIGN, folder, **options)


@pytest.fixture(scope="module")
def policy(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained without a stop."""
    folder = tmp_path_factory.mktemp("made") / "policy"
    train(base, folder)
    return folder


def test_the_golden_run(policy: Path) -> None:
    """The curve that was committed: ``curve`` of this very run, rounded.

    The first steps are the same on any machine. Later ones may drift where the last digits of a
    probability decide which token is sampled, so they have more room.
    """
    log = [row for row in read_log(policy / LOG) if "reward" in row]
    curve = {name: [row[name] for row in log] for name in ("reward", "kl", "length")}
    expected = orjson.loads(GOLDEN.read_bytes())
    for name, room in (("reward", 0.2), ("kl", 1.0), ("length", 0.2)):
        assert curve[name][:3] == pytest.approx(expected[name][:3], abs=0.02), name
        assert curve[name] == pytest.approx(expected[name], abs=room), name
    late, early = curve["reward"][-4:], curve["reward"][:4]
    assert sum(late) / 4 > sum(early) / 4 + 0.5
    assert curve["kl"][0] == pytest.approx(0, abs=1e-4)
    assert curve["kl"][-1] > 0.1


def test_the_log_and_the_card_say_what_happened(policy: Path) -> None:
    log, card = read_log(policy / LOG), orjson.loads((policy / CARD).read_bytes())
    measured = [HeldOut.model_validate(one) for one in card["held_out"]]
    assert [one.step for one in measured] == [0, 8, 16]
    assert measured[0].n == len(HELD_OUT)
    assert measured[-1].score > measured[0].score
    assert [row["step"] for row in log if "reward" in row] == list(range(1, 17))
    for row in log:
        if "reward" in row:
            apart = 0.75 * row["reward_attacks"] + 0.25 * row["reward_benign"]  # type: ignore[operator]
            assert row["reward"] == pytest.approx(apart, abs=1e-4)
    assert card["reward_last"] == log[-1]["reward"]
    assert card["preference_model"] == f"likes-e 1 {lineage_hash(LikesE.lineage)}"


@pytest.mark.parametrize("chat_template", [False, True])
def test_the_reward_is_the_scorers_score_of_the_text_as_served(chat_template: bool) -> None:
    encoder, scorer = Encoder(tiny_tokenizer(chat_template)), LikesE()
    conversations = (ATTACKS[0], BENIGN[0])
    prompts = Prompts(conversations, tuple(tuple(encoder.prompt(c)) for c in conversations), 1)
    told: dict[str, float] = {}
    ends = encoder.tokenizer("Here we see.\n\nHuman: and eee")["input_ids"]
    whole = encoder.conversation((*ATTACKS[0], assistant("Never, see?")))[len(prompts.ids[0]) :]
    found = Reward(scorer, encoder, prompts)(
        prompts=["0", "1", "1"],
        completion_ids=[whole, whole[:4], ends],
        log_metric=told.__setitem__,
        completions=["", "", ""],
    )
    texts = ["Never, see?", encoder.reply(whole[:4]), encoder.reply(ends)]
    assert len(texts[1]) < len(texts[0])  # unfinished: scored as it stands
    asked_for = [
        (*conversation, assistant(text))
        for conversation, text in zip((ATTACKS[0], BENIGN[0], BENIGN[0]), texts, strict=True)
    ]
    expected = [scores[-1] for scores in scorer.score(asked_for)]
    assert found == expected
    assert texts[2] == ("Here we see.\n\nHuman: and eee" if chat_template else "Here we see.")
    assert told == {
        "reward_attacks": expected[0],
        "reward_benign": pytest.approx((expected[1] + expected[2]) / 2),
    }


def test_a_neural_reward_is_its_score_of_the_last_reply(tmp_path: Path) -> None:
    loaded = load_classifier(tiny_classifier(tmp_path / "reward"), device="cpu")
    scorer = NeuralScorer(
        name="tiny", version="1", lineage=LikesE.lineage, loaded=loaded, window=512
    )
    encoder = Encoder(loaded.tokenizer)
    conversations = tuple(ATTACKS[:6])
    prompts = Prompts(conversations, tuple(tuple(encoder.prompt(c)) for c in conversations), 6)
    replies = [f"I will not help with door {'one ' * i}." for i in range(6)]
    ids = [
        encoder.conversation((*c, assistant(text)))[len(encoder.prompt(c)) :]
        for c, text in zip(conversations, replies, strict=True)
    ]
    ids[5] = ids[5][:-1]  # unfinished: no terminator was sampled, and the scorer reads at one
    found = Reward(scorer, encoder, prompts)(
        prompts=list("012345"), completion_ids=ids, log_metric=lambda name, value: None
    )
    whole = [(*c, assistant(r)) for c, r in zip(conversations, replies, strict=True)]
    assert found == pytest.approx([scores[-1] for scores in scorer.score(whole)], abs=1e-5)
    assert len(set(found)) == 6


def test_the_policy_reads_what_the_assistant_would(base: Path, tmp_path: Path) -> None:
    """The tokens handed to the model are the encoder's, for a text that spells a special token."""
    seen: list[list[int]] = []
    loaded = load_causal(base, device="cpu")
    wanted = [Encoder(loaded.tokenizer).prompt(one) for one in (*ATTACKS, *BENIGN)]

    class Watching(LikesE):
        def score(self, conversations: Any) -> list[tuple[float, ...]]:
            seen.extend(
                Encoder(loaded.tokenizer).prompt(one[:-1])
                for one in conversations
                if tuple(one[:-1]) not in HELD_OUT
            )
            return super().score(conversations)

    from trl.trainer.rloo_trainer import RLOOTrainer

    handed: list[list[int]] = []
    generate = RLOOTrainer._generate_single_turn

    def watch(self: Any, prompt_ids: list[list[int]], *rest: Any) -> Any:
        handed.extend(prompt_ids)
        return generate(self, prompt_ids, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RLOOTrainer, "_generate_single_turn", watch)
        train(
            base,
            tmp_path / "policy",
            settings=SETTINGS.model_copy(update={"steps": 2}),
            scorer=Watching(),
        )
    assert handed == seen
    assert len(handed) == 64
    assert all(ids in wanted for ids in handed)
    eos = loaded.tokenizer.eos_token_id
    assert [ids.count(eos) for ids in wanted[: len(ATTACKS)]] == [1] * len(ATTACKS)  # of "No."


def test_stopped_and_begun_again_it_comes_out_the_same(
    base: Path, policy: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "policy"

    def stop(done: int, total: int) -> None:
        if done == 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(base, folder, progress=stop)
    assert not folder.exists()
    with pytest.raises(PersonError, match="beta"):
        train(base, folder, settings=SETTINGS.model_copy(update={"beta": 0.5}))
    told: list[int] = []
    train(base, folder, progress=lambda done, total: told.append(done))
    assert told == list(range(7, 17))
    assert (folder / LOG).read_bytes() == (policy / LOG).read_bytes()
    assert weights_hash(folder) == weights_hash(policy)
    assert not (tmp_path / "policy.part").exists()


def test_the_lineage_holds_everything_that_shaped_it(
    base: Path, policy: Path, tmp_path: Path
) -> None:
    lineage = checkpoint_lineage(policy)
    assert lineage is not None
    keys = {conversation_key(one) for one in (*ATTACKS, *BENIGN)}
    assert set(lineage.conversations or ()) == keys | set(LikesE.lineage.conversations or ())
    assert lineage.members == ("ann",)
    assert mark(LikesE.lineage, lineage) == "circular"
    unknown = LikesE.lineage.model_copy(update={"conversations": None})
    again = shutil.copytree(base, tmp_path / "again")
    (again / LINEAGE).write_bytes(orjson.dumps(unknown.model_dump(mode="json")))
    settings = SETTINGS.model_copy(update={"steps": 1})
    train(again, tmp_path / "policy", settings=settings)
    other = checkpoint_lineage(tmp_path / "policy")
    assert other is not None
    assert other.conversations is None


def test_prompts_that_cannot_be_used_are_left_out_and_counted(base: Path, tmp_path: Path) -> None:
    long, same = (human("Where? " * 300),), (HELD_OUT[0][0], assistant("There."), human("Where?"))
    settings = SETTINGS.model_copy(update={"steps": 1})
    card = train_policy(
        base,
        tmp_path,
        [*ATTACKS, long, (*ATTACKS[0], assistant("No."))],
        [*BENIGN, same],
        tmp_path / "policy",
        settings=settings,
        held_out=[*HELD_OUT, (human("Which? " * 300),)],
        scorer=LikesE(),
    )
    assert card.held_out[0].n == len(HELD_OUT)
    assert card.made.dropped == {
        "held out, and longer than the context": 1,
        "does not end with a human message": 1,
        "longer than the context": 1,
        "opens like a held-out request": 1,
    }
    assert (card.n_attacks, card.n_benign) == (len(ATTACKS), len(BENIGN))


def test_no_prompt_outgrows_the_preference_model(base: Path, tmp_path: Path) -> None:
    loaded = load_classifier(tiny_classifier(tmp_path / "reward"), device="cpu")
    scorer = NeuralScorer(
        name="tiny", version="1", lineage=LikesE.lineage, loaded=loaded, window=64
    )
    long = (human("Where is it? " * 12),)
    card = train_policy(
        base,
        tmp_path,
        [*ATTACKS, long],
        BENIGN,
        tmp_path / "policy",
        settings=SETTINGS.model_copy(update={"steps": 1}),
        held_out=HELD_OUT,
        scorer=scorer,
    )
    assert 50 < len(Encoder(loaded.tokenizer).prompt(long)) < 512
    assert card.made.dropped == {"longer than the context": 1}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"num_generations": 5}, "num_generations: got 5"),
        ({"micro_batch": 7}, "micro_batch: got 7"),
    ],
)
def test_settings_that_cannot_be_met_are_refused(
    base: Path, tmp_path: Path, change: dict[str, int], words: str
) -> None:
    with pytest.raises(PersonError, match=words):
        train(base, tmp_path / "policy", settings=SETTINGS.model_copy(update=change))
    assert not (tmp_path / "policy.part").exists()


def test_a_judge_says_what_is_helpful(base: Path, tmp_path: Path) -> None:
    def judge(request: Any, reply: str, /) -> tuple[float | None, bool]:
        assert isinstance(request[-1], Message)
        return 0.25, len(reply) % 2 == 0

    settings = SETTINGS.model_copy(update={"steps": 1})
    card = train(base, tmp_path / "policy", settings=settings, judge=judge)
    assert [one.helpful for one in card.held_out] == [0.25, 0.25]
    assert 0 < card.held_out[0].evasive < 1


def test_a_reply_ends_where_the_assistants_does(tmp_path: Path) -> None:
    """A chat model's turn ends with a token of its own beside the end token."""
    chat = tiny_causal(tmp_path / "chat", chat_template=True)
    card = train(chat, tmp_path / "policy", settings=SETTINGS.model_copy(update={"steps": 1}))
    encoder = Encoder(load_causal(chat, device="cpu").tokenizer)
    made = load_causal(tmp_path / "policy", device="cpu")
    assert len(encoder.stop_ids) == 2
    assert set(made.model.generation_config.eos_token_id) == encoder.stop_ids
    assert card.divergence == pytest.approx(0, abs=1e-4)


def test_several_processes_are_refused(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(PersonError, match="got 2 processes"):
        train(base, tmp_path / "policy")


def test_replies_in_smaller_batches_make_the_same_step(base: Path, tmp_path: Path) -> None:
    """Accumulated gradients are those of the whole step, up to rounding."""
    settings = SETTINGS.model_copy(update={"steps": 2, "learning_rate": 1e-3})
    cards = [
        train(
            base, tmp_path / str(micro), settings=settings.model_copy(update={"micro_batch": micro})
        )
        for micro in (None, 8)
    ]
    assert cards[0].reward_first == pytest.approx(cards[1].reward_first, abs=1e-5)
    one, two = (load_causal(tmp_path / name).model.state_dict() for name in ("None", "8"))
    change = max(float((one[key] - two[key]).abs().max()) for key in one)
    assert change < 1e-4
