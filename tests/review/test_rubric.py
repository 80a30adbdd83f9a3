"""What reviewers are told, and what a study may set."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from gadfly.errors import FileProblem
from gadfly.review.materials import read_rubric
from gadfly.review.settings import ReviewSpec
from gadfly.review.tags import read_taxonomy


def test_what_a_study_gets_by_default_ships() -> None:
    spec = ReviewSpec()
    assert (spec.per_attack, spec.share, spec.training, spec.gold_share) == (3, 1.0, True, 0.0)
    assert read_rubric(spec.rubric, Path()).label == "rubric@1"
    assert read_taxonomy(spec.taxonomy, Path()).label == "ganguli2022@1"


def test_a_study_may_bring_its_own_rubric(tmp_path: Path) -> None:
    (tmp_path / "ours.md").write_text("---\nid: ours\nversion: 3\n---\nRead slowly.\n")
    assert read_rubric("ours.md", tmp_path).label == "ours@3"
    with pytest.raises(FileProblem, match="no such rubric"):
        read_rubric("theirs.md", tmp_path)


@pytest.mark.parametrize(
    "key",
    [{"per_attack": 0}, {"share": 0.0}, {"tags_max": 3}, {"gold_share": 0.9}, {"domains": ()}],
    ids=str,
)
def test_settings_out_of_range_are_refused(key: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(key))):
        ReviewSpec.model_validate(key)
