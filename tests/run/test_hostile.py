"""Hostile replies through the whole product: store, report, export and terminal."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from gadfly.records.reading import read_attacks
from gadfly.records.values import Attack
from gadfly.records.writing import write_attacks
from tests.command import gadfly
from tests.hostile import BROKEN_BODIES, REPLIES
from tests.run.conftest import MakeStudy, allowed, collected_attacks
from tests.stub import Stub, chat

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
TAKEN = re.compile(r"<(script>document|img src=x|svg/onload|iframe srcdoc|a href=javascript)")


def hostile_study(make_study: MakeStudy, stub: Stub) -> Path:
    stub.several = "ignores"
    endpoint = {"kind": "endpoint", "base_url": stub.url, "model": "\x1b[31m<b>m</b>"}
    target = {"model_type": "<i>arm</i> [bold]", "num_params": "\u202et", "quota": 30}
    return make_study(arms=[target | {"assistant": endpoint}], launch=allowed(stub.url))


def texts(attacks: list[Attack]) -> set[str]:
    return {r.text for a in attacks for t in a.turns for r in (*t.replies, *t.failed)}


def test_hostile_replies_do_no_harm(
    make_study: MakeStudy, stub: Stub, database_url: str, tmp_path: Path
) -> None:
    path = hostile_study(make_study, stub)
    bodies: list[Any] = [chat(text) for text in REPLIES.values()]
    stub.answers = [*bodies, *((200, body) for body in BROKEN_BODIES.values())]
    run = gadfly("run", path, "--database", database_url, "--json", "--concurrency", 4)
    assert run.returncode == 0, run.stderr
    said = json.loads(run.stdout)
    assert said["attacks"] == 30
    assert not CONTROLS.search(run.stdout + run.stderr)

    # The store gives back every letter.
    attacks = collected_attacks(path, database_url)
    found = texts(attacks)
    assert set(REPLIES.values()) <= found
    assert not any("\ud800" <= c <= "\udfff" for text in found for c in text)
    assert sum("\N{REPLACEMENT CHARACTER}" in text for text in found) == 4

    # Every format of export reads back as it was, or says what it left behind.
    for name in ("attacks.jsonl", "attacks.parquet"):
        write_attacks(tmp_path / name, attacks)
        assert list(read_attacks(tmp_path / name).attacks) == attacks
    write_attacks(tmp_path / "released.json", attacks, format="released")
    released = read_attacks(tmp_path / "released.json").attacks
    assert len(released) == len(attacks)
    lines = (tmp_path / "attacks.jsonl").read_text(encoding="utf-8").rstrip("\n").split("\n")
    assert len([json.loads(line) for line in lines]) == len(attacks)

    # The report holds none of it as markup, and the terminal none of it as control.
    report = tmp_path / "report"
    shown = gadfly("analyze", path, "--database", database_url, "--out", report)
    assert shown.returncode == 0, shown.stderr
    assert not CONTROLS.search(shown.stdout + shown.stderr)
    page = (report / "report.html").read_text(encoding="utf-8")
    assert not TAKEN.search(page)
    assert "<i>arm</i>" not in _outside_scripts(page)
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", page)
    json.loads((report / "results.json").read_text(encoding="utf-8"))


def _outside_scripts(page: str) -> str:
    """A page without the texts of its scripts, as a browser takes it apart."""

    class Reader(HTMLParser):
        kept = ""

        def handle_starttag(self, tag: str, attrs: object) -> None:
            self.kept += self.get_starttag_text() or ""

        def handle_data(self, data: str) -> None:
            if self.lasttag not in ("script", "style"):
                self.kept += data.replace("<", "&lt;")

    reader = Reader()
    reader.feed(page)
    return reader.kept


@pytest.mark.parametrize("status", [401, 404])
def test_a_hostile_error_reaches_the_terminal_as_plain_text(
    make_study: MakeStudy, stub: Stub, status: int
) -> None:
    path = hostile_study(make_study, stub)
    message = "\x1b[31mred\x1b]0;title\x07 [bold]x[/bold] " + "\n" * 100 + "y" * 5_000
    stub.always = (status, {"error": {"message": message}})
    done = gadfly("run", path)
    assert done.returncode == 3, done.stderr
    assert not CONTROLS.search(done.stderr)
    assert "[bold]x[/bold]" in done.stderr.replace("\n", "")
    assert len(done.stderr) < 2_000
