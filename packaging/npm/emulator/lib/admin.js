"use strict";
// Requests to the admin API. Not by fetch, which tests replace, and which in jsdom is that of a browser.

const http = require("node:http");

const { EmulatorError } = require("./error.js");

/** An answer is a few megabytes at the most: the journal holds 16 by default. */
const MAX_ANSWER = 256 * 1024 * 1024;

/**
 * Makes a request below `/_emulator`, and returns the JSON of the answer.
 *
 * @param {string} control the address of the admin API
 * @param {string} path
 * @param {{ method?: string, body?: unknown, signal?: AbortSignal }} [options]
 */
function request(control, path, { method = "GET", body, signal } = {}) {
  return new Promise((resolve, reject) => {
    const failed = (error) => reject(signal?.aborted ? signal.reason : unreachable(control, error));
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = text === undefined ? {} : { "content-type": "application/json" };
    const options = { method, headers, signal, agent: false };
    const call = http.request(`${control}/${path}`, options, (response) => {
      const chunks = [];
      let length = 0;
      response.on("data", (chunk) => {
        chunks.push(chunk);
        length += chunk.length;
        if (length > MAX_ANSWER) call.destroy(new Error("the answer is too long"));
      });
      response.on("error", failed);
      response.on("end", () => {
        const answer = Buffer.concat(chunks).toString();
        if (response.statusCode !== 200) return reject(refused(method, path, response.statusCode, answer));
        try {
          resolve(JSON.parse(answer));
        } catch (error) {
          failed(error);
        }
      });
    });
    call.on("error", failed);
    call.end(text);
  });
}

function refused(method, path, status, answer) {
  let why = answer.trim();
  try {
    why = JSON.parse(answer).error;
  } catch {}
  const [name] = path.split("?");
  return new EmulatorError("REFUSED", `the emulator refused ${method} ${name}: ${status}, ${why}`, { status });
}

function unreachable(control, error) {
  return new EmulatorError("UNREACHABLE", `cannot reach the emulator at ${control}: ${error.message}`, { cause: error });
}

exports.request = request;
