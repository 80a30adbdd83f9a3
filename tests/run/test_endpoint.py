"""The endpoint assistant, over a real socket to a stand-in server on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Literal

import pytest

from gadfly.assistants import endpoint
from gadfly.assistants.endpoint import EndpointAssistant
from gadfly.errors import OperatorError, StudyProblem
from gadfly.records.values import Message, Reply, Sampling
from gadfly.run.assemble import open_study
from gadfly.run.collect import collect
from gadfly.run.gather import gather
from gadfly.store.store import Store
from gadfly.study.protocol import load_study
from tests.run.conftest import MakeStudy
from tests.run.stub import Stub, chat, completion, serve

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

TALK = [
    Message(role="human", text="good day"),
    Message(role="assistant", text="hello"),
    Message(role="human", text="and now?"),
]


@pytest.fixture
def stub(socket_enabled: None) -> Iterator[Stub]:
    with serve() as running:
        yield running


def ask(
    stub: Stub,
    *,
    seeds: tuple[int, ...] = (1,),
    api: Literal["chat", "completions"] = "chat",
    key: str | None = None,
    sampling: Sampling | None = None,
) -> list[Reply]:
    async def work() -> list[Reply]:
        assistant = EndpointAssistant(base_url=stub.url, model="m", api=api, key_variable=key)
        try:
            return await assistant.reply(TALK, seeds=seeds, sampling=sampling or Sampling())
        finally:
            await assistant.close()

    return asyncio.run(work())


def test_chat_gets_the_conversation_and_one_seed_a_call(stub: Stub) -> None:
    sampling = Sampling(temperature=0.7, max_tokens=50)
    replies = ask(stub, seeds=(4, 5), sampling=sampling)
    assert [reply.text for reply in replies] == ["reply 4", "reply 5"]
    assert {reply.outcome for reply in replies} == {"complete"}
    assert (replies[0].tokens_in, replies[0].tokens_out) == (11, 3)
    assert replies[0].sampling == sampling
    assert replies[0].latency_seconds is not None
    path, body, _ = stub.asked[0]
    assert path == "/v1/chat/completions"
    assert [m["role"] for m in body["messages"]] == ["user", "assistant", "user"]
    assert (body["temperature"], body["max_tokens"]) == (0.7, 50)
    assert "top_p" not in body


def test_a_plain_model_reads_human_assistant_text(stub: Stub) -> None:
    stub.answers = [completion(" indeed")]
    (reply,) = ask(stub, api="completions")
    assert reply.text == "indeed"
    path, body, _ = stub.asked[0]
    assert path == "/v1/completions"
    assert body["prompt"].endswith("\n\nHuman: and now?\n\nAssistant:")
    assert body["stop"] == ["\n\nHuman:"]


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (chat("", "content_filter"), "filtered"),
        (chat("as far as it goes", "length"), "complete"),
        ((400, {"error": {"message": "against our policy"}}), "refused"),
        ((403, {"error": {"message": "no"}}), "refused"),
        ((401, {"error": {"message": "bad key"}}), "error"),
        ((404, {"error": {"message": "no such model"}}), "error"),
        ((200, {"id": "1", "object": "chat.completion", "choices": []}), "error"),
        ((200, b"{not json"), "error"),
    ],
)
def test_what_fails_is_a_reply_with_an_outcome(stub: Stub, answer: object, outcome: str) -> None:
    stub.answers = [answer]  # type: ignore[list-item]
    (reply,) = ask(stub)
    assert reply.outcome == outcome
    if outcome in ("error", "refused"):
        assert reply.detail


def test_a_passing_fault_is_tried_again(stub: Stub) -> None:
    stub.answers = [(500, {"error": {"message": "busy"}}), chat("here")]
    (reply,) = ask(stub)
    assert (reply.text, len(stub.asked)) == ("here", 2)


def test_a_server_that_is_gone_is_an_error(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "_RETRIES", 0)
    stub.url = "http://127.0.0.1:9/v1"
    (reply,) = ask(stub)
    assert reply.outcome == "error"


def test_the_key_comes_from_the_environment_alone(
    stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OperatorError, match="GADFLY_TEST_KEY"):
        ask(stub, key="GADFLY_TEST_KEY")
    monkeypatch.setenv("GADFLY_TEST_KEY", "very-secret")
    (reply,) = ask(stub, key="GADFLY_TEST_KEY")
    assert stub.asked[0][2] == "Bearer very-secret"
    assert "very-secret" not in reply.model_dump_json()


def served(make_study: MakeStudy, stub: Stub, **launch: object) -> Path:
    arm = {
        "model_type": "plain lm",
        "num_params": "tiny",
        "quota": 6,
        "assistant": {"kind": "endpoint", "base_url": stub.url, "model": "m"},
    }
    return make_study(arms=[arm], launch=launch)


def test_a_server_is_attacked_only_with_its_owners_word(make_study: MakeStudy, stub: Stub) -> None:
    path = served(make_study, stub, contact="Ada")
    with closing(Store(load_study(path).database_url)) as store:
        with pytest.raises(StudyProblem, match="who allowed you"):
            open_study(load_study(path), store)
        allowed = {stub.url: "my own server"}
        file = load_study(served(make_study, stub, contact="Ada", authorisations=allowed))
        study = open_study(file, store)
        stub.answers = [(400, {"error": {"message": "no"}})]
        assert asyncio.run(collect(study, concurrency=3)).attacks == 6
        attacks = list(gather(study).values())
    tries = sum(len(t.replies) + len(t.failed) for a in attacks for t in a.turns)
    assert len(stub.asked) == tries
    assert sum(len(t.failed) for a in attacks for t in a.turns) == 1
