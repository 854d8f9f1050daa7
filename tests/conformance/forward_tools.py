"""ssh, curl and a WebSocket client of others through `azwire relay`, by the emulator over TLS.

    forward_tools.py AZWIRE SSHD < the ready line of the emulator

AZWIRE is the program, SSHD the server of OpenSSH, or `-` where there is none; then each
check that needs it is skipped, and says so. The emulator has the hybrid connections `ssh`,
`web` and `page`, and senders of `page` need no token. sshd runs on a free port with a host key of
its own, and allows the user of this script one key that is made for the occasion. Prints a
line for each check and ends with `N passed, N failed`.
"""

import contextlib
import faulthandler
import getpass
import hashlib
import http.server
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

import websockets.sync.client
import websockets.sync.server

from report import Report

WATCHDOG = 240
PATIENCE = 60
SIZE = 20 << 20
SSH, CURL, PEER = "ssh", "curl", "Python websockets"
SSH_CHECKS = [
    "a command's output, error output and exit code, by ProxyCommand",
    "8 MiB there and back, by ProxyCommand",
    "sftp, by ProxyCommand",
    "a command, by a forwarded port",
    "a command, by SOCKS5",
    "a command, by a local port to one target",
    "a port that is not allowed is refused",
    "the program ends with the connection",
]
REPORT = Report()


class Pattern:
    """Bytes without a period, and their digest."""

    def __init__(self, size):
        seed = hashlib.sha256(b"azwire").digest()
        blocks = (hashlib.sha256(seed + index.to_bytes(8, "big")).digest() for index in range(size // 32))
        self.bytes = b"".join(blocks)
        self.digest = hashlib.sha256(self.bytes).hexdigest()


class Tool:
    """The program `azwire` as a child that goes on, and what it says when it is ready, as JSON."""

    def __init__(self, arguments, environment):
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [sys.argv[1], "-o", "json", "relay", *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log, text=True, env=environment,
        )
        self.ready = {"type": "forwarding"}
        # Of a local port the address comes after it.
        while self.ready["type"] == "forwarding":
            line = self.process.stdout.readline()
            if not line:
                self.log.seek(0)
                raise RuntimeError(f"azwire relay {' '.join(arguments)}: {self.log.read()}")
            self.ready = json.loads(line)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


@contextlib.contextmanager
def tool(environment, *arguments):
    running = Tool(arguments, environment)
    try:
        yield running.ready
    finally:
        running.stop()


def port_of(ready):
    return int(ready["address"].rsplit(":", 1)[1])


def bound(held):
    """A port on which nothing listens; nobody else gets it while the socket is open."""
    held.bind(("127.0.0.1", 0))
    return held.getsockname()[1]


def free_port():
    with socket.socket() as probe:
        return bound(probe)


def waits_for(port):
    """Waits until something listens on a port."""
    for _ in range(PATIENCE * 50):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise TimeoutError(f"nothing listens on {port}")


@contextlib.contextmanager
def sshd(folder):
    """An ssh server for this user alone. Returns its port."""
    for name in ("host", "user"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", os.path.join(folder, name)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    port = free_port()
    if os.getuid() == 0:
        # sshd of root insists on it.
        os.makedirs("/run/sshd", exist_ok=True)
    sftp = next(path for path in ("/usr/lib/openssh/sftp-server", "internal-sftp") if path == "internal-sftp" or os.path.exists(path))
    with open(os.path.join(folder, "sshd_config"), "w") as config:
        config.write(
            f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile none\nUsePAM no\n"
            f"StrictModes no\nAuthorizedKeysFile {folder}/user.pub\nPasswordAuthentication no\n"
            f"KbdInteractiveAuthentication no\nPermitRootLogin yes\nPrintMotd no\nSubsystem sftp {sftp}\n"
        )
    with open(os.path.join(folder, "sshd.log"), "w") as log:
        server = subprocess.Popen([sys.argv[2], "-D", "-e", "-f", config.name], stdout=log, stderr=log)
    try:
        waits_for(port)
        yield port
    finally:
        server.terminate()
        server.wait(PATIENCE)


class Ssh:
    def __init__(self, folder, environment):
        self.environment = environment
        self.options = ["-F", "none", "-i", f"{folder}/user", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"]
        self.options += ["-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={folder}/known"]
        self.options += ["-o", "LogLevel=ERROR", "-o", "ConnectTimeout=30"]

    def run(self, port, *command, proxy=None, program="ssh", data=b"", extra=()):
        options = [*self.options, *extra]
        if proxy:
            options += ["-o", f"ProxyCommand={proxy}"]
        name = "-P" if program == "sftp" else "-p"
        arguments = [program, *options, name, str(port), f"{getpass.getuser()}@127.0.0.1", *command]
        return subprocess.run(arguments, input=data, capture_output=True, env=self.environment, timeout=PATIENCE)


def check_ssh(environment, folder, port):
    ssh = Ssh(folder, environment)
    connect = f"'{sys.argv[1]}' relay --hybrid-connection ssh connect %h:%p"
    allowed = f"127.0.0.1:{port}"
    with tool(environment, "--hybrid-connection", "ssh", "serve-targets", "--allow", allowed):
        done = ssh.run(port, "cat; echo problem >&2; exit 7", proxy=connect, data=b"hello")
        REPORT.check(SSH, SSH_CHECKS[0], (done.stdout, done.stderr, done.returncode), (b"hello", b"problem\n", 7))

        pattern = Pattern(8 << 20)
        done = ssh.run(port, "cat", proxy=connect, data=pattern.bytes)
        REPORT.check(SSH, SSH_CHECKS[1], hashlib.sha256(done.stdout).hexdigest(), pattern.digest)

        with open(f"{folder}/sent", "wb") as file:
            file.write(pattern.bytes)
        batch = f"put {folder}/sent {folder}/far\nget {folder}/far {folder}/back\n".encode()
        done = ssh.run(port, proxy=connect, program="sftp", data=batch, extra=("-b", "-"))
        with contextlib.suppress(OSError), open(f"{folder}/back", "rb") as file:
            done.stdout = hashlib.sha256(file.read()).hexdigest()
        REPORT.check(SSH, SSH_CHECKS[2], done.stdout, pattern.digest)

        with tool(environment, "--hybrid-connection", "ssh", "socks5", "--bind", "127.0.0.1:0") as ready:
            host, local = ready["address"].rsplit(":", 1)
            through = f"{sys.executable} {os.path.abspath(__file__)} socks {host} {local} %h %p"
            done = ssh.run(port, "echo by socks", proxy=through)
            REPORT.check(SSH, SSH_CHECKS[4], done.stdout, b"by socks\n")

        with tool(environment, "--hybrid-connection", "ssh", "connect", allowed, "--bind", "127.0.0.1:0") as ready:
            done = ssh.run(port_of(ready), "echo by a target", extra=("-o", "HostKeyAlias=target"))
            REPORT.check(SSH, SSH_CHECKS[5], done.stdout, b"by a target\n")

        # A port that is free: only the allow list is to refuse it.
        other = free_port()
        done = ssh.run(other, "true", proxy=connect)
        REPORT.check(SSH, SSH_CHECKS[6], (done.returncode, b"not allowed" in done.stderr), (255, True))

        # Its standard input stays open, as a terminal's does; the server ends the connection.
        alone = subprocess.Popen(
            [sys.argv[1], "relay", "--hybrid-connection", "ssh", "connect", allowed],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment,
        )
        banner = alone.stdout.readline()
        alone.stdin.write(b"not ssh\r\n")
        alone.stdin.flush()
        rest = alone.stdout.read()
        alone.stdin.close()
        REPORT.check(SSH, SSH_CHECKS[7], (banner[:4], b"Invalid" in rest, alone.wait(PATIENCE)), (b"SSH-", True, 0))

    with (
        tool(environment, "forward", "-T", f"ssh:shell/127.0.0.1:{port}"),
        tool(environment, "forward", "-L", "127.0.0.1:0/shell:ssh") as ready,
    ):
        done = ssh.run(port_of(ready), "echo by a port", extra=("-o", "HostKeyAlias=forwarded"))
        REPORT.check(SSH, SSH_CHECKS[3], done.stdout, b"by a port\n")


class Site(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    events = threading.Semaphore(0)

    def do_GET(self):
        if self.path.endswith("/events"):
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            for number in range(3):
                self.events.acquire(timeout=PATIENCE)
                self.wfile.write(f"data: {number}\n\n".encode())
                self.wfile.flush()
            return
        told = [f"{self.command} {self.path}", *(f"{name}: {value}" for name, value in self.headers.items())]
        self.answer("\n".join(told).encode())

    do_DELETE = do_OPTIONS = do_HEAD = do_GET

    def do_POST(self):
        digest = hashlib.sha256()
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                digest.update(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
        else:
            digest.update(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        self.answer(digest.hexdigest().encode())

    do_PUT = do_POST

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


class LargeSite(Site):
    def do_GET(self):
        if self.path.endswith("/large"):
            return self.answer(LARGE.bytes)
        return super().do_GET()

    do_DELETE = do_OPTIONS = do_HEAD = do_GET


@contextlib.contextmanager
def site():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), LargeSite)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def curl(ca, *arguments, **options):
    command = ["curl", "--silent", "--show-error", "--cacert", ca, "--max-time", str(PATIENCE), *arguments]
    return subprocess.run(command, capture_output=True, timeout=2 * PATIENCE, **options)


def check_curl(environment, folder, ca, origin):
    with site() as port, tool(environment, "--hybrid-connection", "page", "serve", "--to", f"http://127.0.0.1:{port}/app"):
        for method in ("GET", "DELETE", "OPTIONS"):
            done = curl(ca, "--request", method, f"{origin}/page/a%20b?q=1&q=%2F")
            lines = done.stdout.decode().splitlines()
            told = (lines[:1], "X-Forwarded-Proto: https".lower() in (line.lower() for line in lines))
            REPORT.check(CURL, f"{method} of a site", told, ([f"{method} /app/a%20b?q=1&q=%2F"], True))
        done = curl(ca, "--head", f"{origin}/page/x")
        REPORT.check(CURL, "HEAD of a site", done.stdout.split(b"\r\n")[0].split(b" ")[1:2], [b"200"])
        with open(f"{folder}/large", "wb") as file:
            file.write(LARGE.bytes)
        done = curl(ca, "--upload-file", f"{folder}/large", f"{origin}/page/put")
        REPORT.check(CURL, "20 MiB to a site", done.stdout.decode(), LARGE.digest)
        done = curl(ca, "--header", "Transfer-Encoding: chunked", "--data-binary", f"@{folder}/large", f"{origin}/page/post")
        REPORT.check(CURL, "20 MiB to a site, chunked", done.stdout.decode(), LARGE.digest)
        done = curl(ca, f"{origin}/page/large")
        REPORT.check(CURL, "20 MiB from a site", hashlib.sha256(done.stdout).hexdigest(), LARGE.digest)
        listening = subprocess.Popen(
            ["curl", "--silent", "--no-buffer", "--cacert", ca, f"{origin}/page/events"], stdout=subprocess.PIPE, text=True
        )
        heard = []
        for _ in range(3):
            Site.events.release()
            heard += [listening.stdout.readline(), listening.stdout.readline()]
        listening.wait(PATIENCE)
        REPORT.check(CURL, "events of a site, each when it is sent", "".join(heard), "data: 0\n\ndata: 1\n\ndata: 2\n\n")

    with (
        socket.socket() as held,
        tool(environment, "--hybrid-connection", "page", "serve", "--to", f"http://127.0.0.1:{bound(held)}"),
    ):
        done = curl(ca, "--write-out", "%{http_code}", f"{origin}/page/x")
        told = done.stdout.decode()
        REPORT.check(CURL, "a site that is down is 502 with a tracking id", ("TrackingId:" in told, told[-3:]), (True, "502"))

    with site() as port:
        allowed = f"localhost:{port},127.0.0.1:{port}"
        password = os.path.join(folder, "password")
        with open(password, "w") as file:
            file.write("s3cret\n")
        with tool(environment, "--hybrid-connection", "web", "serve-targets", "--allow", allowed):
            with tool(environment, "--hybrid-connection", "web", "socks5", "--bind", "127.0.0.1:0") as ready:
                proxy = ready["address"]
                # A name that only the far side resolves.
                done = curl(ca, "--socks5-hostname", proxy, f"http://localhost:{port}/x")
                REPORT.check(CURL, "SOCKS5, by name", done.stdout.split(b"\n")[0], b"GET /x")
                done = curl(ca, "--socks5", proxy, f"http://127.0.0.1:{port}/large")
                REPORT.check(CURL, "20 MiB by SOCKS5, by address", hashlib.sha256(done.stdout).hexdigest(), LARGE.digest)
                done = curl(ca, "--socks5-hostname", proxy, "http://example.com/")
                REPORT.check(CURL, "SOCKS5: a target that is not allowed", done.returncode, 97)
            login = ("--user", "ann", "--password-file", password)
            with tool(environment, "--hybrid-connection", "web", "socks5", "--bind", "127.0.0.1:0", *login) as ready:
                proxy = ready["address"]
                url = f"http://localhost:{port}/x"
                done = curl(ca, "--socks5-hostname", f"ann:s3cret@{proxy}", url)
                REPORT.check(CURL, "SOCKS5 with a login", done.stdout.split(b"\n")[0], b"GET /x")
                wrong = [curl(ca, "--socks5-hostname", f"{user}{proxy}", url).returncode for user in ("", "ann:wrong@")]
                REPORT.check(CURL, "SOCKS5 without the login, or with a wrong one", wrong, [97, 97])


def check_websockets(environment, ca, origin):
    def echo(connection):
        for message in connection:
            if message == "close":
                return connection.close(4001, "enough")
            connection.send(message)

    server = websockets.sync.server.serve(echo, "127.0.0.1", 0, subprotocols=["chat.v1"])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.socket.getsockname()[1]
    trust = ssl.create_default_context(cafile=ca)
    with tool(environment, "--hybrid-connection", "page", "serve", "--to", f"http://127.0.0.1:{port}"):
        url = f"wss{origin.removeprefix('https')}/$hc/page/chat"
        with websockets.sync.client.connect(url, ssl=trust, subprotocols=["other", "chat.v1"]) as client:
            REPORT.check(PEER, "the site chooses the subprotocol", client.subprotocol, "chat.v1")
            sent = ["text", b"\x00\x01", "", b"x" * 300_000]
            for message in sent:
                client.send(message)
            REPORT.check(PEER, "text and binary messages come back", [client.recv(PATIENCE) for _ in sent], sent)
            client.send("close")
            try:
                client.recv(PATIENCE)
            except websockets.exceptions.ConnectionClosed as closed:
                ended = (closed.rcvd.code, closed.rcvd.reason)
            REPORT.check(PEER, "the site's close code arrives", ended, (4001, "enough"))
    server.shutdown()


def guarded(client, name, check, *arguments):
    try:
        check(*arguments)
    except Exception:
        REPORT.error(client, name)


def main():
    faulthandler.dump_traceback_later(WATCHDOG, exit=True)
    ready = json.loads(sys.stdin.readline())["relay"]
    ca = ready["caCertificate"]
    string = ready["connectionString"]
    origin = "https://" + string.split("sb://", 1)[1].split(";", 1)[0].rstrip("/")
    environment = {**os.environ, "RELAY_CONNECTION_STRING": string, "SSL_CERT_FILE": ca}
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        environment.pop(name, None)
        os.environ.pop(name, None)
    with tempfile.TemporaryDirectory() as folder:
        if sys.argv[2] == "-" or not shutil.which("ssh"):
            for name in SSH_CHECKS:
                print(f"skipped {SSH}: {name} | OpenSSH is not installed here")
        else:
            with sshd(folder) as port:
                guarded(SSH, "it came to its end", check_ssh, environment, folder, port)
        guarded(CURL, "it came to its end", check_curl, environment, folder, ca, origin)
        guarded(PEER, "it came to its end", check_websockets, environment, ca, origin)
    return REPORT.close()


def socks(host, port, far_host, far_port):
    """A ProxyCommand by SOCKS5, for want of a tool that every machine has."""
    connection = socket.create_connection((host, int(port)))
    name = far_host.encode()
    connection.sendall(b"\x05\x01\x00\x05\x01\x00\x03" + bytes([len(name)]) + name + int(far_port).to_bytes(2, "big"))
    told = connection.recv(12, socket.MSG_WAITALL)
    if told[:4] != b"\x05\x00\x05\x00":
        sys.exit(f"refused: {told!r}")

    def outward():
        while data := sys.stdin.buffer.raw.read(65536):
            connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)

    threading.Thread(target=outward, daemon=True).start()
    while data := connection.recv(65536):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


LARGE = Pattern(SIZE)

if __name__ == "__main__":
    if sys.argv[1] == "socks":
        sys.exit(socks(*sys.argv[2:]))
    sys.exit(main())
