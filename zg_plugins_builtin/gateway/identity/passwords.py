"""Hash passwords, in few threads that nobody can fill up."""

from __future__ import annotations

import secrets
from asyncio import wrap_future
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from threading import Lock
from typing import TypeVar

from pwdlib.hashers.argon2 import Argon2Hasher

from ..errors import UnavailableError
from .password_rules import normalised

__all__ = ["Passwords"]

T = TypeVar("T")

THREADS = 2
QUEUE = 32
"""How many may wait for a thread; each holds one for some 20 ms."""


class Passwords:
    """Hashes passwords with Argon2id, and compares them with hashes.

    Args:
        hasher: What hashes; 19 MiB, two passes, one lane if it is not said.
        threads: How many are hashed at once.
        queue: How many may wait; more are refused.
    """

    def __init__(
        self,
        hasher: Argon2Hasher | None = None,
        *,
        threads: int = THREADS,
        queue: int = QUEUE,
    ) -> None:
        self._hasher = hasher or Argon2Hasher(
            memory_cost=19456, time_cost=2, parallelism=1
        )
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="zg-passwords")
        self._most = threads + queue
        self._asked = 0
        self._lock = Lock()

    async def hash(self, password: str) -> str:
        """Return the hash of a password that `check` let pass.

        Raises:
            UnavailableError: If too many wait already.
        """
        text = normalised(password) or ""
        return await self._in_pool(lambda: self._hasher.hash(text))

    async def verify(self, password: str, stored: str | None) -> bool:
        """Tell whether a password is the one of a hash.

        It takes as long where there is no hash, so that nobody learns whether there
        is one.

        Raises:
            UnavailableError: If too many wait already.
        """
        text = normalised(password)

        def work() -> bool:
            fits = self._hasher.verify(text or "", stored or self._nobodys)
            return fits and text is not None and stored is not None

        return await self._in_pool(work)

    def outdated(self, stored: str) -> bool:
        """Tell whether a hash was made with other parameters than those of now."""
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        """Let the threads end."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    @cached_property
    def _nobodys(self) -> str:
        return self._hasher.hash(secrets.token_urlsafe(32))

    async def _in_pool(self, work: Callable[[], T]) -> T:
        with self._lock:
            if self._asked >= self._most:
                raise UnavailableError(
                    "too many log in at once", "try again in a moment"
                )
            self._asked += 1
        future = self._pool.submit(work)
        future.add_done_callback(lambda _: self._gone())
        return await wrap_future(future)

    def _gone(self) -> None:
        with self._lock:
            self._asked -= 1
