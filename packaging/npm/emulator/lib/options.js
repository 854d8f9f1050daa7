"use strict";
// What `startEmulator` takes.

const { EmulatorError } = require("./error.js");

/** The longest time that a timer of Node takes, in milliseconds. */
const MAX_TIME = 2 ** 31 - 1;

const isText = (value) => typeof value === "string";
const isTexts = (value) => Array.isArray(value) && value.every(isText);
const TEXT = [isText, "a string"];
const TEXTS = [isTexts, "an array of strings"];
const TIME = [(value) => typeof value === "number" && value > 0 && value <= MAX_TIME, "a number of milliseconds above 0"];

/** The options, with what each must be. */
const OPTIONS = {
  args: TEXTS,
  config: TEXT,
  cwd: TEXT,
  env: [(value) => typeof value === "object" && value !== null, "an object with variables"],
  eventHandlers: TEXTS,
  freePorts: [(value) => typeof value === "boolean", "true or false"],
  hybridConnections: TEXTS,
  log: [(value) => value === "inherit" || typeof value === "function", '"inherit" or a function'],
  program: TEXT,
  timeout: TIME,
};

/** Checks that the options are some of those. */
function checkOptions(options) {
  if (typeof options !== "object" || options === null) throw invalid("the options are not an object");
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(OPTIONS, name)) {
      throw invalid(`there is no option ${name}, only ${Object.keys(OPTIONS).join(", ")}; flags go into args`);
    }
    const [fits, wanted] = OPTIONS[name];
    if (value !== undefined && !fits(value)) throw invalid(`the option ${name} is not ${wanted}`);
  }
}

/** Checks a number of milliseconds, and returns it in seconds. */
function seconds(name, milliseconds) {
  if (typeof milliseconds !== "number" || !Number.isFinite(milliseconds) || milliseconds < 0) {
    throw invalid(`${name} is not a number of milliseconds`);
  }
  return milliseconds / 1000;
}

function invalid(message) {
  return new EmulatorError("INVALID_ARGUMENT", message);
}

exports.checkOptions = checkOptions;
exports.invalid = invalid;
exports.seconds = seconds;
