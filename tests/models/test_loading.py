"""Opening checkpoints: what is refused, and in which words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from gadfly.errors import OperatorError, PersonError
from gadfly.models.loading import (
    best_device,
    load_causal,
    load_classifier,
    load_tokenizer,
    weights_hash,
)
from gadfly.models.memory import enough_memory
from gadfly.models.tokens import Encoder
from gadfly.preference.constant import untrained
from gadfly.preference.folder import Saved
from gadfly.preference.neural.scorer import from_saved
from gadfly.preference.neural.settings import NeuralSettings
from gadfly.preference.neural.training import train_neural
from gadfly.preference.scoring import open_scorer
from gadfly.records.values import Message
from tests.preference.worlds import planted
from tests.tiny import tiny_bert, tiny_causal, tiny_classifier


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_causal(tmp_path_factory.mktemp("models") / "one")


def test_a_checkpoint_opens(checkpoint: Path) -> None:
    loaded = load_causal(checkpoint, device="cpu")
    assert not loaded.model.training
    assert loaded.device.type == "cpu"
    head = load_classifier(checkpoint, device="cpu")
    assert head.model.config.num_labels == 1


def test_the_hash_is_of_the_weights(checkpoint: Path, tmp_path: Path) -> None:
    same = tiny_causal(tmp_path / "same")
    other = tiny_causal(tmp_path / "other", seed=1)
    assert weights_hash(same) == weights_hash(checkpoint) != weights_hash(other)
    with pytest.raises(PersonError, match=r"no \.safetensors"):
        weights_hash(tmp_path)


def test_no_folder_and_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(PersonError, match="no such folder"):
        load_causal(tmp_path / "nothing")
    with pytest.raises(PersonError, match="could be opened"):
        load_tokenizer(tmp_path)


def test_a_pickle_is_never_opened(checkpoint: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    folder = tiny_causal(tmp_path / "pickled")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(PersonError, match="no model could be opened"):
        load_causal(folder)


def test_code_of_a_checkpoint_is_never_run(tmp_path: Path) -> None:
    folder = tiny_causal(tmp_path / "coded")
    config = orjson.loads((folder / "config.json").read_bytes())
    config |= {
        "model_type": "own",
        "auto_map": {"AutoConfig": "own.C", "AutoModelForCausalLM": "own.M"},
    }
    (folder / "config.json").write_bytes(orjson.dumps(config))
    (folder / "own.py").write_text("from pathlib import Path\nPath('ran').touch()\n")
    with pytest.raises(PersonError, match="could be opened"):
        load_causal(folder)
    assert not Path("ran").exists()


def test_a_tokenizer_without_an_end_is_refused(tmp_path: Path) -> None:
    folder = tiny_causal(tmp_path / "endless")
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        path = folder / name
        if path.exists():
            values = orjson.loads(path.read_bytes())
            values.pop("eos_token", None)
            path.write_bytes(orjson.dumps(values))
    with pytest.raises(PersonError, match="no end token"):
        load_tokenizer(folder)


@pytest.mark.parametrize("arch", ["llama", "gpt2"])
def test_a_classifier_is_no_language_model(arch: Any, tmp_path: Path) -> None:
    folder = tiny_classifier(tmp_path / arch, arch)  # gpt2's embeddings would do for a head
    with pytest.raises(PersonError, match="no language model but a classifier, as a preference"):
        load_causal(folder)


def without(folder: Path, *lost: str) -> Path:
    """A checkpoint that has lost weights."""
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    kept = {name: values for name, values in weights.items() if not name.startswith(lost)}
    assert len(kept) < len(weights)
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def test_weights_that_are_missing_are_not_drawn(tmp_path: Path) -> None:
    lost = "model.layers.1.mlp.up_proj"
    causal = without(tiny_causal(tmp_path / "causal"), lost, "model.norm")
    with pytest.raises(PersonError, match=rf"no language model: {lost}\.weight and 1 more are"):
        load_causal(causal)
    with pytest.raises(PersonError, match=rf"{lost}\.weight and 1 more are missing.*whole check"):
        load_classifier(causal)


def test_a_trained_classifier_has_its_head(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(PersonError, match=r"score\.weight is missing.*no trained preference model"):
        load_classifier(checkpoint, new_head=False)
    lineage = untrained("neural", {"max_length": 64})
    with pytest.raises(PersonError, match=r"score\.weight is missing"):
        from_saved(Saved(checkpoint, "neural", lineage, {}))
    trained = tiny_classifier(tmp_path / "trained")
    heads = [load_classifier(trained, new_head=new).model.score.weight for new in (True, False)]
    assert heads[0].equal(heads[1])


def test_bert_starts_from_its_body_and_ends_a_text_with_its_separator(tmp_path: Path) -> None:
    body = without(tiny_bert(tmp_path / "bert"), "classifier", "bert.pooler")
    loaded = load_classifier(body)
    tokenizer = loaded.tokenizer
    assert tokenizer.eos_token_id == tokenizer.sep_token_id
    with pytest.raises(PersonError, match=r"bert\.pooler.* and 3 more are missing"):
        load_classifier(body, new_head=False)
    talk = [Message(role="human", text="So [SEP] me"), Message(role="assistant", text="no \u2603")]
    ids = Encoder(tokenizer).messages(talk)
    assert tokenizer.decode(ids[0]) == "[CLS] human : so [ s ep ] me"  # in two pieces
    assert tokenizer.decode(ids[1]) == "assistant : no [UNK] [SEP]"


def test_a_bert_classifier_learns_with_its_usual_tokenizer(tmp_path: Path) -> None:
    settings = NeuralSettings(
        learning_rate=1e-3, epochs=1, batch_size=16, held_out=0.2, device="cpu", checkpoints=1
    )
    made = tmp_path / "made"
    base = tiny_bert(tmp_path / "bert")
    train_neural(planted(40), base=base, folder=made, settings=settings)
    talk = [Message(role="human", text="hello"), Message(role="assistant", text="good day")]
    scorer = open_scorer(str(made))
    scores = [scorer.score([talk])[0] for _ in range(2)]
    assert len(scores[0]) == 1
    assert scores[0] == scores[1]


def test_memory_that_is_not_there_is_told_in_words() -> None:
    import torch

    words = r"^sampling: the device has too little memory \(.*\); ask for fewer"
    with pytest.raises(OperatorError, match=words), enough_memory("sampling"):
        torch.empty(1 << 60)
    with pytest.raises(RuntimeError, match="size"), enough_memory("sampling"):
        torch.zeros(2) @ torch.zeros(3)


def test_devices() -> None:
    assert best_device("cpu").type == "cpu"
    with pytest.raises(PersonError, match="allowed"):
        best_device("toaster")
    import torch

    if not torch.cuda.is_available():
        with pytest.raises(OperatorError, match="no CUDA device"):
            best_device("cuda")
