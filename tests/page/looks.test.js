// How every panel looks, to people and to axe-core: both schemes, a desk and a telephone.
"use strict";

const assert = require("node:assert/strict");
const { after, before, describe, test } = require("node:test");
const axe = require("axe-core");
const { ALONE, Emulator, viewing } = require("./support.js");
const { client, echoListener, eventHandler, httpListener, sender, service } = require("./traffic.js");

describe("looks", ALONE, () => {
  let emulator;
  let handler;

  /** Something of everything, so that no panel is empty. */
  before(async () => {
    handler = await eventHandler(({ headers }) => (headers["ce-type"].includes("user") ? { headers: { "content-type": "text/plain" }, body: "thanks" } : {}));
    emulator = await Emulator.start(["--hybrid-connection", "orders", "--hybrid-connection", "team/site:anonymous"]);
    await emulator.admin("POST", "event-handlers", { hub: "chat", url: handler.url, "user-events": "*", "system-events": ["connected", "disconnected"] });
    const [ann, ben] = [await client(emulator, "chat", { userId: "ann" }), await client(emulator, "chat", { userId: "ben" })];
    for (const own of [ann, ben]) await own.joinGroup("room-7");
    await client(emulator, "stocks", { groups: ["a-rather-long-group-name-that-somebody-has-chosen-without-a-thought-of-telephones"] });
    await ann.sendToGroup("room-7", { text: "hello", of: [1, 2, 3] }, "json");
    await ann.sendEvent("order", "one tea", "text");
    await service(emulator, "chat").group("room-7").sendToAll({ from: "the service", items: ["a", "b"] });
    await service(emulator, "chat").sendToUser("ben", "a plain text", { contentType: "text/plain" });
    const { url } = await service(emulator, "chat").getClientAccessToken();
    await fetch(url.replace(/^ws/, "http").replace(/access_token=.*/, "access_token=nonsense")).catch(() => {});
    await echoListener(emulator, "orders");
    const pair = await sender(emulator, "orders");
    const echoed = new Promise((resolve) => pair.on("message", resolve));
    pair.send(Buffer.alloc(5000));
    await echoed;
    await httpListener(emulator, "team/site", (request, response) => {
      response.statusCode = request.url.endsWith("missing") ? 404 : 200;
      response.end(`you asked for ${request.url}`);
    });
    const { plainConnectionString } = emulator.ready.relay;
    const site = `http://${/sb:\/\/([^;/]+)/.exec(plainConnectionString)[1]}/team/site`;
    for (const path of ["/", "/orders/5", "/missing"]) await (await fetch(site + path)).text();
    const rules = [
      { at: "delivery", fault: "drop", scope: "chat", every: 50, times: 20 },
      { at: "ack", fault: "delayAck", milliseconds: 20, times: "forever" },
    ];
    await emulator.admin("POST", "faults", { rules });
    await emulator.admin("POST", "relay/_emulator/faults", { rules: [{ at: "request", fault: "status", status: 503, retryAfter: 2, times: 1 }] });
    await (await fetch(site)).text();
    await emulator.admin("POST", "clock", { advance: 90 });
  });
  after(async () => {
    await emulator.stop();
    await handler.close();
  });

  const SCHEMES = ["light", "dark"];
  const SIZES = [
    ["desk", { width: 1280, height: 860 }],
    ["telephone", { width: 360, height: 760 }],
  ];

  // What these show they ask for; the others are told of it, or show none.
  const POLLING = ["overview", "hubs", "relay", "faults"];

  /** The ids of the panels, as the navigation has them. */
  async function panelsOf(view) {
    await view.locator("#status[data-state=up]").waitFor();
    const links = view.locator("nav[aria-label=Panels] a");
    return links.evaluateAll((all) => all.map((own) => own.hash.slice(1)));
  }

  for (const scheme of SCHEMES) {
    for (const [size, viewport] of SIZES) {
      test(`every panel is legible, ${scheme}, on a ${size}`, async () => {
        // axe-core brings code of its own.
        await viewing(emulator, { scheme, ...viewport, bypassCSP: true }, async (view) => {
          const panels = await panelsOf(view);
          assert.equal(panels.length >= 9, true, `${panels}`);
          const problems = [];
          for (const id of panels) {
            await view.panel(id);
            await view.settled(POLLING.includes(id));
            await view.picture(`${id}-${scheme}-${size}`);
            const wide = await view.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
            if (wide > 0) problems.push(`${id}: ${wide} pixels wider than the ${size}`);
            // The same elements in another size, and it takes long.
            if (size === "telephone") continue;
            await view.page.evaluate(axe.source);
            const { violations } = await view.page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
            for (const { id: rule, impact, help, nodes } of violations) {
              if (!["serious", "critical"].includes(impact)) continue;
              problems.push(`${id}: ${impact} ${rule}: ${help}: ${nodes.map(({ target }) => target).join(", ")}`);
            }
          }
          assert.deepEqual(problems, []);
        });
      });
    }
  }

  test("the keyboard reaches every panel, and the content without the navigation", async () => {
    await viewing(emulator, {}, async (view) => {
      await panelsOf(view);
      await view.page.keyboard.press("Tab");
      assert.equal(await view.page.evaluate(() => document.activeElement.id), "skip");
      await view.page.keyboard.press("Enter");
      assert.equal(await view.page.evaluate(() => document.activeElement.id), "main");
      const link = view.locator("nav a[href='#clock']");
      await link.focus();
      await view.page.keyboard.press("Enter");
      await view.locator("#panel-clock").waitFor();
      assert.equal(await link.getAttribute("aria-current"), "page");
      assert.equal(await view.page.evaluate(() => document.activeElement.id), "main");
    });
  });

  test("the theme can be chosen, and is kept", async () => {
    await viewing(emulator, { scheme: "light" }, async (view) => {
      const background = () => view.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      const light = await background();
      const theme = view.locator("#theme");
      await theme.click();
      await theme.click();
      await theme.getByText("dark").waitFor();
      assert.notEqual(await background(), light);
      await view.page.reload();
      await theme.getByText("dark").waitFor();
      assert.notEqual(await background(), light);
    });
  });
});
