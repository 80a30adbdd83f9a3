"""People who come from Prolific: arrival, completion through its API, and what it says of a visit.

Relied upon, as docs.prolific.com has it in November 2026:

* ``GET /api/v1/submissions/{id}/`` returns participant, study_id, status and entered_code; the id
  is what the study address calls SESSION_ID. Prolific recommends this look-up to check an unsigned
  arrival, and a token reads its own researcher's submissions only.
* ``POST /api/v1/submissions/{id}/transition/`` with action COMPLETE and a completion_code, which
  must be set up on the study with ``actor: researcher``, carries out the code's actions (approve,
  review, ask for a return, pay a share). It is idempotent: the same request again is ignored. A
  code with DYNAMIC_PAYMENT needs percentage_of_reward, 8 to 99.
* The header is ``Authorization: Token ...``; statuses are RESERVED, ACTIVE, AWAITING REVIEW,
  APPROVED, PARTIALLY APPROVED, SCREENED OUT, REJECTED, RETURNED and TIMED-OUT.

Because the server completes, a code never reaches a browser: there is nothing to guess, to pass on
or to claim without the work. Codes of type COMPLETED, OTHER, NO_CONSENT and FAILED_ATTENTION_CHECK
are set up on Prolific, made by :func:`~.arrival.new_code`.

Bonus payments are left to Prolific's own pages: the documentation warns that the call that pays
them is not idempotent, so a lost answer could pay twice.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

import httpx2

from gadfly.errors import OperatorError, show
from gadfly.records.values import VisitEnd
from gadfly.study.arrival import ProlificSpec
from gadfly.web.platforms.arrival import (
    Arrival,
    ArrivalRefused,
    PlatformProblem,
    Query,
    Redirect,
    secret,
    values,
)
from gadfly.web.platforms.signatures import Keys

__all__ = ["NAME", "ProlificClient", "Submission", "read_codes"]

NAME = "prolific"
_HOME = "https://app.prolific.com/"
_OPEN = frozenset({"RESERVED", "ACTIVE"})
_COMPLETED = frozenset({"AWAITING REVIEW", "APPROVED", "PARTIALLY APPROVED", "SCREENED OUT"})
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TRIES = 4
_WAIT_MOST = 20.0
_TIMEOUT_SECONDS = 10.0
_TOKEN_MOST = 8192  # characters of a signed token
_UNKNOWN = "Prolific does not know this visit. Please open the study from your Prolific page."
_OTHER = "The link is not the one that Prolific gave you. Please open the study from there."


@dataclass(frozen=True)
class Submission:
    """A visit, as Prolific has it."""

    id: str
    person: str = field(repr=False)
    """Prolific's id of the person; empty where Prolific does not say."""
    study: str
    status: str
    code: str | None = field(repr=False)
    """The completion code used, if any."""


def read_codes(spec: ProlificSpec, environ: Mapping[str, str]) -> dict[VisitEnd, str]:
    """The completion codes by outcome.

    :raises OperatorError: one is absent, short enough to be guessed, or used for two outcomes.
    """
    codes: dict[VisitEnd, str] = {
        outcome: secret(
            getattr(spec.code_variables, outcome),
            environ,
            what=f"Prolific's completion code for {outcome}",
        )
        for outcome in get_args(VisitEnd)
    }
    if len(set(codes.values())) < len(codes):
        raise OperatorError(
            "two of Prolific's completion codes are the same; each outcome needs a code of its own"
        )
    return codes


class ProlificClient:
    """Prolific's API for one study; safe to share between requests of one process."""

    def __init__(
        self, spec: ProlificSpec, environ: Mapping[str, str], *, backoff_seconds: float = 0.5
    ) -> None:
        """Prepare; nothing is sent yet.

        :param backoff_seconds: pause before the second try of a call; doubles with each.
        :raises OperatorError: the token or a completion code is not in the environment.
        """
        self.spec = spec
        self._codes = read_codes(spec, environ)
        token = secret(spec.token_variable, environ, what="Prolific's API token")
        self._authorization = {"Authorization": f"Token {token}"}
        self._backoff = backoff_seconds
        self._http = httpx2.AsyncClient(
            base_url=spec.api, timeout=_TIMEOUT_SECONDS, follow_redirects=False
        )
        self._keys = Keys(self._fetch_keys)

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def arrive(self, query: Query) -> Arrival:
        """Verify who arrives: by Prolific's signature, or by asking Prolific.

        :raises ArrivalRefused: not signed for this site and workspace, expired, or a link whose
            ids are not those that Prolific vouches for.
        :raises PlatformProblem: Prolific could not be asked.
        """
        spec = self.spec
        names = (spec.person_parameter, spec.study_parameter, spec.session_parameter)
        given = values(query, *names)
        if spec.signed:
            ids = await self._signed_ids(query)
            vouched = [ids.get(n, ids.get(d)) for n, d in zip(names, _DOCUMENTED, strict=True)]
        else:
            if len(given) < len(names):
                raise ArrivalRefused(_OTHER)
            vouched = await self._known_ids(given[spec.session_parameter])
        for name, value in zip(names, vouched, strict=True):
            if not _is_id(value) or given.get(name, value) != value:
                raise ArrivalRefused(_OTHER)
        person, study, session = vouched
        if spec.study is not None and study != spec.study:
            raise ArrivalRefused(_OTHER)
        return Arrival(NAME, str(person), study=str(study), submission=str(session))

    async def _signed_ids(self, query: Query) -> dict[str, Any]:
        name, audience = self.spec.signature_parameter, self.spec.audience or ""
        token = values(query, name, most=_TOKEN_MOST).get(name)
        if token is None:
            raise ArrivalRefused(
                "The link is not signed by Prolific. Please open the study from your Prolific page."
            )
        claims = await self._keys.verify(token, audience=audience)
        ids = claims.get("prolific")
        if not isinstance(ids, dict) or ids.get("workspace_id") != self.spec.workspace:
            raise ArrivalRefused(_OTHER)
        return ids

    async def _known_ids(self, session: str) -> list[Any]:
        if not _is_id(session):
            raise ArrivalRefused(_OTHER)
        found = await self._call("GET", _path(session))
        if not found.is_success:
            raise ArrivalRefused(_UNKNOWN)
        submission = _read(found)
        if submission.status not in _OPEN:
            raise ArrivalRefused(
                "On Prolific this visit is over. If you want to take part again, please start the "
                "study there once more."
            )
        return [submission.person, submission.study, submission.id]

    async def submission(self, submission: str) -> Submission:
        """How Prolific sees a visit.

        :raises PlatformProblem: it cannot be asked, or knows no such visit.
        """
        found = await self._call("GET", _path(submission))
        if not found.is_success:
            raise PlatformProblem(
                f"Prolific knows no submission {show(submission)} for the token in "
                f"{self.spec.token_variable} (HTTP {found.status_code})",
                passing=False,
            )
        return _read(found)

    async def finish(self, submission: str, outcome: VisitEnd, *, share: float = 1.0) -> Redirect:
        """Complete a visit with the code of its outcome; asking again is harmless.

        :param share: part of the reward earned, 0 to 1; counts for an early exit where the study
            says that its code pays a share. Prolific pays 8 to 99 per cent.
        :return: where the browser goes then; no code is in it.
        :raises PlatformProblem: Prolific did not complete it; see ``passing``.
        """
        code = self._codes[outcome]
        body: dict[str, Any] = {"action": "COMPLETE", "completion_code": code}
        if outcome == "early_exit" and self.spec.early_exit_dynamic:
            percent = min(max(round(100 * share), 8), 99)
            body["completion_code_data"] = {"percentage_of_reward": percent}
        answer = await self._call("POST", _path(submission) + "transition/", body)
        if not answer.is_success:
            known = await self.submission(submission)
            if known.status not in _COMPLETED or known.code != code:
                raise PlatformProblem(
                    f"Prolific refused to complete submission {show(submission)}, which is "
                    f"{show(known.status)} (HTTP {answer.status_code}). Check that the code in "
                    f"{getattr(self.spec.code_variables, outcome)} is set up there with the actor "
                    "researcher",
                    passing=False,
                )
        return Redirect(_HOME)

    async def _fetch_keys(self) -> Any:
        answer = await self._call("GET", "/.well-known/study/jwks.json", authorized=False)
        if not answer.is_success:
            raise PlatformProblem(
                f"Prolific's public keys cannot be fetched (HTTP {answer.status_code})",
                passing=True,
            )
        return _json(answer)

    async def _call(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        authorized: bool = True,
    ) -> httpx2.Response:
        """Send until answered: passing faults are tried again, which every call here allows."""
        said = "no answer"
        for attempt in range(_TRIES):
            wait = self._backoff * 2**attempt
            try:
                answer = await self._http.request(
                    method, path, json=body, headers=self._authorization if authorized else None
                )
            except httpx2.TransportError as error:
                said = type(error).__name__
            else:
                if answer.status_code in (401, 403) and authorized:
                    raise PlatformProblem(
                        f"Prolific does not take the token in {self.spec.token_variable} "
                        f"(HTTP {answer.status_code})",
                        passing=False,
                    )
                if answer.status_code != 429 and answer.status_code < 500:
                    return answer
                said = f"HTTP {answer.status_code}"
                wait = max(wait, _asked_wait(answer))
            if attempt < _TRIES - 1:
                await asyncio.sleep(min(wait, _WAIT_MOST))
        raise PlatformProblem(f"Prolific cannot be reached ({said})", passing=True)


_DOCUMENTED = ("PROLIFIC_PID", "STUDY_ID", "SESSION_ID")  # names in Prolific's own claim


def _is_id(value: object) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _path(submission: str) -> str:
    if not _is_id(submission):
        raise PlatformProblem(f"{show(submission)} is no submission of Prolific", passing=False)
    return f"/api/v1/submissions/{submission}/"


def _asked_wait(answer: httpx2.Response) -> float:
    text = answer.headers.get("retry-after", "")
    return float(text) if re.fullmatch(r"[0-9]{1,4}", text) else 0.0


def _json(answer: httpx2.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        raise PlatformProblem("Prolific's answer is no JSON", passing=True) from None


def _read(answer: httpx2.Response) -> Submission:
    said = _json(answer)
    given = said if isinstance(said, dict) else {}
    id_, study, status = (given.get(name) for name in ("id", "study_id", "status"))
    if not (isinstance(id_, str) and isinstance(study, str) and isinstance(status, str)):
        raise PlatformProblem("Prolific's answer is no submission", passing=True)
    code = given.get("entered_code")
    return Submission(
        id_, str(given.get("participant") or ""), study, status, str(code) if code else None
    )
