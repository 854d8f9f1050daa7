"use strict";

/** What this package throws; `code` says what happened. */
class EmulatorError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {{ cause?: unknown, exitCode?: number | null, log?: string, signal?: string | null, status?: number }} [details]
   */
  constructor(code, message, { cause, log = "", ...details } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    for (const [name, value] of Object.entries(details)) {
      if (value !== null && value !== undefined) this[name] = value;
    }
    // What is of interest is in the message.
    Object.defineProperty(this, "log", { value: log });
  }
}

Object.defineProperty(EmulatorError.prototype, "name", { value: "EmulatorError" });

exports.EmulatorError = EmulatorError;
