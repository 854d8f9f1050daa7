// The official hyco-https, unmodified, as listener, and Node's own https as sender.
//
//   NODE_PATH=.../node_modules NODE_EXTRA_CA_CERTS=ca.pem node relay_node_https.js < the ready line
//
// Prints a line for each check and ends with `N passed, N failed`.
'use strict';

const assert = require('assert');
const fs = require('fs');

const ready = JSON.parse(fs.readFileSync(0, 'utf8')).relay;
// The package adds its functions to those of `https`.
const before = new Set(Object.keys(require('https')));
const library = require('hyco-https');
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

let passed = 0;
let failed = 0;

async function check(name, body) {
  try {
    await body();
    passed += 1;
    for (const method of called) proved.add(method);
    console.log(`ok      hyco-https: ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  hyco-https: ${name}\n${error.stack}`);
  }
  called.clear();
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
  await check('the token in the query', async () => {
    const uri = new URL(library.appendRelayToken(`${sendUri}?a=1`, field('SharedAccessKeyName'), field('SharedAccessKey')));
    const answer = await send('GET', uri.search, { headers: { ServiceBusAuthorization: '' } });
    assert.strictEqual(answer.headers['x-target'], `/${path}?a=1`);
  });
  await check('without a token', async () => {
    const answer = await send('GET', '', { headers: { ServiceBusAuthorization: '' } });
    assert.strictEqual(answer.status, 401);
  });
  await check('the address of a WebSocket sender', async () => {
    const uri = library.createRelaySendUri(host, path, 'a token', 'an id');
    assert.strictEqual(uri, `wss://${host}:443/$hc/${path}?sb-hc-action=connect&sb-hc-token=a%20token&sb-hc-id=an%20id`);
  });
  await check('every public method is checked', async () => {
    assert.deepStrictEqual(own.filter((name) => !proved.has(name)), []);
  });
  // Its WebSocket side cannot be looked at: version 1.4.5 uses a name there that it does not import.
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
