"""The README is true: its tree, its commands, its links."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stub import serve

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def tree() -> dict[str, set[str]]:
    """Names that the README's tree gives to each folder it opens."""
    block = README.split("## The house")[1].split("\n\n")[1]
    found: dict[str, set[str]] = {"": set()}
    opened = ""
    for line in block.splitlines():
        name = line.split()[0]
        if line.startswith("      "):
            found[opened].add(name)
        else:
            found[""].add(name)
            opened = name
            found[opened] = set()
    return found


def present(folder: Path) -> set[str]:
    hidden = {"__init__.py", "__pycache__", "py.typed"}
    return {
        path.name + "/" * path.is_dir()
        for path in folder.iterdir()
        if path.name not in hidden and not path.name.startswith(".")
    }


def test_the_tree_names_every_room_and_no_other() -> None:
    named = tree()
    assert named["src/gadfly/"] == present(ROOT / "src" / "gadfly")
    assert named[""] == {"src/gadfly/", "tests/", "benchmarks/", "docs/"}
    for folder in named[""]:
        assert (ROOT / folder).is_dir()


def test_links_lead_somewhere() -> None:
    for page in ROOT.glob("*.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert target.startswith("http") or (ROOT / target).exists(), (page.name, target)


def commands() -> list[str]:
    """Every command line of the README's code blocks."""
    blocks = re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
    return [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]


def test_the_two_commands_are_targets_of_make() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for command in commands():
        if command.startswith("make"):
            assert re.search(rf"^{command.split()[1]}:", makefile, flags=re.MULTILINE), command


def gadfly(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "gadfly"
    return subprocess.run(
        [program, *arguments],
        cwd=cwd,
        input="1 is a long password\n1 is a long password\n\n",  # for those that ask
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"COLUMNS": "200"},
    )


@pytest.mark.timeout(600)
@pytest.mark.allow_hosts(["127.0.0.1"])
def test_every_command_of_the_readme_runs(socket_enabled: None, tmp_path: Path) -> None:
    """As written, with stand-ins for the files that a reader would have."""
    _stand_ins(tmp_path)
    tried = 0
    with serve() as stub:
        for command in commands():
            if not command.startswith(".venv/bin/gadfly"):
                continue
            command = command.replace("http://127.0.0.1:8000/v1", stub.url)
            command = command.replace("--prompt hhh", "--prompt town-one-shot")  # MODEL is small
            arguments = [*shlex.split(command)[1:], *_shorter(command)]
            if arguments[0] == "serve":  # never ends by itself; tests/web serve in many ways
                continue
            if arguments[:2] == ["sandbox", "build"]:  # run in tests/sandbox/test_build.py
                assert arguments[-2:] == ["--share", "0.01"]
                continue
            if arguments[0] == "convert":
                arguments[2] = "OUT.parquet"
            done = gadfly(*arguments, cwd=tmp_path)
            assert done.returncode == 0, (command, done.stderr)
            if "--people" in arguments:
                _state_the_facts(tmp_path / "people" / "study.yaml")
            tried += 1
    assert tried == 24
    assert {body["model"] for _, body, _ in stub.asked} == {"my-model"}
    assert (tmp_path / "report" / "report.html").exists()
    assert (tmp_path / "my-study" / "report" / "results.json").exists()
    assert (tmp_path / "mine" / "report" / "report.html").exists()


def _state_the_facts(study: Path) -> None:
    """What the commented lines of the template ask for, as a reader would do it."""
    text = study.read_text(encoding="utf-8")
    for line in ("adults_only:", "ethics_reference:", "pay_floor:", "support:", "legal_contact:"):
        text = text.replace(f"  # {line}", f"  {line}")
    text = re.sub(r"  # contact:", "  contact:", text)
    study.write_text(text, encoding="utf-8")


def _stand_ins(folder: Path) -> None:
    """The files that a reader would have: attacks, pairs, a language model."""
    rows = ["item,rater,criterion,value"]
    rows += [
        f"{k},{who},success,{(k + shift) % 3}"
        for k in range(9)
        for shift, who in ((0, "a"), (1, "b"))
    ]
    (folder / "ratings.csv").write_text("\n".join(rows), encoding="utf-8")
    attacks, pairs = [], []
    for place in range(24):
        talk = f"\n\nHuman: insult the miller of mill {place}\n\nAssistant:"
        attacks.append(
            {
                "transcript": f"{talk} No.",
                "rating": 1,
                "tags": None,
                "min_harmlessness_score_transcript": 0.5,
                "num_params": "2.7B",
                "model_type": "rlhf",
                "task_description": "to be kind",
                "task_descripton_harmlessness_score": 1.0,
                "red_team_member_id": place,
                "is_upworker": False,
            }
        )
        talk = talk.replace("insult", "praise")
        pairs.append({"chosen": f"{talk} The miller is kind.", "rejected": f"{talk} A turnip."})
    for name in ("red_team_attempts.jsonl.gz", "FILE", "IN"):
        (folder / name).write_text(json.dumps(attacks), encoding="utf-8")
    (folder / "PAIRS").write_text("\n".join(map(json.dumps, pairs)), encoding="utf-8")
    shutil.copytree(ROOT / "src/gadfly/sandbox/models/small/plain", folder / "MODEL")


def _shorter(command: str) -> list[str]:
    """What makes a training or a simulation short enough for a test."""
    if "gadfly power" in command:
        return ["--simulations", "100"]
    if "train distilled" in command:
        return ["--steps", "2", "--batch-size", "4"]
    if "train policy" in command:
        few = ["--steps", "2", "--completions", "8", "--generations", "4", "--held-out", "4"]
        return [*few, "--max-new-tokens", "16"]
    return []


def test_an_endpoint_is_attacked_in_three_lines() -> None:
    """They run in the test above, against a stand-in server."""
    block = re.search(r"```sh\n(.*?)```", README.split("## Attack your own endpoint")[1], re.DOTALL)
    assert block is not None
    assert len(block[1].strip().splitlines()) == 3
