"""From a study file to its working parts: assistants, members, scorer, and its rows in the store.

This is the one place that maps a ``kind`` in a study file to the class behind it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from gadfly.assistants.interventions import Prompted, RejectionSampling
from gadfly.assistants.prompts import Prompt
from gadfly.assistants.protocol import Assistant
from gadfly.assistants.scripted import ScriptedAssistant
from gadfly.care.wording import CareText
from gadfly.errors import PersonError, StudyProblem
from gadfly.preference.constant import ConstantScorer
from gadfly.preference.protocol import Asking, Scorer
from gadfly.records.canonical import canonical_json, content_hash
from gadfly.redteam.briefs import Brief
from gadfly.redteam.members import SCRIPTED, SimulatedMember, draw_members
from gadfly.run.models import Models
from gadfly.sandbox.members import TownScene
from gadfly.sandbox.shipped import located
from gadfly.store.store import Store
from gadfly.study.arms import (
    EndpointSpec,
    LocalSpec,
    RejectionSamplingSpec,
    ScriptedSpec,
    StudyArm,
)
from gadfly.study.fixed import FixedList
from gadfly.study.protocol import ConstantScorerSpec, Study, StudyFile, Version

if TYPE_CHECKING:
    from gadfly.assistants.endpoint import Knowledge
    from gadfly.assistants.server import Server

__all__ = [
    "OpenStudy",
    "Servers",
    "make_assistant",
    "make_members",
    "make_scorer",
    "open_filter",
    "open_study",
]


@dataclass(frozen=True)
class OpenStudy:
    """A study with its rows in a store."""

    file: StudyFile
    store: Store
    id: int
    versions: dict[str, Version]
    """Each version of the protocol, by hash: a dialogue keeps the one it began with."""

    def version(self, protocol_hash: str) -> Version:
        """One of them, also if another runner has added it since."""
        if protocol_hash not in self.versions:
            for row in self.store.protocol_versions(self.id):
                self.versions.setdefault(row.protocol_hash, _version(row.body))
        return self.versions[protocol_hash]


@dataclass
class Servers:
    """The servers of one run: assistants on one server share its connections and its limiter.
    Models on this machine are among them.
    """

    counts: Counter[str] = field(default_factory=Counter)
    """Requests by what became of them."""
    models: Models = field(default_factory=Models)
    """Those on this machine."""
    _known: dict[tuple[str, str, str], Knowledge] = field(default_factory=dict)
    _open: dict[tuple[str, str | None, float], Server] = field(default_factory=dict)

    def server(self, spec: EndpointSpec) -> Server:
        """The server of an assistant.

        :raises OperatorError: its key is not in the environment.
        """
        # Here, because the SDK takes a second to import and most commands never call a server.
        from gadfly.assistants.endpoint import key_of
        from gadfly.assistants.server import Server

        place = (spec.base_url, spec.key_variable, spec.timeout_seconds)
        if place not in self._open:
            self._open[place] = Server(
                spec.base_url,
                key=key_of(spec.base_url, spec.key_variable),
                key_variable=spec.key_variable,
                timeout_seconds=spec.timeout_seconds,
                counts=self.counts,
            )
        return self._open[place]

    def stop(self) -> None:
        """Begin no further request on any of them."""
        self.models.stop()
        for server in self._open.values():
            server.stop()

    def knowledge(self, spec: EndpointSpec, store: Store) -> Knowledge:
        """What earlier runs have found out about a model on a server, and this one will."""
        from gadfly.assistants.endpoint import Dialect, Knowledge

        place = (spec.base_url, spec.model, spec.api)

        async def learned(dialect: Dialect) -> None:
            await asyncio.to_thread(store.put_dialect, *place, canonical_json(dialect).decode())

        if place not in self._known:
            known = store.dialect(*place)
            dialect = None if known is None else Dialect.model_validate_json(known)
            self._known[place] = Knowledge(dialect, learned)
        return self._known[place]


def make_assistant(
    arm: StudyArm, version: Version, *, study: OpenStudy, servers: Servers
) -> Assistant:
    """The assistant of an arm, with its intervention.

    :raises OperatorError: a key is missing.
    :raises StudyProblem: the filter of rejection sampling, or a local model, cannot be opened.
    """
    spec, intervention = arm.assistant, arm.intervention
    base: Assistant
    if isinstance(spec, ScriptedSpec):
        base = ScriptedAssistant(name=arm.arm.name, caution=spec.caution, gain=spec.gain)
    elif isinstance(spec, LocalSpec):
        base = servers.models.assistant(study.file.path, spec)
    else:
        base = _endpoint(spec, study.store, servers)
    if arm.prompt is not None:
        base = Prompted(base, version.prompts[arm.prompt])
    if isinstance(intervention, RejectionSamplingSpec):
        scorer = open_filter(study.file.path, intervention.preference_model)
        base = RejectionSampling(base, scorer, samples=intervention.samples, best=intervention.best)
    _as_it_was(study, arm, base.name)
    return base


def _as_it_was(study: OpenStudy, arm: StudyArm, name: str) -> None:
    """Refuse an assistant or a filter that was trained anew in its folder since the study began."""
    said = [part.model_dump(mode="json") for part in (arm.assistant, arm.intervention)]
    known = study.store.assistant(study.id, arm.arm.name, content_hash(said), name)
    if known != name:
        raise StudyProblem(
            study.file.path,
            [
                f"arm {arm.arm.name}: its assistant is no longer what the study began with; it was "
                f"{known}, now {name}. Bring the old one back, or put the new one into a folder of "
                "its own and name that in the study file: "
                f"{study.file.study.command} --amend"
            ],
        )


def _endpoint(spec: EndpointSpec, store: Store, servers: Servers) -> Assistant:
    from gadfly.assistants.endpoint import EndpointAssistant

    return EndpointAssistant(
        servers.server(spec),
        model=spec.model,
        api=spec.api,
        knowledge=servers.knowledge(spec, store),
    )


def make_members(study: Study) -> tuple[SimulatedMember, ...]:
    """The simulated members of a study; none where its members are people."""
    spec = study.members
    if spec.kind == "human":
        return ()
    return draw_members(
        spec.count,
        spec.population,
        seed=study.seed,
        prefix=spec.prefix,
        scene=TownScene() if spec.world == "town" else SCRIPTED,
    )


def make_scorer(file: StudyFile) -> Scorer:
    """The scorer of a study.

    :raises StudyProblem: its folder is absent or broken, or holds a model of another kind.
    """
    spec = file.study.scorer
    if isinstance(spec, ConstantScorerSpec):
        return ConstantScorer(spec.value)
    scorer = open_filter(file.path, spec.path)
    held = None if scorer.lineage is None else scorer.lineage.kind
    if held != spec.kind:
        fault = f"scorer.kind: got {spec.kind}; {spec.path} holds a model of kind {held}"
        raise StudyProblem(file.path, [fault])
    return Asking(scorer, spec.description_question) if spec.description_question else scorer


def open_filter(study: Path, name: str) -> Scorer:
    """A preference model that a study file names.

    :raises StudyProblem: its folder is absent or broken.
    """
    # Here, because it brings polars and scikit-learn, and a run may need neither.
    from gadfly.preference.scoring import open_scorer

    try:
        return open_scorer(located(name, study.parent))
    except PersonError as error:
        raise StudyProblem(study, [f"preference model {name}: {error}"]) from None


def open_study(
    file: StudyFile, store: Store, *, amend: bool = False, create: bool = True
) -> OpenStudy:
    """The study's rows, made on the first call.

    :raises StudyProblem: launch facts are missing, nothing is collected yet and ``create`` is
        false, or the file differs from the protocol that the study runs under.
    """
    name, digest = file.study.name, file.protocol_hash
    study_id = store.study_id(name)
    if study_id is None:
        if not create:
            raise StudyProblem(
                file.path, [f"nothing is collected yet; {file.study.command} {file.path} does"]
            )
        if missing := file.study.missing_facts():
            raise StudyProblem(file.path, missing)
        study_id = store.add_study(name, digest, _body(file))
    versions = store.protocol_versions(study_id)
    if versions[-1].protocol_hash != digest:
        if not amend:
            changed = ", ".join(_changes(versions[-1].body, _body(file))) or "its texts"
            raise StudyProblem(
                file.path,
                [
                    f"the study runs under version {versions[-1].version} of this file, and the "
                    f"file has changed since ({changed}). Undo the change, or say that a next "
                    f"version is meant: {file.study.command} --amend"
                ],
            )
        if missing := file.study.missing_facts():
            raise StudyProblem(file.path, missing)
        store.add_protocol(study_id, digest, _body(file))
        versions = store.protocol_versions(study_id)
    kept = {v.protocol_hash: _version(v.body) for v in versions}
    return OpenStudy(file, store, study_id, kept)


def _body(file: StudyFile) -> str:
    return canonical_json(file.protocol).decode()


def _version(body: str) -> Version:
    parts = orjson.loads(body)
    prompts = parts.get("prompts", {}).items()
    lists = {name: parts.get(name) for name in ("benign", "static")}
    return Version(
        study=Study.model_validate_json(canonical_json(parts["study"])),
        brief=Brief.model_validate_json(canonical_json(parts["brief"])),
        prompts={name: Prompt.model_validate_json(canonical_json(p)) for name, p in prompts},
        **{name: body and FixedList.model_validate(body) for name, body in lists.items()},
        variants=tuple(
            Brief.model_validate_json(canonical_json(brief)) for brief in parts.get("variants", ())
        ),
        texts={
            name: CareText.model_validate(text) for name, text in parts.get("texts", {}).items()
        },
    )


def _changes(old: str, new: str) -> list[str]:
    """Top-level keys of the study that differ."""
    before, after = orjson.loads(old)["study"], orjson.loads(new)["study"]
    return [key for key in after if before.get(key) != after[key]]
