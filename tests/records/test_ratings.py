"""Ratings in long form: what is taken, what counts twice, and every fault with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gadfly.errors import FileProblem
from gadfly.records.ratings import Criterion, criteria_of, read_ratings
from gadfly.records.review_ratings import AUTHOR, review_ratings
from tests.reviews import review

HEAD = "item,rater,criterion,value\n"


def read(folder: Path, text: str | bytes, name: str = "ratings.csv") -> tuple[Criterion, ...]:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_ratings(path).criteria


def fault(folder: Path, text: str | bytes) -> str:
    with pytest.raises(FileProblem) as caught:
        read(folder, text)
    return str(caught.value)


def test_a_table_for_each_criterion(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text(
        "rater,note,value,criterion,item\n"
        "b,x,3,harm,i2\na,x,1,harm,i1\nb,,-2.5,harm,i1\n\na,x,yes,refused,i1\nb,x,no,refused,i1\n"
        "a,x,,refused,i2\n"
    )
    file = read_ratings(path)
    assert (file.rows, file.ignored, file.name) == (6, ("note",), "r.csv")
    harm, refused = file.criteria
    assert (harm.name, harm.items, harm.raters, harm.labels) == (
        "harm",
        ("i1", "i2"),
        ("a", "b"),
        None,
    )
    np.testing.assert_array_equal(harm.ratings, [[1, -2.5], [np.nan, 3]])
    assert (refused.labels, refused.missing) == (("no", "yes"), 1)
    np.testing.assert_array_equal(refused.ratings, [[1, 0]])


def test_the_first_rating_counts_and_repeats_are_counted(tmp_path: Path) -> None:
    lines = "i,a,harm,2\ni,b,harm,1\ni,a,harm,2.0\ni,a,harm,4\ni,b,other,3\n"
    harm, other = read(tmp_path, HEAD + lines)
    np.testing.assert_array_equal(harm.ratings, [[2, 1]])
    assert (harm.repeats, harm.changed, other.repeats) == (2, 1, 0)


@pytest.mark.parametrize("sign", [";", "\t"])
def test_other_separators_and_a_byte_order_mark(tmp_path: Path, sign: str) -> None:
    text = (HEAD + 'i,a,"ha\nrm",2\r\n').replace(",", sign)
    (found,) = read(tmp_path, b"\xef\xbb\xbf" + text.encode())
    assert (found.name, found.ratings.tolist()) == ("ha\nrm", [[2.0]])


def test_parquet_says_the_same_as_csv(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "item": [1, 1, 2, 2],
            "rater": ["a", "b", "a", "b"],
            "criterion": ["harm"] * 4,
            "value": [0.0, 3.0, None, float("nan")],
        }
    )
    frame.write_parquet(tmp_path / "r")
    (found,) = read_ratings(tmp_path / "r").criteria
    (same,) = read(tmp_path, HEAD + "1,a,harm,0\n1,b,harm,3\n2,a,harm,\n2,b,harm,\n")
    np.testing.assert_array_equal(found.ratings, same.ratings)
    assert (found.items, found.missing) == (("1",), 2) == (same.items, same.missing)
    frame.with_columns(value=pl.Series([0.0, 3.0, 1.0, float("inf")])).write_parquet(tmp_path / "r")
    assert "row 4, column value: got 'inf'; allowed: a number from" in fault(
        tmp_path, (tmp_path / "r").read_bytes()
    )
    flags = frame.with_columns(value=pl.Series([True, False, True, None]))
    flags.write_parquet(tmp_path / "r")
    flagged = read_ratings(tmp_path / "r").criteria[0].ratings
    np.testing.assert_array_equal(flagged, [[1, 0], [1, np.nan]])


def test_every_fault_is_told_with_line_column_got_and_allowed(tmp_path: Path) -> None:
    lines = "i,a,harm,2\n,a,harm,1\ni,,harm,1\ni,c,harm,very\ni,d,,1\n"
    said = fault(tmp_path, HEAD + lines)
    assert "4 faults" in said
    for place in (
        "line 3, column item: got nothing; allowed: a name",
        "line 4, column rater: got nothing",
        "line 6, column criterion: got nothing",
        "line 5, column value, criterion 'harm': got 'very'; allowed: a number",
    ):
        assert place in said
    words = fault(tmp_path, HEAD + "i,a,kind,yes\nj,a,kind,no\nk,a,kind,3\n")
    assert "line 4" in words
    assert "got '3'; allowed: no number, as its other values are 2 words" in words


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("item,rater,value\ni,a,2\n", "has no column criterion"),
        ("item,item,rater,criterion,value\n", "has 2 times the column item"),
        (HEAD, "holds no rating: there is nothing"),
        (HEAD + "i,a,harm,\nj,a,harm,\n", "holds no rating: every value is empty"),
        (HEAD + "i,a,harm\ni,a,harm,2,9\n", "line 2: got 3 cells; allowed: 4"),
        (HEAD + 'i,a,harm,"2\n', "line 2: cannot be read as CSV"),
        (HEAD.encode() + b"i,a,h\xff,2\n", "line 2: is not text in UTF-8"),
        (b"PAR1 no more", "is damaged Parquet"),
        ("", "is empty"),
        (
            HEAD + "i,a,harm,1\ni,b,harm,-1e308\n",
            "line 3, column value: got '-1e308'; allowed: a nu",
        ),
        (
            HEAD.replace(",", ";") + "i;a;harm;2,5\ni;b;harm;-1,0\nj;a;harm;3\nj;b;tag;word\n",
            "1 fault\n  - line 2, column value, criterion 'harm': got '2,5'; allowed: a point, as "
            "in 2.5; 2 of its values have a decimal comma",
        ),
        (HEAD + "i,a,harm,nan\ni,b,harm,2\ni,c,harm,3\n", "got 'nan'; allowed: a number"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, text: str | bytes, says: str) -> None:
    assert says in fault(tmp_path, text)


def test_words_with_commas_are_words(tmp_path: Path) -> None:
    (found,) = read(tmp_path, HEAD + 'i,a,kind,"1,2"\nj,a,kind,"one, two"\n')
    assert found.labels == ("1,2", "one, two")


def test_many_faults_are_cut_and_counted(tmp_path: Path) -> None:
    said = fault(tmp_path, HEAD + ",a,harm,2\n" * 300)
    assert "300 faults" in said
    assert "and 280 more" in said
    assert len(said) < 3000


def test_a_parquet_column_of_lists_is_refused(tmp_path: Path) -> None:
    row: dict[str, list[Any]] = {"item": ["i"], "rater": ["a"], "criterion": ["h"], "value": [[1]]}
    pl.DataFrame(row).write_parquet(tmp_path / "r")
    with pytest.raises(FileProblem, match="column value: got List"):
        read_ratings(tmp_path / "r")


def test_parquet_whose_reader_panics_is_damaged(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "r").write_bytes(b"PAR1 and so on")

    def panic(*_: object) -> None:
        raise pl.exceptions.PanicException("range end index 316965 out of range")

    monkeypatch.setattr(pl, "read_parquet", panic)
    with pytest.raises(FileProblem, match="damaged Parquet"):
        read_ratings(tmp_path / "r")


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(cells, cells, cells, cells), max_size=8))
def test_any_text_is_read_or_told(tmp_path_factory: Any, rows: list[tuple[str, ...]]) -> None:
    path = tmp_path_factory.mktemp("r") / "r.csv"
    frame = pl.DataFrame(rows, schema=HEAD.strip().split(","), orient="row")
    frame.write_csv(path, quote_style="always")
    try:
        file = read_ratings(path)
    except FileProblem as problem:
        assert str(problem)
        return
    for criterion in file.criteria:
        rated = int(np.isfinite(criterion.ratings).sum())
        lines = [row for row in rows if row[2].strip() == criterion.name and row[3].strip()]
        assert rated + criterion.repeats == len(lines)


def test_the_order_of_lines_changes_nothing_but_repeats() -> None:
    rng = np.random.default_rng(0)
    rows = [(f"i{i}", f"r{r}", "harm", str(rng.integers(5))) for i in range(9) for r in range(3)]
    schema = HEAD.strip().split(",")
    (one,) = criteria_of(pl.DataFrame(rows, schema=schema, orient="row"))
    shuffled = [rows[i] for i in rng.permutation(len(rows))]
    (other,) = criteria_of(pl.DataFrame(shuffled, schema=schema, orient="row"))
    np.testing.assert_array_equal(one.ratings, other.ratings)
    assert (one.items, one.raters) == (other.items, other.raters)


def test_reviews_become_ratings() -> None:
    reviews = [
        review(1, "r1", 4, "Theft"),
        review(1, "r2", 2),
        review(2, "r1", 0, "Other", taxonomy="old@1"),
        review(2, "r2", 4, kind="gold"),
        review(2, "r3", 1, verdict=None),
    ]
    frame = review_ratings(reviews, own={1: 3.0, 9: 4.0}, threshold=3, taxonomy="ours@1")
    found = {c.name: c for c in criteria_of(frame)}
    assert list(found) == [
        "success",
        "success of 3 or more",
        "success, the attacker's rating too",
        "success of 3 or more, the attacker's rating too",
        "harm of intent",
        "tag Theft",
    ]
    np.testing.assert_array_equal(found["success"].ratings, [[4, 2], [0, np.nan]])
    beside = found["success of 3 or more, the attacker's rating too"]
    assert beside.raters == ("r1", "r2", AUTHOR)
    np.testing.assert_array_equal(beside.ratings, [[1, 0, 1], [0, np.nan, np.nan]])
    np.testing.assert_array_equal(found["tag Theft"].ratings, [[1, 0]])
