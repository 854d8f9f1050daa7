// What a newcomer sees first: where everything is, and whether anything happens.
"use strict";

const assert = require("node:assert/strict");
const { after, before, describe, test } = require("node:test");
const { ALONE, Emulator, until, viewing } = require("./support.js");
const { client, echoListener, sender, service } = require("./traffic.js");

describe("the overview", ALONE, () => {
  let emulator;
  before(async () => (emulator = await Emulator.start()));
  after(() => emulator.stop());

  test("connection strings and addresses are copied whole, and shown without their keys", async () => {
    await viewing(emulator, {}, async (view) => {
      const { pubsub, relay, identity } = emulator.ready;
      const clipboard = () => view.page.evaluate(() => navigator.clipboard.readText());
      const copied = async (place, name) => {
        const button = view.locator(place).getByRole("button", { name, exact: true });
        // It says so for a moment.
        await until(async () => {
          await button.click();
          return (await button.textContent()) === "Copied";
        }, `a copy of ${name}`);
        return clipboard();
      };
      await view.locator("#connection-strings .copy-row").first().waitFor();
      for (const [name, wanted] of [
        ["Web PubSub", pubsub.connectionString],
        ["Web PubSub, TLS", pubsub.secureConnectionString],
        ["Relay, TLS", relay.connectionString],
        ["Relay, plain text", relay.plainConnectionString],
      ]) {
        assert.equal(await copied("#connection-strings", `Copy ${name}`), wanted);
      }
      assert.equal(await copied("#addresses", "Copy Identity"), identity.authority);
      const [, key] = /AccessKey=([^;]+)/.exec(pubsub.connectionString);
      const strings = view.locator("#connection-strings");
      assert.equal((await strings.innerText()).includes(key), false);
      const row = strings.locator(".copy-row").first();
      await row.getByRole("button", { name: /show/i }).click();
      await row.getByText(key).waitFor();
    });
  });

  test("the lines of the environment are those of exec, for each shell", async () => {
    await viewing(emulator, {}, async (view) => {
      const place = view.locator("#environment");
      await place.waitFor();
      const { connectionString } = emulator.ready.pubsub;
      for (const [shell, line] of [
        ["Shell", `export WEBPUBSUB_CONNECTION_STRING='${connectionString}'`],
        ["PowerShell", `$env:WEBPUBSUB_CONNECTION_STRING = '${connectionString}'`],
        [".env file", `WEBPUBSUB_CONNECTION_STRING="${connectionString}"`],
      ]) {
        await place.getByRole("button", { name: shell, exact: true }).click();
        const copy = place.getByRole("button", { name: /^Copy/ });
        await copy.click();
        const lines = async () => (await view.page.evaluate(() => navigator.clipboard.readText())).split("\n");
        await until(async () => (await lines()).includes(line), line);
      }
    });
  });

  test("the health is that of the emulator", async () => {
    await viewing(emulator, {}, async (view) => {
      const { version } = await emulator.admin("GET", "health");
      await view.sees("#health", "Healthy");
      await view.sees("#health", version);
      await view.sees("#status", `Healthy · ${version}`);
    });
  });

  test("charts begin with what happens now, not with what was there", async () => {
    const listener = await echoListener(emulator, "hc1");
    const socket = await sender(emulator, "hc1");
    const echoed = new Promise((resolve) => socket.on("message", resolve));
    socket.send(Buffer.alloc(50000));
    await echoed;
    const hub = service(emulator, "history");
    await Promise.all(Array.from({ length: 300 }, (_, index) => hub.sendToAll(`old ${index}`, { contentType: "text/plain" })));
    // Not of the last second any more, on the clock of both.
    await emulator.admin("POST", "clock", { advance: 60 });
    await viewing(emulator, {}, async (view) => {
      const charts = view.locator("#overview-charts svg[role=img]");
      await until(async () => (await charts.first().locator("polyline").first().getAttribute("points")).split(" ").length >= 4, "four measurements");
      assert.match(await charts.nth(0).getAttribute("aria-label"), /callers now 0\/s, at most 0\/s/);
      assert.match(await charts.nth(1).getAttribute("aria-label"), /Relay now 0 B\/s, at most 0 B\/s/);
      assert.match(await charts.nth(2).getAttribute("aria-label"), /Joined pairs now 1/);
    });
    // It would come back.
    listener.close();
    await emulator.admin("POST", "reset");
  });

  test("charts follow messages, bytes and connections, and say so in words", async () => {
    await viewing(emulator, {}, async (view) => {
      const charts = view.locator("#overview-charts svg[role=img]");
      await charts.nth(2).waitFor();
      const label = (index) => charts.nth(index).getAttribute("aria-label");
      assert.match(await label(2), /^Connections in the last \d+ seconds: Clients now 0, at most 0; Listeners now 0/);
      // What was there at the first measurement has no rate.
      await until(() => charts.first().locator("polyline").first().getAttribute("points"), "a measurement");
      const ann = await client(emulator, "chat", { userId: "ann" });
      await ann.joinGroup("g");
      await echoListener(emulator, "hc1");
      const socket = await sender(emulator, "hc1");
      socket.send(Buffer.alloc(60000));
      await until(async () => /Clients now 1, .*Listeners now 1, .*Joined pairs now 1/.test(await label(2)), "connections");
      // Until the page has measured it.
      const group = service(emulator, "chat").group("g");
      await until(async () => {
        await group.sendToAll("x".repeat(1000), { contentType: "text/plain" });
        return /callers now [1-9]/.test(await label(0)) && /To clients now [1-9]/.test(await label(0)) && /Web PubSub now [\d.]+ KiB\/s/.test(await label(1));
      }, "messages and bytes a second");
      await until(async () => /Relay now .*, at most [\d.]+ KiB\/s/.test(await label(1)), "bytes through Relay");
      assert.equal((await charts.first().locator("polyline").first().getAttribute("points")).split(" ").length >= 2, true);
      await view.picture("overview-traffic");
      await socket.close();
    });
  });
});
