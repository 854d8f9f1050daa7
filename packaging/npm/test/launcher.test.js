"use strict";
// The command `azwire-emulator`.

const assert = require("node:assert/strict");
const { spawnSync } = require("node:child_process");
const { readFileSync } = require("node:fs");
const { test } = require("node:test");

const { launch, LAUNCHER, watch } = require("./support.js");

/** Starts an emulator by the launcher; resolves to it and to a function that awaits the end of the emulator. */
async function start(args = [], options = {}) {
  const launcher = launch(["--free-ports", ...args], options);
  const { control } = JSON.parse(await launcher.line());
  return { ...launcher, ended: await watch(control) };
}

test("output and exit codes pass through", async () => {
  const version = launch(["--version"]);
  assert.match(await version.line(), /^azwire-emulator \d+\.\d+\.\d+/);
  assert.equal((await version.end()).code, 0);
  const { code, errors } = await launch(["--no-such-flag"]).end();
  assert.equal(code, 2);
  assert.match(errors, /unexpected argument '--no-such-flag'/);
});

test("a command runs with its exit code and its standard input", async () => {
  const script = 'process.stdin.on("data", (text) => process.exit(text.length + Boolean(process.env.RELAY_CONNECTION_STRING)))';
  const exec = launch(["exec", "--", process.execPath, "-e", script], { stdio: ["pipe", "pipe", "pipe"] });
  exec.child.stdin.write("123456");
  assert.equal((await exec.end()).code, 7);
});

for (const signal of ["SIGINT", "SIGTERM"]) {
  test(`${signal} ends the emulator gracefully`, async () => {
    const { child, end, ended } = await start();
    child.kill(signal);
    assert.equal((await end()).code, 0);
    await ended();
  });
}

test("a signal that ends the program ends the launcher", async () => {
  const { child, end, ended } = await start();
  child.kill("SIGQUIT");
  assert.equal((await end()).signal, "SIGQUIT");
  await ended();
});

test("a killed launcher does not leave the emulator behind", async () => {
  for (const args of [[], ["--exit-with-parent"]]) {
    const { child, ended } = await start(args, { stdio: ["pipe", "pipe", "pipe"] });
    child.kill("SIGKILL");
    await ended();
  }
});

test("the end of standard input ends it only if that is wanted", async () => {
  const { child, end, ended } = await start(["--exit-with-parent"], { stdio: ["pipe", "pipe", "pipe"] });
  child.stdin.end();
  assert.equal((await end()).code, 0);
  await ended();
  // Standard input has ended from the beginning.
  const other = await start();
  other.child.kill("SIGTERM");
  assert.equal((await other.end()).code, 0);
});

test("every command of the program is known", async () => {
  const { stdout } = spawnSync(process.execPath, [LAUNCHER, "--help"], { encoding: "utf8" });
  const [, commands] = /^Commands:\n((?: .*\n)+)/m.exec(stdout);
  const names = [...commands.matchAll(/^ {2}([a-z-]+)/gm)].map(([, name]) => name);
  assert.ok(names.includes("exec"), stdout);
  const source = readFileSync(LAUNCHER, "utf8");
  // `run` is what it does without a command.
  for (const name of names.filter((name) => name !== "run")) assert.ok(source.includes(`"${name}"`), name);
});
