// The official JavaScript client, @azure/web-pubsub-client, against our
// emulator, beside a second client without any SDK: joins, sends, events,
// streams, and 1,000 messages over 20 losses of the network.
//
//     azwire-emulator | { read -r ready; echo "$ready" | node tests/conformance/pubsub_client.js; }
//
// Needs @azure/web-pubsub, @azure/web-pubsub-client and ws. Prints a line for
// each check and ends with `N passed, N failed`.

const { readFileSync } = require("node:fs");
const http = require("node:http");
const { WebPubSubServiceClient } = require("@azure/web-pubsub");
const { WebPubSubClient, WebPubSubJsonProtocol, WebPubSubJsonReliableProtocol } = require("@azure/web-pubsub-client");
const { Report, Socket, methods, run, timed, until } = require("./pubsub_support.js");

const MESSAGES = 1000;
const DROPS = 20;
const ROLES = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"];

async function started(report, url, protocol) {
  const client = report.watch(new WebPubSubClient(url, { protocol, messageRetryOptions: { maxRetries: 0 } }));
  const connected = new Promise((resolve) => client.on("connected", resolve));
  await client.start();
  return { client, hello: await timed(connected, "connected") };
}

function next(client, event) {
  return timed(
    new Promise((resolve) => {
      const once = (args) => {
        client.off(event, once);
        resolve(args.message ?? args);
      };
      client.on(event, once);
    }),
    event,
  );
}

/** An event handler: says what it got, and answers an invocation with the same. */
async function handler(control, hub) {
  const seen = [];
  const server = http.createServer((request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => {
      const { headers } = request;
      if (request.method === "OPTIONS") response.setHeader("WebHook-Allowed-Origin", "*");
      else {
        seen.push([headers["ce-eventname"], headers["ce-userid"], Buffer.concat(parts).toString()]);
        if (headers["ce-eventname"] === "question") {
          response.setHeader("Content-Type", "application/json");
          response.end(JSON.stringify({ answer: 42 }));
          return;
        }
        response.statusCode = 204;
      }
      response.end();
    });
  });
  server.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const url = `http://127.0.0.1:${server.address().port}/`;
  await fetch(`${control}/event-handlers`, { method: "POST", body: JSON.stringify({ hub, url }) });
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { seen, close };
}

async function basics(report, kind, protocol, ready) {
  // Handlers of events stay, so each run has a hub of its own.
  const hub = `js${kind}`;
  const service = new WebPubSubServiceClient(ready.pubsub.connectionString, hub, { allowInsecureConnection: true });
  const check = (name, actual, wanted) => report.check(`${name}, ${kind}`, actual, wanted);
  const url = async (userId) => (await service.getClientAccessToken({ userId, roles: ROLES })).url;
  const { client, hello } = await started(report, await url("anna"), protocol());
  check("start: connected, and as whom", [hello.userId, await service.connectionExists(hello.connectionId)], ["anna", true]);
  const peer = await Socket.open(await url("peer"), "json.webpubsub.azure.v1");
  await peer.next();
  peer.send({ type: "joinGroup", group: "g", ackId: 1 });
  await peer.next();

  await client.joinGroup("mine");
  check("join a group", await service.groupExists("mine"), true);
  await client.leaveGroup("mine");
  check("leave a group", await service.groupExists("mine"), false);
  await client.joinGroup("g");
  const bytes = new Uint8Array([0, 1, 255]).buffer;
  for (const [name, dataType, content, wanted] of [
    ["text", "text", "grüße", "grüße"],
    ["JSON", "json", { a: [1] }, { a: [1] }],
    ["binary", "binary", bytes, "AAH/"],
  ]) {
    const own = next(client, "group-message");
    await client.sendToGroup("g", content, dataType);
    const seen = await peer.next();
    check(`send to a group: ${name}`, [seen.fromUserId, seen.dataType, seen.data], ["anna", dataType, wanted]);
    const got = await own;
    check(`receive from a group: ${name}`, [got.group, got.fromUserId, got.dataType, got.data], ["g", "anna", dataType, content]);
  }
  const after = next(client, "group-message");
  await client.sendToGroup("g", "quiet", "text", { noEcho: true });
  const heard = (await peer.next()).data;
  peer.send({ type: "sendToGroup", group: "g", dataType: "text", data: "after", noEcho: true });
  check("send to a group: without echo", [heard, (await after).data], ["quiet", "after"]);
  check("send to a group: an ack id that comes again is a duplicate", [
    (await client.sendToGroup("h", "1", "text", { ackId: 4711 })).isDuplicated,
    (await client.sendToGroup("h", "1", "text", { ackId: 4711 })).isDuplicated,
  ], [false, true]);
  const fromServer = next(client, "server-message");
  await service.sendToUser("anna", { b: 1 });
  check("receive from the server", (await fromServer).data, { b: 1 });

  const failure = await client.sendEvent("e", "x", "text").catch((error) => error.errorDetail?.name);
  check("send an event: nobody handles it", failure, "InternalServerError");
  const unanswered = await client.invokeEvent("e", "x", "text").catch((error) => error.errorDetail?.name);
  check("invoke an event: nobody handles it", unanswered, "InternalServerError");
  const events = await handler(ready.control, hub);
  // A connection has the handlers that there are when it is made.
  const carl = (await started(report, await url("carl"), protocol())).client;
  await carl.sendEvent("greeting", "hello", "text");
  check("send an event: its handler gets it", events.seen.at(-1), ["greeting", "carl", "hello"]);
  const invoked = await carl.invokeEvent("question", { q: 1 }, "json");
  check("invoke an event: its handler answers", [invoked.dataType, invoked.data], ["json", { answer: 42 }]);

  const parts = [];
  const ended = new Promise((resolve, reject) => {
    client.onGroupStream(async (stream) => {
      try {
        for await (const part of stream) parts.push(part.data ?? part);
        resolve();
      } catch (error) {
        reject(error);
      }
    }, { groupNames: ["g"] });
  });
  const writer = await carl.openGroupStream("g");
  for (const part of ["one", "two", "three"]) await writer.write(part, "text");
  await writer.end();
  await timed(ended, "the end of the stream");
  check("a stream to a group arrives whole and in order", parts, ["one", "two", "three"]);
  // It closes without a code, which keeps a session that can be recovered for 30 s of the emulator's clock.
  const gone = async (user) => {
    if (kind === "reliable") await fetch(`${ready.control}/clock`, { method: "POST", body: JSON.stringify({ advance: 31 }) });
    return !(await service.userExists(user));
  };
  carl.stop();
  await until(() => gone("carl"), "the end of a client");

  if (kind === "plain") {
    // Without recovery a lost connection is replaced by another.
    const rule = { at: "delivery", fault: "drop", hub, user: "anna", times: 1 };
    await fetch(`${ready.control}/faults`, { method: "POST", body: JSON.stringify({ seed: 1, rules: [rule] }) });
    const again = next(client, "connected");
    await service.sendToUser("anna", "lost", { contentType: "text/plain" });
    const { connectionId } = await again;
    await fetch(`${ready.control}/faults`, { method: "DELETE" });
    const members = async () => {
      const found = [];
      for await (const member of await service.group("g").listConnections()) found.push(member.connectionId);
      return found;
    };
    await until(async () => (await members()).includes(connectionId), "joining again");
    const message = next(client, "group-message");
    peer.send({ type: "sendToGroup", group: "g", dataType: "text", data: "again", noEcho: true });
    check("lost: it connects anew and joins its groups again", [connectionId !== hello.connectionId, (await message).data], [true, "again"]);
  }
  const stopped = next(client, "stopped");
  client.stop();
  await stopped;
  await until(() => gone("anna"), "the end of the client");
  check("stop", await service.userExists("anna"), false);
  peer.socket.close();
  await events.close();
}

async function recovery(report, ready) {
  const hub = "jsrecovery";
  const service = new WebPubSubServiceClient(ready.pubsub.connectionString, hub, { allowInsecureConnection: true });
  const open = async (userId) => (await started(report, (await service.getClientAccessToken({ userId, roles: ROLES })).url, WebPubSubJsonReliableProtocol())).client;
  const [receiver, sender] = [await open("receiver"), await open("sender")];
  await receiver.joinGroup("r");
  const received = [];
  let disconnected = 0;
  receiver.on("group-message", ({ message }) => received.push(message.data));
  receiver.on("disconnected", () => (disconnected += 1));
  const rule = { at: "delivery", fault: "drop", hub, user: "receiver", every: Math.floor(MESSAGES / DROPS) - 5, times: DROPS };
  await fetch(`${ready.control}/faults`, { method: "POST", body: JSON.stringify({ seed: 1, rules: [rule] }) });
  for (let index = 0; index < MESSAGES; index += 1) await sender.sendToGroup("r", index, "json");
  await until(() => received.length >= MESSAGES, "all messages");
  const { struck } = (await (await fetch(`${ready.control}/faults`)).json()).rules[0];
  const name = `recovery: ${MESSAGES.toLocaleString("en")} messages over ${DROPS} losses of the network, none lost or doubled`;
  report.check(name, [struck, received], [DROPS, [...Array(MESSAGES).keys()]]);
  report.check("recovery: it was never disconnected", disconnected, 0);
  await fetch(`${ready.control}/faults`, { method: "DELETE" });
  sender.stop();
  receiver.stop();
}

async function main() {
  const ready = JSON.parse(readFileSync(0, "utf8"));
  const report = new Report("JavaScript client");
  await basics(report, "plain", WebPubSubJsonProtocol, ready);
  await basics(report, "reliable", WebPubSubJsonReliableProtocol, ready);
  await recovery(report, ready);
  report.complete(["", methods(WebPubSubClient.prototype)]);
  report.end();
}

run(main);
