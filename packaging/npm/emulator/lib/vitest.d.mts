import type { ReadyLine } from "./index.js";

/** A global setup of Vitest: starts one emulator for the whole run, and provides its ready line as `azwireEmulator`. */
export default function setup(project: {
  provide(name: "azwireEmulator", ready: ReadyLine): void;
}): Promise<() => Promise<void>>;

declare module "vitest" {
  interface ProvidedContext {
    azwireEmulator: ReadyLine;
  }
}
