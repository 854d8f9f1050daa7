// Sends the webhook vectors to `@azure/web-pubsub-express` and compares its answers with theirs.
//
// azwire's own answers are held to the same files by the Rust tests
// (`cargo test -p azwire-tests --test pubsub upstream`), so that both together
// compare the two handlers. Where a vector has `express`, the official handler
// answers otherwise, for the reason that stands there; a difference that is not
// listed fails, and so does a listed one that is none.
//
//   NODE_PATH=target/node/conformance/node_modules node tests/conformance/pubsub_webhook_compare.js

"use strict";

const assert = require("node:assert");
const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");
const express = require("express");
const { WebPubSubEventHandler } = require("@azure/web-pubsub-express");

const VECTORS = path.join(__dirname, "..", "..", "crates", "pubsub", "tests", "vectors");
// How long a handler may take that is to see an event, in milliseconds.
const PATIENCE = 15000;
const COMPARED = ["allow", "ce-connectionstate", "content-type", "webhook-allowed-origin"];

async function main() {
  // The handler warns of states and statuses that it does not know; the vectors hold some.
  console.warn = () => {};
  const reasons = new Map();
  let passed = 0;
  let failed = 0;
  for (const file of fs.readdirSync(VECTORS).filter((name) => /^webhook_.*\.json$/.test(name))) {
    const { headers, vectors } = JSON.parse(fs.readFileSync(path.join(VECTORS, file), "utf8"));
    const kinds = { "as azwire": [], "otherwise, as listed": [] };
    for (const vector of vectors) {
      const kind = vector.express === undefined ? "as azwire" : "otherwise, as listed";
      try {
        const found = await exchange(vector, headers);
        if (vector.express === undefined) {
          check(found, vector.response, vector.seen);
        } else {
          const { reason, seen = vector.seen, ...response } = vector.express;
          check(found, { ...vector.response, ...response }, seen);
          let same = true;
          try {
            check(found, vector.response, vector.seen);
          } catch {
            same = false;
          }
          assert(!same, "is listed as different and is not");
          reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
        }
        kinds[kind].push(null);
      } catch (error) {
        kinds[kind].push(`${vector.name}\n  ${error.message.replaceAll("\n", "\n  ")}`);
      }
    }
    for (const [kind, outcomes] of Object.entries(kinds)) {
      if (outcomes.length === 0) continue;
      const wrong = outcomes.filter((outcome) => outcome !== null);
      const what = `vectors of ${file.replace(/^webhook_|\.json$/g, "")} answered ${kind}`;
      if (wrong.length === 0) passed += 1;
      else failed += 1;
      console.log(`${wrong.length === 0 ? "ok     " : "FAILED "} Express: ${what}`);
      console.log(`        ${outcomes.length - wrong.length} of ${outcomes.length} vectors`);
      for (const text of wrong) console.log(text.replace(/^/gm, "        "));
    }
  }
  for (const [reason, count] of reasons) {
    console.log(`  ${count} × ${reason}`);
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

/** Sends one vector to a fresh handler; returns the answer and what the handler saw. */
async function exchange(vector, commonHeaders) {
  let resolveSeen;
  const seen = new Promise((resolve) => (resolveSeen = resolve));
  const app = express();
  app.disable("x-powered-by");
  app.use(new WebPubSubEventHandler("chat", options(vector, resolveSeen)).getMiddleware());
  // The default one prints the error.
  app.use((error, request, response, next) => response.status(500).end());
  const server = app.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  try {
    const response = await send(server.address().port, vector.request, commonHeaders);
    // `connected` and `disconnected` are answered before the handler sees them.
    const { seen: wanted = vector.seen } = vector.express ?? {};
    const last = new Promise((resolve) => setTimeout(resolve, wanted ? PATIENCE : 20).unref());
    return { ...response, seen: await Promise.race([seen, last]) };
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** The handler that a vector describes. */
function options(vector, sees) {
  const { connect, connected, disconnected, groupJoined, groupLeft, userEvent } =
    vector.handler ?? {};
  const options = { path: "/api/webpubsub/hubs/chat/" };
  if (vector.settings?.origins !== undefined) {
    options.allowedEndpoints = vector.settings.origins;
  }
  const setStates = (response, states) => {
    for (const [name, value] of Object.entries(states ?? {})) {
      response.setState(name, value);
    }
  };
  if (connect) {
    options.handleConnect = (request, response) => {
      sees(describe(request));
      setStates(response, connect.state);
      if (connect.fail) {
        response.fail(connect.fail[0], connect.fail[1] ?? undefined);
      } else if (connect.failWith) {
        response.failWith(connect.failWith);
      } else {
        response.success(connect.success);
      }
    };
  }
  if (connected) {
    options.onConnected = (request) => sees(describe(request));
  }
  if (disconnected) {
    options.onDisconnected = (request) => sees(describe(request));
  }
  if (groupJoined) {
    options.onGroupJoined = (request) => sees(describe(request));
  }
  if (groupLeft) {
    options.onGroupLeft = (request) => sees(describe(request));
  }
  if (userEvent) {
    options.handleUserEvent = (request, response) => {
      sees(describe(request));
      setStates(response, userEvent.state);
      if (userEvent.fail) {
        response.fail(userEvent.fail[0], userEvent.fail[1] ?? undefined);
      } else {
        response.success(userEvent.data, userEvent.type);
      }
    };
  }
  return options;
}

/** What a handler sees of an event, in the words of the vectors. */
function describe(request) {
  const { context } = request;
  const data = request.dataType === "binary" ? request.data.toString("latin1") : request.data;
  return {
    hub: context.hub,
    connectionId: context.connectionId,
    userId: context.userId ?? null,
    eventName: context.eventName ?? null,
    states: { ...context.states },
    physicalConnectionId: context.mqtt?.physicalConnectionId ?? null,
    sessionId: context.mqtt?.sessionId ?? null,
    claims: request.claims,
    query: request.queries,
    subprotocols: request.subprotocols,
    clientCertificates: request.clientCertificates?.map((one) => one.thumbprint),
    dataType: request.dataType,
    data,
    group: request.group,
    reason: request.reason ?? null,
    mqtt: request.mqtt,
  };
}

function send(port, { method, headers, body }, commonHeaders) {
  const all = new Map();
  for (const [name, value] of [...Object.entries(commonHeaders), ...Object.entries(headers)]) {
    all.set(name.toLowerCase(), value);
  }
  const present = [...all].filter(([, value]) => value !== null);
  return new Promise((resolve, reject) => {
    const request = http.request({
      host: "127.0.0.1",
      port,
      method,
      path: "/api/webpubsub/hubs/chat/",
      headers: Object.fromEntries(present),
    });
    request.on("error", reject);
    request.on("response", (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () =>
        resolve({
          status: response.statusCode,
          headers: response.headers,
          body: Buffer.concat(chunks),
        }),
      );
    });
    request.end(body);
  });
}

function check(found, response, seen) {
  assert.strictEqual(found.status, response.status, "status");
  // Without a text to compare it is an answer of Express itself.
  if (response.body !== null) {
    for (const name of COMPARED) {
      const expected = Object.entries(response.headers ?? {}).find(
        ([known]) => known.toLowerCase() === name,
      );
      assert.strictEqual(found.headers[name] ?? null, expected?.[1] ?? null, name);
    }
    if (response.json !== undefined) {
      assert.deepStrictEqual(JSON.parse(found.body.toString()), response.json, "body");
    } else {
      assert.strictEqual(found.body.toString(), response.body ?? "", "body");
    }
  }
  if (seen === null) {
    assert.strictEqual(found.seen, undefined, "the handler was called");
  } else if (seen !== undefined) {
    assert(found.seen !== undefined, "the handler was not called");
    for (const [name, value] of Object.entries(seen)) {
      assertHolds(found.seen[name], value, name);
    }
  }
}

/** Whether `found` has all that `expected` has; `null` is what is missing. */
function assertHolds(found, expected, name) {
  if (expected === null) {
    assert.strictEqual(found ?? null, null, name);
  } else if (typeof expected === "object" && !Array.isArray(expected) && name === "mqtt") {
    for (const [member, value] of Object.entries(expected)) {
      assertHolds(found?.[member], value, member);
    }
  } else {
    assert.deepStrictEqual(found, expected, name);
  }
}

main();
