"""azbridge's and aztunnel's ends of a hybrid connection, byte by byte, against `azwire relay`.

    forward_wires.py AZWIRE < the ready line of the emulator

AZWIRE is the program. The peers here are written from the description of the two wires alone, over
a WebSocket of their own, so that each message, its kind, its border and its close frame is seen.
Each check is a line; it ends with `N passed, N failed`.
"""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import os
import re
import socket
import ssl
import struct
import sys
import time
import uuid
from urllib.parse import quote_plus, urlsplit

from report import Report

PATH = "hc1"
PATIENCE = 30
WATCHDOG = 180
BRIDGE_SENDER, BRIDGE_LISTENER = "azbridge's sender", "azbridge's listener"
TUNNEL_SENDER, TUNNEL_LISTENER = "aztunnel's sender", "aztunnel's listener"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
REPORT = Report()


class WebSocket:
    """A client's side of a WebSocket whose frames are all visible."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.partial = None

    @classmethod
    async def open(cls, address, headers=()):
        parts = urlsplit(address)
        secure = parts.scheme in ("wss", "https", "sb")
        context = ssl.create_default_context() if secure else None
        reader, writer = await asyncio.open_connection(
            parts.hostname, parts.port, ssl=context, server_hostname=parts.hostname if secure else None
        )
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {parts.path}?{parts.query} HTTP/1.1", f"Host: {parts.netloc}", "Upgrade: websocket",
            "Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", *headers,
        ]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        status = int(head.split(" ", 2)[1])
        if status != 101:
            writer.close()
            raise Refused(status)
        return cls(reader, writer)

    async def send(self, kind, data):
        mask = os.urandom(4)
        length = len(data)
        if length < 126:
            head = struct.pack("!BB", 0x80 | kind, 0x80 | length)
        elif length < 65536:
            head = struct.pack("!BBH", 0x80 | kind, 0x80 | 126, length)
        else:
            head = struct.pack("!BBQ", 0x80 | kind, 0x80 | 127, length)
        self.writer.write(head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(data)))
        await self.writer.drain()

    async def end(self):
        """The end of our direction; the other one goes on."""
        await self.send(CLOSE, struct.pack("!H", 1000))

    async def message(self):
        """The next message as kind and bytes; CLOSE with the code; None at the end of the stream."""
        while True:
            try:
                first, second = await self.reader.readexactly(2)
                length = second & 0x7F
                if length == 126:
                    (length,) = struct.unpack("!H", await self.reader.readexactly(2))
                elif length == 127:
                    (length,) = struct.unpack("!Q", await self.reader.readexactly(8))
                data = await self.reader.readexactly(length)
            except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
                return None
            kind, is_last = first & 0x0F, bool(first & 0x80)
            if kind == PING:
                await self.send(PONG, data)
            elif kind == CLOSE:
                return CLOSE, struct.unpack("!H", data[:2])[0] if data else 1005
            elif kind != PONG:
                kind, data = (self.partial[0], self.partial[1] + data) if kind == 0 else (kind, data)
                if is_last:
                    self.partial = None
                    return kind, data
                self.partial = kind, data

    async def stream(self, length):
        """That many bytes of the binary stream, whatever the borders of its messages are."""
        data = b""
        while len(data) < length:
            message = await self.message()
            if message is None or message[0] != BINARY:
                return data, message
            data += message[1]
        return data

    async def rest(self):
        """All bytes until the end, and the code of the close frame, or None without one."""
        data = b""
        while message := await self.message():
            if message[0] == CLOSE:
                return data, message[1]
            data += message[1]
        return data, None

    def cut(self):
        self.writer.transport.abort()


class Refused(Exception):
    pass


class Relay:
    """The namespace: what a sender and a listener say to it."""

    def __init__(self, ready):
        relay = ready["relay"]
        host, port = re.fullmatch(r"sb://(.+):(\d+)/", relay["endpoint"]).groups()
        self.base = f"wss://{host}:{port}/$hc/{PATH}"
        key = re.search(r"SharedAccessKey=([^;]+)", relay["connectionString"])[1]
        rule = re.search(r"SharedAccessKeyName=([^;]+)", relay["connectionString"])[1]
        resource = quote_plus(f"http://{host}/{PATH}")
        expiry = int(time.time()) + 3600
        digest = hmac.new(key.encode(), f"{resource}\n{expiry}".encode(), hashlib.sha256).digest()
        signature = quote_plus(base64.b64encode(digest))
        self.token = f"SharedAccessSignature sr={resource}&sig={signature}&se={expiry}&skn={rule}"

    def address(self, action):
        return f"{self.base}?sb-hc-action={action}&sb-hc-id={uuid.uuid4()}&sb-hc-token={quote_plus(self.token)}"

    async def sender(self):
        """A sender's WebSocket; waits while nobody listens."""
        for _ in range(PATIENCE * 20):
            try:
                return await WebSocket.open(self.address("connect"))
            except Refused as refused:
                if refused.args != (404,):
                    raise
            await asyncio.sleep(0.05)
        raise TimeoutError("nobody listens")

    async def listener(self):
        return Listener(await WebSocket.open(self.address("listen")))


class Listener:
    def __init__(self, control):
        self.control = control

    async def accept(self):
        while True:
            _, text = await self.control.message()
            command = json.loads(text)
            if "accept" in command:
                return await WebSocket.open(command["accept"]["address"])

    def close(self):
        self.control.cut()


class Program:
    """`azwire relay` with arguments, and the lines of JSON that it prints."""

    def __init__(self, process):
        self.process = process

    @classmethod
    async def start(cls, *arguments, stdin=asyncio.subprocess.DEVNULL, output="json"):
        pipe = asyncio.subprocess.PIPE
        command = [sys.argv[1], *(["-o", output] if output else []), "relay", *arguments]
        return cls(await asyncio.create_subprocess_exec(*command, stdin=stdin, stdout=pipe, stderr=pipe))

    async def line(self, kind):
        """The next line of this type."""
        while text := await self.process.stdout.readline():
            line = json.loads(text)
            if line["type"] == kind:
                return line
        raise RuntimeError((await self.process.stderr.read()).decode())

    async def port(self):
        return int((await self.line("bound"))["address"].rsplit(":", 1)[1])

    async def stop(self):
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
            # Twice: open connections are not waited for.
            self.process.terminate()
        # Its pipes must not fill up.
        await self.process.communicate()


@contextlib.asynccontextmanager
async def program(*arguments, **options):
    running = await Program.start(*arguments, **options)
    try:
        yield running
    finally:
        await running.stop()


class Target:
    """TCP: answers each connection with what it got in upper case, once it has got all."""

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.answer, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.server.close()

    @staticmethod
    async def answer(reader, writer):
        with contextlib.suppress(ConnectionError):
            # `echo\n` is answered at once, everything else after its end.
            text = b""
            while len(text) < 5 and (more := await reader.read(5 - len(text))):
                text += more
            if text == b"echo\n":
                writer.write(b"ECHO\n")
                await writer.drain()
            text = (b"" if text == b"echo\n" else text) + await reader.read()
            writer.write(text.upper())
            await writer.drain()
        writer.close()


class Datagrams(asyncio.DatagramProtocol):
    """UDP: answers each datagram in upper case; an empty one, too."""

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        self.transport.sendto(data.upper(), address)


def closed_port():
    """A port of this machine on which nothing listens; nobody else gets it while it is held."""
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    return held, held.getsockname()[1]


# --- azbridge -------------------------------------------------------------------------------------


def preamble(name, mode=0, version=b"\x01\x00"):
    return version + bytes([mode, len(name.encode())]) + name.encode()


def datagram(data):
    return struct.pack("!H", len(data)) + data


async def as_bridge_sender(relay):
    check = lambda name, actual, wanted: REPORT.check(BRIDGE_SENDER, name, actual, wanted)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Datagrams, ("127.0.0.1", 0))
    udp = transport.get_extra_info("sockname")[1]
    held, dead = closed_port()
    async with Target() as target:
        expression = f"{PATH}:echo/127.0.0.1:{target.port};down/127.0.0.1:{dead};dns/127.0.0.1:{udp}U"
        async with program("forward", "-T", expression):
            # As azbridge writes it: four bytes, then the name.
            sender = await relay.sender()
            await sender.send(BINARY, preamble("echo")[:4])
            await sender.send(BINARY, b"echo")
            check("a stream is accepted with 01 00 00", await sender.stream(3), b"\x01\x00\x00")
            await sender.send(BINARY, b"echo\n")
            check("bytes there and back", await sender.stream(5), b"ECHO\n")
            await sender.send(BINARY, b"last words")
            await sender.end()
            check("the answer to the end of our direction arrives", await sender.rest(), (b"LAST WORDS", 1000))

            sender = await relay.sender()
            for byte in preamble("echo") + b"echo\n":
                await sender.send(BINARY, bytes([byte]))
            check("borders of messages do not count", await sender.stream(8), b"\x01\x00\x00ECHO\n")
            sender.cut()

            sender = await relay.sender()
            await sender.send(BINARY, preamble("echo") + b"all in one")
            await sender.end()
            check("all in one message", (await sender.rest()), (b"\x01\x00\x00ALL IN ONE", 1000))

            async def refusal(first):
                sender = await relay.sender()
                await sender.send(BINARY, first)
                data, _ = await sender.rest()
                return data

            check("an unknown port name is the end of the stream", await refusal(preamble("else")), b"")
            check("the longest name is read whole", await refusal(preamble("x" * 255)), b"")
            check("datagrams for a stream are 00 00 FF", await refusal(preamble("echo", 1)), b"\x00\x00\xff")
            check("a stream for datagrams is 00 00 01", await refusal(preamble("dns")), b"\x00\x00\x01")
            check("another version is 00 00 00", await refusal(preamble("echo", version=b"\x02\x00")), b"\x00\x00\x00")
            check("another mode is 00 00 00", await refusal(preamble("echo", 7)), b"\x00\x00\x00")
            check("a dead target is accepted, and then the end", await refusal(preamble("down")), b"\x01\x00\x00")

            sender = await relay.sender()
            await sender.send(BINARY, preamble("dns", 1))
            check("datagrams are accepted with 01 00 01", await sender.stream(3), b"\x01\x00\x01")
            await sender.send(BINARY, b"\x00\x02hi")
            check("a datagram is one message, its length first", await sender.message(), (BINARY, b"\x00\x02HI"))
            big = bytes(range(97, 123)) * 300
            for piece in (datagram(b"split")[:1], datagram(b"split")[1:4], datagram(b"split")[4:] + datagram(big)):
                await sender.send(BINARY, piece)
            answers = {(await sender.message())[1] for _ in range(2)}
            check("datagrams are a stream of bytes", answers, {datagram(b"SPLIT"), datagram(big.upper())})
            sender.cut()
    held.close()
    transport.close()

    # With one target, a port name that is a number is taken whatever it is.
    async with Target() as target:
        async with program("forward", "-T", f"{PATH}:echo/127.0.0.1:{target.port}"):
            sender = await relay.sender()
            await sender.send(BINARY, preamble("29876"))
            check("a number, where there is one target", await sender.stream(3), b"\x01\x00\x00")
            sender.cut()


async def as_bridge_listener(relay):
    check = lambda name, actual, wanted: REPORT.check(BRIDGE_LISTENER, name, actual, wanted)
    listener = await relay.listener()
    async with program("forward", "-L", f"127.0.0.1:0/29876;127.0.0.1:0U/29876U:{PATH}") as ours:
        tcp, udp = await ours.port(), await ours.port()

        reader, writer = await asyncio.open_connection("127.0.0.1", tcp)
        peer = await listener.accept()
        check("a stream begins with 01 00 00, and its name", await peer.stream(9), bytes.fromhex("010000053239383736"))
        await peer.send(BINARY, b"\x01\x00\x00")
        writer.write(b"hello")
        check("bytes follow", await peer.stream(5), b"hello")
        await peer.send(BINARY, b"first ")
        writer.write_eof()
        check("the end of the client is a close frame", await peer.message(), (CLOSE, 1000))
        await peer.send(BINARY, b"then more")
        await peer.end()
        check("what comes after it arrives", await reader.read(), b"first then more")
        writer.close()

        reader, writer = await asyncio.open_connection("127.0.0.1", tcp)
        peer = await listener.accept()
        await peer.stream(9)
        await peer.send(BINARY, b"\x01")
        await peer.send(BINARY, b"\x00\x00split")
        check("an answer in pieces", await reader.readexactly(5), b"split")
        writer.close()
        peer.cut()

        for name, answer in (("another mode", b"\x01\x00\x01"), ("a refusal", b"\x00\x00\x01"), ("no answer", b"")):
            reader, writer = await asyncio.open_connection("127.0.0.1", tcp)
            peer = await listener.accept()
            await peer.stream(9)
            await peer.send(BINARY, answer)
            await peer.end()
            with contextlib.suppress(ConnectionError):
                data = b""
                data = await reader.read()
            check(f"{name} ends the client's connection", data, b"")
            writer.close()

        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.setblocking(False)
        client.connect(("127.0.0.1", udp))
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(client, b"hi")
        peer = await listener.accept()
        check("datagrams begin with 01 00 01, and their name", await peer.stream(10), bytes.fromhex("01000106323938373655"))
        await peer.send(BINARY, b"\x01\x00\x01")
        check("a datagram is one message, its length first", await peer.message(), (BINARY, b"\x00\x02hi"))
        await peer.send(BINARY, b"\x00")
        await peer.send(BINARY, b"\x03one\x00\x03two")
        answers = [await loop.sock_recv(client, 100) for _ in range(2)]
        check("datagrams are a stream of bytes", answers, [b"one", b"two"])
        await loop.sock_sendall(client, b"")
        check("an empty datagram", await peer.message(), (BINARY, b"\x00\x00"))
        client.close()
        peer.cut()
    listener.close()


# --- aztunnel -------------------------------------------------------------------------------------


def envelope(target, **more):
    return json.dumps({"version": 1, "target": target} | more).encode()


async def as_tunnel_sender(relay):
    check = lambda name, actual, wanted: REPORT.check(TUNNEL_SENDER, name, actual, wanted)
    held, dead = closed_port()
    async with Target() as target:
        allowed = [f"127.0.0.1:{target.port}", f"127.0.0.1:{dead}", "nowhere.invalid:80"]
        rules = [argument for rule in allowed for argument in ("--allow", rule)]
        async with program("serve-targets", *rules, "--hybrid-connection", PATH):

            async def answer(text):
                sender = await relay.sender()
                await sender.send(TEXT, text)
                kind, data = await sender.message()
                return sender, kind, json.loads(data) if kind == TEXT else data

            sender, kind, reply = await answer(envelope(f"127.0.0.1:{target.port}", metadata={"a": "b"}, bridge_id="7"))
            check("the answer is one text message", kind, TEXT)
            check("it says version 1 and ok", (reply.get("version"), reply.get("ok")), (1, True))
            await sender.send(BINARY, b"echo\n")
            check("bytes follow as binary messages", await sender.message(), (BINARY, b"ECHO\n"))
            await sender.send(BINARY, b"last words")
            await sender.end()
            check("the answer to the end of our direction arrives", await sender.rest(), (b"LAST WORDS", 1000))

            for name, text, code in (
                ("a target that refuses", envelope(f"127.0.0.1:{dead}"), "connection_refused"),
                ("a name that does not resolve", envelope("nowhere.invalid:80"), "dns_not_found"),
                ("a target that is not allowed", envelope("127.0.0.1:1"), None),
                ("another version", json.dumps({"version": 2, "target": f"127.0.0.1:{target.port}"}).encode(), None),
                ("no target", json.dumps({"version": 1}).encode(), None),
                ("no JSON", b"{]", None),
            ):
                sender, kind, reply = await answer(text)
                told = kind == TEXT and (reply["version"], reply["ok"], bool(reply["error"]), reply.get("code"))
                check(f"{name} is told before the end", told, (1, False, True, code))
                check(f"{name}: nothing follows", (await sender.rest())[0], b"")
    held.close()


async def as_tunnel_listener(relay):
    check = lambda name, actual, wanted: REPORT.check(TUNNEL_LISTENER, name, actual, wanted)
    pipe = asyncio.subprocess.PIPE
    listener = await relay.listener()

    async with program("connect", "db.internal:5432", "--hybrid-connection", PATH, stdin=pipe, output=None) as ours:
        peer = await listener.accept()
        kind, data = await peer.message()
        request = json.loads(data)
        check("the request is one text message", kind, TEXT)
        check("it has version 1 and the target", (request["version"], request["target"]), (1, "db.internal:5432"))
        check("and nothing that aztunnel does not know", set(request) - {"version", "target", "metadata", "bridge_id"}, set())
        await peer.send(TEXT, json.dumps({"version": 1, "ok": True, "listener_id": "l-1"}).encode())
        ours.process.stdin.write(b"from here")
        check("standard input follows as binary messages", await peer.message(), (BINARY, b"from here"))
        await peer.send(BINARY, b"from there")
        check("and standard output has what comes", await ours.process.stdout.readexactly(10), b"from there")
        ours.process.stdin.close()
        check("the end of standard input is a close frame", await peer.message(), (CLOSE, 1000))
        await peer.send(BINARY, b"more")
        await peer.end()
        check("what comes after it arrives", await ours.process.stdout.read(), b"more")
        check("and the program ends", await ours.process.wait(), 0)

    refusal = {"version": 1, "ok": False, "error": "dial tcp: connection refused", "code": "connection_refused"}
    async with program("connect", "db.internal:5432", "--hybrid-connection", PATH, stdin=pipe, output=None) as ours:
        peer = await listener.accept()
        await peer.message()
        await peer.send(TEXT, json.dumps(refusal).encode())
        await peer.end()
        out, err = await ours.process.communicate()
        lines = [line for line in err.decode().splitlines() if "refused" in line]
        check("a refusal is an exit code and a line", (out, ours.process.returncode > 0, bool(lines)), (b"", True, True))

    async with program("socks5", "--bind", "127.0.0.1:0", "--hybrid-connection", PATH) as ours:
        port = await ours.port()
        for name, answer, reply in (
            ("success", {"version": 1, "ok": True}, 0),
            ("connection_refused", refusal, 5),
            ("host_unreachable", refusal | {"code": "host_unreachable"}, 4),
            ("network_unreachable", refusal | {"code": "network_unreachable"}, 3),
            ("dns_not_found", refusal | {"code": "dns_not_found"}, 4),
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"\x05\x01\x00")
            await reader.readexactly(2)
            writer.write(b"\x05\x01\x00\x03\x0bdb.internal" + struct.pack("!H", 5432))
            peer = await listener.accept()
            _, data = await peer.message()
            await peer.send(TEXT, json.dumps(answer).encode())
            head = await reader.readexactly(10)
            told = json.loads(data)["target"], head[0], head[1]
            check(f"SOCKS5: the reply to {name}", told, ("db.internal:5432", 5, reply))
            writer.close()
            peer.cut()
    listener.close()


async def main():
    ready = json.loads(sys.stdin.read())
    os.environ["RELAY_CONNECTION_STRING"] = ready["relay"]["connectionString"]
    relay = Relay(ready)
    for client, part in (
        (BRIDGE_SENDER, as_bridge_sender),
        (BRIDGE_LISTENER, as_bridge_listener),
        (TUNNEL_SENDER, as_tunnel_sender),
        (TUNNEL_LISTENER, as_tunnel_listener),
    ):
        try:
            await asyncio.wait_for(part(relay), PATIENCE)
        except Exception:
            REPORT.error(client, "it went through to its end")
        else:
            REPORT.check(client, "it went through to its end", True, True)


if __name__ == "__main__":
    asyncio.run(asyncio.wait_for(main(), WATCHDOG))
    sys.exit(REPORT.close())
