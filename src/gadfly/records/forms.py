"""Forms: YAML files that a study may bring, read strictly into one kind of record.

Topics, instruments and the like ship with Gadfly or stand beside the study file; each is named the
same way and fails with the same words.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TypeVar, cast

import orjson
import yaml
from pydantic import ValidationError

from gadfly.errors import FileProblem, show
from gadfly.records.canonical import Record

__all__ = ["read_form", "read_shipped", "shipped_forms"]

F = TypeVar("F", bound=Record)


def shipped_forms(package: str) -> list[str]:
    """Names of the YAML files that stand in a package of Gadfly."""
    found = (file.name for file in files(package).iterdir())
    return sorted(name.removesuffix(".yaml") for name in found if name.endswith(".yaml"))


def read_shipped(form: type[F], name: str, *, package: str, beside: Path, what: str) -> F:
    """A shipped form by name, or a YAML file beside the study.

    :param what: "list of topics", for messages.
    :raises FileProblem: there is none of that name, or it is not of that form.
    """
    shipped = shipped_forms(package)
    path = Path(str(files(package) / f"{name}.yaml")) if name in shipped else beside / name
    if not path.is_file():
        names = ", ".join(shipped)
        raise FileProblem(path, f"no such {what}; give a file beside the study, or one of: {names}")
    return cast(F, _read_once(form, path)) if name in shipped else read_form(form, path)


@cache
def _read_once(form: type[Record], path: Path) -> Record:
    """A form of Gadfly's own, which does not change meanwhile."""
    return read_form(form, path)


def read_form(form: type[F], path: Path) -> F:
    """A record from a YAML file.

    :raises FileProblem: it is not YAML in UTF-8, or not of that form; every fault is named.
    """
    try:
        values = orjson.dumps(yaml.safe_load(path.read_text(encoding="utf-8")))
    except UnicodeDecodeError:
        raise FileProblem(path, "is not UTF-8 text") from None
    except (yaml.YAMLError, RecursionError, TypeError) as error:
        raise FileProblem(path, f"not YAML as expected: {show(str(error))}") from None
    try:
        return form.model_validate_json(values)
    except ValidationError as error:
        faults = (
            f"{'.'.join(str(part) for part in fault['loc']) or 'the file'}: "
            f"{fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors(include_url=False)
        )
        raise FileProblem(path, "; ".join(faults)) from None
