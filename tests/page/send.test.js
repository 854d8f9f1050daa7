// Sending from the page, through the REST interface with a token that it makes itself.
"use strict";

const assert = require("node:assert/strict");
const { after, before, describe, test } = require("node:test");
const { ALONE, Emulator, until, viewing } = require("./support.js");
const { client, textOf } = require("./traffic.js");

describe("sending", ALONE, () => {
  let emulator;
  let ann;
  let ben;
  before(async () => {
    emulator = await Emulator.start();
    ann = await client(emulator, "chat", { userId: "ann" });
    ben = await client(emulator, "chat", { userId: "ben" });
    await ben.joinGroup("room 7 ü");
  });
  after(() => emulator.stop());

  const form = (view) => view.locator("#send-form");
  /** Fills the form and sends; returns the new line of the results. */
  async function sent(view, { target = "all", ...values }) {
    const rows = view.locator("#send-result tbody tr");
    const count = await rows.count();
    await form(view).locator(`[data-name=target] [data-value=${target}]`).click();
    for (const [name, value] of Object.entries(values)) {
      const control = form(view).locator(`[name=${name}]`);
      if (name === "type") await control.selectOption(value);
      else await control.fill(value);
    }
    await form(view).getByRole("button", { name: "Send", exact: true }).click();
    await rows.nth(count).waitFor();
    return rows.first().innerText();
  }
  const got = (own, text) => own.received.filter((message) => textOf(message) === text);

  test("to all, a group, a user and a connection", async () => {
    await viewing(emulator, { hash: "#send" }, async (view) => {
      await view.knowsKeys();
      assert.match(await sent(view, { hub: "chat", payload: "to all" }), /202 accepted[\s\S]*POST \/api\/hubs\/chat\/:send/);
      await until(() => got(ann, "to all").length && got(ben, "to all").length, "a message to all");
      await sent(view, { target: "group", group: "room 7 ü", payload: "to a group" });
      await until(() => got(ben, "to a group").length, "a message to a group");
      await sent(view, { target: "user", user: "ann", payload: "to a user" });
      await until(() => got(ann, "to a user").length, "a message to a user");
      await sent(view, { target: "connection", connection: ben.id, payload: "to a connection" });
      await until(() => got(ben, "to a connection").length, "a message to a connection");
      // The last one to each says that nothing else is under way.
      assert.deepEqual([got(ann, "to a group"), got(ben, "to a user"), got(ann, "to a connection")], [[], [], []]);
      assert.equal(got(ben, "to a group")[0].group, "room 7 ü");
    });
  });

  test("text, JSON and bytes, with a filter and a time to live", async () => {
    await viewing(emulator, { hash: "#send" }, async (view) => {
      await view.knowsKeys();
      await sent(view, { hub: "chat", type: "json", payload: '{"n":[1,"ü"]}' });
      await until(() => ann.received.some(({ data }) => data?.n?.[1] === "ü"), "JSON");
      await sent(view, { type: "hex", payload: "00 ff 10" });
      const bytes = ({ data }) => data instanceof ArrayBuffer && Buffer.from(data).toString("hex") === "00ff10";
      await until(() => ann.received.some(bytes) && ben.received.some(bytes), "bytes");
      assert.match(await sent(view, { type: "text", payload: "only ben", filter: "userId eq 'ben'", ttl: "30" }), /filter=.*messageTtlSeconds=30|messageTtlSeconds=30.*filter=/);
      await until(() => got(ben, "only ben").length, "a filtered message");
      await sent(view, { payload: "the last", filter: "", ttl: "" });
      await until(() => got(ann, "the last").length, "the last message");
      assert.deepEqual(got(ann, "only ben"), []);
    });
  });

  test("what the service refuses is explained", async () => {
    await viewing(emulator, { hash: "#send" }, async (view) => {
      await view.knowsKeys();
      assert.match(await sent(view, { hub: "chat", payload: "x", filter: "userId equals nothing" }), /400 refused/);
      // No request is made of what are no bytes.
      const form = view.locator("#send-form");
      await form.locator("[name=type]").selectOption("hex");
      await form.locator("[name=payload]").fill("xyz");
      await form.getByRole("button", { name: "Send", exact: true }).click();
      await view.locator("#panel-send [role=alert]").getByText("Hexadecimal").waitFor();
    });
  });
});
