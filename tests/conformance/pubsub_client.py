"""The official Python client of Azure Web PubSub against our emulator.

Reads the emulator's ready line on stdin:

    azwire-emulator | { read -r ready; echo "$ready" | python tests/conformance/pubsub_client.py; }

The synchronous and the asynchronous client connect, join, send and receive, and
get 1,000 messages over 20 losses of the network. Needs
azure-messaging-webpubsubservice and azure-messaging-webpubsubclient. Prints a
line for each check and ends with `N passed, N failed`.
"""

import asyncio
import faulthandler
import json
import os
import sys
import threading
import time
import traceback
import urllib.request

from azure.messaging.webpubsubclient import WebPubSubClient
from azure.messaging.webpubsubclient.aio import WebPubSubClient as AsyncWebPubSubClient
from azure.messaging.webpubsubclient.models import CallbackType, SendMessageError, WebPubSubDataType, WebPubSubProtocolType
from azure.messaging.webpubsubservice import WebPubSubServiceClient

MESSAGES = 1000
DROPS = 20
PATIENCE = 60
WATCHDOG = 300
ROLES = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"]


class Report:
    """Counts the checks and prints a line for each."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def check(self, name, actual, wanted):
        good = actual == wanted
        self.passed += good
        self.failed += not good
        print(f"ok      {name}" if good else f"FAILED  {name}\n        expected {str(wanted)[:300]}\n        received {str(actual)[:300]}")


def control(ready, path, body=None, method=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{ready['control']}/{path}", data=data, method=method)
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return json.load(answer)


class Log:
    """What a client received; its callbacks come from several threads."""

    def __init__(self):
        self.lock = threading.Lock()
        self.messages = []
        self.disconnected = 0

    def message(self, event):
        with self.lock:
            self.messages.append((event.data_type, event.data))

    def lost(self, _):
        with self.lock:
            self.disconnected += 1

    async def until(self, count):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with self.lock:
                if len(self.messages) >= count:
                    break
            await asyncio.sleep(0.01)
        with self.lock:
            return list(self.messages)


async def run(report, kind, ready, service, client_of, call):
    def check(name, actual, wanted):
        report.check(f"{kind}: {name}", actual, wanted)

    async def opened(user, protocol=WebPubSubProtocolType.JSON_RELIABLE):
        url = service.get_client_access_token(user_id=user, roles=ROLES)["url"]
        client = client_of(url, protocol_type=protocol, message_retry_total=0)
        log = Log()

        async def message(event):
            log.message(event)

        async def lost(event):
            log.lost(event)

        is_async = isinstance(client, AsyncWebPubSubClient)
        await call(client.subscribe, CallbackType.GROUP_MESSAGE, message if is_async else log.message)
        await call(client.subscribe, CallbackType.SERVER_MESSAGE, message if is_async else log.message)
        await call(client.subscribe, CallbackType.DISCONNECTED, lost if is_async else log.lost)
        await call(client.open)
        return client, log

    for protocol in (WebPubSubProtocolType.JSON, WebPubSubProtocolType.JSON_RELIABLE):
        client, log = await opened("anna", protocol)
        await call(client.join_group, "g")
        for data_type, content in ((WebPubSubDataType.TEXT, "grüße"), (WebPubSubDataType.JSON, {"a": [1]}), (WebPubSubDataType.BINARY, memoryview(b"\x00\xff"))):
            await call(client.send_to_group, "g", content, data_type)
        await asyncio.to_thread(service.send_to_user, "anna", {"s": 1})
        received = [(data_type, bytes(data) if isinstance(data, (bytes, memoryview)) else data) for data_type, data in await log.until(4)]
        # The synchronous client calls back from a thread for each message: in any order.
        wanted = [("text", "grüße"), ("json", {"a": [1]}), ("binary", b"\x00\xff"), ("json", {"s": 1})]
        check(f"{protocol}: what is sent arrives", sorted(received, key=repr), sorted(wanted, key=repr))
        try:
            await call(client.send_event, "e", "x", WebPubSubDataType.TEXT)
            check(f"{protocol}: an event that nobody handles", "accepted", "InternalServerError")
        except SendMessageError as error:
            check(f"{protocol}: an event that nobody handles", error.error_detail.name, "InternalServerError")
        await call(client.leave_group, "g")
        await call(client.close)

    receiver, log = await opened("receiver")
    await call(receiver.join_group, "r")
    rule = {"at": "delivery", "fault": "drop", "hub": kind, "user": "receiver", "every": MESSAGES // DROPS - 5, "times": DROPS}
    control(ready, "faults", {"seed": 1, "rules": [rule]})
    for index in range(MESSAGES):
        await asyncio.to_thread(service.send_to_group, "r", index)
    received = [data for _, data in await log.until(MESSAGES)]
    check("recovery: the network was lost so often", control(ready, "faults")["rules"][0]["struck"], DROPS)
    check("recovery: nothing is lost or doubled", sorted(received), list(range(MESSAGES)))
    check("recovery: it was never disconnected", log.disconnected, 0)
    control(ready, "faults", method="DELETE")
    await call(receiver.close)


async def run_both(report, ready):
    string = ready["pubsub"]["connectionString"]
    for kind, client_of, call in (
        ("pyclientsync", WebPubSubClient, asyncio.to_thread),
        ("pyclientaio", AsyncWebPubSubClient, lambda method, *arguments, **options: method(*arguments, **options)),
    ):
        try:
            with WebPubSubServiceClient.from_connection_string(string, hub=kind) as service:
                await run(report, kind, ready, service, client_of, call)
        except Exception:
            report.check(f"{kind}: it went through", traceback.format_exc(), "")


def main():
    faulthandler.dump_traceback_later(WATCHDOG, exit=True)
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    ready = json.load(sys.stdin)
    report = Report()
    asyncio.run(run_both(report, ready))
    print(f"{report.passed} passed, {report.failed} failed")
    sys.stdout.flush()
    # Threads of the client may live on.
    os._exit(1 if report.failed else 0)


if __name__ == "__main__":
    main()
