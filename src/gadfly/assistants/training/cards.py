"""The cards of trained assistants: ``card.json`` for programs, ``README.md`` for people.

Nothing in a card depends on the time or the machine, so that one training gives one card (to the
last digits that the same sums give on another machine).
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

from gadfly.assistants.training.progress import Row
from gadfly.assistants.training.reward import HeldOut
from gadfly.preference.card import table
from gadfly.preference.lineage import package_version
from gadfly.records.canonical import Record

__all__ = ["DistilledCard", "Made", "PolicyCard", "distilled_markdown", "made", "policy_markdown"]

_LIBRARIES = ("accelerate", "torch", "transformers", "trl")
_TABLE_ROWS = 12


class Made(Record):
    """How a checkpoint was made."""

    lineage: str
    """Hash of what shaped it, as in ``lineage.json``."""
    command: str
    """The command that made it; empty where a program did."""
    package_version: str
    """Version of Gadfly."""
    libraries: dict[str, str]
    """Versions of the libraries that did the sums."""
    seed: int
    """Seed of the training."""
    settings: dict[str, str | int | float | None]
    """Its settings."""
    dropped: dict[str, int]
    """Conversations left out, by reason."""


class DistilledCard(Record):
    """What ``card.json`` of a distilled assistant holds."""

    made: Made
    """How it was made."""
    teacher: str
    """The teacher: hash of its weights."""
    student: str
    """What the student started from, likewise."""
    n_prompt_tokens: int
    """Length of the prompt that it stands for."""
    n_conversations: int
    """Conversations it learned from."""
    n_held_out: int
    """Conversations it was measured on."""
    divergence_before: float
    """Mean KL(prompted teacher ‖ student) per token on the held-out conversations, in nats."""
    divergence_after: float
    """The same after training."""


class PolicyCard(Record):
    """What ``card.json`` of a policy trained by reinforcement holds."""

    made: Made
    """How it was made."""
    base: str
    """What it started from and is held to: hash of its weights."""
    preference_model: str
    """The reward: name, version and lineage hash."""
    n_attacks: int
    """Prompts that are attacks."""
    n_benign: int
    """Prompts that are benign requests."""
    held_out: tuple[HeldOut, ...]
    """On benign requests not trained on: before the first step, on the way, and after the last."""
    reward_first: float
    """Mean reward of the first step's completions."""
    reward_last: float
    """Mean reward of the last step's completions."""
    divergence: float
    """KL(policy ‖ start) of a reply at the last step, estimated; in nats, see ``kl`` in the log."""


def made(
    *, lineage: str, command: str, seed: int, settings: Record, dropped: dict[str, int]
) -> Made:
    """How a checkpoint was made, with the versions in use."""
    return Made(
        lineage=lineage,
        command=command,
        package_version=package_version(),
        libraries={name: version(name) for name in _LIBRARIES},
        seed=seed,
        settings=settings.model_dump(mode="json"),
        dropped=dropped,
    )


def distilled_markdown(card: DistilledCard, log: Sequence[Row]) -> str:
    """The card of a distilled assistant for people."""
    rows = [row for row in log if row.get("divergence") is not None]
    parts = [
        "# Assistant by context distillation",
        "A language model that was taught to answer without a prompt as its teacher answers with "
        f"one of {card.n_prompt_tokens:,} tokens (Askell et al. 2021; Bai et al. 2022, A.1).",
        "## How well it does",
        f"KL(prompted teacher ‖ student) per token on {card.n_held_out:,} conversations it did not "
        f"learn from: {card.divergence_before:.4f} nats before, {card.divergence_after:.4f} after "
        f"{card.made.settings['steps']} steps on {card.n_conversations:,} conversations.",
        table(("step", "KL, held out"), [(r["step"], _number(r["divergence"])) for r in rows]),
        "## How it was made",
        f"Teacher: `{card.teacher}`; student: `{card.student}`.",
        _origin(card.made),
    ]
    return "\n\n".join(parts) + "\n"


def policy_markdown(card: PolicyCard, log: Sequence[Row]) -> str:
    """The card of a policy for people."""
    first, last = card.held_out[0], card.held_out[-1]
    steps = [row for row in log if row.get("reward") is not None]
    keep = max(1, -(-len(steps) // _TABLE_ROWS))
    shown = [row for place, row in enumerate(steps) if place % keep == 0 or row is steps[-1]]
    names = ("step", "reward", "reward_attacks", "reward_benign", "kl", "length", "unfinished")
    parts = [
        "# Assistant by reinforcement from a preference model",
        "A language model that was trained by RLOO (Ahmadian et al. 2024) to get better scores "
        "from a preference model, held to its start by a KL penalty.",
        "## How it does on benign requests that it was not trained on",
        f"Replies that evade: {first.evasive:.1%} before, {last.evasive:.1%} after, of "
        f"{last.n:,} requests.",
        table(
            ("step", "evasive", "helpful (judge)", "score (preference model)", "tokens"),
            [
                (
                    one.step,
                    f"{one.evasive:.1%}",
                    _number(one.helpful),
                    _number(one.score),
                    f"{one.length:.1f}",
                )
                for one in card.held_out
            ],
        ),
        "The score is by the very model that was the reward: it is no independent measure.",
        "## The training",
        "Reward: mean score of the step's completions, and of those to attacks and to benign "
        "requests. KL: of a reply, in nats, by the mean over sampled replies of the sum over "
        "tokens of log π(token) − log π₀(token). Length in tokens.",
        table(
            ("step", "reward", "on attacks", "on benign", "KL", "length", "unfinished"),
            [tuple(_number(row.get(name)) for name in names) for row in shown],
        ),
        "## How it was made",
        f"Start: `{card.base}`; preference model: {card.preference_model}. Prompts: "
        f"{card.n_attacks:,} attacks, {card.n_benign:,} benign requests.",
        _origin(card.made),
    ]
    return "\n\n".join(parts) + "\n"


def _origin(how: Made) -> str:
    settings = "; ".join(f"{name} {value}" for name, value in how.settings.items())
    left_out = ", ".join(f"{n:,} {why}" for why, n in how.dropped.items()) or "none"
    libraries = ", ".join(f"{name} {got}" for name, got in how.libraries.items())
    command = f"    {how.command}\n\n" if how.command else ""
    return (
        f"{command}Left out: {left_out}.\n\nSettings: {settings}; seed {how.seed}.\n\n"
        f"Gadfly {how.package_version}; {libraries}; lineage {how.lineage}."
    )


def _number(value: float | int | None) -> str:
    if value is None:
        return "–"
    return str(value) if isinstance(value, int) else f"{value:.3f}"
