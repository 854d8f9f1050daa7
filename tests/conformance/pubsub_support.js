// What the JavaScript checks of Web PubSub share: counting, and a bare client.

const { isDeepStrictEqual } = require("node:util");
const WebSocket = require("ws");

// How long to wait for something that is under way, in milliseconds.
const PATIENCE = 15000;
// A whole script; a hang ends with an error.
const WATCHDOG = 240000;
setTimeout(() => {
  console.error("the script hangs");
  process.exit(1);
}, WATCHDOG).unref();

/** Counts the checks and prints a line for each. */
class Report {
  passed = 0;
  failed = 0;

  check(name, actual, wanted) {
    if (isDeepStrictEqual(actual, wanted)) {
      this.passed += 1;
      console.log(`ok      ${name}`);
    } else {
      this.failed += 1;
      console.log(`FAILED  ${name}\n        expected ${shown(wanted)}\n        received ${shown(actual)}`);
    }
  }

  end() {
    console.log(`${this.passed} passed, ${this.failed} failed`);
    process.exit(this.failed ? 1 : 0);
  }
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

module.exports = { Report, Socket, timed, until };
