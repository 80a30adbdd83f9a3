"""Files that cannot be read: one message with file, record, field, value and what is allowed."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gadfly.errors import FileProblem, GadflyError, PersonError, RecordProblem
from gadfly.records.reading import read_attack_frame, read_attacks, read_pairs
from tests.command import gadfly

from . import strategies
from .strategies import ROW

GOOD = json.dumps(ROW)
SCORE = "a number from -1000000 to 1000000, or null (not scored)"
TAGS = "a list of texts, none empty, or null (not reviewed)"
TURNS = 'a text with at least one turn: "Human:" or "Assistant:" after an empty line'
RATING = "a whole number from 0 to 4, or null (not given)"


def _with(field: str, raw: str) -> str:
    """A record whose field holds raw JSON, or what is not JSON."""
    return json.dumps(ROW | {field: "HERE"}).replace('"HERE"', raw)


def _without(field: str) -> str:
    return json.dumps({key: value for key, value in ROW.items() if key != field})


SCORED = "min_harmlessness_score_transcript"
SPELT = "task_descripton_harmlessness_score"
RECORDS = {
    "rating 7": (_with("rating", "7"), "rating", "7", RATING),
    "rating 2.5": (_with("rating", "2.5"), "rating", "2.5", RATING),
    "rating true": (_with("rating", "true"), "rating", "True", RATING),
    "rating text": (_with("rating", '"3"'), "rating", "'3'", RATING),
    "NaN": (_with(SCORED, "NaN"), SCORED, "nan", SCORE),
    "Infinity": (_with(SPELT, "-Infinity"), SPELT, "-inf", SCORE),
    "1e308": (_with(SCORED, "1e308"), SCORED, "1e+308", SCORE),
    "1e999": (_with(SCORED, "1e999"), SCORED, "inf", SCORE),
    "huge whole score": (_with(SCORED, "9007199254740993"), SCORED, "9007199254740993", SCORE),
    "score text": (_with(SCORED, '"-1"'), SCORED, "'-1'", SCORE),
    "huge id": (
        _with("red_team_member_id", "9" * 30),
        "red_team_member_id",
        "1e+30",
        "a whole number or a text",
    ),
    "id 1.5": (
        _with("red_team_member_id", "1.5"),
        "red_team_member_id",
        "1.5",
        "a whole number or a text",
    ),
    "tags as text": (_with("tags", '"Other"'), "tags", "'Other'", TAGS),
    "an empty tag": (_with("tags", '["Other", ""]'), "tags", 'a list of 2 \'["Other",""]\'', TAGS),
    "deep tags": (_with("tags", "[" * 900 + "]" * 900), "tags", "a deeply nested list", TAGS),
    "missing key": (_without("is_upworker"), "is_upworker", "nothing, the key is missing", ""),
    "missing score": (_without(SPELT), SPELT, "nothing, the key is missing", SCORE),
    "upworker 1": (_with("is_upworker", "1"), "is_upworker", "1", "true or false"),
    "no turns": (_with("transcript", '"hello"'), "transcript", "'hello'", TURNS),
    "transcript null": (_with("transcript", "null"), "transcript", "None", TURNS),
    "terminal codes": (
        _with("transcript", '"\\u001b[2J\\u202e"'),
        "transcript",
        "'\\x1b[2J\\u202e'",
        TURNS,
    ),
    "model type empty": (_with("model_type", '""'), "model_type", "''", ""),
    "lone surrogate": (_with("model_type", '"\\ud83d"'), "model_type", "'\\ud83d'", ""),
    "a number": ("12", "record", "12", "a JSON object with the ten published fields"),
    "a list": ("[1]", "record", "a list of 1 '[1]'", "a JSON object"),
    "broken JSON": (GOOD[:-1] + ",,}", "record", "", "one valid JSON value ("),
    "surrogate elsewhere": (GOOD[:-1] + ',"x":"\\ud83d"}', "record", "", "surrogate"),
    "NaN elsewhere": (GOOD[:-1] + ',"x":NaN}', "record", "", "one valid JSON value ("),
    "very deep": ("[" * 100_000 + "]" * 100_000, "record", "'[[[[", "depth limit exceeded"),
}


@pytest.mark.parametrize("layout", ["array", "lines"])
@pytest.mark.parametrize("name", RECORDS)
def test_the_first_bad_record_is_named(tmp_path: Path, name: str, layout: str) -> None:
    bad, field, got, allowed = RECORDS[name]
    records = [GOOD] * 16 + [bad, GOOD, _with("rating", "9"), "{{"]
    path = tmp_path / "attacks"
    path.write_text("[" + ",\n".join(records) + "]" if layout == "array" else "\n".join(records))
    if layout == "array":  # unbalanced brackets end an array; here they would hide the record
        path.write_text("[" + ",\n".join(records[:-1]) + "]")
    for read in (read_attacks, read_attack_frame):
        with pytest.raises(RecordProblem) as caught:
            read(path)
        message = str(caught.value)
        assert message.startswith(f"{path}: record 17, field {field}: got {got}")
        assert allowed in message.split("; allowed: ")[1]
        assert message.isprintable()
        assert len(message) < len(str(path)) + 300
    lenient = read_attack_frame(path, lenient=True)
    assert lenient.frame.height == len(read_attacks(path, lenient=True).attacks) == 17
    skipped = [17, 19] if layout == "array" else [17, 19, 20]
    assert [problem.record for problem in lenient.skipped] == skipped
    assert str(lenient.skipped[0]) == message


def _gz(text: str) -> bytes:
    return gzip.compress(text.encode())


ARRAY = f"[{GOOD},{GOOD}]"
FILES = {
    "empty": (b"", "is empty (0 bytes)"),
    "blank": (b" \n ", "is empty: nothing but white space in it"),
    "empty gzip": (_gz(""), "is empty: nothing but white space in it"),
    "empty array": (b"[ ]", "holds no records: its JSON array is empty"),
    "a number": (b"42", "is of no known format: it starts with '42'; allowed: a JSON array"),
    "a text": (b'"[1]"', "is of no known format: it starts with '\"[1]\"'; allowed: "),
    "CSV": (b"a,b\n1,2", "is of no known format: it starts with 'a,b\\n1,2'; allowed: "),
    "UTF-16": (ARRAY.encode("utf-16"), "is of no known format: it starts with '\\\\xff\\\\xfe"),
    "cut gzip": (_gz(ARRAY)[:-9], "its gzip data are cut after "),
    "cut gzip lines": (_gz(f"{GOOD}\n" * 9)[:-30], "its gzip data are cut after "),
    "gzip header alone": (b"\x1f\x8b", "its gzip data are cut after 2 bytes; fetch the file again"),
    "damaged gzip": (_gz(ARRAY)[:-8] + b"\0" * 8, "its gzip data are damaged ("),
    "gzip and more": (_gz(ARRAY) + b"more", "its gzip data are followed by something else ("),
    "cut array": (ARRAY[:-1].encode(), "its JSON array has no end: it breaks off in record 2"),
    "cut text": (ARRAY[:-9].encode(), "its JSON array has no end: it breaks off in record 2"),
    "only brackets": (b"[" * 100_000, "its JSON array has no end: it breaks off in record 1"),
    "array and more": (
        f"{ARRAY} x\x1b".encode(),
        "goes on after the end of its JSON array: got 'x",
    ),
    "two arrays": ((ARRAY + ARRAY).encode(), "goes on after the end of its JSON array: got '[{"),
    "not Parquet": (b"PAR1 and no more", "is damaged Parquet ("),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_none(tmp_path: Path, name: str) -> None:
    data, told = FILES[name]
    path = tmp_path / "attacks"
    path.write_bytes(data)
    for read in (read_attacks, read_attack_frame, read_pairs):
        with pytest.raises(FileProblem) as caught:
            read(path)
        message = str(caught.value)
        assert message.startswith(f"{path}: {told}")
        assert message.isprintable()
    if name != "cut gzip lines":
        with pytest.raises(FileProblem):
            read_attack_frame(path, lenient=True)


def test_a_trailing_comma_is_a_record_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "attacks"
    path.write_text(f"[{GOOD},{GOOD},]")
    with pytest.raises(RecordProblem, match=r"record 3, field record: got '\]?'; allowed: one"):
        read_attacks(path)
    assert len(read_attacks(path, lenient=True).attacks) == 2


def test_bytes_that_are_no_utf8_are_named(tmp_path: Path) -> None:
    path = tmp_path / "attacks"
    bad = GOOD.encode().replace(b"tomatoes", b"t\xffmatoes")
    path.write_bytes(b"[" + GOOD.encode() + b"," + bad + b"]")
    told = r"record 2, field task_description: got 'asked about t\\udcffmatoes'; allowed: a text"
    with pytest.raises(RecordProblem, match=told):
        read_attacks(path)


def test_there_must_be_a_file(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match="there is no such file"):
        read_attacks(tmp_path / "none")
    with pytest.raises(FileProblem, match="is a folder; give a file in it"):
        read_attacks(tmp_path)
    with pytest.raises(FileProblem, match="is not the name of a file"):
        read_attacks("a\0b")


def test_a_file_without_a_sound_record_is_a_problem_even_leniently(tmp_path: Path) -> None:
    path = tmp_path / "attacks"
    path.write_text("\n".join([_with("rating", "7"), "{"]))
    told = "none of its 2 records can be used; the first: field rating: got 7"
    with pytest.raises(FileProblem, match=told):
        read_attack_frame(path, lenient=True)


def test_the_wrong_kind_of_file_is_said(tmp_path: Path) -> None:
    path = tmp_path / "p"
    path.write_text(json.dumps({"chosen": "a", "rejected": "b"}))
    for read in (read_attacks, read_attack_frame):
        with pytest.raises(FileProblem, match="holds preference pairs; allowed: a file of attacks"):
            read(path)


@pytest.mark.timeout(60)
def test_a_text_without_end_costs_no_time(tmp_path: Path) -> None:
    """Each escaped quote could be taken for the start of a text that is looked for to the end."""
    path = tmp_path / "attacks"
    path.write_text('["' + '\\"' * 300_000)
    with pytest.raises(FileProblem, match="its JSON array has no end"):
        read_attacks(path)


_PIECES = [b"[", b"]", b"{", b"}", b",", b"\n", b'"', b"\\", b"\xff", b"PAR1", b"\x1f\x8b\x08"]
_STARTS = [b'{"rating":', b'"transcript":', b'{"record":"attack"', b'{"chosen":"a"', b"NaN"]
_PARTS = st.sampled_from([*_PIECES, *_STARTS, GOOD.encode()])


@given(st.lists(_PARTS, max_size=8).map(b"".join), st.booleans(), st.booleans())
def test_any_bytes_end_in_records_or_in_a_message(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, packed: bool, lenient: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(gzip.compress(data) if packed else data)
    outcomes = []
    for read in (read_attacks, read_attack_frame):
        try:
            found = read(path, lenient=lenient)
            outcomes.append([str(problem) for problem in found.skipped])
        except PersonError as error:
            outcomes.append([str(error)])
    assert outcomes[0] == outcomes[1]
    try:
        read_pairs(path, lenient=lenient)
    except GadflyError as error:
        assert isinstance(error, PersonError)


@given(st.lists(strategies.rows | strategies.bad_rows(), min_size=1, max_size=4), st.booleans())
def test_frame_and_attacks_meet_the_same_problems(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Any], lenient: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "rows"
    path.write_bytes(orjson.dumps(rows))
    outcomes = []
    for read in (read_attacks, read_attack_frame):
        try:
            found = read(path, lenient=lenient)
            outcomes.append([str(problem) for problem in found.skipped])
        except PersonError as error:
            outcomes.append([str(error)])
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("name", ["cut gzip", "only brackets", "a number", "empty", "not Parquet"])
def test_a_bad_file_ends_the_command_line_with_one_line(tmp_path: Path, name: str) -> None:
    data, told = FILES[name]
    path = tmp_path / "attacks"
    path.write_bytes(data)
    done = gadfly("convert", path, tmp_path / "out.jsonl")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {path}: {told}")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("name", ["rating 7", "NaN", "terminal codes", "very deep", "missing key"])
def test_a_bad_record_ends_the_command_line_with_one_line(tmp_path: Path, name: str) -> None:
    bad, field, got, _ = RECORDS[name]
    path = tmp_path / "attacks"
    path.write_text("\n".join([GOOD, "", bad]) if name != "very deep" else f"[{GOOD},{bad}]")
    number = 2 if name == "very deep" else 3
    done = gadfly("convert", path, tmp_path / "out.jsonl")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {path}: record {number}, field {field}: got {got}")
    assert done.stderr.count("\n") == 1


def test_the_command_line_converts_and_tells(tmp_path: Path) -> None:
    path = tmp_path / "attacks.json"
    path.write_text(f"[{GOOD},{_with('rating', '7')}]")
    done = gadfly("convert", path, tmp_path / "out.parquet", "--lenient", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["read"], told["written"], told["target_format"]) == (1, 1, "parquet")
    assert told["skipped"] == [{"record": 2, "field": "rating", "got": "7", "allowed": RATING}]
    assert "record 2, field rating: got 7" in done.stderr
    done = gadfly("convert", tmp_path / "out.parquet", tmp_path / "again", "--to", "released")
    assert done.stdout.endswith("1 attacks read, 1 records written\n")
    assert json.loads((tmp_path / "again").read_text()) == [ROW]
