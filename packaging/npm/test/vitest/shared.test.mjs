// The emulator of the global setup.
import { connectEmulator } from "azwire-emulator";
import { expect, inject, test } from "vitest";

test("the emulator of the run is there", async () => {
  const emulator = connectEmulator(inject("azwireEmulator"));
  expect(await emulator.health()).toMatchObject({ status: "healthy" });
  expect(emulator.pubsub.connectionString).toMatch(/^Endpoint=/);
});
