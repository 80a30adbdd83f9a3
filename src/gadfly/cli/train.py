"""``gadfly train``: preference models from pairs; assistants stand in ``train_assistants``."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gadfly.cli.console import Json, invocation, out, plain, print_json, progress, settings
from gadfly.cli.train_assistants import distilled, policy
from gadfly.errors import PersonError, show

if TYPE_CHECKING:
    from gadfly.preference.card import Card

__all__ = ["train_app"]

train_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Train models on what a study collected."
)

train_app.command()(distilled)
train_app.command()(policy)


@train_app.command()
def preference(
    pairs: Annotated[
        list[Path],
        typer.Argument(metavar="PAIRS...", help="Files of pairs, or of attacks with comparisons."),
    ],
    into: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to make.")],
    kind: Annotated[Literal["linear", "neural"], typer.Option(help="Which model.")] = "linear",
    seed: Annotated[int, typer.Option(help="Seed of splits and of training.", min=0)] = 0,
    source: Annotated[
        list[str] | None,
        typer.Option(help="Where the pairs come from: once for all files, or once for each."),
    ] = None,
    keep_ties: Annotated[
        bool,
        typer.Option("--keep-ties", help="Learn from choices of the weakest strength, too."),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the model in DIR.")] = False,
    base: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Neural: where to start, a checkpoint's folder or id."),
    ] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Neural: peak. [1e-5]")] = None,
    epochs: Annotated[float | None, typer.Option(help="Neural: passes over the pairs. [1]")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Neural: pairs in a step. [32]")] = None,
    micro_batch_size: Annotated[
        int | None, typer.Option(help="Neural: pairs that a process holds at once. [its share]")
    ] = None,
    warmup_steps: Annotated[int | None, typer.Option(help="Neural: steps of warm-up. [0]")] = None,
    weight_decay: Annotated[float | None, typer.Option(help="Neural: of AdamW. [0]")] = None,
    max_length: Annotated[
        int | None, typer.Option(help="Neural: most tokens of a conversation. [the context]")
    ] = None,
    held_out: Annotated[
        float | None, typer.Option(help="Neural: share of conversations to judge by. [0.1]")
    ] = None,
    mix: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SOURCE=SHARE", help="Neural: share of a source, once for each: harmless=0.5"
        ),
    ] = None,
    dtype: Annotated[str | None, typer.Option(help="Neural: float32 or bfloat16.")] = None,
    saved_as: Annotated[
        str | None, typer.Option(help="Neural: float32, bfloat16 or float16.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="Neural: cpu or cuda. [cuda if any]")] = None,
    gradient_checkpointing: Annotated[
        bool | None, typer.Option("--gradient-checkpointing", help="Neural: less memory, slower.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Neural: what to call the model.")] = None,
    as_json: Json = False,
) -> None:
    """Train a harmlessness preference model on pairs and save it with its model card.

    A neural training that was stopped goes on when the same command is given again.
    """
    neural = {
        "learning_rate": learning_rate,
        "epochs": epochs,
        "batch_size": batch_size,
        "micro_batch_size": micro_batch_size,
        "warmup_steps": warmup_steps,
        "weight_decay": weight_decay,
        "max_length": max_length,
        "held_out": held_out,
        "mix": None if mix is None else dict(map(_share, mix)),
        "dtype": dtype,
        "saved_as": saved_as,
        "device": device,
        "gradient_checkpointing": gradient_checkpointing,
    }
    common: dict[str, Any] = {
        "sources": source,
        "keep_ties": keep_ties,
        "seed": seed,
        "force": force,
        "command": invocation(),
    }
    with progress("Training") as tell:
        if kind == "linear":
            card = _linear(pairs, into, common, {"base": base, "name": name, **neural}, tell)
        else:
            card = _neural(pairs, into, {**common, "name": name}, base, neural, tell)
    if os.environ.get("RANK", "0") == "0":  # one of the processes that train together speaks
        _print(card, into, as_json=as_json)


def _linear(
    pairs: list[Path],
    into: Path,
    common: dict[str, Any],
    neural: dict[str, Any],
    tell: Callable[[int, int], None],
) -> Card:
    from gadfly.preference.making import make_linear

    meant = [option for option, value in neural.items() if value is not None]
    if meant:
        option = "--" + meant[0].replace("_", "-")
        raise PersonError(f"{option} is for neural models; add --kind neural, or leave it out")
    return make_linear(pairs, into, **common, progress=tell)


def _neural(
    pairs: list[Path],
    into: Path,
    common: dict[str, Any],
    base: str | None,
    options: dict[str, Any],
    tell: Callable[[int, int], None],
) -> Card:
    from gadfly.preference.making import make_neural
    from gadfly.preference.neural.settings import NeuralSettings

    if base is None:
        raise PersonError(
            "--kind neural needs --base MODEL: the folder or hub id of a transformers checkpoint"
        )
    made = settings(NeuralSettings, **options)
    return make_neural(pairs, into, base=base, settings=made, **common, progress=tell)


def _share(text: str) -> tuple[str, float]:
    """harmless=0.5 taken apart."""
    source, _, share = text.rpartition("=")
    try:
        return source, float(share)
    except ValueError:
        raise PersonError(f"--mix: got {show(text)}; allowed: SOURCE=SHARE, harmless=0.5") from None


def _print(card: Card, into: Path, *, as_json: bool) -> None:
    if as_json:
        print_json(card)
        return
    from gadfly.preference.card import counts_text, estimate_text

    found = card.evaluation
    out.print(plain(f"{into}: {card.name} {card.version} ({card.kind})"))
    out.print(
        plain(
            f"  {card.n_pairs:,} pairs of {card.n_conversations:,} conversations "
            f"({counts_text(card.mix)}); left out: {sum(card.dropped.values()):,}"
            + (f" ({counts_text(card.dropped)})" if card.dropped else "")
        ),
        soft_wrap=True,
    )
    if card.base is not None:
        out.print(plain(f"  from {card.base}; scores replies by {card.settings['mode']}"))
    out.print(f"  accuracy on conversations not seen: {estimate_text(found.accuracy)}")
    out.print(f"  shorter reply wins: {estimate_text(found.shorter_wins)}")
    out.print(f"  expected calibration error: {found.ece:.3f}")
