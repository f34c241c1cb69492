/** Descriptors that others gave us, and neighbours on the same loop. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { constants, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AF_UNIX,
  EPOLLHUP,
  EPOLLIN,
  Epoll,
  IN_CLOSE_WRITE,
  Inotify,
  PidFd,
  readable,
  SOCK_DGRAM,
  Socket,
  TimerFd,
  watch,
} from 'fdmux';
import * as sys from 'fdmux/sys';
import { describe, expect, it, onTestFinished, type TestContext } from 'vitest';
import { failOnLeaks, keep } from '../support/fds.js';
import { byte, pair, turns } from './support.js';

failOnLeaks();

function needs(ctx: TestContext, command: string): void {
  if (spawnSync(command, ['--version'], { stdio: 'ignore' }).error) ctx.skip(`${command} is not there`);
}

function ended(child: ChildProcess): void {
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
}

/** Reads until the text has come. */
async function expectText(fd: number, text: string): Promise<void> {
  const buffer = Buffer.alloc(4096);
  let seen = '';
  while (!seen.includes(text)) {
    await readable(fd);
    const count = sys.read(fd, buffer);
    if (count < 0) throw new Error(`read: ${count}`);
    seen += buffer.toString('latin1', 0, count);
  }
}

describe('a descriptor of another program', () => {
  it('a pty, held by python3, in both directions, until it is hung up', async (ctx) => {
    needs(ctx, 'python3');
    // Python makes a terminal, gives us its other side by inheritance of a socket, and talks like a serial device.
    const [ours, theirs] = pair();
    theirs.setBlocking(true);
    const child = spawn(
      'python3',
      [
        '-c',
        `import os, pty, socket, sys, tty
master, slave = pty.openpty()
tty.setraw(slave)
s = socket.socket(fileno=3)
s.sendall(os.ttyname(slave).encode())
s.recv(1)
os.write(master, b'AT')
line = os.read(master, 64)
os.write(master, b'you said ' + line)
s.recv(1)`,
      ],
      { stdio: ['ignore', 'inherit', 'inherit', theirs.fd] },
    );
    ended(child);
    theirs.close();
    await readable(ours);
    const fd = keep(openTerminal(ours.recv(256).toString()));
    ours.send(byte);
    await expectText(fd, 'AT');
    sys.write(fd, Buffer.from('OK\n'));
    await expectText(fd, 'you said OK');
    let told = 0;
    using hangup = watch(fd, 'readable', (events) => {
      told |= events;
      if (told & EPOLLHUP) hangup.close();
    });
    ours.close();
    while (!(told & EPOLLHUP)) await turns(1);
  });

  it('a pty, held by socat', async (ctx) => {
    if (spawnSync('socat', ['-V'], { stdio: 'ignore' }).error) ctx.skip('socat is not there');
    const folder = mkdtempSync(join(tmpdir(), 'fdmux-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    using folders = new Inotify();
    folders.add(folder, sys.IN_CREATE);
    const link = join(folder, 'tty');
    const child = spawn('socat', [`PTY,link=${link},raw,echo=0`, 'EXEC:cat'], { stdio: 'ignore' });
    ended(child);
    await readable(folders);
    const fd = keep(openTerminal(link));
    sys.write(fd, Buffer.from('to and fro'));
    await expectText(fd, 'to and fro');
  });

  it('an AF_INET socket, bound and handed over by python3', async (ctx) => {
    needs(ctx, 'python3');
    // The listener is python3's: our program inherits it as descriptor 3.
    const { out, err, code } = await viaPython(`
      const listener = fdmux.Socket.fromFd(3);
      const one = fdmux.watch(listener, 'readable', () => {
        const [client] = listener.accept();
        client.send(Buffer.from('hello'));
        client.close();
        one.close();
        listener.close();
      });`);
    expect({ out, err, code }).toEqual({ out: 'hello\n', err: '', code: 0 });
  });

  it('a child’s pidfd, beside its output', async () => {
    const child = spawn(process.execPath, ['-e', 'process.stdin.on("data", () => process.exit(3))'], {
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    ended(child);
    using gone = new PidFd(child.pid as number);
    const exit = once(child, 'exit');
    let told = false;
    using one = watch(gone, 'readable', () => {
      told = gone.ended;
      one.close();
    });
    child.stdin.write('x');
    expect((await exit)[0]).toBe(3);
    while (!told) await turns(1);
  });

  it('process.stdin', async () => {
    const shell = `printf 'a line\\n' | "$0" --input-type=module -e "$1"`;
    const text = `
      import { readSync } from 'node:fs';
      import { watch } from 'fdmux';
      const one = watch(process.stdin, 'readable', () => {
        const buffer = Buffer.alloc(64);
        const count = readSync(0, buffer);
        process.stdout.write(buffer.subarray(0, count));
        if (count === 0) one.close();
      });`;
    const { stdout, stderr, status } = spawnSync('sh', ['-c', shell, process.execPath, text], { encoding: 'utf8' });
    expect({ stdout, stderr, status }).toEqual({ stdout: 'a line\n', stderr: '', status: 0 });
  });
});

function openTerminal(path: string): number {
  const { O_RDWR, O_NONBLOCK } = sys;
  const fd = openSync(path, O_RDWR | O_NONBLOCK | constants.O_NOCTTY);
  return fd;
}

describe('neighbours on the loop', () => {
  it('inotify, a timerfd, a unix datagram socket, an fdmux socket and a net server share it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fdmux-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const seen = new Set<string>();

    using inotify = new Inotify();
    inotify.add(folder, IN_CLOSE_WRITE);
    using files = watch(inotify, 'readable', () => {
      for (const { name } of inotify.read()) seen.add(`inotify ${name}`);
    });

    using timer = new TimerFd();
    timer.set(1, 1);
    using ticks = watch(timer, 'readable', () => {
      if (timer.read() > 0) seen.add('timerfd');
    });

    using receiver = new Socket(AF_UNIX, SOCK_DGRAM);
    receiver.setBlocking(false);
    receiver.bind({ family: 'unix', path: join(folder, 'datagrams') });
    using sender = new Socket(AF_UNIX, SOCK_DGRAM);
    using datagrams = watch(receiver, 'readable', () => seen.add(`datagram ${receiver.recv(64)}`));

    using set = new Epoll();
    const [a, b] = pair();
    set.register(a, EPOLLIN);
    set.watch((events, count) => {
      for (let i = 0; i < count; i++) if (events.fd(i) === a.fd) seen.add(`set ${a.recv(64)}`);
    });

    const server = createServer((socket) => socket.end('net')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    connect(port, '127.0.0.1').on('data', (data) => seen.add(`socket ${data}`));

    writeFileSync(join(folder, 'written'), 'x');
    sender.sendTo(Buffer.from('hello'), { family: 'unix', path: join(folder, 'datagrams') });
    b.send(Buffer.from('there'));
    const wanted = ['inotify written', 'timerfd', 'datagram hello', 'set there', 'socket net'];
    while (!wanted.every((one) => seen.has(one))) await turns(1);
    for (const one of [files, ticks, datagrams, a, b]) one.close();
    server.close();
    await once(server, 'close');
  });
});

/** Runs a program that inherits, as descriptor 3, a listener of python3's; python3 then connects to it. */
async function viaPython(source: string): Promise<{ out: string; err: string; code: number | null }> {
  const text = `import * as fdmux from 'fdmux';\n${source}`;
  const child = spawn(
    'python3',
    [
      '-c',
      `import socket, subprocess, sys, os
s = socket.socket()
s.bind(('127.0.0.1', 0))
s.listen()
os.dup2(s.fileno(), 3)
p = subprocess.Popen(sys.argv[1:], pass_fds=[3])
c = socket.create_connection(s.getsockname())
print(c.recv(64).decode())
sys.exit(p.wait())`,
      process.execPath,
      '--input-type=module',
      '-e',
      text,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  ended(child);
  let out = '';
  let err = '';
  child.stdout.on('data', (data) => {
    out += data;
  });
  child.stderr.on('data', (data) => {
    err += data;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { out, err, code };
}
