"""The faults of a study file, in a newcomer's words and with their lines.

YAML is read twice: as values, and as nodes that know their lines. A key given twice is a fault,
which YAML itself lets pass. What a field means comes from its docstring, so that each fact is
written once.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import orjson
import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from gadfly.errors import FileProblem, StudyProblem, show

__all__ = ["Document", "explain", "read_yaml"]

Location = tuple[int | str, ...]
_PLAIN = {
    "string_type": "must be text; put it in quotes",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list: lines that start with a hyphen",
    "dict_type": "must be a list of names with values",
    "model_type": "must hold its own keys, one a line, further in",
    "model_attributes_type": "must hold its own keys, one a line, further in",
    "string_too_short": "must not be empty",
    "finite_number": "must be a number, not infinite",
    "too_short": "must have at least one entry",
}


@dataclass(frozen=True)
class Document:
    """A YAML file that was read."""

    json: bytes
    """Its values."""
    root: yaml.Node | None
    """Its nodes, which know their lines."""

    def line(self, location: Location) -> int:
        """Line, from 1, of the deepest part of a location that stands in the file."""
        node, line = self.root, 1
        for part in location:
            below = _child(node, part)
            if below is not None:
                line, node = below
        return line


def read_yaml(path: Path, *, headings: Collection[str] = ()) -> Document:
    """Read a YAML file as a mapping.

    :param headings: keys under which may stand nothing but comments: they are then left out.
    :raises FileProblem: it is not YAML, not UTF-8, or no mapping.
    :raises StudyProblem: it gives a key twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except UnicodeDecodeError:
        raise FileProblem(path, "is not UTF-8 text") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "somewhere"
        raise FileProblem(
            path,
            f"{where}: not YAML: {error.problem}. Keys of one list stand in one column, "
            "a colon is followed by a space, tabs are not allowed",
        ) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise FileProblem(path, f"not YAML: {show(str(error))}") from None
    if not isinstance(values, dict):
        raise FileProblem(
            path, f"must hold keys and values, as gadfly init writes; got {show(values)}"
        )
    if twice := list(_twice(root)):
        raise StudyProblem(path, [f"line {line}: {key} is given twice" for key, line in twice])
    values = {k: v for k, v in values.items() if v is not None or k not in headings}
    try:
        return Document(orjson.dumps(values), root)
    except TypeError as error:
        raise FileProblem(path, f"holds a value that a study cannot: {error}") from None


def explain(error: ValidationError, model: type[BaseModel], document: Document) -> list[str]:
    """One sentence for each fault: line, key, what is wrong, what would be right."""
    details = error.errors(include_url=False)
    faulty = [detail["loc"] for detail in details]
    return [
        _explain(detail, model, document)
        for detail in details
        if not (detail["type"] == "too_short" and _faults_within(detail["loc"], faulty))
    ]


def _faults_within(location: Location, faulty: list[Location]) -> bool:
    """Whether entries were there but wrong: then the list is not empty, whatever pydantic says."""
    return any(other[: len(location)] == location != other for other in faulty)


def _explain(detail: ErrorDetails, model: type[BaseModel], document: Document) -> str:
    location, kind = detail["loc"], detail["type"]
    owner, field = _resolve(model, location)
    key = _spell(location, model) or "the study"
    where = f"line {document.line(location)}: {key}"
    if kind == "missing":
        return f"{where} is missing: {_meaning(field)}"
    if kind == "extra_forbidden":
        return f"{where} is no key here; {_suggest(str(location[-1]), owner)}"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        allowed = detail["ctx"].get("expected_tags") or _tags(field)
        return f"{where}: its kind must be one of {allowed}"
    if kind == "value_error":
        return f"{where}: {detail['ctx']['error']}"
    wanted = _PLAIN.get(kind) or _uncapital(detail["msg"])
    return f"{where}: {wanted}; got {show(detail['input'])}. It says: {_meaning(field)}"


def _uncapital(message: str) -> str:
    return message.removeprefix("Input ").replace("should", "must", 1)


def _meaning(field: FieldInfo | None) -> str:
    text = (field.description if field else None) or "see the file that gadfly init writes"
    return " ".join(text.split())


def _suggest(key: str, owner: type[BaseModel] | None) -> str:
    if owner is None:
        return "it is not known"
    known = list(owner.model_fields)
    near = difflib.get_close_matches(key, known, 1)
    return f"did you mean {near[0]}?" if near else f"known are: {', '.join(known)}"


def _tags(field: FieldInfo | None) -> str:
    return ", ".join(sorted(tag for tag, _ in _members(field))) if field else "those known"


def _members(field: FieldInfo) -> Iterator[tuple[str, type[BaseModel]]]:
    """The models that a field may hold, each with every ``kind`` that names it, if any."""
    waiting: list[Any] = [field.annotation]
    while waiting:
        annotation = waiting.pop()
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            kind = annotation.model_fields.get("kind")
            for tag in get_args(kind.annotation) if kind else ("",):
                yield tag, annotation
        else:
            waiting.extend(get_args(annotation))


def _resolve(
    model: type[BaseModel], location: Location
) -> tuple[type[BaseModel] | None, FieldInfo | None]:
    """The model that owns a location's last key, and that key's field if it has one."""
    owner: type[BaseModel] | None = model
    field: FieldInfo | None = None
    inside: dict[str, type[BaseModel]] = {}
    for part in location:
        if isinstance(part, int):
            continue
        if part in inside:  # the kind that pydantic chose stands in its locations
            owner = inside.pop(part)
            inside = {}
            continue
        owner = inside.get("", owner)
        field = owner.model_fields.get(part) if owner else None
        inside = dict(_members(field)) if field else {}
        if field is None:
            break
    return owner, field


def _spell(location: Location, model: type[BaseModel]) -> str:
    """A location as a person would write it: arms[2].quota, arms counted from 1."""
    out = ""
    for index, part in enumerate(location):
        if isinstance(part, int):
            out += f"[{part + 1}]"
            continue
        _, field = _resolve(model, location[:index])
        if field is not None and part in dict(_members(field)):
            continue
        out += f".{part}" if out else part
    return out


def _child(node: yaml.Node | None, part: int | str) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
        if part < len(node.value):
            below = node.value[part]
            return below.start_mark.line + 1, below
    elif isinstance(node, yaml.MappingNode):
        for key, below in node.value:
            if key.value == part:
                return key.start_mark.line + 1, below
    return None


def _twice(node: yaml.Node | None) -> Iterator[tuple[str, int]]:
    if isinstance(node, yaml.SequenceNode):
        for below in node.value:
            yield from _twice(below)
    elif isinstance(node, yaml.MappingNode):
        seen = set()
        for key, below in node.value:
            if key.value in seen:
                yield str(key.value), key.start_mark.line + 1
            seen.add(key.value)
            yield from _twice(below)
