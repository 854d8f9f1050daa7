"use strict";
// Where the program is: in the package for this platform. The launcher loads this and nothing else of the package, so it
// stays small.

/** The packages with the program, by `process.platform` and `process.arch`. */
const PACKAGES = {
  "linux-arm64": "@azwire/emulator-linux-arm64",
  "linux-x64": "@azwire/emulator-linux-x64",
  "win32-x64": "@azwire/emulator-win32-x64",
};
/** The variable that names another program. */
const VARIABLE = "AZWIRE_EMULATOR_PROGRAM";
const NEEDS_GLIBC = "the program needs glibc 2.17 or newer, and this system has musl";

/**
 * Returns the path of the program.
 *
 * @param {NodeJS.ProcessEnv} env
 * @param {(id: string) => string} resolve finds a file of a package
 * @returns {{ path: string } | { problem: string }}
 */
function findProgram(env = process.env, resolve = require.resolve, platform = `${process.platform}-${process.arch}`) {
  if (env[VARIABLE]) return { path: env[VARIABLE] };
  const name = PACKAGES[platform];
  if (name === undefined) {
    const all = Object.keys(PACKAGES).join(", ");
    return {
      problem:
        `there is no program of azwire-emulator for ${platform}, only for ${all}; ` +
        `${VARIABLE} may name one that was built from its sources`,
    };
  }
  try {
    return { path: resolve(`${name}/bin/azwire-emulator${platform.startsWith("win32") ? ".exe" : ""}`) };
  } catch {
    const libc = isMusl() ? `: ${NEEDS_GLIBC}` : "";
    return {
      problem:
        `the package ${name}, which has the program for ${platform}, is not installed${libc}. It is an optional dependency ` +
        "of azwire-emulator: install again without --omit=optional or --no-optional, and on this platform, not with a " +
        `node_modules of another one; or ${VARIABLE} may name a program`,
    };
  }
}

/**
 * Returns why a program did not start.
 *
 * @param {string} path
 * @param {NodeJS.ErrnoException} error
 * @param {string} [cwd] where it was to start
 */
function whyNotStarted(path, error, cwd = ".") {
  const { existsSync } = require("node:fs");
  let why = error.message;
  if (error.code === "ENOENT" && !existsSync(cwd)) why = `there is no folder ${cwd}`;
  // What loads it is missing.
  else if (error.code === "ENOENT" && existsSync(path) && isMusl()) why = NEEDS_GLIBC;
  return `cannot start ${path}: ${why}`;
}

/** Whether this is a Linux with musl in place of glibc. */
function isMusl() {
  if (process.platform !== "linux") return false;
  // Without it the report looks up the name of each peer.
  process.report.excludeNetwork = true;
  return process.report.getReport().header.glibcVersionRuntime === undefined;
}

exports.PACKAGES = PACKAGES;
exports.VARIABLE = VARIABLE;
exports.findProgram = findProgram;
exports.whyNotStarted = whyNotStarted;
