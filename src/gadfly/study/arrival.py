"""The ``arrival:`` key of a study file: who may come in, and through which crowd platform.

No secret stands here, because a study file is kept, hashed and published: the API token, the
webhook secret and Prolific's completion codes are named by the environment variables that hold
them. A completion code is as good as money to whoever knows it.

Every address is checked when the file is read, so that no text of an arriving person can later
decide where a browser is sent: placeholders may stand in the path and the query of a return
address, never in its scheme or host, and hosts that a form is posted to are listed by name.
"""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from gadfly.records.canonical import Record

__all__ = [
    "ArrivalSpec",
    "CodeVariables",
    "ExternalQuestionSpec",
    "ProlificSpec",
    "RedirectSpec",
    "ReturnAddresses",
]

Host = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?$")]
Parameter = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}$")]
Variable = Annotated[str, Field(pattern=r"^[A-Z_][A-Z0-9_]*$")]
Address = Annotated[str, Field(pattern=r"^[!-~]+$", max_length=2000)]


class CodeVariables(Record):
    """Environment variables that hold the completion codes, one for each outcome."""

    complete: Variable = "PROLIFIC_CODE_COMPLETE"
    """Variable with the code for all work done."""
    early_exit: Variable = "PROLIFIC_CODE_EARLY_EXIT"
    """Variable with the code for somebody who left early and is paid for the time."""
    no_consent: Variable = "PROLIFIC_CODE_NO_CONSENT"
    """Variable with the code for somebody who said no to the consent."""
    failed_check: Variable = "PROLIFIC_CODE_FAILED_CHECK"
    """Variable with the code for somebody who failed a check on arrival."""


class ProlificSpec(Record):
    """People come from Prolific."""

    kind: Literal["prolific"]
    """prolific."""
    signed: bool = True
    """true: Prolific signs the study address ("secure URL"); false: each arrival is looked up."""
    audience: Host | None = None
    """Domain of this site as Prolific signs it: study.example.org; needed where signed."""
    workspace: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")] | None = None
    """Id of your Prolific workspace; needed where signed: no one else's study may lead here."""
    study: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")] | None = None
    """Id of the study on Prolific; left out, every study of the workspace may lead here."""
    person_parameter: Parameter = "PROLIFIC_PID"
    """Query parameter with the person's id."""
    study_parameter: Parameter = "STUDY_ID"
    """Query parameter with the id of the study on Prolific."""
    session_parameter: Parameter = "SESSION_ID"
    """Query parameter with the id of the submission."""
    signature_parameter: Parameter = "prolific_token"
    """Query parameter with the signed token."""
    api: Address = "https://api.prolific.com"
    """Address of the API; http only on this machine, for the shipped fake."""
    token_variable: Variable = "PROLIFIC_TOKEN"  # noqa: S105 - a name, no secret
    """Environment variable that holds the API token; the token never stands in a study file."""
    webhook_secret_variable: Variable = "PROLIFIC_WEBHOOK_SECRET"  # noqa: S105 - a name
    """Environment variable that holds the secret with which webhooks are signed."""
    code_variables: CodeVariables = CodeVariables()
    """Environment variables that hold the completion codes set up on Prolific."""
    early_exit_dynamic: bool = False
    """true: the code for an early exit pays a share of the reward (Prolific's DYNAMIC_PAYMENT)."""
    reward: Annotated[float, Field(gt=0)] | None = None
    """What Prolific pays for a complete visit, in the currency of launch.pay_floor; needed where
    early_exit_dynamic, to know the share."""

    @field_validator("api")
    @classmethod
    def _safe(cls, value: str) -> str:
        host = _host(value, "https", "http")
        if value.startswith("http:") and host not in ("127.0.0.1", "localhost"):
            raise ValueError("api must begin with https:// (http:// only on 127.0.0.1)")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _signed_needs(self) -> ProlificSpec:
        if self.signed and self.audience is None:
            raise ValueError("signed arrivals need audience: the domain of this site")
        if self.signed and self.workspace is None:
            raise ValueError(
                "signed arrivals need workspace: the id of your Prolific workspace. Without it, "
                "any study on Prolific could lead people here"
            )
        if self.early_exit_dynamic and self.reward is None:
            raise ValueError("early_exit_dynamic needs reward: what a complete visit is paid there")
        return self


class ReturnAddresses(Record):
    """Where a browser is sent at the end, with {id} and {code} in the path or the query."""

    complete: Address
    """After all work done."""
    early_exit: Address
    """After leaving early, paid for the time."""
    no_consent: Address
    """After saying no to the consent."""
    failed_check: Address
    """After failing a check on arrival."""

    @field_validator("*")
    @classmethod
    def _fixed_host(cls, value: str) -> str:
        _host(value, "https")
        rest = value.replace("{id}", "").replace("{code}", "")
        if "{" in rest or "}" in rest:
            raise ValueError("the placeholders of a return address are {id} and {code}")
        return value


class RedirectSpec(Record):
    """People come from a platform that takes them back at an address."""

    kind: Literal["redirect"]
    """redirect."""
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")] = "redirect"
    """Short name of the platform; people of two platforms are never taken for one."""
    id_parameter: Parameter = "id"
    """Query parameter with the person's id."""
    returns: ReturnAddresses
    """Return addresses by outcome; leave {id} or {code} out where the platform needs none."""


class ExternalQuestionSpec(Record):
    """People come from a platform that shows this site in a frame (Mechanical Turk)."""

    kind: Literal["external_question"]
    """external_question."""
    submit_hosts: Annotated[tuple[Host, ...], Field(min_length=1)] = (
        "www.mturk.com",
        "workersandbox.mturk.com",
    )
    """Hosts that a finished assignment may be posted to, always by https."""
    frame_hosts: Annotated[tuple[Host, ...], Field(min_length=1)] = (
        "worker.mturk.com",
        "workersandbox.mturk.com",
    )
    """Hosts whose pages may show the first page of this study in a frame, always by https."""


class ArrivalSpec(Record):
    """Who may come in without an invitation."""

    open: bool = False
    """true: anybody who finds the address may register."""
    platform: (
        Annotated[ProlificSpec | RedirectSpec | ExternalQuestionSpec, Field(discriminator="kind")]
        | None
    ) = None
    """The crowd platform that people come from; none where left out."""


def _host(value: str, *schemes: str) -> str:
    """The host of an address whose scheme and host are fixed.

    :raises ValueError: it is no such address; the message says why.
    """
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise ValueError(f"it is no address: {error}") from None
    if parts.scheme not in schemes or not host or not value.startswith(parts.scheme):
        raise ValueError(f"it must be an address that begins with {' or '.join(schemes)}://")
    if any(mark in parts.netloc for mark in "{}@\\"):
        raise ValueError("its host must be written out: no placeholder, user or password in it")
    return host
