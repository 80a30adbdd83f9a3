"""Schemathesis sends what the OpenAPI document allows, and what it does not: nothing breaks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error

from gadfly.store.people import ROLES
from tests.web.site import Browser, Site, serve, write_study

pytestmark = [pytest.mark.allow_hosts(["127.0.0.1"]), pytest.mark.usefixtures("socket_enabled")]


@pytest.fixture(scope="module")
def everybody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Browser]]:
    """A site, and a browser of somebody who may do everything."""
    with serve(write_study(tmp_path_factory.mktemp("site"))) as site:
        yield site, site.browser(site.person(*ROLES))


def test_nothing_that_is_sent_breaks_the_site(everybody: tuple[Site, Browser]) -> None:
    site, browser = everybody
    document = schemathesis.openapi.from_url(f"{site.url}/openapi.json")
    cookie = browser.client.cookies.get("gadfly")
    tried = 0

    def send(case: schemathesis.Case) -> None:
        nonlocal tried
        tried += 1
        if "study" in case.path_parameters:
            case.path_parameters["study"] = "town"
        answer = case.call(
            base_url=site.url,
            headers={"X-CSRF-Token": browser.csrf},
            cookies={"gadfly": str(cookie)},
            allow_redirects=False,
            timeout=20,
        )
        case.validate_response(answer, checks=[not_a_server_error])

    for found in document.get_all_operations():
        operation = found.ok()
        modes = [GenerationMode.POSITIVE]
        if operation.query or operation.body or len(operation.path_parameters) > 1:
            modes.append(GenerationMode.NEGATIVE)  # elsewhere it is sought long, and never found
        for mode in modes:
            cases = operation.as_strategy(generation_mode=mode)
            once = settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
            with suppress(Unsatisfiable):  # nothing to get wrong
                once(given(cases)(send))()
    assert tried > 300
