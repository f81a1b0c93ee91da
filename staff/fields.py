"""Text encrypted at rest (contact data). AES-256-GCM with a key id; bound to its column, so a value copied into
another column does not decrypt, and where it matters whose it is also to its row (`RowSealedTextField`). A blind index
(HMAC) finds equal values without decrypting."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from functools import lru_cache
from typing import Any, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.db.models.query_utils import DeferredAttribute

NONCE_BYTES = 12
ROW_MARK = "r1."  # what a value that is bound to its row begins with


class Unreadable(ValueError):
    """A stored value that does not open: tampered with, moved here from elsewhere, or sealed with a lost key."""


class KeyMissing(Unreadable):
    """Sealed with a key that is not configured here."""


@lru_cache(maxsize=8)
def _key(text: str) -> tuple[str, bytes]:
    raw = base64.urlsafe_b64decode(text.encode())
    if len(raw) != 32:
        raise ImproperlyConfigured("FIELD_KEY must be 32 bytes in URL-safe base64")
    return hashlib.sha256(raw).hexdigest()[:8], raw


def key_id(text: str) -> str:
    """What a value sealed with this key begins with: eight hex digits, nothing of the key."""
    return _key(text)[0]


def encrypt(plain: str, *, context: str) -> str:
    """`keyid.base64(nonce + ciphertext)`; `context` (the column) is authenticated with it."""
    name, key = _key(settings.FIELD_KEY)
    nonce = os.urandom(NONCE_BYTES)
    sealed = AESGCM(key).encrypt(nonce, plain.encode(), context.encode())
    return f"{name}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"


def decrypt(stored: str, *, context: str) -> str:
    """Inverse of `encrypt`, also with an old key. Raises Unreadable when the value was tampered with or moved."""
    name, _, body = stored.partition(".")
    for text in (settings.FIELD_KEY, *settings.FIELD_KEYS_OLD):
        candidate, key = _key(text)
        if candidate == name:
            raw = base64.urlsafe_b64decode(body.encode())
            try:
                return AESGCM(key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], context.encode()).decode()
            except InvalidTag as error:
                raise Unreadable("encrypted value does not belong here") from error
    raise KeyMissing("encrypted with a key that is no longer configured")


def blind_index(plain: str) -> str:
    """Keyed digest of a normalised value: equal values give equal digests, nothing can be read back."""
    return blind_indexes(plain)[0]


def blind_indexes(plain: str) -> tuple[str, ...]:
    """The digests of a value by every configured key, the present one first: after a key was changed, rows from before
    are found by the old one.
    """
    keys = [_key(text)[1] for text in (settings.FIELD_KEY, *settings.FIELD_KEYS_OLD)]
    value = b"blind-index:" + plain.strip().lower().encode()
    return tuple(hmac.new(key, value, hashlib.sha256).hexdigest() for key in keys)


class EncryptedTextField(models.TextField):
    """A TextField whose stored form is encrypted. Cannot be filtered on; keep a `blind_index` column for that."""

    @property
    def _context(self) -> str:
        return f"{self.model._meta.db_table}.{self.column}"

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return value if value in (None, "") else encrypt(value, context=self._context)

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        return value if value in (None, "") else decrypt(str(value), context=self._context)


class Sealed(str):
    """A stored form on its way between a row and the database: not opened yet, or sealed already."""

    __slots__ = ()


def seal(plain: str, *, place: str, row: str) -> str:
    """The stored form of a text that belongs to one row of the column `place`."""
    return ROW_MARK + encrypt(plain, context=f"{place}:{row}")


def open_sealed(stored: str, *, place: str, row: str) -> str:
    """The text of a value of the column `place` in the row `row` (its identity as `RowSealedTextField` joins it).

    A value from before rows were bound is bound to its column alone. Raises Unreadable.
    """
    if stored.startswith(ROW_MARK):
        return decrypt(stored.removeprefix(ROW_MARK), context=f"{place}:{row}")
    return decrypt(stored, context=place)


class _OpensOnReading(DeferredAttribute):
    """The value is opened when it is read: only then are the other columns of its row at hand."""

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        value = super().__get__(instance, cls)
        if not isinstance(value, Sealed):
            return value
        plain = cast("RowSealedTextField", self.field).open(value, instance)
        instance.__dict__[self.field.attname] = plain
        return plain

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


class RowSealedTextField(EncryptedTextField):
    """As EncryptedTextField, and bound to its row by the columns `bound_to`, which never change: copied into another
    row it does not open (hazard H8). `place` names the column that it is sealed for, also in its history.

    Written by saving the row only: `update()` and filters have no row, and are refused.
    """

    descriptor_class = _OpensOnReading

    def __init__(self, *args: Any, bound_to: tuple[str, ...] = (), place: str = "", **kwargs: Any) -> None:
        self.bound_to, self.place = tuple(bound_to), place
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, kwargs | {"bound_to": self.bound_to, "place": self.place}

    def identity(self, row: Any) -> str:
        """What the value is bound to: the row's own columns, joined."""
        return ":".join(str(getattr(row, name)) for name in self.bound_to)

    def open(self, stored: str, row: Any) -> str:
        """The text of a stored form in this row. Raises Unreadable."""
        return open_sealed(stored, place=self.place, row=self.identity(row))

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = model_instance.__dict__.get(self.attname)
        if value in (None, "") or isinstance(value, Sealed):
            return value
        return Sealed(seal(str(value), place=self.place, row=self.identity(model_instance)))

    def get_prep_value(self, value: Any) -> Any:
        if value in (None, "") or isinstance(value, Sealed):
            return None if value is None else str(value)
        raise TypeError(f"{self.place} is written by saving its row")

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        return value if value in (None, "") else Sealed(value)
