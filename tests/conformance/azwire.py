"""The program `azwire` between clients that others wrote: its tokens, what it sends, and what it prints.

    azwire.py AZWIRE < the ready line of the emulator

The official Python service client sends what `azwire pubsub listen` prints; plain
WebSocket clients receive what `azwire pubsub send` sends, connect with the URLs of
`azwire pubsub url` and `azwire relay url`, and meet `azwire relay listen` and
`azwire relay send`. Tokens are verified with `hmac` alone. Everything is without TLS.
Prints a line for each check and ends with `N passed, N failed`.
"""

import asyncio
import base64
import contextlib
import faulthandler
import hashlib
import hmac
import json
import os
import re
import sys
import time
from urllib.parse import parse_qs, unquote

from azure.messaging.webpubsubservice.aio import WebPubSubServiceClient
from websockets.asyncio.client import connect

from report import Report

HUB = "hub"
PATH = "hc1"
TEXT = "Grüße \U0001f980"
# The asynchronous client announces the length of a text in characters and sends so many bytes (azure-core 1.41).
ASCII_TEXT = "Greetings\n\"quoted\""
JSON = {"from": "azwire", "list": [1, 2.5, True, None], "text": TEXT}
BINARY = bytes(range(256)) * 300
# How long to wait for something that is under way, in seconds; programs of another platform start slowly.
PATIENCE = 60
# For each WebSocket: the emulator is on this machine, whatever proxy the environment names.
OPTIONS = {"max_size": None, "open_timeout": PATIENCE, "proxy": None}
# The whole script; a hang ends with the place where it hangs.
WATCHDOG = 300


class Azwire:
    """Runs the program with the emulator in its environment."""

    def __init__(self, ready):
        self.pubsub = ready["pubsub"]["connectionString"]
        self.relay = ready["relay"]["plainConnectionString"]
        self.environment = {
            **os.environ,
            "WEBPUBSUB_CONNECTION_STRING": self.pubsub,
            "WEBPUBSUB_HUB": HUB,
            "RELAY_CONNECTION_STRING": f"{self.relay};EntityPath={PATH}",
        }

    async def start(self, *arguments):
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            sys.argv[1], *arguments, stdin=pipe, stdout=pipe, stderr=pipe, env=self.environment, limit=2**20
        )

    async def run(self, *arguments, text=b""):
        """What it prints; an exit code other than 0 is an error that names what it said."""
        process = await self.start(*arguments)
        printed, errors = await asyncio.wait_for(process.communicate(text), PATIENCE)
        if process.returncode != 0:
            raise RuntimeError(f"azwire {' '.join(arguments)} ended with {process.returncode}: {errors.decode()}")
        return printed.decode()

    async def json(self, *arguments, text=b""):
        return json.loads(await self.run(*arguments, "--output", "json", text=text))

    @contextlib.asynccontextmanager
    async def listening(self, *arguments):
        """Yields a function that waits for the next line of JSON of a process that goes on."""
        process = await self.start(*arguments, "--output", "json")

        async def line():
            text = await asyncio.wait_for(process.stdout.readline(), PATIENCE)
            if not text:
                raise RuntimeError((await process.stderr.read()).decode())
            return json.loads(text)

        try:
            yield line
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            # Its pipes must not fill up.
            await process.communicate()


def setting(connection_string, name):
    return re.search(rf"{name}=([^;]+)", connection_string)[1]


def decoded(part):
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def signed(key, text):
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()


async def received(socket):
    frame = await asyncio.wait_for(socket.recv(), PATIENCE)
    return json.loads(frame) if isinstance(frame, str) and frame.startswith("{") else frame


async def pubsub(report, azwire):
    check = lambda name, actual, wanted: report.check("azwire pubsub", name, actual, wanted)
    token = await azwire.json("pubsub", "token", "--user", "ann", "--role", "sendToGroup.news", "--expires-in", "5m")
    head, claims, signature = token["token"].split(".")
    key = setting(azwire.pubsub, "AccessKey")
    check("token: the signature", signed(key, f"{head}.{claims}"), base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4)))
    claims = decoded(claims)
    check("token: user and roles", (claims["sub"], claims["role"]), ("ann", ["webpubsub.sendToGroup.news"]))
    check("token: the time of its end", claims["exp"] == token["expiresOn"] and 0 < claims["exp"] - time.time() <= 400, True)

    url = (await azwire.run("pubsub", "url", "--user", "ann", "--group", "news")).strip()
    async with connect(url, **OPTIONS) as client:
        await azwire.run("pubsub", "send", "all", TEXT)
        check("send: text to all", await received(client), TEXT)
        await azwire.run("pubsub", "send", "user", "ann", "--json", json.dumps(JSON))
        check("send: JSON to a user", await received(client), JSON)
        await azwire.run("pubsub", "send", "group", "news", "--bytes", "-", text=BINARY)
        check("send: bytes of standard input to a group", await received(client), BINARY)

    async with WebPubSubServiceClient.from_connection_string(azwire.pubsub, hub=HUB) as service:
        async with azwire.listening("pubsub", "listen", "--user", "bob", "--group", "news") as line:
            connected = await line()
            check("listen: connects as its user", (connected["type"], connected["userId"]), ("connected", "bob"))
            # A group is joined after the connection is made.
            for _ in range(PATIENCE * 10):
                if await service.group_exists("news"):
                    break
                await asyncio.sleep(0.1)
            await service.send_to_all(ASCII_TEXT, content_type="text/plain")
            message = await line()
            check("listen: text of a service client", (message["dataType"], message["data"]), ("text", ASCII_TEXT))
            await service.send_to_group("news", JSON)
            message = await line()
            check("listen: JSON to a group", (message["group"], message["data"]), ("news", JSON))
            await service.send_to_user("bob", BINARY, content_type="application/octet-stream")
            message = await line()
            check("listen: bytes", base64.b64decode(message["data"]), BINARY)


async def relay(report, azwire):
    check = lambda name, actual, wanted: report.check("azwire relay", name, actual, wanted)
    token = await azwire.json("relay", "token", "--expires-in", "5m")
    fields = parse_qs(token["token"].removeprefix("SharedAccessSignature "))
    resource, expiry = (re.search(rf"{name}=([^&]+)", token["token"])[1] for name in ("sr", "se"))
    key = setting(azwire.relay, "SharedAccessKey")
    signature = base64.b64encode(signed(key, f"{resource}\n{expiry}")).decode()
    # In a query a plus sign would be a space.
    check("token: the signature", fields["sig"][0].replace(" ", "+"), signature)
    check("token: the hybrid connection", unquote(resource).rstrip("/").endswith(f"/{PATH}"), True)
    check("token: the time of its end", 0 < int(expiry) - time.time() <= 400, True)

    async with azwire.listening("relay", "listen", "--echo") as line:
        check("listen: it says when", (await line())["type"], "listening")
        url = (await azwire.run("relay", "url")).strip()
        async with connect(url, **OPTIONS) as sender:
            await sender.send(TEXT)
            check("listen: text comes back", await received(sender), TEXT)
            await sender.send(BINARY)
            check("listen: bytes come back", await received(sender), BINARY)
        check("send: what comes back", (await azwire.run("relay", "send", TEXT)).strip(), TEXT)
        info = await azwire.json("relay", "info")
        check("info: the listener", (info["path"], info["listenerCount"]), (PATH, 1))


def main():
    faulthandler.dump_traceback_later(WATCHDOG, exit=True)
    azwire = Azwire(json.load(sys.stdin))
    report = Report()
    for part in (pubsub, relay):
        try:
            asyncio.run(part(report, azwire))
        except Exception:  # noqa: BLE001 - the rest is still looked at
            report.error(f"azwire {part.__name__}", "it ends")
    sys.exit(report.close())


main()
