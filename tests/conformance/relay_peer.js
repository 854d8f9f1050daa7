// One role of a hybrid connection, played by the official Node packages:
//
//   node relay_peer.js ws-listener | https-listener | ws-sender | https-sender
//
// The settings come as JSON on stdin: host, port, path, keyName, key. A listener
// prints `ready` and echoes until it is killed; a sender prints a line for each
// message or request that came back as it was sent. NODE_PATH names the folder
// with hyco-ws or hyco-https, NODE_EXTRA_CA_CERTS the certificate authority of
// the emulator.
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
  const messages = [];
  for (const [size, name] of [[1, '1 byte'], [65536, '64 KiB'], [5 * 1024 * 1024, '5 MiB']]) {
    messages.push([`text, ${name}`, 't'.repeat(size)], [`binary, ${name}`, Buffer.alloc(size, 7)]);
  }
  let index = 0;
  const send = () => client.send(messages[index][1], { binary: Buffer.isBuffer(messages[index][1]) });
  const client = library.relayedConnect(uri, token(library), send);
  client.on('message', (data, flags) => {
    const [name, sent] = messages[index];
    const isBinary = Buffer.isBuffer(sent);
    assert.strictEqual(Boolean(flags.binary), isBinary);
    assert.ok(isBinary ? sent.equals(data) : sent === data, name);
    console.log(`ok WebSocket: ${name}`);
    index += 1;
    if (index < messages.length) send();
    else client.close(1000);
  });
  client.on('error', (error) => {
    console.error(error);
    process.exit(1);
  });
  client.on('close', (code) => {
    assert.deepStrictEqual([index, code], [messages.length, 1000]);
    console.log('ok WebSocket: an orderly end');
    process.exit(0);
  });
}

function request(library, method, target, headers, body, isChunked) {
  return new Promise((resolve, reject) => {
    const all = { ServiceBusAuthorization: token(library), ...headers };
    if (!isChunked) all['Content-Length'] = body.length;
    const asked = library.request({ host, port, method, path: `/${path}${target}`, headers: all }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(parts) }));
      response.on('error', reject);
    });
    asked.on('error', reject);
    if (!isChunked) {
      asked.end(body);
      return;
    }
    for (let at = 0; at < body.length; at += 10000) asked.write(body.subarray(at, at + 10000));
    asked.end();
  });
}

async function sendHttps() {
  const library = require('hyco-https');
  for (const [method, isChunked] of [['GET', false], ['POST', false], ['POST', true], ['PUT', false], ['PUT', true], ['DELETE', false], ['DELETE', true]]) {
    for (const size of method === 'GET' ? [0] : [0, 1, 65536, 65537, 1024 * 1024]) {
      const sent = Buffer.alloc(size, 7);
      const headers = isChunked ? { 'Transfer-Encoding': 'chunked' } : {};
      const answer = await request(library, method, isChunked ? '/chunks?x=1' : '/whole?x=1', headers, sent, isChunked);
      assert.strictEqual(answer.status, 200, `${method} of ${size} bytes`);
      assert.strictEqual(answer.headers['x-method'], method);
      assert.ok(answer.body.equals(sent), `${method} of ${size} bytes was answered with ${answer.body.length}`);
    }
    if (method === 'GET') console.log('ok HTTP: GET');
    else console.log(`ok HTTP: ${method}${isChunked ? ', chunked' : ''}, up to 1 MiB`);
  }
  const long = await request(library, 'GET', '/whole', { 'X-Long': 'h'.repeat(100 * 1024) }, Buffer.alloc(0), false);
  assert.ok(long.status >= 400 && long.status < 500, `100 KiB of headers were answered with ${long.status}`);
  console.log('ok HTTP: 100 KiB of headers are refused');
}

const roles = {
  'ws-listener': listenWebSockets,
  'https-listener': listenHttps,
  'ws-sender': sendWebSockets,
  'https-sender': () => sendHttps().then(() => process.exit(0), (error) => {
    console.error(error);
    process.exit(1);
  }),
};
roles[role]();
