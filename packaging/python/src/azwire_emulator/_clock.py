"""The emulator's clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Dict, Optional, Union

from ._control import Call, Control

Seconds = Union[float, timedelta]
"""A length of time."""


@dataclass(frozen=True)
class ClockState:
    """The time at the emulator, and how it was moved."""

    now: datetime
    """The time, in UTC."""
    offset: float
    """How far it has been advanced in all, in seconds."""
    is_held: bool
    """Whether it moves only by :meth:`Clock.advance`."""

    @classmethod
    def _read(cls, value: Dict[str, Any]) -> ClockState:
        now = datetime.fromtimestamp(value["now"], timezone.utc)
        return cls(now, value["offset"], value["isHeld"])


def _seconds(length: Seconds) -> float:
    return length.total_seconds() if isinstance(length, timedelta) else length


def _look() -> Call[ClockState]:
    return Call("GET", "/clock", ClockState._read)


def _step(*, advance: Seconds = 0, hold: Optional[bool] = None) -> Call[ClockState]:
    body: Dict[str, Any] = {"advance": _seconds(advance)}
    if hold is not None:
        body["hold"] = hold
    return Call("POST", "/clock", ClockState._read, body=body)


class Clock:
    """The clock that both services follow: time limits, tokens, retries, recovery."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def state(self) -> ClockState:
        """Returns the time, and how it was moved."""
        return self._control.run(_look())

    def advance(self, by: Seconds) -> ClockState:
        """Moves it forward by so many seconds; what is due then happens at once."""
        return self._control.run(_step(advance=by))

    def hold(self) -> ClockState:
        """Stops it: from now on it moves only by :meth:`advance`."""
        return self._control.run(_step(hold=True))

    def release(self) -> ClockState:
        """Lets it run again."""
        return self._control.run(_step(hold=False))


class AsyncClock:
    """The same as :class:`Clock` for asyncio."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def state(self) -> ClockState:
        """See :meth:`Clock.state`."""
        return await self._control.run_async(_look())

    async def advance(self, by: Seconds) -> ClockState:
        """See :meth:`Clock.advance`."""
        return await self._control.run_async(_step(advance=by))

    async def hold(self) -> ClockState:
        """See :meth:`Clock.hold`."""
        return await self._control.run_async(_step(hold=True))

    async def release(self) -> ClockState:
        """See :meth:`Clock.release`."""
        return await self._control.run_async(_step(hold=False))
