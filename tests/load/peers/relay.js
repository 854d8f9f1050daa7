// A stream through the relay by the official package hyco-ws: `listener` takes a
// text with a number, then as many bytes, and answers; `sender` has the command
// `stream COUNT SIZE`.
//
// NODE_PATH names the folder with hyco-ws, NODE_EXTRA_CA_CERTS the certificate
// authority of the emulator.
'use strict';

const library = require('hyco-ws');
const { run } = require('./lines.js');

// As much as a socket may hold back before the sender waits.
const HIGH_WATER = 1024 * 1024;

function token({ host, path, keyName, key }) {
  return library.createRelayToken(`https://${host}/${path}`, keyName, key);
}

function listen(settings) {
  const server = library.createRelayedServer(
    { server: `${settings.base}?sb-hc-action=listen`, token: () => token(settings) },
    (socket) => {
      let left = 0;
      socket.on('message', (data, flags) => {
        if (!flags.binary) {
          left = Number(data);
          return;
        }
        left -= data.length;
        if (left === 0) {
          socket.send('k');
        }
      });
    },
  );
  return new Promise((resolve, reject) => {
    server.on('listening', () => resolve({}));
    server.on('error', reject);
  });
}

function connect(settings) {
  return new Promise((resolve, reject) => {
    const client = library.relayedConnect(`${settings.base}?sb-hc-action=connect`, token(settings), () => resolve(client));
    client.on('error', reject);
  });
}

async function send(settings) {
  const client = await connect(settings);
  return {
    stream: async (count, size) => {
      const answered = new Promise((resolve) => client.once('message', resolve));
      const chunk = Buffer.alloc(size, 7);
      client.send(String(count * size));
      for (let sent = 0; sent < count; sent += 1) {
        if (client.bufferedAmount > HIGH_WATER) {
          await new Promise((resolve) => client.send(chunk, { binary: true }, resolve));
        } else {
          client.send(chunk, { binary: true });
        }
      }
      await answered;
    },
  };
}

run(process.argv[2] === 'listener' ? listen : send);
