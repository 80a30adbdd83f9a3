"""The command line: exit codes, one message, JSON for programs, harmless with hostile text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import gadfly


def row(**changes: object) -> dict[str, object]:
    plain: dict[str, object] = {
        "transcript": "\n\nHuman: hi\n\nAssistant: hello",
        "min_harmlessness_score_transcript": 0.5,
        "num_params": "2.7B",
        "model_type": "rlhf",
        "rating": 1.0,
        "task_description": "to be kind",
        "task_descripton_harmlessness_score": 1.0,
        "red_team_member_id": 3,
        "is_upworker": False,
        "tags": None,
    }
    return plain | changes


def write(path: Path, *rows: dict[str, object]) -> Path:
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


@pytest.fixture
def study(tmp_path: Path) -> Path:
    assert gadfly("init", "mine", cwd=tmp_path).returncode == 0
    return tmp_path / "mine" / "study.yaml"


def test_a_study_from_init_to_report(study: Path, tmp_path: Path) -> None:
    check = gadfly("check", study, "--json", cwd=tmp_path)
    assert json.loads(check.stdout)["effort"]["attacks"] == 200
    run = gadfly("run", study, "--json", cwd=tmp_path)
    assert json.loads(run.stdout)["attacks"] == 200
    again = gadfly("run", study, "--json", cwd=tmp_path)
    assert json.loads(again.stdout)["started"] == 0
    done = gadfly("analyze", study, "--out", "report", "--json", cwd=tmp_path)
    results = json.loads(done.stdout)
    assert results["n_attacks"] == 200
    assert results["design"] == "randomised"
    assert sum(results["outcomes"].values()) == 200
    assert results["provenance"]["protocol_hash"] == json.loads(check.stdout)["protocol_hash"]
    assert json.loads((tmp_path / "report" / "results.json").read_text()) == results
    assert [a["num_params"] for a in results["arms"]] == ["small", "large", "small", "large"]


def test_the_database_may_stand_elsewhere(study: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    assert gadfly("run", study, cwd=tmp_path, GADFLY_DATABASE=url).returncode == 0
    assert (tmp_path / "elsewhere.db").exists()
    assert not study.with_suffix(".db").exists()
    assert gadfly("analyze", study, "--out", "r", "--database", url, cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["analyze", "nothing.json", "--out", "r"], 2, "nothing.json"),
        (["analyze", "seven.json", "--out", "r"], 2, "record 2, field rating: got 7"),
        (["analyze", ".", "--out", "r"], 2, "folder"),
        (["convert", "seven.json", "out.parquet"], 2, "record 2, field rating: got 7"),
        (["convert", "fine.json", "out.xyz"], 2, "format"),
        (["check", "nothing.yaml"], 2, "gadfly init"),
        (["run", "nothing.yaml"], 2, "gadfly init"),
        (["score", "fine.json", "--preference-model", "none", "--out", "o.json"], 2, "none"),
        (["train", "preference", "fine.json", "--out", "m"], 2, "fine.json"),
        (["evaluate", "preference", "p", "--preference-model", "none"], 2, "none"),
        (["run", "mine/study.yaml", "--database", "sqlite:////nowhere/x.db"], 3, "does not exist"),
        (["nonsense"], 2, "No such command"),
        (["analyze", "fine.json", "--out", "r", "--level", "2"], 2, "level"),
        (["analyze", "fine.json", "--out", "r", "--score", "mean"], 2, "score: got mean"),
        (["reproduce", "fine.json", "--out", "r", "--score", "last"], 2, "score: got last"),
        (["analyze", "fine.json", "--out", "r", "--tags-by", "all"], 2, "there are no reviews"),
        (["analyze", "fine.json", "--out", "r", "--success-by", "reviewers"], 2, "no reviews"),
    ],
)
def test_a_mistake_ends_in_one_message(
    study: Path, tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    write(tmp_path / "fine.json", row())
    write(tmp_path / "seven.json", row(), row(rating=7))
    done = gadfly(*arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_settings_that_cannot_be_say_which(study: Path, tmp_path: Path) -> None:
    done = gadfly("run", study, cwd=tmp_path, GADFLY_CONCURRENCY="many")
    assert done.returncode == 3
    assert "GADFLY_CONCURRENCY" in done.stderr


def test_lenient_skips_counts_and_reports(tmp_path: Path) -> None:
    path = write(tmp_path / "mixed.json", row(), row(rating=7), row(tags="x"), row(rating=2))
    done = gadfly("analyze", path, "--out", "r", "--lenient", "--json", cwd=tmp_path)
    results = json.loads(done.stdout)
    assert (results["n_attacks"], results["skipped"]) == (2, 2)
    assert any("record 2, field rating" in note for note in results["notes"])
    page = (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
    assert "2 records" in page


def test_hostile_names_reach_a_terminal_as_text(tmp_path: Path) -> None:
    name = "\x1b[31mred\x07[bold]x[/bold]"
    path = write(tmp_path / "hostile.json", row(model_type=name))
    done = gadfly("analyze", path, "--out", "r", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "\x1b[31mred" not in done.stdout
    assert "\x07" not in done.stdout
    assert "[bold]" in done.stdout


def test_ci_iid_is_the_papers(tmp_path: Path) -> None:
    rows = [row(rating=i % 5, red_team_member_id=i // 8) for i in range(80)]
    path = write(tmp_path / "f.json", *rows)
    methods = [
        json.loads(
            gadfly("analyze", path, "--out", "r", "--ci", ci, "--json", cwd=tmp_path).stdout
        )["arms"][0]["rating"]["method"]
        for ci in ("cluster", "iid")
    ]
    assert "by member" in methods[0]
    assert "by member" not in methods[1]


def test_a_report_names_the_scorer_whose_scores_it_shows(tmp_path: Path) -> None:
    """Scores of two scorers are never mixed; rescored, the file is reported under the new one."""
    rows = [
        row(red_team_member_id=i, transcript=f"\n\nHuman: hi {i}\n\nAssistant: ok {i}")
        for i in range(12)
    ]
    path = write(tmp_path / "f.json", *rows)
    pairs = [
        {
            "chosen": f"\n\nHuman: q {i}\n\nAssistant: gladly {i}",
            "rejected": f"\n\nHuman: q {i}\n\nAssistant: never {i}",
        }
        for i in range(30)
    ]
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, pairs)), encoding="utf-8")
    done = gadfly("train", "preference", "pairs.jsonl", "--out", "m", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for name in ("s.parquet", "s.jsonl"):
        done = gadfly("score", path, "--preference-model", "m", "--out", name, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        done = gadfly("analyze", name, "--out", "r", "--json", cwd=tmp_path)
        results = json.loads(done.stdout)
        assert results["scorer"]["name"] == "gadfly-linear"
        assert results["scorer"]["lineage"].startswith("sha256:")
        assert {arm["lineage_mark"] for arm in results["arms"]} == {"unverified"}
    published = json.loads(gadfly("analyze", path, "--out", "r", "--json", cwd=tmp_path).stdout)
    assert published["scorer"]["name"] == "published"
    assert {arm["lineage_mark"] for arm in published["arms"]} == {"circular"}
    assert gadfly("convert", path, "p.jsonl", cwd=tmp_path).returncode == 0
    both = (tmp_path / "p.jsonl").read_text() + (tmp_path / "s.jsonl").read_text()
    (tmp_path / "both.jsonl").write_text(both, encoding="utf-8")
    mixed = gadfly("analyze", "both.jsonl", "--out", "r", cwd=tmp_path)
    assert mixed.returncode == 2
    assert "2 scorers" in " ".join(mixed.stderr.split())


def test_version_and_help(tmp_path: Path) -> None:
    assert gadfly("--version", cwd=tmp_path).stdout.startswith("gadfly 0.")
    text = gadfly("--help", cwd=tmp_path).stdout
    for verb in (
        "demo",
        "init",
        "check",
        "run",
        "analyze",
        "score",
        "convert",
        "train",
        "evaluate",
    ):
        assert verb in text


@pytest.mark.parametrize("missing", ["torch", "transformers"])
def test_an_install_without_models_says_what_to_install(missing: str, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.partition('.')[0] == {missing!r}:\n"
        f"            raise ModuleNotFoundError('No module', name={missing!r})\n"
        "sys.meta_path.insert(0, Absent())\n"
    )
    done = gadfly("demo", "--out", tmp_path / "demo", "--no-open", PYTHONPATH=str(tmp_path))
    assert done.returncode == 3
    assert f"this needs {missing}" in " ".join(done.stderr.split())
    assert "pip install 'gadfly[models]'" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
