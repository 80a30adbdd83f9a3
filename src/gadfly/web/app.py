"""The application: routes, headers, and what a person reads when something goes wrong."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gadfly.errors import InvalidEvent, OperatorError, PersonError
from gadfly.web.access import Refused, known
from gadfly.web.page import message
from gadfly.web.paying import paying
from gadfly.web.policy import policy
from gadfly.web.routes import ROUTERS
from gadfly.web.serving import Serving
from gadfly.web.templates import STATIC

__all__ = ["create_app"]

_LOG = logging.getLogger(__name__)
_LONGEST = 256 * 1024  # bytes of a request
_HEADERS = {
    "Content-Security-Policy": policy(),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
_TITLES = {
    400: "This form is not as it should be",
    401: "Please come in by your link",
    403: "This is not for you",
    404: "There is no such page",
    405: "There is no such page",
    409: "This has moved on",
    413: "This is too long",
    422: "This form is not as it should be",
    429: "Too often",
    503: "Not now",
}
_MISTYPED = "The address may be mistyped, or the page is gone."


def create_app(serving: Serving) -> FastAPI:
    """The site of these studies."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with serving.running(), paying(serving):
            yield

    app = FastAPI(title="Gadfly", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.serving = serving
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    for router in ROUTERS:
        app.include_router(router)
    if serving.hosts:  # a foreign name that leads to this machine is refused
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(serving.hosts))
    app.add_middleware(_Headers)  # around the other, so that every answer has them
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)
    return app


class _Headers:
    """Refuses what is too long, or asks for control characters; gives every answer its headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                static = scope["path"].startswith("/static/")
                headers.setdefault("Cache-Control", "no-cache" if static else "no-store")
            await send(message)

        answer, received = self._app, Headers(scope=scope)
        length = received.get("content-length", "0")
        unbounded = "transfer-encoding" in received  # no browser sends a form like that
        if unbounded or not length.isdecimal() or int(length) > _LONGEST:
            told = f"At most {_LONGEST // 1024} kilobytes are taken at once."
            answer = await _said(Request(scope), 413, told)
        if not scope["path"].isprintable():  # no address here has control characters
            answer = await _said(Request(scope), 404, _MISTYPED)
        await answer(scope, receive, sent)


async def _said(request: Request, status: int, text: str, *, ask: bool = True) -> Response:
    visitor = await known(request, ask=ask)
    return message(request, visitor, status, _TITLES.get(status, "This did not work"), text)


async def _refused(request: Request, error: Exception) -> Response:
    status = error.status if isinstance(error, Refused) else 400
    return await _said(request, status, str(error))


async def _unknown(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return await _said(request, status, _MISTYPED)


async def _wrong_form(request: Request, error: Exception) -> Response:
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    text = "; ".join(f"{fault['loc'][-1]}: {fault['msg']}" for fault in faults)
    return await _said(request, 422, text)


async def _moved_on(request: Request, error: Exception) -> Response:
    return await _said(request, 409, f"{error}. Open the page again to see how things stand.")


async def _broken(request: Request, error: Exception) -> Response:
    text = "This is a fault of ours, and it was noted. What you sent before is kept."
    answer = await _said(request, 500, text, ask=False)
    # Beyond the middleware; and the server closes the line after a fault, which is said.
    answer.headers.update({**_HEADERS, "Cache-Control": "no-store", "Connection": "close"})
    return answer


async def _operator(request: Request, error: Exception) -> Response:
    _LOG.error("%s %s: %s", request.method, request.scope.get("route"), error)
    text = "Something of ours is not working. Nothing you sent before is lost; try again."
    return await _said(request, 503, text, ask=False)


_HANDLERS = {
    Refused: _refused,
    PersonError: _refused,
    HTTPException: _unknown,
    RequestValidationError: _wrong_form,
    InvalidEvent: _moved_on,
    OperatorError: _operator,
    Exception: _broken,
}
