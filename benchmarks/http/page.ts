/** The page that all contestants serve, and the answers of those that differ in their loop alone. */
import { readFileSync } from 'node:fs';
import { inPackage } from '../measure/places.js';

/** The folder of the page: `web` serves it as files. */
export const SITE = inPackage('src/programs/web/site/');
export const PATH = '/index.html';
export const PAGE_FILE = `${SITE}index.html`;

export const page: Buffer = readFileSync(PAGE_FILE);

function answer(status: string, body: Buffer, connection: string): Buffer {
  const fields = `Content-Type: text/html; charset=utf-8\r\nContent-Length: ${body.length}\r\n${connection}`;
  return Buffer.concat([Buffer.from(`HTTP/1.1 ${status}\r\n${fields}\r\n`), body]);
}

const CLOSE = 'Connection: close\r\n';
const found = { kept: answer('200 OK', page, ''), last: answer('200 OK', page, CLOSE) };
const none = Buffer.from('There is nothing at this address.\n');
const missing = { kept: answer('404 Not Found', none, ''), last: answer('404 Not Found', none, CLOSE) };
/** To what is no request. The connection ends. */
export const BAD = answer('400 Bad Request', Buffer.from('This is no request.\n'), CLOSE);

/** The whole answer to a request: made once, for what it costs is not what is measured. */
export function answerTo(target: string, keepAlive: boolean): Buffer {
  const { kept, last } = target === PATH ? found : missing;
  return keepAlive ? kept : last;
}
