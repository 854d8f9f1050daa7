"""The official Python service client of Azure Web PubSub against our emulator.

Reads the emulator's ready line on stdin:

    azwire-emulator | { read -r ready; echo "$ready" | python tests/conformance/pubsub_service.py; }

Sends to a hub in each of the three content types, by the synchronous client
and by the asynchronous one, and looks at what two connected clients receive:
one speaks json.webpubsub.azure.v1, the other no subprotocol. Then it tries a
wrong key. Needs azure-messaging-webpubsubservice, aiohttp and websockets.
Prints a line for each check and ends with `N passed, N failed`.
"""

import asyncio
import base64
import faulthandler
import io
import json
import os
import sys

from azure.core.exceptions import ClientAuthenticationError
from azure.messaging.webpubsubservice import WebPubSubServiceClient
from azure.messaging.webpubsubservice.aio import WebPubSubServiceClient as AsyncWebPubSubServiceClient
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from report import Report

HUB = "hub"
SUBPROTOCOL = "json.webpubsub.azure.v1"

# How long to wait for something that is under way, in seconds.
PATIENCE = 15
# For each WebSocket: the emulator is on this machine, whatever proxy the environment names.
OPTIONS = {"max_size": None, "open_timeout": PATIENCE, "proxy": None}
# The whole script; a hang ends with the place where it hangs.
WATCHDOG = 240

# The binary content is over 64 KiB, so that it is more than one read of whoever passes it on.
JSON = {"from": "Python", "list": [1, 2.5, True, None], "text": "Grüße \U0001f980"}
TEXT = "Grüße \U0001f980\n\"quoted\""
# The asynchronous client announces the length of a text in characters and sends so many bytes (azure-core 1.41).
ASCII_TEXT = "Greetings\n\"quoted\""
BINARY = bytes(range(256)) * 300


def contents(text):
    """What is sent, with the arguments that the documentation of the client shows.

    Beside each: the type and the data for a client of the subprotocol, and the frame for a simple client.
    """
    stream = io.BytesIO(BINARY)
    return [
        ("a JSON object", JSON, {}, ("json", JSON), JSON),
        ("text/plain", text, {"content_type": "text/plain"}, ("text", text), text),
        (
            "application/octet-stream from a stream",
            stream,
            {"content_type": "application/octet-stream"},
            ("binary", base64.b64encode(BINARY).decode()),
            BINARY,
        ),
    ]


def server_message(frame):
    """The type and the data of a message from the server; the frame itself if it is something else."""
    message = json.loads(frame)
    if (message.get("type"), message.get("from")) != ("message", "server"):
        return message
    return message.get("dataType"), message.get("data")


def simple_frame(name, frame):
    """What a simple client received: for JSON its value, since its text may be laid out otherwise."""
    return json.loads(frame) if name == "a JSON object" and isinstance(frame, str) else frame


def wrong_key(connection_string):
    """The same connection string with another key."""
    parts = [part for part in connection_string.split(";") if not part.lower().startswith("accesskey=")]
    return ";".join(["AccessKey=" + "another-key-" * 4, *filter(None, parts)]) + ";"


async def settle(call, service, client, simple):
    """Returns when both clients are members of the hub, which they become some time after their sockets are open."""
    for _ in range(PATIENCE):
        await call(service.send_to_all, "settling", content_type="text/plain")
        try:
            await asyncio.wait_for(simple.recv(), 1)
            break
        except asyncio.TimeoutError:
            continue
    await call(service.send_to_all, "settled", content_type="text/plain")
    while await next_frame(simple) != "settled":
        pass
    while server_message(await next_frame(client)) != ("text", "settled"):
        pass


async def next_frame(socket):
    return await asyncio.wait_for(socket.recv(), PATIENCE)


async def run(report, kind, service, stranger, call):
    """All checks with one kind of client; `call` is how its methods are called and waited for."""
    token = await call(service.get_client_access_token, user_id="anna")
    simple_token = await call(service.get_client_access_token)
    async with (
        connect(simple_token["url"], **OPTIONS) as simple,
        connect(token["url"], subprotocols=[SUBPROTOCOL], **OPTIONS) as client,
    ):
        report.check(kind, "the subprotocol is agreed on", client.subprotocol, SUBPROTOCOL)
        hello = json.loads(await next_frame(client))
        report.check(
            kind,
            "the client is told that it is connected, and as whom",
            (hello.get("type"), hello.get("event"), hello.get("userId"), bool(hello.get("connectionId"))),
            ("system", "connected", "anna", True),
        )
        await settle(call, service, client, simple)
        for name, content, arguments, message, frame in contents(TEXT if kind == "Python sync" else ASCII_TEXT):
            await call(service.send_to_all, content, **arguments)
            report.check(kind, f"{name} reaches a client of {SUBPROTOCOL}", server_message(await next_frame(client)), message)
            report.check(kind, f"{name} reaches a simple client", simple_frame(name, await next_frame(simple)), frame)
        try:
            await call(stranger.send_to_all, "from a stranger", content_type="text/plain")
            report.check(kind, "a wrong key is refused with ClientAuthenticationError", "accepted", "refused")
        except ClientAuthenticationError as error:
            report.check(kind, "a wrong key is refused with ClientAuthenticationError", error.status_code, 401)
        try:
            async with connect((await call(stranger.get_client_access_token))["url"], **OPTIONS):
                report.check(kind, "a client with a token of a wrong key is refused", "accepted", "refused")
        except InvalidStatus as error:
            report.check(kind, "a client with a token of a wrong key is refused", error.response.status_code, 401)
        await call(service.send_to_all, "last", content_type="text/plain")
        received = server_message(await next_frame(client)), await next_frame(simple)
        report.check(kind, "nothing of the refused send was delivered", received, (("text", "last"), "last"))


async def run_both(report, connection_string):
    strings = connection_string, wrong_key(connection_string)
    try:
        service, stranger = (WebPubSubServiceClient.from_connection_string(string, hub=HUB) for string in strings)
        with service, stranger:
            await run(report, "Python sync", service, stranger, asyncio.to_thread)
    except Exception:
        report.error("Python sync", "it went through")
    try:
        service, stranger = (AsyncWebPubSubServiceClient.from_connection_string(string, hub=HUB) for string in strings)
        async with service, stranger:
            await run(report, "Python aio", service, stranger, lambda method, *content, **arguments: method(*content, **arguments))
    except Exception:
        report.error("Python aio", "it went through")


def main():
    faulthandler.dump_traceback_later(WATCHDOG, exit=True)
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    connection_string = json.load(sys.stdin)["pubsub"]["connectionString"]
    report = Report()
    asyncio.run(run_both(report, connection_string))
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
