"""Making the embedded models: what ``gadfly sandbox build`` does, from seeds.

For each size: a language model from nothing; comparisons of its replies by simulated members; a
preference model from them; the prompt distilled; RLHF from there. Beside them one independent
scorer: its own language model, names, members and comparisons. Then the trial of
:mod:`gadfly.sandbox.trial`, the card, and a manifest with the hash of every file.

    OUT/small/plain, preference, distilled, rlhf     likewise medium, large
    OUT/scorer                                       the independent scorer
    OUT/card.json, README.md                         what came out, with the claim and its verdicts
    OUT/manifest.json                                recipe, world and files by hash
    OUT.work/                                        the scorer's language model

Every step makes a folder that appears when it is whole, so a build that was stopped goes on.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from gadfly.assistants.local.sampling import Sampler
from gadfly.assistants.prompts import Prompt, read_prompt
from gadfly.assistants.training.distilled import train_distilled
from gadfly.assistants.training.policy import train_policy
from gadfly.errors import PersonError
from gadfly.models.loading import load_causal
from gadfly.preference.neural.training import train_neural
from gadfly.preference.scoring import open_scorer
from gadfly.records.canonical import content_hash
from gadfly.records.output import write_chunks
from gadfly.records.values import Message, PreferencePair
from gadfly.redteam.members import Population, SimulatedMember, draw_members
from gadfly.sandbox.card import BuildCard, card_markdown
from gadfly.sandbox.comparisons import compare, sample
from gadfly.sandbox.dialogues import WORLD, Opening, openings
from gadfly.sandbox.members import TownScene
from gadfly.sandbox.pretraining import make_tokenizer, pretrain
from gadfly.sandbox.reader import read
from gadfly.sandbox.recipe import Recipe, SizeRecipe
from gadfly.sandbox.shipped import HOME, MANIFEST, Manifest, hashes
from gadfly.sandbox.trial import (
    ArmTruth,
    Claim,
    ScorerTruth,
    answers,
    judge,
    scorer_truth,
    truth_of,
)
from gadfly.sandbox.world import Pool

__all__ = ["PLAIN_PROMPT", "PROMPT", "build"]

_COMMAND = "gadfly sandbox build"
PROMPT, PLAIN_PROMPT = "town-hhh", "town-one-shot"
Stage = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]
_PRETTY = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE


@dataclass(frozen=True)
class _Build:
    """What every step shares."""

    recipe: Recipe
    folder: Path
    work: Path
    stage: Stage
    tokenizer: Any
    prompt: Prompt
    plain: Prompt


def build(recipe: Recipe, folder: Path, *, stage: Stage) -> BuildCard:
    """Make all models of a recipe in a folder, or go on where it stopped.

    :param stage: opens a progress display for a step and yields its (done, total) callback.
    :raises PersonError: the folder holds another build, or something else.
    """
    work = folder.with_name(f"{folder.name}.work")
    _begin(recipe, folder, work)
    here = Path()
    made = _Build(
        recipe=recipe,
        folder=folder,
        work=work,
        stage=stage,
        tokenizer=make_tokenizer(),
        prompt=read_prompt(PROMPT, here),
        plain=read_prompt(PLAIN_PROMPT, here),
    )
    for size in recipe.sizes:
        _make_size(made, size)
    _make_scorer(made)
    for left in [
        *folder.glob("**/*.part"),
        *folder.glob("**/*.full"),
    ]:  # by a kill between two steps
        shutil.rmtree(left)
    card = _try(made)
    write_chunks(folder / "card.json", [orjson.dumps(card.model_dump(mode="json"), option=_PRETTY)])
    write_chunks(folder / "README.md", [card_markdown(card).encode()])
    manifest = Manifest(recipe=content_hash(recipe), world=WORLD, files=hashes(folder))
    write_chunks(
        folder / MANIFEST, [orjson.dumps(manifest.model_dump(mode="json"), option=_PRETTY)]
    )
    shutil.rmtree(work)
    return card


def _begin(recipe: Recipe, folder: Path, work: Path) -> None:
    """Refuse a folder that another recipe began."""
    asked = content_hash([recipe.model_dump(mode="json"), WORLD])
    note = work / "recipe.sha256"
    if note.is_file() and note.read_text() != asked:
        raise PersonError(
            f"{work}: a build with another recipe or another world was begun here; remove "
            f"{folder} and {work}, or give another folder"
        )
    if not note.is_file() and folder.exists() and any(folder.iterdir()):
        raise PersonError(f"{folder}: holds something already; give a new or empty folder")
    work.mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    note.write_text(asked)


def _make_size(made: _Build, size: SizeRecipe) -> None:
    name, seed = size.model.name, made.recipe.seed
    place = made.folder / name
    plain, preference = place / "plain", place / "preference"
    distilled, rlhf = place / "distilled", place / "rlhf"
    _pretrained(made, size, plain, pool="assistants", seed=seed)
    _preferred(made, size, plain, preference, pool="assistants", seed=seed)
    _halved(distilled, lambda whole: _distilled(made, size, plain, whole))
    _halved(rlhf, lambda whole: _reinforced(made, size, distilled, preference, whole))


def _distilled(made: _Build, size: SizeRecipe, plain: Path, folder: Path) -> None:
    conversations = _conversations(made, size, plain)
    with made.stage(f"{size.model.name}: the prompt distilled") as tell:
        train_distilled(
            plain,
            made.prompt.messages,
            conversations,
            folder,
            settings=size.distilled,
            seed=made.recipe.seed,
            command=_COMMAND,
            progress=tell,
        )


def _reinforced(
    made: _Build, size: SizeRecipe, distilled: Path, preference: Path, folder: Path
) -> None:
    name = size.model.name
    with made.stage(f"{name}: RLHF") as tell:
        train_policy(
            distilled,
            preference,
            _asked(f"policy/{name}", size.policy_prompts, harmful=True),
            _asked(f"policy/{name}", size.policy_prompts, harmful=False),
            folder,
            settings=size.policy,
            held_out=_asked(f"policy-held-out/{name}", 64, harmful=False),
            judge=_town_judge,
            seed=made.recipe.seed,
            command=_COMMAND,
            progress=tell,
        )


def _make_scorer(made: _Build) -> None:
    """The independent scorer: nothing that it learns from was seen by a filter or a policy."""
    size, base = made.recipe.scorer, made.work / "scorer-base"
    if not (made.folder / "scorer").exists():
        _pretrained(made, size, base, pool="scorer", seed=made.recipe.scorer_seed)
        _preferred(
            made, size, base, made.folder / "scorer", pool="scorer", seed=made.recipe.scorer_seed
        )


def _pretrained(made: _Build, size: SizeRecipe, folder: Path, *, pool: Pool, seed: int) -> None:
    if not folder.exists():
        with made.stage(f"{size.model.name}: a language model") as tell:
            pretrain(
                size.model, folder, pool=pool, seed=seed, tokenizer=made.tokenizer, progress=tell
            )


def _preferred(
    made: _Build, size: SizeRecipe, base: Path, folder: Path, *, pool: Pool, seed: int
) -> None:
    """A preference model from comparisons of the language model's replies."""
    if folder.exists():
        return
    name, recipe = size.model.name, made.recipe
    members = draw_members(
        recipe.members,
        Population(noise=recipe.noise),
        seed=seed,
        prefix=f"{pool}-{name}",
        scene=TownScene(pool),
    )
    with made.stage(f"{name}: comparisons") as tell:
        pairs = _pairs(made, size, base, members, pool, tell)
    with made.stage(f"{name}: a preference model") as tell:
        train_neural(
            pairs,
            base=base,
            folder=folder,
            settings=size.preference,
            training_data=[content_hash([pair.model_dump(mode="json") for pair in pairs])],
            members=[member.name for member in members],
            name=f"town-{name}" if pool == "assistants" else "town-scorer",
            base_name=f"{HOME}{name}",
            seed=seed,
            command=_COMMAND,
            progress=tell,
        )


def _pairs(
    made: _Build,
    size: SizeRecipe,
    base: Path,
    members: Sequence[SimulatedMember],
    pool: Pool,
    tell: Callable[[int, int], None],
) -> list[PreferencePair]:
    benign = round(size.comparisons * made.recipe.benign_share)
    seed = f"comparisons/{size.model.name}"
    asked: list[Opening] = [
        *openings(seed, size.comparisons - benign, pool, harmful=True),
        *openings(seed, benign, pool, harmful=False),
    ]
    sampler = Sampler(load_causal(base, device="cpu"))
    return compare(
        sampler, asked, members, plain=made.plain, prompted=made.prompt, seed=seed, progress=tell
    )


def _conversations(made: _Build, size: SizeRecipe, plain: Path) -> list[Sequence[Message]]:
    """What the prompt is distilled on: requests, half of them harmful, and the prompted replies."""
    name, half = size.model.name, size.conversations // 2
    asked = [
        *_asked(f"distilled/{name}", half, harmful=True),
        *_asked(f"distilled/{name}", half, harmful=False),
    ]
    with made.stage(f"{name}: prompted replies") as tell:
        before = [(*made.prompt.messages, *messages) for messages in asked]
        sampler = Sampler(load_causal(plain, device="cpu"))
        replies = sample(sampler, before, replies=1, seed=f"distilled/{name}", progress=tell)
    return [
        (*messages, Message(role="assistant", text=text))
        for messages, (text,) in zip(asked, replies, strict=True)
    ]


def _asked(seed: str, count: int, *, harmful: bool) -> list[Sequence[Message]]:
    return [one.messages for one in openings(seed, count, "assistants", harmful=harmful)]


def _town_judge(request: Sequence[Message], reply: str, /) -> tuple[float | None, bool]:
    reading = read([*request, Message(role="assistant", text=reply)])
    return reading.helpfulness, reading.evasive


def _halved(folder: Path, train: Callable[[Path], None]) -> None:
    """Train a checkpoint, and put it in its place with its weights rounded to float16, whole."""
    import torch
    from safetensors.torch import load_file, save_file

    full, half = (folder.with_name(f"{folder.name}.{what}") for what in ("full", "half"))
    for left in (half, full) if folder.exists() else (half,):  # by a build that was killed here
        shutil.rmtree(left, ignore_errors=True)
    if folder.exists():
        return
    if not full.exists():
        train(full)
    shutil.copytree(full, half)
    file = half / "model.safetensors"
    weights = {name: tensor.to(torch.float16) for name, tensor in load_file(file).items()}
    save_file(weights, file, metadata={"format": "pt"})
    config = orjson.loads((half / "config.json").read_bytes())
    config["dtype"] = "float16"
    write_chunks(half / "config.json", [orjson.dumps(config, option=_PRETTY)])
    half.rename(folder)
    shutil.rmtree(full)


def _try(made: _Build) -> BuildCard:
    """The trial on names and wordings that are in no training text."""
    count = made.recipe.judged
    harmful = openings("trial", count, "study", harmful=True, held_out=True)
    benign = openings("trial", count, "study", harmful=False, held_out=True)
    clusters = ([one.cluster for one in harmful], [one.cluster for one in benign])
    arms: list[ArmTruth] = []
    claims: list[Claim] = []
    scorers: list[ScorerTruth] = []
    independent = open_scorer(made.folder / "scorer")
    for size in made.recipe.sizes:
        name, place = size.model.name, made.folder / size.model.name
        scorer = open_scorer(place / "preference")
        found: dict[str, dict[str, Any]] = {"harmful": {}, "benign": {}}
        for arm, model, prompt in (
            ("plain lm", "plain", made.plain),
            ("prompted", "plain", made.prompt),
            ("distilled", "distilled", None),
            ("rejection sampling", "plain", made.prompt),
            ("rlhf", "rlhf", None),
        ):
            with made.stage(f"{name}: trial of {arm}") as tell:
                for sort, asked in (("harmful", harmful), ("benign", benign)):
                    found[sort][arm] = answers(
                        place / model,
                        asked,
                        prompt=prompt,
                        scorer=scorer if arm == "rejection sampling" else None,
                        seed=f"trial/{sort}",
                        progress=tell,
                    )
            arms.append(truth_of(name, arm, found["harmful"][arm], found["benign"][arm]))
        claims += judge(name, found["harmful"], found["benign"], clusters)
        with made.stage(f"{name}: scorers against the truth") as tell:
            asked = [*harmful, *benign]
            before = [(*made.plain.messages, *one.messages) for one in asked]
            sampler = Sampler(load_causal(place / "plain", device="cpu"))
            drawn = sample(sampler, before, replies=2, seed="scorers", progress=tell)
            scorers.append(scorer_truth(f"{name} preference model", scorer, asked, drawn))
            scorers.append(scorer_truth(f"independent scorer on {name}", independent, asked, drawn))
    return BuildCard(
        recipe=made.recipe,
        world=WORLD,
        arms=tuple(arms),
        claims=tuple(claims),
        scorers=tuple(scorers),
    )
