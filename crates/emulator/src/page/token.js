// Tokens made in the page with Web Crypto, from the keys of the ready line.
import { now, ready } from './api.js';
import { store } from './store.js';

/** `{ pubsub: { key }, relay: { name, key } }`; what is not known is absent. */
export const keys = store({});

ready.subscribe((line) => {
  if (!line || line.denied) return;
  learn(line.pubsub?.connectionString);
  learn(line.relay?.connectionString);
});

/** Takes the key of a connection string; returns the service that it is for, or null. */
export function learn(text) {
  const parts = new Map();
  for (const part of (text ?? '').split(';')) {
    const at = part.indexOf('=');
    if (at > 0) parts.set(part.slice(0, at).trim().toLowerCase(), part.slice(at + 1).trim());
  }
  if (parts.get('accesskey')) {
    keys.set({ ...keys.value, pubsub: { key: parts.get('accesskey') } });
    return 'pubsub';
  }
  if (parts.get('sharedaccesskey')) {
    const relay = { name: parts.get('sharedaccesskeyname') ?? '', key: parts.get('sharedaccesskey') };
    keys.set({ ...keys.value, relay });
    return 'relay';
  }
  return null;
}

const HOUR = 3600;

/** A token of Web PubSub for requests to a path, such as `/api/hubs/chat/:send`. */
export function serviceToken(path, seconds = HOUR) {
  return jwt({ aud: location.origin + path }, seconds);
}

/** A token with which a client connects to a hub. */
export function clientToken(hub, { userId, roles = [], groups = [], seconds = HOUR } = {}) {
  const claims = { aud: `${location.origin}/client/hubs/${encodeURIComponent(hub)}` };
  if (userId) claims.sub = userId;
  if (roles.length) claims.role = roles;
  if (groups.length) claims['webpubsub.group'] = groups;
  return jwt(claims, seconds);
}

/** A SAS token of Relay for a path, for `ServiceBusAuthorization` and `sb-hc-token`. */
export async function relayToken(path, seconds = HOUR) {
  const { name, key } = known('relay');
  const audience = encodeURIComponent(`http://${location.host}/${path.replace(/^\/+/, '')}`);
  const expiry = Math.floor(now()) + seconds;
  const signature = btoa(binary(await hmac(key, `${audience}\n${expiry}`)));
  return `SharedAccessSignature sr=${audience}&sig=${encodeURIComponent(signature)}&se=${expiry}&skn=${encodeURIComponent(name)}`;
}

async function jwt(claims, seconds) {
  const { key } = known('pubsub');
  const at = Math.floor(now());
  const part = (value) => base64url(new TextEncoder().encode(JSON.stringify(value)));
  const head = part({ alg: 'HS256', typ: 'JWT' });
  const text = `${head}.${part({ ...claims, iat: at, nbf: at, exp: at + seconds })}`;
  return `${text}.${base64url(await hmac(key, text))}`;
}

function known(service) {
  const found = keys.value[service];
  if (found) return found;
  throw new Error('This browser was not given the key. Enter the connection string on the overview.');
}

async function hmac(key, text) {
  if (!globalThis.crypto?.subtle) {
    throw new Error(`Browsers sign only on localhost and over TLS. Open https://${location.host}${location.pathname} instead.`);
  }
  const bytes = (from) => new TextEncoder().encode(from);
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const imported = await crypto.subtle.importKey('raw', bytes(key), algorithm, false, ['sign']);
  return new Uint8Array(await crypto.subtle.sign('HMAC', imported, bytes(text)));
}

function binary(bytes) {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
}

function base64url(bytes) {
  return btoa(binary(bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
