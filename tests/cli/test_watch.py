"""``gadfly run --watch``: on a terminal, in a log, and for programs."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from gadfly.assistants import server as serving
from gadfly.run.tally import ArmTally, Tally
from tests.command import gadfly
from tests.stub import Stub

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


@pytest.fixture
def study(tmp_path: Path, stub: Stub) -> Path:
    owner = ["--contact", "Ada", "--authorised", "my own server"]
    made = gadfly("init", "mine", "--endpoint", stub.url, "--model", "m", *owner, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    path = tmp_path / "mine" / "study.yaml"
    study = yaml.safe_load(path.read_text())
    for arm in study["arms"]:
        arm["assistant"]["price"] = {"input": 1000.0, "output": 2000.0}
    study["budget"] = {"currency": "EUR"}
    path.write_text(yaml.safe_dump(study, sort_keys=False))
    return path


def test_in_a_log_it_is_lines(study: Path, stub: Stub, tmp_path: Path) -> None:
    stub.answers = [(500, {"error": {"message": "busy"}}), (429, {"error": {"message": "slow"}})]
    run = gadfly("run", study, "--watch", "--json", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    said = json.loads(run.stdout)["run"]
    assert said["arms"]["as served m"] == {"wanted": 25, "over": 25, "lasting": 0}
    assert said["faults"] == {"server error": 1, "rate limited": 1}
    assert said["requests"] == len(stub.asked)
    assert said["replies"] == {"complete": 2 * (len(stub.asked) - 2)}
    cost = (said["tokens_in"] * 1000 + said["tokens_out"] * 2000) / 1e6
    assert said["cost"] == pytest.approx(cost)
    line = run.stderr.replace("\n", " ")
    assert "Attacks 50 of 50 (as served m 25/25, prompted m 25/25)" in line
    assert "faults: 1 rate limited, 1 server error" in line
    assert f"cost so far {cost:,.4f} EUR" in line
    assert "time left: 0:00:00" in line


def test_a_cost_nobody_knows_is_not_zero(study: Path, tmp_path: Path) -> None:
    values = yaml.safe_load(study.read_text())
    for arm in values["arms"]:
        del arm["assistant"]["price"]
    study.write_text(yaml.safe_dump(values))
    run = gadfly("run", study, "--watch", "--json", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["run"]["cost"] is None
    assert "cost so far not known: no price stated" in run.stderr.replace("\n", " ")


def test_on_a_terminal_it_is_a_table(study: Path, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "gadfly.cli.main", "run", str(study), "--watch"],
        stdout=theirs,
        stderr=theirs,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "100", "LINES": "40"},
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            seen += os.read(ours, 4096)
        except OSError:  # the other side is closed
            break
    os.close(ours)
    assert process.wait(60) == 0
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen.decode())
    for part in ("Arm", "Under way", "as served m", "a second", "cost so far", "time left"):
        assert part in text
    assert re.search(r"as served m\s+\S+\s+25\s+25\s+0", text)


def test_time_left_follows_the_pace_of_this_run(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    tally = Tally(arms={"a": ArmTally(wanted=100)}, began_at=100.0)
    tally.recount({"a": (40, 5)}, 0, 0, 0.0)
    assert tally.seconds_left() is None
    now[0] += 10
    tally.arms["a"].over = 60
    assert tally.seconds_left() == pytest.approx(20)
    assert tally.rate() == 0
    tally.requests["answered"] += 30
    now[0] += 5
    assert tally.rate() == pytest.approx(6)


def test_pauses_grow_and_differ() -> None:
    for faults, most in [(1, 1.0), (2, 2.0), (3, 4.0), (20, 30.0)]:
        pauses = {serving._pause(faults) for _ in range(50)}
        assert len(pauses) > 40
        assert most / 2 <= min(pauses) <= max(pauses) <= most
