"""Opening checkpoints: what is refused, and in which words."""

from __future__ import annotations

from pathlib import Path

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
from tests.tiny import tiny_causal


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


def test_devices() -> None:
    assert best_device("cpu").type == "cpu"
    with pytest.raises(PersonError, match="allowed"):
        best_device("toaster")
    import torch

    if not torch.cuda.is_available():
        with pytest.raises(OperatorError, match="no CUDA device"):
            best_device("cuda")
