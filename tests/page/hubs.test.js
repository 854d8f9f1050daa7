// Hubs, groups, users and connections, live; permissions; the end of a connection.
"use strict";

const assert = require("node:assert/strict");
const { after, before, describe, test } = require("node:test");
const { ALONE, Emulator, timed, until, viewing } = require("./support.js");
const { client, service, textOf } = require("./traffic.js");

describe("hubs", ALONE, () => {
  let emulator;
  before(async () => (emulator = await Emulator.start()));
  after(() => emulator.stop());

  const row = (view, table, text) => view.locator(`#${table} tbody tr`).filter({ hasText: text });

  test("who comes, joins and goes is seen as it happens", async () => {
    await viewing(emulator, { hash: "#hubs" }, async (view) => {
      await view.sees("#panel-hubs", "Nobody is connected");
      const ann = await client(emulator, "chat", { userId: "ann" });
      await row(view, "hub-list", "chat").waitFor();
      await row(view, "user-list", "ann").waitFor();
      await row(view, "connection-list", ann.id).filter({ hasText: "connected" }).waitFor();
      await ann.joinGroup("room-7");
      await row(view, "group-list", "room-7").waitFor();
      const ben = await client(emulator, "chat", { userId: "ben" });
      await ben.joinGroup("room-7");
      await row(view, "group-list", "room-7").filter({ hasText: "2" }).waitFor();
      // Chosen, a user and a group say which connections are shown.
      await row(view, "user-list", "ben").getByRole("button").click();
      await row(view, "connection-list", ann.id).waitFor({ state: "detached" });
      await row(view, "connection-list", ben.id).waitFor();
      ben.stop();
      await row(view, "user-list", "ben").waitFor({ state: "detached" });
      await ann.leaveGroup("room-7");
      await row(view, "group-list", "room-7").waitFor({ state: "hidden" });
      ann.stop();
      await view.sees("#panel-hubs", "Nobody is connected");
    });
  });

  test("permissions are granted and revoked, and groups too", async () => {
    const ann = await client(emulator, "chat", { userId: "ann", roles: [] });
    const hub = service(emulator, "chat");
    await viewing(emulator, { hash: "#hubs" }, async (view) => {
      await view.knowsKeys();
      await row(view, "connection-list", ann.id).getByRole("button").click();
      const detail = view.locator("#connection-detail");
      await detail.getByText(ann.id).waitFor();
      const form = view.locator("#permission-form");
      await form.locator("[name=permission]").selectOption("sendToGroup");
      await form.locator("[name=targetName]").fill("room-7");
      const allowed = () => hub.hasPermission(ann.id, "sendToGroup", { targetName: "room-7" });
      assert.equal(await allowed(), false);
      await form.getByRole("button", { name: "Grant" }).click();
      await until(allowed, "the permission");
      await ann.sendToGroup("room-7", "x", "text");
      await form.getByRole("button", { name: "Revoke" }).click();
      await until(async () => !(await allowed()), "the end of the permission");

      await detail.locator("[name=group]").fill("room-8");
      await detail.getByRole("button", { name: "Add", exact: true }).click();
      await detail.getByRole("button", { name: "Remove from group room-8" }).waitFor();
      await hub.group("room-8").sendToAll("hello", { contentType: "text/plain" });
      await until(() => ann.received.some((message) => textOf(message) === "hello"), "a message to the group");
      await view.picture("hubs-connection");
      await detail.getByRole("button", { name: "Remove from group room-8" }).click();
      await row(view, "group-list", "room-8").waitFor({ state: "hidden" });
    });
    ann.stop();
    await ann.stopped;
  });

  test("a connection is closed with a reason, after a question", async () => {
    const ann = await client(emulator, "chat", { userId: "ann" });
    const gone = new Promise((resolve) => ann.on("disconnected", ({ message }) => resolve(message?.message)));
    await viewing(emulator, { hash: `#hubs?hub=chat&connection=${ann.id}` }, async (view) => {
      await view.knowsKeys();
      const detail = view.locator("#connection-detail");
      await detail.locator("[name=reason]").fill("enough for today");
      await view.confirm(view.locator("#close-connection"), "Sure?", async () => {
        const { chat } = await emulator.admin("GET", "connections");
        assert.equal(chat.some((connection) => connection.connectionId === ann.id), true);
      });
      assert.equal(await timed(gone, "the end"), "enough for today");
    });
    ann.stop();
  });
});
