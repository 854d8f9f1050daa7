"""The official Python service client, driven by a program that measures.

Reads settings as one line of JSON (`connectionString`), prints `ready`, then
reads one command a line and prints the seconds that it took:

    tokens N           N client access tokens
    send N             N sends of 128 bytes, one after the other
    send-together N    N sends by the asyncio client, 64 at once
"""

import asyncio
import json
import sys
import time

from azure.messaging.webpubsubservice import WebPubSubServiceClient
from azure.messaging.webpubsubservice.aio import WebPubSubServiceClient as AsyncClient

TEXT = "x" * 128
AT_ONCE = 64
ROLES = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup.room1"]


def tokens(service, count):
    for _ in range(count):
        service.get_client_access_token(user_id="user1", roles=ROLES, groups=["room1"])


def send(service, count):
    for _ in range(count):
        service.send_to_all(TEXT, content_type="text/plain")


async def send_together(service, count):
    async def lane():
        for _ in range(count // AT_ONCE):
            await service.send_to_all(TEXT, content_type="text/plain")

    await asyncio.gather(*(lane() for _ in range(AT_ONCE)))


def main():
    string = json.loads(sys.stdin.readline())["connectionString"]
    service = WebPubSubServiceClient.from_connection_string(string, hub="bench")
    loop = asyncio.new_event_loop()
    together = AsyncClient.from_connection_string(string, hub="bench")
    print("ready", flush=True)
    for line in sys.stdin:
        what, count = line.split()
        start = time.perf_counter()
        if what == "send-together":
            loop.run_until_complete(send_together(together, int(count)))
        else:
            {"tokens": tokens, "send": send}[what](service, int(count))
        print(time.perf_counter() - start, flush=True)


main()
