// Traffic of official clients, and of what Azure calls: an event handler.
"use strict";

const http = require("node:http");
const path = require("node:path");
const { WebPubSubServiceClient } = require("@azure/web-pubsub");
const { WebPubSubClient, WebPubSubJsonProtocol } = require("@azure/web-pubsub-client");
const hycoHttps = require("hyco-https");
const { timed } = require("./support.js");

/** The official service client for a hub. */
function service(emulator, hub) {
  return new WebPubSubServiceClient(emulator.ready.pubsub.connectionString, hub, { allowInsecureConnection: true });
}

const ROLES = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"];

/** An official client that is connected; what it gets is in `received`. When it stops, it has ended: nothing recovers it. */
async function client(emulator, hub, { userId, groups, roles = ROLES } = {}) {
  const { url } = await service(emulator, hub).getClientAccessToken({ userId, groups, roles });
  const own = new WebPubSubClient(url, { protocol: WebPubSubJsonProtocol() });
  own.received = [];
  const note = (kind) => (event) => own.received.push({ kind, ...event.message });
  own.on("server-message", note("server"));
  own.on("group-message", note("group"));
  own.stopped = new Promise((resolve) => own.on("stopped", resolve));
  own.connected = new Promise((resolve) => own.on("connected", (event) => resolve(event.connectionId)));
  await own.start();
  own.id = await timed(own.connected, "a connection");
  emulator.ends.push(() => own.stop());
  return own;
}

/** The data of a message of an official client as text. */
function textOf({ data }) {
  if (typeof data === "string") return data;
  return data instanceof ArrayBuffer ? Buffer.from(data).toString() : JSON.stringify(data);
}

/** An event handler on a free port, which `answer(request)` answers: `{ status, headers, body }`. */
async function eventHandler(answer = () => ({})) {
  const requests = [];
  const server = http.createServer((request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => {
      if (request.method === "OPTIONS") {
        response.writeHead(200, { "WebHook-Allowed-Origin": "*" }).end();
        return;
      }
      const seen = { url: request.url, headers: request.headers, body: Buffer.concat(parts).toString() };
      requests.push(seen);
      const { status = 200, headers = {}, body = "" } = answer(seen);
      response.writeHead(status, headers).end(body);
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () =>
    new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${server.address().port}/{event}`, requests, close };
}

/** The addresses and tokens of a hybrid connection for the packages of Relay. */
function relayOf(emulator, library, name) {
  const { endpoint, connectionString } = emulator.ready.relay;
  const [, host, port] = /^sb:\/\/([^:]+):(\d+)\//.exec(endpoint);
  const field = (key) => new RegExp(`${key}=([^;]+)`).exec(connectionString)[1];
  // The packages do not know the port.
  const withPort = (uri) => uri.replace(`${host}:443`, `${host}:${port}`);
  const token = (uri) => library.createRelayToken(uri, field("SharedAccessKeyName"), field("SharedAccessKey"));
  return { host, port, withPort, token, listen: withPort(library.createRelayListenUri(host, name)) };
}

function listening(server) {
  const opened = new Promise((resolve, reject) => {
    server.on("listening", resolve);
    server.on("error", reject);
  });
  return timed(opened, "a listener");
}

/** The official listener for HTTP, hyco-https; `handle(request, response)` answers. */
async function httpListener(emulator, name, handle) {
  const { listen, token } = relayOf(emulator, hycoHttps, name);
  const server = hycoHttps.createRelayedServer({ server: listen, token: () => token(listen) }, handle);
  const opened = listening(server);
  server.listen();
  await opened;
  emulator.ends.push(() => server.close());
  return server;
}

/** The official packages for WebSockets through Relay, hyco-ws. */
const hycoWs = () => require(path.join(process.env.HYCO_WS, "hyco-ws"));

/** A listener of hyco-ws that sends back what it gets. */
async function echoListener(emulator, name) {
  const library = hycoWs();
  const { listen, token } = relayOf(emulator, library, name);
  const server = library.createRelayedServer({ server: listen, token: () => token(listen) }, (socket) => {
    socket.on("message", (data) => socket.send(data));
    socket.on("error", () => {});
  });
  await listening(server);
  emulator.ends.push(() => server.close());
  return server;
}

/** A sender of hyco-ws. */
async function sender(emulator, name) {
  const library = hycoWs();
  const { host, token, withPort } = relayOf(emulator, library, name);
  const uri = withPort(library.createRelaySendUri(host, name));
  const socket = library.relayedConnect(uri, token(uri));
  const opened = new Promise((resolve, reject) => {
    socket.on("open", resolve);
    socket.on("error", reject);
  });
  await timed(opened, "a sender");
  emulator.ends.push(() => socket.close());
  socket.closed = new Promise((resolve) => socket.on("close", (code, reason) => resolve({ code, reason })));
  return socket;
}

module.exports = { client, echoListener, eventHandler, httpListener, sender, service, textOf };
