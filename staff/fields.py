"""Text encrypted at rest (contact data). AES-256-GCM with a key id; bound to its column, so a value copied into
another column does not decrypt. A blind index (HMAC) finds equal values without decrypting."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models

NONCE_BYTES = 12


@lru_cache(maxsize=8)
def _key(text: str) -> tuple[str, bytes]:
    raw = base64.urlsafe_b64decode(text.encode())
    if len(raw) != 32:
        raise ImproperlyConfigured("FIELD_KEY must be 32 bytes in URL-safe base64")
    return hashlib.sha256(raw).hexdigest()[:8], raw


def encrypt(plain: str, *, context: str) -> str:
    """`keyid.base64(nonce + ciphertext)`; `context` (the column) is authenticated with it."""
    key_id, key = _key(settings.FIELD_KEY)
    nonce = os.urandom(NONCE_BYTES)
    sealed = AESGCM(key).encrypt(nonce, plain.encode(), context.encode())
    return f"{key_id}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"


def decrypt(stored: str, *, context: str) -> str:
    """Inverse of `encrypt`, also with an old key. Raises ValueError when the value was tampered with or moved."""
    key_id, _, body = stored.partition(".")
    for text in (settings.FIELD_KEY, *settings.FIELD_KEYS_OLD):
        candidate, key = _key(text)
        if candidate == key_id:
            raw = base64.urlsafe_b64decode(body.encode())
            try:
                return AESGCM(key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], context.encode()).decode()
            except InvalidTag as error:
                raise ValueError("encrypted value does not belong here") from error
    raise ValueError("encrypted with a key that is no longer configured")


def blind_index(plain: str) -> str:
    """Keyed digest of a normalised value: equal values give equal digests, nothing can be read back."""
    _, key = _key(settings.FIELD_KEY)
    return hmac.new(key, b"blind-index:" + plain.strip().lower().encode(), hashlib.sha256).hexdigest()


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
