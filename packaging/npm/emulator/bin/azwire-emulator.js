#!/usr/bin/env node
"use strict";
// Runs the program of this platform with the same arguments. Signals and the exit code pass through.

const { spawn } = require("node:child_process");
const { constants } = require("node:os");
const { isatty } = require("node:tty");
const { findProgram, whyNotStarted } = require("../lib/platform.js");

const WITH_PARENT = "AZWIRE_EMULATOR_EXIT_WITH_PARENT";
const args = process.argv.slice(2);
const own = args.slice(0, args.includes("--") ? args.indexOf("--") : args.length);
/** Whether a program is run, or something printed: then standard input is not ours. */
const isCommand = own.some((arg) => ["config", "env", "exec", "health", "help"].includes(arg));
const asksForParent = own.some((arg) => arg.startsWith("--exit-with-parent")) || Boolean(process.env[WITH_PARENT]);
const readsInput = own.some((arg) => /\/dev\/(stdin|fd\/)|\/proc\//.test(arg));
/** Whether the emulator is to end with this process, whatever ends it. */
const isTied = !isCommand && !asksForParent && !readsInput;

const found = findProgram();
if ("problem" in found) {
  console.error(`azwire-emulator: ${found.problem}`);
  process.exit(127);
}
const env = isTied ? { ...process.env, [WITH_PARENT]: "true" } : process.env;
const child = spawn(found.path, args, { env, stdio: [isTied ? "pipe" : "inherit", "inherit", "inherit"] });
// The emulator may end before this process does.
child.stdin?.on("error", () => {});

for (const signal of ["SIGBREAK", "SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM"]) {
  if (!(signal in constants.signals)) continue;
  process.on(signal, () => {
    // Ctrl-C goes to the whole foreground of a terminal, on Windows to the whole console.
    const hasIt = signal === "SIGINT" && isCommand && [0, 1, 2].some((fd) => isatty(fd));
    if (!hasIt && process.platform !== "win32") child.kill(signal);
  });
}
child.on("error", (error) => {
  console.error(`azwire-emulator: ${whyNotStarted(found.path, error)}`);
  process.exit(error.code === "ENOENT" ? 127 : 126);
});
child.on("exit", (code, signal) => {
  if (signal === null) process.exit(code);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  // A signal that ends no process, such as one that is ignored.
  setTimeout(() => process.exit(128 + constants.signals[signal]), 100);
});
