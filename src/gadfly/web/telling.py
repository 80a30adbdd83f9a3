"""Telling a study's legal contact of the worst content: by mail or to an https address, no content.

A notice holds the study, the attack's number and the time, and where the ``care`` role opens it. It
is kept in the database and tried until it worked, by whichever process takes it
(:meth:`Quarantine.take`); owners see whether it was told, and if not, why and what to do.
"""

from __future__ import annotations

import asyncio
import logging
import smtplib
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from urllib.parse import parse_qs, unquote, urlsplit

import httpx2

from gadfly.care.settings import LegalContact
from gadfly.errors import OperatorError
from gadfly.store.quarantine import Due, Quarantine

__all__ = ["NO_MAIL", "Post", "told_forever"]

_LOG = logging.getLogger(__name__)
_PAUSE = 2.0  # seconds between two looks
_PATIENCE = 20.0  # seconds for a server to answer
NO_MAIL = "no mail server is set (GADFLY_SMTP)"
"""Why a notice to a mail address cannot be sent."""


@dataclass(frozen=True)
class Post:
    """How notices leave this server."""

    smtp: str | None
    """URL of the mail server; ``None`` where there is none."""
    url: str | None
    """Address of this site, for people; ``None`` where nobody said it."""
    contacts: Mapping[int, tuple[str, LegalContact]]
    """Name and legal contact of each study, by its row."""

    def send(self, due: Due) -> None:
        """Tell of one report; blocking.

        :raises OSError: it did not arrive. SMTP's errors, and those of a server that answers with
            an error, are of that kind.
        """
        name, contact = self.contacts[due.study_id]
        if contact.address.startswith("https://"):
            self._notify(contact.address, name, due)
        else:
            self._mail(contact, name, due)

    def _notify(self, address: str, name: str, due: Due) -> None:
        body = {"what": "worst content reported", "study": name, "attack": due.attack, "at": due.at}
        try:
            httpx2.post(address, json=body, timeout=_PATIENCE).raise_for_status()
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise OSError(f"{type(error).__name__}: {error}") from None

    def _mail(self, contact: LegalContact, name: str, due: Due) -> None:
        if self.smtp is None:
            raise OSError(NO_MAIL)
        server = urlsplit(self.smtp)
        host = server.hostname or "localhost"
        place = f"{(self.url or '').rstrip('/')}/{name}/care"
        letter = EmailMessage()
        letter["From"] = parse_qs(server.query).get("from", [f"gadfly@{host}"])[0]
        letter["To"] = contact.address
        letter["Subject"] = f"Study {name}: worst content was reported"
        letter.set_content(
            f"{contact.name},\n\nin the study {name}, attack {due.attack} was reported on {due.at} "
            "as holding content of the worst kind. It is locked away, its member's work is paused, "
            "and it is out of everything else. This message holds none of it.\n\nThe care role of "
            f"the study opens it, with a reason that is kept in the audit: {place}\n"
        )
        secure = ssl.create_default_context()
        if server.scheme == "smtps":
            client: smtplib.SMTP = smtplib.SMTP_SSL(
                host, server.port or 465, timeout=_PATIENCE, context=secure
            )
        else:
            client = smtplib.SMTP(host, server.port or 25, timeout=_PATIENCE)
        with client:
            if server.scheme != "smtps" and host not in ("localhost", "127.0.0.1", "::1"):
                client.starttls(context=secure)
            if server.username:
                client.login(unquote(server.username), unquote(server.password or ""))
            client.send_message(letter)


async def told_forever(quarantine: Quarantine, post: Post) -> None:
    """Tell of every report as it falls due, until the server ends."""
    while True:
        with suppress(OperatorError):  # the database is away: the next look may find it
            take = quarantine.take
            while (due := await asyncio.to_thread(take, list(post.contacts))) is not None:
                failure = None
                try:
                    await asyncio.to_thread(post.send, due)
                except (OSError, ValueError) as error:
                    failure = str(error) or type(error).__name__
                    _LOG.warning("the legal contact was not told of report %d: %s", due.id, failure)
                await asyncio.to_thread(quarantine.told, due, failure=failure)
        await asyncio.sleep(_PAUSE)
