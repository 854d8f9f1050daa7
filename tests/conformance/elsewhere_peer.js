// One role of Web PubSub on another machine than the emulator's, played by the
// official packages; `elsewhere.py` starts it.
//
//   node elsewhere_peer.js receive | send
//
// The settings come as JSON on stdin: connectionString, message. `receive` joins
// a group, prints `ready`, and then each message; `send` sends one to the group.
// NODE_EXTRA_CA_CERTS names the certificate authority of the emulator.
"use strict";

const { readFileSync } = require("node:fs");
const { WebPubSubServiceClient } = require("@azure/web-pubsub");
const { WebPubSubClient } = require("@azure/web-pubsub-client");

const settings = JSON.parse(readFileSync(0, "utf8"));
const service = new WebPubSubServiceClient(settings.connectionString, "elsewhere");

async function receive() {
  const getClientAccessUrl = async () => (await service.getClientAccessToken({ groups: ["g"] })).url;
  const client = new WebPubSubClient({ getClientAccessUrl });
  client.on("group-message", (event) => console.log(event.message.data));
  client.on("server-message", (event) => console.log(event.message.data));
  await client.start();
  console.log("ready");
}

const send = () => service.group("g").sendToAll(settings.message, { contentType: "text/plain" });

const roles = { receive, send };
roles[process.argv[2]]().catch((error) => {
  console.error(error);
  process.exit(1);
});
