"use strict";
// The process of an emulator, from its start to its end.

const { spawn } = require("node:child_process");
const { once } = require("node:events");
const { StringDecoder } = require("node:string_decoder");
// Those of now: tests may replace them while an emulator runs.
const { clearTimeout, setImmediate, setTimeout } = require("node:timers");

const { EmulatorError } = require("./error.js");
const { findProgram, whyNotStarted } = require("./platform.js");

/** How much of the log is kept, in characters. */
const MAX_LOG = 64 * 1024;
/** A ready line is a few thousand characters long. */
const MAX_READY_LINE = 1024 * 1024;
/** How long the emulator has to end by itself, in milliseconds; it takes a few. */
const GRACE = 5_000;
const DEFAULT_TIMEOUT = 10_000;

/** A running emulator. It ends with this process, and does not keep it alive. */
class EmulatorProcess {
  #child;
  #log;
  #cwd;
  #ended;
  #why;

  /** @param {import("./index.js").StartOptions} options */
  constructor(options) {
    const { command, args, env } = commandOf(options);
    try {
      this.#child = spawn(command, args, {
        cwd: options.cwd,
        env,
        // The emulator ends when its standard input does: with this process, or with this worker.
        stdio: ["pipe", "pipe", "pipe"],
        windowsHide: true,
      });
    } catch (error) {
      // Such as a working directory that is no text.
      throw new EmulatorError("NOT_STARTED", whyNotStarted(command, error), { cause: error });
    }
    this.command = command;
    this.#cwd = options.cwd;
    const child = this.#child;
    child.on("error", (error) => {
      this.#why = error;
    });
    if (!child.stderr) throw new EmulatorError("NOT_STARTED", `cannot start ${command}: too many files are open`);
    child.stdin.on("error", () => {});
    this.#log = new Log(child.stderr, options.log);
    this.#ended = new Promise((resolve) => {
      // `close` comes after all output; but a process that has inherited the pipes would hold it back.
      child.once("exit", (exitCode, signal) => {
        const { timer, done } = soon(1_000);
        Promise.race([once(child, "close").catch(() => {}), done]).then(() => {
          clearTimeout(timer);
          resolve({ exitCode, signal });
        });
      });
      // That of a failed kill is not an end.
      child.on("error", () => child.pid ?? resolve({ exitCode: null, signal: null }));
    });
  }

  get pid() {
    return this.#child.pid;
  }

  get log() {
    return this.#log.text;
  }

  get hasEnded() {
    return this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined;
  }

  /**
   * Waits for the ready line. If none comes, the process has ended when this rejects.
   *
   * @param {number} timeout in milliseconds
   */
  async ready(timeout = DEFAULT_TIMEOUT) {
    const { timer, done } = soon(timeout);
    const tooLate = done.then(async () => {
      // A process that was busy for so long has not read yet what is there.
      await new Promise(setImmediate);
      const text = `the emulator was not ready within ${timeout} ms`;
      throw new EmulatorError("TIMEOUT", text + this.#said(), { log: this.log });
    });
    const ended = this.#ended.then((end) => {
      throw this.#notStarted(end);
    });
    try {
      const line = await Promise.race([firstLine(this.#child.stdout), ended, tooLate]);
      const ready = this.#parse(line ?? (await Promise.race([ended, tooLate])));
      this.#release();
      return ready;
    } catch (error) {
      await this.#end("SIGKILL");
      throw error;
    } finally {
      clearTimeout(timer);
      // The losers of the race.
      ended.catch(() => {});
      tooLate.catch(() => {});
    }
  }

  /** Ends the emulator; resolves when it has ended. */
  async stop() {
    if (this.hasEnded) return;
    this.#child.ref();
    // As when this process ends: gracefully, and the same on Windows.
    this.#child.stdin.end();
    const { timer, done } = soon(GRACE);
    const isLate = await Promise.race([this.#ended.then(() => false), done.then(() => true)]);
    clearTimeout(timer);
    if (isLate) await this.#end("SIGKILL");
  }

  /**
   * Returns why a request could not be made, if that is because the emulator has ended.
   *
   * @param {unknown} cause
   */
  async ending(cause) {
    // The connection is lost a moment before the end is known.
    const { timer, done } = soon(500);
    const end = await Promise.race([this.#ended, done]);
    clearTimeout(timer);
    if (end === undefined) return undefined;
    const text = `the emulator has ended (${how(end.exitCode, end.signal)})`;
    return new EmulatorError("ENDED", text + this.#said(), { ...end, cause, log: this.log });
  }

  async #end(signal) {
    if (!this.hasEnded) {
      this.#child.ref();
      this.#child.kill(signal);
    }
    await this.#ended;
    for (const stream of this.#child.stdio) stream?.destroy();
  }

  /** From now on neither the process nor its pipes keep this process alive. */
  #release() {
    const { stdin, stdout, stderr } = this.#child;
    // Nothing more comes, and nobody waits for it.
    stdout.resume();
    for (const handle of [this.#child, stdin, stdout, stderr]) handle.unref();
  }

  #parse(line) {
    let ready;
    try {
      ready = JSON.parse(line);
    } catch {}
    if (typeof ready?.control !== "string") {
      const text = `the first line of ${this.command} is not the ready line of an emulator`;
      throw new EmulatorError("NOT_STARTED", text + this.#said(), { log: this.log });
    }
    return ready;
  }

  #notStarted({ exitCode, signal }) {
    const text = this.#why
      ? whyNotStarted(this.command, this.#why, this.#cwd)
      : `the emulator did not start (${how(exitCode, signal)})`;
    const details = { cause: this.#why, exitCode, signal, log: this.log };
    return new EmulatorError("NOT_STARTED", text + this.#said(), details);
  }

  #said() {
    const text = this.log.trim();
    return text === "" ? "" : `; it said:\n${text}`;
  }
}

/** The end of what was written to standard error. */
class Log {
  text = "";
  #tell;
  #rest = "";

  constructor(stream, log) {
    this.#tell = log === "inherit" ? (line) => process.stderr.write(`${line}\n`) : log;
    const decoder = new StringDecoder("utf8");
    stream.on("data", (chunk) => this.#add(decoder.write(chunk)));
    stream.on("end", () => {
      this.#add(decoder.end());
      if (this.#rest !== "") this.#tell?.(this.#rest);
    });
    stream.on("error", () => {});
  }

  #add(text) {
    this.text = (this.text + text).slice(-MAX_LOG);
    if (this.#tell === undefined) return;
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop().slice(-MAX_LOG);
    for (const line of lines) this.#tell(line);
  }
}

/** Resolves to the first line, or to nothing if the stream ends before one. */
function firstLine(stream) {
  return new Promise((resolve) => {
    const decoder = new StringDecoder("utf8");
    let text = "";
    const add = (chunk) => {
      text += decoder.write(chunk);
      const end = text.indexOf("\n");
      if (end < 0 && text.length <= MAX_READY_LINE) return;
      stream.off("data", add);
      resolve(text.slice(0, end));
    };
    stream.on("data", add);
    stream.once("end", () => resolve(undefined));
    stream.on("error", () => resolve(undefined));
  });
}

function commandOf(options) {
  let command = options.program;
  if (command === undefined) {
    const found = findProgram();
    if ("problem" in found) throw new EmulatorError("NO_PROGRAM", found.problem);
    command = found.path;
  }
  const args = ["--exit-with-parent"];
  if (options.freePorts !== false) args.push("--free-ports");
  if (options.config !== undefined) args.push(`--config=${options.config}`);
  for (const handler of options.eventHandlers ?? []) args.push(`--event-handler=${handler}`);
  for (const path of options.hybridConnections ?? []) args.push(`--hybrid-connection=${path}`);
  args.push(...(options.args ?? []));
  // A log that nobody sees need not be written; RUST_LOG may be meant for another program.
  const level = options.log === undefined ? { RUST_LOG: "warn" } : {};
  return { command, args, env: { ...process.env, ...level, ...options.env } };
}

/** A promise that resolves after a time, and its timer. */
function soon(milliseconds) {
  let timer;
  const done = new Promise((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  return { timer, done };
}

function how(exitCode, signal) {
  if (signal) return `signal ${signal}`;
  return exitCode === null ? "it never ran" : `exit code ${exitCode}`;
}

exports.EmulatorProcess = EmulatorProcess;
