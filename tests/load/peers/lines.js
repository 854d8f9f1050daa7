// How a peer is driven: settings as one line of JSON on stdin, answered with
// `ready`; then one command a line, answered with the seconds that it took.
'use strict';

const readline = require('readline');

async function drive(prepare) {
  let commands = null;
  for await (const line of readline.createInterface({ input: process.stdin })) {
    if (commands === null) {
      commands = await prepare(JSON.parse(line));
      console.log('ready');
      continue;
    }
    const [what, ...numbers] = line.split(' ');
    const start = process.hrtime.bigint();
    await commands[what](...numbers.map(Number));
    console.log(Number(process.hrtime.bigint() - start) / 1e9);
  }
  process.exit(0);
}

function fail(error) {
  console.error(error);
  process.exit(1);
}

module.exports = { run: (prepare) => drive(prepare).catch(fail) };
