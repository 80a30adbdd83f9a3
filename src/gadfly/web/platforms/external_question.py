"""Platforms that show this site in a frame, as Mechanical Turk's ExternalQuestion does.

From the documentation (AWS, "ExternalQuestion"): the address gets assignmentId, hitId,
turkSubmitTo and workerId. In a preview assignmentId is ASSIGNMENT_ID_NOT_AVAILABLE, and nothing may
be collected. At the end the worker's browser posts a form with assignmentId to
``turkSubmitTo/mturk/externalSubmit``.

The address is not signed: whoever writes another workerId into it takes part as that worker, yet
cannot be paid as them, because the platform knows who holds the assignment. And because the browser
posts, the post alone proves no work: it carries a code made for the visit, by which the researcher
tells a finished visit from a forged post before paying. Whoever says no to the consent returns the
assignment on the platform; there is nothing to post.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from gadfly.records.values import VisitEnd
from gadfly.study.arrival import ExternalQuestionSpec
from gadfly.web.platforms.arrival import Arrival, ArrivalRefused, FormPost, Query, values

__all__ = ["NAME", "arrive", "finish"]

NAME = "external_question"
_PREVIEW = "ASSIGNMENT_ID_NOT_AVAILABLE"
_ORIGIN = re.compile(r"https://[A-Za-z0-9.:-]+/?")


def arrive(spec: ExternalQuestionSpec, query: Query) -> Arrival | None:
    """Read who arrives; ``None`` for a preview, where the task is shown and nothing is taken.

    :raises ArrivalRefused: an id is missing, or the form would be posted to an unlisted host.
    """
    found = values(query, "assignmentId", "hitId", "workerId", "turkSubmitTo")
    if found.get("assignmentId") == _PREVIEW:
        return None
    for name in ("assignmentId", "workerId", "turkSubmitTo"):
        if name not in found:
            raise ArrivalRefused(f"The link holds no {name}. Please accept the task there first.")
    return Arrival(
        NAME,
        found["workerId"],
        study=found.get("hitId"),
        submission=found["assignmentId"],
        submit_to=_allowed(spec, found["turkSubmitTo"]),
    )


def finish(
    spec: ExternalQuestionSpec, outcome: VisitEnd, *, submission: str, submit_to: str, code: str
) -> FormPost | None:
    """The form that the browser posts; ``None`` where the person returns the assignment instead.

    :param submit_to: of the arrival; checked again, because the allow-list may have changed since.
    :param code: made for this visit and kept by the caller.
    :raises ArrivalRefused: the host is not listed (any more).
    """
    if outcome == "no_consent":
        return None
    action = f"{_allowed(spec, submit_to)}/mturk/externalSubmit"
    return FormPost(action, {"assignmentId": submission, "code": code})


def _allowed(spec: ExternalQuestionSpec, address: str) -> str:
    """The origin, if it is https and its host is listed letter for letter."""
    if _ORIGIN.fullmatch(address):
        host = urlsplit(address).netloc.lower()
        if host in spec.submit_hosts:
            return f"https://{host}"
    raise ArrivalRefused(
        "The link would send your work to a place that this study does not know. "
        "Please open it from the platform."
    )
