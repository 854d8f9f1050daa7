// The official hyco-ws, unmodified, as listener and as sender against the emulator.
//
//   NODE_PATH=.../node_modules NODE_EXTRA_CA_CERTS=ca.pem node relay_node_ws.js < the ready line
//
// Prints a line for each check and ends with `N passed, N failed`.
'use strict';

const assert = require('assert');
const fs = require('fs');
const http = require('http');

const { relay: ready, identity } = JSON.parse(fs.readFileSync(0, 'utf8'));
// The package adds its functions to those of `ws`.
const before = new Set(Object.keys(require('ws')));
const library = require('hyco-ws');
const own = Object.keys(library).filter((name) => !before.has(name) && /^[a-z]/.test(name));
const called = new Set();
const proved = new Set();
for (const name of own) {
  const original = library[name];
  library[name] = (...given) => {
    called.add(name);
    return original(...given);
  };
}

const [, host, port] = /^sb:\/\/([^:]+):(\d+)\//.exec(ready.endpoint);
const field = (name) => new RegExp(`${name}=([^;]+)`).exec(ready.connectionString)[1];
const path = ready.hybridConnections[0];
// The package's own helpers, with the port that they do not know.
const withPort = (uri) => uri.replace(`${host}:443`, `${host}:${port}`);
const token = (uri) => library.createRelayToken(uri, field('SharedAccessKeyName'), field('SharedAccessKey'));

function listen(options) {
  const uri = withPort(library.createRelayListenUri(host, path));
  return new Promise((resolve, reject) => {
    const server = library.createRelayedServer({ server: uri, token: () => token(uri), ...options });
    server.on('listening', () => resolve(server));
    server.on('error', reject);
  });
}

function connect(uri, credential, options) {
  return new Promise((resolve, reject) => {
    const client = options
      ? new library(uri, options.protocols, { headers: { ServiceBusAuthorization: credential, ...options.headers } })
      : library.relayedConnect(uri, credential);
    client.on('open', () => resolve(client));
    client.on('error', reject);
    client.on('unexpected-response', (request, response) => {
      reject(Object.assign(new Error(response.statusMessage), { status: response.statusCode }));
    });
  });
}

const next = (socket) => new Promise((resolve, reject) => {
  socket.once('message', (data, flags) => resolve({ data, binary: Boolean(flags.binary) }));
  socket.once('close', () => reject(new Error('closed before a message came')));
});
const closed = (socket) => new Promise((resolve) => socket.once('close', (code, reason) => resolve({ code, reason })));

// As an App Service gives it to a managed identity.
function managedIdentityToken() {
  const { IDENTITY_ENDPOINT, IDENTITY_HEADER } = identity.environment;
  const uri = `${IDENTITY_ENDPOINT}?api-version=2019-08-01&resource=https://relay.azure.net/`;
  return new Promise((resolve, reject) => {
    http.get(uri, { headers: { 'X-IDENTITY-HEADER': IDENTITY_HEADER } }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('end', () => resolve(JSON.parse(Buffer.concat(parts)).access_token));
    }).on('error', reject);
  });
}

let passed = 0;
let failed = 0;

async function check(name, body) {
  try {
    await body();
    passed += 1;
    for (const method of called) proved.add(method);
    console.log(`ok      hyco-ws: ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  hyco-ws: ${name}\n${error.stack}`);
  }
  called.clear();
}

async function main() {
  const sendUri = withPort(library.createRelaySendUri(host, path));

  await check('nobody listens', async () => {
    const error = await connect(sendUri, token(sendUri)).then(() => null, (error) => error);
    assert.strictEqual(error.status, 404);
    assert.match(error.message, /^There are no listeners connected for the endpoint\. TrackingId:/);
  });
  await check('a wrong key', async () => {
    const wrong = library.createRelayToken(sendUri, field('SharedAccessKeyName'), 'wrong');
    const error = await connect(sendUri, wrong).then(() => null, (error) => error);
    assert.strictEqual(error.status, 401);
    assert.match(error.message, /token has an invalid signature/);
  });

  const server = await listen();
  server.on('connection', (socket) => {
    socket.on('message', (data, flags) => socket.send(data, { binary: Boolean(flags.binary) }));
  });

  await check('text and binary of all sizes, both ways', async () => {
    const client = await connect(sendUri, token(sendUri));
    for (const size of [0, 1, 125, 126, 65535, 65536, 5 * 1024 * 1024]) {
      for (const sent of ['t'.repeat(size), Buffer.alloc(size, 7)]) {
        const binary = Buffer.isBuffer(sent);
        const answer = next(client);
        client.send(sent, { binary });
        const { data, binary: kind } = await answer;
        assert.strictEqual(kind, binary);
        assert.ok(binary ? sent.equals(data) : sent === data, `${size} bytes`);
      }
    }
    const end = closed(client);
    client.close(1000, 'done');
    assert.strictEqual((await end).code, 1000);
  });
  await check('the token in the query', async () => {
    const uri = withPort(library.createRelaySendUri(host, path, token(sendUri), 'e3b6f8f4-3d2b-4f62-9f0c-0a9f4a4b8d11'));
    const client = await connect(uri, null);
    client.close(1000);
  });
  await check('the token appended to the address', async () => {
    const uri = library.appendRelayToken(sendUri, field('SharedAccessKeyName'), field('SharedAccessKey'));
    const client = await connect(uri, null);
    client.close(1000);
  });
  await check('a subprotocol and headers of the sender', async () => {
    const client = await connect(sendUri, token(sendUri), { protocols: 'chat.v2, chat.v1', headers: { 'X-Custom': 'a:b=c&d' } });
    assert.strictEqual(client.protocol, 'chat.v2');
    client.close(1000);
  });
  await check('fifty senders at once', async () => {
    const clients = await Promise.all(Array.from({ length: 50 }, () => connect(sendUri, token(sendUri))));
    await Promise.all(clients.map(async (client, index) => {
      const answer = next(client);
      client.send(`number ${index}`);
      assert.strictEqual((await answer).data, `number ${index}`);
      client.close(1000);
    }));
  });
  await check('pings of the sender', async () => {
    const client = await connect(sendUri, token(sendUri));
    const pong = new Promise((resolve) => client.once('pong', resolve));
    client.ping('x');
    await pong;
    client.close(1000);
  });
  await check('the listener closes with a code of its own', async () => {
    const accepted = new Promise((resolve) => server.once('connection', resolve));
    const client = await connect(sendUri, token(sendUri));
    const end = closed(client);
    const socket = await accepted;
    if (socket.readyState !== 1) await new Promise((resolve) => socket.once('open', resolve));
    socket.close(4001, 'own reason');
    assert.deepStrictEqual(await end, { code: 4001, reason: 'own reason' });
  });
  await check('the listener goes', async () => {
    const end = new Promise((resolve) => server.once('close', resolve));
    server.close();
    await end;
    const error = await connect(sendUri, token(sendUri)).then(() => null, (error) => error);
    assert.strictEqual(error.status, 404);
  });
  await check('a listener and a sender with a token of Entra ID', async () => {
    const entra = await managedIdentityToken();
    const listener = await listen({ token: () => entra });
    listener.on('connection', (socket) => socket.on('message', (data) => socket.send(data)));
    const client = await connect(sendUri, entra);
    const answer = next(client);
    client.send('hello');
    assert.strictEqual((await answer).data, 'hello');
    client.close(1000);
    const end = new Promise((resolve) => listener.once('close', resolve));
    listener.close();
    await end;
    const forged = `${entra.slice(0, -8)}AAAAAAAA`;
    const error = await connect(sendUri, forged).then(() => null, (error) => error);
    assert.strictEqual(error.status, 401);
  });
  await check('every public method is checked', async () => {
    assert.deepStrictEqual(own.filter((name) => !proved.has(name)), []);
  });
}

// A hang ends with an error.
setTimeout(() => {
  console.error('the script hangs');
  process.exit(2);
}, 240000).unref();

main().then(() => {
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
}, (error) => {
  console.error(error);
  process.exit(2);
});
