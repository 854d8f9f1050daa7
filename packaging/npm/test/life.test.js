"use strict";
// No emulator outlives who has started it, and none keeps anybody alive.

const assert = require("node:assert/strict");
const { execFileSync, spawn } = require("node:child_process");
const { once } = require("node:events");
const { mkdtempSync, rmSync } = require("node:fs");
const { tmpdir } = require("node:os");
const path = require("node:path");
const { test } = require("node:test");
const { Worker } = require("node:worker_threads");

const { startEmulator } = require("azwire-emulator");
const { run, watch, within } = require("./support.js");

/** Starts an emulator, prints where it is, and does what comes next when a line comes in. */
const STARTS = `
  require("azwire-emulator").startEmulator().then(async (emulator) => {
    console.log(emulator.control);
    await new Promise((resolve) => process.stdin.once("data", resolve));
    process.stdin.destroy();
    NEXT
  });
`;
const options = { cwd: __dirname };

/** Has a process start an emulator and then do something; returns how it ended, when the emulator has ended, too. */
async function endOf(next, act = ({ stdin }) => stdin.write("now\n")) {
  const starter = run(STARTS.replace("NEXT", next), [], options);
  const ended = await watch(await starter.line());
  act(starter.child);
  const end = await starter.end();
  await ended();
  return end;
}

test("a process with nothing more to do ends, and the emulator with it", async () => {
  const { code, signal, errors } = await endOf("");
  assert.deepEqual([code, signal, errors], [0, null, ""]);
});

test("a request in flight keeps the process alive", async () => {
  const next = 'emulator.journal({ user: "x" }, { wait: 200 }).then((records) => process.exit(records.length === 0 ? 3 : 4));';
  assert.equal((await endOf(next)).code, 3);
});

test("process.exit without stop ends it", async () => {
  assert.equal((await endOf("process.exit(5);")).code, 5);
});

test("an error that nobody catches ends it", async () => {
  const { code, errors } = await endOf('throw new Error("a bug");');
  assert.equal(code, 1);
  assert.match(errors, /a bug/);
});

test("a killed process does not leave it behind", async () => {
  assert.equal((await endOf("", (child) => child.kill("SIGKILL"))).signal, "SIGKILL");
});

test("a process that is killed while it starts one leaves none behind", async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "azwire-npm-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const log = path.join(folder, "log");
  execFileSync("mkfifo", [log]);
  // It ends when nobody has the other end any more, and that is the emulator.
  const reader = spawn("cat", [log], { stdio: "ignore" });
  const ended = once(reader, "close");
  const script = `
    require("azwire-emulator").startEmulator({ args: ["--log-file", ${JSON.stringify(log)}] });
    setImmediate(() => process.kill(process.pid, "SIGKILL"));
  `;
  const starter = run(script, [], options);
  assert.equal((await starter.end()).signal, "SIGKILL");
  await within("the end of the emulator", ended);
});

test("a worker that is terminated does not leave it behind", async () => {
  const script = `
    const { parentPort } = require("node:worker_threads");
    require(${JSON.stringify(require.resolve("azwire-emulator"))})
      .startEmulator()
      .then(({ control }) => parentPort.postMessage(control));
    parentPort.on("message", () => {});
  `;
  const worker = new Worker(script, { eval: true });
  const [control] = await within("the emulator of the worker", once(worker, "message"));
  const ended = await watch(control);
  await worker.terminate();
  await ended();
});

test("stop waits for the end, and may be called again", async () => {
  const emulator = await startEmulator();
  const ended = await watch(emulator.control);
  await Promise.all([emulator.stop(), emulator.stop()]);
  await ended();
  assert.throws(() => process.kill(emulator.pid, 0), { code: "ESRCH" });
  await emulator.stop();
});

test("an emulator that was killed is named as the reason", async () => {
  const emulator = await startEmulator();
  const waiting = emulator.journal({ user: "x" }, { wait: 60_000 });
  // It is there when its request has arrived.
  await emulator.health();
  process.kill(emulator.pid, "SIGKILL");
  const isGone = { code: "ENDED", message: /^the emulator has ended \(signal SIGKILL\)/, signal: "SIGKILL" };
  await assert.rejects(waiting, isGone);
  await assert.rejects(emulator.reset(), isGone);
});

test("many start at once, each on its own ports", async () => {
  const emulators = await Promise.all(Array.from({ length: 8 }, () => startEmulator()));
  assert.equal(new Set(emulators.map(({ control }) => control)).size, 8);
  await Promise.all(emulators.map((emulator) => emulator.stop()));
});
