// The official extension of Socket.IO, @azure/web-pubsub-socket.io, against our
// emulator: the tokens that it hands out, and what its adapter does by REST to
// clients that are members of the groups it makes of rooms.
//
//     azwire-emulator | { read -r ready; echo "$ready" | node tests/conformance/pubsub_socketio.js; }
//
// The resource kind "Web PubSub for Socket.IO" is not emulated: what needs its
// tunnel or its clients' endpoint fails here, and is recorded so. Needs
// @azure/web-pubsub-socket.io and ws. Prints a line for each check and ends
// with `N passed, N failed`.

const { createHmac } = require("node:crypto");
const { readFileSync } = require("node:fs");
const http = require("node:http");
const { WebPubSubServiceClient } = require("@azure/web-pubsub");
const socketio = require("@azure/web-pubsub-socket.io");
// The parts that its server puts together once the tunnel is open.
const { WebPubSubAdapterProxy } = require("@azure/web-pubsub-socket.io/dist/SIO");
const { RestServiceClient } = require("@azure/web-pubsub-socket.io/dist/common/rest-service-client");
const { Server } = require("socket.io");
const { Report, Socket, run } = require("./pubsub_support.js");

const HUB = "socketio";
// How long what cannot work is given, in milliseconds.
const PATIENCE = 1000;

/** What a negotiation answers, with the request that it is given. */
async function negotiated(middleware, user) {
  const server = http.createServer((request, response) => {
    request.user = user;
    middleware(request, response, () => {});
  });
  server.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  try {
    const answer = await fetch(`http://127.0.0.1:${server.address().port}/negotiate?expirationMinutes=7`);
    return await answer.json();
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** The claims of a token that the key has signed, and nothing of another. */
function claims(token, key) {
  const [header, payload, signature] = token.split(".");
  const right = createHmac("sha256", key).update(`${header}.${payload}`).digest("base64url");
  return signature === right ? JSON.parse(Buffer.from(payload, "base64url")) : undefined;
}

/** Whether a promise is kept in time. */
function kept(promise) {
  const late = new Promise((resolve) => setTimeout(() => resolve(false), PATIENCE));
  return Promise.race([promise.then(() => true, () => false), late]);
}

async function tokens(report, ready, library) {
  const { connectionString, endpoint } = ready.pubsub;
  const key = /AccessKey=([^;]+)/.exec(connectionString)[1];
  const options = { hub: HUB, connectionString };
  const answer = await negotiated(library.negotiate(options));
  const place = [answer.endpoint, answer.path];
  report.check("negotiate: the place", place, [endpoint.replace(/\/$/, ""), `/clients/socketio/hubs/${HUB}`]);
  const plain = claims(answer.token, key);
  report.check("negotiate: a token for it, signed with the key", [plain.aud, plain.exp - plain.iat], [`${endpoint.replace(/\/$/, "")}${answer.path}`, 3600]);
  const own = await negotiated(library.negotiate(options, async () => ({ userId: "anna", expirationTimeInMinutes: 5 })));
  const annas = claims(own.token, key);
  report.check("negotiate: the user and the lifetime of one's own", [annas.sub, annas.userId, annas.exp - annas.iat], ["anna", "anna", 300]);
  const passport = await negotiated(library.negotiate(options, library.usePassport()), { id: "ben" });
  const bens = claims(passport.token, key);
  report.check("negotiate: the user of Passport", [bens.sub, bens.exp - bens.iat], ["ben", 420]);
  const request = { claims: { userId: ["ben"] } };
  let went = false;
  library.restorePassport()(request, {}, () => (went = true));
  report.check("the user of Passport is given back", [request.session, went], [{ passport: { user: "ben" } }, true]);

  const url = `${answer.endpoint.replace(/^http/, "ws")}${answer.path}/?EIO=4&transport=websocket&access_token=${answer.token}`;
  report.check("a client of Socket.IO connects", await kept(Socket.open(url)), true);
  const io = new Server(http.createServer());
  const opened = kept(library.useAzureSocketIO(io, options));
  report.check("a server of Socket.IO connects, by the tunnel", await opened, true);
}

async function adapter(report, ready) {
  const bare = new RestServiceClient(ready.pubsub.connectionString, HUB, { allowInsecureConnection: true });
  const service = report.watch(bare);
  const io = new Server();
  io.adapter(new WebPubSubAdapterProxy(service));
  const namespace = io.of("/");
  const name = (room) => `0~${Buffer.from("/").toString("base64url")}~${Buffer.from(room).toString("base64url")}`;
  // The extension's own client makes tokens for Socket.IO only.
  const tokens = new WebPubSubServiceClient(ready.pubsub.connectionString, HUB);
  // Each is a member of the namespace, and of a room of its own.
  const open = async (room) => {
    const { url } = await tokens.getClientAccessToken({ groups: [name(""), name(room)] });
    const socket = await Socket.open(url, "json.webpubsub.azure.v1");
    socket.id = (await socket.next()).connectionId;
    return socket;
  };
  const [red, blue] = [await open("red"), await open("blue")];
  let fences = 0;
  // The text that each gets next, and after it nothing before the fence.
  const texts = async (...sockets) => {
    const got = [];
    for (const socket of sockets) got.push((await socket.next()).data);
    const text = `fence ${++fences}`;
    await bare.sendToAll(text, { contentType: "text/plain" });
    for (const socket of [red, blue]) got.push((await socket.next()).data === text);
    return got;
  };
  const packet = (event, ...data) => `42${JSON.stringify([event, ...data])}`;

  io.emit("all", 1);
  report.check("emit to everybody", await texts(red, blue), [packet("all", 1), packet("all", 1), true, true]);
  io.to("red").emit("room", { a: "ü" });
  report.check("emit to a room", await texts(red), [packet("room", { a: "ü" }), true, true]);
  io.to("red").to("blue").emit("rooms");
  report.check("emit to two rooms", await texts(red, blue), [packet("rooms"), packet("rooms"), true, true]);
  io.except("red").emit("others");
  report.check("emit to everybody but a room", await texts(blue), [packet("others"), true, true]);
  io.to("red").except("blue").emit("only");
  report.check("emit to a room but not another", await texts(red), [packet("only"), true, true]);

  const settled = async (room, wanted) => {
    for (let tries = 0; tries < 500 && (await bare.groupExists(name(room))) !== wanted; tries += 1) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  io.in("red").socketsJoin(["green", "grey"]);
  await settled("grey", true);
  io.to("green").emit("green");
  report.check("the sockets of a room join others", await texts(red), [packet("green"), true, true]);
  io.in("red").socketsLeave("green");
  await settled("green", false);
  report.check("the sockets of a room leave another", [await bare.groupExists(name("green")), await bare.groupExists(name("grey"))], [false, true]);

  // A socket of the server, as it is after its client's handshake.
  namespace.sockets.set("sid", { conn: { id: blue.id } });
  await namespace.adapter.addAll("sid", new Set(["sid", "white"]));
  io.to("white").emit("white");
  report.check("a socket joins a room", await texts(blue), [packet("white"), true, true]);
  await namespace.adapter.del("sid", "white");
  report.check("a socket leaves a room", await bare.groupExists(name("white")), false);
  await namespace.adapter.delAll("sid");
  report.check("a socket is told that it is disconnected", await texts(blue), ["41", true, true]);
  io.in("red").disconnectSockets();
  report.check("the sockets of a room are told that they are disconnected", await texts(red), ['41{"close":false}', true, true]);

  await service.sendToConnection(red.id, packet("direct"), { contentType: "text/plain" });
  report.check("send to a connection", await texts(red), [packet("direct"), true, true]);
  const claimed = JSON.parse(Buffer.from((await service.getClientAccessToken({ userId: "anna" })).token.split(".")[1], "base64url"));
  report.check("its own client's token", [claimed.sub, new URL(claimed.aud).pathname], ["anna", `/clients/socketio/hubs/${HUB}`]);
  const answered = new Promise((resolve, reject) => {
    service.invoke(packet("question"), (_, isEnd) => isEnd && resolve(), { contentType: "text/plain" }).catch(reject);
  });
  report.check("emit with acknowledgements, by :invoke", await kept(answered), true);
  for (const socket of [red, blue]) socket.socket.close(1000);
}

async function main() {
  const ready = JSON.parse(readFileSync(0, "utf8"));
  const report = new Report("Socket.IO extension");
  const library = report.watch(socketio);
  await tokens(report, ready, library);
  await adapter(report, ready);
  // What it adds to the service client, which has a script of its own; two of all
  // cannot be proved without the resource kind that it is for.
  const unproved = ["useAzureSocketIO", "invoke"];
  const own = [...Object.keys(socketio), ...Object.getOwnPropertyNames(RestServiceClient.prototype).filter((name) => name !== "constructor")];
  report.complete(["", own.filter((name) => !unproved.includes(name))]);
  report.end();
}

run(main);
