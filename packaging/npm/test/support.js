"use strict";
// What the tests share. They run in a folder where the packages are installed, see `xtask/src/guides/javascript.rs`.

const { spawn } = require("node:child_process");
const { once } = require("node:events");
const net = require("node:net");
const path = require("node:path");
const { createInterface } = require("node:readline");

const LAUNCHER = path.join(path.dirname(require.resolve("azwire-emulator/package.json")), "bin", "azwire-emulator.js");
/** The longest time that a test waits, in milliseconds. */
const PATIENCE = 20_000;

/** Connects to an emulator, and returns a function that resolves when the emulator has ended. */
async function watch(control) {
  const { port, hostname } = new URL(control);
  const socket = net.connect(Number(port), hostname);
  socket.on("error", () => {});
  await once(socket, "connect");
  // Not `once`, which would reject for a connection that is reset.
  const closed = new Promise((resolve) => socket.resume().on("close", resolve));
  return () => within("the end of the emulator", closed);
}

/** Runs a script of Node, and returns its process with a reader of its lines. */
function run(script, args = [], options = {}) {
  const child = spawn(process.execPath, ["-e", script, ...args], { stdio: ["pipe", "pipe", "pipe"], ...options });
  return follow(child);
}

/** Starts the launcher. */
function launch(args, { launcher = LAUNCHER, ...options } = {}) {
  const child = spawn(process.execPath, [launcher, ...args], { stdio: ["ignore", "pipe", "pipe"], ...options });
  return follow(child);
}

function follow(child) {
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    errors += text;
  });
  const closed = once(child, "close");
  return {
    child,
    /** Resolves to the next line that it prints. */
    async line() {
      const { value } = await within("a line", lines.next());
      if (value === undefined) throw new Error(`it has ended without a line: ${errors}`);
      return value;
    },
    /** Resolves to how it ended. */
    async end() {
      const [code, signal] = await within("its end", closed);
      return { code, signal, errors };
    },
  };
}

/** Rejects if a promise takes too long. */
async function within(what, promise, time = PATIENCE) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not come within ${time} ms`)), time);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

module.exports = { LAUNCHER, launch, run, watch, within };
