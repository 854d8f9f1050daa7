"""The official Python client of Azure Web PubSub against our emulator.

    azwire-emulator | { read -r ready; echo "$ready" | python tests/conformance/pubsub_client.py sync; }

The synchronous client (`sync`) or the asynchronous one (`aio`) connects, joins,
sends and receives beside a second client without any SDK, and gets 1,000
messages over 20 losses of the network. Needs azure-messaging-webpubsubservice,
azure-messaging-webpubsubclient, websockets and aiohttp. Prints a line for each
check and ends with `N passed, N failed`.
"""

import asyncio
import base64
import faulthandler
import http.server
import json
import os
import sys
import threading
import time
import urllib.request

from azure.messaging.webpubsubclient import WebPubSubClient
from azure.messaging.webpubsubclient.aio import WebPubSubClient as AsyncWebPubSubClient
from azure.messaging.webpubsubclient.models import CallbackType, SendMessageError, WebPubSubDataType, WebPubSubProtocolType
from azure.messaging.webpubsubservice import WebPubSubServiceClient
from websockets.asyncio.client import connect

from report import Coverage, Report

MESSAGES = 1000
DROPS = 20
PATIENCE = 60
WATCHDOG = 300
ROLES = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"]


def control(ready, path, body=None, method=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{ready['control']}/{path}", data=data, method=method)
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return json.load(answer)


class Log:
    """What a client received; its callbacks come from several threads."""

    def __init__(self):
        self.lock = threading.Lock()
        self.events = []

    def note(self, kind):
        """A callback that notes events of a kind."""

        # What a client is stopped with is nothing.
        def callback(event=None):
            with self.lock:
                self.events.append((kind, event))

        return callback

    def of(self, *kinds):
        with self.lock:
            return [event for kind, event in self.events if kind in kinds]

    async def until(self, count, *kinds):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and len(self.of(*kinds)) < count:
            await asyncio.sleep(0.01)
        return self.of(*kinds)


class Handler(http.server.BaseHTTPRequestHandler):
    """Takes the events of a hub; `seen` has the name, the user and the body of each."""

    seen = []

    def do_OPTIONS(self):
        self.send_response(200)
        self.send_header("WebHook-Allowed-Origin", "*")
        self.end_headers()

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.seen.append((self.headers["ce-eventName"], self.headers["ce-userId"], self.headers["Content-Type"].split(";")[0], body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


class Peer:
    """A client without any SDK, a member of a group."""

    @classmethod
    async def open(cls, url, group):
        self = cls()
        self.socket = await connect(url, subprotocols=["json.webpubsub.azure.v1"], proxy=None, open_timeout=PATIENCE)
        await self.next()
        await self.send(type="joinGroup", group=group, ackId=1)
        await self.next()
        return self

    async def send(self, **message):
        await self.socket.send(json.dumps(message))

    async def next(self):
        return json.loads(await asyncio.wait_for(self.socket.recv(), PATIENCE))


EVENTS = [CallbackType.CONNECTED, CallbackType.DISCONNECTED, CallbackType.STOPPED, CallbackType.GROUP_MESSAGE, CallbackType.SERVER_MESSAGE]


async def opened(coverage, service, client_type, call, user, protocol):
    """A client that notes all that it is told, and its log."""
    url = service.get_client_access_token(user_id=user, roles=ROLES)["url"]
    client = coverage.watch(client_type(url, protocol_type=protocol, message_retry_total=0))
    log = Log()
    for event in EVENTS:
        await call(client.subscribe, event, callback(client_type, log.note(event)))
    await call(client.open)
    await log.until(1, CallbackType.CONNECTED)
    return client, log


def callback(client_type, function):
    """The function as the kind of client wants it."""

    async def asynchronous(*event):
        function(*event)

    return asynchronous if client_type is AsyncWebPubSubClient else function


async def basics(coverage, ready, service, client_type, call, hub, protocol, short):
    def check(name, actual, wanted):
        coverage.check(f"{name}, {short}", actual, wanted)

    client, log = await opened(coverage, service, client_type, call, "anna", protocol)
    token = service.get_client_access_token(user_id="peer", roles=ROLES)
    peer = await Peer.open(token["url"], "g")
    hello = log.of(CallbackType.CONNECTED)[0]
    exists = await asyncio.to_thread(service.connection_exists, hello.connection_id)
    check("open: connected, and as whom", [client.is_connected(), hello.user_id, exists], [True, "anna", True])

    await call(client.join_group, "mine")
    check("join a group", await asyncio.to_thread(service.group_exists, "mine"), True)
    await call(client.leave_group, "mine")
    check("leave a group", await asyncio.to_thread(service.group_exists, "mine"), False)
    await call(client.join_group, "g")
    contents = [
        ("text", WebPubSubDataType.TEXT, "grüße", "grüße"),
        ("JSON", WebPubSubDataType.JSON, {"a": [1]}, {"a": [1]}),
        ("binary", WebPubSubDataType.BINARY, memoryview(b"\x00\xff"), base64.b64encode(b"\x00\xff").decode()),
    ]
    for index, (name, data_type, content, wanted) in enumerate(contents):
        await call(client.send_to_group, "g", content, data_type)
        message = await peer.next()
        seen = [message["fromUserId"], message["dataType"], message["data"]]
        check(f"send to a group: {name}", seen, ["anna", data_type.value, wanted])
        # Its own message comes back to it too.
        own = (await log.until(index + 1, CallbackType.GROUP_MESSAGE))[index]
        data = bytes(own.data) if isinstance(own.data, (bytes, bytearray, memoryview)) else own.data
        check(f"receive from a group: {name}", [own.group, own.data_type, data], ["g", data_type, bytes(content) if name == "binary" else content])
    await call(client.send_to_group, "g", "quiet", WebPubSubDataType.TEXT, no_echo=True)
    heard = (await peer.next())["data"]
    await peer.send(type="sendToGroup", group="g", dataType="text", data="after", noEcho=True)
    after = (await log.until(4, CallbackType.GROUP_MESSAGE))[3].data
    check("send to a group: without echo", [heard, after], ["quiet", "after"])
    await asyncio.to_thread(service.send_to_user, "anna", {"s": 1})
    check("receive from the server", [message.data for message in await log.until(1, CallbackType.SERVER_MESSAGE)], [{"s": 1}])

    try:
        await call(client.send_event, "e", "x", WebPubSubDataType.TEXT)
        check("send an event: nobody handles it", "accepted", "InternalServerError")
    except SendMessageError as error:
        check("send an event: nobody handles it", error.error_detail.name, "InternalServerError")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Handler.seen.clear()
    control(ready, "event-handlers", {"hub": hub, "url": f"http://127.0.0.1:{server.server_port}/"})
    # A connection has the handlers that there are when it is made.
    carl, _ = await opened(coverage, service, client_type, call, "carl", protocol)
    await call(carl.send_event, "greeting", "hello", WebPubSubDataType.TEXT)
    check("send an event: its handler gets it", Handler.seen[-1], ("greeting", "carl", "text/plain", b"hello"))
    await call(carl.close)

    extra = Log()
    listener = callback(client_type, extra.note("extra"))
    await call(client.subscribe, CallbackType.GROUP_MESSAGE, listener)
    await peer.send(type="sendToGroup", group="g", dataType="text", data="one", noEcho=True)
    first = [event.data for event in await extra.until(1, "extra")]
    await call(client.unsubscribe, CallbackType.GROUP_MESSAGE, listener)
    await peer.send(type="sendToGroup", group="g", dataType="text", data="two", noEcho=True)
    await log.until(6, CallbackType.GROUP_MESSAGE)
    check("subscribe and unsubscribe", [first, [event.data for event in extra.of("extra")]], [["one"], ["one"]])

    # The control connection of a client without recovery is lost for good, and it makes another.
    if protocol == WebPubSubProtocolType.JSON:
        rule = {"at": "delivery", "fault": "drop", "scope": hub, "user": "anna", "times": 1}
        control(ready, "faults", {"seed": 1, "rules": [rule]})
        await asyncio.to_thread(service.send_to_user, "anna", "lost")
        again = (await log.until(2, CallbackType.CONNECTED))[-1]
        control(ready, "faults", method="DELETE")

        def has_joined():
            own = [each for each in control(ready, "connections")[hub] if each["connectionId"] == again.connection_id]
            return any("g" in each["groups"] for each in own)

        end = time.monotonic() + PATIENCE
        while not await asyncio.to_thread(has_joined) and time.monotonic() < end:
            await asyncio.sleep(0.05)
        await peer.send(type="sendToGroup", group="g", dataType="text", data="again", noEcho=True)
        texts = [event.data for event in await log.until(7, CallbackType.GROUP_MESSAGE)]
        check("lost: it connects anew and joins its groups again", [again.connection_id != hello.connection_id, texts[-1]], [True, "again"])

    await call(client.close)
    await log.until(1, CallbackType.STOPPED)
    end = time.monotonic() + PATIENCE
    while (exists := await asyncio.to_thread(service.user_exists, "anna")) and time.monotonic() < end:
        await asyncio.sleep(0.05)
    check("close", [client.is_connected(), exists], [False, False])
    await peer.socket.close()


async def recovery(coverage, ready, service, client_type, call, hub):
    receiver, log = await opened(coverage, service, client_type, call, "receiver", WebPubSubProtocolType.JSON_RELIABLE)
    await call(receiver.join_group, "r")
    rule = {"at": "delivery", "fault": "drop", "scope": hub, "user": "receiver", "every": MESSAGES // DROPS - 5, "times": DROPS}
    control(ready, "faults", {"seed": 1, "rules": [rule]})
    for index in range(MESSAGES):
        await asyncio.to_thread(service.send_to_group, "r", index)
    received = [event.data for event in await log.until(MESSAGES, CallbackType.GROUP_MESSAGE)]
    # The synchronous client calls back from a thread for each message: in any order.
    if client_type is WebPubSubClient:
        received.sort()
    struck = control(ready, "faults")["rules"][0]["struck"]
    name = f"recovery: {MESSAGES:,} messages over {DROPS} losses of the network, none lost or doubled"
    coverage.check(name, [struck, received], [DROPS, list(range(MESSAGES))])
    coverage.check("recovery: it was never disconnected", log.of(CallbackType.DISCONNECTED), [])
    control(ready, "faults", method="DELETE")
    await call(receiver.close)


def awaited(method, *arguments, **options):
    return method(*arguments, **options)


async def run(report, ready, kind):
    client_type, call = {"sync": (WebPubSubClient, asyncio.to_thread), "aio": (AsyncWebPubSubClient, awaited)}[kind]
    coverage = Coverage(report, f"Python client {kind}")
    string = ready["pubsub"]["connectionString"]
    try:
        for protocol, short in ((WebPubSubProtocolType.JSON, "plain"), (WebPubSubProtocolType.JSON_RELIABLE, "reliable")):
            # Handlers of events stay, so each run has a hub of its own.
            hub = f"py{kind}{short}"
            with WebPubSubServiceClient.from_connection_string(string, hub=hub) as service:
                await basics(coverage, ready, service, client_type, call, hub, protocol, short)
        with WebPubSubServiceClient.from_connection_string(string, hub=f"py{kind}") as service:
            await recovery(coverage, ready, service, client_type, call, f"py{kind}")
        coverage.complete(client_type)
    except Exception:
        report.error(coverage.client, "it went through")


def main():
    faulthandler.dump_traceback_later(WATCHDOG, exit=True)
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    ready = json.load(sys.stdin)
    report = Report()
    asyncio.run(run(report, ready, sys.argv[1]))
    # Threads of the client may live on.
    os._exit(report.close())


if __name__ == "__main__":
    main()
