"""Agreement of raters from a file to its report: what each criterion is told, and what is shown."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.coefficients import Coefficients
from gadfly.analysis.report.ratings import analyze_ratings
from gadfly.analysis.report.section import Section
from gadfly.analysis.report.sections.ratings import section
from gadfly.analysis.report.tables import Table
from gadfly.analysis.statistics.krippendorff_alpha import krippendorff_alpha
from gadfly.analysis.topics.ratings import RatingsResult, ratings_of_reviews, ratings_result
from gadfly.cli.main import app
from gadfly.errors import PersonError
from gadfly.records.ratings import RATING_COLUMNS

RATERS = ("anna", "ben", "carl")


def lines(criterion: str, table: object) -> list[tuple[str, str, str, str]]:
    """A table of items and raters in long form, NaN left out."""
    return [
        (f"i{i:03}", RATERS[k], criterion, f"{value:g}")
        for i, row in enumerate(np.asarray(table))
        for k, value in enumerate(row)
        if np.isfinite(value)
    ]


def drawn(accuracy: tuple[float, ...], items: int = 60, values: int = 5, seed: int = 0) -> object:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, values, size=(items, 1))
    sees = rng.random((items, len(accuracy))) < np.array(accuracy)
    return np.where(sees, truth, rng.integers(0, values, size=sees.shape)).astype(float)


def result(rows: list[tuple[str, str, str, str]]) -> RatingsResult:
    frame = pl.DataFrame(rows, schema=dict.fromkeys(RATING_COLUMNS, pl.String()), orient="row")
    return ratings_of_reviews(frame, name="town", resamples=200)


def table(shown: Section, name: str) -> Table:
    (found,) = [part for part in shown.parts if isinstance(part, Table) and part.name == name]
    return found


def reasons(found: Coefficients) -> dict[str, str]:
    return {name: e.reason for name, e in found if e.estimate is None and e.reason}


def test_a_criterion_has_the_coefficients_that_suit_its_values() -> None:
    steps = drawn((0.8, 0.8, 0.8))
    holes = np.array(steps)
    holes[0, 0] = np.nan
    words = [(i, k, "kind", "abc"[int(float(v) % 3)]) for i, k, _, v in lines("", steps)]
    flags = [(i, k, "flag", str(int(float(v) > 2))) for i, k, _, v in lines("", steps)]
    found = {
        c.name: c
        for c in result([*lines("harm", steps), *lines("holes", holes), *words, *flags]).criteria
    }
    assert {name: c.scale for name, c in found.items()} == {
        "harm": "ordinal",
        "holes": "ordinal",
        "kind": "nominal",
        "flag": "binary",
    }
    assert reasons(found["harm"].coefficients) == {}
    icc = ["icc_1_1", "icc_2_1", "icc_1_k", "icc_2_k"]
    assert list(reasons(found["holes"].coefficients)) == icc[1:]  # (1,1) asks nobody's every item
    weighted = ["kappa_linear", "kappa_quadratic", "alpha_ordinal", "alpha_interval"]
    weighted += ["ac2_linear", "ac2_quadratic"]
    assert sorted(reasons(found["kind"].coefficients)) == sorted([*weighted, *icc])
    assert sorted(reasons(found["flag"].coefficients)) == sorted(weighted)
    assert found["kind"].values == ("a", "b", "c")
    how = Bootstrap(ci="iid", resamples=200, unit="attack")
    alpha = krippendorff_alpha(np.asarray(steps), scale="ordinal", how=how)
    assert found["harm"].coefficients.alpha_ordinal == alpha


def test_counts_of_a_criterion() -> None:
    table = [[0, 1, np.nan], [2, np.nan, np.nan], [2, 2, 2]]
    again = ("i000", "anna", "harm", "3")
    (found,) = result([*lines("harm", table), again, ("i001", "ben", "harm", None)]).criteria  # type: ignore[list-item]
    assert (found.n_items, found.n_raters, found.n_ratings) == (3, 3, 6)
    assert (found.values, found.counts) == (("0", "1", "2"), (1, 1, 4))
    assert found.items_by_ratings == (0, 1, 1, 1)
    assert (found.missing, found.repeats, found.changed) == (1, 1, 1)


def test_the_rater_who_guesses_is_found() -> None:
    found = result(lines("harm", drawn((0.95, 0.95, 0.3), items=150)))
    (harm,) = found.criteria
    anna, ben, carl = harm.by_rater
    whole = harm.coefficients.alpha_ordinal.estimate
    assert whole is not None
    assert carl.with_others.estimate is not None
    for good in (anna, ben):
        assert good.accuracy is not None
        assert carl.accuracy is not None
        assert good.accuracy > carl.accuracy + 0.3
        assert good.with_others.estimate is not None
        assert good.with_others.estimate > carl.with_others.estimate + 0.1
        assert good.alpha_without.estimate is not None
        assert good.alpha_without.estimate < whole
    assert carl.alpha_without.estimate is not None
    assert carl.alpha_without.estimate > whole + 0.2
    shown = section(found)
    assert table(shown, "ratings-0-raters").rows[0][0].text == "carl"
    assert table(shown, "ratings-0-raters").finding.startswith("Without carl alpha would rise most")


def test_two_raters_have_no_model_and_say_why() -> None:
    (found,) = result(lines("harm", np.asarray(drawn((0.8, 0.8))))).criteria
    assert found.classes is None
    assert found.classes_reason is not None
    assert "needs three raters" in found.classes_reason
    assert [rater.accuracy for rater in found.by_rater] == [None, None]


def test_measurements_and_crowds_are_no_ratings_of_pairs() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(80, 1)) + 0.3 * rng.normal(size=(80, 3))
    (found,) = result(lines("score", scores)).criteria
    assert (found.values, found.by_rater, found.classes) == ((), (), None)
    assert "measurement" in reasons(found.coefficients)["kappa"]
    assert found.coefficients.alpha_interval.estimate == pytest.approx(0.92, abs=0.03)
    assert found.coefficients.icc_2_1.estimate == pytest.approx(0.92, abs=0.03)
    crowd = [
        (f"i{i}", f"r{(i * 3 + j) % 90}", "harm", str((i + j) % 2))
        for i in range(60)
        for j in range(3)
    ]
    (many,) = result(crowd).criteria
    assert "90 raters make too many pairs" in reasons(many.coefficients)["kappa"]
    assert many.coefficients.alpha_nominal.estimate is not None
    assert many.by_rater == ()


def test_a_lone_rater_and_a_lone_value_are_told() -> None:
    alone = [(f"i{i}", "anna", "harm", str(i % 5)) for i in range(40)]
    same = [(f"i{i}", k, "harm", "3") for i in range(40) for k in RATERS]
    for rows, says in ((alone, "no attack has two ratings"), (same, "every rating is the same")):
        found = result(rows)
        assert says in reasons(found.criteria[0].coefficients)["alpha_nominal"]
        assert says in section(found).findings[0]


def test_the_paradox_is_told() -> None:
    rng = np.random.default_rng(1)
    table = (rng.random((200, 3)) < 0.04).astype(float)
    (said,) = section(result(lines("flag", table))).findings
    assert "below what Krippendorff’s convention asks" in said
    assert "One value makes up 96% of ratings" in said


def test_what_the_interval_does_not_settle_is_left_open() -> None:
    rare = np.zeros((100, 3))
    rare[:8, 0] = 1
    (said,) = section(result(lines("flag", rare))).findings
    assert "(0.667), with no interval to say how surely." in said
    for items, left in ((100, True), (4000, False)):
        rng = np.random.default_rng(1)
        truth = rng.integers(0, 5, (items, 1))
        guessed = rng.integers(0, 5, (items, 3))
        steps = np.where(rng.random((items, 3)) < 0.845, truth, guessed).astype(float)
        (said,) = section(result(lines("harm", steps))).findings
        assert "enough for tentative conclusions" in said
        assert ("though the interval leaves that open" in said) == left


def test_the_report_says_how_its_intervals_were_made() -> None:
    rng = np.random.default_rng(0)
    steps, scores = rng.integers(0, 5, (60, 3)).astype(float), rng.normal(size=(60, 3))
    found = section(result([*lines("harm", steps), *lines("score", scores)]))
    said = {part.name: part.method for part in found.parts}
    assert said["ratings-0"] == "Intervals as above."  # items resampled, for the ICC too
    assert said["ratings-1"] == "Intervals as above; of the ICC by F (McGraw and Wong 1996)."


def test_a_file_becomes_a_report(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    rows = [*lines("harm", drawn((0.9, 0.9, 0.9))), ("i000", "anna", "harm", "4")]
    rows += [(f"i{i}", k, "<b>tag</b>", str(i % 2)) for i in range(40) for k in RATERS]
    frame = pl.DataFrame(rows, schema=list(RATING_COLUMNS), orient="row")
    frame.with_columns(note=pl.lit("x")).write_csv(path)
    out = tmp_path / "out"
    done = CliRunner().invoke(
        app, ["analyze", "--ratings", str(path), "--out", str(out), "--resamples", "200"]
    )
    assert done.exit_code == 0, done.output
    assert "harm" in done.output
    page = (out / "report.html").read_text()
    assert "Agreement of raters" in page
    assert "<b>tag" not in page
    assert "1 repeated ratings of “harm” are left out" in page
    assert "Columns of the ratings that were not used: note." in page
    found = json.loads((out / "results.json").read_text())
    assert [c["name"] for c in found["criteria"]] == ["harm", "<b>tag</b>"]
    items = pl.read_csv(out / "items.csv", infer_schema=False)
    assert items.columns == ["criterion", "item", "ratings", "likeliest value", "probability"]
    assert items["criterion"].value_counts().sort("count").rows() == [
        ("<b>tag</b>", 40),
        ("harm", 60),
    ]
    tags = items.filter(criterion="<b>tag</b>")
    assert tags["likeliest value"].to_list() == [str(int(i[1:]) % 2) for i in tags["item"]]
    same = RatingsResult.model_validate_json((out / "results.json").read_bytes(), strict=False)
    assert same == ratings_result(path, resamples=200)
    printed = CliRunner().invoke(
        app, ["analyze", "--ratings", str(path), "--out", str(out), "--resamples", "200", "--json"]
    )
    assert json.loads(printed.stdout) == found


def test_measurements_have_no_classes_in_the_list_of_items_either(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    steps, scores = rng.integers(0, 3, (60, 3)).astype(float), rng.normal(size=(60, 3))
    path = tmp_path / "r.csv"
    rows = [RATING_COLUMNS, *lines("harm", steps), *lines("score", scores)]
    path.write_text("\n".join(",".join(row) for row in rows))
    report = analyze_ratings(path, resamples=100, level=0.95)
    assert pl.read_csv(report.items.encode())["criterion"].unique().to_list() == ["harm"]


def test_nothing_to_analyse_and_a_wrong_level_are_told(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["analyze", "--out", str(tmp_path)])
    assert isinstance(done.exception, PersonError)
    assert "--ratings FILE" in str(done.exception)
    (tmp_path / "r.csv").write_text(",".join(RATING_COLUMNS) + "\ni,a,harm,1\n")
    with pytest.raises(PersonError, match=r"0\.999 from 200 resamples; allowed: at least 5,000"):
        ratings_result(tmp_path / "r.csv", level=0.999, resamples=200)
    with pytest.raises(PersonError, match="level: got 95"):
        ratings_result(tmp_path / "r.csv", level=95)


def test_the_same_ratings_give_the_same_results(tmp_path: Path) -> None:
    rows = lines("harm", drawn((0.9, 0.7, 0.7)))
    rng = np.random.default_rng(4)
    shuffled = [rows[i] for i in rng.permutation(len(rows))]
    assert result(shuffled) == result(rows)
