"""Deployment facts, from the environment: what differs between machines and never between studies.

Read when a command asks, never at import. A study's protocol is in its file; secrets are read by
the code that needs them, by the name that the study file gives.
"""

from __future__ import annotations

import ipaddress
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from gadfly.errors import OperatorError, show

__all__ = ["Settings", "is_loopback", "load_settings"]


class Settings(BaseSettings):
    """Each is an environment variable: GADFLY_ and the name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix="GADFLY_", frozen=True, extra="ignore", use_attribute_docstrings=True
    )

    database: str | None = None
    """URL of the database; a SQLite file beside the study where it is not set."""
    concurrency: Annotated[int, Field(ge=1, le=1000)] = 16
    """Dialogues that a runner holds at once."""
    secret: SecretStr | None = None
    """Signs cookies and hashes who people are; at least 32 random characters. On this machine alone
    one is made and kept beside the database."""
    keys: SecretStr | None = None
    """Keys that seal what people write, the newest first, with commas between."""
    public_url: str | None = None
    """Address under which people reach the site, where it is not the one it listens on."""
    smtp: SecretStr | None = None
    """How mail is sent: smtps://user:password@host:465/?from=study@example.org, or smtp://... with
    STARTTLS. Without it the legal contact is told at an https address, or by you."""
    lease_seconds: Annotated[float, Field(ge=0.5, le=3600)] = 15.0
    """How long a runner that is not heard of keeps its dialogues from the others."""

    @property
    def alone(self) -> bool:
        """Whether no public address says that others reach the site, through a proxy perhaps."""
        host = urlsplit(self.public_url or "").hostname
        return self.public_url is None or (host is not None and is_loopback(host))

    @property
    def key_list(self) -> list[str]:
        """The keys, the newest first; none where none is set."""
        given = self.keys.get_secret_value() if self.keys else ""
        return [key.strip() for key in given.split(",") if key.strip()]


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's own."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def load_settings() -> Settings:
    """The settings of this process.

    :raises OperatorError: a variable holds what it cannot.
    """
    try:
        return Settings()
    except ValidationError as error:
        fault = error.errors()[0]
        name = f"GADFLY_{fault['loc'][0]}".upper()
        raise OperatorError(
            f"environment variable {name}: {fault['msg']}; got {show(fault['input'])}"
        ) from None
