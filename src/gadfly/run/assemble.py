"""From a study file to its working parts: assistants, members, scorer, and its rows in the store.

This is the one place that maps a ``kind`` in a study file to the class behind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from gadfly.assistants.protocol import Assistant
from gadfly.assistants.scripted import ScriptedAssistant
from gadfly.errors import PersonError, StudyProblem
from gadfly.preference.constant import ConstantScorer
from gadfly.preference.protocol import Scorer
from gadfly.preference.scoring import open_scorer
from gadfly.records.canonical import canonical_json
from gadfly.redteam.briefs import Brief
from gadfly.redteam.members import SimulatedMember, draw_members
from gadfly.store.store import Store
from gadfly.study.protocol import LinearScorerSpec, ScriptedSpec, Study, StudyArm, StudyFile

__all__ = ["OpenStudy", "Version", "make_assistant", "make_members", "make_scorer", "open_study"]


@dataclass(frozen=True)
class Version:
    """One version of a study's protocol, as it was when dialogues began under it."""

    study: Study
    brief: Brief


@dataclass(frozen=True)
class OpenStudy:
    """A study with its rows in a store."""

    file: StudyFile
    store: Store
    id: int
    versions: Mapping[str, Version]
    """Each version of the protocol, by hash: a dialogue keeps the one it began with."""


def make_assistant(arm: StudyArm) -> Assistant:
    """The assistant of an arm."""
    spec = arm.assistant
    if isinstance(spec, ScriptedSpec):
        return ScriptedAssistant(name=arm.arm.name, caution=spec.caution, gain=spec.gain)
    # Here, because the SDK takes a second to import and most commands never call a server.
    from gadfly.assistants.endpoint import EndpointAssistant

    return EndpointAssistant(
        base_url=spec.base_url, model=spec.model, api=spec.api, key_variable=spec.key_variable
    )


def make_members(study: Study) -> tuple[SimulatedMember, ...]:
    """The simulated members of a study.

    :raises PersonError: its members are people.
    """
    spec = study.members
    if spec.kind == "human":
        raise PersonError(
            f"study {study.name}: its members are people, who red team on a web site; this "
            "version of Gadfly has none yet. Write members.kind: simulated to try the study out"
        )
    return draw_members(spec.count, spec.population, seed=study.seed, prefix=spec.prefix)


def make_scorer(file: StudyFile) -> Scorer:
    """The scorer of a study.

    :raises StudyProblem: its folder is absent or broken.
    """
    spec = file.study.scorer
    if isinstance(spec, LinearScorerSpec):
        try:
            return open_scorer(file.path.parent / spec.path)
        except PersonError as error:
            raise StudyProblem(file.path, [f"its scorer cannot be used: {error}"]) from None
    return ConstantScorer(spec.value)


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
                file.path, [f"nothing is collected yet; gadfly run {file.path} does"]
            )
        if missing := file.study.missing_facts():
            raise StudyProblem(file.path, missing)
        study_id = store.add_study(name, digest, _body(file))
    versions = store.protocol_versions(study_id)
    if versions[-1].protocol_hash != digest:
        if not amend:
            changed = ", ".join(_changes(versions[-1].body, _body(file))) or "its brief"
            raise StudyProblem(
                file.path,
                [
                    f"the study runs under version {versions[-1].version} of this file, and the "
                    f"file has changed since ({changed}). Undo the change, or say that a next "
                    "version is meant: gadfly run --amend"
                ],
            )
        if missing := file.study.missing_facts():
            raise StudyProblem(file.path, missing)
        store.add_protocol(study_id, digest, _body(file))
        versions = store.protocol_versions(study_id)
    kept = {v.protocol_hash: _version(v.body) for v in versions}
    return OpenStudy(file, store, study_id, kept)


def _body(file: StudyFile) -> str:
    study, brief = file.study.model_dump(mode="json"), file.brief.model_dump(mode="json")
    return canonical_json({"study": study, "brief": brief}).decode()


def _version(body: str) -> Version:
    parts = orjson.loads(body)
    study = Study.model_validate_json(canonical_json(parts["study"]))
    return Version(study, Brief.model_validate_json(canonical_json(parts["brief"])))


def _changes(old: str, new: str) -> list[str]:
    """Top-level keys of the study that differ."""
    before, after = orjson.loads(old)["study"], orjson.loads(new)["study"]
    return [key for key in after if before.get(key) != after[key]]
