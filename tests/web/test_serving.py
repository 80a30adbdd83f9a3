"""Starting the site: what is refused, what is kept, whose keys open it."""

from __future__ import annotations

import socket
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from uvicorn.supervisors import Multiprocess

from gadfly.cli.serve import listen
from gadfly.errors import OperatorError, PersonError, StudyProblem
from gadfly.settings import Settings
from gadfly.store.sealing import Vault, new_key
from gadfly.web.serving import Serving, open_serving, subject_of
from gadfly.web.worker import VARIABLE
from tests.command import gadfly, start
from tests.web.site import write_study

SECRET = "a secret of at least thirty-two characters"


def opened(
    *paths: Path, loopback: bool = True, database: str | None = None, **told: str
) -> Serving:
    return open_serving(list(paths), Settings(**told), database=database, loopback=loopback)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({}, "GADFLY_SECRET is not set"),
        ({"secret": "short"}, "at least 32"),
        ({"secret": "a" * 64}, "random"),
        ({"secret": SECRET}, "GADFLY_KEYS is not set"),
        ({"secret": SECRET, "keys": new_key()}, "GADFLY_PUBLIC_URL is not set"),
        ({"secret": SECRET, "keys": "no key", "public_url": "https://x.example"}, "no key"),
    ],
)
def test_off_this_machine_every_secret_is_asked_for(
    tmp_path: Path, told: dict[str, str], said: str
) -> None:
    with pytest.raises(OperatorError, match=said):
        opened(write_study(tmp_path), loopback=False, **told)


def test_on_this_machine_a_secret_is_made_once_and_nobody_else_reads_it(tmp_path: Path) -> None:
    path = write_study(tmp_path)
    first = opened(path)
    first.leave()
    (file,) = tmp_path.glob("*.secret")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    second = opened(path)
    second.leave()
    assert first.secret == second.secret
    assert len(first.secret) >= 32
    assert first.secret.decode() not in repr(first)


def test_a_changed_file_says_how_people_s_study_goes_on(tmp_path: Path) -> None:
    opened(write_study(tmp_path)).leave()
    path = write_study(tmp_path, quota=60)
    with pytest.raises(StudyProblem, match="gadfly serve --amend"):
        opened(path)


def test_studies_of_one_server_share_one_database_and_have_names_of_their_own(
    tmp_path: Path,
) -> None:
    (tmp_path / "b").mkdir()
    one, two = write_study(tmp_path, "one"), write_study(tmp_path, "two")
    with pytest.raises(PersonError, match="share one database"):
        opened(one, two, secret=SECRET)
    again = write_study(tmp_path / "b", "one")
    with pytest.raises(PersonError, match="one name"):
        opened(one, again, secret=SECRET, database=f"sqlite:///{tmp_path}/all.db")
    serving = opened(one, two, secret=SECRET, database=f"sqlite:///{tmp_path}/all.db")
    assert set(serving.studies) == {"one", "two"}
    serving.leave()


def test_a_study_that_lacks_a_fact_is_not_served(tmp_path: Path) -> None:
    path = write_study(tmp_path)
    path.write_text(path.read_text().replace("  support: Ada Example, ada@example.org\n", ""))
    with pytest.raises(StudyProblem, match=r"care\.support is missing"):
        opened(path, secret=SECRET)


def test_several_processes_need_postgresql(tmp_path: Path) -> None:
    serving = opened(write_study(tmp_path), secret=SECRET)
    serving.check(1)
    with pytest.raises(OperatorError, match="PostgreSQL"):
        serving.check(2)
    serving.leave()


def test_a_contact_by_mail_needs_a_mail_server(tmp_path: Path) -> None:
    path = write_study(tmp_path)
    by_hook = write_study(tmp_path, "hook")
    by_hook.write_text(by_hook.read_text().replace("bea@example.org", "https://example.org/told"))
    smtp = "smtps://u:p@mail.example.org:465"
    for study, more in ((by_hook, {}), (path, {"smtp": smtp})):
        serving = opened(study, secret=SECRET, **more)
        serving.leave()
        assert serving.check_mail(loopback=False) is None
    environment = {
        "GADFLY_SECRET": SECRET,
        "GADFLY_KEYS": new_key(),
        "GADFLY_PUBLIC_URL": "https://study.example.org",
    }
    told = gadfly("serve", path, "--host", "0.0.0.0", **environment)
    assert told.returncode != 0
    assert "GADFLY_SMTP is not set: the legal contact of town" in told.stderr


def test_without_a_mail_server_serve_says_so_at_the_start(
    tmp_path: Path, socket_enabled: None
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = start("serve", write_study(tmp_path), "--port", port)
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if "Open http" in line:
            break
    process.kill()
    process.communicate()
    assert "GADFLY_SMTP is not set" in said


def test_several_processes_send_the_end_of_a_page_at_once(
    tmp_path: Path, socket_enabled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared: list[socket.socket] = []
    monkeypatch.setattr(Multiprocess, "run", lambda self: shared.extend(self.sockets))
    monkeypatch.setenv(VARIABLE, "")  # and taken back afterwards
    listen([tmp_path / "town.yaml"], host="127.0.0.1", port=0, workers=2, database=None)
    (listener,) = shared
    with closing(listener):
        listener.listen()
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_keys_are_rotated_and_the_old_one_can_go(tmp_path: Path) -> None:
    path, old, new = write_study(tmp_path), new_key(), new_key()
    open_ = opened(path, secret=SECRET)  # no key yet: erasure works, secrecy at rest does not
    person = open_.people.add(open_.studies["town"].id, ["member"])
    assert open_.people.add_step(person, 0, '{"type":"left"}')
    open_.leave()
    for keys in (old, f"{new},{old}"):
        serving = opened(path, secret=SECRET, keys=keys)
        assert serving.people.rewrap_keys() == 1
        serving.leave()
    serving = opened(path, secret=SECRET, keys=new)
    again = serving.people.get(person.id)
    assert again is not None
    assert serving.people.steps(again) == ['{"type":"left"}']
    serving.leave()
    serving = opened(path, secret=SECRET, keys=old)
    with pytest.raises(OperatorError, match="GADFLY_KEYS"):
        serving.people.steps(again)
    serving.leave()
    with pytest.raises(OperatorError, match="GADFLY_KEYS is not set, and people's texts"):
        opened(path, secret=SECRET)
    with closing(sqlite3.connect(tmp_path / "town.db")) as raw:
        (body,) = raw.execute("SELECT body FROM steps").fetchone()
        (key,) = raw.execute("SELECT data_key FROM people").fetchone()
    assert body.startswith("sealed:")
    assert key.startswith("wrapped:")


def test_a_sealed_text_opens_with_its_own_key_alone() -> None:
    vault = Vault([new_key()])
    mine, other = vault.new(), vault.new()
    sealed = vault.seal(mine, "what I wrote")
    assert vault.open(mine, sealed) == "what I wrote"
    assert "what" not in sealed
    with pytest.raises(OperatorError, match="does not open"):
        vault.open(other, sealed)


def test_who_somebody_is_elsewhere_is_hashed_with_the_servers_secret() -> None:
    one = subject_of(b"secret", "prolific", "5f1")
    assert one == subject_of(b"secret", "prolific", " 5F1 ")
    others = {
        subject_of(b"other", "prolific", "5f1"),
        subject_of(b"secret", "mturk", "5f1"),
        subject_of(b"secret", "prolific", "5f2"),
    }
    assert one not in others
    assert len(others) == 3


@pytest.mark.parametrize("public", ["https://study.example.org", "http://10.0.0.7:8000", "nowhere"])
def test_a_proxy_on_this_machine_lets_others_in(tmp_path: Path, public: str) -> None:
    """Listening on loopback is no excuse where a public address is stated."""
    path = write_study(tmp_path)
    with pytest.raises(OperatorError, match="GADFLY_SECRET is not set"):
        opened(path, public_url=public)
    with pytest.raises(OperatorError, match="GADFLY_KEYS is not set"):
        opened(path, public_url=public, secret=SECRET)
    environment = {"GADFLY_SECRET": SECRET, "GADFLY_KEYS": new_key(), "GADFLY_PUBLIC_URL": public}
    bare = {name: value for name, value in environment.items() if name != "GADFLY_KEYS"}
    for verb in (["serve", path], ["user", "add", path, "ada", "--role", "owner"]):
        done = gadfly(*verb, **bare)
        assert done.returncode == 3
        assert "GADFLY_KEYS is not set" in done.stderr
    refused = gadfly("serve", path, **environment)
    assert refused.returncode == 3
    assert "GADFLY_SMTP is not set" in refused.stderr
    opened(path, public_url="http://localhost:8000").leave()


def test_keys_that_were_forgotten_are_missed_before_the_first_page(tmp_path: Path) -> None:
    path, keys = write_study(tmp_path), new_key()
    serving = opened(path, keys=keys)
    serving.people.add(serving.studies["town"].id, ["member"])
    serving.leave()
    with pytest.raises(OperatorError, match="GADFLY_KEYS is not set, and people's texts"):
        opened(path)
    added = gadfly("user", "add", path, "ada", "--role", "owner")
    assert added.returncode == 3
    assert "GADFLY_KEYS is not set, and people's texts" in added.stderr
    opened(path, keys=keys).leave()
