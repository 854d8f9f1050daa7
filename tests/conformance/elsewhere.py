"""The official clients on other machines than the emulator's: each in a network
namespace of its own, over TLS, by the advertised name.

    elsewhere.py PROGRAM NODE_WS NODE < the ready line of an emulator that is not used

PROGRAM is azwire-emulator; it is started here, in a namespace, with --host and
--advertise. NODE_WS and NODE are `node_modules` folders with hyco-ws (and ws
1.1), and with @azure/web-pubsub, its client and ws. One namespace reaches the
emulator by IPv4, the other, where the machine has it, by IPv6; no route joins
them. What listens is in the one, what sends in the other. Where namespaces are
not permitted each check is skipped, and says so. Prints a line for each check
and ends with `N passed, N failed`.

    elsewhere.py receive | send | listen | connect < settings

is how it calls itself inside a namespace.
"""

import base64
import contextlib
import faulthandler
import hashlib
import hmac
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
import uuid
from urllib.parse import quote_plus

from report import Report

HERE = os.path.dirname(os.path.abspath(__file__))
NAME = "emulator.example"
WATCHDOG = 240
PATIENCE = 60
CLIENT = "another machine"
CHECKS = [
    "one warning says who can reach the emulator",
    "everything printed has the advertised name",
    "the admin API answers to the advertised name",
    "the admin API answers to no other name",
    "Python receives what Python sends",
    "Python receives what Node sends",
    "Node receives what Python sends",
    "Node receives what Node sends",
    "a Python listener meets a Python sender",
    "a Python listener meets a Node sender",
    "a Node listener meets a Python sender",
    "a Node listener meets a Node sender",
]
MESSAGE = "hello from elsewhere"
PATH = "hc1"


class Machines:
    """Namespaces, named for this process, that know the emulator by its name."""

    def __init__(self):
        prefix = f"azwire{os.getpid()}"
        self.emulator, self.one, self.other = (f"{prefix}-{name}" for name in ("emulator", "one", "other"))
        self.all = [self.emulator, self.one, self.other]

    def __enter__(self):
        try:
            for name in self.all:
                ip("netns", "add", name)
                ip("-n", name, "link", "set", "lo", "up")
            self.hosts = [self.join(self.one, 1, False), self.join(self.other, 2, os.path.exists("/proc/net/if_inet6"))]
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for name in self.all:
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL, check=False)
            shutil.rmtree(f"/etc/netns/{name}", ignore_errors=True)

    def join(self, name, number, is_ipv6):
        """A cable to the emulator; returns the emulator's address at its end."""
        # Names of interfaces have at most 15 characters.
        ours, theirs = f"emu{number}", "eth0"
        ip("-n", self.emulator, "link", "add", ours, "type", "veth", "peer", theirs, "netns", name)
        network = f"fd00:5eed:{number}::" if is_ipv6 else f"10.213.{number}."
        for machine, link, host in [(self.emulator, ours, 1), (name, theirs, 2)]:
            address = f"{network}{host}/64" if is_ipv6 else f"{network}{host}/24"
            # Without `nodad` an IPv6 address cannot be used for a second or two.
            ip("-n", machine, "address", "add", address, "dev", link, *(["nodad"] if is_ipv6 else []))
            ip("-n", machine, "link", "set", link, "up")
        os.makedirs(f"/etc/netns/{name}")
        with open(f"/etc/netns/{name}/hosts", "w") as hosts:
            hosts.write(f"127.0.0.1 localhost\n{network}1 {NAME} rebound.example\n")
        return f"{network}1"


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


def inside(machine, *command):
    return ["ip", "netns", "exec", machine, *command]


def permitted():
    """Whether this process may make namespaces."""
    name = f"azwire{os.getpid()}-try"
    try:
        ip("netns", "add", name)
        ip("netns", "exec", name, "true")
        return True
    except (OSError, subprocess.CalledProcessError):
        return False
    finally:
        with contextlib.suppress(OSError):
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL, check=False)


class Emulator:
    def __init__(self, program, machines, folder):
        self.log = os.path.join(folder, "log")
        hosts = [part for host in machines.hosts for part in ("--host", host)]
        ports = ["--pubsub-port", "0", "--relay-port", "0", "--relay-plain-port", "0"]
        command = [program, *hosts, "--advertise", NAME, *ports, "--certificates", folder]
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                inside(machines.emulator, *command), stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ, "RUST_LOG": "info"}
            )
        line = self.process.stdout.readline()
        if not line:
            with open(self.log) as log:
                sys.exit(f"the emulator did not start: {log.read()}")
        self.ready = json.loads(line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)

    def warnings(self):
        with open(self.log) as log:
            return [line for line in log if "LISTENING BEYOND LOOPBACK" in line]

    def settings(self):
        relay = self.ready["relay"]
        endpoint = re.fullmatch(r"sb://(.+):(\d+)/", relay["endpoint"])
        field = lambda name: re.search(f"{name}=([^;]+)", relay["connectionString"])[1]
        return {
            "connectionString": self.ready["pubsub"]["secureConnectionString"],
            "host": endpoint[1],
            "port": int(endpoint[2]),
            "path": PATH,
            "keyName": field("SharedAccessKeyName"),
            "key": field("SharedAccessKey"),
            "ca": self.ready["caCertificate"],
            "message": MESSAGE,
        }


class Peer:
    """A role in a namespace. Its lines are read one by one."""

    def __init__(self, machine, command, settings, env):
        self.process = subprocess.Popen(
            inside(machine, *command), env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.process.stdin.write(json.dumps(settings))
        self.process.stdin.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait(20)
        self.process.stdout.close()

    def line(self):
        return self.process.stdout.readline().rstrip("\n")


class Elsewhere:
    def __init__(self, report, machines, emulator, node_ws, node):
        self.report = report
        self.machines = machines
        self.emulator = emulator
        self.settings = emulator.settings()
        ca = self.settings["ca"]
        env = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        self.env = {**env, "NODE_EXTRA_CA_CERTS": ca, "SSL_CERT_FILE": ca, "REQUESTS_CA_BUNDLE": ca}
        self.node = {"pubsub": node, "relay": node_ws}

    def check(self, name, actual, wanted):
        self.report.check(CLIENT, name, actual, wanted)

    def peer(self, machine, kind, service, role):
        if kind == "Python":
            return Peer(machine, [sys.executable, os.path.abspath(__file__), role], self.settings, self.env)
        script, role = ("elsewhere_peer.js", role) if service == "pubsub" else ("relay_peer.js", {"listen": "ws-listener", "connect": "ws-sender"}[role])
        return Peer(machine, ["node", os.path.join(HERE, script), role], self.settings, {**self.env, "NODE_PATH": self.node[service]})

    def request(self, url):
        """The status of a request from another machine; curl is not everywhere."""
        code = "import sys, urllib.request, urllib.error\ntry:\n    print(urllib.request.urlopen(sys.argv[1], timeout=20).status)\nexcept urllib.error.HTTPError as error:\n    print(error.code)"
        done = subprocess.run(inside(self.machines.other, sys.executable, "-c", code, url), env=self.env, capture_output=True, text=True, timeout=PATIENCE)
        return done.stdout.strip() or done.stderr[-300:]

    def run(self):
        ready = self.emulator.ready
        self.check("one warning says who can reach the emulator", [all(host in line for host in self.machines.hosts) for line in self.emulator.warnings()], [True])
        places = [ready["control"], *(ready["pubsub"][name] for name in ("endpoint", "secureEndpoint", "connectionString", "secureConnectionString")), *(ready["relay"][name] for name in ("endpoint", "connectionString", "plainConnectionString"))]
        self.check("everything printed has the advertised name", [place for place in places if f"://{NAME}" not in place], [])
        control = ready["pubsub"]["secureEndpoint"] + "/_emulator/state"
        self.check("the admin API answers to the advertised name", self.request(control), "200")
        rebound = ready["control"].replace(NAME, "rebound.example") + "/state"
        self.check("the admin API answers to no other name", self.request(rebound), "421")
        for receiver in ("Python", "Node"):
            for sender in ("Python", "Node"):
                self.meet(f"{receiver} receives what {sender} sends", "pubsub", (receiver, "receive"), (sender, "send"), MESSAGE)
        for listener in ("Python", "Node"):
            for sender in ("Python", "Node"):
                wanted = MESSAGE if sender == "Python" else "ok WebSocket: text, 1 byte"
                self.meet(f"a {listener} listener meets a {sender} sender", "relay", (listener, "listen"), (sender, "connect"), wanted)

    def meet(self, name, service, first, second, wanted):
        """One waits in the first namespace for the other in the second; what arrives is printed by
        who received it."""
        with self.peer(self.machines.one, first[0], service, first[1]) as waiting:
            if waiting.line() != "ready":
                return self.check(name, "the first never got ready", wanted)
            with self.peer(self.machines.other, second[0], service, second[1]) as sending:
                received = waiting if service == "pubsub" else sending
                self.check(name, received.line(), wanted)


def sas(settings):
    audience = quote_plus(f"http://{settings['host']}/{settings['path']}")
    expiry = int(time.time()) + 600
    mac = hmac.new(settings["key"].encode(), f"{audience}\n{expiry}".encode(), hashlib.sha256).digest()
    return f"SharedAccessSignature sr={audience}&sig={quote_plus(base64.b64encode(mac))}&se={expiry}&skn={settings['keyName']}"


def relayed(settings, action):
    from websockets.sync.client import connect

    url = f"wss://{settings['host']}:{settings['port']}/$hc/{settings['path']}?sb-hc-action={action}&sb-hc-id={uuid.uuid4()}"
    headers = {"ServiceBusAuthorization": sas(settings)}
    return connect(url, ssl=ssl.create_default_context(), additional_headers=headers, proxy=None, max_size=None)


def listen(settings):
    """Accepts one sender after the other, and echoes."""
    from websockets.sync.client import connect

    with relayed(settings, "listen") as control:
        print("ready", flush=True)
        while True:
            address = json.loads(control.recv())["accept"]["address"]
            with connect(address, ssl=ssl.create_default_context(), proxy=None, max_size=None) as socket:
                for message in socket:
                    socket.send(message)


def send_by_relay(settings):
    with relayed(settings, "connect") as socket:
        socket.send(settings["message"])
        print(socket.recv(PATIENCE), flush=True)


def service(settings):
    from azure.messaging.webpubsubservice import WebPubSubServiceClient

    return WebPubSubServiceClient.from_connection_string(settings["connectionString"], hub="elsewhere")


def receive(settings):
    from azure.messaging.webpubsubclient import WebPubSubClient, WebPubSubClientCredential
    from azure.messaging.webpubsubclient.models import CallbackType

    access = lambda: service(settings).get_client_access_token(groups=["g"])["url"]
    client = WebPubSubClient(WebPubSubClientCredential(access))
    with client:
        client.subscribe(CallbackType.GROUP_MESSAGE, lambda event: print(event.data, flush=True))
        client.subscribe(CallbackType.SERVER_MESSAGE, lambda event: print(event.data, flush=True))
        print("ready", flush=True)
        time.sleep(PATIENCE)


def send(settings):
    with service(settings) as client:
        client.send_to_group("g", settings["message"], content_type="text/plain")


def main():
    faulthandler.dump_traceback_later(WATCHDOG, exit=True)
    roles = {"receive": receive, "send": send, "listen": listen, "connect": send_by_relay}
    if sys.argv[1] in roles:
        roles[sys.argv[1]](json.load(sys.stdin))
        return 0
    program, node_ws, node = (os.path.abspath(path) for path in sys.argv[1:4])
    report = Report()
    if not permitted():
        for name in CHECKS:
            print(f"skipped {CLIENT}: {name} | network namespaces are not permitted")
        return report.close()
    with tempfile.TemporaryDirectory() as folder, Machines() as machines, Emulator(program, machines, folder) as emulator:
        Elsewhere(report, machines, emulator, node_ws, node).run()
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
