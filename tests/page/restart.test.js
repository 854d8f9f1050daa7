// The page says when the emulator is gone, and goes on when there is one again.
"use strict";

const assert = require("node:assert/strict");
const { after, before, describe, test } = require("node:test");
const { ALONE, Emulator, viewing } = require("./support.js");
const { client, service } = require("./traffic.js");

describe("a restart", ALONE, () => {
  let emulator;
  before(async () => (emulator = await Emulator.start()));
  after(() => emulator.stop());

  test("the page waits for the next emulator on the same ports, and shows what is there then", async () => {
    const text = { contentType: "text/plain" };
    await viewing(emulator, { hash: "#journal" }, async (view) => {
      await view.locator("#status[data-state=up]").waitFor();
      for (let index = 0; index < 5; index += 1) await service(emulator, "before").sendToAll(`of the first ${index}`, text);
      await view.sees("#journal-list", "of the first 4");
      await emulator.restart(async () => {
        await view.locator("#status[data-state=gone]").waitFor();
        await view.locator("#gone").getByText("does not answer").waitFor();
        await view.picture("gone");
      });
      await view.locator("#status[data-state=up]").waitFor();
      await view.locator("#gone").waitFor({ state: "hidden" });
      await service(emulator, "after").sendToAll("of the second", text);
      await view.sees("#journal-list", "of the second");
      assert.equal((await view.locator("#journal-list").innerText()).includes("of the first"), false);
      // Other panels, too, and with the keys of now.
      await view.panel("hubs");
      await client(emulator, "chat", { userId: "ann" });
      await view.sees("#user-list", "ann");
      await view.panel("send");
      await view.locator("#send-form [name=hub]").fill("chat");
      await view.locator("#send-form [name=payload]").fill("hello");
      await view.locator("#send-form").getByRole("button", { name: "Send", exact: true }).click();
      await view.sees("#send-result", "202 accepted");
    });
  });
});
