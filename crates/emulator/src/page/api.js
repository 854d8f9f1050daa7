// The admin API, and the services by their names. Everything at the page's own origin.
import { store } from './store.js';

const BASE = new URL('./', location.href.split(/[?#]/)[0]);

/** `connecting`, `up` or `gone`; with `version` and `uptime` in seconds, once it was up. */
export const connection = store({ state: 'connecting' });
/** The ready line; `{ denied }` with the reason, if this browser does not get it; at first null. */
export const ready = store(null);
/** `{ now, offset, isHeld }`, in seconds; at first null. */
export const clock = store(null);
/** `restart`: everything that was loaded is of before. */
export const events = new EventTarget();

/** An answer that is an error. */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** No answer at all. */
export class Gone extends Error {
  constructor() {
    super('The emulator does not answer.');
  }
}

export const get = (path, options) => json('GET', path, undefined, options);
export const post = (path, body, options) => json('POST', path, body, options);
export const del = (path, options) => json('DELETE', path, undefined, options);

/** The path of a service's own `path`, as the admin API has it. */
export const at = (service, path) => `${service}${path}`;
export const getAt = (service, path, options) => get(at(service, `/_emulator/${path}`), options);
export const postAt = (service, path, body, options) => post(at(service, `/_emulator/${path}`), body, options);
export const delAt = (service, path, options) => del(at(service, `/_emulator/${path}`), options);

/** The address of a path below `/_emulator/`. */
export const address = (path) => new URL(path, BASE);

/** Sends a request to a service itself; returns its `Response`, whatever its status. */
export function request(service, method, path, { headers, body, signal } = {}) {
  return sent(address(at(service, path)), { method, headers, body, signal });
}

/** The WebSocket address of a service's path. */
export function socketUrl(service, path) {
  const url = address(at(service, path));
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url;
}

async function json(method, path, body, { signal } = {}) {
  const headers = body === undefined ? undefined : { 'content-type': 'application/json' };
  const response = await sent(address(path), { method, headers, body: typeof body === 'string' ? body : body && JSON.stringify(body), signal });
  const text = await response.text();
  let found = null;
  try {
    found = text && JSON.parse(text);
  } catch {
    // An error of a proxy.
  }
  if (!response.ok) throw new ApiError(response.status, found?.error ?? `The answer has the status ${response.status}.`);
  return found;
}

async function sent(url, init) {
  try {
    return await fetch(url, { cache: 'no-store', credentials: 'omit', ...init });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    soon();
    throw new Gone();
  }
}

// Whether the emulator is there.

const PATIENCE = 4000;
const CALM = 2000;
const ANXIOUS = 700;
let timer;
let sampled = 0;
let started;

/** The time on the emulator's clock, in seconds since 1970. */
export function now() {
  const found = clock.value;
  if (!found) return Date.now() / 1000;
  return found.now + (found.isHeld ? 0 : (performance.now() - sampled) / 1000);
}

/** Asks for the clock, after something that moved it. */
export async function readClock() {
  setClock(await get('clock'));
}

function setClock(found) {
  sampled = performance.now();
  clock.set(found);
}

/** Says that everything is as after a start. */
export function restarted() {
  events.dispatchEvent(new Event('restart'));
}

/** Begins to watch the emulator. */
export function watchEmulator() {
  beat();
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) soon();
  });
}

function soon() {
  clearTimeout(timer);
  timer = setTimeout(beat, 50);
}

async function beat() {
  clearTimeout(timer);
  const signal = AbortSignal.timeout(PATIENCE);
  const from = performance.now() / 1000;
  try {
    const [health, time] = await Promise.all(['health', 'clock'].map((path) => raw(path, signal)));
    setClock(time);
    // Real time, so a restart shows as a later start.
    const isOther = from - health.uptime > started + 0.5;
    const isBack = connection.value.state !== 'up';
    started = performance.now() / 1000 - health.uptime;
    if (isBack || isOther || !ready.value) await readReady(signal);
    connection.set({ state: 'up', version: health.version, uptime: health.uptime });
    if (isOther) restarted();
  } catch {
    const { version, state, since } = connection.value;
    connection.set({ state: 'gone', version, since: state === 'gone' ? since : Date.now() });
  }
  clearTimeout(timer);
  timer = setTimeout(beat, connection.value.state === 'up' ? CALM : ANXIOUS);
}

async function readReady(signal) {
  const response = await fetch(address('ready'), { signal, cache: 'no-store', credentials: 'omit' });
  const found = await response.json();
  const next = response.ok ? found : { denied: found.error };
  // Watchers hear of what changed only.
  if (JSON.stringify(next) !== JSON.stringify(ready.value)) ready.set(next);
}

async function raw(path, signal) {
  const response = await fetch(address(path), { signal, cache: 'no-store', credentials: 'omit' });
  if (!response.ok) throw new Gone();
  return response.json();
}
