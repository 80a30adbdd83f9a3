"""The redirect and the frame: hostile links, foreign hosts, codes."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from gadfly.errors import OperatorError
from gadfly.study.arrival import ExternalQuestionSpec, RedirectSpec, ReturnAddresses
from gadfly.web.platforms import external_question, redirect
from gadfly.web.platforms.arrival import ArrivalRefused, FormPost, new_code, secret

PANEL = RedirectSpec(
    kind="redirect",
    name="panel",
    returns=ReturnAddresses(
        complete="https://panel.example/end?rst=1&pid={id}&code={code}",
        early_exit="https://panel.example/end?rst=2&pid={id}",
        no_consent="https://panel.example/end?rst=3",
        failed_check="https://panel.example/end/{id}/4",
    ),
)
TURK = ExternalQuestionSpec(kind="external_question")
ACCEPTED = [
    ("assignmentId", "A1"),
    ("hitId", "H1"),
    ("workerId", "W1"),
    ("turkSubmitTo", "https://www.mturk.com"),
]


def test_a_person_comes_and_goes_by_redirect() -> None:
    arrival = redirect.arrive(PANEL, [("id", "p-17"), ("lang", "en")])
    assert (arrival.platform, arrival.subject) == ("panel", "p-17")
    assert "p-17" not in repr(arrival)
    left = redirect.finish(PANEL, "complete", subject="p-17", code="ABC")
    assert left.url == "https://panel.example/end?rst=1&pid=p-17&code=ABC"
    assert redirect.finish(PANEL, "no_consent", subject="p", code="A").url.endswith("?rst=3")


@pytest.mark.parametrize("hostile", ["a&rst=1", "../../x", "{code}", "a#b", "%41", "@evil.example"])
def test_an_id_stays_one_value_of_the_return_address(hostile: str) -> None:
    subject = redirect.arrive(PANEL, [("id", hostile)]).subject
    parts = urlsplit(redirect.finish(PANEL, "complete", subject=subject, code="C1").url)
    assert parts.netloc == "panel.example"
    assert parts.path == "/end"
    assert parse_qs(parts.query) == {"rst": ["1"], "pid": [hostile], "code": ["C1"]}
    path = urlsplit(redirect.finish(PANEL, "failed_check", subject=subject, code="C").url).path
    assert path.count("/") == 3


@pytest.mark.parametrize(
    "query",
    [[], [("id", "")], [("id", "a"), ("id", "b")], [("id", "a b")], [("id", "a\n")],
     [("id", "é")], [("id", "x" * 256)]],
)  # fmt: skip
def test_links_without_one_plain_id_are_refused(query: list[tuple[str, str]]) -> None:
    with pytest.raises(ArrivalRefused):
        redirect.arrive(PANEL, query)


def test_an_assignment_is_posted_by_the_browser() -> None:
    arrival = external_question.arrive(TURK, ACCEPTED)
    assert arrival is not None
    assert (arrival.study, arrival.submission) == ("H1", "A1")
    post = external_question.finish(
        TURK, "complete", submission="A1", submit_to=arrival.submit_to or "", code="C0DE"
    )
    assert post == FormPost(
        "https://www.mturk.com/mturk/externalSubmit", {"assignmentId": "A1", "code": "C0DE"}
    )
    assert post.origin == "https://www.mturk.com"


def test_who_says_no_returns_the_assignment() -> None:
    left = external_question.finish(
        TURK, "no_consent", submission="A1", submit_to="https://www.mturk.com", code="C"
    )
    assert left is None


def test_a_preview_takes_nothing() -> None:
    preview = [("assignmentId", "ASSIGNMENT_ID_NOT_AVAILABLE"), ("hitId", "H1")]
    assert external_question.arrive(TURK, preview) is None


@pytest.mark.parametrize("absent", ["assignmentId", "workerId", "turkSubmitTo"])
def test_half_a_link_is_refused(absent: str) -> None:
    with pytest.raises(ArrivalRefused, match=absent):
        external_question.arrive(TURK, [pair for pair in ACCEPTED if pair[0] != absent])


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example",
        "http://www.mturk.com",
        "//www.mturk.com",
        "www.mturk.com",
        "javascript:alert(1)//www.mturk.com",
        "https://www.mturk.com@evil.example",
        "https://evil.example#@www.mturk.com",
        "https://evil.example\\@www.mturk.com",
        "https://evil.example/www.mturk.com",
        "https://www.mturk.com.evil.example",
        "https://wwwxmturk.com",
        "https://www.mturk.com:8443",
        "https://www.mturk.com:80:80",
        "https://www.mturk.com?next=https://evil.example",
        "https://www.mturk.com/../evil",
        "https://user:word@www.mturk.com",
        "https://www.mturk.com\t.evil.example",
        "https://www.mturk.com.",
        "https://wWw.mTuRk.com\n",
        "https://[::1]",
        "https://xn--www-mturk.com",
        "https:www.mturk.com",
        "https:///www.mturk.com",
    ],
)
def test_work_is_never_sent_to_a_foreign_host(address: str) -> None:
    query = [*ACCEPTED[:3], ("turkSubmitTo", address)]
    with pytest.raises(ArrivalRefused):
        external_question.arrive(TURK, query)
    with pytest.raises(ArrivalRefused):
        external_question.finish(TURK, "complete", submission="A", submit_to=address, code="C")


@pytest.mark.parametrize("address", ["https://www.mturk.com/", "https://WWW.MTURK.COM"])
def test_spellings_of_a_listed_host_become_one(address: str) -> None:
    arrival = external_question.arrive(TURK, [*ACCEPTED[:3], ("turkSubmitTo", address)])
    assert arrival is not None
    assert arrival.submit_to == "https://www.mturk.com"


def test_codes_are_not_guessed() -> None:
    codes = {new_code() for _ in range(2000)}
    assert len(codes) == 2000
    assert {len(code) for code in codes} == {16}
    assert len({letter for code in codes for letter in code}) == 32  # all letters are used


@pytest.mark.parametrize("value", ["", "short", "with a space", "new\nline-in-it", "naïve-naïve"])
def test_a_secret_that_is_none_is_refused_without_being_shown(value: str) -> None:
    with pytest.raises(OperatorError, match="VARIABLE") as caught:
        secret("VARIABLE", {"VARIABLE": value}, what="a word")
    assert not value or value not in str(caught.value)
