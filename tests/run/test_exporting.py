"""Exports: everything that may leave, nothing that may not, and safe in a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from gadfly.errors import FileProblem
from gadfly.records.canonical import canonical_json
from gadfly.records.spreadsheet import cell, csv_text
from gadfly.redteam.events import Abandoned
from gadfly.run.assemble import OpenStudy, open_study
from gadfly.run.exporting import FILES, export_study
from gadfly.run.gather import Left, left_out
from gadfly.store.audit import Audit
from gadfly.store.erasure import Erasure
from gadfly.store.people import People, Person
from gadfly.store.quarantine import Quarantine
from gadfly.store.store import Store
from gadfly.study.protocol import load_study
from gadfly.web.passwords import hashed
from gadfly.web.serving import subject_of
from tests.web.attacks import put_attack
from tests.web.site import write_study

PAYLOADS = [
    "=1+1",
    "=cmd|' /C calc'!A0",
    "+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    " =1",
    "\u00a0=1",
    "＝1",
    '=HYPERLINK("http://127.0.0.1:9/","x")',
    "|x",
    "%0A=1",
    "fine\r=1",
    "fine\n=1",
    'fine",=1',
    "fine;=1",
]
SIGNS = "=+-@\t\r\n|%＝＋－＠"


@dataclass
class Town:
    """A study with people."""

    study: OpenStudy
    people: People

    def member(self, **more: str) -> Person:
        return self.people.add(self.study.id, ["member"], **more)

    def attack(self, person: Person, **more: str) -> int:
        digest = self.study.file.protocol_hash
        return put_attack(self.study.store, person, digest, **more).id  # type: ignore[arg-type]

    def export(self, folder: Path) -> dict[str, str]:
        """Every file, by name."""
        found = {}
        for what, name in FILES.items():
            if export_study(self.study, what, folder / name, by="somebody"):
                found[name] = (folder / name).read_text()
        return found

    def audited(self) -> list[str]:
        entries = Audit(self.study.store.database).entries(self.study.id)
        return [entry.object for entry in entries if entry.what == "exported"]


@pytest.fixture
def town(tmp_path: Path, database_url: str) -> Iterator[Town]:
    with closing(Store(database_url)) as store:
        study = open_study(load_study(write_study(tmp_path)), store)
        yield Town(study, People(store))


def test_what_was_withdrawn_or_locked_away_is_in_no_file_and_is_counted(
    town: Town, tmp_path: Path
) -> None:
    stays, leaves, locked = (town.member() for _ in range(3))
    town.attack(stays, said="a word that stays")
    town.attack(leaves, said="a word that was withdrawn")
    hidden = town.attack(locked, said="a word that is locked away")
    Erasure(town.study.store).erase(leaves, by=leaves.name)
    last = canonical_json(Abandoned(reason="reported")).decode()
    Quarantine(town.study.store).lock(
        hidden, stays, "look", last=last, because="a pause", severe_from=3
    )
    files = town.export(tmp_path)
    assert set(files) == {"attacks.jsonl", "pairs.jsonl", "attacks.csv"}
    everything = "".join(files.values())
    assert "a word that stays" in everything
    for gone in ("withdrawn", "locked away", leaves.name, locked.name):
        assert gone not in everything
    assert left_out(town.study) == Left(lasting=0, withdrawn=1, quarantined=1)
    assert town.audited() == ["table", "pairs", "attacks"]


def test_no_file_says_who_anybody_is(town: Town, tmp_path: Path) -> None:
    subject = subject_of(b"a secret", "label", "Carla Example")
    person = town.member(login="carla", subject=subject, password=hashed("a long password"))
    town.attack(person)
    everything = "".join(town.export(tmp_path).values())
    assert person.name in everything
    assert person.key is not None
    for secret in (person.id, "carla", "Carla", subject, person.key, "argon2"):
        assert secret not in everything


def test_an_export_is_noted_before_its_first_byte(town: Town, tmp_path: Path) -> None:
    town.attack(town.member())
    with pytest.raises(FileProblem):
        export_study(town.study, "attacks", tmp_path / "absent" / "x.jsonl", by="somebody")
    assert town.audited() == ["attacks"]


def test_a_study_without_attacks_exports_nothing_and_says_so(town: Town, tmp_path: Path) -> None:
    assert town.export(tmp_path) == {}
    assert town.audited() == []
    assert left_out(town.study) == Left(0, 0, 0)


def test_the_table_holds_what_the_records_say(town: Town, tmp_path: Path) -> None:
    town.attack(town.member())
    files = town.export(tmp_path)
    (record,) = map(json.loads, files["attacks.jsonl"].splitlines())
    (row,) = csv.DictReader(io.StringIO(files["attacks.csv"]))
    assert (row["number"], row["member"]) == ("1", record["attacker"]["member"])
    assert float(row["rating"]) == record["rating"]["success"]
    assert "transcript" not in row


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_cell_begins_a_formula(payload: str) -> None:
    text = csv_text([payload], [[payload, -1.5, None]])
    header, row = csv.reader(io.StringIO(text))
    for shown in (header[0], row[0]):
        assert shown.endswith(payload)
        assert shown[0] not in SIGNS
        assert shown.strip()[0] not in SIGNS
    assert row[1:] == ["-1.5", ""]
    assert text.startswith('"')
    assert text.endswith('",-1.5,""\r\n')


def test_plain_texts_stand_in_cells_as_they_are() -> None:
    assert [cell(text) for text in ("plain lm", "a=b", "", "1-2")] == ["plain lm", "a=b", "", "1-2"]


def test_an_arm_that_is_named_as_a_formula_is_text_in_the_table(tmp_path: Path) -> None:
    path = write_study(tmp_path)
    path.write_text(path.read_text().replace("model_type: plain lm", 'model_type: "=1+1"'))
    with closing(Store(f"sqlite:///{tmp_path / 'town.db'}")) as store:
        town = Town(open_study(load_study(path), store), People(store))
        town.attack(town.member(), arm="=1+1 tiny")
        (row,) = csv.DictReader(io.StringIO(town.export(tmp_path)["attacks.csv"]))
    assert row["model_type"] == "'=1+1"
