// The official JavaScript service client, @azure/web-pubsub, against our
// emulator: every operation, and what each does to connected clients.
//
//     azwire-emulator | { read -r ready; echo "$ready" | node tests/conformance/pubsub_service.js key; }
//
// With `key` it has the connection string; with `entra` the endpoint over TLS and a credential
// of its own with a token that Entra did not sign, and the emulator must have been started
// with --allow-unvalidated-entra-tokens --socket-io; NODE_EXTRA_CA_CERTS names its authority. Needs @azure/web-pubsub and ws. Prints
// a line for each check and ends with `N passed, N failed`.

const { randomBytes } = require("node:crypto");
const { readFileSync } = require("node:fs");
const { AzureKeyCredential, WebPubSubServiceClient, odata } = require("@azure/web-pubsub");
const { Report, Socket, methods, run } = require("./pubsub_support.js");

const JSON_PROTOCOL = "json.webpubsub.azure.v1";
const TEXT = { contentType: "text/plain" };

/** What Entra would hand out, but for the signature. */
function entraToken({ audience = "https://webpubsub.azure.com", lifetime = 3600 } = {}) {
  const part = (value) => Buffer.from(value).toString("base64url");
  const tenant = "5c1f0d0b-0d5e-4b57-8f5e-6f4c0a6d2b11";
  const now = Math.floor(Date.now() / 1000);
  const claims = { aud: audience, iss: `https://sts.windows.net/${tenant}/`, iat: now, nbf: now, exp: now + lifetime, tid: tenant, ver: "1.0" };
  return [JSON.stringify({ typ: "JWT", alg: "RS256", kid: "none" }), JSON.stringify(claims), randomBytes(256)].map(part).join(".");
}

/** A credential that notes the scopes that it is asked for. */
function credential(token) {
  const scopes = [];
  const getToken = async (asked) => {
    scopes.push(asked);
    return { token, expiresOnTimestamp: Date.now() + 3600000 };
  };
  return { scopes, getToken };
}

async function main() {
  const mode = process.argv[2];
  const ready = JSON.parse(readFileSync(0, "utf8"));
  const report = new Report(mode === "key" ? "JavaScript" : "JavaScript, Entra");
  const hub = `js${mode}`;
  const options = { allowInsecureConnection: true };
  const entra = credential(entraToken());
  const bare =
    mode === "key"
      ? new WebPubSubServiceClient(ready.pubsub.connectionString, hub, options)
      : new WebPubSubServiceClient(ready.pubsub.secureEndpoint, entra, hub);
  const service = report.watch(bare);
  const groupOf = (name) => report.watch(service.group(name), "group.");
  const group = groupOf("g/1 ü");

  const open = async (tokenOptions, protocol = JSON_PROTOCOL) => {
    const { url } = await service.getClientAccessToken(tokenOptions);
    const socket = await Socket.open(url, protocol);
    if (protocol) {
      socket.hello = await socket.next();
      socket.id = socket.hello.connectionId;
    }
    return socket;
  };
  const anna = await open({ userId: "anna", roles: ["webpubsub.joinLeaveGroup"], groups: ["of-token"] });
  const ben = await open({ userId: "ben" });
  const all = [anna, ben];
  // What each client gets next, so that whatever was to be nothing was nothing.
  let fences = 0;
  const fence = async () => {
    const text = `fence ${++fences}`;
    await bare.sendToAll(text, TEXT);
    const next = [];
    for (const socket of all) next.push((await socket.next()).data === text ? "fence" : "something else");
    return next;
  };
  const quiet = ["fence", "fence"];
  const received = async (socket) => {
    const message = await socket.next();
    return [message.from, message.dataType, message.data];
  };
  const both = async () => [await received(anna), await received(ben)];

  anna.send({ type: "joinGroup", group: "of-role", ackId: 1 });
  const joined = (await anna.next()).success;
  report.check("client token: user, roles and groups", [anna.hello.userId, joined, await service.groupExists("of-token")], ["anna", true, true]);
  const short = (await service.getClientAccessToken({ expirationTimeInMinutes: 5 })).token;
  const claims = JSON.parse(Buffer.from(short.split(".")[1], "base64url"));
  report.check("client token: lifetime", claims.exp - claims.iat, 300);
  const paths = { Default: "/client/hubs/", MQTT: "/clients/mqtt/hubs/", SocketIO: "/clients/socketio/hubs/" };
  for (const [name, path] of Object.entries(paths)) {
    const { url } = await service.getClientAccessToken({ clientProtocol: name.toLowerCase() });
    report.check(`client token: URL of ${name}`, url.includes(path), true);
  }

  await service.sendToAll({ a: 1 });
  report.check("send to all: an object as JSON", await both(), Array(2).fill(["server", "json", { a: 1 }]));
  await service.sendToAll("hi");
  report.check("send to all: a string as JSON", await both(), Array(2).fill(["server", "json", "hi"]));
  await service.sendToAll("hi", TEXT);
  report.check("send to all: text", await both(), Array(2).fill(["server", "text", "hi"]));
  await service.sendToAll(Buffer.from([0, 1, 255]), { contentType: "application/octet-stream" });
  report.check("send to all: bytes", await both(), Array(2).fill(["server", "binary", "AAH/"]));
  await service.sendToAll("x", { ...TEXT, excludedConnections: [anna.id] });
  report.check("send to all: excluded connections", [await received(ben), await fence()], [["server", "text", "x"], quiet]);
  await service.sendToAll("y", { ...TEXT, filter: odata`userId eq ${"anna"}` });
  report.check("send to all: filter", [await received(anna), await fence()], [["server", "text", "y"], quiet]);
  await service.sendToAll("z", { ...TEXT, messageTtlSeconds: 60 });
  report.check("send to all: time to live", await both(), Array(2).fill(["server", "text", "z"]));

  await service.sendToUser("ben", "u", TEXT);
  report.check("send to user", [await received(ben), await fence()], [["server", "text", "u"], quiet]);
  await service.sendToUser("nobody", "u", TEXT);
  report.check("send to user: nobody there", await fence(), quiet);
  await service.sendToConnection(anna.id, "c", TEXT);
  report.check("send to connection", [await received(anna), await fence()], [["server", "text", "c"], quiet]);
  await service.sendToConnection("nobody", { a: 1 });
  report.check("send to connection: nobody there", await fence(), quiet);

  report.check("connection exists", [await service.connectionExists(anna.id), await service.connectionExists("no")], [true, false]);
  report.check("user exists", [await service.userExists("anna"), await service.userExists("no")], [true, false]);
  report.check("group exists", [await service.groupExists("of-token"), await service.groupExists("OF-TOKEN")], [true, false]);

  await group.addConnection(anna.id);
  await group.sendToAll("g", TEXT);
  const inGroup = { type: "message", from: "group", group: "g%2F1 ü", dataType: "text", data: "g" };
  report.check("add connection to group, send to group", [await anna.next(), await fence()], [inGroup, quiet]);
  await group.addUser("ben");
  await group.sendToAll({ g: 2 }, { excludedConnections: [anna.id] });
  report.check("add user to group", [await received(ben), await fence()], [["group", "json", { g: 2 }], quiet]);
  const list = async (options) => {
    const found = [];
    for await (const member of await group.listConnections(options)) found.push(member);
    return found;
  };
  // The service orders ids as .NET does, and a page in its own way.
  const sorted = (list) => [...list].sort((a, b) => (a.connectionId < b.connectionId ? -1 : 1));
  const members = sorted(all.map((socket, index) => ({ connectionId: socket.id, userId: ["anna", "ben"][index] })));
  report.check("list the connections of a group", sorted(await list()), members);
  const pages = await list({ maxPageSize: 1 });
  report.check("list the connections of a group: page by page", sorted(pages), members);
  report.check("list the connections of a group: the first only", await list({ maxPageSize: 1, top: 1 }), pages.slice(0, 1));
  await group.sendToAll("h", { ...TEXT, excludedConnections: [ben.id], filter: "length(userId) gt 0" });
  report.check("send to group: excluded connections and filter", [await received(anna), await fence()], [["group", "text", "h"], quiet]);
  await group.removeUser("ben");
  await group.sendToAll("i", TEXT);
  report.check("remove user from group", [await received(anna), await fence()], [["group", "text", "i"], quiet]);
  await group.removeConnection(anna.id);
  await group.removeConnection(anna.id);
  await group.sendToAll("nobody hears", TEXT);
  report.check("remove connection from group", await fence(), quiet);

  await service.addConnectionsToGroups(["a", "b"], odata`userId in (${"anna"}, ${"other"})`);
  await groupOf("a").sendToAll("a", { ...TEXT, filter: "'b' in groups" });
  report.check("add connections to groups", [await received(anna), await fence()], [["group", "text", "a"], quiet]);
  await service.removeConnectionsFromGroups(["a"], "length(userId) gt 0");
  report.check("remove connections from groups", [await service.groupExists("a"), await service.groupExists("b")], [false, true]);
  await service.removeConnectionFromAllGroups(anna.id);
  report.check("remove connection from all groups", [await service.groupExists("b"), await service.groupExists("of-token")], [false, false]);
  await groupOf("a").addUser("ben");
  await service.removeUserFromAllGroups("ben");
  report.check("remove user from all groups", await service.groupExists("a"), false);

  const may = () => service.hasPermission(ben.id, "sendToGroup", { targetName: "p" });
  const attempt = async (ackId) => {
    ben.send({ type: "sendToGroup", group: "p", ackId, data: 1 });
    return ben.next();
  };
  report.check("check permission", await may(), false);
  await service.grantPermission(ben.id, "sendToGroup", { targetName: "p" });
  report.check("grant permission", [await may(), await attempt(1)], [true, { type: "ack", ackId: 1, success: true }]);
  await service.revokePermission(ben.id, "sendToGroup", { targetName: "p" });
  report.check("revoke permission", [await may(), (await attempt(2)).error.name], [false, "Forbidden"]);

  const refused = async (call) => call.then(() => "accepted", (error) => [error.statusCode, error.code]);
  report.check("a missing connection is 404", await refused(group.addConnection("no")), [404, "Error.Connection.NotExisted"]);
  report.check("a missing user is 404", await refused(group.addUser("no")), [404, "Warning.User.NotExisted"]);
  report.check("a missing connection's permission is 404", await refused(service.grantPermission("no", "sendToGroup", { targetName: "p" })), [404, "Info.Connection.NotExisted"]);
  // The client does not read the code from application/problem+json.
  report.check("a bad filter is 400", (await refused(service.sendToAll("x", { filter: "invalid filter" })))[0], 400);
  if (mode === "key") {
    const stranger = new WebPubSubServiceClient(ready.pubsub.endpoint, new AzureKeyCredential("wrong".repeat(10)), hub, options);
    report.check("a wrong key is 401", (await refused(stranger.sendToAll("x")))[0], 401);
    const unsigned = new WebPubSubServiceClient(ready.pubsub.secureEndpoint, credential(entraToken()), hub);
    report.check("an Entra token that nobody allowed is 401", (await refused(unsigned.sendToAll("x")))[0], 401);
  } else {
    const { url } = await service.getClientAccessToken();
    report.check("clients are sent to wss", url.startsWith(ready.pubsub.secureEndpoint.replace("https:", "wss:")), true);
    report.check("the token is for webpubsub.azure.com, and asked for once", entra.scopes.map(String), ["https://webpubsub.azure.com/.default"]);
    const tokens = {
      "for Key Vault": entraToken({ audience: "https://vault.azure.net" }),
      "that has expired": entraToken({ lifetime: -3600 }),
      "that is no token": "a.b.c",
    };
    for (const [name, token] of Object.entries(tokens)) {
      const other = new WebPubSubServiceClient(ready.pubsub.secureEndpoint, credential(token), hub);
      report.check(`a token ${name} is 401`, (await refused(other.sendToAll("x")))[0], 401);
    }
  }

  await service.closeConnection(anna.id, { reason: "bye" });
  const goodbye = { type: "system", event: "disconnected", message: "bye" };
  report.check("close connection", [await anna.next(), (await anna.closed)[0]], [goodbye, 1000]);
  await service.closeConnection(anna.id);
  report.check("close connection: it is gone already", await service.connectionExists(anna.id), false);
  const other = await open({ userId: "ben" });
  await service.closeUserConnections("ben", { reason: "user" });
  report.check("close the connections of a user", [(await ben.next()).message, (await other.next()).message], ["user", "user"]);
  const [carl, dora] = [await open({ userId: "carl", groups: ["k"] }), await open({ userId: "dora" })];
  await groupOf("k").closeAllConnections({ reason: "group" });
  report.check("close the connections of a group", [(await carl.next()).message, await service.connectionExists(dora.id)], ["group", true]);
  const simple = await open({}, null);
  await service.closeAllConnections({ reason: "everybody" });
  report.check("close all connections", (await dora.next()).message, "everybody");
  report.check("close all connections: a simple client", [await simple.closed, simple.frames], [[1000, "everybody"], []]);

  // A fault answers two requests with 429; the client tries again.
  const rule = { at: "request", fault: "status", status: 429, retryAfter: 0, times: 2 };
  await fetch(`${ready.control}/faults`, { method: "POST", body: JSON.stringify({ rules: [rule] }) });
  const exists = await service.userExists("anna");
  const { struck } = (await (await fetch(`${ready.control}/faults`)).json()).rules[0];
  report.check("a request that is throttled twice is tried again", [exists, struck], [false, 2]);
  await fetch(`${ready.control}/faults`, { method: "DELETE" });
  const state = await (await fetch(`${ready.control}/state`)).json();
  report.check("the hub is empty at the end", state.hubs[hub], undefined);
  report.complete(
    ["", methods(WebPubSubServiceClient.prototype)],
    ["group.", methods(Object.getPrototypeOf(bare.group("x")))],
  );
  report.end();
}

run(main);
