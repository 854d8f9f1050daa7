"""Every pair of a listener and a sender over the emulator: ours, the official
Node packages, and a plain WebSocket client in Python.

    relay_matrix.py PROGRAMS NODE_WS NODE_HTTPS < the emulator's ready line

PROGRAMS is the folder of our built examples and of `relay_probe`; NODE_WS and
NODE_HTTPS are `node_modules` folders with hyco-ws (and ws 1.1) and hyco-https.
Prints a line for each pair and ends with 1 if one of them does not work.
"""

import asyncio
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import uuid

import websockets

HERE = os.path.dirname(os.path.abspath(__file__))
PATH = "hc1"
SIZES = [1, 64 * 1024, 5 * 1024 * 1024]


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
    command, text, env = run
    done = subprocess.run(command, env=env, input=text or "", text=True, capture_output=True, timeout=120)
    if done.returncode != 0:
        raise RuntimeError(f"{done.stdout.strip()} {done.stderr.strip()}"[-600:])
    return done.stdout.strip()


async def plain_client(world):
    """What a program without a package of ours does: one URL, one header."""
    import base64, hashlib, hmac, time
    from urllib.parse import quote_plus

    audience = quote_plus(f"http://{world.host}/{PATH}")
    expiry = int(time.time()) + 600
    mac = hmac.new(world.key.encode(), f"{audience}\n{expiry}".encode(), hashlib.sha256).digest()
    signature = quote_plus(base64.b64encode(mac))
    token = f"SharedAccessSignature sr={audience}&sig={signature}&se={expiry}&skn={world.rule}"
    url = f"wss://{world.host}:{world.port}/$hc/{PATH}?sb-hc-action=connect&sb-hc-id={uuid.uuid4()}"
    context = ssl.create_default_context(cafile=world.ca)
    headers = {"ServiceBusAuthorization": token}
    async with websockets.connect(url, ssl=context, additional_headers=headers, max_size=None) as socket:
        for size in SIZES:
            for message in ("t" * size, bytes([7]) * size):
                await socket.send(message)
                assert await socket.recv() == message
    return f"{2 * len(SIZES)} messages echoed"


def main():
    world = World(json.load(sys.stdin), *sys.argv[1:4])
    echo = lambda: world.ours("relay_listener_echo")
    pairs = [
        ("ours", "ours, WebSocket", echo, lambda: send(world.ours("relay_probe", "--only", "websocket"))),
        ("ours", "hyco-ws", echo, lambda: send(world.official("ws-sender"))),
        ("ours", "Python websockets", echo, lambda: asyncio.run(plain_client(world))),
        ("hyco-ws", "ours, WebSocket", lambda: world.official("ws-listener"),
         lambda: send(world.ours("relay_probe", "--only", "websocket"))),
        ("hyco-ws", "hyco-ws", lambda: world.official("ws-listener"), lambda: send(world.official("ws-sender"))),
        ("ours", "ours, HTTP", echo, lambda: send(world.ours("relay_probe", "--only", "http-summary"))),
        ("hyco-https", "ours, HTTP", lambda: world.official("https-listener"),
         lambda: send(world.ours("relay_probe", "--only", "http"))),
    ]
    passed = 0
    for listener, sender, listen, run in pairs:
        try:
            with Listener(listen()):
                outcome = run()
            passed += 1
            print(f"ok      {listener:11} <- {sender:18} {outcome}", flush=True)
        except Exception as error:  # Whatever it is, it is this pair's.
            print(f"FAILED  {listener:11} <- {sender:18} {error}", flush=True)
    print(f"{passed} passed, {len(pairs) - passed} failed")
    return passed != len(pairs)


if __name__ == "__main__":
    sys.exit(main())
