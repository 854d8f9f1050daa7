"""The one error of this package."""

from __future__ import annotations

from typing import Optional


class EmulatorError(Exception):
    """The emulator could not be started, does not answer, or refused a request.

    The message says which, with the end of what the program wrote to standard error where that
    helps.
    """

    log: str
    """What the program wrote to standard error: the last 64 KiB."""

    status: Optional[int]
    """The HTTP status of a refused request; ``None`` for anything else."""

    def __init__(self, message: str, *, log: str = "", status: Optional[int] = None) -> None:
        super().__init__(message)
        self.log = log
        self.status = status
