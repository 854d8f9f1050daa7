// The official JavaScript service client, @azure/web-pubsub, against our
// emulator: every operation, and what each does to connected clients.
//
// Reads the emulator's ready line on stdin:
//
//     azwire-emulator | { read -r ready; echo "$ready" | node tests/conformance/pubsub_service.js; }
//
// Needs @azure/web-pubsub and ws. Prints a line for each check and ends with
// `N passed, N failed`.

const { readFileSync } = require("node:fs");
const { AzureKeyCredential, WebPubSubServiceClient, odata } = require("@azure/web-pubsub");
const { Report, Socket } = require("./pubsub_support.js");

const HUB = "jshub";
const JSON_PROTOCOL = "json.webpubsub.azure.v1";

async function main() {
  const ready = JSON.parse(readFileSync(0, "utf8"));
  const report = new Report();
  const options = { allowInsecureConnection: true };
  const service = new WebPubSubServiceClient(ready.pubsub.connectionString, HUB, options);
  const group = service.group("g/1 ü");

  const open = async (tokenOptions, protocol = JSON_PROTOCOL) => {
    const socket = await Socket.open((await service.getClientAccessToken(tokenOptions)).url, protocol);
    if (protocol) socket.id = (await socket.next()).connectionId;
    return socket;
  };
  const anna = await open({ userId: "anna", roles: ["webpubsub.joinLeaveGroup"], groups: ["of-token"] });
  const ben = await open({ userId: "ben" });
  const all = [anna, ben];
  // Each client gets this next, so whatever was to be nothing was nothing.
  let fences = 0;
  const fence = async (name, sockets = all) => {
    const text = `fence ${++fences}`;
    await service.sendToAll(text, { contentType: "text/plain" });
    for (const socket of sockets) report.check(`${name}: nothing else came`, (await socket.next()).data, text);
  };
  const received = async (socket) => {
    const message = await socket.next();
    return [message.from, message.dataType, message.data];
  };

  await service.sendToAll({ a: 1 });
  for (const socket of all) report.check("sendToAll, an object", await received(socket), ["server", "json", { a: 1 }]);
  await service.sendToAll("hi");
  for (const socket of all) report.check("sendToAll, a string is JSON", await received(socket), ["server", "json", "hi"]);
  await service.sendToAll(Buffer.from([0, 1, 255]), { contentType: "application/octet-stream" });
  for (const socket of all) report.check("sendToAll, bytes", await received(socket), ["server", "binary", "AAH/"]);
  await service.sendToAll("x", { contentType: "text/plain", excludedConnections: [anna.id], messageTtlSeconds: 60 });
  report.check("sendToAll, with excluded connections and a TTL", await received(ben), ["server", "text", "x"]);
  await service.sendToAll("y", { contentType: "text/plain", filter: odata`userId eq ${"anna"}` });
  report.check("sendToAll, with a filter", await received(anna), ["server", "text", "y"]);
  await fence("sendToAll");

  await service.sendToUser("ben", "u", { contentType: "text/plain" });
  report.check("sendToUser", await received(ben), ["server", "text", "u"]);
  await service.sendToUser("nobody", "u", { contentType: "text/plain" });
  await service.sendToConnection(anna.id, "c", { contentType: "text/plain" });
  report.check("sendToConnection", await received(anna), ["server", "text", "c"]);
  await service.sendToConnection("nobody", { a: 1 });
  await fence("sendToUser and sendToConnection");

  report.check("connectionExists", [await service.connectionExists(anna.id), await service.connectionExists("no")], [true, false]);
  report.check("userExists", [await service.userExists("anna"), await service.userExists("no")], [true, false]);
  report.check("groupExists", [await service.groupExists("of-token"), await service.groupExists("OF-TOKEN")], [true, false]);

  await group.addConnection(anna.id);
  await group.sendToAll("g", { contentType: "text/plain" });
  report.check("group.addConnection and group.sendToAll", (await anna.next()), { type: "message", from: "group", group: "g%2F1 ü", dataType: "text", data: "g" });
  await group.addUser("ben");
  await group.sendToAll({ g: 2 }, { excludedConnections: [anna.id] });
  report.check("group.addUser", await received(ben), ["group", "json", { g: 2 }]);
  const list = async (options) => {
    const found = [];
    for await (const member of await group.listConnections(options)) found.push(member);
    return found;
  };
  const members = all.map((socket, index) => ({ connectionId: socket.id, userId: ["anna", "ben"][index] }));
  members.sort((a, b) => (a.connectionId < b.connectionId ? -1 : 1));
  report.check("group.listConnections", await list(), members);
  report.check("group.listConnections, page by page", await list({ maxPageSize: 1 }), members);
  report.check("group.listConnections, with top", await list({ maxPageSize: 1, top: 1 }), members.slice(0, 1));
  await group.removeUser("ben");
  await group.removeConnection(anna.id);
  await group.removeConnection(anna.id);
  await group.sendToAll("nobody hears", { contentType: "text/plain" });
  await fence("group.removeUser and group.removeConnection");

  await service.addConnectionsToGroups(["a", "b"], odata`userId in (${"anna"}, ${"other"})`);
  report.check("addConnectionsToGroups", [await service.groupExists("a"), await service.groupExists("b")], [true, true]);
  await service.group("a").sendToAll("a", { contentType: "text/plain", filter: "'b' in groups" });
  report.check("addConnectionsToGroups: its effect", await received(anna), ["group", "text", "a"]);
  await service.removeConnectionsFromGroups(["a"], "length(userId) gt 0");
  report.check("removeConnectionsFromGroups", [await service.groupExists("a"), await service.groupExists("b")], [false, true]);
  await service.removeConnectionFromAllGroups(anna.id);
  report.check("removeConnectionFromAllGroups", [await service.groupExists("b"), await service.groupExists("of-token")], [false, false]);
  await service.group("a").addUser("ben");
  await service.removeUserFromAllGroups("ben");
  report.check("removeUserFromAllGroups", await service.groupExists("a"), false);
  await fence("groups");

  const may = () => service.hasPermission(ben.id, "sendToGroup", { targetName: "p" });
  report.check("hasPermission, before", await may(), false);
  await service.grantPermission(ben.id, "sendToGroup", { targetName: "p" });
  report.check("grantPermission", await may(), true);
  ben.send({ type: "sendToGroup", group: "p", ackId: 1, data: 1 });
  report.check("grantPermission: its effect", await ben.next(), { type: "ack", ackId: 1, success: true });
  await service.revokePermission(ben.id, "sendToGroup", { targetName: "p" });
  report.check("revokePermission", await may(), false);
  ben.send({ type: "sendToGroup", group: "p", ackId: 2, data: 1 });
  report.check("revokePermission: its effect", (await ben.next()).error.name, "Forbidden");

  const refused = async (call) => call.then(() => "accepted", (error) => [error.statusCode, error.code]);
  report.check("a missing connection", await refused(group.addConnection("no")), [404, "Error.Connection.NotExisted"]);
  report.check("a missing user", await refused(group.addUser("no")), [404, "Warning.User.NotExisted"]);
  report.check("a missing connection's permission", await refused(service.grantPermission("no", "sendToGroup", { targetName: "p" })), [404, "Info.Connection.NotExisted"]);
  // The client does not read the code from application/problem+json.
  report.check("a bad filter", (await refused(service.sendToAll("x", { filter: "invalid filter" })))[0], 400);
  const stranger = new WebPubSubServiceClient(ready.pubsub.endpoint, new AzureKeyCredential("wrong".repeat(10)), HUB, options);
  report.check("a wrong key", (await refused(stranger.sendToAll("x")))[0], 401);

  await service.closeConnection(anna.id, { reason: "bye" });
  report.check("closeConnection: the reason", await anna.next(), { type: "system", event: "disconnected", message: "bye" });
  report.check("closeConnection: the code", (await anna.closed)[0], 1000);
  const other = await open({ userId: "ben" });
  await service.closeUserConnections("ben", { reason: "all of ben" });
  for (const socket of [ben, other]) report.check("closeUserConnections", (await socket.next()).message, "all of ben");
  const [carl, dora] = [await open({ userId: "carl", groups: ["k"] }), await open({ userId: "dora" })];
  await service.group("k").closeAllConnections({ reason: "group" });
  report.check("group.closeAllConnections", (await carl.next()).message, "group");
  report.check("group.closeAllConnections leaves others", await service.connectionExists(dora.id), true);
  const simple = await open({}, null);
  await service.closeAllConnections({ reason: "everybody" });
  report.check("closeAllConnections", (await dora.next()).message, "everybody");
  report.check("a simple client gets a close frame alone", [await simple.closed, simple.frames], [[1000, "everybody"], []]);

  // A fault answers two requests with 429; the client tries again.
  const rule = { at: "request", fault: "status", status: 429, retryAfter: 0, times: 2 };
  await fetch(`${ready.control}/faults`, { method: "POST", body: JSON.stringify({ rules: [rule] }) });
  report.check("429 is tried again", await service.userExists("anna"), false);
  const faults = await (await fetch(`${ready.control}/faults`)).json();
  report.check("and was answered twice", faults.rules[0].struck, 2);
  await fetch(`${ready.control}/faults`, { method: "DELETE" });
  const state = await (await fetch(`${ready.control}/state`)).json();
  report.check("the hub is empty at the end", state.hubs[HUB], undefined);
  report.end();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
