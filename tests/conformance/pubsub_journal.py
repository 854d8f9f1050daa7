"""What the official Python service client has sent, as a test finds it in the journal of our emulator.

Reads the emulator's ready line on stdin:

    azwire-emulator | { read -r ready; echo "$ready" | python tests/conformance/pubsub_journal.py; }

Calls the service by the synchronous client and by the asynchronous one, while no client of the hub is
connected, and asserts on the journal alone, over HTTP with nothing but the standard library: what was sent,
to whom, with which status, and which token was refused. Needs azure-messaging-webpubsubservice and
aiohttp. Prints a line for each check and ends with `N passed, N failed`.
"""

import asyncio
import base64
import faulthandler
import inspect
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request

from azure.core.exceptions import HttpResponseError
from azure.messaging.webpubsubservice import WebPubSubServiceClient
from azure.messaging.webpubsubservice.aio import WebPubSubServiceClient as AsyncWebPubSubServiceClient

from report import Report

# How long to wait for a record, in seconds, and for the whole script.
PATIENCE = 15
WATCHDOG = 240
TEXT = {"content_type": "text/plain"}
LONG = "long " * 2000


class Journal:
    """The journal, from the record on that came last when this was made."""

    def __init__(self, control):
        self.address = f"{control}/journal"
        self.after = self.ask()["next"]

    def ask(self, **filters):
        with urllib.request.urlopen(f"{self.address}?{urllib.parse.urlencode(filters)}", timeout=2 * PATIENCE) as response:
            return json.load(response)

    def next(self, **filters):
        """The next record that fits, once it is there; an empty one if it does not come."""
        found = self.ask(wait=PATIENCE, limit=1, after=self.after, **filters)
        self.after = found["next"]
        return next(iter(found["records"]), {})

    def refuses(self, **filters):
        """The status and the reason with which a filter is refused."""
        try:
            self.ask(**filters)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)["error"]
        return 200, ""


async def finish(value):
    return await value if inspect.isawaitable(value) else value


def pick(record, *names):
    return [record.get(name) for name in names]


async def check(report, client, of, ready):
    connection_string = ready["pubsub"]["connectionString"]
    hub = f"journal_{client.replace(' ', '_').replace(',', '').lower()}"
    service = of.from_connection_string(connection_string, hub=hub)
    journal = Journal(ready["control"])

    await finish(service.send_to_all({"dish": "soup"}))
    sent = journal.next(kind="request", hub=hub)
    report.check(
        client, "send to all: operation, method, status and receivers",
        pick(sent, "operation", "method", "status", "receivers"), ["sendToAll", "POST", 202, 0],
    )
    report.check(
        client, "send to all: an object as JSON",
        [sent["payload"]["type"], json.loads(sent["payload"]["text"])], ["json", {"dish": "soup"}],
    )

    await finish(service.send_to_group("kitchen", "hello", **TEXT))
    sent = journal.next(kind="request", hub=hub, group="kitchen")
    report.check(client, "send to group: text", pick(sent, "operation", "payload"), ["sendToGroup", {"type": "text", "length": 5, "text": "hello"}])

    await finish(service.send_to_user("ann", b"\xff\x00", content_type="application/octet-stream"))
    sent = journal.next(kind="request", hub=hub, user="ann")
    binary = {"type": "binary", "length": 2, "base64": base64.b64encode(b"\xff\x00").decode()}
    report.check(client, "send to user: bytes", pick(sent, "operation", "payload"), ["sendToUser", binary])

    await finish(service.send_to_all(LONG, **TEXT))
    sent = journal.next(hub=hub, text="LONG LONG")
    payload = sent["payload"]
    report.check(
        client, "a long payload: its beginning and its length",
        [payload["length"], payload["isCut"], payload["text"] == LONG[:4096]], [len(LONG), True, True],
    )

    exists = await finish(service.user_exists("nobody"))
    asked = journal.next(kind="request", user="nobody")
    report.check(client, "a question: its answer", [exists, *pick(asked, "operation", "status")], [False, "userExists", 404])

    wrong = of.from_connection_string(connection_string.replace("AccessKey=", "AccessKey=another"), hub=hub)
    try:
        await finish(wrong.send_to_all("x", **TEXT))
        status = 202
    except HttpResponseError as error:
        status = error.status_code
    refused = journal.next(kind="refused", service="pubsub")
    report.check(client, "a wrong key: refused, with the rule", [status, *pick(refused, "subject", "status"), "rule" in refused], [401, "token", 401, True])

    everything = journal.ask(limit=10000)
    text = json.dumps(everything)
    key = connection_string.split("AccessKey=")[1].split(";")[0]
    report.check(client, "no key and no token is in it", [secret for secret in (key, "eyJhbGci", "another" + key) if secret in text], [])
    report.check(client, "a wrong filter: 400, and which", journal.refuses(limit=0)[0:1] + (("limit" in journal.refuses(limit=0)[1]),), (400, True))
    if inspect.isawaitable(closing := service.close()):
        await closing
        await wrong.close()


async def main():
    ready = json.loads(sys.stdin.readline())
    report = Report()
    for client, of in (("Python sync, journal", WebPubSubServiceClient), ("Python aio, journal", AsyncWebPubSubServiceClient)):
        try:
            await asyncio.wait_for(check(report, client, of, ready), WATCHDOG)
        except Exception:
            report.error(client, "the whole of it")
    return report.close()


if __name__ == "__main__":
    # The emulator is on this machine, whatever proxy the environment names.
    os.environ["NO_PROXY"] = "*"
    faulthandler.dump_traceback_later(WATCHDOG, exit=True)
    sys.exit(asyncio.run(main()))
