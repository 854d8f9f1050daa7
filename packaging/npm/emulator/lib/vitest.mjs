// A global setup of Vitest: one emulator for the whole run. Its settings are variables, such as AZWIRE_EMULATOR_CONFIG.
import { startEmulator } from "./index.js";

export default async function setup(project) {
  const emulator = await startEmulator();
  project.provide("azwireEmulator", emulator.ready);
  return () => emulator.stop();
}
