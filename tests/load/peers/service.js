// The official JavaScript service client, @azure/web-pubsub: `tokens N`,
// `send N` one after the other, `send-together N` with 64 at once.
'use strict';

const { WebPubSubServiceClient } = require('@azure/web-pubsub');
const { run } = require('./lines.js');

const TEXT = 'x'.repeat(128);
const AT_ONCE = 64;
const TOKEN = {
  userId: 'user1',
  roles: ['webpubsub.joinLeaveGroup', 'webpubsub.sendToGroup.room1'],
  groups: ['room1'],
};

run(async ({ connectionString }) => {
  const options = { allowInsecureConnection: true };
  const service = new WebPubSubServiceClient(connectionString, 'bench', options);
  const send = async (count) => {
    for (let sent = 0; sent < count; sent += 1) {
      await service.sendToAll(TEXT, { contentType: 'text/plain' });
    }
  };
  return {
    tokens: async (count) => {
      for (let made = 0; made < count; made += 1) {
        await service.getClientAccessToken(TOKEN);
      }
    },
    send,
    'send-together': (count) => Promise.all(Array.from({ length: AT_ONCE }, () => send(count / AT_ONCE))),
  };
});
