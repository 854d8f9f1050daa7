"""A listener and a sender as the public Python quickstart writes them, against
the emulator on port 443 under the service's own host name.

    relay_python_quickstart.py PROGRAM

PROGRAM is azwire-emulator; it is started here. The name is mapped to loopback
in the client, by telling `websockets` where to connect; no file of the system
is touched. The quickstart's faults are kept on purpose: an id that is no GUID,
tokens whose slashes are left bare, a listener that takes the control channel
for its data. The emulator must let both connect and say in its log what is
wrong. Where the port cannot be bound each check is skipped, and says so. Prints
a line for each check and ends with `N passed, N failed`.
"""

import asyncio
import base64
import faulthandler
import hashlib
import hmac
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

import websockets

from report import Report

NAMESPACE = "contoso.servicebus.windows.net"
PATH = "hc1"
CLIENT = "Python quickstart"
# The whole script; a hang ends with the place where it hangs.
WATCHDOG = 240


def sas_token(rule, key):
    """Two days, the resource quoted with bare slashes, the rule as it is."""
    resource = urllib.parse.quote(f"http://{NAMESPACE}/{PATH}")
    expiry = int(time.time() + 48 * 3600)
    signed = f"{resource}\n{expiry}".encode()
    code = hmac.new(key.encode(), signed, hashlib.sha256).digest()
    signature = urllib.parse.quote(base64.b64encode(code).decode())
    return f"SharedAccessSignature sr={resource}&sig={signature}&se={expiry}&skn={rule}"


def url(action, token):
    quoted = urllib.parse.quote(token)
    return (
        f"wss://{NAMESPACE}/$hc/{PATH}?sb-hc-action={action}&sb-hc-id=123456&sb-hc-token={quoted}"
    )


class Emulator:
    def __init__(self, program, folder):
        self.log = open(os.path.join(folder, "log"), "w+")
        names = ["--certificate-name", "*.servicebus.windows.net"]
        ports = ["--pubsub-port", "0", "--relay-port", "443", "--relay-plain-port", "0"]
        command = [program, *ports, *names, "--certificates", folder]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self.log, text=True, env={**os.environ, "RUST_LOG": "info"}
        )
        line = self.process.stdout.readline()
        if not line:
            self.log.seek(0)
            sys.exit(f"the emulator did not start: {self.log.read()}")
        self.ready = json.loads(line)
        string = self.ready["relay"]["connectionString"]
        self.rule = re.search("SharedAccessKeyName=([^;]+)", string)[1]
        self.key = re.search("SharedAccessKey=([^;]+)", string)[1]

    def advance(self, seconds):
        body = json.dumps({"advance": seconds}).encode()
        urllib.request.urlopen(self.ready["control"] + "/clock", body).close()

    def said(self, text):
        self.log.flush()
        with open(self.log.name) as log:
            return text in log.read()

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


REPORT = Report()
CHECKS = [
    "the listener connects under the real host name",
    "the log says that its id is no GUID",
    "it gets an accept command",
    "the sender gets 404",
    "with the service's text",
    "the log says that a listener must open the address",
    "the sender's text arrives over the rendezvous",
    "and the answer comes back",
    "the close frame is passed on",
    "a message on the control channel closes it with 1002",
    "the log says where data goes",
    "no token is in the log",
]


def check(name, holds):
    REPORT.check(CLIENT, name, holds, True)


async def refused(connecting):
    try:
        await connecting
    except websockets.exceptions.InvalidStatus as error:
        return error.response
    return None


async def run(emulator):
    trust = ssl.create_default_context(cafile=emulator.ready["relay"]["caCertificate"])
    token = sas_token(emulator.rule, emulator.key)

    def connect(action):
        return websockets.connect(url(action, token), ssl=trust, host="127.0.0.1", port=443)

    listener = await connect("listen")
    check("the listener connects under the real host name", listener.state.name == "OPEN")
    check("the log says that its id is no GUID", emulator.said("sb-hc-id is not a GUID"))

    connecting = asyncio.create_task(refused(connect("connect")))
    command = json.loads(await asyncio.wait_for(listener.recv(), 20))
    address = command["accept"]["address"]
    check("it gets an accept command", address.startswith(f"wss://{NAMESPACE}/$hc/{PATH}?"))
    # The quickstart takes the command for its payload and does nothing with it.
    emulator.advance(30)
    response = await asyncio.wait_for(connecting, 20)
    check("the sender gets 404", response is not None and response.status_code == 404)
    check("with the service's text", "within the allowed timeout. TrackingId:" in response.reason_phrase)
    check(
        "the log says that a listener must open the address",
        emulator.said("ListenerAcceptingConnectionTimeout")
        and emulator.said("a listener must connect to `accept.address` for each sender"),
    )

    # What the quickstart leaves out, done here: then the sender works as it is.
    async def accept():
        command = json.loads(await listener.recv())
        address = command["accept"]["address"]
        return await websockets.connect(address, ssl=trust, host="127.0.0.1", port=443)

    sender, rendezvous = await asyncio.wait_for(asyncio.gather(connect("connect"), accept()), 20)
    await sender.send("Hello listener")
    check("the sender's text arrives over the rendezvous", await rendezvous.recv() == "Hello listener")
    await rendezvous.send(b"\x00\x01")
    check("and the answer comes back", await sender.recv() == b"\x00\x01")
    await sender.close()
    await rendezvous.wait_closed()
    check("the close frame is passed on", rendezvous.close_code == 1000)

    # The quickstart's older sender builds the URL of a listener and sends on the control channel.
    wrong = await connect("listen")
    await wrong.send("Hello listener")
    await asyncio.wait_for(wrong.wait_closed(), 20)
    check("a message on the control channel closes it with 1002", wrong.close_code == 1002)
    check("the log says where data goes", emulator.said("a sender connects with sb-hc-action=connect"))
    check("no token is in the log", not emulator.said("sig="))
    await listener.close()


def main():
    faulthandler.dump_traceback_later(WATCHDOG, exit=True)
    with socket.socket() as probe:
        # As the emulator does: ports of connections that have just ended are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", 443))
        except OSError:
            for name in CHECKS:
                print(f"skipped {CLIENT}: {name} | port 443 cannot be bound here")
            return REPORT.close()
    with tempfile.TemporaryDirectory() as folder:
        emulator = Emulator(sys.argv[1], folder)
        try:
            asyncio.run(run(emulator))
        except Exception:
            REPORT.error(CLIENT, "it came to its end")
        finally:
            emulator.stop()
    return REPORT.close()


if __name__ == "__main__":
    sys.exit(main())
