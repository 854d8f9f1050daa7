// Faults on the page: to arm, to see strike, to disarm.
"use strict";

const assert = require("node:assert/strict");
const { after, before, describe, test } = require("node:test");
const { ALONE, Emulator, until, viewing } = require("./support.js");
const { client, service } = require("./traffic.js");

describe("faults", ALONE, () => {
  let emulator;
  before(async () => (emulator = await Emulator.start()));
  after(() => emulator.stop());

  test("a fault is armed for a hub, strikes, and is disarmed", async () => {
    await viewing(emulator, { hash: "#faults" }, async (view) => {
      const form = view.locator("#fault-form");
      await view.sees("#panel-faults", "No fault is armed");
      await form.locator("[name=at]").selectOption("request");
      assert.deepEqual(await form.locator("[name=fault] option").allTextContents(), ["Status"]);
      await form.locator("[name=status]").fill("429");
      await form.locator("[name=retryAfter]").fill("0");
      await form.locator("[name=scope]").fill("chat");
      await form.locator("[name=times]").fill("2");
      await form.getByRole("button", { name: "Arm" }).click();
      const row = view.locator("#fault-list tbody tr");
      await row.filter({ hasText: "0 of 2" }).waitFor();
      assert.match(await row.innerText(), /Web PubSub\s+Request\s+Status\s+status: 429\s+retryAfter: 0\s+hub chat/);
      const { rules } = await emulator.admin("GET", "faults");
      assert.deepEqual([rules.length, rules[0].rule.status, rules[0].rule.scope, rules[0].rule.times], [1, 429, "chat", 2]);

      // The official client tries again by itself.
      await service(emulator, "other").sendToAll("x", { contentType: "text/plain" });
      await service(emulator, "chat").sendToAll("x", { contentType: "text/plain" });
      await row.filter({ hasText: "2 of 2" }).waitFor();
      const struck = view.locator("#fault-struck tbody tr");
      await until(async () => (await struck.count()) === 2, "two strikes");
      assert.match(await struck.first().innerText(), /Web PubSub\s+Request\s+Status\s+chat/);

      const disarm = view.locator("#fault-armed").getByRole("button");
      assert.equal(await disarm.textContent(), "Disarm all of Web PubSub");
      await view.confirm(disarm, "Disarm?");
      await view.sees("#panel-faults", "No fault is armed");
      assert.deepEqual((await emulator.admin("GET", "faults")).rules, []);
    });
  });

  test("a fault that strikes at once ends the connection that it names", async () => {
    const ann = await client(emulator, "chat", { userId: "ann" });
    const gone = new Promise((resolve) => ann.on("disconnected", (event) => resolve(event.message)));
    await viewing(emulator, { hash: "#faults" }, async (view) => {
      const form = view.locator("#fault-form");
      await form.locator("[name=at]").selectOption("now");
      await form.locator("[name=fault]").selectOption("close");
      await form.locator("[name=code]").fill("1008");
      await form.locator("[name=connection]").fill(ann.id);
      assert.equal(await form.locator("[name=times]").isVisible(), false);
      await form.getByRole("button", { name: "Arm" }).click();
      await view.sees("#toasts", "The fault struck.");
      await gone;
    });
    ann.stop();
  });

  test("what Relay cannot do is not offered, and a refused plan is explained", async () => {
    await viewing(emulator, { hash: "#faults" }, async (view) => {
      const form = view.locator("#fault-form");
      await form.locator("[name=service]").selectOption("relay");
      await form.locator("[name=at]").selectOption("ack");
      assert.deepEqual(await form.locator("[name=fault] option").allTextContents(), ["Delay", "Withhold"]);
      assert.equal(await form.locator("[name=user]").isVisible(), false);
      await form.getByLabel("Without end").check();
      await form.locator("[name=milliseconds]").fill("250");
      await form.getByRole("button", { name: "Arm" }).click();
      await view.locator("#fault-list tbody tr").filter({ hasText: "without end" }).waitFor();
      const { rules } = await emulator.admin("GET", "relay/_emulator/faults");
      assert.deepEqual([rules[0].rule.fault, rules[0].rule.milliseconds, rules[0].rule.times], ["delayAck", 250, "forever"]);
      // A code that may not be sent passes the form, and not the emulator.
      await form.locator("[name=at]").selectOption("now");
      await form.locator("[name=fault]").selectOption("close");
      await form.locator("[name=code]").fill("1006");
      await form.getByRole("button", { name: "Arm" }).click();
      await view.locator("#panel-faults [role=alert]").getByText("the close code may not be sent").waitFor();
    });
  });
});
