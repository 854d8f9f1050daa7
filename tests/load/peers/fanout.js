// A message to every client, as a user of the package `ws` would write it.
//
// Prints its address, then sends the body of each POST to all who are connected.
// NODE_PATH names the folder with `ws`.
'use strict';

const http = require('http');
const { WebSocketServer } = require('ws');

const server = http.createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    const text = Buffer.concat(parts).toString();
    for (const client of sockets.clients) {
      client.send(text);
    }
    response.writeHead(202, { 'content-length': 0 });
    response.end();
  });
});
const sockets = new WebSocketServer({ server });
server.listen(0, '127.0.0.1', () => {
  const { address, port } = server.address();
  console.log(`${address}:${port}`);
});
