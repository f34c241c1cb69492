import { expect, test } from 'vitest';
import { encodePath, parseTarget } from '../../../src/programs/web/target.js';

const somewhere: [string, string, boolean, string][] = [
  ['/', '', true, ''],
  ['/index.html', '/index.html', false, ''],
  ['/a/b/', '/a/b', true, ''],
  ['//a///b', '/a/b', false, ''],
  ['/a?b=/../c', '/a', false, '?b=/../c'],
  ['/?', '', true, '?'],
  ['/a%20b', '/a b', false, ''],
  ['/%E2%82%AC', '/€', false, ''],
  ['/%252e%252e/x', '/%2e%2e/x', false, ''],
  ['/a%5Cb', '/a\\b', false, ''],
  ['/..%5C..%5Cx', null as never, false, ''],
  ['http://host:80/a', '/a', false, ''],
  ['HTTP://host', '', true, ''],
  ['https://host?q', '', true, '?q'],
  ['/.well-known/security.txt', '/.well-known/security.txt', false, ''],
];

test.each(somewhere)('%s is the path %s', (raw, path, folder, query) => {
  expect(parseTarget(raw)).toEqual({ path, folder, query });
});

test.each([
  '/..',
  '/../etc/passwd',
  '/a/../../etc/passwd',
  '/%2e%2e/etc/passwd',
  '/%2E./etc/passwd',
  '/.%2e/etc/passwd',
  '/./a',
  '/.git/config',
  '/a/.env',
  '/a/.well-known/x',
  '/a%2Fb',
  '/..%2f..%2fetc%2fpasswd',
  '/%2fetc/passwd',
  '//../etc/passwd',
  'http://host/../etc/passwd',
  '/...',
])('%s is nowhere', (raw) => {
  expect(parseTarget(raw)).toMatchObject({ path: null });
});

test.each([
  '',
  '*',
  'a',
  'host:80',
  'ftp://host/a',
  'http://',
  '/%',
  '/%4',
  '/%zz',
  '/%ff',
  '/%c0%ae%c0%ae/',
  '/a%00b',
  '/a#b',
])('%s is no target', (raw) => {
  expect(parseTarget(raw)).toBeUndefined();
});

test('an encoded path begins with one slash and holds nothing that ends a line', () => {
  expect(encodePath('/a b/€/%2e/\r\nX: y/?#\\')).toBe('/a%20b/%E2%82%AC/%252e/%0D%0AX%3A%20y/%3F%23%5C');
  expect(encodePath(parseTarget('//evil.example/%0d%0aSet-Cookie:x')?.path as string)).toBe(
    '/evil.example/%0D%0ASet-Cookie%3Ax',
  );
});
