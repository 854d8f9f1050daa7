"use strict";
// Vitest, with test files in parallel workers.

const assert = require("node:assert/strict");
const { spawn } = require("node:child_process");
const { once } = require("node:events");
const { cpSync, mkdtempSync, readFileSync, rmSync } = require("node:fs");
const path = require("node:path");
const { test } = require("node:test");

const { within } = require("./support.js");

/** How many workers, and test files for them. */
const WORKERS = 4;

/** Runs the files of `vitest/` in a pool of workers, and returns the report. */
async function vitest(t, pool) {
  // Below this folder, so that packages are found.
  const folder = mkdtempSync(path.join(__dirname, "run-"));
  t.after(() => rmSync(folder, { recursive: true }));
  cpSync(path.join(__dirname, "vitest"), folder, { recursive: true });
  for (let number = 0; number < WORKERS; number += 1) {
    cpSync(path.join(folder, "own.mjs"), path.join(folder, `own-${number}.test.mjs`));
  }
  const report = path.join(folder, "report.json");
  const program = path.join(path.dirname(require.resolve("vitest/package.json")), "vitest.mjs");
  const args = ["run", `--pool=${pool}`, `--maxWorkers=${WORKERS}`, "--reporter=json", `--outputFile=${report}`];
  const child = spawn(process.execPath, [program, ...args], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (output += text));
  const [code] = await within("the end of Vitest", once(child, "close"), 60_000);
  assert.equal(code, 0, output);
  // It says so when something keeps it from ending.
  assert.doesNotMatch(output, /close timed out|hanging|did not/i);
  return JSON.parse(readFileSync(report, "utf8"));
}

for (const pool of ["forks", "threads"]) {
  test(`each worker of the pool ${pool} has an emulator, and all share another`, async (t) => {
    const { numPassedTests, testResults } = await vitest(t, pool);
    assert.equal(testResults.length, WORKERS + 1);
    assert.equal(numPassedTests, 2 * WORKERS + 1);
  });
}
