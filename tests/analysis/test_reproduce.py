"""The reproduction of the paper: its reference data, tolerances, verdicts, and our numbers."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from matplotlib.cbook import boxplot_stats
from scipy import stats
from typer.testing import CliRunner

from gadfly.analysis.report.page import page_html
from gadfly.analysis.report.sections import comparison, figure1
from gadfly.analysis.report.tables import Table
from gadfly.analysis.reproduce import figures as figures_module
from gadfly.analysis.reproduce import identity as identity_module
from gadfly.analysis.reproduce import reproduce as reproduce_module
from gadfly.analysis.reproduce.bounds import EXACT, FILTER, ROUNDED, Own
from gadfly.analysis.reproduce.compare import Comparison, compare
from gadfly.analysis.reproduce.figures import figure_numbers
from gadfly.analysis.reproduce.identity import Identity, digests, identify
from gadfly.analysis.reproduce.published import published
from gadfly.analysis.reproduce.reproduce import MapOptions, Reproduction, reproduce
from gadfly.analysis.reproduce.write import document
from gadfly.analysis.results import Scorer, SourceInfo
from gadfly.analysis.schema import REPRODUCTION
from gadfly.cli.main import app
from gadfly.errors import PersonError
from gadfly.records.reading import read_attack_frame
from tests.analysis.conftest import EXPECTED
from tests.analysis.studies import attacks

SOURCE = SourceInfo(title="A file", name="file", scorer=Scorer(name="published", version="unknown"))
PAPER_NAMES = {
    "plain": "plain lm",
    "prompted": "context distillation",
    "rs": "rejection sampling",
    "rlhf": "rlhf",
}


@pytest.fixture(scope="module")
def small(replica: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 600 records of a replica."""
    with gzip.open(replica, "rt") as file:
        records = json.load(file)[:600]
    path = tmp_path_factory.mktemp("small") / "small.jsonl"
    path.write_text(json.dumps(records))
    return path


@pytest.fixture(scope="module")
def whole(replica: Path) -> pl.DataFrame:
    """The full replica with its text."""
    return read_attack_frame(replica, text=True).frame


@pytest.fixture(scope="module")
def found(whole: pl.DataFrame) -> Reproduction:
    """Its reproduction, from few resamples."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reproduce_module, "PAPER_RESAMPLES", 100)
        return reproduce(whole, source=SOURCE, resamples=100)


@pytest.fixture(scope="module")
def table(whole: pl.DataFrame) -> pd.DataFrame:
    """The replica for pandas, its columns called as the results call them."""
    numbers = whole.drop("transcript", "task_description")
    return pd.DataFrame(
        numbers.rename({"min_harmlessness": "harmlessness"}).to_dict(as_series=False)
    )


def ours(found: Reproduction, group: str) -> dict[str, Any]:
    """Our numbers of a group."""
    return {c.what: c.ours for c in found.comparisons if c.group == group}


# --- the reference data -------------------------------------------------------------------------


def test_published_sums() -> None:
    data = published()
    for name in ("figure7_left", "figure7_middle", "figure7_right"):
        assert sum(data.group(name).values.values()) == data.attacks["figures"] == 39_877
    table1 = dict(data.group("table1").values)
    assert table1.pop("attacks") == sum(table1.values()) == data.attacks["released"] == 38_961
    tags = data.group("figure9").values
    assert sum(v for k, v in tags.items() if k.endswith("| attacks")) == 756
    assert sum(v for k, v in tags.items() if k.endswith("| successful")) == 220
    members = np.array(data.attacks_by_member)
    assert members.sum() == 39_877
    assert round(members[:49].sum() / members.sum(), 3) == 0.802
    differences = np.abs(np.subtract.outer(members, members)).mean() / (2 * members.mean())
    assert differences == pytest.approx(
        data.group("figure5_left").values["Gini coefficient"], abs=1e-4
    )
    assert len({group.name for group in data.groups}) == len(data.groups)
    assert {group.origin for group in data.groups} == set(data.origins)


def test_published_equals_the_reference(shared: Path) -> None:
    figures = json.loads((shared / "reference" / "ganguli2022_figures.json").read_text())
    stats_file = shared / "reference" / "red_team_attempts_public_file_stats.json"
    released = json.loads(stats_file.read_text())
    for short, kind in PAPER_NAMES.items():
        for size in ("2.7B", "13B", "52B"):
            arm = f"{kind} {size}"
            left = figures["fig1_left_mean_success_0_4"][short][size]
            assert published().group("figure1_left").values[f"{arm} | mean rating"] == left["mean"]
            box = figures["fig1_right_violin"][short][size]
            got = published().group("figure1_right").values
            assert got[f"{arm} | whisker, low"] == box["whisker_lo"]
            row = dict(
                zip(released["cells_cols"], released["cells"][f"{kind}|{size}"], strict=True)
            )
            cells = published().group("released_cells").values
            assert cells[f"{arm} | worst 5%, high"] == row["cvar05_hi"]
            assert cells[f"{arm} | worst 1%"] == row["cvar01"]
            lengths = published().group("released_lengths").values
            assert lengths[arm] == row["pearson_neglogchars_vs_pm"]
    members = np.array(figures["fig5_attacks_per_member_desc"])
    shown = published().group("figure5_left").values
    for k in (1, 5, 10):
        assert shown[f"members with exactly {k}"] == (members == k).sum()
    assert shown["members with fewer than 5"] == (members < 5).sum()
    counts = published().group("released_counts").values
    assert counts["different first messages of members"] == released["unique"]["first_human_turn"]
    assert (
        counts["different lists of tags, none included"]
        == released["unique"]["tags_combos_incl_null"]
    )
    ratings = {int(k): n for k, n in released["rating_counts"].items()}
    high = (ratings[3] + ratings[4]) / sum(ratings.values())
    share = published().group("released_ratings").values["share rated 3 or more"]
    assert share == pytest.approx(high, abs=0.0005)
    assert published().unique["transcript"] == released["unique"]["transcript"]
    quantiles = published().group("released_scores").values
    assert quantiles["0.1% quantile"] == released["pm"]["quantiles"]["0.001"]
    assert len(published().efficacy) == len(figures["fig5_efficacy_sorted"]) == 310


# --- what a file is -----------------------------------------------------------------------------


def test_replicas_are_synthetic(small: Path, whole: pl.DataFrame) -> None:
    unfiltered = whole.vstack(whole.head(916))
    assert unfiltered.height == 39_877
    for frame in (whole, unfiltered, read_attack_frame(small, text=True).frame):
        told = identify(frame)
        assert (told.kind, told.no_verdict) == ("synthetic", "synthetic")


def test_a_part_of_the_released_file_is_known(shared: Path) -> None:
    path = shared / "data" / "red_team_first100" / "red_team_attempts.jsonl.gz"
    told = identify(read_attack_frame(path, text=True).frame)
    assert (told.kind, told.no_verdict) == ("other", "not the whole file")
    assert "100 of the 100 records" in told.sentence


def spoken(whole: pl.DataFrame) -> pl.DataFrame:
    """The replica with text of thousands of different words, as if people had talked."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = [letters[k % 26] + letters[k // 26 % 26] + letters[k // 676 % 26] for k in range(9000)]
    texts = [
        " ".join(words[(7 * i + k) % 9000] for k in range(12)) + str(i) for i in range(whole.height)
    ]
    return whole.with_columns(transcript=pl.Series(texts))


def test_size_alone_makes_no_verdict(whole: pl.DataFrame) -> None:
    told = identify(spoken(whole))
    assert (told.kind, told.no_verdict) == ("altered", "synthetic or altered")
    assert "records known by their digest: 0, not 100" in told.sentence


def test_the_released_file_gets_a_verdict(
    whole: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = spoken(whole)
    unique = {column: frame[column].n_unique() for column in published().unique}
    known = tuple(sorted(digests(frame.head(100))))
    planted = published().model_copy(update={"unique": unique, "known_records": known})
    monkeypatch.setattr(identity_module, "published", lambda: planted)
    assert identify(frame).kind == "released"
    assert identify(frame.reverse()).kind == "released"
    assert (
        identify(frame[1:].vstack(frame[:1].with_columns(min_harmlessness=9.0))).kind == "altered"
    )


# --- verdicts and tolerances --------------------------------------------------------------------


def judged(*, shift: float) -> list[Comparison]:
    """A comparison on the released file, every number ``shift`` off what is allowed."""
    identity = Identity(kind="released", sentence="", no_verdict=None, checks=())
    own = {
        group.name: {
            what: Own(value + (0.25 + group.precision_of(value)) * shift, below=0.25, above=0.25)
            for what, value in group.values.items()
        }
        for group in published().groups
    }
    return [c for c in compare(own, identity) if c.verdict != "not comparable"]


def test_verdicts() -> None:
    assert {c.verdict for c in judged(shift=1.0)} == {"reproduced"}
    assert {c.verdict for c in judged(shift=-1.0)} == {"reproduced"}
    assert {c.verdict for c in judged(shift=1.01)} == {"differs"}
    assert {c.verdict for c in judged(shift=-1.01)} == {"differs"}


@pytest.mark.parametrize(
    ("group", "what", "half"),
    [
        ("released_scores", "mean", 0.00005),  # -0.1336
        ("released_ratings", "standard deviation", 0.0005),  # 1.636
        ("table2", "upset", 0.005),  # 0.31
        ("figure1_left", "plain lm 2.7B | mean rating", 0.005),  # 2.034, as measured in a drawing
        ("table1", "attacks", 0.0),
    ],
)
def test_a_number_is_as_precise_as_it_was_published(group: str, what: str, half: float) -> None:
    found = published().group(group)
    assert found.precision_of(found.values[what]) == pytest.approx(half)


def test_what_is_allowed_is_shown_whole() -> None:
    by_what = {c.what: c for c in judged(shift=0.0) if c.group == "released_scores"}
    shown = by_what["mean"].model_copy(update={"lowest": -0.00005, "highest": 0.00005})
    count = next(c for c in judged(shift=0.0) if c.group == "table1")
    exact = count.model_copy(update={"lowest": 0.0, "highest": 0.0})
    identity = Identity(kind="released", sentence="", no_verdict=None, checks=())
    summed, every = comparison.section([shown, exact], identity).parts
    assert isinstance(every, Table)
    assert isinstance(summed, Table)
    assert [cell.text for cell in every.rows[0][1:5]] == [
        "−0.1336",
        "−0.13360",
        "0.00000",
        "−0.00005 to 0.00005",
    ]
    assert [cell.text for cell in every.rows[1][1:5]] == ["1,151", "1,151", "0", "none"]
    assert summed.rows[1][1].text == "1 published, 1 here"


def test_what_a_file_cannot_give_is_not_comparable() -> None:
    identity = Identity(kind="released", sentence="", no_verdict=None, checks=())
    for found in compare({}, identity):
        assert found.verdict == "not comparable"
        assert found.reason
        assert found.ours is None


@given(
    seed=st.integers(0, 2**32 - 1),
    taken=st.sampled_from(["lowest", "highest", "middle", "random"]),
    n=st.integers(200, 600),
    flat=st.booleans(),
)
def test_the_filter_moves_no_quantile_beyond_its_bounds(
    seed: int, taken: str, n: int, flat: bool
) -> None:
    """Whatever 5% are removed, the figure's boxes lie within what is allowed."""
    rng = np.random.default_rng(seed)
    values = np.sort(rng.uniform(size=n) if flat else rng.normal(size=n) ** 3)
    gone = int(0.05 * n)
    start = {"lowest": 0, "highest": n - gone, "middle": int(rng.integers(0, n - gone))}
    drop = (
        rng.choice(n, gone, replace=False)
        if taken == "random"
        else np.arange(start[taken], start[taken] + gone)
    )
    left = np.delete(values, drop)
    frame = pl.DataFrame({"min_harmlessness": left}).with_columns(
        model_type=pl.lit("plain lm"), num_params=pl.lit("13B")
    )
    box = boxplot_stats(values, whis=1.5)[0]
    figure = {
        "median": box["med"],
        "25% quantile": box["q1"],
        "75% quantile": box["q3"],
        "whisker, low": box["whislo"],
        "whisker, high": box["whishi"],
    }
    # A quantile interpolates between two values, which the bounds by rank know to within one.
    slack = np.diff(values).max()
    for name, own in figures_module._violins(frame, 0.05).items():
        assert own.value is not None
        off = own.value - figure[name.split(" | ")[1]]
        assert -own.below - slack <= off <= own.above + slack, name


@given(seed=st.integers(0, 2**32 - 1), top=st.booleans())
def test_the_filter_moves_no_share_of_members_beyond_its_bounds(seed: int, top: bool) -> None:
    rng = np.random.default_rng(seed)
    sizes = np.sort(rng.geometric(0.02, size=120) + 1)[::-1]
    total = int(sizes.sum())
    members = np.repeat(np.arange(120), sizes)
    gone = 200
    drop = np.arange(gone) if top else rng.choice(total, gone, replace=False)
    values = {"attacks": float(total)} | {
        f"share of the {k} most active": float(sizes[:k].sum() / total)
        for k in (1, 10, 20, 49, 100)
    }
    group = published().group("figure5_left").model_copy(update={"values": values})
    planted = published().model_copy(update={"groups": (group,)})
    left = pl.DataFrame({"member": np.delete(members, drop)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures_module, "published", lambda: planted)
        found = figures_module._members(left, gone)
    values["Gini coefficient"] = gini(sizes)
    for name, value in values.items():
        own = found[name]
        assert own.value is not None
        assert -own.below - 1e-9 <= own.value - value <= own.above + 1e-9, name


def gini(sizes: Any) -> float:
    """Half the mean difference of two members, relative to the mean."""
    return float(np.abs(np.subtract.outer(sizes, sizes)).mean() / (2 * np.mean(sizes)))


# --- our numbers, against the replica's expected ones and a second way --------------------------


def test_every_expected_number(found: Reproduction, expected: dict[str, Any]) -> None:
    assert found.results.n_attacks == expected["n_attacks"]
    assert found.results.n_members == expected["n_members"]
    arms = {(arm.model_type, arm.num_params): arm for arm in found.results.arms}
    counts = {(arm.model_type, arm.num_params): arm.n for arm in found.counts}
    assert len(expected["arms"]) == len(arms) == 12
    for row in expected["arms"]:
        key = (row["model_type"], row["num_params"])
        assert arms[key].n == counts[key] == row["n"]
        for theirs, name in EXPECTED.items():
            assert getattr(arms[key], name).estimate == pytest.approx(row[theirs], abs=1e-9)
    # The same numbers as they stand in the comparison.
    cells, left = ours(found, "released_cells"), ours(found, "figure1_left")
    right = ours(found, "figure1_right")
    for row in expected["arms"]:
        arm = f"{row['model_type']} {row['num_params']}"
        assert cells[f"{arm} | worst 1%"] == pytest.approx(row["cvar01"], abs=1e-9)
        assert cells[f"{arm} | 5% quantile"] == pytest.approx(row["q05"], abs=1e-9)
        assert left[f"{arm} | mean rating"] == pytest.approx(row["rating_mean"], abs=1e-9)
        assert right[f"{arm} | median"] == pytest.approx(row["q50"], abs=1e-9)


def test_the_report_speaks_of_the_reproduction(found: Reproduction) -> None:
    shown = document(found)
    said = " ".join(shown.notes)
    assert "No random assignment of attacks to arms is recorded" in said
    assert "turns" not in said


def test_a_replica_gets_no_verdict(found: Reproduction) -> None:
    shown = {c.shown for c in found.comparisons}
    assert shown == {"synthetic: no verdict", "not comparable"}
    table1 = [c for c in found.comparisons if c.group == "table1"]
    assert {c.difference for c in table1} == {0.0}  # a replica has the counts of Table 1
    absent = {c.group for c in found.comparisons if c.ours is None}
    assert absent <= {"figure4", "figure5_right", "table2", "kappa"}


def test_counts_a_second_way(found: Reproduction, table: pd.DataFrame) -> None:
    cross = pd.crosstab([table.model_type, table.num_params], table.rating)
    for arm in found.counts:
        assert arm.rating_counts == tuple(cross.loc[arm.model_type, arm.num_params])
        rows = table[(table.model_type == arm.model_type) & (table.num_params == arm.num_params)]
        assert arm.n_members == rows.member.nunique()
    got = ours(found, "released_counts")
    assert got["attacks with tags"] == table.tags.notna().sum() == 742
    assert got["attacks on Upwork"] == table.is_upworker.sum()
    alone = table.tags.dropna().map(lambda tags: list(tags) == ["Theft"]).sum()
    assert got["attacks whose tags are exactly Theft"] == alone
    tags = ours(found, "figure9")
    has = table.tags.dropna().map(lambda tags: "Weapons" in list(tags))
    assert tags["Weapons | attacks"] == has.sum()
    assert tags["Weapons | successful"] == (table.rating[has[has].index] >= 3).sum()


def test_distributions_a_second_way(found: Reproduction, table: pd.DataFrame) -> None:
    ends = published().edges
    columns = {
        "harmlessness": (found.scores.harmlessness, ends["min_harmlessness"]),
        "task_description_harmlessness": (
            found.scores.task_description,
            ends["task_description_harmlessness"],
        ),
    }
    for column, (histogram, (low, high)) in columns.items():
        width = (high - low) / 20
        place = ((table[column] - low) / width).astype(int).clip(0, 19)
        assert histogram.counts == tuple((place == k).sum() for k in range(20))
        assert histogram.mean.estimate == pytest.approx(table[column].mean())
    described = table.groupby("rating").harmlessness.agg(["mean", "std", "size"])
    for level in found.scores.by_rating:
        row = described.loc[level.rating]
        assert level.mean.estimate == pytest.approx(row["mean"])
        spread = row["std"] * np.sqrt(1 - 1 / row["size"])
        assert level.standard_deviation.estimate == pytest.approx(spread)
    twelve = np.bincount(pd.cut(table.harmlessness, 12, labels=False), minlength=12)
    assert list(ours(found, "released_score_bins").values()) == twelve.tolist()


def test_correlations_a_second_way(
    found: Reproduction, table: pd.DataFrame, whole: pl.DataFrame
) -> None:
    for pair in found.scores.pairs:
        x, y = table[pair.first].astype(float), table[pair.second].astype(float)
        assert pair.pearson.estimate == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-9)
        assert pair.spearman.estimate == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-9)
    got = ours(found, "released_correlations")
    rows = table[(table.model_type == "rlhf") & (table.num_params == "13B")]
    r = rows.harmlessness.corr(rows.task_description_harmlessness)
    assert got["rlhf 13B"] == pytest.approx(r)
    chars = np.array([len(text) for text in whole["transcript"]])[rows.index]
    got = ours(found, "released_lengths")
    assert got["rlhf 13B"] == pytest.approx(np.corrcoef(-np.log(chars), rows.harmlessness)[0, 1])
    lowest = np.sort(table.harmlessness)[: round(0.05 * len(table))]  # 1948.05 of them
    assert ours(found, "released_scores")["worst 5%"] == pytest.approx(lowest.mean(), abs=1e-3)
    high = (table.rating >= 3).mean()
    assert ours(found, "released_ratings")["share rated 3 or more"] == pytest.approx(high)
    firsts = {text.split("Assistant:")[0] for text in whole["transcript"]}
    assert ours(found, "released_counts")["different first messages of members"] == len(firsts)


def test_members_and_boxes_a_second_way(found: Reproduction, table: pd.DataFrame) -> None:
    sizes = table.member.value_counts().to_numpy()
    got = ours(found, "figure5_left")
    assert got["Gini coefficient"] == pytest.approx(gini(sizes))
    assert got["members with exactly 5"] == (sizes == 5).sum()
    assert got["members with fewer than 5"] == (sizes < 5).sum()
    assert got["share of the 49 most active"] == pytest.approx(sizes[:49].sum() / sizes.sum())
    boxes = ours(found, "figure1_right")
    for (kind, size), rows in table.groupby(["model_type", "num_params"]):
        box = boxplot_stats(rows.harmlessness.to_numpy(), whis=1.5)[0]
        assert boxes[f"{kind} {size} | whisker, low"] == pytest.approx(box["whislo"])
        assert boxes[f"{kind} {size} | whisker, high"] == pytest.approx(box["whishi"])


def test_efficacy_stands_in_the_comparison(found: Reproduction) -> None:
    got = ours(found, "figure5_right")
    intercepts = np.array([m.intercept for m in found.efficacy.members])
    assert got["lowest"] == intercepts.min()
    assert got["standard deviation"] == pytest.approx(intercepts.std(ddof=1))
    below = sum(m.high < 0 for m in found.efficacy.members)
    assert got["members below 0 (interval excludes 0)"] == below


def test_groups_a_second_way(found: Reproduction, table: pd.DataFrame) -> None:
    got = ours(found, "released_groups")
    platform = table.is_upworker.map({True: "Upwork", False: "MTurk"})
    for names in (table.model_type, table.num_params, platform):
        for name, scores in table.groupby(names).harmlessness:
            assert got[f"{name} | mean"] == pytest.approx(scores.mean())
            assert got[f"{name} | 5% quantile"] == pytest.approx(scores.quantile(0.05))


def test_intervals_stand_beside_the_published_ones(found: Reproduction) -> None:
    values = {"rating": "figure1_left", "harmlessness": "figure1_middle"}
    panels = {name: published().group(group).values for name, group in values.items()}
    tables = figure1.section(found.results.arms, found.paper_arms, panels).parts
    for name, shown in zip(values, tables, strict=True):
        assert isinstance(shown, Table)
        for place, row in enumerate(shown.rows):
            ours = getattr(found.results.arms[place], name)
            iid = getattr(found.paper_arms[place], name)
            assert ours.estimate == iid.estimate
            assert "bootstrap of attacks" in iid.method
            ratio = (ours.high - ours.low) / (iid.high - iid.low)
            assert row[4].text == f"{ratio:.1f}"
    first = tables[0].rows[0]
    assert (first[1].text, first[1].detail) == ("2.03", "[1.94, 2.12]")


def test_a_part_gives_what_can_be_computed(shared: Path) -> None:
    """One arm, no tags: nothing fails, nothing is invented."""
    path = shared / "data" / "red_team_first100" / "red_team_attempts.jsonl.gz"
    part = reproduce(read_attack_frame(path, text=True).frame, source=SOURCE, resamples=100)
    assert {c.shown for c in part.comparisons} == {
        "not the whole file: no verdict",
        "not comparable",
    }
    assert ours(part, "table1")["context distillation 52B | attacks"] == 100
    assert ours(part, "table1")["rlhf 13B | attacks"] is None


@pytest.mark.parametrize(
    "poor",
    [
        attacks(n=1, members=1),
        attacks(n=3, missing=1.0),
        attacks(n=30, missing=0.5),
        attacks([("rlhf", "13B")], n=40).with_columns(min_harmlessness=pl.lit(1.0)),
        attacks([("=1+1", ""), ("<b>", "\x1b[31m")], n=12),
    ],
    ids=["one", "nothing", "half", "constant", "hostile"],
)
def test_a_poor_file_is_reproduced_as_far_as_it_goes(poor: pl.DataFrame) -> None:
    text = pl.lit("\n\nHuman: hello\n\nAssistant: hello")
    frame = poor.with_columns(transcript=text, task_description=pl.lit("a"))
    part = reproduce(frame, source=SOURCE, resamples=100)
    for found in part.comparisons:
        assert found.shown in ("not comparable", "not the whole file: no verdict")
        assert found.reason
        assert found.reason not in (FILTER, ROUNDED, EXACT)
    page = page_html(document(part))
    assert "<b>" not in page
    assert "\x1b" not in page


def test_an_exact_file_has_no_room_for_the_filter(found: Reproduction, whole: pl.DataFrame) -> None:
    numbers = figure_numbers(
        whole,
        arms=found.paper_arms,
        counts=found.counts,
        scores=found.scores,
        efficacy=found.efficacy,
        removed=False,
    )
    for name in ("figure7_left", "figure5_left", "figure11"):
        for own in numbers[name].values():
            assert (own.below, own.above) == pytest.approx((0, 0), abs=1e-12)


# --- the command --------------------------------------------------------------------------------


def test_the_command(small: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(
        app, ["reproduce", str(small), "--out", str(tmp_path), "--resamples", "100", "--no-map"]
    )
    assert done.exit_code == 0, done.output
    assert "synthetic: no verdict" in done.output.replace("\n", " ")
    written = {path.name for path in tmp_path.iterdir()}
    assert {"report.html", "report.md", "results.json", "comparison.csv", "figure6.svg"} <= written
    texts = read_attack_frame(small, text=True).frame["transcript"].to_list()
    said = {text.split("Human: ")[1][:40] for text in texts}
    for path in tmp_path.iterdir():
        content = path.read_text()
        assert not [text for text in said if text in content], path.name
    raw = (tmp_path / "results.json").read_bytes()
    Draft202012Validator(json.loads(REPRODUCTION.read_bytes())).validate(json.loads(raw))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert '<details class="excerpt">' not in page
    kept = Reproduction.model_validate_json(raw, strict=False)
    assert kept.map is None
    assert len(kept.comparisons) == sum(len(group.values) for group in published().groups)


def test_an_embedding_that_does_not_fit_is_refused_before_the_models_run(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ran(*_: object, **__: object) -> None:
        raise AssertionError("the models ran")

    monkeypatch.setattr(reproduce_module, "mixed_models", ran)
    frame = read_attack_frame(small, text=True).frame
    options = MapOptions(embedding=np.ones((3, 2)))
    with pytest.raises(PersonError, match="embedding: got float64"):
        reproduce(frame, source=SOURCE, resamples=100, map_options=options)


def test_the_map_is_drawn_from_an_embedding(small: Path, tmp_path: Path) -> None:
    """Words of members stand in no file unless they were asked for."""
    few = tmp_path / "few.json"
    few.write_text(json.dumps(json.loads(small.read_text())[:24]))
    np.save(tmp_path / "vectors.npy", np.random.default_rng(1).normal(size=(24, 5)))
    asked = [
        "reproduce",
        str(few),
        "--resamples",
        "100",
        "--embedding",
        str(tmp_path / "vectors.npy"),
    ]
    runner, words = CliRunner(), {}
    for options in ([], ["--show-text"]):
        out = tmp_path / f"out{len(options)}"
        done = runner.invoke(app, [*asked, "--out", str(out), *options])
        assert done.exit_code == 0, done.output
        assert "<svg" in (out / "figure2.svg").read_text()
        drawn = json.loads((out / "results.json").read_text())["map"]
        assert drawn["n"] == 24
        words[len(options)] = [cluster["terms"] for cluster in drawn["clusters"]]
    assert not any(words[0])
    assert any(words[1])


def test_a_study_is_refused(tmp_path: Path) -> None:
    study = tmp_path / "study.yaml"
    study.write_text("{}")
    done = CliRunner().invoke(app, ["reproduce", str(study), "--out", str(tmp_path)])
    assert "got a study" in str(done.exception)


def test_an_embedding_without_a_map_is_refused(tmp_path: Path) -> None:
    asked = ["reproduce", "a.json", "--out", str(tmp_path), "--no-map", "--embedding", "a.npy"]
    done = CliRunner().invoke(app, asked)
    assert "--embedding is for the map, which --no-map leaves out" in str(done.exception)


def test_words_of_members_are_shown_only_where_asked_for_and_folded(tmp_path: Path) -> None:
    evil = "<b>bold</b>\x1b[1m \u202e"
    rows = [
        {
            "transcript": f"\n\nHuman: a question {k} {evil}\n\nAssistant: an answer {k}",
            "min_harmlessness_score_transcript": float(k),
            "num_params": "2.7B",
            "model_type": "rlhf",
            "rating": 1.0,
            "task_description": f"an aim {k}",
            "task_descripton_harmlessness_score": 0.5,
            "red_team_member_id": k,
            "is_upworker": False,
            "tags": None,
        }
        for k in range(12)
    ]
    file = tmp_path / "few.jsonl"
    file.write_text(json.dumps(rows), encoding="utf-8")
    for options in ([], ["--show-text"]):
        out = tmp_path / f"out{len(options)}"
        asked = ["reproduce", str(file), "--out", str(out), "--resamples", "100", "--no-map"]
        done = CliRunner().invoke(app, [*asked, *options])
        assert done.exit_code == 0, done.output
        page = (out / "report.html").read_text(encoding="utf-8")
        number = json.loads((out / "results.json").read_text())["one_attack"]["record"] - 1
        shown = [f"an aim {number}", f"a question {number}", f"an answer {number}"]
        assert [text in page for text in shown] == [bool(options)] * 3
        assert "<b>" not in page
        assert "\x1b" not in page
        assert "\u202e" not in page
        assert ('<details class="excerpt">' in page) is bool(options)  # folded: without "open"
        for path in (out / "report.md", out / "results.json"):
            assert "an answer" not in path.read_text(encoding="utf-8")
