import { execFile, execFileSync, spawn } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Socket } from 'fdmux';
import { MSG_OOB } from 'fdmux/sys';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { queued, settled } from '../support/servers.js';
import { ask, Client, get, Server, scratch, until } from './web/server.js';

const run = promisify(execFile);

function installed(command: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const BIG = 64 * 1024 * 1024;
const long = Buffer.alloc(300_000, 'one line of a longer file\n');

const area = scratch();
const html = join(area.folder, 'html');
afterAll(() => area[Symbol.dispose]());

beforeAll(() => {
  mkdirSync(join(html, 'docs', 'a b'), { recursive: true });
  mkdirSync(join(html, 'empty'));
  mkdirSync(join(html, '.git'));
  writeFileSync(join(area.folder, 'secret'), 'secret\n');
  writeFileSync(join(html, 'index.html'), '<p>first\n');
  writeFileSync(join(html, 'docs', 'index.html'), '<p>docs\n');
  writeFileSync(join(html, 'style.css'), 'p{}\n');
  writeFileSync(join(html, '.git', 'config'), 'secret\n');
  writeFileSync(join(html, 'nothing.txt'), '');
  writeFileSync(join(html, 'unknown.qqq'), 'x');
  writeFileSync(join(html, 'long.txt'), long);
  writeFileSync(join(html, 'big.bin'), '');
  truncateSync(join(html, 'big.bin'), BIG);
  symlinkSync('../secret', join(html, 'link'));
  symlinkSync('..', join(html, 'up'));
  // Long enough ago that no change can hide in the tick of a clock.
  for (const name of ['index.html', 'style.css', 'long.txt'])
    utimesSync(join(html, name), 1_700_000_000, 1_700_000_000);
});

const servers: Server[] = [];
async function serve(...args: string[]): Promise<Server> {
  const server = await Server.start(['--root', html, ...args]);
  servers.push(server);
  return server;
}
afterEach(async () => {
  for (const server of servers.splice(0)) expect(await server.stop()).toBe(0);
});

describe.each(['edge', 'level'])('on %s', (trigger) => {
  let server: Server;
  beforeAll(async () => {
    server = await Server.start(['--root', html, '--trigger', trigger]);
  });
  afterAll(async () => {
    expect(await server.stop()).toBe(0);
  });

  test('a file comes with its type, its length, its dates and its tag', async () => {
    const { status, headers, body } = await ask(server.port, get('/style.css'));
    expect(status).toBe(200);
    expect(body.toString()).toBe('p{}\n');
    expect(Object.fromEntries(headers)).toEqual({
      date: expect.stringMatching(/^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/),
      'content-type': 'text/css; charset=utf-8',
      'content-length': '4',
      'last-modified': 'Tue, 14 Nov 2023 22:13:20 GMT',
      etag: expect.stringMatching(/^"[0-9a-f]+-[0-9a-f]+"$/),
      'accept-ranges': 'bytes',
      'cache-control': 'no-cache',
      'x-content-type-options': 'nosniff',
    });
    expect(Math.abs(Date.parse(headers.get('date') as string) - Date.now())).toBeLessThan(60_000);
  });

  test('HEAD says the same and sends nothing', async () => {
    using client = await Client.connect(server.port);
    for (const target of ['/style.css', '/nowhere', '/docs', '/long.txt']) {
      await client.send(get(target) + get(target, {}, 'HEAD'));
      const full = await client.response();
      const head = await client.response('HEAD');
      expect(head.status).toBe(full.status);
      expect([...head.headers]).toEqual([...full.headers]);
      expect(client.bytes).toHaveLength(0);
    }
  });

  test('/ is /index.html, a folder is its own, and without its slash it is sent there', async () => {
    expect((await ask(server.port, get('/'))).body.toString()).toBe('<p>first\n');
    expect((await ask(server.port, get('/docs/'))).body.toString()).toBe('<p>docs\n');
    const redirect = await ask(server.port, get('//docs?x=1&y'));
    expect(redirect.status).toBe(301);
    expect(redirect.headers.get('location')).toBe('/docs/?x=1&y');
    expect((await ask(server.port, get('/docs/a%20b'))).headers.get('location')).toBe('/docs/a%20b/');
  });

  test.each(['/nowhere', '/empty/', '/index.html/', '/docs/index.html/x'])('%s is 404, with a page', async (target) => {
    const { status, headers, body } = await ask(server.port, get(target));
    expect(status).toBe(404);
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(body.toString()).toContain('404 Not Found');
  });

  test.each([
    '/../secret',
    '/docs/../../secret',
    '/%2e%2e/secret',
    '/%2e%2e%2fsecret',
    '/..%2fsecret',
    '/..%5csecret',
    '/..\\secret',
    '/%252e%252e/secret',
    '/%252e%252e%252fsecret',
    '/.%2e/secret',
    '//../secret',
    '/./../secret',
    '/link',
    '/up/secret',
    '/up/',
    '/.git/config',
    '/docs/%00/../../secret',
    '/index.html%00.css',
    '/%c0%ae%c0%ae/secret',
    'http://localhost/../secret',
    'http://localhost/%2e%2e/secret',
    'file:///etc/passwd',
    '/proc/self/environ',
  ])('nothing outside the folder is reachable by %s', async (target) => {
    const { status, body } = await ask(server.port, get(target));
    expect([400, 404]).toContain(status);
    expect(body.toString()).not.toContain('secret\n');
  });

  test('what lies behind an urgent byte is read, though nothing more comes', async () => {
    const stopped = await serve('--trigger', trigger);
    using client = new Socket();
    client.connect({ family: 'IPv4', address: '127.0.0.1', port: stopped.port });
    stopped.signal('SIGSTOP');
    const request = get('/style.css', { connection: 'close' });
    client.send(Buffer.from(request.slice(0, 10)));
    client.send(Buffer.from('!'), MSG_OOB);
    client.send(Buffer.from(request.slice(10)));
    await settled(() => queued(stopped), 'what is on its way');
    stopped.signal('SIGCONT');
    client.setBlocking(false);
    let answer = '';
    const hears = (): boolean => {
      try {
        answer += client.recv(4096).toString('latin1');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      }
      return answer.endsWith('p{}\n');
    };
    await until(hears);
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  });

  test('a name with line ends in it makes no header field, not even in a redirect', async () => {
    mkdirSync(join(html, 'a\r\nSet-Cookie: b'));
    try {
      for (const query of ['', '?%0d%0aSet-Cookie:%20b']) {
        const { status, headers } = await ask(server.port, get(`/a%0d%0aSet-Cookie:%20b${query}`));
        expect(status).toBe(301);
        expect(headers.get('location')).toBe(`/a%0D%0ASet-Cookie%3A%20b/${query}`);
        expect(headers.has('set-cookie')).toBe(false);
      }
    } finally {
      rmSync(join(html, 'a\r\nSet-Cookie: b'), { recursive: true });
    }
  });

  test('what a client has is not sent again', async () => {
    const { headers } = await ask(server.port, get('/style.css'));
    const etag = headers.get('etag') as string;
    using client = await Client.connect(server.port);
    for (const fields of [
      { 'If-None-Match': `"x", ${etag}` },
      { 'If-Modified-Since': headers.get('last-modified') as string },
    ]) {
      await client.send(get('/style.css', fields));
      const { status, headers: again } = await client.response();
      expect(status).toBe(304);
      expect(again.get('etag')).toBe(etag);
      expect(again.has('content-length')).toBe(false);
    }
    await client.send(get('/style.css', { 'If-None-Match': '"x"' }));
    expect((await client.response()).status).toBe(200);
    await client.send(get('/style.css', { 'If-Match': '"x"' }));
    expect((await client.response()).status).toBe(412);
  });

  test('a part of a file is sent, and several are the whole', async () => {
    const part = await ask(server.port, get('/long.txt', { Range: 'bytes=100-199' }));
    expect(part.status).toBe(206);
    expect(part.headers.get('content-range')).toBe(`bytes 100-199/${long.length}`);
    expect(part.body).toEqual(long.subarray(100, 200));
    const tail = await ask(server.port, get('/long.txt', { Range: 'bytes=-7' }));
    expect(tail.body).toEqual(long.subarray(-7));
    const none = await ask(server.port, get('/long.txt', { Range: `bytes=${long.length}-` }));
    expect(none.status).toBe(416);
    expect(none.headers.get('content-range')).toBe(`bytes */${long.length}`);
    expect((await ask(server.port, get('/long.txt', { Range: 'bytes=0-1,5-6' }))).status).toBe(200);
    const other = { Range: 'bytes=0-1', 'If-Range': '"x"' };
    expect((await ask(server.port, get('/long.txt', other))).body).toEqual(long);
    const same = { Range: 'bytes=0-1', 'If-Range': part.headers.get('etag') as string };
    expect((await ask(server.port, get('/long.txt', same))).status).toBe(206);
  });

  test('an empty file, and one of no known type', async () => {
    expect((await ask(server.port, get('/nothing.txt'))).headers.get('content-length')).toBe('0');
    expect((await ask(server.port, get('/unknown.qqq'))).headers.get('content-type')).toBe('application/octet-stream');
  });

  test('requests that come together are answered in their order', async () => {
    using client = await Client.connect(server.port);
    const targets = Array.from({ length: 300 }, (_, i) => ['/', '/long.txt', '/nowhere', '/docs'][i % 4] as string);
    await client.send(targets.map((target) => get(target)).join(''));
    for (const target of targets) {
      const { status, body } = await client.response();
      expect(status).toBe(target === '/docs' ? 301 : target === '/nowhere' ? 404 : 200);
      if (target === '/long.txt') expect(body.equals(long)).toBe(true);
    }
  });

  test('answers without a file are not lost either on a client that reads late', async () => {
    using client = await Client.connect(server.port);
    client.socket.pause();
    const query = `?${'q'.repeat(7900)}`;
    const sent = client.send(get(`/docs${query}`).repeat(2000));
    // By the time that another has been served, the first is stuck.
    using other = await Client.connect(server.port);
    for (let i = 0; i < 100; i++) {
      await other.send(get('/'));
      await other.response();
    }
    client.socket.resume();
    for (let i = 0; i < 2000; i++) expect((await client.response()).headers.get('location')).toBe(`/docs/${query}`);
    await sent;
  });

  test('a request is one wherever it is cut, on one connection', async () => {
    using client = await Client.connect(server.port);
    const text = get('/style.css', { 'If-None-Match': '"x"' });
    for (let at = 1; at < text.length; at++) {
      await client.send(text.slice(0, at));
      await new Promise((resolve) => setImmediate(resolve));
      await client.send(text.slice(at));
      expect((await client.response()).status).toBe(200);
    }
    for (const byte of text) {
      await client.send(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await client.response()).body.toString()).toBe('p{}\n');
  });

  test('who shuts its side is still answered', async () => {
    using client = await Client.connect(server.port, true);
    client.socket.end(get('/long.txt') + get('/') + get('/docs/'), 'latin1');
    expect((await client.response()).body).toHaveLength(long.length);
    expect((await client.response()).body.toString()).toBe('<p>first\n');
    expect((await client.response()).body.toString()).toBe('<p>docs\n');
    await client.end();
    expect(client.error).toBeNull();
  });

  test('the connection ends when either side wishes, and says so', async () => {
    using one = await Client.connect(server.port);
    await one.send(get('/', { Connection: 'close' }));
    expect((await one.response()).headers.get('connection')).toBe('close');
    await one.end();
    using old = await Client.connect(server.port);
    await old.send('GET / HTTP/1.0\r\n\r\n');
    expect((await old.response()).headers.get('connection')).toBe('close');
    await old.end();
    using kept = await Client.connect(server.port);
    for (let i = 0; i < 2; i++) {
      await kept.send('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
      expect((await kept.response()).headers.get('connection')).toBe('keep-alive');
    }
  });

  test.each([
    [400, 'GET / HTTP/1.1\nHost: h\n\n'],
    [400, 'GET / HTTP/1.1\r\n\r\n'],
    [
      400,
      'GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /style.css HTTP/1.1\r\nHost: h\r\n\r\n',
    ],
    [405, get('/', { 'Content-Length': '4' }, 'POST')],
    [413, get('/', { 'Content-Length': '1000000', Expect: '100-continue' })],
    [414, get(`/${'a'.repeat(9000)}`)],
    [417, get('/', { Expect: 'more' })],
    [431, get('/', { Cookie: 'a'.repeat(17_000) })],
    [501, get('/', {}, 'BREW')],
    [505, get('/', {}, 'GET', '1.7')],
  ])('%i is the last word, and is heard although more is coming', async (status, text) => {
    using client = await Client.connect(server.port);
    await client.send(text);
    await client.send(Buffer.alloc(200_000, 'GET / HTTP/1.1\r\nHost: h\r\n\r\n'));
    const response = await client.response();
    expect(response.status).toBe(status);
    expect(response.headers.get('connection')).toBe('close');
    expect(response.headers.get('allow')).toBe(status === 405 ? 'GET, HEAD' : undefined);
    await client.end();
    expect(client.error).toBeNull();
    expect(client.bytes).toHaveLength(0);
  });

  test('a body is read past, and asked for when the client waits for that', async () => {
    using client = await Client.connect(server.port);
    await client.send(`${get('/', { 'Content-Length': '5' })}hello${get('/style.css')}`);
    expect((await client.response()).body.toString()).toBe('<p>first\n');
    expect((await client.response()).body.toString()).toBe('p{}\n');
    await client.send(get('/', { 'Content-Length': '5', Expect: '100-continue' }));
    expect((await client.response()).status).toBe(100);
    expect(client.bytes).toHaveLength(0);
    await client.send(`hello${get('/style.css')}`);
    expect((await client.response()).body.toString()).toBe('<p>first\n');
    expect((await client.response()).body.toString()).toBe('p{}\n');
    await client.send(get('/', { Expect: '100-continue' }));
    expect((await client.response()).status).toBe(200);
  });

  test('files of 64 MiB go to slow readers without being held, and nobody waits for them', async () => {
    const before = server.rss;
    const slow = await Promise.all(Array.from({ length: 8 }, () => Client.connect(server.port)));
    for (const client of slow) {
      client.socket.pause();
      await client.send(get('/big.bin'));
    }
    using quick = await Client.connect(server.port);
    for (let i = 0; i < 200; i++) {
      await quick.send(get('/style.css'));
      expect((await quick.response()).status).toBe(200);
    }
    expect(server.rss - before).toBeLessThan(BIG / 2);
    // One takes it all, counted and not kept.
    const [first, ...others] = slow as [Client, ...Client[]];
    let received = 0;
    let zeros = true;
    first.socket.removeAllListeners('data').on('data', (data) => {
      received += data.length;
      if (received === data.length) return;
      zeros &&= data.every((byte) => byte === 0);
    });
    first.socket.resume();
    await until(() => received >= BIG);
    expect(zeros).toBe(true);
    expect(server.rss - before).toBeLessThan(BIG / 2);
    for (const client of [first, ...others]) client.socket.destroy();
  });

  test('a file that becomes shorter while it is sent ends the connection, one that grows changes nothing', async () => {
    const shrinking = join(html, 'shrinking.bin');
    writeFileSync(shrinking, '');
    truncateSync(shrinking, BIG);
    using cut = await Client.connect(server.port);
    const begun = new Promise((resolve) => cut.socket.once('data', () => resolve(cut.socket.pause())));
    await cut.send(get('/shrinking.bin'));
    await begun;
    truncateSync(shrinking, 1000);
    cut.socket.resume();
    await cut.end();
    expect(cut.bytes.length).toBeLessThan(BIG);

    const growing = join(html, 'growing.bin');
    writeFileSync(growing, '');
    truncateSync(growing, BIG / 16);
    using client = await Client.connect(server.port);
    const under = new Promise((resolve) => client.socket.once('data', () => resolve(client.socket.pause())));
    await client.send(get('/growing.bin') + get('/style.css'));
    await under;
    appendFileSync(growing, 'more');
    client.socket.resume();
    expect((await client.response()).body).toHaveLength(BIG / 16);
    expect((await client.response()).body.toString()).toBe('p{}\n');
  });

  test('who resets, in the middle of anything, leaves nothing behind', async () => {
    await ask(server.port, get('/'));
    const quiet = server.descriptors;
    for (const text of [
      '',
      'GET / HT',
      get('/big.bin'),
      get('/big.bin') + get('/'),
      get('/', { Connection: 'close' }),
    ]) {
      const client = await Client.connect(server.port);
      await client.send(text);
      client.socket.resetAndDestroy();
    }
    await until(() => server.descriptors <= quiet);
    expect((await ask(server.port, get('/'))).status).toBe(200);
  });

  test('200 clients at once get every byte', async () => {
    const clients = await Promise.all(Array.from({ length: 200 }, () => Client.connect(server.port)));
    await Promise.all(clients.map((client) => client.send(get('/long.txt') + get('/style.css'))));
    for (const client of clients) {
      expect((await client.response()).body.equals(long)).toBe(true);
      expect((await client.response()).body.toString()).toBe('p{}\n');
      client.socket.destroy();
    }
  });

  test.skipIf(!installed('wrk'))('wrk finds no error', async () => {
    const { stdout } = await run('wrk', ['-t1', '-c50', '-d1s', `${server.url}/`]);
    expect(stdout).not.toContain('Socket errors');
    expect(stdout).not.toContain('Non-2xx');
    expect(Number(/(\d+) requests in/.exec(stdout)?.[1])).toBeGreaterThan(50);
  });

  test.skipIf(!installed('curl'))('curl is served as it expects', async () => {
    const curl = async (...args: string[]): Promise<string> =>
      (await run('curl', ['-sS', '--noproxy', '*', ...args], { encoding: 'latin1' })).stdout;
    expect(await curl(`${server.url}/`)).toBe('<p>first\n');
    expect(await curl('-I', `${server.url}/style.css`)).toMatch(
      /^HTTP\/1\.1 200 OK\r\n[\s\S]*Content-Length: 4\r\n[\s\S]*\r\n\r\n$/,
    );
    expect(await curl('-L', '-o', '/dev/null', '-w', '%{http_code} %{num_redirects}', `${server.url}/docs`)).toBe(
      '200 1',
    );
    expect(await curl('-r', '0-8', `${server.url}/long.txt`)).toBe('one line ');
    expect(await curl('--path-as-is', '-w', '%{http_code}', '-o', '/dev/null', `${server.url}/../secret`)).toBe('404');
    expect(await curl('-0', `${server.url}/style.css`)).toBe('p{}\n');
    // Two requests, one connection.
    const [one, two] = (
      await curl(
        '-w',
        '%{num_connects} ',
        '-o',
        '/dev/null',
        '-o',
        '/dev/null',
        `${server.url}/`,
        `${server.url}/style.css`,
      )
    ).split(' ');
    expect([one, two]).toEqual(['1', '0']);
    const etags = join(area.folder, 'etags');
    await curl('--etag-save', etags, '-o', '/dev/null', `${server.url}/style.css`);
    expect(await curl('--etag-compare', etags, '-w', '%{http_code}', `${server.url}/style.css`)).toBe('304');
    const upload = [
      '-X',
      'GET',
      '-H',
      'Expect: 100-continue',
      '-d',
      'x'.repeat(1000),
      '-w',
      '%{http_code}',
      '-o',
      '/dev/null',
    ];
    expect(await curl(...upload, `${server.url}/`)).toBe('200');
  });

  test('nothing stays open once everybody has left', async () => {
    const fresh = await Server.start(['--root', html, '--trigger', trigger]);
    // It says that it listens before it has all that it needs; who has been answered, with no file, knows.
    using client = await Client.connect(fresh.port);
    await client.send(get('/nowhere'));
    expect((await client.response()).status).toBe(404);
    const alone = fresh.descriptors - 1;
    await fresh.stop();
    await until(() => server.descriptors === alone);
  });
});

test("the root's own page for what is not there", async () => {
  const folder = join(area.folder, 'own');
  mkdirSync(folder);
  writeFileSync(join(folder, '404.html'), '<p>gone fishing\n');
  const server = await Server.start(['--root', folder]);
  for (const target of ['/', '/nowhere', '/.hidden']) {
    const { status, headers, body } = await ask(server.port, get(target));
    expect(status).toBe(404);
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(headers.has('etag')).toBe(false);
    expect(body.toString()).toBe('<p>gone fishing\n');
  }
  expect((await ask(server.port, get('/nowhere', {}, 'HEAD'))).status).toBe(404);
  expect((await ask(server.port, get('/404.html'))).status).toBe(200);
  expect(await server.stop()).toBe(0);
});

describe('limits', () => {
  test('a request that does not arrive in time is told 408, however it dribbles in', async () => {
    const server = await serve('--header-timeout', '0.5');
    using client = await Client.connect(server.port);
    const dribble = setInterval(() => client.socket.write('X'), 50);
    await client.send('GET / HTTP/1.1\r\nX-');
    const { status, headers } = await client.response();
    expect(status).toBe(408);
    expect(headers.get('connection')).toBe('close');
    await client.end();
    clearInterval(dribble);
    // The time begins anew with each request.
    using next = await Client.connect(server.port);
    await next.send(get('/'));
    expect((await next.response()).status).toBe(200);
    await next.send('GET ');
    expect((await next.response()).status).toBe(408);
    using body = await Client.connect(server.port);
    await body.send(get('/', { 'Content-Length': '5' }));
    expect((await body.response()).status).toBe(408);
  });

  test('a crowd that dribbles keeps others out for no longer than a request may take', async () => {
    const server = await serve('--header-timeout', '1', '--max-connections', '20');
    // A request's time begins when its connection is accepted: all are there by then.
    server.signal('SIGSTOP');
    const crowd = await Promise.all(Array.from({ length: 20 }, () => Client.connect(server.port)));
    const dribble = setInterval(() => {
      for (const client of crowd) client.socket.write('X');
    }, 50);
    try {
      for (const client of crowd) await client.send('GET / HTTP/1.1\r\nX-');
      using other = await Client.connect(server.port);
      await other.send(get('/'));
      server.signal('SIGCONT');
      expect((await other.response()).status).toBe(503);
      for (const client of crowd) expect((await client.response()).status).toBe(408);
      for (let status = 503; status !== 200; ) status = (await ask(server.port, get('/'))).status;
    } finally {
      clearInterval(dribble);
      for (const client of crowd) client.socket.destroy();
    }
  });

  test('who asks nothing is left without a word', async () => {
    const server = await serve('--header-timeout', '0.2', '--idle-timeout', '0.2');
    using silent = await Client.connect(server.port);
    await silent.end();
    expect(silent.bytes).toHaveLength(0);
    server.signal('SIGSTOP');
    using idle = await Client.connect(server.port);
    await idle.send(get('/'));
    server.signal('SIGCONT');
    await idle.response();
    await idle.end();
    expect(idle.bytes).toHaveLength(0);
  });

  test('who takes nothing is left, who takes a little now and then is not', async () => {
    const server = await serve('--idle-timeout', '1', '--header-timeout', '1');
    using stuck = await Client.connect(server.port);
    stuck.socket.pause();
    await stuck.send(get('/big.bin'));
    await until(() => server.output.includes('it stopped reading'));
    expect(server.output).toMatch(/"GET \/big\.bin" 200 \d+ bytes \(cut short: it stopped reading\)\n/);

    using slow = await Client.connect(server.port);
    let received = 0;
    slow.socket.removeAllListeners('data').on('data', (data) => {
      received += data.length;
      slow.socket.pause();
      setTimeout(() => slow.socket.resume(), 4);
    });
    await slow.send(get('/big.bin'));
    const began = performance.now();
    await until(() => received > BIG || slow.ended);
    expect(received).toBeGreaterThan(BIG);
    expect(performance.now() - began).toBeGreaterThan(2000);
  });

  test('one connection too many is told 503, and there is room when another leaves', async () => {
    const server = await serve('--max-connections', '3');
    const clients = await Promise.all([1, 2, 3].map(() => Client.connect(server.port)));
    for (const client of clients) {
      await client.send(get('/'));
      await client.response();
    }
    for (let i = 0; i < 100; i++) {
      using extra = await Client.connect(server.port);
      await extra.send(get('/'));
      const { status, headers } = await extra.response();
      expect(status).toBe(503);
      expect(headers.get('retry-after')).toBe('1');
      await extra.end();
    }
    clients[0]?.socket.destroy();
    for (let status = 503; status !== 200; ) status = (await ask(server.port, get('/'))).status;
    await clients[1]?.send(get('/style.css'));
    expect((await clients[1]?.response())?.status).toBe(200);
    for (const client of clients) client.socket.destroy();
  });

  test('far too many at once are all told 503', async () => {
    const server = await serve('--max-connections', '2');
    const clients = await Promise.all(Array.from({ length: 300 }, () => Client.connect(server.port)));
    const statuses = new Map<number, number>();
    for (const client of clients) {
      if (client.bytes.length === 0) await client.send(get('/')).catch(() => {});
      const { status } = await client.response();
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    expect(statuses.get(503)).toBe(298);
    expect(statuses.get(200)).toBe(2);
    for (const client of clients) client.socket.destroy();
  });

  test('without descriptors a file is 503 and a newcomer is told so, and then all goes on', async () => {
    const server = await Server.start(['--root', html], 64);
    servers.push(server);
    using kept = await Client.connect(server.port);
    await kept.send(get('/'));
    expect((await kept.response()).status).toBe(200);
    const crowd: Client[] = [];
    for (let turnedAway = false; !turnedAway; ) {
      const client = await Client.connect(server.port);
      crowd.push(client);
      // Who is let in can ask; who is not has been told.
      await client.send(get('/.hidden')).catch(() => {});
      const { status } = await client.response();
      turnedAway = status === 503;
    }
    expect(server.output).toContain('no descriptors left');
    await kept.send(get('/style.css'));
    expect((await kept.response()).status).toBe(503);
    for (const client of crowd) client.socket.destroy();
    for (let status = 503; status !== 200; ) {
      await kept.send(get('/style.css'));
      status = (await kept.response()).status;
    }
    expect((await ask(server.port, get('/'))).status).toBe(200);
  });
});

/** Renames of the hostile kind, again and again: in the root, and of the root itself. */
const SWAPS = {
  'a folder and a link out of the root':
    "process.chdir('html'); for (;;) { r('inside', 'kept'); r('link', 'inside'); r('inside', 'link'); r('kept', 'inside'); }",
  'the root and a folder outside':
    "for (;;) { r('html', 'kept'); r('outside', 'html'); r('kept', 'outside'); r('html', 'kept'); r('outside', 'html'); r('kept', 'outside'); }",
};

test.each(Object.entries(SWAPS))('nothing outside is sent while %s change places', async (_, swap) => {
  const folder = mkdtempSync(join(area.folder, 'race-'));
  mkdirSync(join(folder, 'html', 'inside'), { recursive: true });
  mkdirSync(join(folder, 'outside'));
  writeFileSync(join(folder, 'html', 'inside', 'file'), 'inside');
  writeFileSync(join(folder, 'outside', 'file'), 'secret');
  symlinkSync('../outside', join(folder, 'html', 'link'));
  symlinkSync('../html', join(folder, 'html', 'itself'));
  const server = await Server.start(['--root', join(folder, 'html'), '--quiet']);
  servers.push(server);
  const script = `const { renameSync: r } = require('fs'); ${swap}`;
  const swapper = spawn(process.execPath, ['-e', script], { stdio: 'ignore', cwd: folder });
  using client = await Client.connect(server.port);
  const seen = new Map<string, number>();
  const asked = ['/inside/file', '/link/file', '/itself/file'].map((target) => get(target)).join('');
  try {
    for (let i = 0; i < 20_000 && (i < 6000 || seen.size < 2); i += 300) {
      await client.send(asked.repeat(100));
      for (let j = 0; j < 300; j++) {
        const { status, body } = await client.response();
        const what = status === 200 ? body.toString() : String(status);
        seen.set(what, (seen.get(what) ?? 0) + 1);
      }
    }
  } finally {
    swapper.kill('SIGKILL');
  }
  // 503: the kernel could not say while everything was renamed.
  seen.delete('503');
  expect([...seen.keys()].sort()).toEqual(['404', 'inside']);
});

describe('the operator', () => {
  test('sees a line for each request, in which a client can do no harm', async () => {
    const server = await serve();
    using client = await Client.connect(server.port);
    await client.send(get('/style.css') + get('/style.css', {}, 'HEAD') + get('/nowhere?"\\x') + get('/%1b%5b2J'));
    for (const method of ['GET', 'HEAD', 'GET', 'GET']) await client.response(method);
    await ask(server.port, '\x1b[2J\r\n\r\n');
    await ask(server.port, get('/link'));
    await ask(server.port, get(`/${'a'.repeat(5000)}`));
    const peer = `127.0.0.1:${client.socket.localPort}`;
    await until(() => server.output.split('\n').length > 8);
    const lines = server.output.trimEnd().split('\n').slice(1);
    expect(lines.slice(0, 4)).toEqual([
      `${peer} "GET /style.css" 200 4 bytes`,
      `${peer} "HEAD /style.css" 200 0 bytes`,
      expect.stringContaining(`${peer} "GET /nowhere?\\x22\\x5cx" 404 `),
      expect.stringContaining(`${peer} "GET /%1b%5b2J" 404 `),
    ]);
    expect(lines[4]).toMatch(/ "-" 400 \d+ bytes \(Invalid method encountered\)$/);
    expect(lines[5]).toMatch(/ "GET \/link" 404 \d+ bytes \(it leads out of the folder\)$/);
    expect(lines[6]).toMatch(/ "GET \/a{199}…" 404 \d+ bytes \(ENAMETOOLONG\)$/);
    expect(lines).toHaveLength(7);
  });

  test('who wants quiet sees only that it listens', async () => {
    const server = await serve('--quiet');
    await ask(server.port, get('/'));
    await ask(server.port, get('/../x'));
    await ask(server.port, 'nonsense\r\n\r\n');
    expect(server.output).toBe(`web listening on 127.0.0.1:${server.port}\n`);
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('ends it with %s in the middle of everything', async (signal) => {
    const server = await serve();
    const clients = await Promise.all(Array.from({ length: 20 }, () => Client.connect(server.port)));
    for (const client of clients) client.socket.pause();
    await Promise.all(clients.map((client, i) => client.send(i % 2 === 0 ? get('/big.bin') : 'GET / HT')));
    expect((await ask(server.port, get('/'))).status).toBe(200);
    server.signal(signal);
    expect(await server.stop()).toBe(0);
    for (const client of clients) {
      client.socket.resume();
      await client.end();
    }
  });

  test('is told what is wrong with the folder or an option', async () => {
    const main = new URL('../../dist/src/cli/main.js', import.meta.url).pathname;
    const fails = async (...args: string[]): Promise<{ code: number; stderr: string }> =>
      run(process.execPath, [main, 'serve', 'web', '--port', '0', ...args]).then(
        () => ({ code: 0, stderr: '' }),
        (error) => error,
      );
    expect(await fails('--root', join(html, 'none'))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('ENOENT'),
    });
    expect(await fails('--root', join(html, 'style.css'))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('ENOTDIR'),
    });
    for (const args of [
      ['--idle-timeout', '0'],
      ['--header-timeout', 'soon'],
      ['--max-connections', '-1'],
      ['--trigger', 'both'],
    ]) {
      expect((await fails(...args)).code).toBe(2);
    }
  });
});

describe('the folder', () => {
  test('is ./html where there is one, else the site of the package', async () => {
    const there = await Server.start([], 0, area.folder);
    expect((await ask(there.port, get('/'))).body.toString()).toBe('<p>first\n');
    expect(await there.stop()).toBe(0);
    const elsewhere = await Server.start([], 0, join(html, 'empty'));
    expect((await ask(elsewhere.port, get('/'))).body.toString()).toContain('fdmux serve web');
    expect(await elsewhere.stop()).toBe(0);
  });
});

test('no other program loads what only this one needs', async () => {
  const programs = new URL('../../dist/src/programs/index.js', import.meta.url).href;
  const script = `const { programs } = await import(${JSON.stringify(programs)});
    const { createRequire } = await import('node:module');
    const loaded = Object.keys(createRequire(${JSON.stringify(import.meta.url)}).cache);
    console.log(programs.length, loaded.filter((path) => /node_modules.(undici|mrmime)/.test(path)));`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script]);
  expect(stdout).toMatch(/^[1-9]\d* \[\]\n$/);
});
