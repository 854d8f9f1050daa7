"""Every operation of the official Python service client of Azure Web PubSub against our emulator.

    azwire-emulator | { read -r ready; echo "$ready" | python tests/conformance/pubsub_operations.py key; }

Calls each operation by the synchronous client and by the asynchronous one, and
looks at what it does to connected clients. With `key` they have the connection
string; with `entra` the endpoint over TLS and azure-identity's credential for a managed
identity, whose token this script hands out, and the emulator must have been started with
--allow-unvalidated-entra-tokens --socket-io. Its authority must be trusted (SSL_CERT_FILE,
REQUESTS_CA_BUNDLE). Needs azure-messaging-webpubsubservice,
azure-identity, aiohttp and websockets. Prints a line for each check and ends
with `N passed, N failed`.
"""

import asyncio
import base64
import contextlib
import faulthandler
import http.server
import inspect
import json
import os
import sys
import threading
import time
import urllib.parse
import urllib.request

from azure.core.credentials import AccessToken, AzureKeyCredential
from azure.core.exceptions import HttpResponseError
from azure.core.rest import HttpRequest
from azure.identity import ManagedIdentityCredential
from azure.identity.aio import ManagedIdentityCredential as AsyncManagedIdentityCredential
from azure.messaging.webpubsubservice import WebPubSubServiceClient
from azure.messaging.webpubsubservice.aio import WebPubSubServiceClient as AsyncWebPubSubServiceClient
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from report import Coverage, Report

SUBPROTOCOL = "json.webpubsub.azure.v1"
PATIENCE = 15
WATCHDOG = 240
TEXT = {"content_type": "text/plain"}


class Peer:
    """A client without any SDK."""

    def __init__(self, socket, hello):
        self.socket = socket
        self.hello = hello
        self.id = hello["connectionId"]

    @classmethod
    async def open(cls, url):
        socket = await connect(url, subprotocols=[SUBPROTOCOL], proxy=None, open_timeout=PATIENCE)
        return cls(socket, json.loads(await asyncio.wait_for(socket.recv(), PATIENCE)))

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


async def run(coverage, service, call):
    """All checks with one kind of client; `call` is how its methods are called and waited for."""
    check = coverage.check

    async def peer(**options):
        return await Peer.open((await call(service.get_client_access_token, **options))["url"])

    async def refused(method, *arguments, **options):
        try:
            await call(method, *arguments, **options)
            return "accepted"
        except HttpResponseError as error:
            return type(error).__name__, error.status_code, error.error.code if error.error else None

    async def fence(*peers):
        """What each of them gets next, so that whatever was to be nothing was nothing."""
        await call(service.send_to_all, "fence", **TEXT)
        return [(await one.next()).get("data") for one in peers]

    anna = await peer(user_id="anna", groups=["of-token"], roles=["webpubsub.joinLeaveGroup"])
    ben = await peer(user_id="ben")
    joined = await anna.request(type="joinGroup", group="of-role", ackId=1)
    of_token = await call(service.group_exists, "of-token")
    check("client token: user, roles and groups", [anna.hello["userId"], joined["success"], of_token], ["anna", True, True])
    short = (await call(service.get_client_access_token, minutes_to_expire=5))["token"]
    claims = json.loads(base64.urlsafe_b64decode(short.split(".")[1] + "=="))
    check("client token: lifetime", claims["exp"] - claims["iat"], 300)
    paths = {"Default": "/client/hubs/", "MQTT": "/clients/mqtt/hubs/", "SocketIO": "/clients/socketio/hubs/"}
    for protocol, path in paths.items():
        url = (await call(service.get_client_access_token, client_protocol=protocol))["url"]
        check(f"client token: URL of {protocol}", path in url, True)

    await call(service.send_to_all, {"a": 1})
    check("send to all: an object as JSON", [await anna.data(), await ben.data()], [("server", "json", {"a": 1})] * 2)
    await call(service.send_to_all, "hi", **TEXT)
    check("send to all: text", [await anna.data(), await ben.data()], [("server", "text", "hi")] * 2)
    await call(service.send_to_all, b"\x00\x01\xff", content_type="application/octet-stream")
    check("send to all: bytes", [await anna.data(), await ben.data()], [("server", "binary", "AAH/")] * 2)
    await call(service.send_to_all, "x", excluded=[anna.id], **TEXT)
    check("send to all: excluded connections", [await ben.data(), await fence(anna, ben)], [("server", "text", "x"), ["fence"] * 2])
    await call(service.send_to_all, "y", filter="userId eq 'anna'", **TEXT)
    check("send to all: filter", [await anna.data(), await fence(anna, ben)], [("server", "text", "y"), ["fence"] * 2])
    await call(service.send_to_all, "z", params={"messageTtlSeconds": "60"}, **TEXT)
    check("send to all: time to live", [await anna.data(), await ben.data()], [("server", "text", "z")] * 2)
    await call(service.send_to_user, "ben", "u", **TEXT)
    check("send to user", [await ben.data(), await fence(anna, ben)], [("server", "text", "u"), ["fence"] * 2])
    await call(service.send_to_user, "nobody", "u", **TEXT)
    check("send to user: nobody there", await fence(anna, ben), ["fence"] * 2)
    await call(service.send_to_connection, anna.id, b"\x00\xff", content_type="application/octet-stream")
    check("send to connection", [await anna.data(), await fence(anna, ben)], [("server", "binary", "AP8="), ["fence"] * 2])
    await call(service.send_to_connection, "nobody", "u", **TEXT)
    check("send to connection: nobody there", await fence(anna, ben), ["fence"] * 2)

    check("connection exists", [await call(service.connection_exists, anna.id), await call(service.connection_exists, "no")], [True, False])
    check("user exists", [await call(service.user_exists, "anna"), await call(service.user_exists, "no")], [True, False])
    check("group exists", [await call(service.group_exists, "of-token"), await call(service.group_exists, "OF-TOKEN")], [True, False])

    await call(service.add_connection_to_group, "g 1", anna.id)
    await call(service.send_to_group, "g 1", "g", **TEXT)
    check("add connection to group, send to group", [await anna.data(), await fence(anna, ben)], [("group", "text", "g"), ["fence"] * 2])
    await call(service.add_user_to_group, "g 1", "ben")
    await call(service.send_to_group, "g 1", "h", excluded=[anna.id], **TEXT)
    check("add user to group", [await ben.data(), await fence(anna, ben)], [("group", "text", "h"), ["fence"] * 2])
    wanted = sorted([(anna.id, "anna"), (ben.id, "ben")])
    check("list the connections of a group", sorted(await listed(service, group="g 1")), wanted)
    first = await listed(service, group="g 1", top=1)
    # The service orders ids as .NET does, which is not how they are sorted here.
    check("list the connections of a group: the first only", [len(first), set(first) <= set(wanted)], [1, True])
    await call(service.send_to_group, "g 1", "h", excluded=[ben.id], filter="length(userId) gt 0", **TEXT)
    check("send to group: excluded connections and filter", [await anna.data(), await fence(anna, ben)], [("group", "text", "h"), ["fence"] * 2])
    await call(service.remove_user_from_group, "g 1", "ben")
    await call(service.send_to_group, "g 1", "i", **TEXT)
    check("remove user from group", [await anna.data(), await fence(anna, ben)], [("group", "text", "i"), ["fence"] * 2])
    await call(service.remove_connection_from_group, "g 1", anna.id)
    await call(service.remove_connection_from_group, "g 1", anna.id)
    check("remove connection from group", await call(service.group_exists, "g 1"), False)
    await call(service.remove_connection_from_all_groups, anna.id)
    check("remove connection from all groups", await call(service.group_exists, "of-token"), False)
    await call(service.add_user_to_group, "k", "ben")
    await call(service.remove_user_from_all_groups, "ben")
    check("remove user from all groups", await call(service.group_exists, "k"), False)

    async def may():
        return await call(service.has_permission, "sendToGroup", ben.id, target_name="p")

    check("check permission", await may(), False)
    await call(service.grant_permission, "sendToGroup", ben.id, target_name="p")
    acked = await ben.request(type="sendToGroup", group="p", ackId=1, data=1)
    check("grant permission", [await may(), acked], [True, {"type": "ack", "ackId": 1, "success": True}])
    await call(service.revoke_permission, "sendToGroup", ben.id, target_name="p")
    acked = await ben.request(type="sendToGroup", group="p", ackId=2, data=1)
    check("revoke permission", [await may(), acked["error"]["name"]], [False, "Forbidden"])

    check("a missing connection is 404", await refused(service.add_connection_to_group, "g", "no"), ("ResourceNotFoundError", 404, "Error.Connection.NotExisted"))
    check("a missing user is 404", await refused(service.add_user_to_group, "g", "no"), ("ResourceNotFoundError", 404, "Warning.User.NotExisted"))
    check("a missing connection's permission is 404", await refused(service.grant_permission, "sendToGroup", "no", target_name="p"), ("ResourceNotFoundError", 404, "Info.Connection.NotExisted"))
    check("a bad filter is 400", (await refused(service.send_to_all, "x", filter="invalid filter"))[1], 400)
    request = HttpRequest("HEAD", "/api/health")
    check("a request of the application's own", (await call(service.send_request, request)).status_code, 200)

    await call(service.close_connection, anna.id, reason="bye")
    check("close connection", await anna.end(), ("bye", 1000))
    await call(service.close_connection, anna.id)
    check("close connection: it is gone already", await call(service.connection_exists, anna.id), False)
    other = await peer(user_id="ben")
    await call(service.close_user_connections, "ben", excluded=[other.id], reason="user")
    check("close the connections of a user", [await ben.end(), await call(service.connection_exists, other.id)], [("user", 1000), True])
    carl = await peer(groups=["c"])
    await call(service.close_group_connections, "c", reason="group")
    check("close the connections of a group", [await carl.end(), await call(service.connection_exists, other.id)], [("group", 1000), True])
    await call(service.close_all_connections, reason="all")
    check("close all connections", await other.end(), ("all", 1000))

    await call(service.close)
    try:
        await call(service.user_exists, "anna")
        after = "accepted"
    except ValueError as error:
        after = "already been closed" in str(error)
    check("close the client", after, True)


async def listed(service, **options):
    """The members as pages bring them; both kinds of client give an iterator at once."""
    found = service.list_connections(**options)
    if hasattr(found, "__aiter__"):
        return [(member.connection_id, member.user_id) async for member in found]
    return await asyncio.to_thread(lambda: [(member.connection_id, member.user_id) for member in found])


class Ready:
    """A credential that has a token."""

    def __init__(self, token):
        self.token = token

    def get_token(self, *_scopes, **_options):
        return AccessToken(self.token, int(time.time()) + 3600)


def entra_token(audience="https://webpubsub.azure.com", lifetime=3600):
    """What Entra would hand out, but for the signature."""

    def part(value):
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    tenant = "5c1f0d0b-0d5e-4b57-8f5e-6f4c0a6d2b11"
    now = int(time.time())
    header = {"typ": "JWT", "alg": "RS256", "kid": "none"}
    claims = {"aud": audience, "iss": f"https://sts.windows.net/{tenant}/", "iat": now, "nbf": now, "exp": now + lifetime, "tid": tenant}
    claims |= {"oid": "1f8e2a34-9f61-4c1e-8a0e-2b7f6d1c5e90", "idtyp": "app", "ver": "1.0"}
    return f"{part(json.dumps(header).encode())}.{part(json.dumps(claims).encode())}.{part(os.urandom(256))}"


@contextlib.contextmanager
def managed_identity():
    """The local endpoint that App Service gives to a managed identity."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.headers["X-IDENTITY-HEADER"], self.path))
            body = {"access_token": entra_token(), "expires_on": str(int(time.time()) + 3600), "resource": "https://webpubsub.azure.com", "token_type": "Bearer"}
            body = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ["IDENTITY_ENDPOINT"] = f"http://127.0.0.1:{server.server_port}/token"
    os.environ["IDENTITY_HEADER"] = "of this script"
    try:
        yield asked
    finally:
        server.shutdown()
        server.server_close()


def state(ready):
    with urllib.request.urlopen(f"{ready['control']}/state", timeout=PATIENCE) as answer:
        return json.load(answer)


def status_of(ready, credential):
    """The status that a send with the credential is answered with."""
    with WebPubSubServiceClient(endpoint=ready["pubsub"]["secureEndpoint"], hub="status", credential=credential) as service:
        try:
            service.send_to_all("x", **TEXT)
            return 202
        except HttpResponseError as error:
            return error.status_code


def awaited(method, *arguments, **options):
    return method(*arguments, **options)


async def run_both(report, ready, mode):
    string = ready["pubsub"]["connectionString"]
    endpoint = ready["pubsub"]["secureEndpoint"]
    kinds = [
        ("sync", WebPubSubServiceClient, ManagedIdentityCredential, asyncio.to_thread),
        ("aio", AsyncWebPubSubServiceClient, AsyncManagedIdentityCredential, awaited),
    ]
    for kind, client_type, credential_type, call in kinds:
        hub = f"py{kind}"
        client = f"Python {kind}" if mode == "key" else f"Python {kind}, Entra"
        coverage = Coverage(report, client)
        try:
            if mode == "key":
                service = coverage.watch(client_type).from_connection_string(string, hub=hub)
                await run(coverage, coverage.watch(service), call)
                coverage.complete(client_type)
                credential = Ready(entra_token())
                report.check(client, "an Entra token that nobody allowed is 401", await asyncio.to_thread(status_of, ready, credential), 401)
                report.check(client, "a wrong key is 401", await asyncio.to_thread(status_of, ready, AzureKeyCredential("wrong" * 10)), 401)
                continue
            with managed_identity() as asked:
                credential = credential_type()
                service = client_type(endpoint=endpoint, hub=hub, credential=credential)
                url = (await call(service.get_client_access_token))["url"]
                report.check(client, "clients are sent to wss", url.startswith(endpoint.replace("https://", "wss://")), True)
                await run(coverage, coverage.watch(service), call)
                once = [(secret, "resource=https://webpubsub.azure.com" in urllib.parse.unquote(path)) for secret, path in asked]
                report.check(client, "the token is for webpubsub.azure.com, and asked for once", once, [("of this script", True)])
                closing = credential.close()
                if inspect.isawaitable(closing):
                    await closing
            for name, token, status in [
                ("for Key Vault", entra_token("https://vault.azure.net"), 401),
                ("that has expired", entra_token(lifetime=-3600), 401),
                ("that is no token", "a.b.c", 401),
            ]:
                report.check(client, f"a token {name} is 401", await asyncio.to_thread(status_of, ready, Ready(token)), status)
        except Exception:
            report.error(client, "it went through")
        hubs = await asyncio.to_thread(state, ready)
        report.check(client, "the hub is empty at the end", hub in hubs["hubs"], False)


def main():
    faulthandler.dump_traceback_later(WATCHDOG, exit=True)
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    mode = sys.argv[1]
    ready = json.load(sys.stdin)
    report = Report()
    asyncio.run(run_both(report, ready, mode))
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
