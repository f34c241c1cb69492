/** A server of one page as everybody writes it: node:http. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PATH, page } from '../http/page.js';

const fields = { 'Content-Type': 'text/html; charset=utf-8', 'Content-Length': page.length };

const server = createServer({ noDelay: true }, (request, response) => {
  if (request.url === PATH) response.writeHead(200, fields).end(page);
  else response.writeHead(404).end();
});
server.listen(0, '127.0.0.1', () => {
  console.log(`listening on 127.0.0.1:${(server.address() as AddressInfo).port}`);
});
