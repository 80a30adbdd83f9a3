"""``gadfly train distilled`` and ``gadfly train policy``: assistants from other assistants."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from gadfly.cli.console import Json, invocation, out, plain, print_json, progress, settings

__all__ = ["distilled", "policy"]

_FILES = "Files of attacks or pairs."
Into = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to make.")]
Steps = Annotated[int | None, typer.Option(help="Steps of the optimiser.", min=1)]
Rate = Annotated[float | None, typer.Option(help="Learning rate at the start; falls to zero.")]
Micro = Annotated[
    int | None, typer.Option(help="Texts at once, a divisor of those of a step.", min=1)
]
Dtype = Annotated[Literal["float32", "bfloat16"] | None, typer.Option(help="Of the products.")]
Device = Annotated[str | None, typer.Option(help="cpu, cuda, ...; else the best there is.")]
Seed = Annotated[int, typer.Option(help="Seed of everything drawn.", min=0)]
Force = Annotated[bool, typer.Option("--force", help="Replace the assistant in DIR.")]


def distilled(
    teacher: Annotated[str, typer.Option(metavar="MODEL", help="Folder or hub name.")],
    conversations: Annotated[list[Path], typer.Option(metavar="FILE", help=_FILES)],
    into: Into,
    prompt: Annotated[str, typer.Option(help="A shipped prompt, or a Markdown file.")] = "hhh",
    student: Annotated[
        str | None, typer.Option(metavar="MODEL", help="What to start from; else the teacher.")
    ] = None,
    steps: Steps = None,
    learning_rate: Rate = None,
    batch_size: Annotated[int | None, typer.Option(help="Conversations a step.", min=1)] = None,
    micro_batch: Micro = None,
    dtype: Dtype = None,
    device: Device = None,
    seed: Seed = 0,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Teach a model to answer without a prompt as its teacher does with one.

    Stopped, the same command goes on where it was.
    """
    from gadfly.run.training import DistilSettings, distil_files

    made = settings(
        DistilSettings,
        steps=steps,
        learning_rate=learning_rate,
        batch_size=batch_size,
        micro_batch=micro_batch,
        dtype=dtype,
        device=device,
    )
    with progress("Distilling") as tell:
        card = distil_files(
            teacher,
            prompt,
            conversations,
            into,
            settings=made,
            student=student,
            seed=seed,
            force=force,
            command=invocation(),
            progress=tell,
        )
    if as_json:
        print_json(card)
        return
    out.print(plain(f"{into}: distilled on {card.n_conversations:,} conversations"))
    out.print(f"  left out: {sum(card.made.dropped.values()):,}")
    out.print(
        f"  KL from the prompted teacher, per token of {card.n_held_out:,} conversations not seen: "
        f"{card.divergence_before:.4f} nats before, {card.divergence_after:.4f} after"
    )


def policy(
    base: Annotated[str, typer.Option(metavar="MODEL", help="Where to start: a distilled one.")],
    preference_model: Annotated[Path, typer.Option(metavar="DIR", help="The reward.")],
    attacks: Annotated[list[Path], typer.Option(metavar="FILE", help=_FILES)],
    benign: Annotated[list[Path], typer.Option(metavar="FILE", help=_FILES)],
    into: Into,
    steps: Steps = None,
    learning_rate: Rate = None,
    beta: Annotated[float | None, typer.Option(help="Weight of the KL penalty.")] = None,
    completions: Annotated[int | None, typer.Option(help="Replies a step.", min=2)] = None,
    generations: Annotated[int | None, typer.Option(help="Replies a prompt.", min=2)] = None,
    max_new_tokens: Annotated[int | None, typer.Option(help="Longest reply.", min=1)] = None,
    temperature: Annotated[float | None, typer.Option(help="Of sampling.")] = None,
    benign_share: Annotated[
        float | None, typer.Option(help="Benign share of a step's prompts.", min=0, max=1)
    ] = None,
    held_out: Annotated[int, typer.Option(help="Benign requests to measure on.", min=1)] = 64,
    micro_batch: Micro = None,
    dtype: Dtype = None,
    device: Device = None,
    seed: Seed = 0,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Train an assistant by reinforcement from a preference model, held to its start by KL.

    Stopped, the same command goes on where it was.
    """
    from gadfly.run.training import PolicySettings, reinforce_files

    made = settings(
        PolicySettings,
        steps=steps,
        learning_rate=learning_rate,
        beta=beta,
        completions_per_step=completions,
        num_generations=generations,
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        benign_share=benign_share,
        micro_batch=micro_batch,
        dtype=dtype,
        device=device,
    )
    with progress("Training") as tell:
        card = reinforce_files(
            base,
            preference_model,
            attacks,
            benign,
            into,
            settings=made,
            held_out=held_out,
            seed=seed,
            force=force,
            command=invocation(),
            progress=tell,
        )
    if as_json:
        print_json(card)
        return
    first, last = card.held_out[0], card.held_out[-1]
    out.print(
        plain(
            f"{into}: trained on {card.n_attacks:,} attacks and {card.n_benign:,} benign requests"
        )
    )
    out.print(f"  left out: {sum(card.made.dropped.values()):,}")
    out.print(
        f"  reward: {card.reward_first:.3f} at the first step, {card.reward_last:.3f} at the last; "
        f"KL from the start {card.divergence:.2f} nats a reply"
    )
    out.print(
        f"  evades benign requests: {first.evasive:.1%} before, {last.evasive:.1%} after "
        f"(of {last.n:,} not trained on)"
    )
