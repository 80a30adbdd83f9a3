"""``gadfly sandbox``: the embedded world."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from gadfly.cli.console import Json, note, out, plain, print_json, progress

__all__ = ["sandbox_app"]

sandbox_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="The embedded world: a made-up town and its tiny models.",
)


@sandbox_app.command()
def build(
    into: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to fill.")],
    size: Annotated[
        list[str] | None, typer.Option(help="Sizes to make: small, medium, large; all if left out.")
    ] = None,
    share: Annotated[
        float,
        typer.Option(
            help="Below 1: the smallest size alone, every amount this share; a quick look.",
            min=0.001,
            max=1.0,
        ),
    ] = 1.0,
    as_json: Json = False,
) -> None:
    """Make the embedded models from seeds, and try the claim about them; stopped, it goes on."""
    from gadfly.sandbox.build import build as make
    from gadfly.sandbox.card import card_markdown
    from gadfly.sandbox.recipe import SHIPPED, cut_down, only

    recipe = only(SHIPPED, size) if size else SHIPPED
    if share < 1:
        recipe = cut_down(recipe, share=share)
    try:
        card = make(recipe, into, stage=progress)
    except KeyboardInterrupt:
        note("Stopped; the same command goes on.")
        raise typer.Exit(130) from None
    if as_json:
        print_json(card)
        return
    out.print(plain(card_markdown(card)), soft_wrap=True)


@sandbox_app.command()
def talk(
    size: Annotated[str, typer.Option(help="small, medium or large.")] = "medium",
    arm: Annotated[
        str, typer.Option(help="plain, prompted, distilled, rejection-sampling or rlhf.")
    ] = "rlhf",
    seed: Annotated[int, typer.Option(help="Seed of the replies.", min=0)] = 0,
) -> None:
    """Talk to an embedded assistant: type anything, or the number of an example opening."""
    from gadfly.errors import PersonError
    from gadfly.sandbox.talk import ARMS, assistant, converse, examples

    chosen = next((one for one in ARMS if one == arm), None)
    if chosen is None:
        raise PersonError(f"arm: got {arm!r}; allowed: {', '.join(ARMS)}")
    asyncio.run(
        converse(assistant(size, chosen), examples(), seed=seed, ask=_line, say=_say, note=note)
    )


def _say(text: str) -> None:
    out.print(plain(text), soft_wrap=True)


def _line() -> str:
    """A line as it was typed; bytes that are no text are replaced."""
    return sys.stdin.buffer.readline().decode("utf-8", "replace")
