// One role of a hybrid connection, played by the official Node packages:
//
//   node relay_peer.js ws-listener | https-listener | ws-sender
//
// The settings come as JSON on stdin: host, port, path, keyName, key. A listener
// prints `ready` and echoes until it is killed; the sender runs its checks and
// prints a line of JSON. NODE_PATH names the folder with hyco-ws or hyco-https,
// NODE_EXTRA_CA_CERTS the certificate authority of the emulator.
'use strict';

const assert = require('assert');
const fs = require('fs');

const role = process.argv[2];
const settings = JSON.parse(fs.readFileSync(0, 'utf8'));
const { host, port, path, keyName, key } = settings;
const base = `wss://${host}:${port}/$hc/${path}`;

function token(library) {
  return library.createRelayToken(`https://${host}/${path}`, keyName, key);
}

function listenWebSockets() {
  const library = require('hyco-ws');
  const server = library.createRelayedServer(
    { server: `${base}?sb-hc-action=listen`, token: () => token(library) },
    (socket) => {
      socket.on('message', (data, flags) => socket.send(data, { binary: flags.binary }));
    },
  );
  server.on('listening', () => console.log('ready'));
  server.on('error', (error) => console.error('listener:', String(error && error.message || error)));
}

function listenHttps() {
  const library = require('hyco-https');
  const server = library.createRelayedServer(
    { server: `${base}?sb-hc-action=listen`, token: () => token(library) },
    (request, response) => {
      const parts = [];
      request.on('data', (part) => parts.push(part));
      request.on('end', () => {
        const body = Buffer.concat(parts);
        response.setHeader('x-method', request.method);
        response.setHeader('x-target', request.url);
        response.setHeader('content-type', 'application/octet-stream');
        response.statusCode = 200;
        if (request.url.includes('chunks')) {
          for (let at = 0; at < body.length; at += 10000) {
            response.write(body.subarray(at, at + 10000));
          }
          response.end();
        } else if (body.length > 0) {
          response.end(body);
        } else {
          // hyco-https never answers when it is given an empty body.
          response.end();
        }
      });
    },
  );
  server.on('listening', () => console.log('ready'));
  server.on('error', (error) => console.error('listener:', String(error && error.message || error)));
  server.listen();
}

function sendWebSockets() {
  const library = require('hyco-ws');
  const uri = `${base}?sb-hc-action=connect&sb-hc-id=7c8e1c1a-6b8e-4a52-8d5a-0c9f6f3f2d10`;
  const sizes = [1, 65536, 5 * 1024 * 1024];
  const messages = [];
  for (const size of sizes) {
    messages.push('t'.repeat(size), Buffer.alloc(size, 7));
  }
  let index = 0;
  const client = library.relayedConnect(uri, token(library), () => client.send(messages[0]));
  client.on('message', (data, flags) => {
    const sent = messages[index];
    const isBinary = Buffer.isBuffer(sent);
    assert.strictEqual(Boolean(flags.binary), isBinary);
    assert.ok(isBinary ? sent.equals(data) : sent === data, `message ${index}`);
    index += 1;
    if (index < messages.length) {
      client.send(messages[index], { binary: Buffer.isBuffer(messages[index]) });
    } else {
      client.close(1000);
    }
  });
  client.on('error', (error) => {
    console.log(JSON.stringify({ error: String(error.message || error) }));
    process.exit(1);
  });
  client.on('close', (code) => {
    console.log(JSON.stringify({ echoed: index, of: messages.length, code }));
    process.exit(index === messages.length ? 0 : 1);
  });
}

const roles = {
  'ws-listener': listenWebSockets,
  'https-listener': listenHttps,
  'ws-sender': sendWebSockets,
};
roles[role]();
