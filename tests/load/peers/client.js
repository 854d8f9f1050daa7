// The official JavaScript client, @azure/web-pubsub-client: `receive N` asks for
// a flood and takes N group messages.
'use strict';

const { WebPubSubClient, WebPubSubJsonProtocol, WebPubSubJsonReliableProtocol } = require('@azure/web-pubsub-client');
const { run } = require('./lines.js');

run(async ({ url, reliable }) => {
  const protocol = reliable ? WebPubSubJsonReliableProtocol() : WebPubSubJsonProtocol();
  const client = new WebPubSubClient(url, { protocol });
  let left = 0;
  let done = null;
  client.on('group-message', () => {
    left -= 1;
    if (left === 0) {
      done();
    }
  });
  const connected = new Promise((resolve) => client.on('connected', resolve));
  await client.start();
  await connected;
  return {
    receive: async (count) => {
      const all = new Promise((resolve) => {
        done = resolve;
      });
      left = count;
      await client.sendToGroup('go', 'now', 'text', { fireAndForget: true });
      await all;
    },
  };
});
