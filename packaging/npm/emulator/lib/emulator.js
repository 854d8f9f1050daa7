"use strict";
// An emulator as tests use it: what its ready line says, and its admin API.

const { inspect } = require("node:util");

const { request } = require("./admin.js");
const { EmulatorError } = require("./error.js");
const { invalid, seconds } = require("./options.js");

// That of now: tests may replace it.
const { now } = Date;
/** The longest time that the emulator waits for a record, in milliseconds. */
const MAX_WAIT = 300_000;

/** An emulator that somebody else has started. */
class EmulatorClient {
  #ready;
  #pubsub;
  #relay;

  constructor(ready) {
    this.#ready = ready;
    const call = (path, options) => this._request(path, options);
    this.#pubsub = ready.pubsub && new PubSub(ready.pubsub, call);
    this.#relay = ready.relay && new Relay(ready.relay, call, this);
    this.clock = new Clock(call);
  }

  get ready() {
    return this.#ready;
  }

  get control() {
    return this.#ready.control;
  }

  get caCertificate() {
    return this.#ready.caCertificate;
  }

  get pubsub() {
    return this.#pubsub ?? absent("Web PubSub", "--no-pubsub");
  }

  get relay() {
    return this.#relay ?? absent("Relay", "--no-relay");
  }

  get identity() {
    return this.#ready.identity ?? absent("an authority for Entra ID", "--no-identity");
  }

  get environment() {
    const { pubsub, relay, identity, caCertificate } = this.#ready;
    return {
      AZWIRE_EMULATOR_READY: JSON.stringify(this.#ready),
      NODE_EXTRA_CA_CERTS: caCertificate,
      ...(pubsub && {
        WEBPUBSUB_CONNECTION_STRING: pubsub.connectionString,
        WEBPUBSUB_ENDPOINT: pubsub.secureEndpoint,
      }),
      ...(relay && { RELAY_CONNECTION_STRING: relay.connectionString }),
      // The others are certificates in place of those of the system.
      ...Object.fromEntries(Object.entries(identity?.environment ?? {}).filter(([name]) => /^(AZURE|IDENTITY)_/.test(name))),
    };
  }

  async health({ signal } = {}) {
    return this._request("health", { signal });
  }

  async reset({ signal } = {}) {
    await this._request("reset", { method: "POST", signal });
  }

  async rotateKeys({ signal } = {}) {
    await this._request("rotate-keys", { method: "POST", signal });
  }

  async journal(filters = {}, { wait = 0, signal } = {}) {
    if (!(wait <= MAX_WAIT)) throw invalid(`wait is not a number of milliseconds up to ${MAX_WAIT}`);
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(filters)) {
      if (value !== undefined) query.set(name, String(value));
    }
    if (wait > 0) query.set("wait", String(seconds("wait", wait)));
    const { records, next, missed } = await this._request(`journal?${query}`, { signal });
    // Not enumerable, so that it equals an array of the same records.
    return Object.defineProperties(records, { next: { value: next }, missed: { value: missed } });
  }

  async clearJournal({ signal } = {}) {
    await this._request("journal", { method: "DELETE", signal });
  }

  /** Makes a request to the admin API; for this package only. */
  _request(path, options) {
    return request(this.#ready.control, path, options);
  }

  // Connection strings do not belong into a log.
  [inspect.custom]() {
    return `${this.constructor.name} { ${this.control} }`;
  }
}

/** An emulator that this process has started. */
class Emulator extends EmulatorClient {
  #process;

  constructor(ready, process) {
    super(ready);
    this.#process = process;
  }

  get pid() {
    return this.#process.pid;
  }

  get log() {
    return this.#process.log;
  }

  async stop() {
    await this.#process.stop();
  }

  async _request(path, options) {
    try {
      return await super._request(path, options);
    } catch (error) {
      const isGone = error instanceof EmulatorError && error.code === "UNREACHABLE";
      throw (isGone && (await this.#process.ending(error))) || error;
    }
  }
}

// Node 18 lacks the symbol; compilers and polyfills then use this one.
const asyncDispose = Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose");
Object.defineProperty(Emulator.prototype, asyncDispose, {
  configurable: true,
  value: Emulator.prototype.stop,
  writable: true,
});

/** What both services have. */
class Side {
  #call;
  #name;

  constructor(ready, call, name) {
    Object.assign(this, ready);
    this.#call = call;
    this.#name = name;
  }

  async state({ signal } = {}) {
    return this._at("state", { signal });
  }

  async arm(plan, { signal } = {}) {
    return this._at("faults", { method: "POST", body: plan, signal });
  }

  async disarm({ signal } = {}) {
    return this._at("faults", { method: "DELETE", signal });
  }

  async faults({ signal } = {}) {
    return this._at("faults", { signal });
  }

  /** Makes a request to the admin API of this service; for this package only. */
  _at(path, options) {
    // Every port has that of each service below its name.
    return this.#call(`${this.#name}/_emulator/${path}`, options);
  }

  [inspect.custom]() {
    return `${this.constructor.name} { ${this.endpoint} }`;
  }
}

class PubSub extends Side {
  constructor(ready, call) {
    super(ready, call, "pubsub");
  }

  async connections(hub, { signal } = {}) {
    const hubs = await this._at("connections", { signal });
    return hubs[hub.toLowerCase()] ?? [];
  }

  async addEventHandler({ hub, url, userEvents, systemEvents, groupPresenceEvents }, { signal } = {}) {
    const presence = groupPresenceEvents && {
      "event-names": groupPresenceEvents.eventNames,
      "group-filters": groupPresenceEvents.groupFilters,
    };
    const body = {
      hub,
      url,
      "user-events": userEvents,
      "system-events": systemEvents,
      "group-presence-events": presence,
    };
    await this._at("event-handlers", { method: "POST", body, signal });
  }

  async sendAsClient(hub, connectionId, message, { signal } = {}) {
    await this._at("messages", { method: "POST", body: { hub, connectionId, message }, signal });
  }
}

class Relay extends Side {
  #emulator;

  constructor(ready, call, emulator) {
    super(ready, call, "relay");
    this.#emulator = emulator;
  }

  async waitForListener(path, { timeout = 10_000, signal } = {}) {
    const end = now() + seconds("timeout", timeout) * 1000;
    const entity = path.replace(/^\/+|\/+$/g, "").toLowerCase();
    const filters = { kind: "listener", entity };
    // What happens after this is found by waiting, and what happened before in the state.
    let { next: after } = await this.#emulator.journal({ ...filters, limit: 10_000 }, { signal });
    for (;;) {
      const { hybridConnections } = await this.state({ signal });
      const [listener] = hybridConnections[entity]?.listeners ?? [];
      if (listener !== undefined) return listener;
      const wait = Math.min(end - now(), MAX_WAIT);
      if (wait <= 0) {
        throw new EmulatorError("TIMEOUT", `no listener of ${path} came within ${timeout} ms`);
      }
      ({ next: after } = await this.#emulator.journal({ ...filters, after }, { wait, signal }));
    }
  }
}

/** The emulator's clock, in milliseconds. */
class Clock {
  #call;

  constructor(call) {
    this.#call = call;
  }

  async advance(milliseconds, { signal } = {}) {
    return this.#move({ advance: seconds("the time to advance by", milliseconds) }, signal);
  }

  async hold({ signal } = {}) {
    return this.#move({ hold: true }, signal);
  }

  async release({ signal } = {}) {
    return this.#move({ hold: false }, signal);
  }

  async state({ signal } = {}) {
    return clockState(await this.#call("clock", { signal }));
  }

  async #move(body, signal) {
    return clockState(await this.#call("clock", { method: "POST", body, signal }));
  }
}

function clockState({ now, offset, isHeld }) {
  return { now: new Date(now * 1000), offset: offset * 1000, isHeld };
}

function absent(what, flag) {
  throw new EmulatorError("ABSENT", `this emulator has no ${what}: it was started with ${flag}`);
}

exports.Emulator = Emulator;
exports.EmulatorClient = EmulatorClient;
