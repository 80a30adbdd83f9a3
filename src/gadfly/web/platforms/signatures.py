"""Prolific's signature on an arrival, checked with its public keys.

From the documentation (docs.prolific.com, "Retrieve JSON Web Key Set"): the keys stand at
``/.well-known/study/jwks.json``, are RSA and sign with RS256, and should be fetched again at least
daily. A token is good if its signature fits the key that its ``kid`` names, ``exp`` has not passed,
``aud`` is the domain of the tool, and the claim ``prolific`` holds what the study address promised;
that claim always holds ``workspace_id``. The documentation calls ``aud`` a domain; tokens in the
wild carry an address, so either is read, and only the host counts. ``iss`` and ``sub`` are not
documented, so nothing is made of them.

The algorithm is fixed here and never read from the token: "none", or HMAC with the public key as
its secret, are no choices. Keys are kept by each process as a cache only. An unknown ``kid`` makes
the keys be fetched again, though not more than once in half a minute, so that made-up tokens cannot
make this site call Prolific at will.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import jwt

from gadfly.web.platforms.arrival import ArrivalRefused, PlatformProblem

__all__ = ["KEYS_SECONDS", "Keys"]

KEYS_SECONDS = 12 * 3600.0
"""How long fetched keys are used."""

_AGAIN_SECONDS = 30.0
_LEEWAY_SECONDS = 30.0  # two clocks differ
_ALGORITHM = "RS256"
_FORGED = (
    "This link was not signed by Prolific for this study. Please open the study from your Prolific "
    "page; if that does not help, tell the researcher through Prolific."
)
_EXPIRED = "This link has expired. Please go back to Prolific and open the study from there again."


class Keys:
    """Public keys by ``kid``, fetched when needed."""

    def __init__(
        self,
        fetch: Callable[[], Awaitable[Any]],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; nothing is fetched yet.

        :param fetch: returns the key set as JSON.
        :param clock: seconds from any beginning.
        """
        self._fetch = fetch
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched = self._asked_again = float("-inf")
        self._lock = asyncio.Lock()

    async def verify(self, token: str, *, audience: str) -> dict[str, Any]:
        """The claims of a token.

        :param audience: host that it must have been signed for.
        :raises ArrivalRefused: forged, expired, for another site or by an unknown key.
        :raises PlatformProblem: the keys could not be fetched.
        """
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            key = await self._find(kid) if isinstance(kid, str) else None
            if key is None:
                raise ArrivalRefused(_FORGED)
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[_ALGORITHM],
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "aud"], "verify_aud": False, "verify_sub": False},
            )
        except jwt.ExpiredSignatureError:
            raise ArrivalRefused(_EXPIRED) from None
        except jwt.InvalidTokenError:
            raise ArrivalRefused(_FORGED) from None
        if audience not in _hosts(claims["aud"]):
            raise ArrivalRefused(_FORGED)
        return claims

    async def _find(self, kid: str) -> jwt.PyJWK | None:
        async with self._lock:
            now = self._clock()
            if now - self._fetched > KEYS_SECONDS:
                await self._renew(now)
            elif kid not in self._keys and now - self._asked_again > _AGAIN_SECONDS:
                self._asked_again = now
                await self._renew(now)
            return self._keys.get(kid)

    async def _renew(self, now: float) -> None:
        said = await self._fetch()
        try:
            self._keys = {
                entry["kid"]: jwt.PyJWK(entry, algorithm=_ALGORITHM)
                for entry in said["keys"]
                if entry["kty"] == "RSA" and entry.get("use", "sig") == "sig"
            }
        except (KeyError, TypeError, AttributeError, jwt.PyJWTError) as error:
            raise PlatformProblem(
                f"Prolific's public keys cannot be read ({type(error).__name__})", passing=True
            ) from None
        self._fetched = now


def _hosts(audience: object) -> set[str]:
    """The hosts that a token was signed for: a domain or an address, or a list of them."""
    hosts = set()
    for entry in audience if isinstance(audience, list) else [audience]:
        if not isinstance(entry, str):
            continue
        try:
            hosts.add(urlsplit(entry).netloc.lower() if "://" in entry else entry.lower())
        except ValueError:
            continue
    return hosts
