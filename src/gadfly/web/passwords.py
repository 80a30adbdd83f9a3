"""Passwords of staff: argon2id, with the library's defaults (RFC 9106, low memory)."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from gadfly.errors import PersonError

__all__ = ["LEAST", "hashed", "matches"]

LEAST = 12
"""Fewest characters of a password."""
_HASHER = PasswordHasher()
_NOBODY = _HASHER.hash("nobody's password")


def hashed(password: str) -> str:
    """A password as it is stored.

    :raises PersonError: it is too short.
    """
    if len(password) < LEAST:
        raise PersonError(f"the password has {len(password)} characters; give at least {LEAST}")
    return _HASHER.hash(password)


def matches(stored: str | None, password: str) -> bool:
    """Whether it is the password; as slow where nobody has that login."""
    try:
        return _HASHER.verify(stored or _NOBODY, password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False
