"""Every operation of the official Python service client of Azure Web PubSub against our emulator.

Reads the emulator's ready line on stdin:

    azwire-emulator | { read -r ready; echo "$ready" | python tests/conformance/pubsub_operations.py; }

Calls each operation by the synchronous client and by the asynchronous one, and
looks at what it does to connected clients. Needs
azure-messaging-webpubsubservice, aiohttp and websockets. Prints a line for each
check and ends with `N passed, N failed`.
"""

import asyncio
import faulthandler
import inspect
import json
import os
import sys
import traceback
import urllib.request

from azure.core.exceptions import HttpResponseError
from azure.core.rest import HttpRequest
from azure.messaging.webpubsubservice import WebPubSubServiceClient
from azure.messaging.webpubsubservice.aio import WebPubSubServiceClient as AsyncWebPubSubServiceClient
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

SUBPROTOCOL = "json.webpubsub.azure.v1"
PATIENCE = 15
WATCHDOG = 240
TEXT = {"content_type": "text/plain"}


class Report:
    """Counts the checks and prints a line for each."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def check(self, name, actual, wanted):
        good = actual == wanted
        self.passed += good
        self.failed += not good
        print(f"ok      {name}" if good else f"FAILED  {name}\n        expected {wanted!r}\n        received {actual!r}")


class Peer:
    """A client without any SDK."""

    def __init__(self, socket, connection_id):
        self.socket = socket
        self.id = connection_id

    @classmethod
    async def open(cls, url):
        socket = await connect(url, subprotocols=[SUBPROTOCOL], proxy=None, open_timeout=PATIENCE)
        hello = json.loads(await asyncio.wait_for(socket.recv(), PATIENCE))
        return cls(socket, hello["connectionId"])

    async def next(self):
        return json.loads(await asyncio.wait_for(self.socket.recv(), PATIENCE))

    async def data(self):
        message = await self.next()
        return message.get("from"), message.get("dataType"), message.get("data")

    async def request(self, **message):
        await self.socket.send(json.dumps(message))
        return await self.next()

    async def end(self):
        """The reason of the system message, and the close code."""
        goodbye = await self.next()
        try:
            await self.next()
            return goodbye.get("message"), None
        except ConnectionClosed as closed:
            return goodbye.get("message"), closed.rcvd.code


async def run(report, kind, hub, service, call):
    """All checks with one kind of client; `call` is how its methods are called and waited for."""

    def check(name, actual, wanted):
        report.check(f"{kind}: {name}", actual, wanted)

    async def peer(**options):
        return await Peer.open((await call(service.get_client_access_token, **options))["url"])

    async def refused(method, *arguments, **options):
        try:
            await call(method, *arguments, **options)
            return "accepted"
        except HttpResponseError as error:
            return type(error).__name__, error.status_code, error.error.code if error.error else None

    anna = await peer(user_id="anna", groups=["of-token"], roles=["webpubsub.joinLeaveGroup"])
    ben = await peer(user_id="ben")

    await call(service.send_to_all, {"a": 1})
    check("send_to_all, an object", [await anna.data(), await ben.data()], [("server", "json", {"a": 1})] * 2)
    await call(service.send_to_all, "x", excluded=[anna.id], **TEXT)
    check("send_to_all, excluded", await ben.data(), ("server", "text", "x"))
    await call(service.send_to_all, "y", filter="userId eq 'anna'", **TEXT)
    check("send_to_all, filter", await anna.data(), ("server", "text", "y"))
    await call(service.send_to_all, "z", params={"messageTtlSeconds": "60"}, **TEXT)
    check("send_to_all, messageTtlSeconds", [await anna.data(), await ben.data()], [("server", "text", "z")] * 2)
    await call(service.send_to_user, "ben", "u", **TEXT)
    check("send_to_user", await ben.data(), ("server", "text", "u"))
    await call(service.send_to_user, "nobody", "u", **TEXT)
    await call(service.send_to_connection, anna.id, b"\x00\xff", content_type="application/octet-stream")
    check("send_to_connection", await anna.data(), ("server", "binary", "AP8="))
    await call(service.send_to_connection, "nobody", "u", **TEXT)

    check("connection_exists", [await call(service.connection_exists, anna.id), await call(service.connection_exists, "no")], [True, False])
    check("user_exists", [await call(service.user_exists, "anna"), await call(service.user_exists, "no")], [True, False])
    check("group_exists", [await call(service.group_exists, "of-token"), await call(service.group_exists, "no")], [True, False])

    await call(service.add_connection_to_group, "g 1", anna.id)
    await call(service.add_user_to_group, "g 1", "ben")
    await call(service.send_to_group, "g 1", "g", **TEXT)
    check("add_connection_to_group, add_user_to_group, send_to_group", [await anna.data(), await ben.data()], [("group", "text", "g")] * 2)
    listed = service.list_connections(group="g 1")
    if inspect.isasyncgen(listed) or hasattr(listed, "__aiter__"):
        members = [(member.connection_id, member.user_id) async for member in listed]
    else:
        members = await asyncio.to_thread(lambda: [(member.connection_id, member.user_id) for member in listed])
    check("list_connections", members, sorted([(anna.id, "anna"), (ben.id, "ben")]))
    await call(service.send_to_group, "g 1", "h", excluded=[ben.id], filter="length(userId) gt 0", **TEXT)
    check("send_to_group, excluded and filter", await anna.data(), ("group", "text", "h"))
    await call(service.remove_user_from_group, "g 1", "ben")
    await call(service.remove_connection_from_group, "g 1", anna.id)
    await call(service.remove_connection_from_group, "g 1", anna.id)
    check("remove_user_from_group, remove_connection_from_group", await call(service.group_exists, "g 1"), False)
    await call(service.remove_connection_from_all_groups, anna.id)
    check("remove_connection_from_all_groups", await call(service.group_exists, "of-token"), False)
    await call(service.add_user_to_group, "k", "ben")
    await call(service.remove_user_from_all_groups, "ben")
    check("remove_user_from_all_groups", await call(service.group_exists, "k"), False)

    async def may():
        return await call(service.has_permission, "sendToGroup", ben.id, target_name="p")

    check("has_permission", await may(), False)
    await call(service.grant_permission, "sendToGroup", ben.id, target_name="p")
    acked = await ben.request(type="sendToGroup", group="p", ackId=1, data=1)
    check("grant_permission", [await may(), acked], [True, {"type": "ack", "ackId": 1, "success": True}])
    await call(service.revoke_permission, "sendToGroup", ben.id, target_name="p")
    acked = await ben.request(type="sendToGroup", group="p", ackId=2, data=1)
    check("revoke_permission", [await may(), acked["error"]["name"]], [False, "Forbidden"])

    check("a missing connection", await refused(service.add_connection_to_group, "g", "no"), ("ResourceNotFoundError", 404, "Error.Connection.NotExisted"))
    check("a missing user", await refused(service.add_user_to_group, "g", "no"), ("ResourceNotFoundError", 404, "Warning.User.NotExisted"))
    check("a missing connection's permission", await refused(service.grant_permission, "sendToGroup", "no", target_name="p"), ("ResourceNotFoundError", 404, "Info.Connection.NotExisted"))
    check("a bad filter", (await refused(service.send_to_all, "x", filter="invalid filter"))[1], 400)
    request = HttpRequest("HEAD", "/api/health")
    check("send_request", (await call(service.send_request, request)).status_code, 200)

    await call(service.close_connection, anna.id, reason="bye")
    check("close_connection", await anna.end(), ("bye", 1000))
    await call(service.close_connection, anna.id)
    other = await peer(user_id="ben")
    await call(service.close_user_connections, "ben", excluded=[other.id], reason="user")
    check("close_user_connections", [await ben.end(), await call(service.connection_exists, other.id)], [("user", 1000), True])
    carl = await peer(groups=["c"])
    await call(service.close_group_connections, "c", reason="group")
    check("close_group_connections", await carl.end(), ("group", 1000))
    await call(service.close_all_connections, reason="all")
    check("close_all_connections", await other.end(), ("all", 1000))


def state(ready, path="state"):
    with urllib.request.urlopen(f"{ready['control']}/{path}", timeout=PATIENCE) as answer:
        return json.load(answer)


async def run_both(report, ready):
    string = ready["pubsub"]["connectionString"]
    try:
        with WebPubSubServiceClient.from_connection_string(string, hub="pysync") as service:
            await run(report, "sync", "pysync", service, asyncio.to_thread)
    except Exception:
        report.check("the synchronous client went through", traceback.format_exc(), "")
    try:
        async with AsyncWebPubSubServiceClient.from_connection_string(string, hub="pyaio") as service:
            await run(report, "aio", "pyaio", service, lambda method, *arguments, **options: method(*arguments, **options))
    except Exception:
        report.check("the asynchronous client went through", traceback.format_exc(), "")
    hubs = state(ready)["hubs"]
    report.check("the hubs are empty at the end", [name for name in hubs if name.startswith("py")], [])


def main():
    faulthandler.dump_traceback_later(WATCHDOG, exit=True)
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    ready = json.load(sys.stdin)
    report = Report()
    asyncio.run(run_both(report, ready))
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
