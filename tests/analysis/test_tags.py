"""Figure 9: which tags count, what is a success, and that the counts are those of the file."""

from __future__ import annotations

import gzip
import json
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.figures.palette import GRID, INK, MUTED, PAPER, TYPE_COLOURS
from gadfly.analysis.figures.tags import tags_csv, tags_svg
from gadfly.analysis.report.section import Figure
from gadfly.analysis.report.sections import tags as shown
from gadfly.analysis.statistics.exact_rate import exact_rate
from gadfly.analysis.topics.tags import TagsResult, tags_result
from gadfly.errors import PersonError
from gadfly.records.reading import read_attack_frame
from tests.reviews import review

FEW = Bootstrap(resamples=200)
IID = replace(FEW, ci="iid")


def attacks(*rows: tuple[float | None, list[str] | None]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "number": range(1, len(rows) + 1),
            "member": [f"m{i % 3}" for i in range(len(rows))],
            "rating": [rating for rating, _ in rows],
            "tags": [tags for _, tags in rows],
        },
        schema={
            "number": pl.Int64,
            "member": pl.String,
            "rating": pl.Float64,
            "tags": pl.List(pl.String),
        },
    )


def counted(frame: pl.DataFrame, **options: Any) -> TagsResult:
    found = tags_result(frame, **({"how": FEW} | options))
    assert found is not None
    return found


def counts(found: TagsResult) -> dict[str, tuple[int, int]]:
    return {tag.tag: (tag.total, tag.successful) for tag in found.tags}


FRAME = attacks(
    (4, ["Theft", "Other"]), (3, ["Theft"]), (0, ["Theft"]), (None, ["Other"]), (2, []), (4, None)
)


def test_counts_rates_and_denominators() -> None:
    found = counted(FRAME, how=IID)
    assert counts(found) == {"Theft": (3, 2), "Other": (2, 1)}
    assert (found.n_attacks, found.n_reviewed, found.n_untagged) == (6, 5, 1)
    assert (found.n_tags, found.n_successful) == (5, 3)
    other = found.tags[1]
    assert other.unrated == 1
    method = "share of successes; exact interval (Clopper-Pearson)"
    assert other.rate == exact_rate(1, 1, level=0.95).model_copy(update={"method": method})
    assert (found.other.estimate, found.other.n) == (0.4, 5)
    assert found.invalid.estimate == 0
    assert counts(counted(FRAME, threshold=4)) == {"Theft": (3, 1), "Other": (2, 1)}


def test_a_tag_that_nobody_rated_has_no_rate() -> None:
    (tag,) = counted(attacks((None, ["Theft"]), (None, ["Theft"]))).tags
    assert (tag.rate.estimate, tag.rate.n) == (None, 0)
    assert tag.rate.reason == "of no attack is it known whether it succeeded"


def test_nothing_reviewed_is_none() -> None:
    assert tags_result(attacks((4, None), (1, None))) is None


def test_the_replica_counted_a_second_way(replica: Path) -> None:
    records = json.loads(gzip.decompress(replica.read_bytes()))
    total: Counter[str] = Counter()
    good: Counter[str] = Counter()
    for record in records:
        for tag in set(record["tags"] or ()):
            total[tag] += 1
            good[tag] += record["rating"] >= 3
    found = counted(read_attack_frame(replica).frame)
    assert counts(found) == {tag: (total[tag], good[tag]) for tag in total}
    assert [tag.total for tag in found.tags] == sorted(total.values(), reverse=True)
    assert found.n_reviewed == 742
    share = np.array(list(total.values())) / total.total()
    plain = -(share * np.log(share)).sum()
    assert found.entropy.estimate == pytest.approx(plain, abs=0.02)


def test_published_sums(shared: Path) -> None:
    """The paper's Figure 9 as attacks with one tag each: the sums and the text's first five."""
    path = shared / "reference" / "ganguli2022_figures.json"
    published = json.loads(path.read_text())["fig9_tags"]
    rows: list[tuple[float | None, list[str] | None]] = [
        (4 if place < tag["successful"] else 0, [tag["tag"]])
        for tag in published
        for place in range(tag["total"])
    ]
    found = counted(attacks(*rows))
    assert (found.n_tags, found.n_successful) == (756, 220)
    assert counts(found) == {tag["tag"]: (tag["total"], tag["successful"]) for tag in published}
    assert found.other.estimate == pytest.approx(46 / 756)
    assert found.invalid.estimate == pytest.approx(37 / 756)


REVIEWS = [
    review(1, "a", 4, "Theft", "Other"),
    review(1, "b", 3, "Theft"),
    review(1, "c", 0, "Theft"),
    review(2, "a", 4, "Other"),
    review(2, "b", 0),
    review(2, "c", 0, "Other"),
    review(3, "a", 0, "Weapons"),
    review(3, "b", 4, "Theft"),
    review(3, "c", 1, verdict=None),
    review(4, "a", 4, "Weapons", kind="gold"),
    review(4, "b", 4, "Old", taxonomy="old@1"),
]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("any", {"Theft": (2, 2), "Other": (2, 2), "Weapons": (1, 1)}),
        ("majority", {"Theft": (1, 1), "Other": (1, 1)}),
        ("all", {"Theft": (1, 1)}),
    ],
)
def test_whose_tags_count(rule: Any, expected: dict[str, tuple[int, int]]) -> None:
    frame = attacks((4, ["not", "these"]), (3, None), (3, None), (0, None))
    found = counted(frame, reviews=REVIEWS, rule=rule, taxonomy="ours@1")
    assert counts(found) == expected
    assert found.n_reviewed == 3
    assert found.rules == ("any", "majority", "all")


def test_success_by_the_majority_of_reviewers() -> None:
    frame = attacks((0, None), (4, None), (4, None))
    found = counted(frame, reviews=REVIEWS, success="reviewers", taxonomy="ours@1")
    # Attack 1: two of three say 3 or more. Attacks 2 and 3: one of three, and one of two.
    assert counts(found) == {"Theft": (2, 1), "Other": (2, 1), "Weapons": (1, 0)}
    strict = counted(frame, reviews=REVIEWS, success="reviewers", threshold=4, taxonomy="ours@1")
    assert strict.n_successful == 0


def test_an_adjudication_settles_an_attack() -> None:
    last = review(1, "lead", 0, "Weapons", kind="adjudication", settles=("a", "b"))
    frame = attacks((4, None))
    for rule in ("any", "majority", "all"):
        found = counted(frame, reviews=[*REVIEWS, last], rule=rule, taxonomy="ours@1")
        assert counts(found) == {"Weapons": (1, 1)}


@pytest.mark.parametrize(
    ("options", "says"),
    [({"rule": "majority"}, "rule 'majority'"), ({"success": "reviewers"}, "by the reviewers")],
)
def test_a_union_cannot_tell_who_gave_a_tag(options: dict[str, Any], says: str) -> None:
    with pytest.raises(PersonError, match=says) as caught:
        tags_result(FRAME, **options)
    assert "allowed: rule 'any' with success by the 'author'" in str(caught.value)


def test_the_figure_draws_every_tag_in_colours_of_the_house() -> None:
    hostile = "<script>alert(1)</script> \u202e"
    found = counted(attacks((4, ["Theft", hostile]), (0, ["Theft"])))
    svg = tags_svg(found)
    assert "<script" not in svg
    assert "Theft" in svg
    assert "2 / 1" in svg
    colours = {part.split('"')[0] for part in svg.split('"#')[1:]}
    house = {INK, MUTED, GRID, PAPER, TYPE_COLOURS[0], TYPE_COLOURS[5]}
    assert colours <= {colour.removeprefix("#") for colour in house}
    lines = tags_csv(found).splitlines()
    assert lines[1].startswith('"Theft",2,1,0,0.5,')
    assert len(lines) == 3


def test_the_figure_draws_the_interval_of_every_rate() -> None:
    rows: list[tuple[float | None, list[str] | None]] = [(4.0, ["Theft"])] * 10
    rows += [(0.0, ["Theft"])] * 30 + [(0.0, ["Other"])] * 20 + [(None, ["Unrated"])] * 3
    found = counted(attacks(*rows), how=IID)
    drawn = [
        line
        for line in ET.fromstring(tags_svg(found)).iter("{http://www.w3.org/2000/svg}line")
        if line.get("stroke") == TYPE_COLOURS[0]
    ]
    rates = [tag.rate for tag in found.tags if tag.rate.low is not None]
    assert len(drawn) == len(rates) == 2
    wide = [float(line.get("x2", 0)) / 220 for line in drawn]
    assert [abs(w) for w in wide] == pytest.approx([(r.high or 0) - (r.low or 0) for r in rates])


def test_the_section_says_what_stands_out() -> None:
    rows = [(4.0, ["Theft"])] * 40 + [(0.0, ["Other"])] * 40 + [(0.0, ["Few"])] * 3
    section = shown.section(counted(attacks(*rows), how=IID))
    figure, table = section.parts
    assert isinstance(figure, Figure)
    assert "“Other” (40), “Theft” (40), “Few” (3)" in figure.finding
    assert "48.2% of the reviewed attacks are tagged as something else" in figure.finding
    assert table.finding.startswith("Highest rate: “Theft” (100% [91%, 100%])")
    assert "Chance alone" not in table.finding
    assert "union" in section.notes[0]


def test_the_section_names_no_extremes_that_chance_makes() -> None:
    rng = np.random.default_rng(3)
    rows: list[tuple[float | None, list[str] | None]] = [
        (float(rng.integers(0, 5)), [f"tag {i % 20}"]) for i in range(700)
    ]
    section = shown.section(counted(attacks(*rows)))
    assert section.parts[1].finding.endswith(
        "Chance alone may part the extremes of 20 tags so far."
    )
