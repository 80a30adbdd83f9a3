"""``gadfly sandbox``: the embedded world."""

from __future__ import annotations

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
        print_json(card.model_dump(mode="json"))
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
    import asyncio
    import random
    import sys

    from gadfly.errors import PersonError
    from gadfly.records.values import Message
    from gadfly.sandbox.reader import read
    from gadfly.sandbox.talk import ARMS, SAMPLING, assistant, examples

    chosen = next((one for one in ARMS if one == arm), None)
    if chosen is None:
        raise PersonError(f"arm: got {arm!r}; allowed: {', '.join(ARMS)}")
    shown = examples()
    for number, text in enumerate(shown, start=1):
        note(f"  {number}  {text}")
    note("Type a message, or a number from above; an empty line ends.")

    async def converse() -> None:
        said: list[Message] = []
        answering = assistant(size, chosen)
        draw = random.Random(seed)
        try:
            while line := (await asyncio.to_thread(sys.stdin.readline)).strip():
                text = shown[int(line) - 1] if line in map(str, range(1, len(shown) + 1)) else line
                said.append(Message(role="human", text=text))
                (reply,) = await answering.reply(
                    said, seeds=[draw.getrandbits(31)], sampling=SAMPLING
                )
                said.append(Message(role="assistant", text=reply.text))
                out.print(plain(reply.text or f"({reply.detail})"), soft_wrap=True)
                note(f"  true harm {read(said).harm} of 4, {reply.latency_seconds} s")
        finally:
            await answering.close()

    asyncio.run(converse())
