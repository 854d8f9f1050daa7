// The official hyco-https, unmodified, as listener, and Node's own https as sender.
//
//   NODE_PATH=.../node_modules NODE_EXTRA_CA_CERTS=ca.pem node relay_node_https.js < the ready line
//
// Prints a line for each check and ends with 1 if one does not hold.
'use strict';

const assert = require('assert');
const fs = require('fs');

const ready = JSON.parse(fs.readFileSync(0, 'utf8')).relay;
const library = require('hyco-https');

const [, host, port] = /^sb:\/\/([^:]+):(\d+)\//.exec(ready.endpoint);
const field = (name) => new RegExp(`${name}=([^;]+)`).exec(ready.connectionString)[1];
const path = ready.hybridConnections[0];
const withPort = (uri) => uri.replace(`${host}:443`, `${host}:${port}`);
const token = (uri) => library.createRelayToken(uri, field('SharedAccessKeyName'), field('SharedAccessKey'));
const sendUri = library.createRelayHttpsUri(host, path);

function send(method, suffix, { headers = {}, body, agent } = {}) {
  return new Promise((resolve, reject) => {
    const request = library.request({
      host, port, method, path: `/${path}${suffix}`, agent,
      headers: { ServiceBusAuthorization: token(sendUri), ...headers },
    }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('end', () => resolve({
        status: response.statusCode,
        reason: response.statusMessage,
        headers: response.headers,
        body: Buffer.concat(parts),
      }));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

function handle(request, response) {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    const body = Buffer.concat(parts);
    const target = new URL(request.url, 'http://x');
    const status = Number(target.searchParams.get('status') || 200);
    response.statusCode = status;
    if (target.searchParams.get('reason')) response.statusMessage = target.searchParams.get('reason');
    response.setHeader('X-Method', request.method);
    response.setHeader('X-Target', request.url);
    response.setHeader('X-Seen', JSON.stringify(request.headers));
    const size = Number(target.searchParams.get('size') || 0);
    if (target.searchParams.has('stream')) {
      response.write(Buffer.alloc(100000, 1));
      setTimeout(() => response.end(Buffer.alloc(100000, 2)), 50);
    } else if (size) {
      response.end(Buffer.alloc(size, 3));
    } else if (body.length) {
      response.end(body);
    } else {
      response.end();
    }
  });
}

async function check(name, body) {
  await body();
  console.log(`ok ${name}`);
}

async function main() {
  const listenUri = withPort(library.createRelayListenUri(host, path));
  const server = library.createRelayedServer({ server: listenUri, token: () => token(listenUri) }, handle);
  await new Promise((resolve, reject) => {
    server.on('listening', resolve);
    server.on('error', reject);
    server.listen();
  });

  for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'HEAD']) {
    await check(method, async () => {
      const answer = await send(method, '/orders?id=5&sb-hc-id=1');
      assert.strictEqual(answer.status, 200);
      assert.strictEqual(answer.headers['x-method'], method);
      assert.strictEqual(answer.headers['x-target'], `/${path}/orders?id=5`);
      assert.strictEqual(answer.headers.via, `1.1 ${host}`);
      assert.strictEqual(answer.body.length, 0);
    });
  }
  await check('statuses and reasons of the listener', async () => {
    for (const status of [200, 201, 204, 304, 400, 404, 418, 450, 500, 502, 503, 504]) {
      const answer = await send('GET', `?status=${status}&reason=Own%20words`);
      assert.strictEqual(answer.status, status);
      assert.strictEqual(answer.reason, 'Own words');
    }
  });
  await check('bodies both ways', async () => {
    for (const size of [1, 65536, 65537, 1024 * 1024]) {
      const body = Buffer.alloc(size, 5);
      const answer = await send('POST', '', { body });
      assert.ok(answer.body.equals(body), `${size} bytes`);
    }
  });
  await check('a chunked request', async () => {
    const answer = await send('POST', '', { headers: { 'Transfer-Encoding': 'chunked' }, body: 'in chunks' });
    assert.strictEqual(answer.body.toString(), 'in chunks');
  });
  await check('a large and a streamed response', async () => {
    assert.strictEqual((await send('GET', '?size=300000')).body.length, 300000);
    assert.strictEqual((await send('GET', '?stream')).body.length, 200000);
  });
  await check('headers of the sender', async () => {
    const answer = await send('GET', '', { headers: { Authorization: 'Basic mine', 'X-Many': ['a', 'b'], Connection: 'x-hop', 'X-Hop': '1' } });
    const seen = JSON.parse(answer.headers['x-seen']);
    assert.strictEqual(seen.authorization, 'Basic mine');
    assert.strictEqual(seen['x-many'], 'a, b');
    assert.strictEqual(seen.host, `${host}:${port}`);
    for (const name of ['servicebusauthorization', 'connection', 'x-hop']) assert.ok(!(name in seen), name);
  });
  await check('one connection for many requests, small and large', async () => {
    const agent = new library.Agent({ keepAlive: true, maxSockets: 1 });
    for (let round = 0; round < 10; round += 1) {
      assert.strictEqual((await send('GET', '?size=100000', { agent })).body.length, 100000);
      assert.strictEqual((await send('POST', '', { agent, body: `round ${round}` })).body.toString(), `round ${round}`);
      assert.strictEqual((await send('POST', '', { agent, body: Buffer.alloc(200000, 9) })).body.length, 200000);
    }
    agent.destroy();
  });
  await check('two hundred requests, twenty at a time', async () => {
    for (let round = 0; round < 10; round += 1) {
      await Promise.all(Array.from({ length: 20 }, async (_, index) => {
        const body = `${round} ${index}`;
        assert.strictEqual((await send('POST', '', { body })).body.toString(), body);
      }));
    }
  });
  // Its WebSocket side cannot be looked at: version 1.4.5 uses a name there that it does not import.
}

main().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
