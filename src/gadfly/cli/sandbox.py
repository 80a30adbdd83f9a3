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


@sandbox_app.callback()
def _sandbox() -> None:
    """Keeps ``build`` a command of its own while it is the only one."""


@sandbox_app.command()
def build(
    into: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to fill.")],
    size: Annotated[
        list[str] | None, typer.Option(help="Sizes to make: small, medium, large; all if left out.")
    ] = None,
    share: Annotated[
        float,
        typer.Option(help="Make the smallest size alone, every amount this share: a quick look."),
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
