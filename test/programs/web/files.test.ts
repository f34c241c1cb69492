// Only what is below the folder is opened: by the kernel's own means and, where it has none, step by step.
import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { chooseOpenBeneath, openByKernel, openByWalking } from '../../../src/programs/web/beneath.js';
import { Root } from '../../../src/programs/web/files.js';
import * as sys from '../../../src/sys/index.js';
import { scratch } from './server.js';

describe.each([
  ['the kernel', openByKernel],
  ['walking', openByWalking],
])('by %s', (_, way) => {
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
    root = new Root(folder, way);
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
    for (const path of ['/x', '/page.html/x', `/${'x'.repeat(300)}`, '/loop', '/dangling'])
      expect(look(path)).toBe(404);
  });

  test('links inside the folder are followed', () => {
    symlinkSync('page.html', join(folder, 'relative'));
    symlinkSync('../sub/./../page.html', join(folder, 'sub', 'up'));
    symlinkSync('sub/', join(folder, 'slash'));
    symlinkSync('relative', join(folder, 'twice'));
    linkSync(join(folder, 'page.html'), join(folder, 'hard'));
    for (const path of ['/relative', '/sub/up', '/slash/up', '/twice', '/hard']) expect(look(path)).toBe('4 bytes');
    expect(look('/slash')).toBe('folder');
    expect(look('/slash/a')).toBe('1 bytes');
    symlinkSync('page.html/', join(folder, 'no-folder'));
    expect(look('/no-folder')).toBe(404);
  });

  test('40 links are followed, and no more', () => {
    symlinkSync('page.html', join(folder, 'link1'));
    for (let i = 2; i <= 41; i++) symlinkSync(`link${i - 1}`, join(folder, `link${i}`));
    expect(look('/link40')).toBe('4 bytes');
    expect(look('/link41')).toBe(404);
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
  });

  test('links by way of the outside lead nowhere, even if they come back', () => {
    symlinkSync(join(folder, 'sub'), join(folder, 'absolute'));
    symlinkSync('..', join(folder, 'up'));
    symlinkSync('../../html/page.html', join(folder, 'sub', 'around'));
    for (const path of ['/absolute/a', '/up/html/page.html', '/sub/around']) expect(look(path)).toBe(404);
    expect(root.open('/sub/around')).toEqual({ status: 404, reason: 'it leads out of the folder' });
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
    const odd = new Root(parent as never, way);
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

  test('nothing outside is opened though the folder had another name before', () => {
    // What was below its old name is below another folder now.
    symlinkSync('../html/secret', join(folder, 'link'));
    renameSync(folder, join(area.folder, 'moved'));
    renameSync(join(area.folder, 'html-too'), folder);
    expect(look('/link')).toBe(404);
    expect(look('/page.html')).toBe('4 bytes');
  });

  test('nothing outside is opened while the folder and one outside change places', async () => {
    symlinkSync('../html-too/secret', join(folder, 'link'));
    symlinkSync('../html/secret', join(folder, 'other-link'));
    symlinkSync('../page.html', join(folder, 'sub', 'up'));
    const swap = `const { renameSync: r } = require('fs'); process.chdir(process.argv[1]); console.log('begun');
    const end = Date.now() + 60000;
    while (Date.now() < end) {
      r('html', 'kept'); r('html-too', 'html'); r('kept', 'html-too');
      r('html', 'kept'); r('html-too', 'html'); r('kept', 'html-too');
    }`;
    const swapper = spawn(process.execPath, ['-e', swap, area.folder], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise((resolve) => swapper.once('close', resolve));
    onTestFinished(() => {
      swapper.kill('SIGKILL');
    });
    await new Promise((resolve) => swapper.stdout.once('data', resolve));
    const during = descriptors();
    const buffer = Buffer.alloc(16);
    const seen = new Set<string>();
    for (let i = 0; i < 10_000; i++) {
      for (const path of ['/link', '/other-link', '/page.html', '/sub/up']) {
        const found = root.open(path);
        if (found === 'folder' || 'status' in found) {
          seen.add(`${path} ${found === 'folder' ? found : found.status}`);
          continue;
        }
        seen.add(`${path} ${buffer.toString('latin1', 0, readSync(found.fd, buffer))}`);
        sys.close(found.fd);
      }
    }
    expect(descriptors()).toBe(during);
    swapper.kill('SIGKILL');
    await ended;
    // While everything is renamed all the time the kernel may give a way with `..` up, and say so.
    seen.delete('/sub/up 503');
    for (const name of ['link', 'other-link']) seen.delete(`/${name} 503`);
    expect([...seen].sort()).toEqual(['/link 404', '/other-link 404', '/page.html page', '/sub/up page']);
  }, 120_000);
});

test('the kernel is chosen where it can', () => {
  const fd = openSync('/', 'r');
  onTestFinished(() => closeSync(fd));
  const known = sys.openat2(sys.AT_FDCWD, '/', sys.O_PATH | sys.O_CLOEXEC) !== -sys.ENOSYS;
  expect(chooseOpenBeneath(fd)).toBe(known ? openByKernel : openByWalking);
});

test.each(['/nowhere', ''])('a root that is no folder (%s) is refused', (path) => {
  expect(() => new Root(`/proc/self/exe${path}`)).toThrow(/ENOENT|ENOTDIR/);
});
