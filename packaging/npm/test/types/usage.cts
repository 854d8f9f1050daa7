// The same for a CommonJS module.
import azwire = require("azwire-emulator");
import { startEmulator } from "azwire-emulator";

async function main(): Promise<string> {
  const emulator: azwire.Emulator = await startEmulator();
  const [record] = await emulator.journal({ kind: "message" });
  return record?.operation ?? emulator.control;
}

export = main;
