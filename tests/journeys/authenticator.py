"""What an authenticator app does."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
import time


def code_now(key: str) -> str:
    """What the app shows for this key (RFC 6238)."""
    secret = base64.b32decode(key + "=" * (-len(key) % 8))
    found = hmac.new(secret, struct.pack(">Q", int(time.time()) // 30), hashlib.sha1).digest()
    start = found[-1] & 15
    return str((struct.unpack(">I", found[start : start + 4])[0] & 0x7FFFFFFF) % 10**6).zfill(6)
