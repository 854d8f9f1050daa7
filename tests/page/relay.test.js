// Relay on the page: who listens, who is joined, which requests went through, and a request from the page.
"use strict";

const assert = require("node:assert/strict");
const { after, before, describe, test } = require("node:test");
const { ALONE, Emulator, until, viewing } = require("./support.js");
const { echoListener, httpListener, sender } = require("./traffic.js");

describe("Relay", ALONE, () => {
  let emulator;
  before(async () => (emulator = await Emulator.start(["--hybrid-connection", "orders", "--hybrid-connection", "Open/Site:anonymous"])));
  after(() => emulator.stop());

  const rowOf = (view, table, text) => view.locator(`#${table} tbody tr`).filter({ hasText: text });

  test("hybrid connections have their listeners, rules and rights", async () => {
    await viewing(emulator, { hash: "#relay" }, async (view) => {
      const row = rowOf(view, "relay-entities", "orders");
      await row.waitFor();
      assert.match(await row.innerText(), /nobody listens/);
      assert.match(await row.innerText(), /RootManageSharedAccessKey\s+manage/);
      assert.match(await row.innerText(), /need a token/);
      assert.match(await rowOf(view, "relay-entities", "Open/Site").innerText(), /anonymous/);
      const listener = await echoListener(emulator, "orders");
      await row.filter({ hasText: "1 listener" }).waitFor();
      const { hybridConnections } = await emulator.admin("GET", "relay/_emulator/state");
      await row.filter({ hasText: hybridConnections.orders.listeners[0] }).waitFor();
      listener.close();
      await row.filter({ hasText: "nobody listens" }).waitFor();
    });
  });

  test("a joined pair has a line of bytes a second, and can be closed", async () => {
    const listener = await echoListener(emulator, "orders");
    await viewing(emulator, { hash: "#relay" }, async (view) => {
      await view.sees("#panel-relay", "Nobody is joined");
      const socket = await sender(emulator, "orders");
      const row = rowOf(view, "relay-pairs", "orders");
      await row.waitFor();
      let echoes = 0;
      socket.on("message", () => (echoes += 1));
      // Until the page has measured it: a second and more.
      let isSeen = false;
      const seen = row.locator("td.num").first().filter({ hasText: /[1-9][\d.]* [KM]iB\/s/ }).waitFor().finally(() => (isSeen = true));
      while (!isSeen) {
        const next = echoes + 1;
        socket.send(Buffer.alloc(20000));
        await until(() => echoes >= next, "an echo");
      }
      await seen;
      const line = row.locator("svg.plot");
      assert.match(await line.getAttribute("aria-label"), /^Bytes a second in the last \d+ seconds: to the listener .*, at most .*iB\/s; to the sender/);
      assert.match(await line.locator("polyline").first().getAttribute("points"), /^[\d., ]+$/);
      await view.confirm(row.getByRole("button"), "Sure?");
      assert.equal((await socket.closed).code, 1001);
      await view.sees("#panel-relay", "Nobody is joined");
    });
    listener.close();
  });

  test("requests are listed with status and time, and the page sends its own with a token", async () => {
    const seen = [];
    const listener = await httpListener(emulator, "orders", (request, response) => {
      const parts = [];
      request.on("data", (part) => parts.push(part));
      request.on("end", () => {
        seen.push({ method: request.method, url: request.url, headers: request.headers, body: Buffer.concat(parts).toString() });
        response.statusCode = request.method === "PUT" ? 418 : 201;
        response.setHeader("X-Place", "<b>here</b>");
        response.end(`<img src=x onerror="alert(1)"> ${request.method}`);
      });
    });
    await viewing(emulator, { hash: "#relay" }, async (view) => {
      await view.knowsKeys();
      const form = view.locator("#relay-form");
      await form.locator("[name=entity]").selectOption("orders");
      await form.locator("[name=method]").selectOption("POST");
      await form.locator("[name=path]").fill("/new?id=5");
      await form.locator("[name=headers]").fill("X-Mine: 7\ncontent-type: text/plain");
      await form.locator("[name=body]").fill("an order");
      await form.getByRole("button", { name: "Send" }).click();
      const result = view.locator("#relay-result");
      await result.getByText(/^201/).waitFor();
      assert.equal(await result.locator("pre").last().textContent(), '<img src=x onerror="alert(1)"> POST');
      await result.getByText("Headers of the response").click();
      await result.getByText("x-place: <b>here</b>").waitFor();
      const [{ method, url, headers, body }] = seen;
      assert.deepEqual([method, url, headers["x-mine"], body], ["POST", "/orders/new?id=5", "7", "an order"]);
      // The token is the relay's alone.
      assert.equal(JSON.stringify(seen).includes("SharedAccessSignature"), false);
      const row = rowOf(view, "relay-requests", "/orders/new");
      await row.filter({ hasText: "201" }).waitFor();
      // Values of a query may be secrets: the journal has none of them.
      assert.match(await row.innerText(), /POST.*\/orders\/new\?id=REDACTED[\s\S]*201\s+[\d.]+ m?s/);
      // Newest first.
      await form.locator("[name=method]").selectOption("PUT");
      await form.getByRole("button", { name: "Send" }).click();
      await view.locator("#relay-requests tbody tr").first().filter({ hasText: "418" }).waitFor();
      // Without a token the relay refuses.
      await form.getByLabel("With a token").uncheck();
      await form.getByRole("button", { name: "Send" }).click();
      await result.getByText(/^401/).waitFor();
    });
    listener.close();
  });

  test("a header that is none is named, and nothing is sent", async () => {
    await viewing(emulator, { hash: "#relay" }, async (view) => {
      const form = view.locator("#relay-form");
      await form.locator("[name=entity]").selectOption("orders");
      await form.locator("[name=headers]").fill("nonsense");
      await form.getByRole("button", { name: "Send" }).click();
      await view.locator("#panel-relay [role=alert]").getByText("“nonsense” is no header").waitFor();
    });
  });
});
