"""What a web page can do to an emulator on the machine of who looks at it: Chromium
shows a page of another origin, which tries to read the emulator's state and to move
its clock in every way that a page has.

    azwire-emulator | { read -r ready; echo "$ready" | python tests/conformance/browser.py; }

The page also does what pages may: it connects to Web PubSub. So what it is refused is
refused by the emulator. Its server then forwards to the emulator, as a name does
that is rebound (DNS rebinding): to the browser it is still the page's own origin. Needs
chromium (CHROMIUM names another) and azure-messaging-webpubsubservice. Without a
browser each check is skipped, and says so. Prints a line for each check and ends
with `N passed, N failed`.
"""

import contextlib
import faulthandler
import http.client
import http.server
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.request

from azure.messaging.webpubsubservice import WebPubSubServiceClient

from report import Report

CLIENT = "Chromium"
WATCHDOG = 200
PATIENCE = 90
NAME = "evil.example"
CHECKS = [
    "a page of another origin reaches the services",
    "it reads nothing by fetch",
    "it reads nothing by WebSocket, event stream, image, script or frame",
    "it changes nothing by fetch, beacon or form",
    "a name that is rebound to the emulator gets 421",
    "a rebound name changes nothing",
]

PAGE = """<!doctype html><title>evil</title><body><script>
const { targets, client } = SETTINGS;
const found = { reached: [], fetched: [], embedded: [], rebound: [] };
const late = (ms) => new Promise((resolve) => setTimeout(() => resolve("nothing"), ms));
async function attempt(list, name, act) {
  let outcome;
  try { outcome = await Promise.race([act(), late(20000)]); } catch { outcome = "refused"; }
  found[list].push([name, outcome]);
}
const socket = (url, ...protocols) => new Promise((resolve) => {
  const opened = new WebSocket(url, ...protocols);
  opened.onopen = () => resolve("opened");
  opened.onerror = () => resolve("refused");
});
const element = (tag, attribute, url) => new Promise((resolve) => {
  const made = document.createElement(tag);
  made.onload = () => resolve("loaded");
  made.onerror = () => resolve("refused");
  made[attribute] = url;
  document.body.append(made);
});
const frame = (url) => new Promise((resolve) => {
  const made = document.createElement("iframe");
  made.onload = () => {
    try { resolve(made.contentDocument ? made.contentDocument.body.textContent : "refused"); } catch { resolve("refused"); }
  };
  made.src = url;
  document.body.append(made);
});
const stream = (url) => new Promise((resolve) => {
  const source = new EventSource(url);
  source.onopen = () => resolve("opened");
  source.onerror = () => { source.close(); resolve("refused"); };
});
const form = (url, name, value) => new Promise((resolve) => {
  const target = document.createElement("iframe");
  target.name = `target${Math.random()}`;
  const made = document.createElement("form");
  Object.assign(made, { method: "post", enctype: "text/plain", action: url, target: target.name });
  const input = document.createElement("input");
  Object.assign(input, { type: "hidden", name, value });
  made.append(input);
  document.body.append(target, made);
  target.onload = () => resolve("sent");
  made.submit();
});
const advance = JSON.stringify({ advance: 1000, hold: true });
async function all() {
  await attempt("reached", "WebSocket", () => socket(client, ["json.webpubsub.azure.v1"]));
  for (const target of targets) {
    const [state, clock, faults] = ["state", "clock", "faults"].map((path) => `${target}/_emulator/${path}`);
    await attempt("reached", `${target}/api/health`, async () => (await fetch(`${target}/api/health`, { mode: "no-cors" })).type);
    await attempt("fetched", state, async () => (await fetch(state)).text());
    await attempt("fetched", `${state} with credentials`, async () => (await fetch(state, { credentials: "include" })).text());
    await attempt("fetched", `${state} opaque`, async () => (await (await fetch(state, { mode: "no-cors" })).text()) || "refused");
    await attempt("fetched", `POST ${clock}`, async () => (await fetch(clock, { method: "POST", body: advance })).text());
    await attempt("fetched", `POST ${clock} with a preflight`, async () =>
      (await fetch(clock, { method: "POST", body: advance, headers: { "content-type": "application/json" } })).text());
    await attempt("fetched", `DELETE ${faults}`, async () => (await fetch(faults, { method: "DELETE" })).text());
    await attempt("embedded", `WebSocket ${state}`, () => socket(state.replace(/^http/, "ws")));
    await attempt("embedded", `EventSource ${state}`, () => stream(state));
    await attempt("embedded", `img ${state}`, () => element("img", "src", state));
    await attempt("embedded", `script ${state}`, () => element("script", "src", state));
    await attempt("embedded", `iframe ${state}`, () => frame(state));
    // What these do is looked up from outside.
    await fetch(clock, { method: "POST", mode: "no-cors", body: advance }).catch(() => {});
    navigator.sendBeacon(clock, advance);
    await form(clock, advance, "");
    await form(faults, '{"rules": [{"at": "delivery", "fault": "drop", "times": "forever", "user": "', '"}]}');
  }
  for (const [method, path, body] of [["GET", "state"], ["GET", "ca.pem"], ["POST", "clock", advance], ["DELETE", "faults"]]) {
    await attempt("rebound", `${method} ${path}`, async () => (await fetch(`/_emulator/${path}`, { method, body })).status);
  }
  await fetch("/done", { method: "POST", body: JSON.stringify(found) });
}
all();
</script>"""


class Evil:
    """The server of the page, which afterwards is the emulator itself."""

    def __init__(self, settings, emulator):
        self.found = queue.Queue()
        page = PAGE.replace("SETTINGS", json.dumps(settings)).encode()
        found = self.found

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, answer = 200, b""
                if self.path.startswith("/_emulator/"):
                    connection = http.client.HTTPConnection(emulator, timeout=20)
                    # Everything as the browser wrote it, its Host above all.
                    connection.request(self.command, self.path, body or None, dict(self.headers))
                    response = connection.getresponse()
                    status, answer = response.status, response.read()
                    connection.close()
                elif self.path == "/done":
                    found.put(json.loads(body))
                elif self.path == "/":
                    answer = page
                else:
                    status = 404
                self.send_response(status)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = do_DELETE = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"http://{NAME}:{self.server.server_port}/"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@contextlib.contextmanager
def browser(program, address):
    """Chromium, which shows a page."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync --disable-dev-shm-usage --no-proxy-server --ignore-certificate-errors".split()
        # Its debugging port keeps it running.
        flags += [f"--user-data-dir={folder}", f"--host-resolver-rules=MAP {NAME} 127.0.0.1", "--remote-debugging-port=0"]
        process = subprocess.Popen([program, *flags, address], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def admin(ready, path):
    with urllib.request.urlopen(f"{ready['control']}/{path}", timeout=20) as answer:
        return json.load(answer)


def run(report, ready, program):
    check = lambda name, actual, wanted: report.check(CLIENT, name, actual, wanted)
    pubsub, relay = ready["pubsub"], ready["relay"]
    port = lambda text: re.search(r":(\d+)/", text)[1]
    secure, plain = port(relay["endpoint"]), port(relay["plainConnectionString"])
    targets = [pubsub["endpoint"], pubsub["secureEndpoint"], f"http://localhost:{plain}", f"https://localhost:{secure}"]
    with WebPubSubServiceClient.from_connection_string(pubsub["connectionString"], hub="page") as service:
        client = service.get_client_access_token()["url"]
    evil = Evil({"targets": targets, "client": client}, pubsub["endpoint"].removeprefix("http://"))
    unchanged = lambda: (admin(ready, "clock")["offset"], admin(ready, "clock")["isHeld"], admin(ready, "faults").get("rules"))
    try:
        with browser(program, evil.address):
            found = evil.found.get(timeout=PATIENCE)
    finally:
        evil.close()
    reached = [("WebSocket", "opened"), *((f"{target}/api/health", "opaque") for target in targets)]
    check(CHECKS[0], [tuple(one) for one in found["reached"]], reached)
    check(CHECKS[1], (len(found["fetched"]), [one for one in found["fetched"] if one[1] != "refused"]), (6 * len(targets), []))
    check(CHECKS[2], (len(found["embedded"]), [one for one in found["embedded"] if one[1] != "refused"]), (5 * len(targets), []))
    check(CHECKS[3], unchanged(), (0.0, False, []))
    check(CHECKS[4], [one[1] for one in found["rebound"]], [421] * 4)
    check(CHECKS[5], unchanged(), (0.0, False, []))


def main():
    faulthandler.dump_traceback_later(WATCHDOG, exit=True)
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    ready = json.load(sys.stdin)
    report = Report()
    program = shutil.which(os.environ.get("CHROMIUM") or "chromium")
    if program is None:
        for name in CHECKS:
            print(f"skipped {CLIENT}: {name} | there is no Chromium here")
        return report.close()
    try:
        run(report, ready, program)
    except Exception:
        report.error(CLIENT, "it went through")
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
