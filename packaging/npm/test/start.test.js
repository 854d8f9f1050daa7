"use strict";
// What a user is told when an emulator does not start.

const assert = require("node:assert/strict");
const { execFileSync } = require("node:child_process");
const { test } = require("node:test");
const { chmodSync, cpSync, mkdtempSync, rmSync, writeFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const path = require("node:path");

const { EmulatorError, startEmulator } = require("azwire-emulator");
const { launch, LAUNCHER, run } = require("./support.js");

const own = path.dirname(path.dirname(LAUNCHER));
const { findProgram, PACKAGES, VARIABLE } = require(path.join(own, "lib", "platform.js"));

/** Returns the path of a program that is this script of a shell. `$0.said` is a pipe, which {@link said} reads. */
function program(t, script) {
  const folder = mkdtempSync(path.join(tmpdir(), "azwire-npm-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, "program");
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  execFileSync("mkfifo", [`${file}.said`]);
  return file;
}

/** Returns when a program has closed its pipe. This process does nothing else meanwhile. */
function said(program) {
  execFileSync("cat", [`${program}.said`]);
}

test("what the program said is in the error", async () => {
  const error = await startEmulator({ args: ["--pubsub-prt=1"] }).then(assert.fail, (error) => error);
  assert.ok(error instanceof EmulatorError);
  assert.equal(error.name, "EmulatorError");
  assert.deepEqual([error.code, error.exitCode], ["NOT_STARTED", 2]);
  assert.match(error.message, /did not start \(exit code 2\); it said:\n.*unexpected argument '--pubsub-prt'/s);
  assert.match(error.log, /--pubsub-port/);
});

test("a wrong setting is named", async () => {
  const starts = [
    [{ config: "/nowhere/emulator.toml" }, /cannot read \/nowhere\/emulator\.toml/],
    [{ eventHandlers: ["chat"] }, /--event-handler/],
    [{ hybridConnections: [""] }, /--hybrid-connection/],
    [{ env: { AZWIRE_EMULATOR_PUBSUB_PRT: "1" } }, /unknown variable AZWIRE_EMULATOR_PUBSUB_PRT; did you mean/],
    [{ cwd: "/nowhere" }, /cannot start .*: there is no folder \/nowhere/],
    [{ program: "/nowhere/program" }, /cannot start \/nowhere\/program: .*ENOENT/],
  ];
  for (const [options, message] of starts) {
    await assert.rejects(startEmulator(options), { code: "NOT_STARTED", message });
  }
});

test("a wrong option is named with its rule", async () => {
  const options = [
    [null, "the options are not an object"],
    [{ port: 1 }, /^there is no option port, only args, .*; flags go into args$/],
    [{ args: "--no-relay" }, "the option args is not an array of strings"],
    [{ timeout: Infinity }, "the option timeout is not a number of milliseconds above 0"],
    [{ log: true }, 'the option log is not "inherit" or a function'],
  ];
  for (const [option, message] of options) {
    await assert.rejects(startEmulator(option), { code: "INVALID_ARGUMENT", message });
  }
});

test("an emulator that is not ready in time is ended", async (t) => {
  // It tells its process id, ignores the end of standard input, and never gets ready.
  const script = 'trap "" HUP TERM INT; echo "still loading $$" >&2; : > "$0.said"; exec tail -f /dev/null';
  const never = program(t, script);
  const start = startEmulator({ program: never, timeout: 1 });
  said(never);
  const error = await start.then(assert.fail, (error) => error);
  assert.equal(error.code, "TIMEOUT");
  assert.match(error.message, /^the emulator was not ready within 1 ms; it said:\nstill loading \d+$/);
  const [, pid] = /loading (\d+)/.exec(error.log);
  assert.throws(() => process.kill(Number(pid), 0), { code: "ESRCH" });
});

test("a program that is no emulator is refused and ended", async (t) => {
  const other = program(t, 'echo "hello $$"; echo "$$" >&2; exec tail -f /dev/null');
  const error = await startEmulator({ program: other }).then(assert.fail, (error) => error);
  assert.equal(error.code, "NOT_STARTED");
  assert.match(error.message, /the first line of .*program is not the ready line of an emulator/);
  const silent = program(t, "exit 0");
  await assert.rejects(startEmulator({ program: silent }), { message: "the emulator did not start (exit code 0)" });
  const killed = program(t, "kill -KILL $$");
  await assert.rejects(startEmulator({ program: killed }), { message: /signal SIGKILL/, signal: "SIGKILL" });
});

test("a long log keeps its end", async (t) => {
  const loud = program(t, "seq 1 100000 >&2; exit 3");
  const error = await startEmulator({ program: loud }).then(assert.fail, (error) => error);
  assert.equal(error.exitCode, 3);
  assert.equal(error.log.length, 64 * 1024);
  assert.ok(error.log.endsWith("100000\n"));
});

test("the log goes where it is wanted", async () => {
  const lines = [];
  const emulator = await startEmulator({ log: (line) => lines.push(line), env: { RUST_LOG: "azwire_emulator=debug" } });
  await emulator.reset();
  await emulator.stop();
  assert.ok(lines.some((line) => line.includes("standard input has ended")), lines.join("\n"));
  assert.ok(emulator.log.includes(lines[0]));
});

test("a platform without a program is named, with those that have one", () => {
  const { problem } = findProgram({}, require.resolve, "aix-ppc64");
  assert.match(problem, /^there is no program of azwire-emulator for aix-ppc64, only for linux-arm64, linux-x64, win32-x64; /);
  assert.match(problem, /AZWIRE_EMULATOR_PROGRAM/);
});

test("each platform has its package", () => {
  const missing = () => {
    throw new Error("not found");
  };
  for (const [platform, name] of Object.entries(PACKAGES)) {
    assert.match(findProgram({}, missing, platform).problem, new RegExp(`^the package ${name}, .* is not installed`));
    const { path: found } = findProgram({}, (id) => id, platform);
    assert.equal(found, `${name}/bin/azwire-emulator${platform === "win32-x64" ? ".exe" : ""}`);
  }
  assert.deepEqual(findProgram({ [VARIABLE]: "/other" }, missing, "aix-ppc64"), { path: "/other" });
});

test("a missing package is named by the starter and the launcher", async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "azwire-npm-"));
  t.after(() => rmSync(folder, { recursive: true }));
  cpSync(own, folder, { recursive: true });
  const script = `require(${JSON.stringify(folder)}).startEmulator().catch((error) => console.log(error.code, error.message))`;
  assert.match(await run(script).line(), /^NO_PROGRAM the package @azwire\/emulator-\S+, which has the program for/);
  const launcher = path.join(folder, "bin", "azwire-emulator.js");
  const { code, errors } = await launch(["--version"], { launcher }).end();
  assert.equal(code, 127);
  assert.match(errors, /^azwire-emulator: the package @azwire\/emulator-\S+,.* is not installed.*--omit=optional.*\n$/);
});

test("another program can be named by a variable", async (t) => {
  const other = program(t, "echo other; exit 5");
  const named = launch(["--version"], { env: { ...process.env, [VARIABLE]: other } });
  assert.equal(await named.line(), "other");
  assert.equal((await named.end()).code, 5);
});

test("a process that is busy while the emulator starts does not call it late", async (t) => {
  const real = findProgram().path;
  const slow = program(t, `"${real}" "$@" | { read -r line; echo "$line"; : > "$0.said"; cat; }`);
  const start = startEmulator({ program: slow, timeout: 1 });
  // The ready line is there then, and was not read.
  said(slow);
  await (await start).stop();
});
