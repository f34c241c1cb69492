/** Socket: Python's socket, with errors in Node.js's form. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import {
  type Address,
  AF_INET,
  AF_INET6,
  AF_UNIX,
  type InetAddress,
  IPPROTO_TCP,
  MSG_DONTWAIT,
  MSG_PEEK,
  SHUT_RDWR,
  SHUT_WR,
  SO_ERROR,
  SO_LINGER,
  SO_RCVBUF,
  SO_REUSEADDR,
  SO_SNDBUF,
  SO_TYPE,
  SOCK_DGRAM,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  SOL_SOCKET,
  Socket,
  select,
  socketpair,
  TCP_NODELAY,
} from 'fdmux';
import * as sys from 'fdmux/sys';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  close,
  closing,
  codeOf,
  hasIPv6,
  listening,
  noDescriptors,
  openFiles,
  pair,
  pipe,
  regularFile,
  runUnderFire,
  thread,
  timed,
} from '../support/objects.js';

const LOOPBACK: InetAddress = { family: 'IPv4', address: '127.0.0.1', port: 0 };

/** An error in Node.js's own form. */
const failure = (code: string, syscall: string) =>
  expect.objectContaining({ code, syscall, errno: -Number((sys as unknown as Record<string, number>)[code]) });

function tcp(): [client: Socket, server: Socket] {
  const [listener, address] = listening();
  const client = closing(new Socket());
  client.connect(address);
  return [client, closing(listener.accept()[0])];
}

function datagram(at: Address = LOOPBACK): Socket {
  const family = at.family === 'unix' ? AF_UNIX : at.family === 'IPv6' ? AF_INET6 : AF_INET;
  const socket = closing(new Socket(family, SOCK_DGRAM));
  socket.bind(at);
  return socket;
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'fdmux-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

let names = 0;
/** A name in the abstract namespace that nobody else has. */
function abstract(): string {
  return `\0fdmux-${process.pid}-${Date.now()}-${names++}`;
}

describe('a connection', () => {
  it.for([
    ['IPv4', () => LOOPBACK],
    ['IPv6', () => ({ family: 'IPv6', address: '::1', port: 0 })],
    ['unix, a path', () => ({ family: 'unix', path: join(folder(), 'socket') })],
    ['unix, an abstract name', () => ({ family: 'unix', path: abstract() })],
  ] as [string, () => Address][])('over %s carries bytes both ways, and knows both addresses', ([kind, at], ctx) => {
    if (kind === 'IPv6' && !hasIPv6()) return ctx.skip('no IPv6 loopback here');
    const address = at();
    const family = address.family === 'unix' ? AF_UNIX : address.family === 'IPv6' ? AF_INET6 : AF_INET;
    const listener = closing(new Socket(family));
    listener.bind(address);
    listener.listen();
    const here = listener.localAddress;
    if (address.family === 'unix') expect(here).toEqual(address);
    else expect(here).toEqual({ ...address, port: expect.any(Number) });
    const client = closing(new Socket(family));
    client.connect(here);
    const [server, peer] = listener.accept();
    closing(server);
    expect(client.remoteAddress).toEqual(here);
    expect(server.localAddress).toEqual(here);
    expect(server.remoteAddress).toEqual(peer);
    expect(client.localAddress).toEqual(peer);
    if (address.family === 'unix') expect(peer).toEqual({ family: 'unix', path: '' });
    client.sendAll(Buffer.from('ping'));
    expect(server.recv(100).toString()).toBe('ping');
    expect(server.send(Buffer.from('pong!'))).toBe(5);
    const buffer = Buffer.alloc(10, '.');
    expect(client.recvInto(buffer)).toBe(5);
    expect(buffer.toString()).toBe('pong!.....');
    expect(server.blocking).toBe(true);
  });

  it('ends with an empty Buffer, in one direction at a time', () => {
    const [client, server] = tcp();
    client.shutdown(SHUT_WR);
    expect(server.recv(10)).toHaveLength(0);
    server.sendAll(Buffer.from('still here'));
    expect(client.recv(20).toString()).toBe('still here');
    server.close();
    expect(client.recv(20)).toHaveLength(0);
  });

  it('gives what there is, never more than asked, and the rest later', () => {
    const [client, server] = tcp();
    client.sendAll(Buffer.from('abcdef'));
    expect(server.recv(2, MSG_PEEK).toString()).toBe('ab');
    expect(server.recv(4).toString()).toBe('abcd');
    expect(server.recv(0)).toHaveLength(0);
    const rest = server.recv(100_000);
    expect(rest.toString()).toBe('ef');
    // A short answer does not hold the memory of a large question.
    expect(rest.buffer.byteLength).toBeLessThan(100_000);
  });

  it('can be reset by the peer, and says so: ECONNRESET, then EPIPE', () => {
    const [client, server] = tcp();
    const linger = Buffer.alloc(8);
    linger.writeInt32LE(1, 0);
    client.setOption(SOL_SOCKET, SO_LINGER, linger);
    client.close();
    expect(() => server.recv(1)).toThrow(failure('ECONNRESET', 'recv'));
    expect(() => server.send(Buffer.from('x'))).toThrow(failure('EPIPE', 'send'));
    expect(() => server.sendAll(Buffer.from('x'))).toThrow(failure('EPIPE', 'send'));
  });

  it('can be refused, with the address in the message', () => {
    const bound = closing(new Socket());
    bound.bind(LOOPBACK);
    const address = bound.localAddress as InetAddress;
    const client = closing(new Socket());
    expect(() => client.connect(address)).toThrow(failure('ECONNREFUSED', 'connect'));
    expect(() => client.connect(address)).toThrow(`connect ECONNREFUSED 127.0.0.1:${address.port}`);
    const missing: Address = { family: 'unix', path: join(folder(), 'nobody') };
    const unix = closing(new Socket(AF_UNIX));
    expect(() => unix.connect(missing)).toThrow(`connect ENOENT ${missing.path}`);
    expect(() => unix.connect({ family: 'unix', path: `${abstract()}x` })).toThrow(/^connect ECONNREFUSED @fdmux/);
  });

  it('has an address in use: EADDRINUSE', () => {
    const [, address] = listening();
    const second = closing(new Socket());
    expect(() => second.bind(address)).toThrow(failure('EADDRINUSE', 'bind'));
    expect(() => second.bind(address)).toThrow(`bind EADDRINUSE 127.0.0.1:${address.port}`);
  });

  it('that is none has no peer: ENOTCONN', () => {
    const socket = closing(new Socket());
    expect(() => socket.remoteAddress).toThrow(failure('ENOTCONN', 'getpeername'));
    expect(() => socket.recv(1)).toThrow(failure('ENOTCONN', 'recv'));
    expect(() => socket.accept()).toThrow(failure('EINVAL', 'accept4'));
    expect(() => socket.shutdown(SHUT_RDWR)).toThrow(failure('ENOTCONN', 'shutdown'));
    expect(socket.localAddress).toEqual({ family: 'IPv4', address: '0.0.0.0', port: 0 });
    expect(closing(new Socket(AF_UNIX)).localAddress).toEqual({ family: 'unix', path: '' });
  });
});

describe('without blocking', () => {
  it('recv, recvInto, recvFrom and accept throw EAGAIN, by that name', () => {
    const [client, server] = tcp();
    const [listener] = listening();
    for (const socket of [client, server, listener]) {
      expect(socket.blocking).toBe(true);
      socket.setBlocking(false);
      expect(socket.blocking).toBe(false);
    }
    expect(() => server.recv(1)).toThrow(failure('EAGAIN', 'recv'));
    expect(() => server.recvInto(Buffer.alloc(1))).toThrow(failure('EAGAIN', 'recv'));
    expect(() => server.recvFrom(1)).toThrow(failure('EAGAIN', 'recvfrom'));
    expect(() => listener.accept()).toThrow(failure('EAGAIN', 'accept4'));
    server.setBlocking(true);
    expect(() => server.recv(1, MSG_DONTWAIT)).toThrow(failure('EAGAIN', 'recv'));
  });

  it('send takes what fits, then throws EAGAIN', () => {
    const [client, server] = tcp();
    client.setBlocking(false);
    const data = Buffer.alloc(1 << 20);
    let sent = 0;
    const fill = () => {
      for (;;) sent += client.send(data);
    };
    expect(fill).toThrow(failure('EAGAIN', 'send'));
    expect(sent).toBeGreaterThan(0);
    let came = 0;
    while (came < sent) came += server.recv(1 << 20).length;
    expect(came).toBe(sent);
    expect(select([], [client], [])[1]).toEqual([client]);
  });

  it('connect throws EINPROGRESS, and SO_ERROR says how it went', () => {
    const [, address] = listening();
    const client = closing(new Socket());
    client.setBlocking(false);
    expect(() => client.connect(address)).toThrow(failure('EINPROGRESS', 'connect'));
    select([], [client], []);
    expect(client.getOption(SOL_SOCKET, SO_ERROR)).toBe(0);
    expect(() => client.connect(address)).not.toThrow();
    expect(() => client.connect(address)).toThrow(failure('EISCONN', 'connect'));

    const bound = closing(new Socket());
    bound.bind(LOOPBACK);
    const refused = closing(new Socket());
    refused.setBlocking(false);
    expect(codeOf(() => refused.connect(bound.localAddress))).toMatch(/^(EINPROGRESS|ECONNREFUSED)$/);
    select([], [refused], []);
    expect([0, sys.ECONNREFUSED]).toContain(refused.getOption(SOL_SOCKET, SO_ERROR));
  });

  it('an accepted socket is blocking, whatever its listener is', () => {
    const [listener, address] = listening();
    listener.setBlocking(false);
    const client = closing(new Socket());
    client.connect(address);
    select([listener], [], []);
    expect(closing(listener.accept()[0]).blocking).toBe(true);
  });
});

describe('sendAll', () => {
  const SIZE = 4 << 20;
  const read = `
    const socket = fdmux.Socket.fromFd(data.fd);
    const hash = require('node:crypto').createHash('sha256');
    let length = 0;
    const buffer = Buffer.alloc(data.piece);
    for (let count; (count = socket.recvInto(buffer)) > 0; length += count) hash.update(buffer.subarray(0, count));
    socket.close();
    return { length, digest: hash.digest('hex') };`;

  it.each([
    ['a blocking', true],
    ['a non-blocking', false],
  ])('loses nothing of 4 MiB on %s socket whose reader is slow', async (_, blocking) => {
    const [client, server] = tcp();
    client.setOption(SOL_SOCKET, SO_SNDBUF, 16384);
    server.setOption(SOL_SOCKET, SO_RCVBUF, 16384);
    const data = randomBytes(SIZE);
    const reader = thread<{ length: number; digest: string }>(read, { fd: server.fd, piece: 3001 });
    client.setBlocking(blocking);
    client.sendAll(data);
    client.shutdown(SHUT_WR);
    const digest = createHash('sha256').update(data).digest('hex');
    expect(await reader).toEqual({ length: SIZE, digest });
    expect(client.blocking).toBe(blocking);
  });

  it('sends what is there, whatever the array says of its length', () => {
    const [a, b] = pair();
    class Liar extends Uint8Array {
      said = 0;
      override get length(): number {
        return this.said;
      }
    }
    for (const said of [0, 1, 1000]) {
      const data = new Liar([1, 2, 3]);
      data.said = said;
      a.sendAll(data);
      expect([...b.recv(10)]).toEqual([1, 2, 3]);
    }
  });

  it('sends nothing of nothing, and takes any Uint8Array', () => {
    const [a, b] = pair();
    a.sendAll(Buffer.alloc(0));
    a.sendAll(new Uint8Array([1, 2, 3]).subarray(1));
    expect([...b.recv(10)]).toEqual([2, 3]);
  });

  it('ends with the error when the reader goes away in the middle', async () => {
    const [client, server] = tcp();
    client.setBlocking(false);
    const handed = sys.fcntl(server.fd, sys.F_DUPFD_CLOEXEC, 0);
    server.close();
    const gone = thread(
      `const socket = fdmux.Socket.fromFd(data.handed);
       sys.close(data.handed);
       socket.recv(1000);
       socket.setOption(fdmux.SOL_SOCKET, fdmux.SO_LINGER, new Uint8Array(new Int32Array([1, 0]).buffer));
       socket.close();`,
      { handed },
    );
    const endless = () => {
      for (;;) client.sendAll(Buffer.alloc(1 << 20));
    };
    expect(codeOf(endless)).toMatch(/^(EPIPE|ECONNRESET)$/);
    await gone;
  });
});

describe('datagrams', () => {
  it.for([
    ['IPv4', () => LOOPBACK],
    ['IPv6', () => ({ family: 'IPv6', address: '::1', port: 0 })],
    ['unix', () => ({ family: 'unix', path: abstract() })],
  ] as [string, () => Address][])('over %s keep their bounds and their sender', ([kind, at], ctx) => {
    if (kind === 'IPv6' && !hasIPv6()) return ctx.skip('no IPv6 loopback here');
    const a = datagram(at());
    const b = datagram(at());
    expect(a.sendTo(Buffer.from('first'), b.localAddress)).toBe(5);
    expect(a.sendTo(Buffer.alloc(0), b.localAddress)).toBe(0);
    expect(a.sendTo(Buffer.from('third'), b.localAddress)).toBe(5);
    expect(b.recvFrom(100)).toEqual([Buffer.from('first'), a.localAddress]);
    expect(b.recvFrom(100)).toEqual([Buffer.alloc(0), a.localAddress]);
    // What does not fit is cut off and gone.
    expect(b.recvFrom(3)).toEqual([Buffer.from('thi'), a.localAddress]);
    expect(() => b.recv(10, MSG_DONTWAIT)).toThrow(failure('EAGAIN', 'recv'));
    b.connect(a.localAddress);
    b.send(Buffer.from('back'));
    expect(a.recv(10).toString()).toBe('back');
  });

  it('need an address, and a size that the network takes', () => {
    const a = datagram();
    expect(() => a.send(Buffer.from('x'))).toThrow(failure('EDESTADDRREQ', 'send'));
    expect(() => a.sendTo(Buffer.alloc(70_000), a.localAddress)).toThrow(failure('EMSGSIZE', 'sendto'));
  });

  it('have no sender on a stream, nor without a name', () => {
    const [a, b] = pair();
    a.send(Buffer.from('x'));
    expect(b.recvFrom(10)).toEqual([Buffer.from('x'), null]);
    const at = datagram({ family: 'unix', path: abstract() });
    closing(new Socket(AF_UNIX, SOCK_DGRAM)).sendTo(Buffer.from('y'), at.localAddress);
    const [data, from] = at.recvFrom(10);
    expect(data.toString()).toBe('y');
    expect([null, '']).toContain(from === null ? null : (from as { path: string }).path);
  });

  it("a unix socket bound to no name gets one of the kernel's choice", () => {
    const socket = datagram({ family: 'unix', path: '' });
    expect((socket.localAddress as { path: string }).path).toMatch(/^\0.+/);
  });
});

describe('options', () => {
  it('that are ints are numbers', () => {
    const [client] = tcp();
    expect(client.getOption(SOL_SOCKET, SO_TYPE)).toBe(SOCK_STREAM);
    client.setOption(IPPROTO_TCP, TCP_NODELAY, 1);
    expect(client.getOption(IPPROTO_TCP, TCP_NODELAY)).not.toBe(0);
    client.setOption(SOL_SOCKET, SO_RCVBUF, 8192);
    expect(client.getOption(SOL_SOCKET, SO_RCVBUF)).toBeGreaterThanOrEqual(8192);
  });

  it('that are structs are bytes', () => {
    const [client] = tcp();
    const linger = new Uint8Array(new Int32Array([1, 7]).buffer);
    client.setOption(SOL_SOCKET, SO_LINGER, linger);
    expect(new Uint8Array(client.getOption(SOL_SOCKET, SO_LINGER, 64))).toEqual(linger);
    expect(client.getOption(SOL_SOCKET, SO_LINGER, 8)).toHaveLength(8);
  });

  it('SO_RCVTIMEO ends a blocking recv with EAGAIN, and never early', () => {
    const [a] = pair();
    const word = process.arch === 'arm' || process.arch === 'ia32' ? Int32Array : BigInt64Array;
    const time = word === BigInt64Array ? BigInt64Array.of(0n, 60_000n) : Int32Array.of(0, 60_000);
    a.setOption(SOL_SOCKET, sys.SO_RCVTIMEO, new Uint8Array(time.buffer));
    const [code, ms] = timed(() => codeOf(() => a.recv(1)));
    expect(code).toBe('EAGAIN');
    // The kernel counts in its own ticks.
    expect(ms).toBeGreaterThanOrEqual(59);
  });

  it('unknown to the kernel are ENOPROTOOPT', () => {
    const [client] = tcp();
    expect(() => client.getOption(SOL_SOCKET, 9999)).toThrow(failure('ENOPROTOOPT', 'getsockopt'));
    expect(() => client.setOption(SOL_SOCKET, 9999, 1)).toThrow(failure('ENOPROTOOPT', 'setsockopt'));
    expect(() => client.setOption(SOL_SOCKET, SO_REUSEADDR, new Uint8Array(1))).toThrow(
      failure('EINVAL', 'setsockopt'),
    );
  });
});

describe('socketpair and fromFd', () => {
  it.each([
    ['a stream', SOCK_STREAM],
    ['datagrams', SOCK_DGRAM],
    ['packets', SOCK_SEQPACKET],
  ])('a pair of %s is connected', (_, type) => {
    const [a, b] = pair(AF_UNIX, type);
    expect(a.getOption(SOL_SOCKET, SO_TYPE)).toBe(type);
    a.sendAll(Buffer.from('x'));
    b.sendAll(Buffer.from('y'));
    expect(a.recv(10).toString()).toBe('y');
    expect(b.recv(10).toString()).toBe('x');
  });

  it('a family that makes no pairs says so', () => {
    expect(() => socketpair(AF_INET)).toThrow(failure('ENOTSUP', 'socketpair'));
  });

  it('fromFd owns a duplicate', () => {
    const [a, b] = pair();
    const second = closing(Socket.fromFd(a));
    expect(second.fd).not.toBe(a.fd);
    a.close();
    b.send(Buffer.from('x'));
    expect(second.recv(1).toString()).toBe('x');
    const third = closing(Socket.fromFd(second.fd));
    second.close();
    third.send(Buffer.from('y'));
    expect(b.recv(1).toString()).toBe('y');
  });

  it('fromFd takes sockets only', () => {
    const [r] = pipe();
    const file = regularFile();
    const before = openFiles();
    expect(() => Socket.fromFd(r)).toThrow(failure('ENOTSOCK', 'getsockopt'));
    expect(codeOf(() => Socket.fromFd(file))).toBe('ENOTSOCK');
    expect(openFiles()).toEqual(before);
    close(r);
    expect(() => Socket.fromFd(r)).toThrow(failure('EBADF', 'getsockopt'));
    for (const value of noDescriptors) {
      expect(codeOf(() => Socket.fromFd(value as number))).toMatch(/^ERR_(INVALID_ARG_TYPE|OUT_OF_RANGE)$/);
    }
  });
});

describe('hostile arguments', () => {
  it('adopt takes a descriptor and nothing else: without one, it is not standard output that is taken and closed', () => {
    // Internal, so that no type says it; JavaScript may call it all the same.
    const internal = Socket as unknown as { adopt(fd?: unknown): Socket };
    for (const fd of [undefined, null, '1', true, -1, 1.5]) {
      expect(() => internal.adopt(fd)).toThrow(/^The (value of "fd" is out of range|"fd" argument must be)/);
    }
  });

  const junk: unknown[] = [
    null,
    '1',
    0.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    2 ** 31,
    2 ** 53,
    1n,
    {},
    [],
    true,
    Symbol('x'),
    () => 1,
  ];
  const noBytes: unknown[] = [
    undefined,
    null,
    'text',
    1,
    {},
    [1],
    new ArrayBuffer(4),
    new DataView(new ArrayBuffer(4)),
    new Uint16Array(2),
  ];
  const noAddresses: unknown[] = [
    undefined,
    null,
    '127.0.0.1',
    80,
    {},
    [],
    { family: 'IPv5', address: '127.0.0.1', port: 0 },
    { family: 4, address: '127.0.0.1', port: 0 },
    { family: 'IPv4', address: 'localhost', port: 0 },
    { family: 'IPv4', address: '127.0.0.1\0', port: 0 },
    { family: 'IPv4', address: '::1', port: 0 },
    { family: 'IPv6', address: '127.0.0.1', port: 0 },
    { family: 'IPv4', address: 2130706433, port: 0 },
    { family: 'IPv4', address: '127.0.0.1' },
    { family: 'IPv4', address: '127.0.0.1', port: -1 },
    { family: 'IPv4', address: '127.0.0.1', port: 65536 },
    { family: 'IPv4', address: '127.0.0.1', port: 1.5 },
    { family: 'IPv4', address: '127.0.0.1', port: '80' },
    { family: 'unix' },
    { family: 'unix', path: 1 },
    { family: 'unix', path: 'a\0b' },
    { family: 'unix', path: 'x'.repeat(108) },
    { family: 'unix', path: `\0${'x'.repeat(108)}` },
  ];
  type Any = never;
  const sharedBytes = new Uint8Array(new SharedArrayBuffer(8));
  const detached = new Uint8Array(8);
  structuredClone(detached.buffer, { transfer: [detached.buffer] });

  const cases: [method: string, values: unknown[], use: (socket: Socket, value: Any) => unknown][] = [
    ['new Socket(family)', junk, (_, value) => new Socket(value)],
    ['new Socket(…, type)', junk, (_, value) => new Socket(AF_INET, value)],
    ['new Socket(…, protocol)', junk, (_, value) => new Socket(AF_INET, SOCK_STREAM, value)],
    ['socketpair(family)', junk, (_, value) => socketpair(value)],
    ['socketpair(…, type)', junk, (_, value) => socketpair(AF_UNIX, value)],
    ['socketpair(…, protocol)', junk, (_, value) => socketpair(AF_UNIX, SOCK_STREAM, value)],
    ['bind', noAddresses, (socket, value) => socket.bind(value)],
    ['connect', noAddresses, (socket, value) => socket.connect(value)],
    ['sendTo(…, address)', noAddresses.slice(2), (socket, value) => socket.sendTo(Buffer.alloc(1), value)],
    ['listen', junk, (socket, value) => socket.listen(value)],
    [
      'recv(size)',
      [...junk.filter((value) => value !== 2 ** 31), undefined, -1, 2 ** 31 - 1],
      (socket, value) => socket.recv(value),
    ],
    ['recv(…, flags)', junk, (socket, value) => socket.recv(1, value)],
    ['recvFrom(size)', [...junk, undefined, -1], (socket, value) => socket.recvFrom(value)],
    ['recvFrom(…, flags)', junk, (socket, value) => socket.recvFrom(1, value)],
    ['recvInto', [...noBytes, sharedBytes, detached], (socket, value) => socket.recvInto(value)],
    ['recvInto(…, flags)', junk, (socket, value) => socket.recvInto(Buffer.alloc(1), value)],
    ['send', [...noBytes, sharedBytes, detached], (socket, value) => socket.send(value)],
    ['send(…, flags)', junk, (socket, value) => socket.send(Buffer.alloc(1), value)],
    ['sendAll', [...noBytes, sharedBytes], (socket, value) => socket.sendAll(value)],
    ['sendAll(…, flags)', junk, (socket, value) => socket.sendAll(Buffer.alloc(1), value)],
    ['sendTo(data)', noBytes, (socket, value) => socket.sendTo(value, LOOPBACK)],
    ['sendTo(…, flags)', junk, (socket, value) => socket.sendTo(Buffer.alloc(1), LOOPBACK, value)],
    ['shutdown', junk, (socket, value) => socket.shutdown(value)],
    ['setBlocking', [undefined, null, 0, 1, 'false', {}], (socket, value) => socket.setBlocking(value)],
    ['setOption(level)', junk, (socket, value) => socket.setOption(value, SO_REUSEADDR, 1)],
    ['setOption(…, name)', junk, (socket, value) => socket.setOption(SOL_SOCKET, value, 1)],
    ['setOption(…, value)', [...junk, undefined], (socket, value) => socket.setOption(SOL_SOCKET, SO_REUSEADDR, value)],
    ['getOption(level)', junk, (socket, value) => socket.getOption(value, SO_REUSEADDR)],
    ['getOption(…, name)', junk, (socket, value) => socket.getOption(SOL_SOCKET, value)],
    ['getOption(…, length)', [...junk, 0, -1], (socket, value) => socket.getOption(SOL_SOCKET, SO_REUSEADDR, value)],
  ];

  it.each(cases)('%s throws before anything happens, and leaks nothing', (_, values, use) => {
    const [socket, other] = pair();
    socket.setBlocking(false);
    const before = openFiles();
    for (const value of values) {
      expect(
        codeOf(() => use(socket, value as Any)),
        inspect(value),
      ).toMatch(/^ERR_(INVALID_ARG_TYPE|OUT_OF_RANGE)$/);
    }
    expect(openFiles()).toEqual(before);
    expect(socket.blocking).toBe(false);
    expect(() => other.recv(1, MSG_DONTWAIT)).toThrow(failure('EAGAIN', 'recv'));
  });
});

it('blocking calls go on when signals interrupt them', async () => {
  const child = await runUnderFire(
    `import { Socket } from 'fdmux';
     import { Worker } from 'node:worker_threads';
     let signals = 0;
     process.on('SIGUSR1', () => signals++);
     const listener = new Socket();
     listener.bind({ family: 'IPv4', address: '127.0.0.1', port: 0 });
     listener.listen();
     const worker = new Worker(
       \`const { workerData } = require('node:worker_threads');
        import('fdmux').then(({ Socket }) => {
          const wait = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
          wait(100);
          const client = new Socket();
          client.connect(workerData);
          wait(100);
          client.sendAll(Buffer.from('x'));
          while (client.recv(65536).length > 0) wait(1);
          client.close();
        });\`,
       { eval: true, workerData: listener.localAddress, execArgv: [] },
     );
     process.stdout.write('waiting\\n');
     const [server] = listener.accept();
     const came = server.recv(10).toString();
     server.sendAll(Buffer.alloc(8 << 20));
     server.close();
     worker.on('exit', () => {
       // Node.js tells of signals when it gets to it.
       setInterval(() => {
         if (signals === 0) return;
         console.log(JSON.stringify({ came, signals: true }));
         process.exit();
       }, 1);
     });`,
    'SIGUSR1',
  );
  expect(child).toMatchObject({ status: 0, signal: null, stderr: '' });
  expect(child.stdout.split('\n')[1]).toBe('{"came":"x","signals":true}');
});

it('a connect that signals interrupt goes on until it is connected', async () => {
  const child = await runUnderFire(
    `import { Socket, AF_UNIX, SOL_SOCKET } from 'fdmux';
     import * as sys from 'fdmux/sys';
     import { Worker } from 'node:worker_threads';
     let signals = 0;
     process.on('SIGUSR1', () => signals++);
     const listener = new Socket(AF_UNIX);
     listener.bind({ family: 'unix', path: '' });
     listener.listen(0);
     const address = listener.localAddress;
     const first = new Socket(AF_UNIX);
     first.connect(address);
     // The backlog is full: this one waits. With a time limit of its own, a signal really ends the call.
     const second = new Socket(AF_UNIX);
     second.setOption(SOL_SOCKET, sys.SO_SNDTIMEO, new Uint8Array(BigInt64Array.of(60n, 0n).buffer));
     new Worker(
       \`const { workerData } = require('node:worker_threads');
        import('fdmux').then(({ Socket }) => {
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
          const listener = Socket.fromFd(workerData);
          listener.accept()[0].close();
          const [server] = listener.accept();
          server.sendAll(server.recv(10));
          server.close();
          listener.close();
        });\`,
       { eval: true, workerData: listener.fd, execArgv: [] },
     );
     process.stdout.write('waiting\\n');
     second.connect(address);
     second.sendAll(Buffer.from('echo'));
     const came = second.recv(10).toString();
     // Node.js tells of signals when it gets to it.
     setInterval(() => {
       if (signals === 0) return;
       console.log(JSON.stringify({ came, signals: true }));
       process.exit();
     }, 1);`,
    'SIGUSR1',
  );
  expect(child).toMatchObject({ status: 0, signal: null, stderr: '' });
  expect(child.stdout.split('\n')[1]).toBe('{"came":"echo","signals":true}');
});
