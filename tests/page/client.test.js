// The client to play with: each subprotocol, and every frame of it.
"use strict";

const assert = require("node:assert/strict");
const { after, before, describe, test } = require("node:test");
const { ALONE, Emulator, until, viewing } = require("./support.js");
const { client, eventHandler, service, textOf } = require("./traffic.js");

describe("the client", ALONE, () => {
  let emulator;
  let handler;
  let ann;
  before(async () => {
    const text = { "content-type": "text/plain" };
    handler = await eventHandler(({ headers }) => (headers["ce-type"].includes("user") ? { headers: text, body: "well received" } : {}));
    emulator = await Emulator.start();
    await emulator.admin("POST", "event-handlers", { hub: "chat", url: handler.url, "user-events": "*" });
    ann = await client(emulator, "chat", { userId: "ann" });
    await ann.joinGroup("room");
  });
  after(async () => {
    await emulator.stop();
    await handler.close();
  });

  const frames = (view, text) => view.locator("#client-frames .list-row").filter({ hasText: text });
  async function connect(view, protocol) {
    await view.knowsKeys();
    const form = view.locator("#client-form");
    await form.locator("[name=hub]").fill("chat");
    await form.locator("[name=user]").fill("page");
    await form.locator("[name=protocol]").selectOption(protocol);
    await view.locator("#client-connect").click();
    await view.sees("#client-state", /^Connected/);
  }
  async function act(view, action, values = {}) {
    const form = view.locator("#client-actions");
    await form.locator(`[data-value=${action}]`).click();
    for (const [name, value] of Object.entries(values)) {
      const control = form.locator(`[name=${name}]`);
      if (name === "type") await control.selectOption(value);
      else await control.fill(value);
    }
    await form.getByRole("button", { name: "Send", exact: true }).click();
  }
  const got = (text) => ann.received.filter((message) => textOf(message) === text);

  for (const [name, protocol] of [
    ["JSON", "json.webpubsub.azure.v1"],
    ["reliable JSON", "json.reliable.webpubsub.azure.v1"],
  ]) {
    test(`${name}: join, publish, an event, an invocation, a raw frame`, async () => {
      await viewing(emulator, { hash: "#client" }, async (view) => {
        await connect(view, protocol);
        await frames(view, '"event":"connected"').waitFor();
        await act(view, "join", { group: "room" });
        await frames(view, '"type":"joinGroup","group":"room"').waitFor();
        await frames(view, /"type":"ack".*"success":true/).first().waitFor();
        await act(view, "publish", { type: "json", data: `{"by":"${name}"}` });
        await until(() => ann.received.some(({ data }) => data?.by === name), "a published message");
        await frames(view, /"type":"message","from":"group"/).first().waitFor();
        await service(emulator, "chat").sendToAll(`from the service to ${name}`, { contentType: "text/plain" });
        await frames(view, `from the service to ${name}`).waitFor();
        await act(view, "event", { event: "order", type: "text", data: "one tea" });
        await frames(view, /"from":"server".*well received/).waitFor();
        assert.equal(handler.requests.at(-1).body, "one tea");
        await act(view, "invoke", { event: "ask", type: "text", data: "how much?" });
        await frames(view, /"type":"invokeResponse".*well received/).waitFor();
        await act(view, "raw", { data: '{"type":"leaveGroup","group":"room","ackId":900}' });
        await frames(view, /"ackId":900.*"success":true/).waitFor();
        if (protocol.includes("reliable")) await frames(view, '"type":"sequenceAck"').first().waitFor();
        // A frame in full.
        await view.choose(frames(view, '"event":"connected"'), "#frame-detail", '"connectionId"');
        await view.picture(`client-${name.replace(" ", "-").toLowerCase()}`);
        await view.locator("#client-close").click();
        await frames(view, "closed with 1000").waitFor();
      });
    });
  }

  test("a simple WebSocket: text that the service hands to the handler, and what it sends", async () => {
    await viewing(emulator, { hash: "#client" }, async (view) => {
      await connect(view, "");
      const form = view.locator("#client-actions");
      await form.locator("[name=data]").fill("just text");
      await form.getByRole("button", { name: "Send", exact: true }).click();
      await frames(view, "well received").waitFor();
      const { headers, body } = handler.requests.at(-1);
      assert.deepEqual([headers["ce-eventname"], body], ["message", "just text"]);
      await service(emulator, "chat").sendToUser("page", { n: 1 });
      await frames(view, '{"n":1}').waitFor();
      await view.locator("#client-close").click();
      await frames(view, "closed with 1000").waitFor();
      assert.deepEqual(got("just text"), []);
    });
  });

  test("without a role the service says no, and the page shows it", async () => {
    await viewing(emulator, { hash: "#client" }, async (view) => {
      await view.locator("#client-form").getByLabel("Send to all groups").uncheck();
      await connect(view, "json.webpubsub.azure.v1");
      await act(view, "publish", { group: "room", type: "text", data: "may I?" });
      await frames(view, /"success":false.*"Forbidden"/).waitFor();
      await view.panel("journal", "?kind=refused");
      await view.sees("#journal-list", "sendToGroup");
    });
  });
});
