"""From people on the site to the report: what they did is analysed, sealed or not."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from gadfly.run.report import read
from gadfly.store.audit import Audit
from gadfly.store.sealing import new_key
from gadfly.store.store import Store
from tests.command import gadfly
from tests.web.journeys import act, begin, dialogue, to_the_brief, turn
from tests.web.site import serve, write_study

pytestmark = [pytest.mark.allow_hosts(["127.0.0.1"]), pytest.mark.usefixtures("socket_enabled")]


def test_what_people_did_is_analysed_with_what_they_took_back_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = new_key()
    monkeypatch.setenv("GADFLY_KEYS", key)
    path = write_study(tmp_path, task_size=3)
    with serve(path) as site:  # the site finds the keys in the environment
        for _ in range(2):
            browser = site.browser(site.person())
            to_the_brief(browser)
            dialogue(browser, turns=2, success=5, harm=4)
        expert = site.browser(site.person("member", "expert", domains=["law"]))
        to_the_brief(expert)
        dialogue(expert, success=1)
        gone = site.browser(site.person())
        to_the_brief(gone)
        place = begin(gone)
        act(gone, place, "describe", text="something that I take back")
        turn(gone, place)
        gone.post("/withdraw", sure="1")
    done = gadfly("analyze", path, "--out", tmp_path / "report")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report" / "report.html").exists()
    assert "1 attacks were withdrawn" in " ".join(done.stderr.split())
    with closing(Store(f"sqlite:///{path.with_suffix('.db')}")) as store:
        last = Audit(store.database).entries(1)[0]
    assert (last.who, last.what, last.object) == ("operator", "analysed", "attacks")
    assert json.loads(last.detail) == {"records": 3}  # what was taken back is not read
    frame = read(path, keys=[key]).frame
    assert frame.height == 3
    assert sorted(frame["rating"].to_list()) == [0, 4, 4]
    assert set(frame["team_type"].to_list()) == {"crowd", "expert"}
    monkeypatch.delenv("GADFLY_KEYS")
    refused = gadfly("analyze", path, "--out", tmp_path / "again")
    assert refused.returncode == 3
    assert "GADFLY_KEYS" in refused.stderr
