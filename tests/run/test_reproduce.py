"""Vectors for the map of a reproduction: from a file, or made by a model once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from gadfly.analysis.results import SourceInfo
from gadfly.assistants.local.embedding import embed
from gadfly.errors import PersonError
from gadfly.models.loading import load_causal
from gadfly.records.transcript import parse
from gadfly.run.analysable import Analysable
from gadfly.run.reproduce import vectors_of
from tests.analysis.studies import attacks
from tests.tiny import tiny_causal

TEXTS = ["\n\nHuman: Is the mill open?\n\nAssistant: At nine.", "\n\nHuman: And the museum?"]


def test_what_was_read_says_what_it_is() -> None:
    source = SourceInfo(title="<b>.json", name="b")
    found = Analysable(attacks(n=7), source, None, "observational", (), success_threshold=3)
    assert repr(found) == "<b>.json: 14 attacks on 2 arms; results() analyses them"
    assert found._repr_html_().startswith("<p>&lt;b&gt;.json: 14 attacks")


def test_a_model_makes_vectors_once(tmp_path: Path) -> None:
    model = tiny_causal(tmp_path / "model")
    frame, cache = pl.DataFrame({"transcript": TEXTS}), tmp_path / "cache"
    made = vectors_of(frame, model, cache=cache)
    direct = embed(load_causal(model), [parse(text).messages for text in TEXTS]).vectors
    np.testing.assert_array_equal(made, direct)
    (kept,) = cache.iterdir()
    np.save(kept, made + 1)
    np.testing.assert_array_equal(vectors_of(frame, model, cache=cache), made + 1)
    other = vectors_of(frame.reverse(), model, cache=cache)
    np.testing.assert_allclose(other, made[::-1], atol=1e-5)
    assert len(list(cache.iterdir())) == 2


def test_vectors_are_read_from_a_file(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.eye(2))
    frame = pl.DataFrame({"transcript": TEXTS})
    found = vectors_of(frame, tmp_path / "v.npy", cache=tmp_path)
    np.testing.assert_array_equal(found, np.eye(2))
    with pytest.raises(PersonError, match=r"safetensors"):
        vectors_of(frame, tmp_path, cache=tmp_path)
