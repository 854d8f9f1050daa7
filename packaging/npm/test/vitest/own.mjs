// An emulator of its own for each test file; copied, so that there are several files.
import { WebPubSubServiceClient } from "@azure/web-pubsub";
import { WebPubSubClient } from "@azure/web-pubsub-client";
import { startEmulator } from "azwire-emulator";
import { afterEach, beforeAll, expect, test, vi } from "vitest";

let emulator;
let service;

// It ends with the worker, so nobody has to stop it.
beforeAll(async () => {
  emulator = await startEmulator();
  service = new WebPubSubServiceClient(emulator.pubsub.connectionString, "chat", { allowInsecureConnection: true });
});

afterEach(() => emulator.reset());

test("nobody else sends here", async () => {
  const { url } = await service.getClientAccessToken({ userId: "ann" });
  const client = new WebPubSubClient(url);
  const received = new Promise((resolve) => client.on("server-message", ({ message }) => resolve(message.data)));
  await client.start();
  await service.sendToUser("ann", "hello", { contentType: "text/plain" });
  expect(await received).toBe("hello");
  client.stop();
  expect(await emulator.journal({ kind: "request", hub: "chat" })).toHaveLength(1);
});

test("timers that are faked do not matter", async () => {
  vi.useFakeTimers();
  vi.stubGlobal("fetch", () => Promise.reject(new Error("not for us")));
  try {
    const other = await startEmulator();
    expect(await other.journal()).toEqual([]);
    await expect(other.relay.waitForListener("hc1", { timeout: 20 })).rejects.toThrow("no listener of hc1");
    await other.stop();
  } finally {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  }
});
