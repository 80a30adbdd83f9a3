"""What a person wrote is sealed with a key of their own; to destroy the key is to erase the text.

Each person has a data key, kept beside them and wrapped by the server's keys where it has any
(GADFLY_KEYS: the first one wraps, all of them unwrap, so that keys can be rotated). Without any,
the data key lies open in the database: erasure still works, secrecy at rest does not. Sealing is
Fernet's (AES-128-CBC with an HMAC, https://github.com/fernet/spec).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gadfly.errors import OperatorError

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

__all__ = ["SEALED", "Vault", "new_key"]

SEALED = "sealed:"
"""A stored text that begins so is sealed."""
_OPEN, _WRAPPED = "open:", "wrapped:"


def new_key() -> str:
    """A fresh key: 32 random bytes in base64."""
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode()


class Vault:
    """Seals and opens; knows the server's keys."""

    def __init__(self, keys: Sequence[str] = ()) -> None:
        """:param keys: the newest first; each as :func:`new_key` makes it.

        :raises OperatorError: one of them is no key.
        """
        self._master: MultiFernet | None = None
        if keys:
            from cryptography.fernet import Fernet, MultiFernet

            try:
                self._master = MultiFernet([Fernet(key) for key in keys])
            except ValueError as error:
                raise OperatorError(
                    f"GADFLY_KEYS holds something that is no key ({error}); make one with: "
                    'python -c "from cryptography.fernet import Fernet; '
                    'print(Fernet.generate_key().decode())"'
                ) from None

    @property
    def locked(self) -> bool:
        """Whether data keys are wrapped, so that the database alone opens nothing."""
        return self._master is not None

    def new(self) -> str:
        """A person's data key, as it is stored."""
        return self._wrap(new_key())

    def rewrap(self, stored: str) -> str:
        """The same data key, wrapped by the newest of the server's keys."""
        return self._wrap(self._unwrap(stored))

    def seal(self, stored: str, text: str) -> str:
        """A text, sealed with a stored data key."""
        from cryptography.fernet import Fernet

        return SEALED + Fernet(self._unwrap(stored)).encrypt(text.encode()).decode()

    def open(self, stored: str, sealed: str) -> str:
        """What :meth:`seal` was given; a text that was never sealed, as it is.

        :raises OperatorError: the keys do not fit.
        """
        if not sealed.startswith(SEALED):
            return sealed
        from cryptography.fernet import Fernet, InvalidToken

        try:
            return Fernet(self._unwrap(stored)).decrypt(sealed.removeprefix(SEALED)).decode()
        except InvalidToken:
            raise OperatorError("a sealed text does not open with its person's key") from None

    def _wrap(self, key: str) -> str:
        if self._master is None:
            return _OPEN + key
        return _WRAPPED + self._master.encrypt(key.encode()).decode()

    def _unwrap(self, stored: str) -> str:
        if stored.startswith(_OPEN):
            return stored.removeprefix(_OPEN)
        from cryptography.fernet import InvalidToken

        if self._master is not None:
            try:
                return self._master.decrypt(stored.removeprefix(_WRAPPED)).decode()
            except InvalidToken:
                pass
        raise OperatorError(
            "the texts of this database are sealed, and GADFLY_KEYS holds no key that opens them; "
            "set it to the key they were sealed with"
        )
