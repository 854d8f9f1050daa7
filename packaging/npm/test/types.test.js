"use strict";
// The declarations, as strictly as the compiler can, for each way that modules are found.

const assert = require("node:assert/strict");
const { spawnSync } = require("node:child_process");
const path = require("node:path");
const { test } = require("node:test");

const azwire = require("azwire-emulator");

const compiler = path.join(path.dirname(require.resolve("typescript/package.json")), "bin", "tsc");
const folder = path.join(__dirname, "types");

/** Checks files with these options. */
function check(files, options) {
  const strict = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess"];
  const args = [...strict, "--target", "es2022", "--lib", "es2022,esnext.disposable", "--types", "node", ...options];
  const { status, stdout, stderr } = spawnSync(process.execPath, [compiler, ...args, ...files], { cwd: folder, encoding: "utf8" });
  assert.equal(status, 0, stdout + stderr);
}

test("declarations fit a module and a script of Node", () => {
  check(["usage.mts", "usage.cts"], ["--module", "node16"]);
});

test("declarations fit a bundler", () => {
  check(["usage.mts"], ["--module", "esnext", "--moduleResolution", "bundler"]);
});

test("what the global setup provides has its type", () => {
  // Declarations of Vite need the DOM, and are not ours to check.
  check(["provided.mts"], ["--module", "node16", "--skipLibCheck", "--lib", "es2022,esnext.disposable,dom"]);
});

test("everything that is declared is there, and nothing else", () => {
  const declared = ["connectEmulator", "Emulator", "EmulatorClient", "EmulatorError", "startEmulator"];
  assert.deepEqual(Object.keys(azwire).sort(), declared.sort());
});
