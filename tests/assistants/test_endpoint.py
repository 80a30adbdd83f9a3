"""The endpoint assistant, over a real socket to a stand-in server on this machine."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Literal

import pytest

from gadfly.assistants import server as serving
from gadfly.assistants.answers import TEXT_MOST
from gadfly.assistants.endpoint import Dialect, EndpointAssistant, Knowledge, key_of
from gadfly.assistants.server import Server
from gadfly.errors import OperatorError
from gadfly.records.canonical import canonical_json
from gadfly.records.values import Message, Reply, Sampling
from tests.stub import Answer, Stub, chat, completion

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

TALK = [
    Message(role="human", text="good day"),
    Message(role="assistant", text="hello"),
    Message(role="human", text="and now?"),
]


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "_BACKOFF_SECONDS", 0.01)


def ask(
    stub: Stub,
    *,
    seeds: tuple[int, ...] = (1,),
    api: Literal["chat", "completions"] = "chat",
    sampling: Sampling | None = None,
    timeout: float = 20,
    dialect: Dialect | None = None,
    learned: list[Dialect] | None = None,
    counts: Any = None,
    times: int = 1,
) -> list[Reply]:
    """The replies of the last of so many rounds."""

    async def learn(now: Dialect) -> None:
        if learned is not None:
            learned.append(now)

    async def work() -> list[Reply]:
        server = Server(stub.url, timeout_seconds=timeout, counts=counts)
        knowledge = Knowledge(dialect, learn)
        assistant = EndpointAssistant(server, model="m", api=api, knowledge=knowledge)
        try:
            for _ in range(times):
                replies = await assistant.reply(TALK, seeds=seeds, sampling=sampling or Sampling())
            return replies
        finally:
            await assistant.close()

    return asyncio.run(work())


def error(status: int, message: str = "no", **headers: str) -> Answer:
    return (
        status,
        {"error": {"message": message}},
        {k.replace("_", "-"): v for k, v in headers.items()},
    )


# What is sent


def test_chat_gets_the_conversation(stub: Stub) -> None:
    sampling = Sampling(temperature=0.7, max_tokens=50)
    (reply,) = ask(stub, seeds=(4,), sampling=sampling)
    assert (reply.text, reply.outcome, reply.seed) == ("reply 4", "complete", 4)
    assert (reply.tokens_in, reply.tokens_out) == (11, 3)
    path, body, _ = stub.asked[0]
    assert path == "/v1/chat/completions"
    assert [m["role"] for m in body["messages"]] == ["user", "assistant", "user"]
    assert (body["temperature"], body["max_tokens"]) == (0.7, 50)
    assert not {"top_p", "n", "stream"} & body.keys()


def test_a_plain_model_reads_human_assistant_text(stub: Stub) -> None:
    stub.answers = [completion(" indeed\n\nHuman: and I go on")]
    (reply,) = ask(stub, api="completions")
    assert reply.text == "indeed"
    path, body, _ = stub.asked[0]
    assert path == "/v1/completions"
    assert body["prompt"].endswith("\n\nHuman: and now?\n\nAssistant:")
    assert body["stop"] == ["\n\nHuman:"]


def test_the_key_comes_from_the_environment_alone(
    stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OperatorError, match="export GADFLY_TEST_KEY"):
        key_of(stub.url, "GADFLY_TEST_KEY")
    monkeypatch.setenv("GADFLY_TEST_KEY", "very-secret")

    async def work() -> Reply:
        key = key_of(stub.url, "GADFLY_TEST_KEY")
        assistant = EndpointAssistant(Server(stub.url, key=key), model="m")
        try:
            return (await assistant.reply(TALK, seeds=(1,), sampling=Sampling()))[0]
        finally:
            await assistant.close()

    reply = asyncio.run(work())
    assert stub.asked[0][2] == "Bearer very-secret"
    assert "very-secret" not in reply.model_dump_json()


# Several replies in one call


def test_one_call_gives_several_where_the_server_can(stub: Stub) -> None:
    learned: list[Dialect] = []
    replies = ask(stub, seeds=(4, 5), learned=learned, times=2)
    assert [reply.text for reply in replies] == ["reply 4", "reply 4.1"]
    assert [(r.seed, r.choice) for r in replies] == [(4, 0), (4, 1)]
    assert [body["n"] for _, body, _ in stub.asked] == [2, 2]
    assert [r.usage.tokens_out if r.usage else None for r in replies] == [6, None]
    assert [r.tokens_out for r in replies] == [None, None]  # nobody counted each
    assert learned == [Dialect(several=True)]


@pytest.mark.parametrize(("how", "calls"), [("ignores", 2), ("copies", 2), ("refuses", 3)])
def test_a_server_that_cannot_is_found_out_once(stub: Stub, how: Any, calls: int) -> None:
    stub.several = how
    learned: list[Dialect] = []
    replies = ask(stub, seeds=(4, 5), learned=learned)
    assert [reply.text for reply in replies] == ["reply 4", "reply 5"]
    assert len(stub.asked) == calls
    assert sum(r.usage.calls for r in replies if r.usage) == calls
    assert learned == [Dialect(several=False)]
    stub.asked.clear()
    replies = ask(stub, seeds=(4, 5), learned=learned, dialect=learned[-1])
    assert [body.get("n") for _, body, _ in stub.asked] == [None, None]
    assert len(learned) == 1


def test_many_callers_find_out_together(stub: Stub) -> None:
    stub.several, stub.delay = "ignores", 0.05

    async def work() -> list[list[Reply]]:
        assistant = EndpointAssistant(Server(stub.url), model="m")
        try:
            asked = (
                assistant.reply(TALK, seeds=(2 * i, 2 * i + 1), sampling=Sampling())
                for i in range(10)
            )
            return await asyncio.gather(*asked)
        finally:
            await assistant.close()

    found = asyncio.run(work())
    assert sorted(r.text for replies in found for r in replies) == sorted(
        f"reply {seed}" for seed in range(20)
    )
    assert sum("n" in body for _, body, _ in stub.asked) == 1


def test_greedy_copies_say_nothing_about_a_server(stub: Stub) -> None:
    stub.several = "copies"
    learned: list[Dialect] = []
    replies = ask(stub, seeds=(1, 2), sampling=Sampling(temperature=0), learned=learned)
    assert [r.text for r in replies] == ["reply 1", "reply 1"]
    assert learned == []


def test_a_content_refusal_says_nothing_about_a_server(stub: Stub) -> None:
    learned: list[Dialect] = []
    stub.always = error(400, "flagged by moderation")
    replies = ask(stub, seeds=(1, 2), learned=learned)
    assert [r.outcome for r in replies] == ["refused", "refused"]
    assert learned == []


def test_a_smaller_n_is_tried_where_a_large_one_is_refused(stub: Stub) -> None:
    learned: list[Dialect] = []
    stub.answers = [error(400, "n is at most 8")]
    replies = ask(stub, seeds=tuple(range(16)), learned=learned)
    assert len(replies) == 16
    assert len({r.text for r in replies}) == 16
    assert [body.get("n") for _, body, _ in stub.asked][:2] == [16, None]
    assert max(body.get("n", 1) for _, body, _ in stub.asked[1:]) <= 8


def test_servers_that_want_other_parameters_get_them(stub: Stub) -> None:
    learned: list[Dialect] = []
    stub.answers = [
        error(400, "Unsupported parameter: max_tokens; use max_completion_tokens instead"),
        error(422, "Unknown parameter: seed"),
    ]
    (reply,) = ask(stub, sampling=Sampling(max_tokens=9), learned=learned)
    assert reply.outcome == "complete"
    assert reply.seed is None
    body = stub.asked[-1][1]
    assert body["max_completion_tokens"] == 9
    assert not {"seed", "max_tokens"} & body.keys()
    assert learned[-1] == Dialect(length_key="max_completion_tokens", seeded=False)


# Outcomes


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (chat("", "content_filter"), "filtered"),
        (chat("half of it", "content_filter"), "filtered"),
        (chat("as far as it goes", "length"), "complete"),
        (chat("it ended well", "eos"), "complete"),
        (chat("it ended well", None), "complete"),
        (chat("half of it", "abort"), "cut"),
        (chat("x" * (TEXT_MOST + 1)), "cut"),
        (chat(None, refusal="I will not"), "refused"),
        (chat(None, "tool_calls"), "error"),
        (chat(["not", "text"]), "error"),
        ((200, {"choices": []}), "error"),
        ((200, {"choices": ["x", None]}), "error"),
        ((200, {"choices": {"a": 1}}), "error"),
        ((200, {"choices": [{"message": "text"}]}), "error"),
        (
            (200, {"choices": [{"message": {"content": "ok"}}], "usage": {"prompt_tokens": -5}}),
            "complete",
        ),
        ((200, {"choices": [{"message": {"content": "ok"}}], "usage": "many"}), "complete"),
        (error(400, "against our content policy"), "refused"),
        (error(403, "flagged by moderation"), "refused"),
        (error(451, "not here"), "refused"),
        (error(400, "the prompt is too long"), "error"),
    ],
)
def test_what_fails_is_a_reply_with_an_outcome(stub: Stub, answer: Any, outcome: str) -> None:
    stub.answers = [answer]
    (reply,) = ask(stub)
    assert reply.outcome == outcome
    assert reply.usage is not None
    assert canonical_json(reply)
    if outcome in ("error", "refused", "cut"):
        assert reply.detail
    assert len(reply.text) <= TEXT_MOST


@pytest.mark.parametrize(
    "raw",
    [
        b'{"choices":[{"message":{"content":"lone \\ud800 surrogate"},"finish_reason":"stop"}]}',
        b'{"choices":[{"message":{"content":"broken \xff\xc3 bytes"},"finish_reason":"stop"}]}',
        b'{"choices":[{"message":{"content":"nul \\u0000 esc \\u001b[31m"}}]}',
    ],
)
def test_broken_text_can_be_kept(stub: Stub, raw: bytes) -> None:
    stub.answers = [(200, raw)]
    (reply,) = ask(stub)
    assert reply.outcome == "complete"
    assert Reply.model_validate_json(canonical_json(reply)) == reply


def test_tokens_nobody_counted_are_the_most_they_can_be(stub: Stub) -> None:
    stub.counts_tokens = False
    (reply,) = ask(stub, sampling=Sampling(max_tokens=40))
    assert (reply.tokens_in, reply.tokens_out) == (None, None)
    assert reply.usage is not None
    assert reply.usage.estimated
    assert reply.usage.tokens_out == 40
    assert reply.usage.tokens_in >= sum(len(m.text) for m in TALK)


# Faults that pass


@pytest.mark.parametrize(
    "bad",
    [
        error(500),
        error(408),
        error(503),
        (200, b"{not json"),
        (200, b"[1, 2]"),
        (200, b""),
        (200, b"[" * 100_000),
        "close",
        "half",
    ],
    ids=str,
)
def test_a_passing_fault_is_tried_again(stub: Stub, bad: Any) -> None:
    stub.answers = [bad, bad, chat("here")]
    (reply,) = ask(stub)
    assert (reply.text, len(stub.asked)) == ("here", 3)
    assert reply.usage is not None
    assert reply.usage.calls == 3


@pytest.mark.parametrize("bad", ["hang", "trickle"])
def test_a_server_that_hangs_is_left_in_time(stub: Stub, bad: Any) -> None:
    stub.answers = [bad, chat("here")]
    started = time.monotonic()
    (reply,) = ask(stub, timeout=0.5)
    assert reply.text == "here"
    assert 0.5 <= time.monotonic() - started < 10


def test_retries_are_bounded_and_one_bad_question_spends_one_reply(stub: Stub) -> None:
    stub.answers = [error(500, "boom")] * 5  # the trivial question after them is answered
    (reply,) = ask(stub)
    assert reply.outcome == "error"
    assert "boom" in (reply.detail or "")
    assert reply.usage is not None
    assert reply.usage.calls == 6  # with the trivial one
    assert len(stub.asked) == 6
    assert stub.asked[-1][1]["messages"] == [{"role": "user", "content": "Hello."}]


def test_a_body_without_end_is_not_read(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "_BODY_MOST", 10_000)
    stub.answers = [chat("x" * 20_000)]
    (reply,) = ask(stub)
    assert reply.outcome == "error"
    assert "larger than 10,000 bytes" in (reply.detail or "")


# Servers that answer nobody


@pytest.mark.parametrize(
    ("always", "said"),
    [
        (error(500, "boom"), "answers nobody.*boom.*Every step is kept"),
        ((200, b"garbage"), "answers nobody.*no JSON"),
        ("close", "answers nobody"),
        ("half", "answers nobody"),
        ("hang", "answers nobody.*no complete answer within"),
        (error(400, "max_tokens too large"), "answers nobody.*max_tokens too large"),
        (error(401, "bad key"), "bad key; it wants a key"),
        (error(402, "pay"), "no credit"),
        (error(403, "no"), "may not use it"),
        (error(404, "no such model"), "no such model; check assistant.base_url"),
        (
            (429, {"error": {"message": "quota", "code": "insufficient_quota"}}),
            "no credit",
        ),
    ],
    ids=str,
)
def test_a_server_that_answers_nobody_stops_the_run(stub: Stub, always: Any, said: str) -> None:
    stub.always = always
    with pytest.raises(OperatorError, match=said):
        ask(stub, seeds=(1, 2), timeout=0.3)


def test_a_server_that_is_gone_stops_the_run(stub: Stub) -> None:
    stub.url = "http://127.0.0.1:9/v1"
    with pytest.raises(OperatorError, match="answers nobody"):
        ask(stub)


# Rate limits


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry_After": "1"},
        {"retry_after_ms": "1000"},
        {"x_ratelimit_remaining_requests": "0", "x_ratelimit_reset_requests": "1s"},
        {"x_ratelimit_remaining_tokens": "0", "x_ratelimit_reset_tokens": "1000ms"},
    ],
    ids=str,
)
def test_a_rate_limit_is_waited_out_as_long_as_it_says(stub: Stub, headers: Any) -> None:
    counts: Counter[str] = Counter()
    stub.answers = [error(429, "slow down", **headers)] * 2
    started = time.monotonic()
    (reply,) = ask(stub, counts=counts)
    assert reply.text == "reply 1"
    assert time.monotonic() - started >= 2
    assert counts == {"rate limited": 2, "answered": 1}


def test_a_rate_limit_is_waited_out_no_longer_than_it_says(
    stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "_BACKOFF_SECONDS", 60.0)
    stub.answers = [error(429, "slow down", retry_after_ms="200")] * 4
    started = time.monotonic()
    assert ask(stub)[0].outcome == "complete"
    assert 0.8 <= time.monotonic() - started < 10


def test_a_date_to_come_back_is_understood(stub: Stub) -> None:
    later = datetime.now(UTC) + timedelta(seconds=2.5)
    stub.answers = [error(503, "later", Retry_After=format_datetime(later, usegmt=True))]
    started = time.monotonic()
    (reply,) = ask(stub)
    assert reply.outcome == "complete"
    assert time.monotonic() - started > 1


def test_patience_with_rate_limits_ends(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "_PATIENCE_SECONDS", 1.5)
    stub.always = error(429, "slow down", Retry_After="1")
    with pytest.raises(OperatorError, match=r"rate limited for .*--concurrency"):
        ask(stub)
    stub.always = error(429, "slow down", Retry_After="86400")
    started = time.monotonic()
    with pytest.raises(OperatorError, match="asks for 86,400 s more"):
        ask(stub)
    assert time.monotonic() - started < 1


def test_a_server_with_nothing_left_is_not_asked_before_its_reset(stub: Stub) -> None:
    left = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1s"}
    status, body = chat("the last one")[:2]
    stub.answers = [(status, body, left)]
    started = time.monotonic()
    ask(stub, times=2)
    assert time.monotonic() - started >= 1


def test_an_assistant_whose_every_question_fails_stops_the_run(stub: Stub) -> None:
    async def work() -> list[Reply]:
        assistant = EndpointAssistant(Server(stub.url), model="m")
        found = []
        try:
            for seed in range(9):
                stub.answers = [error(400, "the prompt is too long")]  # a trivial one is answered
                found += await assistant.reply(TALK, seeds=(seed,), sampling=Sampling())
            return found
        finally:
            await assistant.close()

    with pytest.raises(OperatorError, match=r"none of its first 4 questions.*the prompt is too"):
        asyncio.run(work())


def test_one_answer_is_enough_to_go_on(stub: Stub) -> None:
    stub.answers = [error(400, "too long"), chat("trivial"), error(400, "too long")]
    assert ask(stub, times=1)[0].outcome == "error"
    bad = [error(400, "too long"), chat("trivial")]
    stub.answers = [chat("well"), *bad * 6]
    assert ask(stub, times=7)[0].outcome == "error"


def test_zeros_are_no_counts(stub: Stub) -> None:
    status, body = chat("some text")[:2]
    assert isinstance(body, dict)
    stub.answers = [(status, body | {"usage": {"prompt_tokens": 0, "completion_tokens": 0}})]
    (reply,) = ask(stub, sampling=Sampling(max_tokens=30))
    assert reply.usage is not None
    assert (reply.usage.estimated, reply.usage.tokens_out) == (True, 30)


def test_nobody_is_sent_to_another_server(stub: Stub) -> None:
    stub.always = (307, b"", {"Location": "http://127.0.0.1:9/v1/chat/completions"})
    with pytest.raises(OperatorError, match=r"it sends us to 'http://127.0.0.1:9/.*nobody has"):
        ask(stub)
    assert len(stub.asked) == 1


def test_who_pays_openai_is_told_to_no_server(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-secret")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-secret")
    monkeypatch.setenv("OPENAI_API_KEY", "key-secret")
    ask(stub)
    assert stub.headers
    assert not [h for headers in stub.headers for h in headers.values() if "secret" in h]


def test_calls_side_by_side_adapt_together(stub: Stub) -> None:
    stub.answers = [error(400, "max_tokens is unsupported, use max_completion_tokens")] * 6

    async def work() -> list[Reply]:
        assistant = EndpointAssistant(Server(stub.url), model="m")
        try:
            sampling = Sampling(max_tokens=9)
            asked = (assistant.reply(TALK, seeds=(s,), sampling=sampling) for s in range(6))
            return [replies[0] for replies in await asyncio.gather(*asked)]
        finally:
            await assistant.close()

    stub.delay = 0.05
    assert {reply.outcome for reply in asyncio.run(work())} == {"complete"}


def test_twins_of_a_server_that_is_known_are_chance(stub: Stub) -> None:
    stub.several = "copies"
    learned: list[Dialect] = []
    replies = ask(stub, seeds=(1, 2), dialect=Dialect(several=True), learned=learned)
    assert [reply.text for reply in replies] == ["reply 1", "reply 1"]
    assert (len(stub.asked), learned) == (1, [])


DEEP = "[" * 1_000 + "]" * 1_000


@pytest.mark.parametrize(
    "raw",
    [
        '{"choices":[{"message":{"content":"a"},"finish_reason":%s}]}'.replace("%s", DEEP),
        '{"choices":[{"message":{"content":%s}}]}'.replace("%s", DEEP),
        '{"choices":[{"message":{"content":"a"},"extra":%s}],"usage":null}'.replace("%s", DEEP),
        '{"choices":%s}'.replace("%s", DEEP),
    ],
)
def test_deep_answers_do_no_harm(stub: Stub, raw: str) -> None:
    stub.answers = [(200, raw.encode())]
    (reply,) = ask(stub)
    assert reply.outcome in ("complete", "cut", "error")
    assert canonical_json(reply)


def test_deep_errors_and_answers_that_are_none(stub: Stub) -> None:
    bad = (500, '{"error":{"message":%s}}'.replace("%s", DEEP).encode())
    stub.answers = [bad, (200, DEEP.encode()), (500, b"x" * 9_000_000), chat("here")]
    assert ask(stub)[0].text == "here"


@pytest.mark.parametrize(
    "date", ["Mon, 01 Jan 2024 00:00:00 +99999999999999999999", "Mon, 99999999999 Jan 2024", "\x01"]
)
def test_a_date_that_is_none_is_no_date(stub: Stub, date: str) -> None:
    stub.answers = [(429, {"error": {"message": "slow"}}, {"Retry-After": date.strip("\x01")})]
    assert ask(stub)[0].outcome == "complete"


@pytest.mark.parametrize("status", [500, 502, 529, 408])
def test_retry_after_is_heeded_on_every_fault_that_passes(stub: Stub, status: int) -> None:
    stub.answers = [error(status, "busy", Retry_After="1")]
    started = time.monotonic()
    assert ask(stub)[0].outcome == "complete"
    assert time.monotonic() - started >= 1


def test_no_cookie_is_kept(stub: Stub) -> None:
    status, body = chat("sweet")[:2]
    stub.answers = [(status, body, {"Set-Cookie": f"c{n}=x; Path=/"}) for n in range(3)]
    ask(stub, times=4)
    assert not any("Cookie" in headers for headers in stub.headers)


@pytest.mark.parametrize("key", ["\u201ccurly\u201d", "two\nlines", "caf\u00e9"])
def test_a_key_that_can_be_none_is_told(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("GADFLY_TEST_KEY", key)
    with pytest.raises(OperatorError, match="characters that no key has"):
        key_of("http://x/v1", "GADFLY_TEST_KEY")


def test_a_conversation_that_speaks_of_seeds_teaches_nothing(stub: Stub) -> None:
    learned: list[Dialect] = []
    stub.answers = [error(400, "unsupported text: how do I plant a seed?")]
    ask(stub, learned=learned)
    assert learned == []
