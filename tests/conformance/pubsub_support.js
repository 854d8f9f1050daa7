// What the JavaScript checks share: a line for each, which methods of a client
// were looked at, and a bare client of Web PubSub.

const { isDeepStrictEqual } = require("node:util");
const WebSocket = require("ws");

// How long to wait for something that is under way, in milliseconds.
const PATIENCE = 15000;
// A whole script; a hang ends with an error.
const WATCHDOG = 240000;
setTimeout(() => {
  console.error("the script hangs");
  process.exit(2);
}, WATCHDOG).unref();

/** Counts the checks and prints a line for each: `ok      CLIENT: CAPABILITY`, or `FAILED  ..`. */
class Report {
  passed = 0;
  failed = 0;
  called = new Set();
  proved = new Set();

  constructor(client) {
    this.client = client;
  }

  check(name, actual, wanted) {
    if (isDeepStrictEqual(actual, wanted)) {
      this.passed += 1;
      console.log(`ok      ${this.client}: ${name}`);
      for (const method of this.called) this.proved.add(method);
    } else {
      this.failed += 1;
      console.log(`FAILED  ${this.client}: ${name}\n        expected ${shown(wanted)}\n        received ${shown(actual)}`);
    }
    this.called.clear();
  }

  /** The target, with each call of a method of its own noted under its name, with `prefix` in front. */
  watch(target, prefix = "") {
    return new Proxy(target, {
      get: (object, name) => {
        const value = object[name];
        if (typeof value !== "function") return value;
        return (...given) => {
          this.called.add(prefix + String(name));
          return value.apply(object, given);
        };
      },
    });
  }

  /** Checks that no method of the lists was left out; `[prefix, names]` each. */
  complete(...lists) {
    const names = lists.flatMap(([prefix, names]) => names.map((name) => prefix + name));
    this.check("every public method is checked", names.filter((name) => !this.proved.has(name)), []);
  }

  end() {
    console.log(`${this.passed} passed, ${this.failed} failed`);
    process.exit(this.failed ? 1 : 0);
  }
}

/** The names of the methods of a class that are not marked as its own business. */
function methods(prototype) {
  const names = [];
  for (let own = prototype; own && own !== Object.prototype; own = Object.getPrototypeOf(own)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(own))) {
      if (typeof value === "function" && name !== "constructor" && !name.startsWith("_")) names.push(name);
    }
  }
  return names;
}

/** A client without any SDK. */
class Socket {
  frames = [];
  waiting = [];

  static async open(url, subprotocol) {
    const own = new Socket();
    own.socket = new WebSocket(url, subprotocol ? [subprotocol] : []);
    own.socket.on("message", (data, isBinary) => own.push(isBinary ? data : data.toString()));
    own.closed = new Promise((resolve) => own.socket.on("close", (code, reason) => resolve([code, reason.toString()])));
    await new Promise((resolve, reject) => {
      own.socket.on("open", resolve);
      own.socket.on("error", reject);
    });
    return own;
  }

  push(frame) {
    const next = this.waiting.shift();
    if (next) next(frame);
    else this.frames.push(frame);
  }

  send(message) {
    this.socket.send(JSON.stringify(message));
  }

  nextFrame() {
    if (this.frames.length) return Promise.resolve(this.frames.shift());
    return timed(new Promise((resolve) => this.waiting.push(resolve)), "a frame");
  }

  async next() {
    return JSON.parse(await this.nextFrame());
  }
}

/** Waits until `test` holds. */
async function until(test, what = "a condition") {
  const end = Date.now() + PATIENCE;
  while (!(await test())) {
    if (Date.now() > end) throw new Error(`${what} did not come about`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function timed(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not come`)), PATIENCE);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function shown(value) {
  const text = JSON.stringify(value) ?? String(value);
  return text.length < 300 ? text : `${text.slice(0, 300)}... (${text.length} characters)`;
}

/** Runs a script to its end; one that throws has failed. */
function run(main) {
  main().catch((error) => {
    console.error(error);
    process.exit(2);
  });
}

module.exports = { Report, Socket, methods, run, shown, timed, until };
