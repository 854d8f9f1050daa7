// The clock on the page, and the reset.
"use strict";

const assert = require("node:assert/strict");
const { after, before, describe, test } = require("node:test");
const { ALONE, Emulator, until, viewing } = require("./support.js");
const { client } = require("./traffic.js");

describe("the clock", ALONE, () => {
  let emulator;
  before(async () => (emulator = await Emulator.start()));
  after(() => emulator.stop());

  test("the clock is shown, advanced, held and released", async () => {
    await viewing(emulator, { hash: "#clock" }, async (view) => {
      await view.sees("#clock-state", "Running");
      await view.sees("#clock-state", "at real time");
      const clock = () => emulator.admin("GET", "clock");

      await view.locator("#clock-hold").click();
      await view.sees("#clock-state", "Held");
      assert.equal((await clock()).isHeld, true);
      const shown = () => view.locator("#clock-now").textContent();
      const still = await shown();
      await view.locator("#clock-amount").fill("90");
      await view.locator("#clock-form select").selectOption("min");
      await view.locator("#clock-form").getByRole("button", { name: "Advance" }).click();
      await view.sees("#clock-state", "1 h 30 min ahead of real time");
      assert.equal((await clock()).offset, 5400);
      assert.notEqual(await shown(), still);
      await view.locator("#clock-card").getByRole("button", { name: "+ 30 s" }).click();
      await until(async () => (await clock()).offset === 5430, "an advance by 30 s");

      await view.locator("#clock-hold").click();
      await view.sees("#clock-state", "Running");
      assert.equal((await clock()).isHeld, false);
      const moves = view.locator("#clock-moves tbody tr");
      await moves.nth(3).waitFor();
      assert.deepEqual(await moves.locator("td:nth-child(2)").allTextContents(), ["Released", "Advanced", "Advanced", "Held"]);
      // From elsewhere, too.
      await emulator.admin("POST", "clock", { advance: 86400 });
      await moves.first().filter({ hasText: "24 h 0 min" }).waitFor();
    });
  });

  test("a reset asks first, and then makes everything new", async () => {
    // The token is of the real time.
    await emulator.admin("POST", "reset");
    await client(emulator, "chat", { userId: "ann" });
    await emulator.admin("POST", "clock", { advance: 60 });
    await viewing(emulator, { hash: "#clock" }, async (view) => {
      const reset = view.locator("#reset");
      await view.confirm(reset, "Reset everything now?", async () => {
        assert.equal((await emulator.admin("GET", "clock")).offset > 0, true);
      });
      await view.sees("#toasts", "The emulator was reset.");
      assert.equal((await emulator.admin("GET", "clock")).offset, 0);
      await view.sees("#clock-state", "at real time");
    });
  });
});
