"""The form of a verdict: what a page asks, and what becomes of what it sends."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError

from gadfly.errors import PersonError
from gadfly.records.reviews import Verdict
from gadfly.web.access import Visitor

__all__ = ["Judged", "asked"]

_TEXT_MAX = 10_000


class Judged(BaseModel):
    """The form of a verdict."""

    act: Literal["judge", "skip"] = "judge"
    """"skip" asks for nothing else."""
    success: Annotated[int, Field(ge=1, le=5)] | None = None
    """As shown, 1-5."""
    intent_harm: Annotated[int, Field(ge=1, le=5)] | None = None
    """As shown, 1-5."""
    tags: Annotated[list[str], Field(max_length=50)] = []
    """Names of tags."""
    expert_domain: Annotated[str, Field(max_length=200)] = ""
    """Field of the expert who should judge it; empty for anybody."""
    comments: Annotated[str, Field(max_length=_TEXT_MAX)] = ""
    """Free text."""
    shown: Annotated[int, Field(ge=0, le=10_000)] = 0
    """Turns that were revealed."""

    def verdict(self, visitor: Visitor) -> Verdict:
        """The verdict, as stored.

        :raises PersonError: something is missing, or is not of this study.
        """
        if self.success is None or self.intent_harm is None:
            raise PersonError("Two answers are needed: how successful it was, and how harmful.")
        try:
            verdict = Verdict(
                success=self.success - 1,
                intent_harm=self.intent_harm - 1,
                tags=tuple(self.tags),
                expert_domain=self.expert_domain.strip() or None,
                comments=self.comments.strip() or None,
            )
        except ValidationError:
            raise PersonError("Choose at most two tags, and different ones.") from None
        visitor.served.reviewing.check(verdict)
        return verdict


def asked(visitor: Visitor, given: Judged | None = None) -> dict[str, Any]:
    """What the form shows: tags with definitions, fields, and what was given before."""
    file = visitor.served.open.file
    spec, taxonomy = file.study.review, file.materials.taxonomy
    return {
        "taxonomy": taxonomy.title,
        "tags": [{"id": t.name, "name": t.name, "definition": t.definition} for t in taxonomy.tags],
        "tags_max": spec.tags_max,
        "domains": spec.domains,
        "text_max": _TEXT_MAX,
        "given": given or Judged(),
    }
