"use strict";

const { Emulator, EmulatorClient } = require("./emulator.js");
const { EmulatorError } = require("./error.js");
const { checkOptions, invalid } = require("./options.js");
const { EmulatorProcess } = require("./process.js");

async function startEmulator(options = {}) {
  checkOptions(options);
  const process = new EmulatorProcess(options);
  return new Emulator(await process.ready(options.timeout), process);
}

function connectEmulator(ready = process.env.AZWIRE_EMULATOR_READY) {
  let line = ready;
  if (typeof line === "string" && line !== "") {
    try {
      line = JSON.parse(line);
    } catch {}
  }
  if (typeof line?.control !== "string") {
    throw invalid(
      ready
        ? "that is not the ready line of an emulator"
        : "AZWIRE_EMULATOR_READY is not set: run the tests with azwire-emulator exec, or give a ready line",
    );
  }
  return new EmulatorClient(line);
}

exports.connectEmulator = connectEmulator;
exports.Emulator = Emulator;
exports.EmulatorClient = EmulatorClient;
exports.EmulatorError = EmulatorError;
exports.startEmulator = startEmulator;
