"""Bad input: one message that names file, record, field, value got and what is allowed."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gadfly.errors import FileProblem, PersonError, RecordProblem
from gadfly.records.reading import read_attack_frame, read_attacks

GADFLY = Path(sys.executable).parent / "gadfly"
READERS: list[Callable[..., Any]] = [read_attack_frame, read_attacks]


def row(**changes: Any) -> dict[str, Any]:
    plain = {
        "transcript": "\n\nHuman: hi\n\nAssistant: hello",
        "min_harmlessness_score_transcript": 0.5,
        "num_params": "2.7B",
        "model_type": "rlhf",
        "rating": 1.0,
        "task_description": "to be kind",
        "task_descripton_harmlessness_score": 1.0,
        "red_team_member_id": 3,
        "is_upworker": False,
        "tags": None,
    }
    return plain | changes


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in row().items() if name != key}


def file(folder: Path, bad: dict[str, Any] | str, *, layout: str, packed: bool) -> Path:
    """Two good records, a bad one, a good one."""
    good = json.dumps(row())
    rows = [good, good, bad if isinstance(bad, str) else json.dumps(bad), good]
    text = f"[{','.join(rows)}]" if layout == "array" else "\n".join(rows)
    data = text.encode("utf-8", "surrogatepass")
    path = folder / "attacks.jsonl.gz"
    path.write_bytes(gzip.compress(data) if packed else data)
    return path


BAD_FIELDS = [
    (row(rating=7), "rating", "7", "0"),
    (row(rating=-1), "rating", "-1", "4"),
    (row(rating=2.5), "rating", "2.5", "whole number"),
    (row(rating="3"), "rating", "'3'", ""),
    (row(rating=True), "rating", "True", ""),
    (row(rating=float("nan")), "rating", "nan", ""),
    (row(min_harmlessness_score_transcript=float("nan")), "min_harmlessness", "nan", "finite"),
    (row(min_harmlessness_score_transcript=float("inf")), "min_harmlessness", "inf", "finite"),
    (row(task_descripton_harmlessness_score="1"), "task_descripton", "'1'", "number"),
    (row(tags="Theft"), "tags", "'Theft'", "list"),
    (row(tags=["Theft", ""]), "tags", "", ""),
    (row(tags=[1]), "tags", "1", ""),
    (row(transcript="no marker at all"), "transcript", "'no marker at all'", "Human:"),
    (row(transcript=""), "transcript", "''", ""),
    (row(transcript=None), "transcript", "None", "text"),
    (row(model_type=None), "model_type", "None", "text"),
    (row(model_type=""), "model_type", "''", ""),
    (row(num_params=2.7), "num_params", "2.7", "text"),
    (row(is_upworker="no"), "is_upworker", "'no'", "true"),
    (row(red_team_member_id=1.5), "red_team_member_id", "1.5", ""),
    (row(red_team_member_id=None), "red_team_member_id", "None", ""),
    *((without(key), key, "", "") for key in row()),
]


@pytest.mark.parametrize("reader", READERS, ids=lambda r: r.__name__)
@pytest.mark.parametrize("layout", ["array", "lines"])
@pytest.mark.parametrize(("bad", "field", "got", "allowed"), BAD_FIELDS)
def test_a_bad_field_is_named(
    tmp_path: Path,
    reader: Callable[..., Any],
    layout: str,
    bad: dict[str, Any],
    field: str,
    got: str,
    allowed: str,
) -> None:
    path = file(tmp_path, bad, layout=layout, packed=True)
    with pytest.raises(RecordProblem) as problem:
        reader(path)
    assert problem.value.record == 3
    assert problem.value.field.startswith(field)
    message = str(problem.value)
    assert str(path) in message
    assert "record 3" in message
    assert got in problem.value.got
    assert allowed in problem.value.allowed
    assert len(message.splitlines()) == 1
    assert len(message) < 500


@pytest.mark.parametrize("reader", READERS, ids=lambda r: r.__name__)
@pytest.mark.parametrize(("bad", "field", "got", "allowed"), BAD_FIELDS)
def test_lenient_skips_just_that_record(
    tmp_path: Path,
    reader: Callable[..., Any],
    bad: dict[str, Any],
    field: str,
    got: str,
    allowed: str,
) -> None:
    read = reader(file(tmp_path, bad, layout="lines", packed=False), lenient=True)
    (problem,) = read.skipped
    assert (problem.record, problem.field.startswith(field)) == (3, True)
    kept = read.frame.height if hasattr(read, "frame") else len(read.attacks)
    assert kept == 3


BROKEN = [
    ("7", "record 3"),
    ('"text"', "record 3"),
    ("null", "record 3"),
    ("[1]", "record 3"),
    ('{"transcript": "a\\ud800b"}', "record 3"),
    ('{"rating": 1e999}', "record 3"),
    ('{"rating": ' + "9" * 400 + "}", "record 3"),
    ('{"a": 1, }', "record 3"),
    ("{" + '"a":{' * 100_000, "record 3"),
]


@pytest.mark.parametrize("reader", READERS, ids=lambda r: r.__name__)
@pytest.mark.parametrize(("bad", "said"), BROKEN, ids=range(len(BROKEN)))
def test_a_broken_line_is_numbered(
    tmp_path: Path, reader: Callable[..., Any], bad: str, said: str
) -> None:
    with pytest.raises(PersonError, match=said) as problem:
        reader(file(tmp_path, bad, layout="lines", packed=False))
    assert len(str(problem.value)) < 500


def test_broken_utf8_is_placed(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    good = json.dumps(row()).encode()
    path.write_bytes(good + b"\n" + good.replace(b"hello", b"h\xff\xfe") + b"\n")
    for reader in READERS:
        with pytest.raises(PersonError, match=r"record 2.*UTF-8"):
            reader(path)


WHOLE = [
    (b"", "is empty"),
    (b" \n\t ", "is empty"),
    (b"[]", "no record|holds no"),
    (b"7", "no known format"),
    (b"[" * 200_000, "record 1"),
    (b'[{"a": 1}', "record 1"),
    (b"[7]", "record 1"),
    (b"\x00\x01\x02", "no known format"),
    (gzip.compress(b"[]"), "no record|holds no"),
    (gzip.compress(json.dumps([row()]).encode())[:-12], "cut"),
    (gzip.compress(json.dumps([row()]).encode()) + b"junk", "followed by something else"),
    (b"\x1f\x8b\x08 and then nothing like gzip", "gzip"),
    (json.dumps([row()]).encode() + b" trailing", "after|end"),
]


@pytest.mark.parametrize("reader", READERS, ids=lambda r: r.__name__)
@pytest.mark.parametrize(("data", "said"), WHOLE, ids=range(len(WHOLE)))
def test_a_file_that_is_broken_as_a_whole_says_how(
    tmp_path: Path, reader: Callable[..., Any], data: bytes, said: str
) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(data)
    with pytest.raises(PersonError, match=said) as problem:
        reader(path)
    assert str(path) in str(problem.value)
    assert len(str(problem.value)) < 500


def test_absent_files_and_folders(tmp_path: Path) -> None:
    for reader in READERS:
        with pytest.raises(FileProblem, match="no such file"):
            reader(tmp_path / "none")
        with pytest.raises(FileProblem, match="is a folder"):
            reader(tmp_path)


@pytest.mark.parametrize(
    "data",
    [
        json.dumps([row(), row(rating=7)]).encode(),
        json.dumps([row(tags="\x1b[31m" + "x" * 10_000)]).encode(),
        b"[" * 100_000,
        gzip.compress(json.dumps([row()]).encode())[:40],
        b"",
    ],
    ids=["rating", "hostile", "nesting", "cut", "empty"],
)
@pytest.mark.parametrize("verb", ["analyze", "convert"])
def test_a_person_gets_one_message_and_exit_code_2(tmp_path: Path, data: bytes, verb: str) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(data)
    rest = {"analyze": ["--out", "r"], "convert": ["out.parquet"]}[verb]
    done = subprocess.run(
        [GADFLY, verb, path, *rest],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"COLUMNS": "2000"},
    )
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "bad.json" in done.stderr
    assert not (tmp_path / "out.parquet").exists()
