// What docs/scaling-out.md says: its configurations, with their ports exchanged, by the real nginx, HAProxy and systemd.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, type TestContext, test } from 'vitest';
import { type Child, needs, root, start } from '../support/processes.js';
import {
  Client,
  descriptorsOf,
  type EchoProgram,
  echoPrograms,
  FDMUX,
  holdPort,
  ownDescriptors,
  pattern,
  portOf,
  type Server,
  serve,
  stop,
  until,
  within,
} from '../support/servers.js';
import { ask, get, Client as HttpClient } from './web/server.js';

const DOCS = `${root}docs/scaling-out/`;
const NGINX_STREAM = '/usr/lib/nginx/modules/ngx_stream_module.so';

/** A configuration of the docs with other ports, and its process's file in a folder of its own. */
function configure(name: string, ports: Readonly<Record<number, number>>): { file: string; folder: string } {
  const folder = mkdtempSync(join(tmpdir(), 'fdmux-proxy-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  let text = readFileSync(`${DOCS}${name}`, 'utf8').replace(/pid \/run\//, `pid ${folder}/`);
  for (const [before, after] of Object.entries(ports)) {
    expect(text).toContain(`127.0.0.1:${before}`);
    text = text.replaceAll(`127.0.0.1:${before}`, `127.0.0.1:${after}`);
  }
  const file = join(folder, name);
  writeFileSync(file, text);
  return { file, folder };
}

/** Until somebody accepts there. */
async function reachable(port: number, proxy: Child): Promise<void> {
  let ended = '';
  void proxy.ended.then(({ stderr }) => {
    ended = stderr || 'it ended';
  });
  const there = { program: echoPrograms[0] as EchoProgram, host: '127.0.0.1', port } as Server;
  for (;;) {
    const client = await Client.to(there).catch(() => null);
    if (client !== null) return client.leave();
    if (ended !== '') throw new Error(ended);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function nginx(name: string, port: number, ports: Readonly<Record<number, number>>): Promise<void> {
  const { file, folder } = configure(name, ports);
  mkdirSync(join(folder, 'logs'));
  const child = start('nginx', ['-p', '/usr/share/nginx', '-e', 'stderr', '-c', file, '-g', 'daemon off;']);
  onTestFinished(async () => {
    child.process.kill('SIGTERM');
    await child.ended;
  });
  await reachable(port, child);
}

async function haproxy(ports: Readonly<Record<number, number>>, port: number): Promise<void> {
  const { file } = configure('haproxy.cfg', ports);
  const child = start('haproxy', ['-db', '-f', file]);
  onTestFinished(async () => {
    child.process.kill('SIGTERM');
    await child.ended;
  });
  await reachable(port, child);
}

function needsStream(ctx: TestContext): void {
  needs(ctx, 'nginx');
  if (!existsSync(NGINX_STREAM)) ctx.skip('needs libnginx-mod-stream');
}

const echo = echoPrograms.find(({ title }) => title === 'epoll-echo --trigger edge') as EchoProgram;

/** The proxy, as clients see it. */
const at = (port: number): Server => ({ program: echo, host: '127.0.0.1', port }) as Server;

/** Starts `web`, which answers with the name of its folder. */
async function web(name: string, ...args: string[]): Promise<Child & { port: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'fdmux-site-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'index.html'), name);
  const child = start(process.execPath, [FDMUX, 'serve', 'web', '--port', '0', '--root', folder, ...args]);
  return { ...child, port: portOf(await within(child.line(), 'the listening line')) };
}

/** Both servers behind a proxy have clients, every byte comes back, and when one stops the other has them all. */
async function passesOn(port: number, servers: readonly [Server, Server]): Promise<void> {
  const before = await Promise.all(servers.map(ownDescriptors));
  const all = await Client.many(at(port), 20);
  expect(await Promise.all(all.map((client, i) => client.ask(`I am ${i}`)))).toEqual(all.map((_, i) => `I am ${i}`));
  for (const [i, { pid }] of servers.entries()) expect(descriptorsOf(pid)).toBeGreaterThan((before[i] as number) + 4);

  const much = pattern(4 * 1024 * 1024);
  const half = await Client.to(at(port));
  half.say(much);
  half.finish();
  expect((await half.hearAll()).equals(much)).toBe(true);
  expect(half.over).toBe('ended');

  expect(await stop(servers[0])).toMatchObject({ code: 0, stderr: '' });
  for (let i = 0; i < 10; i++) expect(await (await Client.to(at(port))).ask('who is left?')).toBe('who is left?');
}

describe('nginx', () => {
  test('stream: both servers have clients, nothing is lost, and one may stop', async (ctx) => {
    needsStream(ctx);
    const servers = [await serve(echo), await serve({ ...echo, args: ['--workers', '2'] })] as const;
    const port = holdPort();
    await nginx('nginx-stream.conf', port, { 7700: port, 7788: servers[0].port, 7789: servers[1].port });
    await passesOn(port, servers);
  }, 60_000);

  test('http: both servers answer, and one may stop', async (ctx) => {
    needs(ctx, 'nginx');
    const [one, two] = [await web('one', '--quiet'), await web('two', '--quiet', '--workers', '2')];
    const port = holdPort();
    await nginx('nginx-http.conf', port, { 8080: port, 7786: one.port, 7787: two.port });
    const bodies = async (count: number): Promise<Set<string>> => {
      const answers = await Promise.all(Array.from({ length: count }, () => ask(port, get('/'))));
      return new Set(answers.map(({ status, body }) => `${status} ${body}`));
    };
    expect(await bodies(40)).toEqual(new Set(['200 one', '200 two']));
    using kept = await HttpClient.connect(port);
    for (let i = 0; i < 20; i++) {
      await kept.send(get('/none'));
      expect((await kept.response()).status).toBe(404);
    }
    await stop(one);
    expect(await bodies(20)).toEqual(new Set(['200 two']));
  }, 60_000);
});

describe('HAProxy', () => {
  test('tcp: both servers have clients, nothing is lost, checks disturb nobody, and one may stop', async (ctx) => {
    needs(ctx, 'haproxy');
    const servers = [await serve(echo), await serve(echo)] as const;
    const [port, other] = [holdPort(), holdPort()];
    const ports = { 7701: port, 8081: other, 7788: servers[0].port, 7789: servers[1].port };
    await haproxy(ports, port);
    await passesOn(port, servers);
  }, 60_000);

  test('http: GET / is the check: a server that cannot read its files is left out, until it can', async (ctx) => {
    needs(ctx, 'haproxy');
    const folder = mkdtempSync(join(tmpdir(), 'fdmux-site-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const page = join(folder, 'index.html');
    writeFileSync(page, 'one');
    const one = start(process.execPath, [FDMUX, 'serve', 'web', '--port', '0', '--root', folder]);
    const onePort = portOf(await within(one.line(), 'the listening line'));
    const two = await web('two');
    const [port, other] = [holdPort(), holdPort()];
    await haproxy({ 7701: other, 8081: port, 7786: onePort, 7787: two.port }, port);
    const bodies = async (): Promise<string> => {
      const answers = await Promise.all(Array.from({ length: 6 }, () => ask(port, get('/'))));
      return [...new Set(answers.map(({ status, body }) => `${status} ${body}`))].sort().join(', ');
    };
    const become = async (wanted: string): Promise<void> => {
      let seen = '';
      // HAProxy's own answer, while it takes both for down, has no length.
      while (seen !== wanted) seen = await bodies().catch(String);
    };
    await become('200 one, 200 two');
    rmSync(page);
    await become('200 two');
    writeFileSync(page, 'one');
    await become('200 one, 200 two');
    const { stdout } = await stop(one);
    expect(stdout).toMatch(/"GET \/" 404/);
  }, 60_000);
});

test.each(echoPrograms.map((program) => [program.title, program] as const))(
  '%s: health checks that connect and close, or reset, disturb nobody',
  async (_, program) => {
    const server = await serve(program);
    const before = await ownDescriptors(server);
    const client = program.oneAtATime ? null : await Client.to(server);
    for (let i = 0; i < 30; i++) {
      const check = await Client.to(server);
      if (i % 2 === 0) check.leave();
      else check.reset();
      if (client !== null) expect(await client.ask(`check ${i}`)).toBe(`check ${i}`);
    }
    client?.leave();
    await until(() => descriptorsOf(server.pid) === before, 'as many descriptors as before');
    expect(await (await Client.to(server)).ask('still there?')).toBe('still there?');
    expect(await stop(server)).toMatchObject({ code: 0, stderr: '' });
  },
);

test('web: such health checks disturb nobody, and cost no line', async () => {
  const server = await web('one');
  using kept = await HttpClient.connect(server.port);
  for (let i = 0; i < 30; i++) {
    const check = await Client.to(at(server.port));
    if (i % 2 === 0) check.leave();
    else check.reset();
    await kept.send(get('/'));
    expect((await kept.response()).status).toBe(200);
  }
  const { code, stdout, stderr } = await stop(server);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout.trim().split('\n')).toHaveLength(31);
});

test('the PROXY protocol is not spoken: its line is a bad request, and the connection ends', async () => {
  const server = await web('one', '--quiet');
  const { status } = await ask(server.port, `PROXY TCP4 192.0.2.1 192.0.2.2 5000 80\r\n${get('/')}`);
  expect([400, 501]).toContain(status);
});

test('the unit files are such as systemd understands', (ctx) => {
  needs(ctx, 'systemd-analyze');
  const files = ['fdmux-web.socket', 'fdmux-web.service'].map((name) => DOCS + name);
  const { stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', ...files], { encoding: 'utf8' });
  // The package need not be installed where they say.
  expect(
    stderr.split('\n').filter((line) => line.includes('fdmux') && !/is not executable|not found/.test(line)),
  ).toEqual([]);
});
