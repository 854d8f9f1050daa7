// What a test of Vitest gets from the global setup.
/// <reference types="azwire-emulator/vitest" />
import { connectEmulator, type ReadyLine } from "azwire-emulator";
import { inject } from "vitest";

const ready: ReadyLine = inject("azwireEmulator");
export const emulator = connectEmulator(ready);
