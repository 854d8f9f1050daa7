// Calls of event handlers: both sides, failures, and the same event again.
"use strict";

const assert = require("node:assert/strict");
const { after, before, describe, test } = require("node:test");
const { ALONE, Emulator, until, viewing } = require("./support.js");
const { client, eventHandler } = require("./traffic.js");

describe("event handlers", ALONE, () => {
  let emulator;
  let handler;
  before(async () => {
    handler = await eventHandler(({ headers, body }) => {
      if (!headers["ce-type"].includes("user")) return {};
      if (body === "fail") return { status: 500, body: "out of tea" };
      return { headers: { "content-type": "application/json" }, body: JSON.stringify({ got: body }) };
    });
    emulator = await Emulator.start();
    await emulator.admin("POST", "event-handlers", { hub: "chat", url: handler.url, "user-events": "*", "system-events": ["connected"] });
  });
  after(async () => {
    await emulator.stop();
    await handler.close();
  });

  test("a call has both sides, and is made again", async () => {
    await viewing(emulator, { hash: "#events" }, async (view) => {
      await view.sees("#panel-events", "No event handler was called");
      const ann = await client(emulator, "chat", { userId: "ann" });
      const rows = view.locator("#event-list .list-row:not(.list-head)");
      await rows.filter({ hasText: "connected" }).locator(".c-outcome").getByText("200", { exact: true }).waitFor();
      await ann.sendEvent("order", "one tea", "text");
      const order = rows.filter({ hasText: "order" });
      await order.filter({ hasText: "ann" }).waitFor();
      const detail = view.locator("#event-detail");
      await view.choose(order, "#event-detail", "one tea");
      await detail.getByText("one tea", { exact: true }).waitFor();
      await detail.locator("pre").filter({ hasText: '"got": "one tea"' }).waitFor();
      await detail.getByText("Headers").click();
      await detail.getByText("ce-eventName", { exact: false }).first().waitFor();
      // A signature is good for whoever has it.
      assert.equal(/sha256=[0-9a-f]{16}/i.test(await detail.innerText()), false);
      await view.picture("events-call");
      const orders = () => handler.requests.filter(({ body }) => body === "one tea").length;
      assert.equal(orders(), 1);
      await view.locator("#event-repeat").click();
      await until(() => orders() === 2, "the event again");
      await until(async () => (await order.count()) === 2, "its record");
    });
  });

  test("a handler that fails is seen with its status", async () => {
    await viewing(emulator, { hash: "#events" }, async (view) => {
      const ben = await client(emulator, "chat", { userId: "ben" });
      ben.sendEvent("order", "fail", "text", { fireAndForget: true });
      const rows = view.locator("#event-list .list-row:not(.list-head)").filter({ hasText: "ben" });
      await rows.locator(".c-outcome").getByText("500", { exact: true }).first().waitFor();
      ben.stop();
    });
  });
});
