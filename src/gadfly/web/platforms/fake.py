"""A fake of Prolific: its keys, its signatures, its submissions and its webhooks.

Tests use it, and so does whoever tries a set-up before money is involved::

    python -m gadfly.web.platforms.fake --study http://127.0.0.1:8000/my-study/arrive

It prints what to put into the environment and the study file. Opening its ``/start?person=ann``
plays a person who takes the study there; ``/move?submission=...&status=RETURNED`` plays what
happens to a visit later, and sends the webhook. It is as strict as the real one in what it refuses
(wrong token, unknown code, a visit that is over), and keeps everything in memory: it is a fake.
"""

from __future__ import annotations

import argparse
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx2
import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from gadfly.study.arrival import CodeVariables
from gadfly.web.platforms.arrival import new_code
from gadfly.web.platforms.webhooks import sign

__all__ = ["FakeProlific", "FakeSubmission"]

_OVER = {"AWAITING REVIEW", "APPROVED", "RETURNED", "TIMED-OUT", "REJECTED"}


@dataclass
class FakeSubmission:
    """A visit, as the fake has it."""

    person: str
    study: str
    id: str = field(default_factory=lambda: secrets.token_hex(12))
    status: str = "ACTIVE"
    code: str | None = None
    percentage: float | None = None
    """Share of the reward that a dynamic code paid, in per cent."""

    @property
    def json(self) -> dict[str, Any]:
        """What the API returns."""
        return {
            "id": self.id,
            "participant": self.person,
            "study_id": self.study,
            "status": self.status,
            "entered_code": self.code,
            "started_at": "2026-01-01T00:00:00Z",
        }


class FakeProlific:
    """One workspace with one study."""

    def __init__(self, *, study_url: str, audience: str, webhook_url: str | None = None) -> None:
        """Make a key, a token, a webhook secret and codes.

        :param study_url: where people who start are sent.
        :param audience: what arrivals are signed for.
        :param webhook_url: where events are sent; nowhere where left out.
        """
        self.study_url = study_url
        self.audience = audience
        self.webhook_url = webhook_url
        self.workspace, self.study = secrets.token_hex(12), secrets.token_hex(12)
        self.token, self.webhook_secret = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        self.codes = {outcome: new_code() for outcome in CodeVariables.model_fields}
        self.submissions: dict[str, FakeSubmission] = {}
        self.transitions: list[tuple[str, str]] = []
        """Submission and code of each completion that was carried out."""
        self.calls: list[str] = []
        """Method and path of each call."""
        self.failures: list[int] = []
        """HTTP statuses that the next calls answer, in turn."""
        self.loses_answers = 0
        """How many completions are carried out although the caller is told of a failure."""
        self.renew_key()

    def renew_key(self) -> None:
        """Sign with a new key from now on; the old one is forgotten."""
        self.kid = secrets.token_hex(8)
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def environ(self) -> dict[str, str]:
        """The environment that a study with default variable names needs."""
        variables = CodeVariables().model_dump()
        codes = {variables[outcome]: code for outcome, code in self.codes.items()}
        secrets_ = {"PROLIFIC_TOKEN": self.token, "PROLIFIC_WEBHOOK_SECRET": self.webhook_secret}
        return secrets_ | codes

    def start(self, person: str) -> FakeSubmission:
        """Somebody takes a place."""
        submission = FakeSubmission(person, self.study)
        self.submissions[submission.id] = submission
        return submission

    def arrival(self, submission: FakeSubmission, **claims: Any) -> list[tuple[str, str]]:
        """The query with which the person arrives, signed.

        :param claims: take the place of those that Prolific makes; ``None`` leaves one out.
        """
        ids = {
            "PROLIFIC_PID": submission.person,
            "STUDY_ID": submission.study,
            "SESSION_ID": submission.id,
        }
        now = int(time.time())
        signed = {
            "iss": "https://www.prolific.com",
            "sub": submission.id,
            "aud": self.audience,
            "iat": now,
            "exp": now + 300,
            "prolific": ids | {"workspace_id": self.workspace},
        }
        said = {name: value for name, value in (signed | claims).items() if value is not None}
        token = jwt.encode(said, self.key, "RS256", headers={"kid": self.kid})
        return [*ids.items(), ("prolific_token", token)]

    def delivery(self, submission: FakeSubmission) -> tuple[dict[str, str], bytes]:
        """Headers and body of the webhook that tells the submission's status."""
        event = {
            "resource_id": submission.id,
            "event_type": "submission.status.change",
            "participant_id": submission.person,
            "status": submission.status,
        }
        body, stamp = json.dumps(event).encode(), str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "X-Event-ID": secrets.token_hex(16),
            "X-Timestamp": stamp,
            "X-Prolific-Request-Timestamp": stamp,
            "X-Prolific-Request-Signature": sign(self.webhook_secret, stamp, body),
        }
        return headers, body

    async def move(self, submission: FakeSubmission, status: str) -> None:
        """A visit comes to a status, and the webhook says so."""
        submission.status = status
        if self.webhook_url is not None:
            headers, body = self.delivery(submission)
            async with httpx2.AsyncClient() as client:
                await client.post(self.webhook_url, headers=headers, content=body)

    def app(self) -> Starlette:
        """The fake as an application."""
        visit = "/api/v1/submissions/{id}/"
        return Starlette(
            routes=[
                Route("/.well-known/study/jwks.json", self._jwks),
                Route(visit, self._get),
                Route(visit + "transition/", self._transition, methods=["POST"]),
                Route("/start", self._start),
                Route("/move", self._move),
            ]
        )

    def _jwks(self, request: Request) -> Response:
        self.calls.append(f"{request.method} {request.url.path}")
        if self.failures:
            return Response(status_code=self.failures.pop(0))
        public = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        entry = public | {"kid": self.kid, "alg": "RS256", "use": "sig", "key_ops": ["verify"]}
        return JSONResponse({"keys": [entry]})

    def _refusal(self, request: Request) -> Response | None:
        self.calls.append(f"{request.method} {request.url.path}")
        if self.failures:
            return Response(status_code=self.failures.pop(0), headers={"Retry-After": "0"})
        if request.headers.get("authorization") != f"Token {self.token}":
            return JSONResponse({"error": {"status": 401, "title": "Unauthorized"}}, 401)
        if request.path_params["id"] not in self.submissions:
            return JSONResponse({"error": {"status": 404, "title": "Not found"}}, 404)
        return None

    def _get(self, request: Request) -> Response:
        refusal = self._refusal(request)
        return refusal or JSONResponse(self.submissions[request.path_params["id"]].json)

    async def _transition(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        submission, body = self.submissions[request.path_params["id"]], await request.json()
        code = body.get("completion_code")
        again = submission.code is not None and submission.code == code
        known = body.get("action") == "COMPLETE" and code in self.codes.values()
        if not known or (submission.status in _OVER and not again):
            return JSONResponse({"error": {"status": 400, "title": "Bad request"}}, 400)
        if not again:
            submission.code, submission.status = code, "AWAITING REVIEW"
            data = body.get("completion_code_data") or {}
            submission.percentage = data.get("percentage_of_reward")
            self.transitions.append((submission.id, code))
        if self.loses_answers:
            self.loses_answers -= 1
            return Response(status_code=502)
        return JSONResponse(submission.json)

    def _start(self, request: Request) -> Response:
        query = self.arrival(self.start(request.query_params.get("person", "ann")))
        return RedirectResponse(f"{self.study_url}?{urlencode(query)}", 303)

    async def _move(self, request: Request) -> Response:
        submission = self.submissions.get(request.query_params.get("submission", ""))
        if submission is None:
            return JSONResponse(list(self.submissions), 404)
        await self.move(submission, request.query_params.get("status", "RETURNED"))
        return JSONResponse(submission.json)


def _main() -> None:
    parser = argparse.ArgumentParser(description="a fake of Prolific on 127.0.0.1")
    parser.add_argument("--study", required=True, help="where people who start are sent")
    parser.add_argument("--webhook", help="where events are sent")
    parser.add_argument("--port", type=int, default=8799)
    given = parser.parse_args()
    audience = httpx2.URL(given.study).netloc.decode()
    fake = FakeProlific(study_url=given.study, audience=audience, webhook_url=given.webhook)
    for name, value in fake.environ().items():
        print(f"export {name}={value}")
    print("arrival:\n  platform:\n    kind: prolific")
    print(f"    audience: {audience}\n    workspace: '{fake.workspace}'")
    address = f"http://127.0.0.1:{given.port}"
    print(f"    api: {address}\n# then open {address}/start?person=ann", flush=True)
    uvicorn.run(fake.app(), host="127.0.0.1", port=given.port, log_level="warning")


if __name__ == "__main__":
    _main()
