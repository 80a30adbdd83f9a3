"""Who may do what: every route by every role, and every form from every other site.

A new route fails here until somebody says below who may use it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from gadfly.store.people import ROLES, Role
from gadfly.web.routes import ROUTERS
from tests.web.site import Site, serve, write_study

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

ANYBODY = frozenset({"nobody", *ROLES})
MEMBERS = frozenset({"member", "expert"})
REVIEWERS = frozenset({"reviewer", "expert"})
WORKERS = frozenset({"member", "expert", "reviewer"})
RUNS = frozenset({"owner", "researcher"})

MATRIX: dict[str, frozenset[str]] = {
    "GET /": ANYBODY,
    "GET /{study}": ANYBODY,
    "GET /{study}/come/{token}": ANYBODY,
    "POST /{study}/come/{token}": ANYBODY,
    "POST /{study}/join": ANYBODY,
    "POST /{study}/enter": ANYBODY,
    "POST /{study}/out": ANYBODY,
    "GET /{study}/arrive": ANYBODY,
    "POST /{study}/hooks/prolific": ANYBODY,
    "GET /{study}/done": WORKERS,
    "GET /{study}/study/pay": frozenset({"owner"}),
    "POST /{study}/study/pay/{payment}": frozenset({"owner"}),
    "POST /{study}/study/pay/silent/{name}": frozenset({"owner"}),
    "GET /{study}/study/pay.csv": frozenset({"owner"}),
    "GET /{study}/task": MEMBERS,
    "GET /{study}/feel": MEMBERS,
    "POST /{study}/feel": MEMBERS,
    "GET /{study}/about-you": MEMBERS,
    "POST /{study}/about-you": MEMBERS,
    "GET /{study}/follow-up": WORKERS,
    "POST /{study}/follow-up": WORKERS,
    "GET /{study}/report": WORKERS,
    "POST /{study}/report": WORKERS,
    "GET /{study}/report/done": WORKERS,
    "GET /{study}/report/thanks": WORKERS,
    "GET /{study}/withdraw": WORKERS,
    "POST /{study}/withdraw": WORKERS,
    "GET /{study}/care": frozenset({"care"}),
    "GET /{study}/care/{name}": frozenset({"care"}),
    "POST /{study}/care/{name}/state": frozenset({"care"}),
    "POST /{study}/care/{name}/letter": frozenset({"care"}),
    "GET /{study}/care/locked/{number}": frozenset({"care"}),
    "POST /{study}/care/locked/{number}": frozenset({"care"}),
    "GET /{study}/study/wellbeing": frozenset({"owner", "researcher"}),
    "GET /{study}/study/wellbeing/about.csv": frozenset({"owner", "researcher"}),
    "GET /{study}/study/reports": frozenset({"owner", "care"}),
    "POST /{study}/consent": MEMBERS,
    "GET /{study}/topics": WORKERS,
    "POST /{study}/topics": WORKERS,
    "GET /{study}/instructions": MEMBERS,
    "POST /{study}/begin": MEMBERS,
    "POST /{study}/go": MEMBERS,
    "GET /{study}/break": WORKERS,
    "GET /{study}/help": WORKERS,
    "POST /{study}/stop": WORKERS,
    "POST /{study}/finish": MEMBERS,
    "POST /{study}/beat/{activity}": WORKERS,
    "GET /{study}/attack/{number}": MEMBERS,
    "GET /{study}/attack/{number}/state": MEMBERS,
    "POST /{study}/attack/{number}": MEMBERS,
    "GET /{study}/review": REVIEWERS,
    "GET /{study}/review/consent": REVIEWERS,
    "POST /{study}/review/consent": REVIEWERS,
    "GET /{study}/review/instructions": REVIEWERS,
    "GET /{study}/review/training": REVIEWERS,
    "POST /{study}/review/training/{item}": REVIEWERS,
    "POST /{study}/review/next": REVIEWERS,
    "GET /{study}/review/item/{key}": REVIEWERS,
    "POST /{study}/review/item/{key}": REVIEWERS,
    "GET /{study}/review/feel": REVIEWERS,
    "POST /{study}/review/feel": REVIEWERS,
    "GET /{study}/review/rest": REVIEWERS,
    "GET /{study}/study/reviews": frozenset({"owner", "researcher", "review_lead"}),
    "GET /{study}/study/reviews/{number}": frozenset({"review_lead", "expert"}),
    "POST /{study}/study/reviews/{number}": frozenset({"review_lead", "expert"}),
    "GET /{study}/study": RUNS,
    "GET /{study}/study/figure1.svg": RUNS,
    "GET /{study}/study/briefs": RUNS,
    "GET /{study}/study/members": RUNS,
    "GET /{study}/study/members/{name}": RUNS,
    "POST /{study}/study/members/{name}/pause": RUNS,
    "POST /{study}/study/members/{name}/resume": RUNS,
    "POST /{study}/study/members/{name}/sessions": RUNS,
    "POST /{study}/study/members/{name}/letter": RUNS,
    "POST /{study}/study/invitations": RUNS,
    "POST /{study}/study/invitations/{number}/revoke": RUNS,
    "GET /{study}/study/flags": RUNS,
    "POST /{study}/study/flags/{number}/settle": RUNS,
    "GET /{study}/study/attack/{number}": RUNS,
    "POST /{study}/study/attack/{number}": RUNS,
    "POST /{study}/study/attack/{number}/settle": RUNS,
    "GET /{study}/study/export": RUNS,
    "POST /{study}/study/export": RUNS,
    "GET /{study}/study/audit": frozenset({"owner"}),
    "GET /{study}/letters": WORKERS,
    "POST /{study}/letters": WORKERS,
}
"""Who gets past the door of each route; what they find behind it may still be refused."""

ROUTES = {
    f"{method} {route.path}": route
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in route.methods
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serve(write_study(tmp_path_factory.mktemp("site"))) as running:
        yield running


def test_every_route_is_listed() -> None:
    assert set(ROUTES) == set(MATRIX)


@pytest.mark.usefixtures("socket_enabled")
@pytest.mark.parametrize("role", ["nobody", *ROLES])
def test_every_route_by_every_role(site: Site, role: Role) -> None:
    """Refused means 401 or 403 from the door; let in means anything else."""
    wrong = []
    for name, allowed in sorted(MATRIX.items()):
        method, path = name.split(" ")
        # Somebody new each time: leaving must not spoil what follows.
        person = None if role == "nobody" else site.person(role)
        browser = site.browser(person)
        browser.client.follow_redirects = False
        url = path.replace("{study}", "town").replace("{activity}", "other")
        url = re.sub(r"\{number\}", "1", url)
        url = re.sub(r"\{\w+\}", "x", url)
        answer = browser.client.request(method, url, data={"csrf": browser.csrf})
        refused = answer.status_code in (401, 403) and (
            "not signed in" in answer.text or "This page is not for you" in answer.text
        )
        if refused == (role in allowed):
            wrong.append(f"{name} by {role}: {answer.status_code}")
        if answer.status_code >= 500:
            wrong.append(f"{name} by {role}: {answer.status_code}")
    assert not wrong, wrong


@pytest.mark.usefixtures("socket_enabled")
@pytest.mark.parametrize("name", sorted(name for name in MATRIX if name.startswith("POST")))
def test_no_form_of_another_site_is_taken(site: Site, name: str) -> None:
    _, path = name.split(" ")
    if path.startswith(OUTSIDE):
        pytest.skip("called by machines, which sign what they send")
    role = next((role for role in ROLES if role in MATRIX[name]), None)
    assert role is not None
    url = re.sub(r"\{\w+\}", "1", path.replace("{study}", "town").replace("{activity}", "other"))
    browser = site.browser(site.person(role))
    for data in (
        {},
        {"csrf": ""},
        {"csrf": "0" * 64},
        {"csrf": site.browser(site.person(role)).csrf},
    ):
        answer = browser.client.post(url, data=data)
        assert answer.status_code == 403, (name, data, answer.status_code)
        assert "not sent from this site" in answer.text
    foreign = site.browser().client.post(url, headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403


OUTSIDE = ("/{study}/hooks/",)


@pytest.mark.usefixtures("socket_enabled")
def test_a_session_opens_its_own_study_alone(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/both.db"
    studies = [write_study(tmp_path, name) for name in ("one", "two")]
    with serve(*studies, database=database) as site:
        person = site.person("owner", study="one")
        browser = site.browser(person, study="one")
        cookie = browser.client.cookies.get("gadfly")
        other = site.browser(study="two")
        other.client.cookies.set("gadfly", str(cookie), path="/two")
        assert "Sign in" in other.get().text
        assert other.get("/task").status_code == 401


@pytest.mark.usefixtures("socket_enabled")
def test_every_page_says_what_a_browser_may_do(site: Site) -> None:
    for url in ("/", "/town", "/nowhere", "/town/task", "/static/gadfly.css"):
        headers = site.browser().client.get(url).headers
        policy = headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"


@pytest.mark.usefixtures("socket_enabled")
def test_a_forged_cookie_is_nobody(site: Site) -> None:
    for value in ("x", "InRva2VuIg.forged", "a" * 5000):
        browser = site.browser()
        browser.client.cookies.set("gadfly", value, path="/town")
        assert browser.get("/task").status_code == 401


@pytest.mark.usefixtures("socket_enabled")
def test_too_long_a_request_is_refused_before_it_is_read(site: Site) -> None:
    answer = site.browser().post("/enter", login="x", password="x" * 300_000)
    assert answer.status_code == 413


@pytest.mark.usefixtures("socket_enabled")
def test_a_request_without_a_length_is_refused(site: Site) -> None:
    def endless() -> Iterator[bytes]:
        yield b"login=x&password="
        yield b"x" * 100

    answer = site.browser().client.post("/town/enter", content=endless())
    assert answer.status_code == 413


@pytest.mark.usefixtures("socket_enabled")
def test_a_foreign_name_that_leads_here_is_refused(site: Site) -> None:
    answer = site.browser().client.get("/town", headers={"Host": "evil.example"})
    assert answer.status_code == 400
