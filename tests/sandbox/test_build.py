"""The build: a cut-down smallest size is made anew, compared, killed and resumed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest

from gadfly.records.canonical import content_hash
from gadfly.sandbox.dialogues import WORLD
from gadfly.sandbox.recipe import SHIPPED
from gadfly.sandbox.shipped import MANIFEST, Manifest, hashes, models_folder
from tests.run.zygote import zygote

GOLDEN = Path(__file__).with_name("golden.json")
COMMAND = [Path(sys.executable).parent / "gadfly", "sandbox", "build", "--share", "0.01", "--out"]
ONE_THREAD = os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "200"}

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("build") / "models"
    done = subprocess.run(
        [*COMMAND, folder], env=ONE_THREAD, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_a_rebuild_is_what_it_was(built: Path) -> None:
    """Losses and truth of the cut-down build, against those of an earlier one."""
    golden = orjson.loads(GOLDEN.read_bytes())
    losses = orjson.loads((built / "small" / "plain" / "card.json").read_bytes())["losses"]
    assert losses == pytest.approx(golden["losses"], rel=2e-3)
    card = orjson.loads((built / "card.json").read_bytes())
    found = [[arm["arm"], arm["harm"], arm["evasion"]] for arm in card["arms"]]
    for mine, expected in zip(found, golden["arms"], strict=True):
        assert mine[0] == expected[0]
        assert mine[1:] == pytest.approx(expected[1:], abs=0.25)  # 24 replies of an unripe model
    assert [claim["number"] for claim in card["claims"]] == [1, 2, 3]


def test_a_build_that_was_killed_again_and_again_comes_out_the_same(
    built: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "models"
    work = folder.with_name("models.work")
    small = folder / "small"
    with zygote("tests.sandbox.builders") as builders:
        for seen in (
            small / "plain",
            small / "distilled.full",
            small / "rlhf.full.part",
            work / "scorer-base",
        ):
            build = builders.begin(folder)
            while not seen.exists() and not builders.ended(build):
                time.sleep(0.002)
            os.kill(build, signal.SIGKILL)
            assert builders.wait(build) == -signal.SIGKILL  # it was not over yet
        assert builders.wait(builders.begin(folder), 300) == 0
    again, once = hashes(folder), hashes(built)
    assert again.keys() == once.keys()
    weights = [name for name in once if name.endswith(".safetensors")]
    assert len(weights) == 5
    assert {name: again[name] for name in weights} == {name: once[name] for name in weights}
    assert not work.exists()


def test_a_folder_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    done = subprocess.run(
        [*COMMAND, tmp_path], env=ONE_THREAD, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "holds something already" in " ".join(done.stderr.split())


def shipped() -> Manifest:
    return Manifest.model_validate_json((models_folder() / MANIFEST).read_bytes())


def test_the_shipped_models_are_those_of_the_recipe_and_the_world() -> None:
    manifest = shipped()
    assert manifest.recipe == content_hash(SHIPPED)
    assert manifest.world == WORLD


def test_every_shipped_file_is_in_the_manifest_and_unchanged() -> None:
    assert hashes(models_folder()) == shipped().files


def test_they_are_small_and_half_precise() -> None:
    from safetensors import safe_open

    files = [path for path in models_folder().rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 30_000_000
    weights = [path for path in files if path.suffix == ".safetensors"]
    assert len(weights) == 13
    for path in weights:
        with safe_open(path, framework="pt") as opened:
            assert {opened.get_slice(name).get_dtype() for name in opened.keys()} == {"F16"}  # noqa: SIM118
    assert not [path for path in files if path.suffix in {".bin", ".pkl", ".pt"}]
