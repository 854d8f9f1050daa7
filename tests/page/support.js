// What the tests of the page share: emulators, the browser, and what must hold of every page.
//
// CHROMIUM, EMULATOR: the programs; SCREENSHOTS: a folder; HYCO_WS: the packages of hyco-ws; CERTIFICATES: a
// folder with the authority that NODE_EXTRA_CA_CERTS names, since the packages of Relay have no setting for one.
// PAGE, if it is set: a folder whose files are shown in place of the program's own, to try them without a build.
"use strict";

const { spawn } = require("node:child_process");
const { existsSync, readFileSync } = require("node:fs");
const path = require("node:path");
const { createInterface } = require("node:readline");
const assert = require("node:assert/strict");
const { chromium } = require("playwright-core");

// How long to wait for something that is under way, in milliseconds.
const PATIENCE = 15000;

/** The tests of a file follow each other, while those of other files run. */
const ALONE = { concurrency: 1 };

/** An emulator of a test's own. */
class Emulator {
  /** What ends the traffic of this emulator. */
  ends = [];

  /** Starts one on free ports; `flags` are further flags of the program. */
  static async start(flags = []) {
    const own = new Emulator();
    own.flags = flags;
    await own.run(["--free-ports"]);
    return own;
  }

  async run(ports) {
    const always = ["--certificates", process.env.CERTIFICATES, "--exit-with-parent"];
    this.process = spawn(process.env.EMULATOR, [...ports, ...this.flags, ...always], {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, RUST_LOG: "azwire_emulator=info" },
    });
    this.log = "";
    this.process.stderr.on("data", (text) => (this.log = (this.log + text).slice(-20000)));
    this.ended = new Promise((resolve) => this.process.on("exit", (code) => resolve(code)));
    const lines = createInterface({ input: this.process.stdout });
    const first = new Promise((resolve) => lines.once("line", resolve));
    const line = await timed(Promise.race([first, this.ended.then(() => null)]), "the ready line");
    if (line === null) throw new Error(`the emulator did not start\n${this.log}`);
    this.ready = JSON.parse(line);
  }

  /** The address of the admin API, `http://127.0.0.1:PORT/_emulator`. */
  get control() {
    return this.ready.control;
  }

  /** Ends what would try for ever to reach it, and then itself. */
  async stop() {
    for (const end of this.ends.splice(0)) await end();
    this.process.kill("SIGTERM");
    assert.equal(await timed(this.ended, "the end of the emulator"), 0, this.log);
  }

  /** Ends it without a goodbye, and starts another on the same ports. */
  async restart(between = async () => {}) {
    const { pubsub, relay, identity } = this.ready;
    const ports = [
      ["--pubsub-port", pubsub.endpoint],
      ["--relay-port", relay.endpoint],
      ["--relay-plain-port", relay.plainConnectionString],
      ["--identity-port", identity.authority],
    ].flatMap(([flag, address]) => [flag, /:(\d+)/.exec(address)[1]]);
    this.process.kill("SIGKILL");
    await this.ended;
    await between();
    await this.run(ports);
  }

  /** A request of the admin API; returns its JSON. */
  async admin(method, what, body) {
    const response = await fetch(`${this.control}/${what}`, { method, body: body && JSON.stringify(body) });
    assert.equal(response.status, 200, `${method} ${what}: ${await response.clone().text()}`);
    return response.json();
  }
}

let browser;

/** The one browser of the run. */
async function theBrowser() {
  browser ??= chromium.launch({
    executablePath: which(process.env.CHROMIUM),
    args: [
      // Chromium has no sandbox for root, and only our own pages are shown.
      "--no-sandbox",
      "--disable-dev-shm-usage",
      "--disable-gpu",
      // A page that is not the program's has no address, and may then not open sockets to one of this machine.
      ...(process.env.PAGE ? ["--disable-features=LocalNetworkAccessChecks"] : []),
    ],
  });
  return browser;
}

function which(program) {
  if (program.includes("/")) return program;
  const folders = process.env.PATH.split(path.delimiter);
  return folders.map((folder) => path.join(folder, program)).find((file) => existsSync(file));
}

async function closeBrowser() {
  if (browser) await (await browser).close();
}

/** A page of an emulator, with a note of everything that must not happen. */
class View {
  static async open(emulator, { path: place = "/_emulator/", hash = "", scheme = "light", width = 1280, height = 860, origin, bypassCSP = false } = {}) {
    const own = new View();
    own.emulator = emulator;
    own.origin = origin ?? new URL(emulator.control).origin;
    own.context = await (await theBrowser()).newContext({
      colorScheme: scheme,
      viewport: { width, height },
      hasTouch: width < 600,
      isMobile: width < 600,
      bypassCSP,
      permissions: ["clipboard-read", "clipboard-write"],
      reducedMotion: "reduce",
    });
    own.context.setDefaultTimeout(PATIENCE);
    own.page = await own.context.newPage();
    own.faults = [];
    // A click of a test may expect one, and takes it off the list.
    own.page.on("dialog", (dialog) => {
      own.faults.push(`dialog: ${dialog.message()}`);
      dialog.dismiss().catch(() => {});
    });
    own.page.on("pageerror", (error) => own.faults.push(`error: ${error.stack}`));
    own.console = [];
    own.page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") own.console.push(message.text());
    });
    own.page.on("request", (request) => {
      const url = new URL(request.url());
      const origin = url.origin.replace(/^ws/, "http");
      if (!["data:", "blob:"].includes(url.protocol) && origin !== own.origin) own.faults.push(`another origin: ${url.origin}`);
    });
    own.pending = 0;
    own.answered = 0;
    own.page.on("request", (request) => (own.pending += request.resourceType() === "fetch" ? 1 : 0));
    for (const end of ["requestfinished", "requestfailed"]) {
      own.page.on(end, (request) => {
        if (request.resourceType() !== "fetch") return;
        own.pending -= 1;
        own.answered += 1;
      });
    }
    own.page.on("websocket", (socket) => {
      const origin = new URL(socket.url()).origin.replace(/^ws/, "http");
      if (origin !== own.origin) own.faults.push(`a socket to another origin: ${origin}`);
    });
    await own.context.exposeFunction("reportViolation", (text) => own.faults.push(text));
    await own.page.addInitScript(() => {
      addEventListener("securitypolicyviolation", (event) => {
        window.reportViolation(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample} ${event.sourceFile}:${event.lineNumber}`);
      });
    });
    if (process.env.PAGE) await own.page.route(/\/_emulator\/(page\/.*)?$/, fromFolder);
    const response = await own.page.goto(`${own.origin}${place}${hash}`);
    own.headers = response.headers();
    return own;
  }

  locator(selector, options) {
    return this.page.locator(selector, options);
  }

  /** Goes to a panel, as a link would. */
  async panel(id, query = "") {
    await this.page.evaluate((hash) => (location.hash = hash), `${id}${query}`);
    await this.locator(`#panel-${id}`).waitFor();
  }

  /** Waits until the panel, if it is `polling`, has been answered, and shows the same for a while. */
  async settled(polling) {
    const { answered } = this;
    let before = null;
    await until(async () => {
      const text = await this.locator("main").innerText();
      const isSame = text === before && this.pending === 0 && (!polling || this.answered > answered);
      before = text;
      return isSame;
    }, "a panel that stays as it is");
  }

  /** Waits for a text that is shown, in an element or in one below it. */
  async sees(selector, text) {
    await this.locator(selector).getByText(text).filter({ visible: true }).first().waitFor();
  }

  /** Waits until the page has read the ready line, and so can make tokens. */
  async knowsKeys() {
    await this.locator("#status[data-state=up]").waitFor();
  }

  /** Has a button act that asks first; `asked` is called before it is to act. */
  async confirm(button, question, asked = () => {}) {
    // It takes its question back after a while, and then the next click asks again.
    const clicked = async () => {
      await button.click();
      return (await button.filter({ hasText: question }).count()) > 0;
    };
    await until(clicked, `“${question}”`);
    await asked();
    await until(async () => !(await clicked()), `an end of “${question}”`);
  }

  /** Clicks the first of `rows` until `text` is in the detail: a row that moves under the pointer is another one. */
  async choose(rows, detail, text) {
    await until(async () => {
      await rows.first().click();
      return (await this.locator(detail).textContent()).includes(text);
    }, `“${text}” in ${detail}`);
  }

  /** Keeps a picture of the whole page. */
  async picture(name) {
    await this.page.evaluate(() => scrollTo(0, 0));
    await this.page.screenshot({ path: path.join(process.env.SCREENSHOTS, `${name}.png`), fullPage: true });
  }

  /** Closes it; nothing that must not happen may have happened. */
  async close() {
    await this.context.close();
    assert.deepEqual(this.faults, []);
  }
}

/** Answers a request for a file of the page from a folder, with the headers of the program's answer. */
async function fromFolder(route) {
  const name = new URL(route.request().url()).pathname.split("/_emulator/")[1].replace(/^$/, "index.html").replace(/^page\//, "");
  const file = path.join(process.env.PAGE, name);
  if (name.includes("/") || !existsSync(file)) return route.continue();
  const body = readFileSync(file);
  const types = { ".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml" };
  const headers = name === "index.html" ? (await route.fetch()).headers() : {};
  delete headers["content-length"];
  return route.fulfill({ body, headers: { ...headers, "content-type": types[path.extname(file)] } });
}

/** Opens a view for a test, and closes it. A picture of what it was like is kept of a failure. */
async function viewing(emulator, options, act) {
  const view = await View.open(emulator, options);
  try {
    await act(view);
  } catch (error) {
    await view.picture(`failed-${Date.now()}`).catch(() => {});
    console.error(view.console.concat(view.faults).join("\n"));
    await view.context.close();
    throw error;
  }
  await view.close();
}

/** Waits until `test` returns something true, and returns that. */
async function until(test, what = "a condition") {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const found = await test();
    if (found) return found;
    if (Date.now() > end) throw new Error(`${what} did not come about`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function timed(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not come`)), PATIENCE);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

module.exports = { ALONE, Emulator, View, closeBrowser, theBrowser, timed, until, viewing };
