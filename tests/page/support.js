// What the tests of the page share: emulators, the browser, and what must hold of every page.
//
// CHROMIUM, EMULATOR: the programs; SCREENSHOTS: a folder; HYCO_WS: the packages of hyco-ws.
"use strict";

const { spawn } = require("node:child_process");
const { readFileSync } = require("node:fs");
const https = require("node:https");
const path = require("node:path");
const { createInterface } = require("node:readline");
const assert = require("node:assert/strict");
const { chromium } = require("playwright-core");

// How long to wait for something that is under way, in milliseconds.
const PATIENCE = 15000;

/** An emulator of a test's own. */
class Emulator {
  /** Starts one on free ports; `flags` are further flags of the program. */
  static async start(flags = []) {
    const own = new Emulator();
    own.flags = flags;
    await own.run(["--free-ports"]);
    return own;
  }

  async run(ports) {
    this.process = spawn(process.env.EMULATOR, [...ports, ...this.flags, "--exit-with-parent"], {
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
    // The packages of Relay have no setting for an authority of one's own.
    https.globalAgent.options.ca = readFileSync(this.ready.caCertificate);
  }

  /** The address of the admin API, `http://127.0.0.1:PORT/_emulator`. */
  get control() {
    return this.ready.control;
  }

  async stop() {
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
    executablePath: process.env.CHROMIUM.includes("/") ? process.env.CHROMIUM : undefined ?? which(process.env.CHROMIUM),
    // Nobody but root is on the machines that run this.
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
  });
  return browser;
}

function which(program) {
  const folders = process.env.PATH.split(path.delimiter);
  const { existsSync } = require("node:fs");
  return folders.map((folder) => path.join(folder, program)).find((file) => existsSync(file));
}

async function closeBrowser() {
  if (browser) await (await browser).close();
}

/** A page of an emulator, with a note of everything that must not happen. */
class View {
  static async open(emulator, { hash = "", scheme = "light", width = 1280, height = 860, origin, bypassCSP = false } = {}) {
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
    await own.page.goto(`${own.origin}/_emulator/${hash}`);
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

  /** Waits for a text somewhere below an element. */
  async sees(selector, text) {
    await this.locator(selector).filter({ hasText: text }).first().waitFor();
  }

  /** Keeps a picture of the whole page. */
  async picture(name) {
    await this.page.screenshot({ path: path.join(process.env.SCREENSHOTS, `${name}.png`), fullPage: true });
  }

  /** Closes it; nothing that must not happen may have happened. */
  async close() {
    await this.context.close();
    assert.deepEqual(this.faults, []);
  }
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

module.exports = { Emulator, View, closeBrowser, theBrowser, timed, until, viewing };
