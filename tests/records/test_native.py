"""Our own files: JSON lines and Parquet lose nothing, and their columns say what records say."""

from __future__ import annotations

import gzip
import json
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gadfly.errors import FileProblem, RecordProblem
from gadfly.records.canonical import canonical_json
from gadfly.records.frame import ATTACK_COLUMNS, attack_frame
from gadfly.records.reading import read_attack_frame, read_attacks, read_pairs
from gadfly.records.values import Arm, Attack, Attacker, PreferencePair, Scores, SelfRating
from gadfly.records.writing import write_attacks, write_pairs

from . import strategies

SCORE = "a number from -1000000 to 1000000, or null"
OTHER = {"scorer": "s", "version": "1"}
NAMES = ["a.jsonl", "a.jsonl.gz", "a.parquet"]


def _attack(**changes: Any) -> Attack:
    fields: dict[str, Any] = {
        "arm": Arm(model_type="rlhf", num_params="52B"),
        "attacker": Attacker(kind="simulated", team_type="crowd", member=1),
        "task_description": "asked about kites",
        "turns": (),
        "rating": SelfRating(success=2),
        "scores": (Scores(scorer="s", version="1", lineage=None, minimum=-0.5),),
    }
    return Attack(**fields | changes)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40)
@given(attacks=st.lists(strategies.attacks(), min_size=1, max_size=3))
def test_attacks_come_back(name: str, attacks: list[Attack]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        written = write_attacks(path, attacks)
        assert (written.records, written.left_behind) == (len(attacks), {})
        read = read_attacks(path)
        assert list(read.attacks) == attacks
        assert [*map(canonical_json, read.attacks)] == [*map(canonical_json, attacks)]
        for text in (False, True):
            frame = read_attack_frame(path, text=text).frame
            assert frame.equals(attack_frame(attacks, text=text))


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40)
@given(pairs=st.lists(strategies.pairs, min_size=1, max_size=3))
def test_pairs_come_back(name: str, pairs: list[PreferencePair]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write_pairs(path, pairs)
        read = read_pairs(path)
        assert list(read.pairs) == pairs
        assert read.dropped == {}


@pytest.mark.parametrize("name", [*NAMES, "a.json.gz"])
def test_the_same_records_give_the_same_bytes(tmp_path: Path, name: str) -> None:
    attacks = [_attack(transcript="\n\nHuman: hi", task_description=str(n)) for n in range(5)]
    written = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / name
        write_attacks(path, attacks)
        written.append(path.read_bytes())
        assert [p.name for p in path.parent.iterdir()] == [name]  # nothing is left beside it
    assert written[0] == written[1]
    assert written[0].startswith(b"\x1f\x8b") == name.endswith(".gz")
    if name.endswith(".gz"):
        assert written[0][3:8] == b"\0" * 5  # no name in it, no time


def test_a_line_is_the_canonical_json(tmp_path: Path) -> None:
    write_attacks(tmp_path / "a.jsonl", [_attack()])
    assert (tmp_path / "a.jsonl").read_bytes() == canonical_json(_attack()) + b"\n"


def test_a_failed_writing_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write_attacks(path, [_attack()])
    before = path.read_bytes()
    too_large = _attack(attacker=Attacker(kind="human", team_type="crowd", member=2**70))
    with pytest.raises(FileProblem, match="record 2 cannot be written: Integer exceeds 64-bit"):
        write_attacks(path, [_attack(), too_large])
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.jsonl"]


def test_nothing_is_written_for_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match="not written: there are no attacks to write"):
        write_attacks(tmp_path / "a.jsonl", [])
    assert list(tmp_path.iterdir()) == []


def test_members_of_no_platform_are_no_mturk_workers() -> None:
    assert attack_frame([_attack()])["is_upworker"].to_list() == [None]


def _edited(path: Path, **columns: pl.Expr) -> None:
    write_attacks(path, [_attack(), _attack(tags=("a",))])
    pl.read_parquet(path).with_columns(**columns).write_parquet(path)


def test_a_column_that_says_other_than_its_record_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    _edited(path, min_harmlessness=pl.Series([-0.5, 3.0]))
    with pytest.raises(RecordProblem, match="record 2, field min_harmlessness: got another value"):
        read_attacks(path)


@pytest.mark.parametrize(
    ("column", "values", "allowed"),
    [
        ("rating", [2.0, 2.5], "a whole number from 0 to 4, or null"),
        ("min_harmlessness", [0.0, float("nan")], SCORE),
        ("min_harmlessness", [0.0, 1e308], SCORE),
        ("task_description_harmlessness", [-1e6, -1e7], SCORE),
        ("turn_scores", [[1e6], [0.0, -1e308]], "numbers from -1000000 to 1000000, or null"),
        (
            "other_scores",
            [None, [OTHER | {"minimum": 1e308}]],
            "scores from -1000000 to 1000000, or null",
        ),
        ("turns", [0, -1], "a number of turns"),
        ("tags", [[], [""]], "a list of texts, none empty, or null"),
        ("outcome", ["scored", "unrated"], "what ending, rating and min_harmlessness make of it"),
        ("team_type", ["crowd", "x"], "crowd, in_house, expert, ai_assisted"),
        ("model_type", ["a", None], "a text, not empty"),
    ],
)
def test_columns_of_parquet_are_checked(
    tmp_path: Path, column: str, values: list[Any], allowed: str
) -> None:
    path = tmp_path / "a.parquet"
    _edited(path, **{column: pl.Series(values, dtype=ATTACK_COLUMNS[column])})
    with pytest.raises(RecordProblem) as caught:
        read_attack_frame(path)
    assert (caught.value.record, caught.value.field) == (2, column)
    assert caught.value.allowed == allowed
    lenient = read_attack_frame(path, lenient=True)
    assert (lenient.frame.height, len(lenient.skipped)) == (1, 1)


def test_another_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"a": [1]}).write_parquet(path)
    with pytest.raises(FileProblem, match="is Parquet, but not as Gadfly writes it"):
        read_attacks(path)


def test_damaged_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    write_attacks(path, [_attack()])
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(FileProblem, match="is damaged Parquet"):
        read_attacks(path)


def test_a_lenient_reading_names_what_it_left_out(tmp_path: Path) -> None:
    lines = [canonical_json(_attack(number=n + 1)).decode() for n in range(4)]
    lines[1] = lines[1].replace('"success":2', '"success":9')
    lines[2] = lines[2][:50]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(lines))
    with pytest.raises(RecordProblem, match=r"record 2, field rating\.success: got 9"):
        read_attacks(path)
    read = read_attacks(path, lenient=True)
    assert [attack.number for attack in read.attacks] == [1, 4]
    assert [problem.record for problem in read.skipped] == [2, 3]
    assert read_attack_frame(path, lenient=True).frame.equals(attack_frame(read.attacks))


def test_a_cut_file_yields_its_whole_lines_leniently(tmp_path: Path) -> None:
    whole = tmp_path / "a.jsonl.gz"
    write_attacks(whole, [_attack(task_description=f"{n * 7919:x}" * 20) for n in range(300)])
    for part in (0.3, 0.7, 0.99):
        packed = whole.read_bytes()
        cut = tmp_path / "cut.jsonl.gz"
        cut.write_bytes(packed[: int(len(packed) * part)])
        with pytest.raises(FileProblem, match="its gzip data are cut after"):
            read_attacks(cut)
        read = read_attacks(cut, lenient=True)
        assert 0 < len(read.attacks) < 300
        assert read.attacks == read_attacks(whole).attacks[: len(read.attacks)]
        (problem,) = read.skipped
        assert (problem.record, problem.got) == (len(read.attacks) + 1, "the end of a cut file")


def test_a_cut_between_lines_is_told_too(tmp_path: Path) -> None:
    packed = gzip.compress(canonical_json(_attack()) + b"\n")
    path = tmp_path / "cut.gz"
    path.write_bytes(packed[:-4])
    read = read_attacks(path, lenient=True)
    assert [(p.record, p.got) for p in read.skipped] == [(2, "the end of a cut file")]


def test_progress_ends_where_it_should(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    path = tmp_path / "a.jsonl"
    write_attacks(path, [_attack()] * 2500, progress=lambda *now: told.append(now))
    assert told == [(0, 2500), (1000, 2500), (2000, 2500), (2500, 2500)]
    told.clear()
    read_attacks(path, progress=lambda *now: told.append(now))
    assert told == [(0, 2500), (1000, 2500), (2000, 2500), (2500, 2500)]


def test_own_records_in_an_array_are_refused_with_a_hint(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([json.loads(canonical_json(_attack()))]))
    with pytest.raises(FileProblem, match="allowed: one of them per line"):
        read_attacks(path)
