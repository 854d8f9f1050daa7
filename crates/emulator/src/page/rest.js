// Requests of Web PubSub's REST interface, with tokens made in the page.
import { ApiError, request } from './api.js';
import { serviceToken } from './token.js';

const VERSION = '2024-12-01';

/**
 * Sends a request about a hub: `path` is a list of segments, such as `['groups', 'g', ':send']`. Returns `{ status,
 * took, target }`, whatever the status; `error` says why it is one.
 */
export async function call(method, hub, path, { query, body, type, signal } = {}) {
  const segments = ['api', 'hubs', hub, ...path].map((segment) => (segment.startsWith(':') ? segment : encodeURIComponent(segment)));
  const target = `/${segments.join('/')}`;
  const parameters = new URLSearchParams({ 'api-version': VERSION });
  for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined && value !== '') parameters.set(name, value);
  const headers = { authorization: `Bearer ${await serviceToken(target)}` };
  if (type) headers['content-type'] = type;
  const begun = performance.now();
  const response = await request('pubsub', method, `${target}?${parameters}`, { headers, body, signal });
  const text = await response.text();
  const took = (performance.now() - begun) / 1000;
  return { status: response.status, took, target: `${target}?${parameters}`, method, error: response.ok ? null : reason(response, text) };
}

/** The same, but an error status is an error. */
export async function demand(...args) {
  const result = await call(...args);
  if (result.error) throw new ApiError(result.status, result.error);
  return result;
}

function reason(response, text) {
  try {
    const found = JSON.parse(text);
    const inner = found.error ?? found;
    return [inner.code, inner.message].filter(Boolean).join(': ') || `${response.status}`;
  } catch {
    return text || response.headers.get('x-ms-error-code') || `The answer has the status ${response.status}.`;
  }
}
