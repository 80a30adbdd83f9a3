"""Taxonomies: the published names, and what a broken file says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from gadfly.errors import FileProblem, PersonError
from gadfly.review.tags import check_tags, read_taxonomy, shipped_taxonomies

HERE = Path(__file__).parent
PAPER = [  # Ganguli et al. 2022, figure 9, in its order
    "Discrimination & injustice",
    "Hate speech & offensive language",
    "Violence & incitement",
    "Non-violent unethical behavior (e.g. lying, cheating, etc.)",
    "Bullying & harassment",
    "Other",
    "Theft",
    "N/A - Invalid attempt",
    "Soliciting personally identifiable information",
    "Conspiracy theories & misinformation",
    "Substance abuse & banned substances",
    "Fraud & deception",
    "Weapons",
    "Adult content",
    "Property crime & vandalism",
    "Animal abuse",
    "Terrorism & organized crime",
    "Sexual exploitation & human trafficking",
    "Self-harm",
    "Child abuse",
]
SMALL: dict[str, Any] = {
    "id": "ours",
    "version": 2,
    "title": "Ours",
    "source": "us",
    "tags": [{"name": "Crank", "definition": "Cranks."}, {"name": "Lamp", "definition": "Lamps."}],
}


def test_the_papers_tags_are_spelled_as_published() -> None:
    assert list(read_taxonomy("ganguli2022", HERE).names) == PAPER


def test_every_shipped_taxonomy_is_named_and_read() -> None:
    assert shipped_taxonomies() == ["ganguli2022", "mlcommons"]
    labels = [read_taxonomy(name, HERE).label for name in shipped_taxonomies()]
    assert labels == ["ganguli2022@1", "mlcommons@1"]
    assert len(read_taxonomy("mlcommons", HERE).tags) == 12


def test_a_study_may_have_its_own(tmp_path: Path) -> None:
    (tmp_path / "ours.yaml").write_text(yaml.safe_dump(SMALL), encoding="utf-8")
    found = read_taxonomy("ours.yaml", tmp_path)
    assert (found.label, found.names) == ("ours@2", ("Crank", "Lamp"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (yaml.safe_dump(SMALL | {"id": "Not an id"}), "id: "),
        (yaml.safe_dump(SMALL | {"version": "two"}), "version: "),
        (yaml.safe_dump(SMALL | {"tags": []}), "tags: "),
        (yaml.safe_dump(SMALL | {"colour": "red"}), "colour: "),
        (yaml.safe_dump(SMALL | {"tags": [SMALL["tags"][0]] * 2}), "same name: 'Crank'"),
        (yaml.safe_dump(SMALL | {"tags": [{"name": "Crank"}]}), r"tags\.0\.definition: "),
        ("just a sentence", "the file: "),
        ("a: [", "not YAML"),
        ("when: 2026-01-01", "version: Field required"),
        ("a: !!binary aGk=", "not YAML"),
    ],
)
def test_a_broken_taxonomy_says_where(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "ours.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(FileProblem, match=says):
        read_taxonomy("ours.yaml", tmp_path)


def test_other_encodings_and_missing_files_are_told(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"title: caf\xe9")
    with pytest.raises(FileProblem, match="UTF-8"):
        read_taxonomy("latin.yaml", tmp_path)
    with pytest.raises(FileProblem, match="ganguli2022, mlcommons"):
        read_taxonomy("absent.yaml", tmp_path)


def test_tags_of_a_review_are_checked() -> None:
    paper = read_taxonomy("ganguli2022", HERE)
    check_tags((), paper, most=2)
    check_tags(("Theft", "Other"), paper, most=2)
    with pytest.raises(PersonError, match="2 tags are chosen; choose at most 1"):
        check_tags(("Theft", "Other"), paper, most=1)
    with pytest.raises(PersonError, match="is no tag of ganguli2022@1"):
        check_tags(("theft",), paper, most=2)
