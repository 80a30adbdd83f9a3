"""How the embedded models are made: every size, number and seed of the build.

A recipe is a value and is hashed into the build: another recipe makes other models. ``SHIPPED`` is
the one whose models come with Gadfly; ``cut_down`` makes of any recipe one that tests can afford.
"""

from __future__ import annotations

from collections.abc import Sequence

from gadfly.assistants.training.settings import DistilSettings, PolicySettings
from gadfly.errors import PersonError
from gadfly.preference.neural.settings import NeuralSettings
from gadfly.records.canonical import Record
from gadfly.sandbox.pretraining import LanguageModelSize

__all__ = ["SHIPPED", "Recipe", "SizeRecipe", "cut_down", "only"]


class SizeRecipe(Record):
    """Everything of one size."""

    model: LanguageModelSize
    """The language model."""
    comparisons: int
    """Comparisons that its preference model learns from, ties among them."""
    preference: NeuralSettings
    """Training of the preference model."""
    conversations: int
    """Conversations that the prompt is distilled on."""
    distilled: DistilSettings
    """Context distillation."""
    policy_prompts: int
    """Attacks, and as many benign requests, that the policy draws from."""
    policy: PolicySettings
    """RLHF."""


class Recipe(Record):
    """The whole build."""

    seed: int
    """Seed of the assistants and their filters."""
    scorer_seed: int
    """Seed of the independent scorer."""
    sizes: tuple[SizeRecipe, ...]
    """From small to large."""
    scorer: SizeRecipe
    """The independent scorer: its own language model, comparisons and members."""
    benign_share: float
    """Share of benign requests among the comparisons."""
    members: int
    """Simulated members who compare, for the filters and again for the scorer."""
    noise: float
    """Standard deviation with which they see a reply, in steps of harm."""
    judged: int
    """Held-out requests that the claim is tested on, harmful ones and as many benign."""


def _size(
    name: str,
    *,
    width: int,
    layers: int,
    heads: int,
    tokens: int,
    rate: float,
    policy_rate: float,
    comparisons: int,
) -> SizeRecipe:
    """One size; its later learning rates follow from that of its pretraining."""
    return SizeRecipe(
        model=LanguageModelSize(
            name=name,
            width=width,
            layers=layers,
            heads=heads,
            tokens=tokens,
            learning_rate=rate,
            bf16=width > 64,
        ),
        comparisons=comparisons,
        preference=NeuralSettings(
            learning_rate=rate / 3,
            epochs=2,
            batch_size=32,
            warmup_steps=20,
            weight_decay=0.05,
            mix={"harmless": 0.5, "helpful": 0.5},
            saved_as="float16",
            device="cpu",
        ),
        conversations=4_000,
        distilled=DistilSettings(
            learning_rate=rate / 4, steps=240, batch_size=32, evaluate_every=80, device="cpu"
        ),
        policy_prompts=1_500,
        policy=PolicySettings(
            learning_rate=policy_rate,
            beta=0.25,
            steps=30,
            completions_per_step=128,
            num_generations=8,
            max_new_tokens=40,
            benign_share=0.35,
            evaluate_every=15,
            device="cpu",
        ),
    )


_SMALL = _size(
    "small",
    width=48,
    layers=2,
    heads=4,
    tokens=5_000_000,
    rate=8e-3,
    policy_rate=1e-4,
    comparisons=5_000,
)
_MEDIUM = _size(
    "medium",
    width=96,
    layers=4,
    heads=6,
    tokens=4_000_000,
    rate=3e-3,
    policy_rate=8e-5,
    comparisons=4_000,
)
_LARGE = _size(
    "large",
    width=192,
    layers=5,
    heads=6,
    tokens=4_000_000,
    rate=2e-3,
    policy_rate=6e-5,
    comparisons=3_000,
)

SHIPPED = Recipe(
    seed=1,
    scorer_seed=2,
    sizes=(_SMALL, _MEDIUM, _LARGE),
    scorer=_MEDIUM.model_copy(
        update={
            "model": _MEDIUM.model.model_copy(update={"name": "scorer", "tokens": 3_000_000}),
            "comparisons": 6_000,
        }
    ),
    benign_share=0.5,
    members=60,
    noise=0.3,
    judged=400,
)
"""The recipe of the models that come with Gadfly."""


def only(recipe: Recipe, sizes: Sequence[str]) -> Recipe:
    """The same with some of its sizes.

    :raises PersonError: it has no such size.
    """
    known = {size.model.name: size for size in recipe.sizes}
    for name in sizes:
        if name not in known:
            raise PersonError(f"size: got {name!r}; allowed: {', '.join(known)}")
    wanted = tuple(size for name, size in known.items() if name in sizes)
    return recipe.model_copy(update={"sizes": wanted})


def cut_down(recipe: Recipe, *, share: float) -> Recipe:
    """The same with the smallest size alone, every amount a share of what it was."""

    def less(number: int, least: int) -> int:
        return max(least, round(number * share))

    def smaller(size: SizeRecipe) -> SizeRecipe:
        policy = size.policy.model_copy(
            update={"steps": less(size.policy.steps, 2), "completions_per_step": 32}
        )
        steps = less(size.distilled.steps, 4)
        return size.model_copy(
            update={
                "model": size.model.model_copy(update={"tokens": less(size.model.tokens, 20_000)}),
                "comparisons": less(size.comparisons, 200),
                "conversations": less(size.conversations, 120),
                "distilled": size.distilled.model_copy(update={"steps": steps}),
                "policy_prompts": less(size.policy_prompts, 100),
                "policy": policy,
            }
        )

    tiny = smaller(recipe.sizes[0])
    scorer = tiny.model_copy(
        update={"model": tiny.model.model_copy(update={"name": recipe.scorer.model.name})}
    )
    return recipe.model_copy(
        update={"sizes": (tiny,), "scorer": scorer, "judged": less(recipe.judged, 12)}
    )
