"""Context distillation: the divergence by hand, planted learning, resumption, refusals."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from gadfly.assistants.training.distilled import train_distilled
from gadfly.assistants.training.divergence import (
    Targets,
    Teacher,
    mean_divergence,
    token_divergence,
)
from gadfly.assistants.training.folders import CARD, LINEAGE, LOG, README
from gadfly.assistants.training.lineages import checkpoint_lineage
from gadfly.assistants.training.progress import read_log
from gadfly.assistants.training.settings import DistilSettings
from gadfly.assistants.training.texts import encode, ordered, padded
from gadfly.errors import PersonError
from gadfly.models.loading import load_causal, weights_hash
from gadfly.models.tokens import Encoder
from gadfly.preference.lineage import Lineage, conversation_key, lineage_hash, mark
from tests.assistants.worlds import KIND, PROMPT, RUDE, asked, assistant, dialogues, human
from tests.assistants.worlds import prompted_teacher as make_teacher
from tests.tiny import tiny_causal

SHORT = DistilSettings(
    learning_rate=5e-3, steps=12, batch_size=8, evaluate_every=6, save_every=4, device="cpu"
)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_teacher(tmp_path_factory.mktemp("teacher"))


@pytest.fixture(scope="module")
def student(teacher: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The teacher distilled from itself; made without a stop."""
    folder = tmp_path_factory.mktemp("made") / "student"
    train_distilled(teacher, PROMPT, dialogues(40), folder, settings=SHORT)
    return folder


def reply_log_prob(folder: Path, before: tuple[Any, ...], said: str) -> float:
    loaded = load_causal(folder, device="cpu")
    encoder, request = Encoder(loaded.tokenizer), asked(64)[50]
    start = encoder.prompt((*before, request))
    ids = encoder.conversation((*before, request, assistant(said)))
    with torch.no_grad():
        found = torch.log_softmax(loaded.model(torch.tensor([ids])).logits[0], -1)
    return float(sum(found[i - 1, ids[i]] for i in range(len(start), len(ids))))


def test_the_student_answers_as_the_prompted_teacher(teacher: Path, student: Path) -> None:
    assert reply_log_prob(teacher, PROMPT, KIND) > reply_log_prob(teacher, PROMPT, RUDE) + 5
    assert reply_log_prob(teacher, (), RUDE) > reply_log_prob(teacher, (), KIND) + 1
    assert reply_log_prob(student, (), KIND) > reply_log_prob(student, (), RUDE) + 5
    log = [row["divergence"] for row in read_log(student / LOG) if "divergence" in row]
    assert len(log) == 3  # at the start, after 6 and after 12 steps
    assert log[-1] is not None
    assert log[0] is not None
    assert log[-1] < log[0] / 3


@pytest.mark.parametrize("form", ["markers", "template", "template with a header"])
def test_the_loss_is_the_divergence_over_the_top_and_the_rest(tmp_path: Path, form: str) -> None:
    """By hand: the teacher reads the whole text without a cache, sums go token by token."""
    loaded = [
        load_causal(
            tiny_causal(tmp_path / str(seed), chat_template=form != "markers", seed=seed),
            device="cpu",
        )
        for seed in (0, 1)
    ]
    for one in loaded:  # distributions that differ from uniform ones
        one.model.requires_grad_(False)
        one.model.lm_head.weight *= 30
        if form == "template with a header":
            start = "{{ '<|end|>Be good.<|end|>' }}" + one.tokenizer.chat_template
            one.tokenizer.chat_template = start
    old, new = loaded
    texts = encode(old, new, PROMPT, [*dialogues(6), ()], DistilSettings(held_out=1), 0)
    assert bool(texts.header) is (form == "template with a header")
    assert texts.dropped == {"empty": 1}
    batch = padded(texts.learned[:3], old.tokenizer.pad_token_id)
    found = mean_divergence(
        new.model,
        Teacher(old.model, texts.prompt, 50),
        texts.header,
        batch["ids"],
        batch["mask"],
    )
    by_hand = list[float]()
    for ids in texts.learned[:3]:
        p = torch.softmax(old.model(torch.tensor([texts.prompt + ids])).logits[0].double(), -1)
        q = torch.softmax(new.model(torch.tensor([texts.header + ids])).logits[0].double(), -1)
        for place in range(len(ids) - 1):
            there, here = p[len(texts.prompt) + place], q[len(texts.header) + place]
            top = sorted(range(len(there)), key=lambda i: -float(there[i]))[:50]
            kept = [(float(there[i]), float(here[i])) for i in top]
            rest = (1 - sum(a for a, _ in kept), 1 - sum(b for _, b in kept))
            by_hand.append(sum(a * math.log(a / b) for a, b in [*kept, rest]))
    assert float(found) == pytest.approx(sum(by_hand) / len(by_hand), rel=1e-4)
    assert float(found) > 0.005


def test_equal_models_without_a_difference_do_not_diverge() -> None:
    logits = torch.randn(2, 5, 100, generator=torch.Generator().manual_seed(0))
    top = torch.log_softmax(logits, -1).topk(50, -1)
    found = token_divergence(Targets(top.indices, top.values), logits)
    assert found.abs().max() < 1e-6


def test_stopped_and_begun_again_it_comes_out_the_same(
    teacher: Path, student: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "student"

    def stop(done: int, total: int) -> None:
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_distilled(teacher, PROMPT, dialogues(40), folder, settings=SHORT, progress=stop)
    assert not folder.exists()
    begun = tmp_path / "student.part"
    shutil.copytree(begun / "checkpoint-4", begun / "checkpoint-8")  # one that was cut short
    (begun / "checkpoint-8" / "trainer_state.json").write_text('{"global')
    with pytest.raises(PersonError, match="seed"):
        train_distilled(teacher, PROMPT, dialogues(40), folder, settings=SHORT, seed=1)
    with pytest.raises(PersonError, match="texts"):
        train_distilled(teacher, PROMPT, dialogues(39), folder, settings=SHORT)
    told: list[int] = []
    train_distilled(
        teacher,
        PROMPT,
        dialogues(40),
        folder,
        settings=SHORT,
        progress=lambda done, total: told.append(done),
    )
    assert told == list(range(5, 13))
    assert (folder / LOG).read_bytes() == (student / LOG).read_bytes()
    assert weights_hash(folder) == weights_hash(student)
    assert (folder / CARD).read_bytes() == (student / CARD).read_bytes()
    assert not begun.exists()


def test_a_finished_folder_is_a_checkpoint_with_its_lineage(teacher: Path, student: Path) -> None:
    names = {path.name for path in student.iterdir()}
    assert {"model.safetensors", "tokenizer.json", LINEAGE, CARD, README, LOG} <= names
    assert not any(name.endswith((".bin", ".pt", ".pth")) for name in names)
    lineage = checkpoint_lineage(student)
    assert lineage is not None
    assert lineage.kind == "distilled"
    assert lineage.base is not None
    assert lineage.base.startswith(teacher.name)
    assert set(lineage.conversations or ()) == {conversation_key([one]) for one in asked(40)}
    assert lineage_hash(lineage) in (student / README).read_text()
    scorer = Lineage.model_validate(lineage.model_dump() | {"kind": "other", "training_data": ()})
    assert mark(scorer, lineage) == "circular"


def test_what_stands_in_the_way_is_not_overwritten(teacher: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(PersonError, match="no checkpoint trained here"):
        train_distilled(
            teacher, PROMPT, dialogues(8), tmp_path / "mine", settings=SHORT, force=True
        )
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"
    (tmp_path / "done").mkdir()
    (tmp_path / "done" / LINEAGE).write_text("{}")
    with pytest.raises(PersonError, match="--force"):
        train_distilled(teacher, PROMPT, dialogues(8), tmp_path / "done", settings=SHORT)


def test_long_conversations_are_left_out_and_counted(teacher: Path, tmp_path: Path) -> None:
    long = (human("Where? " * 300), assistant(KIND))
    card = train_distilled(
        teacher,
        PROMPT,
        [*dialogues(10), long],
        tmp_path / "student",
        settings=DistilSettings(steps=1, batch_size=2),
        dropped={"empty": 2},
    )
    assert card.made.dropped == {"empty": 2, "longer than the context": 1}
    assert card.n_conversations + card.n_held_out == 10
    with pytest.raises(PersonError, match="0 of 1 conversations"):
        train_distilled(teacher, PROMPT, [long], tmp_path / "none", settings=SHORT)


def test_a_student_of_another_vocabulary_is_refused(teacher: Path, tmp_path: Path) -> None:
    other = tiny_causal(tmp_path / "other", chat_template=True)
    with pytest.raises(PersonError, match="other tokens"):
        train_distilled(
            teacher, PROMPT, dialogues(8), tmp_path / "x", settings=SHORT, student=other
        )


def test_batches_hold_every_text_equally_often_and_similar_lengths() -> None:
    texts = [[7] * (1 + i) for i in range(64)]
    order = ordered(texts, DistilSettings(steps=32, batch_size=8), 0)
    counts = [sum(one is text for one in order) for text in texts]
    assert counts == [4] * 64
    spans = [len(b[-1]) - len(b[0]) for b in (order[i : i + 8] for i in range(0, 256, 8))]
    assert max(spans) <= 8
    assert order != ordered(texts, DistilSettings(steps=32, batch_size=8), 1)
