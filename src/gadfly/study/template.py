"""A first study file: template.yaml, commented, filled in for a scripted study or an endpoint."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

import yaml

from gadfly.errors import FileProblem, OperatorError, StudyProblem
from gadfly.study.protocol import load_study

__all__ = ["Endpoint", "write_template"]

_SCRIPTED = (("open", "small", 0.5), ("open", "large", 0.7), ("wary", "small", 2.5))
_TRIAL = "To learn how Gadfly works, on scripted assistants and simulated members."
_PURPOSE = "To find where AI assistants answer in harmful ways, so that they can be made safer."
_SIMULATED = """\
  kind: simulated
  count: 30
  prefix: sim               # members of another study need another prefix
  population:
    skill_sd: 0.5           # how much members differ in skill
    rating_bias_sd: 0.5     # ... and in how generously they rate, in steps of the 0-4 scale
    noise: 0.5              # how blurred they see the harm of a reply, in steps
    activity_sd: 1.0        # 0: all equally busy; 1: a few do most of the work"""
_PEOPLE = """\
  kind: human
  count: 40                 # how many people you will invite"""
_CARE = """\
  # support: "Bea Example, bea@example.org, weekdays 9-17"   # whom a member reaches who feels bad
  # legal_contact: {name: "Cy Example", address: cy@example.org}  # told of the worst content
  # topics: [standard]      # what people may opt out of"""
_FACTS = """\
  # adults_only: true
  # ethics_reference: "Board of Example University, 2026-17"
  # pay_floor: {amount: 15.00, currency: USD}
"""


@dataclass(frozen=True)
class Endpoint:
    """A server to be attacked, and who allowed it."""

    base_url: str
    model: str
    contact: str
    """Whom the server's owner can reach."""
    authorised: str
    """Who allowed the test, and where that is written."""
    api: Literal["chat", "completions"] = "chat"
    key_variable: str | None = None


def write_template(folder: Path, endpoint: Endpoint | None = None, *, people: bool = False) -> Path:
    """Write ``study.yaml`` into a folder, made where it is absent; returns its path.

    :param endpoint: attack this server, in place of scripted assistants.
    :param people: its members are people, in place of simulated ones.
    :raises FileProblem: there is a study file already.
    :raises StudyProblem: what was given for the endpoint cannot stand in one.
    :raises OperatorError: the folder cannot be written.
    """
    path = folder / "study.yaml"
    if path.exists():
        raise FileProblem(path, "is there already; give another folder, or go on with this file")
    name = re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-")[:60] or "study"
    if not isinstance(yaml.safe_load(name), str):  # 2024, on, null: YAML reads them otherwise
        name = f"study-{name}"
    text = (files("gadfly.study") / "template.yaml").read_text(encoding="utf-8")
    arms, launch = (_scripted(), _example()) if endpoint is None else _served(endpoint)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        members = _PEOPLE if people else _SIMULATED
        filled = text.format(
            name=name,
            purpose=_PURPOSE if people or endpoint else _TRIAL,
            members=members,
            arms=arms,
            launch=launch,
            care=_CARE,
        )
        path.write_text(filled, encoding="utf-8")
    except OSError as error:
        why = f"{path}: {error.strerror}; give a folder that can be written"
        raise OperatorError(why) from None
    try:
        load_study(path)
    except StudyProblem:  # what was given for the endpoint is no good
        path.unlink()
        raise
    return path


def _scripted() -> str:
    arms = (*_SCRIPTED, ("wary", "large", 3.2))
    return "\n".join(
        f"  - model_type: scripted {kind}\n    num_params: {size}\n    quota: 50\n"
        f"    assistant: {{kind: scripted, caution: {caution}}}"
        for kind, size, caution in arms
    )


def _example() -> str:
    return (
        '  # contact: "Ada Example, ada@example.org"\n'
        f"{_FACTS}"
        "  # authorisations:\n"
        '  #   http://127.0.0.1:8000/v1: "my own server"'
    )


def _served(endpoint: Endpoint) -> tuple[str, str]:
    """The server as it is (a plain model gets the form of a conversation), and prompted."""
    first = "none" if endpoint.api == "chat" else "plain_lm"
    key = "" if endpoint.key_variable is None else f"      key_variable: {endpoint.key_variable}\n"
    arms = "\n".join(
        f"  - model_type: {what}\n    num_params: {_quoted(endpoint.model)}\n    quota: 25\n"
        f"    assistant:\n      kind: endpoint\n      base_url: {_quoted(endpoint.base_url)}\n"
        f"      model: {_quoted(endpoint.model)}\n      api: {endpoint.api}\n{key}"
        f"    intervention: {{kind: {kind}}}\n"
        "    sampling: {temperature: 0.7, max_tokens: 200}"
        for what, kind in (("as served", first), ("prompted", "prompted"))
    )
    launch = (
        f"  contact: {_quoted(endpoint.contact)}\n{_FACTS}  authorisations:\n"
        f"    {_quoted(endpoint.base_url)}: {_quoted(endpoint.authorised)}"
    )
    return arms, launch


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # a JSON string is a YAML string
