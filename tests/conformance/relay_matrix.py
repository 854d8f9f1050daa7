"""Every pair of a listener and a sender over the emulator: ours, the official
Node packages, and a plain WebSocket client in Python.

    relay_matrix.py PROGRAMS NODE_WS NODE_HTTPS < the emulator's ready line

PROGRAMS is the folder of our built examples and of `relay_probe`; NODE_WS and
NODE_HTTPS are `node_modules` folders with hyco-ws (and ws 1.1) and hyco-https.
Each kind and size of message and each method and size of body is a line of its
pair, `ok      LISTENER <- SENDER: ..`. Ends with `N passed, N failed`.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import uuid
from urllib.parse import quote_plus

import websockets

from report import Report

HERE = os.path.dirname(os.path.abspath(__file__))
PATH = "hc1"
SIZES = [(1, "1 byte"), (64 * 1024, "64 KiB"), (5 * 1024 * 1024, "5 MiB")]
# The whole script; a hang ends with an error, and with the listeners that were started.
WATCHDOG = 240


class World:
    def __init__(self, ready, programs, node_ws, node_https):
        relay = ready["relay"]
        endpoint = re.fullmatch(r"sb://(.+):(\d+)/", relay["endpoint"])
        self.host, self.port = endpoint[1], int(endpoint[2])
        self.key = re.search(r"SharedAccessKey=([^;]+)", relay["connectionString"])[1]
        self.rule = re.search(r"SharedAccessKeyName=([^;]+)", relay["connectionString"])[1]
        self.connection_string = f"{relay['connectionString']};EntityPath={PATH}"
        self.ca = relay["caCertificate"]
        self.programs = programs
        self.node = {"ws": node_ws, "https": node_https}

    def ours(self, name, *more):
        folder = self.programs if name == "relay_probe" else os.path.join(self.programs, "examples")
        command = [os.path.join(folder, name)]
        command += ["--connection-string", self.connection_string, "--ca", self.ca, *more]
        return command, None, dict(os.environ)

    def official(self, role):
        env = dict(os.environ, NODE_EXTRA_CA_CERTS=self.ca, NODE_NO_WARNINGS="1")
        env["NODE_PATH"] = self.node["https" if role.startswith("https") else "ws"]
        settings = {"host": self.host, "port": self.port, "path": PATH}
        settings |= {"keyName": self.rule, "key": self.key}
        return ["node", os.path.join(HERE, "relay_peer.js"), role], json.dumps(settings), env


class Listener:
    """A listener in a process of its own; online once it prints its first line."""

    def __init__(self, run):
        command, text, env = run
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            command, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log
        )
        self.process.stdin.write(text or "")
        self.process.stdin.close()

    def __enter__(self):
        line = self.process.stdout.readline()
        if not line:
            self.log.seek(0)
            raise RuntimeError(f"the listener did not come up: {self.log.read()}")
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()


def send(run):
    """The lines of a sender, and why it failed if it did."""
    command, text, env = run
    done = subprocess.run(command, env=env, input=text or "", text=True, capture_output=True, timeout=120)
    lines = [line.removeprefix("ok ") for line in done.stdout.splitlines() if line.startswith("ok ")]
    if done.returncode == 0 and lines:
        return lines, None
    return lines, f"exit code {done.returncode}: {done.stderr[-600:]}"


async def plain_client(world):
    """What a program without a package of ours does: one URL, one header."""
    audience = quote_plus(f"http://{world.host}/{PATH}")
    expiry = int(time.time()) + 600
    mac = hmac.new(world.key.encode(), f"{audience}\n{expiry}".encode(), hashlib.sha256).digest()
    signature = quote_plus(base64.b64encode(mac))
    token = f"SharedAccessSignature sr={audience}&sig={signature}&se={expiry}&skn={world.rule}"
    url = f"wss://{world.host}:{world.port}/$hc/{PATH}?sb-hc-action=connect&sb-hc-id={uuid.uuid4()}"
    context = ssl.create_default_context(cafile=world.ca)
    headers = {"ServiceBusAuthorization": token}
    lines = []
    async with websockets.connect(url, ssl=context, additional_headers=headers, max_size=None, proxy=None) as socket:
        for size, name in SIZES:
            for kind, message in (("text", "t" * size), ("binary", bytes([7]) * size)):
                await socket.send(message)
                if await asyncio.wait_for(socket.recv(), 60) != message:
                    return lines, f"{kind} of {name} did not come back"
                lines.append(f"WebSocket: {kind}, {name}")
        await socket.close(1000)
        if socket.close_code == 1000:
            lines.append("WebSocket: an orderly end")
    return lines, None


def main():
    signal.alarm(WATCHDOG)
    signal.signal(signal.SIGALRM, hangs)
    world = World(json.load(sys.stdin), *sys.argv[1:4])
    report = Report()
    echo = lambda: world.ours("relay_listener_echo")
    probe = lambda mode: world.ours("relay_probe", "--only", mode)
    node = world.official
    pairs = [
        ("azwire <- azwire", echo, lambda: send(probe("websocket"))),
        ("azwire <- hyco-ws", echo, lambda: send(node("ws-sender"))),
        ("azwire <- Python websockets", echo, lambda: asyncio.run(plain_client(world))),
        ("hyco-ws <- azwire", lambda: node("ws-listener"), lambda: send(probe("websocket"))),
        ("hyco-ws <- hyco-ws", lambda: node("ws-listener"), lambda: send(node("ws-sender"))),
        ("azwire <- azwire", lambda: probe("http-listener"), lambda: send(probe("http"))),
        ("azwire <- Node https", lambda: probe("http-listener"), lambda: send(node("https-sender"))),
        ("hyco-https <- azwire", lambda: node("https-listener"), lambda: send(probe("http"))),
        ("hyco-https <- Node https", lambda: node("https-listener"), lambda: send(node("https-sender"))),
        ("relay_listener_echo <- azwire", echo, lambda: send(probe("http-summary"))),
    ]
    for name, listen, run in pairs:
        try:
            with Listener(listen()):
                lines, failure = run()
            for line in lines:
                report.check(name, line, True, True)
            if failure is not None:
                report.check(name, "it came to its end", failure, "")
        except Exception:  # Whatever it is, it is this pair's.
            report.error(name, "it came to its end")
    return report.close()


def hangs(*_):
    raise TimeoutError("the script hangs")


if __name__ == "__main__":
    sys.exit(main())
