"""Opening a study's database for a verb that works on its people, beside a running site or without.

Such a verb must know the keys and the secret that the site has; both come from the environment, or
stand beside the database, exactly as the site finds them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from gadfly.settings import Settings
    from gadfly.store.people import People
    from gadfly.store.store import Store
    from gadfly.study.protocol import StudyFile

__all__ = ["OPERATOR", "DatabaseOption", "Opened", "StudyArgument", "opened"]

OPERATOR = "operator"
"""Who did it, in the audit: whoever may run commands on the server."""
StudyArgument = Annotated[Path, typer.Argument(metavar="STUDY", help="Study file (YAML).")]
DatabaseOption = Annotated[
    str | None, typer.Option("--database", metavar="URL", help="Where the study is kept.")
]


@dataclass(frozen=True)
class Opened:
    """A study and its database."""

    file: StudyFile
    store: Store
    people: People
    settings: Settings
    url: str
    study: int
    """The study's row."""


@contextmanager
def opened(path: Path, database: str | None) -> Iterator[Opened]:
    """The study's rows, made on the first call.

    :raises StudyProblem: the file is at fault, or launch facts are missing.
    """
    from gadfly.run.assemble import open_study
    from gadfly.settings import load_settings
    from gadfly.store.people import People
    from gadfly.store.sealing import Vault
    from gadfly.store.store import Store
    from gadfly.study.protocol import load_study
    from gadfly.web.serving import vault_keys

    settings, file = load_settings(), load_study(path)
    url = database or settings.database or file.database_url
    with closing(Store(url, Vault(vault_keys(settings, loopback=settings.alone)))) as store:
        People(store).check_keys()
        study = store.study_id(file.study.name)
        if study is None:
            study = open_study(file, store).id
        yield Opened(file, store, People(store), settings, url, study)
