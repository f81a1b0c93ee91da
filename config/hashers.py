"""How passwords are hashed where they protect nothing."""

from __future__ import annotations

from django.contrib.auth.hashers import Argon2PasswordHasher


class DemoPasswordHasher(Argon2PasswordHasher):
    """Argon2 at a hundredth of its cost, for the sample clinic: its one password is printed on the sign-in page, and
    a small machine hashes it twenty times before the first page is shown.
    """

    time_cost = 1
    memory_cost = 8 * 1024
    parallelism = 1
