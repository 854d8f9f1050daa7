// What the browser is told about the page before anything is drawn.
"use strict";

const assert = require("node:assert/strict");
const { after, before, test } = require("node:test");
const { Emulator, viewing } = require("./support.js");

let emulator;
before(async () => (emulator = await Emulator.start()));
after(() => emulator.stop());

test("the health is there for pages of the emulator's own origin, on each port", async () => {
  const { pubsub, relay, identity } = emulator.ready;
  const plain = /Endpoint=sb:\/\/([^;/]+)/.exec(relay.plainConnectionString)[1];
  for (const origin of [pubsub.endpoint, `http://${plain}`, new URL(identity.authority).origin.replace("https:", "http:")]) {
    await viewing(emulator, { origin: new URL(origin).origin }, async (view) => {
      const health = await view.page.evaluate(async () => (await fetch("/_emulator/health")).json());
      assert.equal(health.status, "healthy", origin);
    });
  }
});
