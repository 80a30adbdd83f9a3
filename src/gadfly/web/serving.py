"""What one process of the site works with: its studies, their store, its secret.

Nothing that a person would miss lives here. Open models, the runner's lease and answers under way
do; another process has its own. Each study of the server is served under its own name, and all of
them share one database, so that limits hold across them.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from gadfly.errors import OperatorError, PersonError
from gadfly.run.assemble import OpenStudy, Servers, open_study
from gadfly.run.live import Live
from gadfly.run.reviewing import Reviewing
from gadfly.run.sitting import Sitting
from gadfly.settings import Settings
from gadfly.store.arrivals import Arrivals
from gadfly.store.audit import Audit
from gadfly.store.payments import Payments
from gadfly.store.people import People
from gadfly.store.quarantine import Quarantine
from gadfly.store.sealing import Vault
from gadfly.store.store import Store
from gadfly.store.work import Work
from gadfly.study.arrival import ProlificSpec
from gadfly.study.protocol import Study, load_study
from gadfly.web.platforms.prolific import ProlificClient
from gadfly.web.telling import Post, told_forever

__all__ = [
    "Served",
    "Serving",
    "open_serving",
    "server_secret",
    "subject_of",
    "vault_keys",
]

_LEAST_SECRET = 32


@dataclass(frozen=True)
class Served:
    """One study of this server."""

    open: OpenStudy
    sitting: Sitting
    reviewing: Reviewing
    runner: int
    prolific: ProlificClient | None = None
    """Where its people come from Prolific."""
    live: Live = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "live", Live(self.open))

    @property
    def id(self) -> int:
        """Its row."""
        return self.open.id

    @property
    def study(self) -> Study:
        """As its file says."""
        return self.open.file.study


@dataclass(frozen=True)
class Serving:
    """The site of one process."""

    store: Store
    secret: bytes = field(repr=False)
    lease: float
    public_url: str | None
    hosts: tuple[str, ...]
    """Names under which it may be asked for; any where there is none."""
    studies: dict[str, Served]
    """By name."""
    smtp: str | None = field(default=None, repr=False)
    """How mail is sent; ``None`` where it is not."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "people", People(self.store))
        object.__setattr__(self, "work", Work(self.store))
        object.__setattr__(self, "audit", Audit(self.store.database))
        object.__setattr__(self, "arrivals", Arrivals(self.store))
        object.__setattr__(self, "payments", Payments(self.store))

    people: People = field(init=False)
    work: Work = field(init=False)
    audit: Audit = field(init=False)
    arrivals: Arrivals = field(init=False)
    payments: Payments = field(init=False)

    def sign(self, purpose: str, text: str) -> str:
        """A keyed hash, by which a text is known again and not found out."""
        return hmac.new(self.secret, f"{purpose}:{text}".encode(), hashlib.sha256).hexdigest()

    def check(self, workers: int) -> None:
        """Refuse several processes on one file.

        :raises OperatorError: that is what was asked for.
        """
        if workers > 1 and self.store.database.one_host:
            raise OperatorError(
                f"{workers} workers need PostgreSQL: an SQLite file serves one process well and "
                "several badly. Name one with --database postgresql://user@host/name"
            )

    def check_mail(self, *, loopback: bool) -> str | None:
        """What stands in the way of telling a legal contact by mail; ``None`` where nothing does.

        :raises OperatorError: something does, and others than this machine can reach the site.
        """
        contacts = {n: s.study.care.legal_contact for n, s in self.studies.items()}
        by_mail = [n for n, who in contacts.items() if who and not who.address.startswith("https:")]
        if self.smtp is not None or not by_mail:
            return None
        said = (
            f"GADFLY_SMTP is not set: the legal contact of {', '.join(by_mail)} has a mail "
            "address, and no report of the worst content would reach it. Set "
            "GADFLY_SMTP=smtps://user:password@host:465/?from=study@example.org, or give the "
            "contact an https address that takes notices"
        )
        if not loopback:
            raise OperatorError(said)
        return said

    def leave(self) -> None:
        """Give the leases and the database back, where nothing was served."""
        for served in self.studies.values():
            self.store.dismiss(served.runner)
        self.store.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep the leases while the site is up; let everything go at the end."""
        keeping = asyncio.create_task(self._keep_leases())
        telling = asyncio.create_task(told_forever(Quarantine(self.store), self._post()))
        try:
            yield
        finally:
            for task in (keeping, telling):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            for served in self.studies.values():
                await served.sitting.close()
                if served.prolific is not None:
                    await served.prolific.close()
                with suppress(OperatorError):  # the lease runs out by itself
                    await asyncio.to_thread(self.store.dismiss, served.runner)
            self.store.close()

    def _post(self) -> Post:
        told = {s.id: (name, s.study.care.legal_contact) for name, s in self.studies.items()}
        contacts = {study: (name, who) for study, (name, who) in told.items() if who is not None}
        return Post(self.smtp, self.public_url, contacts)

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(self.lease / 3)
            for served in self.studies.values():
                with suppress(OperatorError):  # the database is away: the next try may find it
                    await asyncio.to_thread(self.store.renew, served.runner, self.lease)


def subject_of(secret: bytes, platform: str, identity: str) -> str:
    """Keyed hash of who somebody is on a platform: the same in every study of this server."""
    text = f"subject:{platform}:{identity.strip().casefold()}"
    return hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()


def _hosts(public_url: str | None, *, loopback: bool) -> tuple[str, ...]:
    named = urlsplit(public_url).hostname if public_url else None
    here = ("127.0.0.1", "localhost", "[::1]") if loopback else ()
    return (*here, named) if named else here


def open_serving(
    paths: Sequence[Path],
    settings: Settings,
    *,
    database: str | None = None,
    loopback: bool,
    amend: bool = False,
) -> Serving:
    """Open the studies of a server.

    :param loopback: it listens on this machine alone; elsewhere, or where a public address says
        that others reach it, it needs a secret and keys.
    :raises StudyProblem: a study file is at fault, or two have one name.
    :raises OperatorError: secrets are missing, or the database cannot be opened.
    """
    files = [load_study(path) for path in paths]
    urls = {database or settings.database or file.database_url for file in files}
    if len(urls) > 1:
        raise PersonError(
            "studies of one server share one database, so that limits hold across them; name it: "
            "--database URL, or GADFLY_DATABASE"
        )
    names = [file.study.name for file in files]
    if len(set(names)) < len(names):
        raise PersonError(f"two of these studies have one name: {', '.join(sorted(names))}")
    (url,) = urls
    alone = loopback and settings.alone  # a proxy on this machine lets others in
    secret = server_secret(settings, url, loopback=alone)
    keys = vault_keys(settings, loopback=alone)
    if settings.public_url is None and not loopback:
        raise OperatorError(
            "GADFLY_PUBLIC_URL is not set: the address under which people reach the site, as "
            "https://study.example.org. Links name it, and no other name is answered"
        )
    store = Store(url, Vault(keys))
    try:
        People(store).check_keys()
        studies = {}
        for file in files:
            opened = open_study(file, store, amend=amend)
            runner = store.enlist(opened.id, settings.lease_seconds)
            sitting = Sitting(opened, runner, Servers())
            studies[file.study.name] = Served(
                opened, sitting, Reviewing(opened), runner, _prolific(file.study)
            )
    except BaseException:
        store.close()
        raise
    return Serving(
        store=store,
        secret=secret,
        lease=settings.lease_seconds,
        public_url=settings.public_url,
        hosts=_hosts(settings.public_url, loopback=loopback),
        studies=studies,
        smtp=settings.smtp.get_secret_value() if settings.smtp else None,
    )


def _prolific(study: Study) -> ProlificClient | None:
    """A client of Prolific, with every secret that it needs, so that none is missed later.

    :raises OperatorError: one is not in the environment.
    """
    spec = study.arrival.platform
    return ProlificClient(spec, os.environ) if isinstance(spec, ProlificSpec) else None


def vault_keys(settings: Settings, *, loopback: bool) -> list[str]:
    """The server's keys, that seal what people write; on this machine alone it may have none."""
    keys = settings.key_list
    if not keys and not loopback:
        raise OperatorError(
            "GADFLY_KEYS is not set: what people write must be sealed where others can reach the "
            'site. Make a key with: python -c "from cryptography.fernet import Fernet; '
            'print(Fernet.generate_key().decode())", keep it safe, and set it'
        )
    return keys


def server_secret(settings: Settings, url: str, *, loopback: bool) -> bytes:
    """The server's secret; on this machine alone one is made and kept beside the database."""
    if settings.secret is not None:
        given = settings.secret.get_secret_value()
        if len(given) < _LEAST_SECRET or len(set(given)) < _LEAST_SECRET // 4:
            raise OperatorError(
                f"GADFLY_SECRET must be at least {_LEAST_SECRET} random characters: "
                'python -c "import secrets; print(secrets.token_urlsafe(48))"'
            )
        return given.encode()
    path = Path(url.removeprefix("sqlite:///") + ".secret")
    if not loopback or not url.startswith("sqlite:///"):
        raise OperatorError(
            "GADFLY_SECRET is not set; it signs cookies, and all processes of the site need the "
            'same one: python -c "import secrets; print(secrets.token_urlsafe(48))"'
        )
    try:
        made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(made, "w") as file:
        file.write(secrets.token_urlsafe(48))
    return path.read_bytes()
