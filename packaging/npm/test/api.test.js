"use strict";
// The emulator as a test uses it.

const assert = require("node:assert/strict");
const { spawnSync } = require("node:child_process");
const { after, afterEach, before, describe, test } = require("node:test");
const { inspect } = require("node:util");

const { WebPubSubServiceClient } = require("@azure/web-pubsub");
const { WebPubSubClient } = require("@azure/web-pubsub-client");
const { connectEmulator, Emulator, EmulatorClient, EmulatorError, startEmulator } = require("azwire-emulator");

let emulator;
let service;

before(async () => {
  emulator = await startEmulator({ eventHandlers: ["events=http://127.0.0.1:9/{event}"], hybridConnections: ["One", "two"] });
  service = new WebPubSubServiceClient(emulator.pubsub.connectionString, "chat", { allowInsecureConnection: true });
});
afterEach(() => emulator.reset());
after(() => emulator.stop());

/** Returns a client of the SDK that is connected. */
async function connected(userId, groups = []) {
  const { url } = await service.getClientAccessToken({ userId, groups });
  const client = new WebPubSubClient(url, { autoReconnect: false });
  await client.start();
  return client;
}

test("the ready line is there as properties", () => {
  assert.ok(emulator instanceof Emulator && emulator instanceof EmulatorClient);
  assert.match(emulator.control, /^http:\/\/127\.0\.0\.1:\d+\/_emulator$/);
  assert.match(emulator.pubsub.connectionString, /^Endpoint=http:/);
  assert.match(emulator.pubsub.secureEndpoint, /^https:/);
  assert.match(emulator.relay.connectionString, /^Endpoint=sb:/);
  assert.deepEqual(emulator.relay.hybridConnections, ["One", "two"]);
  assert.match(emulator.identity.authority, /^https:/);
  assert.match(emulator.caCertificate, /\.pem$/);
  assert.equal(emulator.ready.control, emulator.control);
});

test("what the SDK sends is in the journal", async () => {
  await service.group("kitchen").sendToAll({ dish: "soup" });
  const sent = await emulator.journal({ kind: "request", hub: "chat", group: "kitchen", user: undefined });
  assert.equal(sent.length, 1);
  assert.equal(sent[0].operation, "sendToGroup");
  assert.equal(sent[0].status, 202);
  assert.deepEqual(JSON.parse(sent[0].payload.text), { dish: "soup" });
  assert.equal(sent.missed, 0);
  assert.deepEqual(await emulator.journal({ after: sent.next }), []);
  await emulator.clearJournal();
  assert.deepEqual(await emulator.journal(), []);
});

test("a record can be waited for", async () => {
  const waiting = emulator.journal({ kind: ["connected", "disconnected"], user: "ann" }, { wait: 10_000 });
  const client = await connected("ann");
  const [record] = await waiting;
  assert.equal(record.kind, "connected");
  assert.equal(record.user, "ann");
  client.stop();
  assert.deepEqual(await emulator.journal({ user: "bob" }, { wait: 1 }), []);
});

test("a wait can be given up", async () => {
  const controller = new AbortController();
  const waiting = emulator.journal({ user: "nobody" }, { wait: 300_000, signal: controller.signal });
  controller.abort(new Error("enough"));
  await assert.rejects(waiting, /^Error: enough$/);
});

test("connections and counts are seen, and a client can be made to send", async () => {
  const client = await connected("ann", ["kitchen"]);
  const [connection] = await emulator.pubsub.connections("Chat");
  assert.deepEqual([connection.userId, connection.groups, connection.isLost], ["ann", ["kitchen"], false]);
  assert.equal((await emulator.pubsub.state()).hubs.chat.connections, 1);
  await emulator.pubsub.sendAsClient("chat", connection.connectionId, {
    type: "event",
    event: "order",
    dataType: "text",
    data: "soup",
  });
  const [message] = await emulator.journal({ kind: "message" }, { wait: 10_000 });
  assert.deepEqual([message.operation, message.event, message.payload.text], ["event", "order", "soup"]);
  await emulator.reset();
  assert.deepEqual(await emulator.pubsub.connections("chat"), []);
  client.stop();
});

test("faults strike, and are counted", async () => {
  const rule = { at: "request", fault: "status", status: 418, scope: "chat" };
  await emulator.pubsub.arm({ seed: 7, rules: [rule] });
  await assert.rejects(service.sendToAll("a", { contentType: "text/plain" }), (error) => error.statusCode === 418);
  const { seed, rules } = await emulator.pubsub.faults();
  assert.deepEqual([seed, rules.length, rules[0].struck], [7, 1, 1]);
  assert.deepEqual((await emulator.pubsub.disarm()).rules, []);
  await service.sendToAll("a", { contentType: "text/plain" });
  await assert.rejects(emulator.relay.arm({ rules: [{ at: "ack", fault: "duplicateAck" }] }), {
    code: "REFUSED",
    message: /POST relay\/_emulator\/faults: 400, rule 0: a response cannot come twice/,
    status: 400,
  });
});

test("the clock is moved in milliseconds", async () => {
  assert.equal((await emulator.clock.hold()).isHeld, true);
  const first = await emulator.clock.state();
  const second = await emulator.clock.advance(31_500);
  assert.equal(second.now - first.now, 31_500);
  assert.equal(second.offset, 31_500);
  const [held, advanced] = await emulator.journal({ kind: "clock" });
  assert.deepEqual([held.action, advanced.action, advanced.by], ["held", "advanced", 31.5]);
  assert.equal((await emulator.clock.release()).isHeld, false);
  await assert.rejects(emulator.clock.advance(-1), { code: "INVALID_ARGUMENT" });
});

test("a handler that was added is called", async () => {
  await emulator.pubsub.addEventHandler({ hub: "chat", url: "http://127.0.0.1:9/{event}", systemEvents: ["connected"] });
  const client = await connected("ann");
  const [call] = await emulator.journal({ kind: "event", hub: "chat" }, { wait: 10_000 });
  assert.match(call.url, /^http:\/\/127\.0\.0\.1:9\//);
  client.stop();
  await assert.rejects(emulator.pubsub.addEventHandler({ hub: "chat" }), { code: "REFUSED", message: /missing field `url`/ });
});

describe("a listener of Relay", () => {
  test("is waited for", async () => {
    const waiting = emulator.relay.waitForListener("One");
    const { connectionString } = emulator.relay;
    // With a token that the emulator's own key signs, any WebSocket is a listener.
    const socket = await listen(connectionString, "One");
    assert.equal(await waiting, (await emulator.relay.state()).hybridConnections.one.listeners[0]);
    // It is there already.
    assert.equal(await emulator.relay.waitForListener("/one/"), await waiting);
    socket.destroy();
  });

  test("that does not come is an error", async () => {
    const missing = emulator.relay.waitForListener("two", { timeout: 50 });
    await assert.rejects(missing, { code: "TIMEOUT", message: "no listener of two came within 50 ms" });
  });
});

test("a service that is switched off is named", async () => {
  const other = await startEmulator({ args: ["--no-relay", "--no-identity"] });
  assert.throws(() => other.relay, { code: "ABSENT", message: /no Relay: it was started with --no-relay/ });
  assert.throws(() => other.identity, { code: "ABSENT" });
  assert.ok(other.pubsub.endpoint);
  assert.equal(other.environment.RELAY_CONNECTION_STRING, undefined);
  await other.stop();
});

test("another process can use it by its ready line", async () => {
  const other = connectEmulator(JSON.parse(JSON.stringify(emulator.ready)));
  assert.ok(!("stop" in other));
  await service.sendToAll("a", { contentType: "text/plain" });
  assert.equal((await other.journal({ kind: "request" })).length, 1);
  assert.equal((await other.health()).status, "healthy");
  await other.rotateKeys();
  const script = 'require("azwire-emulator").connectEmulator().reset().then(() => console.log("done"))';
  const env = { ...process.env, ...emulator.environment };
  const { stdout, stderr } = spawnSync(process.execPath, ["-e", script], { cwd: __dirname, encoding: "utf8", env });
  assert.equal(stdout, "done\n", stderr);
  assert.deepEqual(await emulator.journal(), []);
});

test("the variables are those of exec, without certificates in place of others", () => {
  const names = Object.keys(emulator.environment);
  for (const name of ["WEBPUBSUB_CONNECTION_STRING", "WEBPUBSUB_ENDPOINT", "RELAY_CONNECTION_STRING", "IDENTITY_ENDPOINT"]) {
    assert.ok(names.includes(name), name);
  }
  assert.ok(!names.includes("SSL_CERT_FILE"));
});

test("what is no ready line is refused", () => {
  for (const line of ["", "{", "[]", {}, 7]) {
    assert.throws(() => connectEmulator(line), { code: "INVALID_ARGUMENT" });
  }
  assert.throws(() => connectEmulator(), { message: /AZWIRE_EMULATOR_READY is not set/ });
});

test("no key gets into a log", () => {
  const shown = inspect({ emulator, pubsub: emulator.pubsub, relay: emulator.relay, client: connectEmulator(emulator.ready) });
  assert.doesNotMatch(shown, /Key|Endpoint=/);
  assert.match(shown, /Emulator \{ http:/);
});

test("it is a module of both kinds", async () => {
  const module = await import("azwire-emulator");
  assert.equal(module.startEmulator, startEmulator);
  assert.equal(module.EmulatorError, EmulatorError);
  const { default: setup } = await import("azwire-emulator/vitest");
  const provided = {};
  const teardown = await setup({ provide: (name, value) => (provided[name] = value) });
  const shared = connectEmulator(provided.azwireEmulator);
  assert.equal((await shared.health()).status, "healthy");
  await teardown();
  await assert.rejects(shared.health(), { code: "UNREACHABLE" });
});

test("await using stops it", async () => {
  const other = await startEmulator();
  // As the syntax does, which Node 20 does not have.
  await other[Symbol.asyncDispose]();
  await assert.rejects(other.health(), { code: "ENDED", message: /the emulator has ended \(exit code 0\)/ });
  await other.stop();
});

/** Opens the control channel of a listener, and resolves to its socket. */
async function listen(connectionString, path) {
  const { createHmac, randomBytes } = require("node:crypto");
  const https = require("node:https");
  const { readFileSync } = require("node:fs");
  const parts = new Map(connectionString.split(";").filter(Boolean).map((part) => part.split(/=(.*)/s)));
  const { host } = new URL(parts.get("Endpoint").replace(/^sb:/, "https:"));
  const resource = encodeURIComponent(`http://${host}/${path}`);
  const expiry = Math.floor(Date.now() / 1000) + 600;
  const key = parts.get("SharedAccessKey");
  const signature = encodeURIComponent(createHmac("sha256", key).update(`${resource}\n${expiry}`).digest("base64"));
  const name = parts.get("SharedAccessKeyName");
  const token = `SharedAccessSignature sr=${resource}&sig=${signature}&se=${expiry}&skn=${name}`;
  return new Promise((resolve, reject) => {
    const request = https.get(`https://${host}/$hc/${path}?sb-hc-action=listen&sb-hc-token=${encodeURIComponent(token)}`, {
      ca: readFileSync(emulator.caCertificate),
      headers: {
        Connection: "Upgrade",
        Upgrade: "websocket",
        "Sec-WebSocket-Key": randomBytes(16).toString("base64"),
        "Sec-WebSocket-Version": "13",
      },
    });
    request.on("upgrade", (_, socket) => resolve(socket.on("error", () => {})));
    request.on("response", ({ statusCode }) => reject(new Error(`the listener was answered with ${statusCode}`)));
    request.on("error", reject);
  });
}
