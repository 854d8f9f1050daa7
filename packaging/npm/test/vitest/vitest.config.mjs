import { defineConfig } from "vitest/config";

export default defineConfig({
  // Machines may be slow, which is not what is tested.
  test: { globalSetup: ["azwire-emulator/vitest"], hookTimeout: 30_000, testTimeout: 30_000 },
});
