"""The same for asyncio."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Iterable, Mapping, Optional, Union

from ._clock import AsyncClock, Seconds
from ._control import CLEAR_JOURNAL, RESET, ROTATE_KEYS, Control
from ._journal import Kind, Records, Service, _look
from ._services import AsyncPubSub, AsyncRelay, Identity

if TYPE_CHECKING:
    from ._emulator import Emulator


class AsyncEmulator:
    """A running :class:`Emulator`, with coroutines for methods.

    ``async with Emulator() as emulator`` and :attr:`Emulator.aio` give it.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    @property
    def sync(self) -> Emulator:
        """The emulator with plain methods."""
        return self._emulator

    @property
    def pubsub(self) -> AsyncPubSub:
        """See :attr:`Emulator.pubsub`."""
        return AsyncPubSub._read(self._emulator._part("pubsub"), self._control())

    @property
    def relay(self) -> AsyncRelay:
        """See :attr:`Emulator.relay`."""
        return AsyncRelay._read(self._emulator._part("relay"), self._control())

    @property
    def identity(self) -> Identity:
        """See :attr:`Emulator.identity`."""
        return self._emulator.identity

    @property
    def clock(self) -> AsyncClock:
        """See :attr:`Emulator.clock`."""
        return AsyncClock(self._control())

    @property
    def ca_certificate(self) -> Path:
        """See :attr:`Emulator.ca_certificate`."""
        return self._emulator.ca_certificate

    @property
    def control(self) -> str:
        """See :attr:`Emulator.control`."""
        return self._emulator.control

    @property
    def ready_line(self) -> Mapping[str, Any]:
        """See :attr:`Emulator.ready_line`."""
        return self._emulator.ready_line

    @property
    def variables(self) -> Dict[str, str]:
        """See :attr:`Emulator.variables`."""
        return self._emulator.variables

    @property
    def log(self) -> str:
        """See :attr:`Emulator.log`."""
        return self._emulator.log

    @property
    def pid(self) -> int:
        """See :attr:`Emulator.pid`."""
        return self._emulator.pid

    async def reset(self) -> None:
        """See :meth:`Emulator.reset`."""
        await self._control().run_async(RESET)

    async def journal(
        self,
        kind: Union[Kind, Iterable[Kind], None] = None,
        *,
        service: Optional[Service] = None,
        hub: Optional[str] = None,
        entity: Optional[str] = None,
        group: Optional[str] = None,
        user: Optional[str] = None,
        connection: Optional[str] = None,
        text: Optional[str] = None,
        after: Optional[int] = None,
        limit: Optional[int] = None,
        wait: Seconds = 0.0,
    ) -> Records:
        """See :meth:`Emulator.journal`. It can be canceled while it waits."""
        filters = {"service": service, "hub": hub, "entity": entity, "group": group, "user": user}
        filters.update(connection=connection, text=text)
        return await self._control().run_async(_look(kind, wait, filters, after, limit))

    async def clear_journal(self) -> None:
        """See :meth:`Emulator.clear_journal`."""
        await self._control().run_async(CLEAR_JOURNAL)

    async def rotate_keys(self) -> None:
        """See :meth:`Emulator.rotate_keys`."""
        await self._control().run_async(ROTATE_KEYS)

    def _control(self) -> Control:
        return self._emulator._running()
