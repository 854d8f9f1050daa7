// The official Express middleware for event handlers, @azure/web-pubsub-express,
// answers the events of our emulator.
//
//     azwire-emulator | { read -r ready; echo "$ready" | node tests/conformance/pubsub_express.js; }
//
// Needs @azure/web-pubsub, @azure/web-pubsub-express, express and ws. Prints a
// line for each check and ends with `N passed, N failed`.

const { createHmac } = require("node:crypto");
const { readFileSync } = require("node:fs");
const { WebPubSubServiceClient } = require("@azure/web-pubsub");
const { WebPubSubEventHandler } = require("@azure/web-pubsub-express");
const express = require("express");
const { Report, Socket, methods, run, until } = require("./pubsub_support.js");

const HUB = "express";
const PATH = "/eventhandler";

async function main() {
  const ready = JSON.parse(readFileSync(0, "utf8"));
  const report = new Report("Express");
  const seen = [];
  const presence = [];
  const requests = [];
  let count;

  const bare = new WebPubSubEventHandler(HUB, {
    path: PATH,
    allowedEndpoints: [ready.pubsub.endpoint],
    handleConnect(request, response) {
      seen.push(["connect", request]);
      if (request.claims.sub?.[0] === "refused") {
        response.fail(401, "not you");
        return;
      }
      if (request.claims.sub?.[0] === "member") {
        response.success({ groups: ["presence-handler"], roles: ["webpubsub.joinLeaveGroup"] });
        return;
      }
      response.setState("visits", 1);
      response.success({
        userId: "renamed",
        groups: ["from-handler"],
        roles: ["webpubsub.sendToGroup.from-handler"],
        subprotocol: request.subprotocols?.[0],
      });
    },
    handleUserEvent(request, response) {
      seen.push([`event ${request.context.eventName}`, request]);
      switch (request.context.eventName) {
        case "echo":
          response.success(request.dataType === "json" ? JSON.stringify(request.data) : request.data, request.dataType);
          break;
        case "count":
          count = request.context.states.visits;
          response.setState("visits", count + 1);
          response.success(String(count), "text");
          break;
        case "silent":
          response.success();
          break;
        case "message":
          response.success(`you said ${request.data}`, "text");
          break;
        default:
          response.fail(500, "no such thing");
      }
    },
    onConnected: (request) => seen.push(["connected", request]),
    onDisconnected: (request) => seen.push(["disconnected", request]),
    onGroupJoined: (request) => presence.push(["joined", request]),
    onGroupLeft: (request) => presence.push(["left", request]),
  });
  const handler = report.watch(bare);
  const app = express();
  app.use((request, _, next) => {
    requests.push({ method: request.method, headers: request.headers });
    next();
  });
  app.use(handler.getMiddleware());
  const server = app.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  report.check("it has the path that it was given", handler.path, `${PATH}/`);
  const url = `http://127.0.0.1:${server.address().port}${handler.path}`;
  const added = await fetch(`${ready.control}/event-handlers`, {
    method: "POST",
    body: JSON.stringify({
      hub: HUB,
      url,
      "group-presence-events": { "event-names": ["joined", "left"], "group-filters": ["presence-*"] },
    }),
  });
  report.check("the handler is added", added.status, 200);

  const service = new WebPubSubServiceClient(ready.pubsub.connectionString, HUB, { allowInsecureConnection: true });
  const token = async (options) => (await service.getClientAccessToken(options)).url;

  const client = await Socket.open(await token({ userId: "anna" }), "json.webpubsub.azure.v1");
  const hello = await client.next();
  report.check("the handler's user is the connection's", hello.userId, "renamed");
  report.check("the handler is asked whether it wants events", requests[0].method, "OPTIONS");
  const connect = seen.find(([name]) => name === "connect")[1];
  report.check("connect tells the claims", connect.claims.sub, ["anna"]);
  report.check("connect tells the subprotocols", connect.subprotocols, ["json.webpubsub.azure.v1"]);
  report.check("connect tells the query without the token", connect.queries, {});
  const key = /AccessKey=([^;]+)/.exec(ready.pubsub.connectionString)[1];
  const digest = createHmac("sha256", key).update(hello.connectionId).digest("hex");
  report.check("the signature is the key's over the connection", requests[1].headers["ce-signature"], `sha256=${digest}`);
  await until(() => seen.some(([name]) => name === "connected"));
  report.check("connected comes once", seen.filter(([name]) => name === "connected").length, 1);

  await service.group("from-handler").sendToAll("hi", { contentType: "text/plain" });
  report.check("the handler's group is joined", (await client.next()).data, "hi");
  client.send({ type: "sendToGroup", group: "from-handler", ackId: 1, dataType: "text", data: "x" });
  report.check("the handler's role is given: the message", (await client.next()).data, "x");
  report.check("the handler's role is given: the acknowledgement", await client.next(), { type: "ack", ackId: 1, success: true });
  client.send({ type: "joinGroup", group: "other", ackId: 2 });
  report.check("and no other role", (await client.next()).error.name, "Forbidden");

  const data = { json: { a: [1, "ü"] }, text: "grüße", binary: Buffer.from([0, 255, 1]).toString("base64") };
  let ackId = 10;
  for (const dataType of Object.keys(data)) {
    client.send({ type: "event", event: "echo", ackId: ++ackId, dataType, data: data[dataType] });
    const answer = await client.next();
    report.check(`an event with ${dataType} is answered in kind`, [answer.from, answer.dataType, answer.data], ["server", dataType, data[dataType]]);
    report.check(`an event with ${dataType} is acknowledged after the answer`, await client.next(), { type: "ack", ackId, success: true });
  }
  for (const count of [1, 2, 3]) {
    client.send({ type: "event", event: "count", dataType: "text", data: "" });
    report.check(`the state is kept from event to event: ${count}`, (await client.next()).data, String(count));
  }
  client.send({ type: "event", event: "silent", ackId: 30, dataType: "text", data: "x" });
  report.check("an empty answer is only acknowledged", await client.next(), { type: "ack", ackId: 30, success: true });
  client.send({ type: "invoke", invocationId: "i1", target: "event", event: "echo", dataType: "json", data: { q: 1 } });
  report.check("an invocation gets the answer", await client.next(), { type: "invokeResponse", invocationId: "i1", success: true, dataType: "json", data: { q: 1 } });

  const simple = await Socket.open(await token({ userId: "simple" }));
  simple.socket.send("hello");
  report.check("a simple client's frame is an event, and the answer a frame", await simple.nextFrame(), "you said hello");
  simple.socket.close(1000);

  const refused = await Socket.open(await token({ userId: "refused" }), "json.webpubsub.azure.v1").then(
    () => "accepted",
    (error) => error.message,
  );
  report.check("a refusal of the handler is the client's", refused, "Unexpected server response: 401");

  client.socket.close(1000);
  await until(() => seen.filter(([name]) => name === "disconnected").length === 2);
  report.check("disconnected comes for each client", seen.filter(([name]) => name === "disconnected").length, 2);
  const ids = requests.filter((r) => r.headers["ce-connectionid"] === hello.connectionId).map((r) => Number(r.headers["ce-id"]));
  report.check("the events of a connection are numbered", ids, ids.map((_, index) => index));

  report.check("groups that no filter names are not told", presence, []);
  const member = await Socket.open(await token({ userId: "member" }), "json.webpubsub.azure.v1");
  const { connectionId } = await member.next();
  member.send({ type: "joinGroup", group: "presence-client", ackId: 1 });
  report.check("joins are acknowledged", await member.next(), { type: "ack", ackId: 1, success: true });
  await service.group("presence-rest").addConnection(connectionId);
  member.send({ type: "leaveGroup", group: "presence-client", ackId: 2 });
  await member.next();
  member.socket.close(1000);
  await until(() => presence.length >= 6);
  const told = presence.map(([name, request]) => [name, request.group]);
  report.check("a group of the handler's answer is told", told[0], ["joined", "presence-handler"]);
  report.check("a join of a client is told", told[1], ["joined", "presence-client"]);
  report.check("a join over REST is told", told[2], ["joined", "presence-rest"]);
  report.check("a leave of a client is told", told[3], ["left", "presence-client"]);
  const left = [["left", "presence-handler"], ["left", "presence-rest"]];
  report.check("the end of a connection leaves its groups", told.slice(4), left);
  const { context } = presence[1][1];
  report.check(
    "a change of a group tells whose it is",
    [context.hub, context.connectionId, context.userId, context.eventName],
    [HUB, connectionId, "member", "joined"],
  );

  server.closeAllConnections();
  server.close();
  report.complete(["", methods(WebPubSubEventHandler.prototype)]);
  report.end();
}

run(main);
