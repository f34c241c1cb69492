import { describe, expect, test } from 'vitest';
import { input } from '../../../src/programs/web/llhttp.js';
import {
  MAX_BODY,
  MAX_HEADER_BYTES,
  MAX_HEADERS,
  MAX_TARGET,
  type Refusal,
  type Request,
  RequestParser,
} from '../../../src/programs/web/request.js';

interface Parsed {
  requests: Request[];
  refusal: Refusal | null;
}

/** Feeds a parser with pieces, as a connection does: what follows a request is read after it. */
function parse(pieces: readonly Buffer[]): Parsed {
  const parser = new RequestParser();
  const requests: Request[] = [];
  const feed = (piece: Buffer): void => {
    for (let offset = 0; offset < piece.length && parser.refusal === null; ) {
      const part = piece.subarray(offset, offset + input().length);
      input().set(part);
      offset += parser.read(0, part.length);
      if (parser.stage === 'complete') requests.push(parser.request);
    }
  };
  for (const piece of pieces) feed(piece);
  parser.free();
  return { requests, refusal: parser.refusal };
}

const whole = (text: string): Parsed => parse([Buffer.from(text, 'latin1')]);
const byByte = (text: string): Parsed => parse([...Buffer.from(text, 'latin1')].map((byte) => Buffer.of(byte)));

const get = 'GET /a?b HTTP/1.1\r\nHost: h\r\n';
const good: Record<string, string> = {
  plain: `${get}\r\n`,
  'empty lines before it': `\r\n\r\n${get}\r\n`,
  'the fields that count': `${get}RANGE: bytes=0-1\r\nIf-None-Match: "a"\r\nX-Long-Name-That-Nobody-Reads: 1\r\nif-none-match: W/"b"\r\n\r\n`,
  'a body with a length': `${get}Content-Length: 5\r\n\r\nhello`,
  'a body in chunks': `${get}Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nRange: bytes=9-9\r\n\r\n`,
  'HTTP/1.0': 'GET / HTTP/1.0\r\n\r\n',
  'HTTP/1.0 that stays': 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
  'a wish for another protocol': `${get}Connection: upgrade\r\nUpgrade: websocket\r\n\r\n`,
  'a target in full': 'HEAD http://h:80/x HTTP/1.1\r\nHost: h:80\r\n\r\n',
  'an IPv6 host': 'GET / HTTP/1.1\r\nHost: [::1]:7786\r\n\r\n',
  'an empty host': 'GET / HTTP/1.1\r\nHost:\r\n\r\n',
};

describe.each(Object.entries(good))('a request (%s)', (_, text) => {
  test('means the same cut at any byte, and byte by byte', () => {
    const expected = whole(text);
    expect(expected.refusal).toBeNull();
    expect(expected.requests).toHaveLength(1);
    const bytes = Buffer.from(text, 'latin1');
    for (let at = 1; at < bytes.length; at++) {
      expect(parse([bytes.subarray(0, at), bytes.subarray(at)])).toEqual(expected);
    }
    expect(byByte(text)).toEqual(expected);
  });

  test('ends where the next one begins, wherever they are cut', () => {
    // Of a connection that ends with the first nothing more is read.
    if (!whole(text).requests[0]?.keepAlive) return;
    const bytes = Buffer.from(`${text}${text}${get}\r\n`, 'latin1');
    for (let at = 1; at < bytes.length; at += 3) {
      const { requests, refusal } = parse([bytes.subarray(0, at), bytes.subarray(at)]);
      expect(refusal).toBeNull();
      expect(requests.map(({ target }) => target)).toEqual([
        ...whole(text + text).requests.map((r) => r.target),
        '/a?b',
      ]);
    }
  });
});

test('only the fields of the header count, joined when they come twice', () => {
  const [first] = whole(good['the fields that count'] as string).requests;
  expect(first).toMatchObject({ method: 'GET', target: '/a?b', version: 11, keepAlive: true });
  expect(first?.fields).toEqual({ host: 'h', range: 'bytes=0-1', 'if-none-match': '"a", W/"b"' });
  expect(whole(good['a body in chunks'] as string).requests[0]?.fields.range).toBeUndefined();
});

test('HTTP/1.0 ends with the request unless told otherwise', () => {
  expect(whole(good['HTTP/1.0'] as string).requests[0]).toMatchObject({ version: 10, keepAlive: false });
  expect(whole(good['HTTP/1.0 that stays'] as string).requests[0]).toMatchObject({ version: 10, keepAlive: true });
  expect(whole('GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, close\r\n\r\n').requests[0]?.keepAlive).toBe(
    false,
  );
});

const H = 'Host: h\r\n';
const bad: [string, number, string][] = [
  ['both lengths', 400, `GET / HTTP/1.1\r\n${H}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n`],
  ['both lengths, turned round', 400, `GET / HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n`],
  ['two lengths', 400, `GET / HTTP/1.1\r\n${H}Content-Length: 3\r\nContent-Length: 4\r\n\r\n`],
  ['a list of lengths', 400, `GET / HTTP/1.1\r\n${H}Content-Length: 3, 3\r\n\r\n`],
  ['a signed length', 400, `GET / HTTP/1.1\r\n${H}Content-Length: +3\r\n\r\n`],
  ['a negative length', 400, `GET / HTTP/1.1\r\n${H}Content-Length: -1\r\n\r\n`],
  ['a hexadecimal length', 400, `GET / HTTP/1.1\r\n${H}Content-Length: 0x3\r\n\r\n`],
  ['a length beyond 64 bits', 400, `GET / HTTP/1.1\r\n${H}Content-Length: 99999999999999999999\r\n\r\n`],
  ['an empty length', 400, `GET / HTTP/1.1\r\n${H}Content-Length: \r\n\r\n`],
  ['a length with a space in it', 400, `GET / HTTP/1.1\r\n${H}Content-Length: 1 2\r\n\r\n`],
  ['chunks in HTTP/1.0', 400, `GET / HTTP/1.0\r\n${H}Transfer-Encoding: chunked\r\n\r\n`],
  ['a coding after chunked', 400, `GET / HTTP/1.1\r\n${H}Transfer-Encoding: chunked, gzip\r\n\r\n`],
  [
    'chunked twice over',
    400,
    `GET / HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n`,
  ],
  ['a coding before chunked', 501, `GET / HTTP/1.1\r\n${H}Transfer-Encoding: gzip, chunked\r\n\r\n`],
  ['an unknown coding', 501, `GET / HTTP/1.1\r\n${H}Transfer-Encoding: xchunked\r\n\r\n`],
  ['identity', 501, `GET / HTTP/1.1\r\n${H}Transfer-Encoding: identity\r\n\r\n`],
  ['a chunk of no number', 400, `GET / HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\nzz\r\n`],
  ['a chunk beyond 64 bits', 400, `GET / HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n`],
  ['chunks with bare line feeds', 400, `GET / HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n`],
  ['bare line feeds', 400, 'GET / HTTP/1.1\nHost: h\n\n'],
  ['a bare line feed after a field', 400, 'GET / HTTP/1.1\r\nHost: h\n\r\n'],
  ['a bare line feed at the end', 400, 'GET / HTTP/1.1\r\nHost: h\r\n\n'],
  ['a bare carriage return', 400, `GET / HTTP/1.1\r\n${H}X: a\rb\r\n\r\n`],
  ['a folded line', 400, `GET / HTTP/1.1\r\nX: a\r\n b\r\n${H}\r\n`],
  ['a space before the first field', 400, `GET / HTTP/1.1\r\n X: a\r\n${H}\r\n`],
  ['a space before a colon', 400, 'GET / HTTP/1.1\r\nHost : h\r\n\r\n'],
  ['a field without a colon', 400, 'GET / HTTP/1.1\r\nHost\r\n\r\n'],
  ['a field without a name', 400, `GET / HTTP/1.1\r\n: x\r\n${H}\r\n`],
  ['a NUL in a field', 400, `GET / HTTP/1.1\r\n${H}X: a\0b\r\n\r\n`],
  ['no host', 400, 'GET / HTTP/1.1\r\n\r\n'],
  ['two hosts', 400, 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'],
  ['a host that is a path', 400, 'GET / HTTP/1.1\r\nHost: a/../b\r\n\r\n'],
  ['a host with a name and a password', 400, 'GET / HTTP/1.1\r\nHost: u@a\r\n\r\n'],
  ['a space in the target', 400, `GET /a b HTTP/1.1\r\n${H}\r\n`],
  ['a NUL in the target', 400, `GET /\0 HTTP/1.1\r\n${H}\r\n`],
  ['bytes beyond ASCII in the target', 400, `GET /\xff HTTP/1.1\r\n${H}\r\n`],
  ['a target without a slash', 400, `GET index.html HTTP/1.1\r\n${H}\r\n`],
  ['a tab for a space', 400, `GET\t/ HTTP/1.1\r\n${H}\r\n`],
  ['TLS', 400, '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ['an unknown method', 501, `BREW / HTTP/1.1\r\n${H}\r\n`],
  ['a method in small letters', 501, `get / HTTP/1.1\r\n${H}\r\n`],
  ['a method that begins like another', 501, `GETX / HTTP/1.1\r\n${H}\r\n`],
  ['POST', 405, `POST / HTTP/1.1\r\n${H}Content-Length: 0\r\n\r\n`],
  ['DELETE', 405, `DELETE / HTTP/1.1\r\n${H}\r\n`],
  ['CONNECT', 405, `CONNECT h:1 HTTP/1.1\r\n${H}\r\n`],
  ['OPTIONS', 405, `OPTIONS * HTTP/1.1\r\n${H}\r\n`],
  ['HTTP/2 by its preface', 505, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['HTTP/2.0', 505, 'GET / HTTP/2.0\r\n\r\n'],
  ['HTTP/1.2', 505, `GET / HTTP/1.2\r\n${H}\r\n`],
  ['HTTP/0.9', 505, 'GET /\r\n\r\n'],
  ['another protocol', 400, `GET / HTTQ/1.1\r\n${H}\r\n`],
  ['an unknown expectation', 417, `GET / HTTP/1.1\r\n${H}Expect: a miracle\r\n\r\n`],
  ['a long target', 414, `GET /${'a'.repeat(MAX_TARGET)} HTTP/1.1\r\n${H}\r\n`],
  ['a long field', 431, `GET / HTTP/1.1\r\n${H}X: ${'a'.repeat(MAX_HEADER_BYTES)}\r\n\r\n`],
  ["a long field's name", 431, `GET / HTTP/1.1\r\n${H}${'X'.repeat(MAX_HEADER_BYTES)}: a\r\n\r\n`],
  ['many fields', 431, `GET / HTTP/1.1\r\n${H}${'X:\r\n'.repeat(MAX_HEADERS)}\r\n`],
  [
    'fields without end after the body',
    431,
    `GET / HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\n0\r\n${'X: a\r\n'.repeat(MAX_HEADERS)}\r\n`,
  ],
  ['a large body', 413, `GET / HTTP/1.1\r\n${H}Content-Length: ${MAX_BODY + 1}\r\n\r\n`],
  [
    'a large body in chunks',
    413,
    `GET / HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\n${(MAX_BODY + 1).toString(16)}\r\n${'a'.repeat(MAX_BODY + 1)}\r\n`,
  ],
];

test.each(bad)('%s: refused with %i, in one piece and byte by byte', (_, status, text) => {
  for (const { requests, refusal } of [whole(text), byByte(text)]) {
    expect(requests).toEqual([]);
    expect(refusal?.status).toBe(status);
    expect(refusal?.reason).not.toBe('');
  }
});

test('what stays just below the limits is taken', () => {
  const target = `/${'a'.repeat(MAX_TARGET - 1)}`;
  const fields = 'X:\r\n'.repeat(MAX_HEADERS - 3);
  const text = `GET ${target} HTTP/1.1\r\n${H}${fields}Y: ${'b'.repeat(MAX_HEADER_BYTES - 200)}\r\nContent-Length: ${MAX_BODY}\r\n\r\n${'c'.repeat(MAX_BODY)}`;
  const { requests, refusal } = whole(text);
  expect(refusal).toBeNull();
  expect(requests[0]?.target).toBe(target);
});

test('a parser holds on to its request while the memory of all of them grows', () => {
  const first = new RequestParser();
  const others: RequestParser[] = [];
  const half = Buffer.from('GET /first HTTP/1.1\r\nHo', 'latin1');
  const rest = Buffer.from('st: h\r\n\r\n', 'latin1');
  input().set(half);
  expect(first.read(0, half.length)).toBe(half.length);
  const { buffer } = input();
  while (buffer.byteLength > 0) others.push(new RequestParser());
  input().set(rest);
  expect(first.read(0, rest.length)).toBe(rest.length);
  expect(first.request).toMatchObject({ target: '/first', fields: { host: 'h' } });
  for (const parser of [first, ...others]) parser.free();
});
