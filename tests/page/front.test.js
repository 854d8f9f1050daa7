// What the browser is told about the page before anything is drawn.
"use strict";

const assert = require("node:assert/strict");
const { after, before, describe, test } = require("node:test");
const { ALONE, Emulator, until, viewing } = require("./support.js");

describe("the front", ALONE, () => {
  let emulator;
  before(async () => (emulator = await Emulator.start()));
  after(() => emulator.stop());

  test("the page is served with a policy that lets nothing else in", async () => {
    await viewing(emulator, {}, async (view) => {
      const policy = new Map(
        view.headers["content-security-policy"].split(";").map((part) => {
          const [name, ...values] = part.trim().split(/\s+/);
          return [name, values.join(" ")];
        }),
      );
      assert.equal(policy.get("default-src"), "'none'");
      for (const name of ["script-src", "style-src", "img-src"]) assert.equal(policy.get(name), "'self'", name);
      // Not every browser takes 'self' for a WebSocket.
      const { host } = new URL(view.origin);
      assert.equal(policy.get("connect-src"), `'self' ws://${host} wss://${host}`);
      for (const name of ["base-uri", "form-action", "frame-ancestors"]) assert.equal(policy.get(name), "'none'", name);
      assert.equal(policy.get("require-trusted-types-for"), "'script'");
      assert.equal(view.headers["x-content-type-options"], "nosniff");
      // What a page would do that is not ours, the browser refuses.
      const outcomes = await view.page.evaluate(async () => {
        const script = document.createElement("script");
        let typed = "text became code";
        try {
          script.textContent = "window.isRun = true";
          document.body.append(script);
          if (!window.isRun) typed = "refused";
        } catch {
          typed = "refused";
        }
        const elsewhere = await fetch("http://127.0.0.1:1/").then(() => "answered", () => "refused");
        return [typed, elsewhere];
      });
      assert.deepEqual(outcomes, ["refused", "refused"]);
      // All of that was reported; anything else would be left.
      await until(() => view.faults.length >= 2, "reports");
      view.faults = view.faults.filter((fault) => !/^policy: (require-trusted-types-for|script-src|connect-src)/.test(fault));
    });
  });

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
});
