// The emulator's page in Chromium; see support.js. `cargo xtask page [PREFIX..]` installs what this needs.
"use strict";

const { readdirSync } = require("node:fs");
const { after, describe } = require("node:test");
const { closeBrowser } = require("./support.js");

// The whole run, which takes three minutes on a busy machine; a hang ends with an error.
const WATCHDOG = 900000;
setTimeout(() => {
  console.error("the tests of the page hang");
  process.exit(2);
}, WATCHDOG).unref();

const prefixes = process.argv.slice(2);
const files = readdirSync(__dirname).filter((file) => file.endsWith(".test.js"));
const wanted = files.filter((file) => !prefixes.length || prefixes.some((prefix) => file.startsWith(prefix)));
if (!wanted.length) {
  console.error(`no script in tests/page has such a name: ${prefixes.join(" ")}`);
  process.exit(2);
}
// The long one first.
wanted.sort((one, other) => Number(other.startsWith("looks")) - Number(one.startsWith("looks")) || (one < other ? -1 : 1));
// Most of the time they wait.
describe("the page", { concurrency: 3 }, () => {
  for (const file of wanted) require(`./${file}`);
  after(closeBrowser);
});
