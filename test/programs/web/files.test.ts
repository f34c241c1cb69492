import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Root } from '../../../src/programs/web/files.js';
import * as sys from '../../../src/sys/index.js';
import { scratch } from './server.js';

let area: ReturnType<typeof scratch>;
let folder: string;
let root: Root;
let before: number;

const descriptors = (): number => readdirSync('/proc/self/fd').length;

beforeEach(() => {
  area = scratch();
  folder = join(area.folder, 'html');
  mkdirSync(folder);
  writeFileSync(join(area.folder, 'secret'), 'secret');
  mkdirSync(join(area.folder, 'html-too'));
  writeFileSync(join(area.folder, 'html-too', 'secret'), 'secret');
  writeFileSync(join(folder, 'page.html'), 'page');
  mkdirSync(join(folder, 'sub'));
  writeFileSync(join(folder, 'sub', 'a'), 'a');
  before = descriptors();
  root = new Root(folder);
});

afterEach(() => {
  root.close();
  expect(descriptors()).toBe(before);
  area[Symbol.dispose]();
});

/** What is found: how many bytes, or the status. */
function look(path: string): string | number {
  const found = root.open(path);
  if (found === 'folder') return found;
  if ('status' in found) return found.status;
  sys.close(found.fd);
  return `${found.size} bytes`;
}

test('files are opened, folders told', () => {
  expect(look('/page.html')).toBe('4 bytes');
  expect(look('/sub')).toBe('folder');
  expect(look('')).toBe('folder');
  expect(look('/sub/a')).toBe('1 bytes');
});

test('what is not there is 404, whatever the kernel calls it', () => {
  symlinkSync('loop', join(folder, 'loop'));
  symlinkSync('nowhere', join(folder, 'dangling'));
  for (const path of ['/x', '/page.html/x', `/${'x'.repeat(300)}`, '/loop', '/dangling']) expect(look(path)).toBe(404);
});

test('links inside the folder are followed', () => {
  symlinkSync('page.html', join(folder, 'relative'));
  symlinkSync(join(folder, 'sub'), join(folder, 'absolute'));
  linkSync(join(folder, 'page.html'), join(folder, 'hard'));
  expect(look('/relative')).toBe('4 bytes');
  expect(look('/absolute/a')).toBe('1 bytes');
  expect(look('/hard')).toBe('4 bytes');
});

test('links out of the folder lead nowhere', () => {
  symlinkSync('../secret', join(folder, 'file'));
  symlinkSync(join(area.folder, 'secret'), join(folder, 'absolute'));
  symlinkSync('..', join(folder, 'up'));
  symlinkSync('/', join(folder, 'slash'));
  symlinkSync('../html-too', join(folder, 'neighbour'));
  symlinkSync('file', join(folder, 'twice'));
  symlinkSync('/proc/self/environ', join(folder, 'environ'));
  symlinkSync('/dev/stdin', join(folder, 'stdin'));
  symlinkSync('/proc/self/fd', join(folder, 'fd'));
  for (const path of ['/file', '/absolute', '/up', '/up/secret', '/slash', '/slash/etc/passwd', '/neighbour/secret'])
    expect(look(path)).toBe(404);
  for (const path of ['/twice', '/environ', '/stdin', '/fd/0', '/up/html/page.html/x']) expect(look(path)).toBe(404);
  // Out and in again is in.
  expect(look('/up/html/page.html')).toBe('4 bytes');
});

test('what is no regular file is not there, and a FIFO keeps nobody waiting', async () => {
  execFileSync('mkfifo', [join(folder, 'fifo')]);
  symlinkSync('/dev/zero', join(folder, 'zero'));
  const server = createServer().listen(join(folder, 'socket'));
  await new Promise((resolve) => server.once('listening', resolve));
  before++;
  for (const path of ['/fifo', '/zero', '/socket']) expect(look(path)).toBe(404);
  await new Promise((resolve) => server.close(resolve));
  before--;
});

test('what may not be read is 403', () => {
  chmodSync(join(folder, 'page.html'), 0);
  // Root may read everything: the test becomes somebody else for a while.
  const root = process.getuid?.() === 0;
  if (root) {
    chmodSync(area.folder, 0o755);
    chmodSync(folder, 0o755);
    process.seteuid?.(65534);
  }
  try {
    expect(look('/page.html')).toBe(403);
  } finally {
    if (root) process.seteuid?.(0);
  }
});

test('the folder stays the same one when it is renamed', () => {
  renameSync(folder, join(area.folder, 'moved'));
  mkdirSync(folder);
  writeFileSync(join(folder, 'page.html'), 'another');
  symlinkSync(join(folder, 'page.html'), join(area.folder, 'moved', 'old'));
  expect(look('/page.html')).toBe('4 bytes');
  expect(look('/old')).toBe(404);
});

test('names that are no UTF-8 stay different from each other', () => {
  const parent = Buffer.concat([Buffer.from(`${area.folder}/`), Buffer.of(0xff)]);
  const other = Buffer.concat([Buffer.from(`${area.folder}/`), Buffer.of(0xfe)]);
  mkdirSync(parent);
  mkdirSync(other);
  writeFileSync(Buffer.concat([other, Buffer.from('/secret')]), 'secret');
  writeFileSync(Buffer.concat([parent, Buffer.from('/page')]), 'page');
  symlinkSync(Buffer.concat([other, Buffer.from('/secret')]), Buffer.concat([parent, Buffer.from('/link')]));
  const odd = new Root(parent as never);
  const page = odd.open('/page');
  expect(page).toMatchObject({ size: 4 });
  sys.close((page as { fd: number }).fd);
  expect(odd.open('/link')).toMatchObject({ status: 404 });
  odd.close();
});

test('a change within the same second is seen', () => {
  utimesSync(join(folder, 'page.html'), 1000, 1000.25);
  const found = root.open('/page.html');
  if (found === 'folder' || 'status' in found) throw new Error('not found');
  sys.close(found.fd);
  expect(found.mtimeNs).toBe(1_000_250_000_000n);
});

test('without descriptors it is 503, and afterwards as before', () => {
  const limits = new Float64Array(2);
  sys.getrlimit(sys.RLIMIT_NOFILE, limits);
  sys.setrlimit(sys.RLIMIT_NOFILE, Float64Array.of(3, limits[1] as number));
  try {
    expect(root.open('/page.html')).toEqual({ status: 503, reason: 'EMFILE' });
  } finally {
    sys.setrlimit(sys.RLIMIT_NOFILE, limits);
  }
  expect(look('/page.html')).toBe('4 bytes');
});

test.each(['/nowhere', 'page.html'])('a root that is no folder (%s) is refused', (path) => {
  expect(() => new Root(join(folder, path))).toThrow(/ENOENT|ENOTDIR/);
});
