"""The same for asyncio."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

import pytest
from azure.messaging.webpubsubclient.aio import WebPubSubClient
from azure.messaging.webpubsubclient.models import CallbackType
from azure.messaging.webpubsubservice.aio import WebPubSubServiceClient
from conftest import MakeProgram

from azwire_emulator import AsyncEmulator, Emulator, EmulatorError, FaultRule


def test_a_message_arrives_and_is_in_the_journal() -> None:
    async def main() -> None:
        async with Emulator() as emulator:
            assert isinstance(emulator, AsyncEmulator)
            string = emulator.pubsub.connection_string
            async with WebPubSubServiceClient.from_connection_string(string, hub="chat") as service:
                url = (await service.get_client_access_token(user_id="ann"))["url"]
                received: asyncio.Queue[Any] = asyncio.Queue()
                client = WebPubSubClient(url)
                await client.subscribe(CallbackType.SERVER_MESSAGE, received.put)
                async with client:
                    connections = await emulator.pubsub.connections()
                    assert connections["chat"][0]["userId"] == "ann"
                    waiting = asyncio.create_task(emulator.journal("request", user="ann", wait=20))
                    await service.send_to_user("ann", "hello", content_type="text/plain")
                    assert (await asyncio.wait_for(received.get(), 10)).data == "hello"
                    [sent] = await waiting
                    assert sent.operation == "sendToUser"
                    assert (await emulator.pubsub.state())["hubs"]["chat"]["users"] == 1

    asyncio.run(main())


def test_everything_else_is_a_coroutine_too() -> None:
    async def main() -> None:
        async with Emulator(hybrid_connection="orders") as emulator:
            assert (await emulator.clock.hold()).is_held
            assert (await emulator.clock.advance(5)).offset == 5
            assert not (await emulator.clock.release()).is_held
            assert (await emulator.clock.state()).offset == 5
            rule = FaultRule("withholdAck", at="ack")
            for service in (emulator.pubsub, emulator.relay):
                assert (await service.inject_fault(rule)).rules[0].rule == rule
                assert (await service.faults()).struck == 0
                await service.clear_faults()
                assert (await service.faults()).rules == []
            await emulator.pubsub.add_event_handler("chat", "http://127.0.0.1:1/")
            assert (await emulator.relay.settings())[0]["path"] == "orders"
            assert "orders" in (await emulator.relay.state())["hybridConnections"]
            assert len(await emulator.journal("clock")) == 3
            await emulator.clear_journal()
            assert await emulator.journal() == []
            await emulator.rotate_keys()
            await emulator.reset()
            assert (await emulator.clock.state()).offset == 0
            with pytest.raises(EmulatorError, match="`limit`"):
                await emulator.journal(limit=0)
            same = emulator.sync
            assert same.aio.control == emulator.control == same.control
            assert emulator.ca_certificate == same.ca_certificate
            assert emulator.ready_line == same.ready_line
            assert emulator.variables == same.variables
            assert emulator.identity == same.identity
            assert (emulator.pid, emulator.log) == (same.pid, same.log)
        with pytest.raises(EmulatorError, match="does not run"):
            await emulator.reset()

    asyncio.run(main())


def test_a_wait_that_is_canceled_leaves_no_thread_behind() -> None:
    async def main() -> None:
        async with Emulator() as emulator:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(emulator.journal("request", wait=300), 0.1)

    started = time.monotonic()
    # It waits for its threads.
    asyncio.run(main())
    assert time.monotonic() - started < 20


def test_a_start_that_is_canceled_leaves_no_process_behind(make_program: MakeProgram) -> None:
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    program = make_program(
        "import os, signal\n"
        # Everything that this process has open is closed in it, but for what it opens by its path.
        "os.write(os.open(os.environ['REPORT'], os.O_WRONLY), b'%d\\n' % os.getpid())\n"
        "signal.pause()"
    )
    report = f"/proc/{os.getpid()}/fd/{writer}"
    emulator = Emulator(program=program, environment={"REPORT": report}, timeout=300)

    async def main() -> int:
        starting = asyncio.create_task(emulator.__aenter__())
        with os.fdopen(reader) as reports:
            pid = int(await asyncio.to_thread(reports.readline))
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        return pid

    started = time.monotonic()
    pid = asyncio.run(main())
    os.close(writer)
    assert time.monotonic() - started < 60
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_start_that_fails_says_why() -> None:
    async def main() -> None:
        with pytest.raises(EmulatorError, match="unexpected argument '--nonsense'"):
            async with Emulator(arguments=["--nonsense"]):
                pass

    asyncio.run(main())
