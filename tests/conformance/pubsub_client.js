// The official JavaScript client, @azure/web-pubsub-client, against our
// emulator: joins, sends, events, streams, and 1,000 messages over 20 losses of
// the network.
//
// Reads the emulator's ready line on stdin:
//
//     azwire-emulator | { read -r ready; echo "$ready" | node tests/conformance/pubsub_client.js; }
//
// Needs @azure/web-pubsub, @azure/web-pubsub-client and ws. Prints a line for
// each check and ends with `N passed, N failed`.

const { readFileSync } = require("node:fs");
const { WebPubSubServiceClient } = require("@azure/web-pubsub");
const { WebPubSubClient, WebPubSubJsonProtocol, WebPubSubJsonReliableProtocol } = require("@azure/web-pubsub-client");
const { Report, timed, until } = require("./pubsub_support.js");

const HUB = "jsclient";
const MESSAGES = 1000;
const DROPS = 20;
const ROLES = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"];

async function started(url, protocol) {
  const client = new WebPubSubClient(url, { protocol, messageRetryOptions: { maxRetries: 0 } });
  const connected = new Promise((resolve) => client.on("connected", resolve));
  await client.start();
  client.hello = await timed(connected, "connected");
  return client;
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

async function basics(report, kind, protocol, service) {
  const url = async (userId) => (await service.getClientAccessToken({ userId, roles: ROLES })).url;
  const [anna, ben] = [await started(await url("anna"), protocol()), await started(await url("ben"), protocol())];
  report.check(`${kind}: connected tells the user`, anna.hello.userId, "anna");
  report.check(`${kind}: joinGroup`, (await anna.joinGroup("g")).isDuplicated, false);
  await ben.joinGroup("g");
  const bytes = new Uint8Array([0, 1, 255]).buffer;
  for (const [dataType, content] of [["text", "grüße"], ["json", { a: [1] }], ["binary", bytes]]) {
    const message = next(anna, "group-message");
    await ben.sendToGroup("g", content, dataType, { noEcho: true });
    const got = await message;
    report.check(`${kind}: ${dataType} goes to the group`, [got.group, got.fromUserId, got.dataType, got.data], ["g", "ben", dataType, content]);
  }
  report.check(`${kind}: an ack id that comes again is a duplicate`, [
    (await ben.sendToGroup("h", "1", "text", { ackId: 4711 })).isDuplicated,
    (await ben.sendToGroup("h", "1", "text", { ackId: 4711 })).isDuplicated,
  ], [false, true]);
  const fromServer = next(ben, "server-message");
  await service.sendToUser("ben", { b: 1 });
  report.check(`${kind}: a message of the server`, (await fromServer).data, { b: 1 });
  await anna.leaveGroup("g");
  const failure = await ben.sendEvent("e", "x", "text").catch((error) => error.errorDetail?.name);
  report.check(`${kind}: an event that nobody handles`, failure, "InternalServerError");
  const invoked = await ben.invokeEvent("e", "x", "text").catch((error) => error.errorDetail?.name);
  report.check(`${kind}: an invocation that nobody handles`, invoked, "InternalServerError");

  const parts = [];
  const ended = new Promise((resolve, reject) => {
    ben.onGroupStream(async (stream) => {
      try {
        for await (const part of stream) parts.push(part.data ?? part);
        resolve();
      } catch (error) {
        reject(error);
      }
    }, { groupNames: ["g"] });
  });
  const writer = await anna.openGroupStream("g");
  for (const part of ["one", "two", "three"]) await writer.write(part, "text");
  await writer.end();
  await timed(ended, "the end of the stream");
  report.check(`${kind}: a stream arrives whole and in order`, parts, ["one", "two", "three"]);
  const closed = new Promise((resolve) => anna.on("stopped", resolve));
  anna.stop();
  await timed(closed, "stopped");
  ben.stop();
}

async function recovery(report, service, control) {
  const receiver = await started((await service.getClientAccessToken({ userId: "receiver", roles: ROLES })).url, WebPubSubJsonReliableProtocol());
  const sender = await started((await service.getClientAccessToken({ userId: "sender", roles: ROLES })).url, WebPubSubJsonReliableProtocol());
  await receiver.joinGroup("r");
  const received = [];
  let disconnected = 0;
  receiver.on("group-message", ({ message }) => received.push(message.data));
  receiver.on("disconnected", () => (disconnected += 1));
  const rule = { at: "delivery", fault: "drop", hub: HUB, user: "receiver", every: Math.floor(MESSAGES / DROPS) - 5, times: DROPS };
  await fetch(`${control}/faults`, { method: "POST", body: JSON.stringify({ seed: 1, rules: [rule] }) });
  for (let index = 0; index < MESSAGES; index += 1) await sender.sendToGroup("r", index, "json");
  await until(() => received.length >= MESSAGES, "all messages");
  const struck = (await (await fetch(`${control}/faults`)).json()).rules[0].struck;
  report.check("recovery: the network was lost so often", struck, DROPS);
  report.check("recovery: nothing is lost, doubled or out of order", received, [...Array(MESSAGES).keys()]);
  report.check("recovery: it was never disconnected", disconnected, 0);
  await fetch(`${control}/faults`, { method: "DELETE" });
  sender.stop();
  receiver.stop();
}

async function main() {
  const ready = JSON.parse(readFileSync(0, "utf8"));
  const report = new Report();
  const service = new WebPubSubServiceClient(ready.pubsub.connectionString, HUB, { allowInsecureConnection: true });
  await basics(report, "json", WebPubSubJsonProtocol, service);
  await basics(report, "json reliable", WebPubSubJsonReliableProtocol, service);
  await recovery(report, service, ready.control);
  report.end();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
