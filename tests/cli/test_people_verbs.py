"""gadfly user, invite, export: accounts and links without a running site, nothing secret shown."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gadfly.cli.main import app
from gadfly.errors import PersonError
from gadfly.store.audit import Audit
from gadfly.store.people import People
from gadfly.store.store import Store
from gadfly.web.passwords import matches
from tests.web.site import write_study

SECRET = "a secret of at least thirty-two characters"


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("GADFLY_DATABASE", "GADFLY_KEYS", "GADFLY_PUBLIC_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GADFLY_SECRET", SECRET)
    return write_study(tmp_path)


def call(*arguments: object, typed: str | None = None) -> str:
    """A command; its standard output."""
    done = CliRunner().invoke(app, [str(a) for a in arguments], input=typed)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def refused(*arguments: object, typed: str | None = None) -> str:
    """The message of a command that does not go through."""
    with pytest.raises(PersonError) as told:
        call(*arguments, typed=typed)
    return str(told.value)


def test_an_account_is_added_listed_changed_and_never_shows_its_password(study: Path) -> None:
    password = "a long enough password"
    assert call("user", "add", study, "ada", "--role", "owner", typed=f"{password}\n") == ""
    made = call("user", "add", study, "bea", "--role", "care", "--generate").strip()
    assert call("user", "roles", study, "ada", "--role", "researcher", "--role", "care") == ""
    listed = json.loads(call("user", "list", study, "--json"))
    assert [(p["login"], p["roles"]) for p in listed] == [
        ("ada", ["care", "researcher"]),
        ("bea", ["care"]),
    ]
    new = call("user", "password", study, "ada", "--generate").strip()
    with closing(Store(f"sqlite:///{study.with_suffix('.db')}")) as store:
        people, rows = People(store), Audit(store.database).entries(1)
        stored = {login: people.password(1, login) for login in ("ada", "bea")}
    assert matches(stored["bea"][1], made)  # type: ignore[index]
    assert matches(stored["ada"][1], new)  # type: ignore[index]
    assert not matches(stored["ada"][1], password)  # type: ignore[index]
    assert {row.who for row in rows} == {"operator"}
    told = "".join(map(str, rows)) + study.with_suffix(".db").read_bytes().decode(errors="replace")
    assert not [secret for secret in (password, made, new) if secret in told]


def test_mistakes_are_told_with_what_is_allowed(study: Path) -> None:
    assert "at least 12" in refused("user", "add", study, "ada", "--role", "owner", typed="x\n")
    assert "allowed: owner" in refused("user", "add", study, "ada", "--role", "boss", "--generate")
    both = ("--role", "owner", "--role", "member", "--generate")
    assert "two accounts" in refused("user", "add", study, "ada", *both)
    assert "visible" in refused("user", "add", study, "a\x1b[31m", "--role", "owner", "--generate")
    assert "there are: none" in refused("user", "password", study, "nobody", "--generate")
    call("user", "add", study, "ada", "--role", "owner", "--generate")
    assert "taken" in refused("user", "add", study, "ada", "--role", "owner", "--generate")
    assert "one person" in refused("invite", study, "--for", "x", "--count", "2")
    assert "expert" in refused("invite", study, "--role", "expert")
    assert "does not exist" in refused("invite", study, "--revoke", "9")
    told = refused("invite", study, "--role", "expert", "--domain", "medicine")
    assert "'medicine'" in told
    assert "medicine and health, " in told


def test_an_expert_is_invited_for_a_field_of_the_study_or_of_a_brief(study: Path) -> None:
    head = "---\nid: own\nversion: 1\ndomain: Old  maps\n---\n"
    (study.parent / "own.md").write_text(f"{head}# Ask about maps\n")
    study.write_text(study.read_text() + "brief_variants: [own.md]\n")
    fields = ("--domain", " LAW", "--domain", "old maps")
    link = call("invite", study, "--role", "expert", *fields).splitlines()[1]
    with closing(Store(f"sqlite:///{study.with_suffix('.db')}")) as store:
        person = People(store).redeem(1, link.rpartition("/")[2])
    assert person is not None
    assert person.domains == ("law", "Old  maps")


def test_links_open_a_place_once_made_and_not_once_revoked(study: Path) -> None:
    lines = call("invite", study, "--count", "3", "--url", "https://red.example/").splitlines()
    assert lines[0] == "role,link"
    tokens = [line.rpartition("/")[2] for line in lines[1:]]
    assert lines[1].startswith("member,https://red.example/town/come/")
    assert len(set(tokens)) == 3
    call("invite", study, "--revoke", "1")
    with closing(Store(f"sqlite:///{study.with_suffix('.db')}")) as store:
        assert People(store).redeem(1, tokens[0]) is None
        person = People(store).redeem(1, tokens[1])
    assert person is not None
    listed = json.loads(call("invite", study, "--list", "--json"))
    assert [link["person"] for link in listed] == [None, person.name, None]
    kept = study.with_suffix(".db").read_bytes()
    assert not [token for token in tokens if token.encode() in kept]


def test_whom_a_link_is_for_is_known_again_in_another_study_and_found_nowhere(
    study: Path, tmp_path: Path
) -> None:
    database = f"sqlite:///{tmp_path / 'both.db'}"
    other = write_study(tmp_path, "village")
    people = []
    for number, path in enumerate((study, other), start=1):
        (link,) = json.loads(
            call("invite", path, "--for", "Carla Example", "--json", "--database", database)
        )
        with closing(Store(database)) as store:
            people.append(People(store).redeem(number, link["link"].rpartition("/")[2]))
    assert people[0].subject == people[1].subject  # type: ignore[union-attr]
    assert people[0].subject is not None  # type: ignore[union-attr]
    assert b"Carla" not in (tmp_path / "both.db").read_bytes()


def test_an_export_of_nothing_writes_no_file(study: Path, tmp_path: Path) -> None:
    call("invite", study)
    found = json.loads(call("export", study, tmp_path / "out", "--json"))
    assert set(found["records"].values()) == {0}
    assert found["left_out"] == {"lasting": 0, "withdrawn": 0, "quarantined": 0}
    assert list((tmp_path / "out").iterdir()) == []


def test_a_password_is_read_from_a_pipe_and_not_echoed(study: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gadfly.cli.main", "user", "add", study, "ada", "--role", "owner"],
        input="a long enough password\n",
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"GADFLY_SECRET": SECRET},
    )
    assert "enough" not in done.stdout + done.stderr
