"""Waiting until a process that is not a child has ended, without looking again and again."""

from __future__ import annotations

import os
import select
import sys
from types import TracebackType
from typing import Optional, Type

import pytest

if sys.platform == "linux":

    class Watch:
        """Watches a process from now on, so that another with the same id is not taken for it."""

        def __init__(self, pid: int) -> None:
            self._descriptor = os.pidfd_open(pid)

        def __enter__(self) -> Watch:
            return self

        def __exit__(
            self,
            kind: Optional[Type[BaseException]],
            error: Optional[BaseException],
            traceback: Optional[TracebackType],
        ) -> None:
            os.close(self._descriptor)

        def has_ended(self, within: float) -> bool:
            """Whether it ends within so many seconds."""
            poll = select.poll()
            poll.register(self._descriptor, select.POLLIN)
            return bool(poll.poll(within * 1000))

else:
    pytest.skip("watching other processes is known for Linux", allow_module_level=True)
