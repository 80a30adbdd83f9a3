"""Prolific, spoken with over a real socket: whom it vouches for, and that work is paid once."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gadfly.errors import OperatorError
from gadfly.study.arrival import ProlificSpec
from gadfly.web.platforms.arrival import ArrivalRefused, PlatformProblem
from gadfly.web.platforms.fake import FakeProlific, FakeSubmission
from gadfly.web.platforms.prolific import ProlificClient, read_codes
from gadfly.web.platforms.signatures import KEYS_SECONDS, Keys
from gadfly.web.platforms.webhooks import WebhookEvent, read_webhook
from tests.web.platforms.serving import serving

pytestmark = [pytest.mark.usefixtures("socket_enabled"), pytest.mark.allow_hosts(["127.0.0.1"])]

HOST = "study.example.org"
Query = list[tuple[str, str]]
Trial = Callable[[FakeProlific, ProlificClient], Awaitable[None]]


@asynccontextmanager
async def world(**spec: Any) -> AsyncIterator[tuple[FakeProlific, ProlificClient]]:
    fake = FakeProlific(study_url=f"https://{HOST}/s/arrive", audience=HOST)
    async with serving(fake.app()) as address:
        stated = {"audience": HOST, "workspace": fake.workspace, "api": address} | spec
        client = ProlificClient(
            ProlificSpec(kind="prolific", **stated), fake.environ(), backoff_seconds=0.001
        )
        try:
            yield fake, client
        finally:
            await client.close()


def during(trial: Trial, **spec: Any) -> None:
    async def run() -> None:
        async with world(**spec) as (fake, client):
            await trial(fake, client)

    asyncio.run(run())


def with_token(query: Query, token: str) -> Query:
    return [*query[:-1], ("prolific_token", token)]


def test_a_signed_arrival_is_believed() -> None:
    async def trial(fake: FakeProlific, client: ProlificClient) -> None:
        visit = fake.start("person1")
        arrival = await client.arrive(fake.arrival(visit))
        assert (arrival.platform, arrival.subject) == ("prolific", "person1")
        assert (arrival.study, arrival.submission) == (fake.study, visit.id)
        assert "person1" not in repr(arrival)
        only_token = fake.arrival(visit)[-1:]
        assert await client.arrive(only_token) == arrival
        for audience in (f"https://{HOST}/s/arrive?x=1", [HOST], f"https://{HOST.upper()}"):
            assert await client.arrive(fake.arrival(visit, aud=audience)) == arrival
        assert fake.calls == ["GET /.well-known/study/jwks.json"]  # once; no token was needed

    during(trial)


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"exp": 1}, "expired"),
        ({"exp": time.time() - 60}, "expired"),
        ({"exp": None}, "not signed"),
        ({"aud": "evil.example"}, "not signed"),
        ({"aud": f"https://evil.example/{HOST}"}, "not signed"),
        ({"aud": f"https://{HOST}@evil.example"}, "not signed"),
        ({"aud": f"{HOST}.evil.example"}, "not signed"),
        ({"aud": None}, "not signed"),
        ({"aud": []}, "not signed"),
        ({"aud": {HOST: HOST}}, "not signed"),
        ({"aud": "https://[::1"}, "not signed"),
        ({"nbf": time.time() + 3600}, "not signed"),
        ({"prolific": None}, "not the one"),
        ({"prolific": "x"}, "not the one"),
    ],
)
def test_a_token_for_others_or_of_another_time_is_refused(
    claims: dict[str, Any], said: str
) -> None:
    async def trial(fake: FakeProlific, client: ProlificClient) -> None:
        with pytest.raises(ArrivalRefused, match=said):
            await client.arrive(fake.arrival(fake.start("person1"), **claims))

    during(trial)


def test_forged_signatures_are_refused() -> None:
    async def trial(fake: FakeProlific, client: ProlificClient) -> None:
        query = fake.arrival(fake.start("person1"))
        good = query[-1][1]
        claims = jwt.decode(good, options={"verify_signature": False})
        pem = fake.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        header, body, signature = good.split(".")
        other = json.loads(base64.urlsafe_b64decode(body + "==="))
        other["prolific"]["PROLIFIC_PID"] = "person2"
        changed = base64.urlsafe_b64encode(json.dumps(other).encode()).decode().rstrip("=")
        mallory = FakeProlific(study_url="", audience=HOST)
        forged = [
            by_hand({"alg": "none", "kid": fake.kid}, claims, b""),
            hmac_with(pem, {"alg": "HS256", "kid": fake.kid}, claims),
            jwt.encode(claims, mallory.key, "RS256", headers={"kid": fake.kid}),
            jwt.encode(claims, mallory.key, "RS256", headers={"kid": mallory.kid}),
            jwt.encode(claims, fake.key, "RS384", headers={"kid": fake.kid}),
            jwt.encode(claims, fake.key, "RS256"),
            jwt.encode(claims, fake.key, "RS256", headers={"kid": "../../x"}),
            f"{header}.{changed}.{signature}",
            f"{header}.{body}.",
            f"{header}.{body}",
            "a.b.c",
            "x",
        ]
        for token in forged:
            with pytest.raises(ArrivalRefused, match="not signed by Prolific"):
                await client.arrive(with_token(query, token))
        with pytest.raises(ArrivalRefused, match="is not signed"):
            await client.arrive(query[:-1])
        with pytest.raises(ArrivalRefused, match="twice"):
            await client.arrive([*query, ("prolific_token", good)])
        with pytest.raises(ArrivalRefused, match="no id"):
            await client.arrive(with_token(query, "x" * 9000))
        assert (await client.arrive(query)).subject == "person1"

    during(trial)


def by_hand(header: dict[str, str], claims: dict[str, Any], signature: bytes) -> str:
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def hmac_with(pem: bytes, header: dict[str, str], claims: dict[str, Any]) -> str:
    """HS256 with the public key as its secret, which PyJWT refuses to make."""
    head_and_body = by_hand(header, claims, b"").rstrip(".")
    digest = hmac.new(pem, head_and_body.encode(), hashlib.sha256).digest()
    return by_hand(header, claims, digest)


def test_other_ids_in_the_query_than_in_the_token_are_refused() -> None:
    async def trial(fake: FakeProlific, client: ProlificClient) -> None:
        visit = fake.start("person1")
        token = fake.arrival(visit)[-1]
        other = fake.start("person2")
        for name, value in fake.arrival(other)[:-1]:
            if name == "STUDY_ID":
                value = "another"
            with pytest.raises(ArrivalRefused, match="not the one"):
                await client.arrive([(name, value), token])
        with pytest.raises(ArrivalRefused, match="twice"):
            await client.arrive([("PROLIFIC_PID", "person1"), ("PROLIFIC_PID", "person2"), token])

    during(trial)


@pytest.mark.parametrize(
    "change",
    [
        {"workspace_id": "somebody-elses"},
        {"workspace_id": None},
        {"PROLIFIC_PID": ""},
        {"PROLIFIC_PID": ["person1"]},
        {"SESSION_ID": "../../bulk-approve"},
        {"STUDY_ID": None},
    ],
)
def test_a_study_of_another_workspace_leads_nobody_here(change: dict[str, Any]) -> None:
    async def trial(fake: FakeProlific, client: ProlificClient) -> None:
        visit = fake.start("person1")
        ids = dict(fake.arrival(visit)[:-1]) | {"workspace_id": fake.workspace} | change
        with pytest.raises(ArrivalRefused, match="not the one"):
            await client.arrive(fake.arrival(visit, prolific=ids)[-1:])

    during(trial)


def test_parameters_may_have_other_names() -> None:
    async def trial(fake: FakeProlific, client: ProlificClient) -> None:
        visit = fake.start("person1")
        token = fake.arrival(visit)[-1][1]
        query = [("who", "person1"), ("sig", token)]
        assert (await client.arrive(query)).subject == "person1"
        with pytest.raises(ArrivalRefused, match="not the one"):
            await client.arrive([("who", "person2"), ("sig", token)])
        ids = {"who": "p9", "STUDY_ID": "s", "SESSION_ID": visit.id, "workspace_id": fake.workspace}
        renamed = fake.arrival(visit, prolific=ids)[-1][1]
        assert (await client.arrive([("sig", renamed)])).subject == "p9"

    during(trial, person_parameter="who", signature_parameter="sig")


def test_a_new_key_is_fetched_and_made_up_ones_do_not_make_us_call() -> None:
    async def trial(fake: FakeProlific, client: ProlificClient) -> None:
        query = fake.arrival(fake.start("person1"))
        await client.arrive(query)
        fake.renew_key()
        visit = fake.start("person2")
        assert (await client.arrive(fake.arrival(visit))).subject == "person2"
        assert len(fake.calls) == 2
        for number in range(20):
            fake.kid = f"made-up-{number}"
            with pytest.raises(ArrivalRefused):
                await client.arrive(fake.arrival(visit))
        assert len(fake.calls) == 2

    during(trial)


def test_keys_are_fetched_again_after_a_while_and_by_one_of_many() -> None:
    async def run() -> None:
        fake = FakeProlific(study_url="", audience=HOST)
        token = fake.arrival(fake.start("ann"))[-1][1]
        now, fetched = [0.0], 0

        async def fetch() -> Any:
            nonlocal fetched
            fetched += 1
            await asyncio.sleep(0.01)
            public = jwt.algorithms.RSAAlgorithm.to_jwk(fake.key.public_key(), as_dict=True)
            return {"keys": [public | {"kid": fake.kid}]}

        keys = Keys(fetch, clock=lambda: now[0])
        await asyncio.gather(*(keys.verify(token, audience=HOST) for _ in range(50)))
        assert fetched == 1
        now[0] = KEYS_SECONDS - 1
        await keys.verify(token, audience=HOST)
        assert fetched == 1
        now[0] = KEYS_SECONDS + 1
        await keys.verify(token, audience=HOST)
        assert fetched == 2

    asyncio.run(run())


@pytest.mark.parametrize("said", [[], {}, {"keys": 5}, {"keys": [{"kty": "RSA"}]}, None])
def test_keys_that_cannot_be_read_are_the_operators_matter(said: object) -> None:
    async def fetch() -> Any:
        return said

    fake = FakeProlific(study_url="", audience=HOST)
    token = fake.arrival(fake.start("ann"))[-1][1]
    with pytest.raises(PlatformProblem, match="public keys"):
        asyncio.run(Keys(fetch).verify(token, audience=HOST))


def test_an_unsigned_arrival_is_looked_up() -> None:
    async def trial(fake: FakeProlific, client: ProlificClient) -> None:
        visit = fake.start("person1")
        query = fake.arrival(visit)[:-1]
        assert (await client.arrive(query)).submission == visit.id
        for index, wrong in enumerate(("person2", "other-study", "0" * 24)):
            changed = list(query)
            changed[index] = (query[index][0], wrong)
            with pytest.raises(ArrivalRefused):
                await client.arrive(changed)
        for missing in range(3):
            with pytest.raises(ArrivalRefused, match="not the one"):
                await client.arrive(query[:missing] + query[missing + 1 :])
        with pytest.raises(ArrivalRefused, match="not the one"):
            await client.arrive([*query[:2], ("SESSION_ID", "..%2f..")])
        visit.status = "RETURNED"
        with pytest.raises(ArrivalRefused, match="over"):
            await client.arrive(query)

    during(trial, signed=False, audience=None, workspace=None)


@pytest.mark.parametrize("outcome", ["complete", "early_exit", "no_consent", "failed_check"])
def test_each_outcome_has_its_code_and_no_browser_sees_it(outcome: Any) -> None:
    async def trial(fake: FakeProlific, client: ProlificClient) -> None:
        visit = fake.start("person1")
        left = await client.finish(visit.id, outcome)
        assert fake.transitions == [(visit.id, fake.codes[outcome])]
        assert not any(code in left.url for code in fake.codes.values())
        seen = await client.submission(visit.id)
        assert (seen.status, seen.code) == ("AWAITING REVIEW", fake.codes[outcome])
        assert fake.codes[outcome] not in repr(seen)

    during(trial)


@pytest.mark.parametrize(("share", "paid"), [(0.0, 8), (0.42, 42), (1.0, 99)])
def test_an_early_exit_is_paid_its_share(share: float, paid: int) -> None:
    async def trial(fake: FakeProlific, client: ProlificClient) -> None:
        visit = fake.start("person1")
        await client.finish(visit.id, "early_exit", share=share)
        assert visit.percentage == paid
        whole = fake.start("person2")
        await client.finish(whole.id, "complete", share=share)
        assert whole.percentage is None

    during(trial, early_exit_dynamic=True, reward=5.0)


def test_work_is_completed_once_whatever_the_line_does() -> None:
    async def trial(fake: FakeProlific, client: ProlificClient) -> None:
        visit = fake.start("person1")
        fake.failures, fake.loses_answers = [503, 429], 1
        await client.finish(visit.id, "complete")
        await client.finish(visit.id, "complete")
        await asyncio.gather(*(client.finish(visit.id, "complete") for _ in range(10)))
        assert len(fake.transitions) == 1
        with pytest.raises(PlatformProblem, match="refused") as caught:
            await client.finish(visit.id, "early_exit")  # the visit has its outcome
        assert not caught.value.passing

    during(trial)


def test_a_refused_repetition_counts_as_done_if_the_code_stands() -> None:
    async def trial(fake: FakeProlific, client: ProlificClient) -> None:
        visit = fake.start("person1")
        visit.status, visit.code = "APPROVED", fake.codes["complete"]
        fake.failures = [400]
        await client.finish(visit.id, "complete")
        assert fake.transitions == []

    during(trial)


def test_what_cannot_be_completed_says_why() -> None:
    async def trial(fake: FakeProlific, client: ProlificClient) -> None:
        visit = fake.start("person1")
        visit.status = "RETURNED"
        with pytest.raises(PlatformProblem, match=r"RETURNED.*PROLIFIC_CODE_COMPLETE"):
            await client.finish(visit.id, "complete")
        with pytest.raises(PlatformProblem, match="knows no submission"):
            await client.finish("0" * 24, "complete")
        with pytest.raises(PlatformProblem, match="is no submission"):
            await client.finish("../users/me", "complete")
        fake.failures = [500] * 4
        with pytest.raises(PlatformProblem, match="cannot be reached") as caught:
            await client.finish(visit.id, "complete")
        assert caught.value.passing
        fake.codes = {"complete": "CHANGED-ON-PROLIFIC"}
        visit.status = "ACTIVE"
        with pytest.raises(PlatformProblem, match="actor researcher"):
            await client.finish(visit.id, "complete")

    during(trial)


def test_a_wrong_token_stops_at_once_and_is_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def trial(fake: FakeProlific, client: ProlificClient) -> None:
        token = fake.token
        visit = fake.start("person1")
        await client.submission(visit.id)
        fake.token, fake.calls = "renewed-on-prolific", []
        with pytest.raises(PlatformProblem, match="PROLIFIC_TOKEN") as caught:
            await client.finish(visit.id, "complete")
        assert fake.calls == [f"POST /api/v1/submissions/{visit.id}/transition/"]
        assert not caught.value.passing
        assert token not in f"{caught.value!r} {client!r}"
        assert caplog.records
        assert token not in caplog.text
        assert fake.codes["complete"] not in caplog.text

    during(trial)


def test_a_server_that_is_away_is_a_passing_problem() -> None:
    async def run() -> None:
        async with world() as (fake, _):
            gone = ProlificSpec(
                kind="prolific", api="http://127.0.0.1:9", audience=HOST, workspace=fake.workspace
            )
            client = ProlificClient(gone, fake.environ(), backoff_seconds=0.001)
            with pytest.raises(PlatformProblem, match="cannot be reached") as caught:
                await client.arrive(fake.arrival(fake.start("ann")))
            assert caught.value.passing
            await client.close()

    asyncio.run(run())


def test_codes_and_token_must_be_there_and_differ() -> None:
    fake = FakeProlific(study_url="", audience=HOST)
    spec = ProlificSpec(kind="prolific", audience=HOST, workspace=fake.workspace)
    environ = fake.environ()
    assert read_codes(spec, environ) == fake.codes
    for name in environ:
        if name == "PROLIFIC_WEBHOOK_SECRET":
            continue
        for bad in ("", "short"):
            with pytest.raises(OperatorError, match=name):
                ProlificClient(spec, environ | {name: bad})
    same = {"PROLIFIC_CODE_NO_CONSENT": environ["PROLIFIC_CODE_COMPLETE"]}
    with pytest.raises(OperatorError, match="the same"):
        read_codes(spec, environ | same)


def test_a_returned_visit_is_told_by_webhook() -> None:
    async def run() -> None:
        got: list[WebhookEvent | None] = []
        fake = FakeProlific(study_url="", audience=HOST)

        async def hook(request: Request) -> Response:
            body = await request.body()
            secret = fake.webhook_secret
            got.append(read_webhook(request.headers, body, secret=secret, now=time.time()))
            return Response()

        async with serving(Starlette(routes=[Route("/hook", hook, methods=["POST"])])) as address:
            fake.webhook_url = f"{address}/hook"
            visit: FakeSubmission = fake.start("ann")
            for status in ("RETURNED", "TIMED-OUT", "APPROVED"):
                await fake.move(visit, status)
        events = [event for event in got if event is not None]
        assert [event.frees for event in events] == [True, True, False]
        assert {event.submission for event in events} == {visit.id}
        assert len({event.id for event in events}) == 3

    asyncio.run(run())
