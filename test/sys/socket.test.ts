// Sockets and their addresses.
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as sys from 'fdmux/sys';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  abstractName,
  arrived,
  close,
  drain,
  failOnLeaks,
  fill,
  keep,
  LOOPBACK,
  listener,
  ok,
  pair,
  pipe,
  socket,
  tcp,
  unused,
} from '../support/fds.js';
import { needs, start } from '../support/processes.js';

failOnLeaks();

const byte = Buffer.from('x');
const IPV6: sys.Address = { family: 'IPv6', address: '::1', port: 0 };

function path(): string {
  const name = join(tmpdir(), `fdmux-${process.pid}-${process.hrtime.bigint()}`);
  onTestFinished(() => rmSync(name, { force: true }));
  return name;
}

function option(fd: number, name: number, level = sys.SOL_SOCKET): number {
  const value = new Int32Array(1);
  expect(sys.getsockopt(fd, level, name, value)).toBe(4);
  return value[0] as number;
}

/** Makes the next close of `fd` a reset. */
function resetOnClose(fd: number): void {
  ok(sys.setsockopt(fd, sys.SOL_SOCKET, sys.SO_LINGER, Buffer.from(new Int32Array([1, 0]).buffer)));
}

describe('a stream', () => {
  test.each([
    ['IPv4', () => LOOPBACK],
    ['IPv6', () => IPV6],
    ['a path', (): sys.Address => ({ family: 'unix', path: path() })],
    ['an abstract name', (): sys.Address => ({ family: 'unix', path: abstractName() })],
  ])('over %s carries bytes both ways, and each end knows both addresses', (_, at) => {
    const [server, here] = listener(sys.SOCK_STREAM, at());
    const domain = { IPv4: sys.AF_INET, IPv6: sys.AF_INET6, unix: sys.AF_UNIX }[here.family as 'IPv4'];
    const client = socket(domain);
    expect(sys.connect(client, here)).toBe(0);
    const peer = new sys.SockAddr();
    const accepted = keep(sys.accept4(server, sys.SOCK_CLOEXEC, peer));
    const [own, other] = [new sys.SockAddr(), new sys.SockAddr()];
    ok(sys.getsockname(client, own));
    ok(sys.getpeername(accepted, other));
    expect(other.toJSON()).toEqual(own.toJSON());
    expect(peer.toJSON()).toEqual(own.toJSON());
    ok(sys.getpeername(client, other));
    expect(other.toJSON()).toEqual(here.toJSON());
    const buffer = Buffer.alloc(8);
    expect(sys.send(client, Buffer.from('ping'))).toBe(4);
    expect(sys.recv(accepted, buffer)).toBe(4);
    expect(sys.send(accepted, Buffer.from('pong'))).toBe(4);
    expect(sys.recv(client, buffer)).toBe(4);
    expect(buffer.toString('latin1', 0, 4)).toBe('pong');
  });

  test('recv and send keep to their window', () => {
    const [a, b] = pair();
    const buffer = Buffer.from('0123456789');
    expect(sys.send(a, buffer, 3, 4)).toBe(4);
    expect(sys.recv(b, buffer, 1, 2)).toBe(2);
    expect(buffer.toString()).toBe('0343456789');
    expect(sys.recv(b, buffer, 8)).toBe(2);
    expect(buffer.toString()).toBe('0343456756');
    expect(() => sys.recv(b, buffer, 11)).toThrow(RangeError);
    expect(() => sys.send(b, buffer, 5, 6)).toThrow(RangeError);
  });

  test('MSG_PEEK leaves what it shows, MSG_DONTWAIT does not wait', () => {
    const [a, b] = pair(sys.SOCK_STREAM);
    const buffer = Buffer.alloc(4);
    expect(sys.recv(a, buffer, 0, 4, sys.MSG_DONTWAIT)).toBe(-sys.EAGAIN);
    ok(sys.send(b, byte));
    expect(sys.recv(a, buffer, 0, 4, sys.MSG_PEEK)).toBe(1);
    expect(sys.recv(a, buffer)).toBe(1);
  });

  test('urgent data is received apart from the stream', () => {
    const [a, b] = tcp();
    ok(sys.send(b, Buffer.from('ab')));
    ok(sys.send(b, Buffer.from('!'), 0, 1, sys.MSG_OOB));
    arrived(a, sys.POLLPRI);
    const buffer = Buffer.alloc(4);
    expect(sys.recv(a, buffer, 0, 4, sys.MSG_OOB)).toBe(1);
    expect(buffer.toString('latin1', 0, 1)).toBe('!');
    expect(sys.recv(a, buffer)).toBe(2);
    expect(sys.recv(a, buffer, 0, 4, sys.MSG_OOB)).toBe(-sys.EINVAL);
  });

  test('a shut-down half ends its direction, and the other goes on', () => {
    for (const [a, b] of [tcp(), pair()]) {
      expect(sys.shutdown(a, sys.SHUT_WR)).toBe(0);
      expect(sys.send(a, byte)).toBe(-sys.EPIPE);
      arrived(b);
      expect(sys.recv(b, Buffer.alloc(4))).toBe(0);
      ok(sys.send(b, byte));
      arrived(a);
      expect(sys.recv(a, Buffer.alloc(4))).toBe(1);
      expect(sys.shutdown(b, sys.SHUT_RDWR)).toBe(0);
      arrived(a);
      expect(sys.recv(a, Buffer.alloc(4))).toBe(0);
    }
  });

  test('SHUT_RD ends reading on this side', () => {
    const [a, b] = pair();
    expect(sys.shutdown(a, sys.SHUT_RD)).toBe(0);
    expect(sys.recv(a, Buffer.alloc(1))).toBe(0);
    expect(sys.send(b, byte)).toBe(-sys.EPIPE);
  });

  test('ECONNRESET once after a reset, and EPIPE for who sends on', () => {
    const [a, b] = tcp();
    resetOnClose(b);
    close(b);
    arrived(a, 0);
    expect(sys.recv(a, Buffer.alloc(1))).toBe(-sys.ECONNRESET);
    expect(sys.recv(a, Buffer.alloc(1))).toBe(0);
    expect(sys.send(a, byte)).toBe(-sys.EPIPE);
  });

  test('a full stream takes a part, and then is EAGAIN', () => {
    const [a, b] = pair();
    const sent = fill(a);
    expect(sys.send(a, byte)).toBe(-sys.EAGAIN);
    expect(drain(b)).toHaveLength(sent);
  });
});

describe('accept4', () => {
  test('its flags are the new socket’s', () => {
    const [server, address] = listener();
    for (const [flags, nonblock, cloexec] of [
      [0, 0, 0],
      [sys.SOCK_NONBLOCK, sys.O_NONBLOCK, 0],
      [sys.SOCK_CLOEXEC, 0, sys.FD_CLOEXEC],
    ] as const) {
      ok(sys.connect(socket(), address));
      const fd = keep(sys.accept4(server, flags));
      expect(sys.fcntl(fd, sys.F_GETFL) & sys.O_NONBLOCK).toBe(nonblock);
      expect(sys.fcntl(fd, sys.F_GETFD)).toBe(cloexec);
    }
  });

  test('EAGAIN when nobody waits, EINVAL for what does not listen or an unknown flag, ENOTSOCK for a pipe', () => {
    const [server] = listener(sys.SOCK_STREAM | sys.SOCK_NONBLOCK);
    expect(sys.accept4(server)).toBe(-sys.EAGAIN);
    expect(sys.accept4(server, 1)).toBe(-sys.EINVAL);
    expect(sys.accept4(pair()[0])).toBe(-sys.EINVAL);
    expect(sys.accept4(pipe()[0])).toBe(-sys.ENOTSOCK);
    expect(sys.accept4(unused())).toBe(-sys.EBADF);
  });
});

describe('connect', () => {
  test('that does not block is EINPROGRESS, then writable with SO_ERROR 0', () => {
    const [, address] = listener();
    const fd = socket(sys.AF_INET, sys.SOCK_STREAM | sys.SOCK_NONBLOCK);
    expect(sys.connect(fd, address)).toBe(-sys.EINPROGRESS);
    arrived(fd, sys.POLLOUT);
    expect(option(fd, sys.SO_ERROR)).toBe(0);
    expect(sys.connect(fd, address)).toBe(0);
    expect(sys.connect(fd, address)).toBe(-sys.EISCONN);
  });

  test('to a port where nobody listens is ECONNREFUSED, at once or through SO_ERROR', () => {
    // Bound, so that nobody else gets its port, and not listening.
    const server = socket();
    const address = new sys.SockAddr();
    ok(sys.bind(server, LOOPBACK));
    ok(sys.getsockname(server, address));
    expect(sys.connect(socket(), address)).toBe(-sys.ECONNREFUSED);
    const fd = socket(sys.AF_INET, sys.SOCK_STREAM | sys.SOCK_NONBLOCK);
    expect(sys.connect(fd, address)).toBe(-sys.EINPROGRESS);
    arrived(fd, sys.POLLOUT);
    expect(option(fd, sys.SO_ERROR)).toBe(sys.ECONNREFUSED);
    expect(option(fd, sys.SO_ERROR)).toBe(0);
  });

  test('to a path is ENOENT without a socket, ECONNREFUSED without a listener, EAGAIN with a full backlog', () => {
    const at: sys.Address = { family: 'unix', path: path() };
    const client = () => socket(sys.AF_UNIX, sys.SOCK_STREAM | sys.SOCK_NONBLOCK);
    expect(sys.connect(client(), at)).toBe(-sys.ENOENT);
    const server = socket(sys.AF_UNIX);
    ok(sys.bind(server, at));
    expect(sys.connect(client(), at)).toBe(-sys.ECONNREFUSED);
    ok(sys.listen(server, 0));
    expect(sys.connect(client(), at)).toBe(0);
    expect(sys.connect(client(), at)).toBe(-sys.EAGAIN);
  });

  test('with an address of another family is EINVAL or EAFNOSUPPORT', () => {
    expect(sys.connect(socket(), { family: 'unix', path: 'x'.repeat(20) })).toBe(-sys.EAFNOSUPPORT);
    expect(sys.connect(socket(sys.AF_UNIX), LOOPBACK)).toBe(-sys.EINVAL);
    expect(sys.connect(socket(), new sys.SockAddr())).toBe(-sys.EINVAL);
  });
});

describe('datagrams', () => {
  test('sendto and recvfrom say where to and where from', () => {
    for (const at of [LOOPBACK, IPV6]) {
      const domain = at.family === 'IPv4' ? sys.AF_INET : sys.AF_INET6;
      const [a, b] = [socket(domain, sys.SOCK_DGRAM), socket(domain, sys.SOCK_DGRAM)];
      const [here, there, from] = [new sys.SockAddr(), new sys.SockAddr(), new sys.SockAddr()];
      ok(sys.bind(a, at));
      ok(sys.bind(b, at));
      ok(sys.getsockname(a, here));
      ok(sys.getsockname(b, there));
      expect(sys.sendto(a, Buffer.from('..hello..'), 2, 5, 0, there)).toBe(5);
      const buffer = Buffer.alloc(16, '.');
      expect(sys.recvfrom(b, buffer, 1, undefined, 0, from)).toBe(5);
      expect(buffer.toString('latin1', 0, 7)).toBe('.hello.');
      expect(from.toJSON()).toEqual(here.toJSON());
      expect(sys.sendto(b, byte, 0, 1, 0, from.toJSON() as sys.Address)).toBe(1);
      expect(sys.recvfrom(a, buffer)).toBe(1);
    }
  });

  test('keep their edges, are cut by a short window, and MSG_TRUNC tells their length', () => {
    const [a, b] = pair(sys.SOCK_DGRAM | sys.SOCK_NONBLOCK);
    ok(sys.send(a, Buffer.from('first')));
    ok(sys.send(a, Buffer.from('second')));
    ok(sys.send(a, Buffer.alloc(0)));
    const buffer = Buffer.alloc(16);
    expect(sys.recv(b, buffer, 0, 2)).toBe(2);
    expect(sys.recv(b, buffer, 0, 2, sys.MSG_TRUNC)).toBe(6);
    expect(sys.recv(b, buffer)).toBe(0);
    expect(sys.recv(b, buffer)).toBe(-sys.EAGAIN);
  });

  test('EDESTADDRREQ without an address, EMSGSIZE when too long, and a connected socket needs none', () => {
    const fd = socket(sys.AF_INET, sys.SOCK_DGRAM);
    expect(sys.sendto(fd, byte, 0, 1, 0, null)).toBe(-sys.EDESTADDRREQ);
    const there = socket(sys.AF_INET, sys.SOCK_DGRAM);
    ok(sys.bind(there, LOOPBACK));
    const address = new sys.SockAddr();
    ok(sys.getsockname(there, address));
    expect(sys.sendto(fd, Buffer.alloc(70_000), 0, undefined, 0, address)).toBe(-sys.EMSGSIZE);
    ok(sys.connect(fd, address));
    expect(sys.sendto(fd, byte, 0, 1, 0, null)).toBe(1);
    expect(sys.recv(there, Buffer.alloc(4))).toBe(1);
  });

  test('to a port where nobody listens is ECONNREFUSED on a connected socket', () => {
    const there = socket(sys.AF_INET, sys.SOCK_DGRAM);
    ok(sys.bind(there, LOOPBACK));
    const address = new sys.SockAddr();
    ok(sys.getsockname(there, address));
    // Closed, it might leave its port to somebody else, or to the next socket itself; connected, it hears one peer alone.
    ok(sys.connect(there, { family: 'IPv4', address: '127.0.0.2', port: 9 }));
    const fd = socket(sys.AF_INET, sys.SOCK_DGRAM);
    ok(sys.connect(fd, address));
    ok(sys.send(fd, byte));
    arrived(fd, 0);
    expect(sys.recv(fd, Buffer.alloc(1))).toBe(-sys.ECONNREFUSED);
  });

  test('of unix sockets come with the sender’s name, or none', () => {
    const [a, b, nameless] = [0, 1, 2].map(() => socket(sys.AF_UNIX, sys.SOCK_DGRAM)) as [number, number, number];
    const [name, other] = [abstractName(), abstractName()];
    ok(sys.bind(a, { family: 'unix', path: name }));
    ok(sys.bind(b, { family: 'unix', path: other }));
    const from = new sys.SockAddr(LOOPBACK);
    ok(sys.sendto(b, byte, 0, 1, 0, { family: 'unix', path: name }));
    expect(sys.recvfrom(a, Buffer.alloc(4), 0, 4, 0, from)).toBe(1);
    expect(from.toJSON()).toEqual({ family: 'unix', path: other });
    ok(sys.sendto(nameless, byte, 0, 1, 0, { family: 'unix', path: name }));
    expect(sys.recvfrom(a, Buffer.alloc(4), 0, 4, 0, from)).toBe(1);
    expect([from.toJSON(), from.family, from.path, from.address, from.port]).toEqual([null, undefined, '', '', 0]);
  });
});

describe('addresses', () => {
  const there = (address: unknown) => new sys.SockAddr(address as sys.Address);

  test('come back as they were given', () => {
    for (const address of [
      { family: 'IPv4', address: '127.0.0.1', port: 0 },
      { family: 'IPv4', address: '255.255.255.255', port: 65535 },
      { family: 'IPv6', address: '::', port: 1 },
      { family: 'IPv6', address: 'fe80::1%lo', port: 80 },
      { family: 'IPv6', address: '2001:db8::ff00:42:8329', port: 443 },
      { family: 'unix', path: '/tmp/socket' },
      { family: 'unix', path: '\0name\0with\0nul' },
      { family: 'unix', path: `/${'é'.repeat(53)}` },
      { family: 'unix', path: '' },
    ] as const) {
      expect(there(address).toJSON()).toEqual(address);
    }
  });

  test('a scope is an interface’s name or number', () => {
    expect(there({ family: 'IPv6', address: '::1%lo', port: 0 }).address).toBe('::1%lo');
    expect(there({ family: 'IPv6', address: '::1%1', port: 0 }).address).toBe('::1%lo');
    expect(there({ family: 'IPv6', address: '::1%4294967295', port: 0 }).address).toBe('::1%4294967295');
  });

  test('a scope that is no interface is refused', () => {
    for (const scope of ['%', '%no-such-interface', '%0', '%-1', '%4294967296', '%1x', '%lo%lo']) {
      expect(() => there({ family: 'IPv6', address: `::1${scope}`, port: 0 }), scope).toThrow(TypeError);
    }
  });

  test('what is no address in numbers is a TypeError', () => {
    for (const text of [
      '',
      'localhost',
      '1.2.3',
      '1.2.3.4.5',
      '256.0.0.1',
      '::1',
      '127.0.0.1\0',
      '127.0.0.1%lo',
      ' 1.2.3.4',
    ]) {
      expect(() => there({ family: 'IPv4', address: text, port: 0 }), text).toThrow(TypeError);
    }
    for (const text of ['', 'localhost', '127.0.0.1', '::g', ':::', '::1\0']) {
      expect(() => there({ family: 'IPv6', address: text, port: 0 }), text).toThrow(TypeError);
    }
    for (const family of ['ipv4', 'IPv5', 4, undefined, null]) {
      expect(() => there({ family, address: '127.0.0.1', port: 0 })).toThrow(TypeError);
    }
  });

  test('a port is 0 to 65535', () => {
    for (const port of [-1, 65536, 0.5, Number.NaN]) {
      expect(() => there({ family: 'IPv4', address: '127.0.0.1', port })).toThrow(RangeError);
    }
    for (const port of ['80', undefined, null, 80n]) {
      expect(() => there({ family: 'IPv4', address: '127.0.0.1', port })).toThrow(TypeError);
    }
  });

  test('a path has at most 107 bytes, a name 108; a path has no NUL', () => {
    expect(there({ family: 'unix', path: 'x'.repeat(107) }).path).toHaveLength(107);
    expect(there({ family: 'unix', path: `\0${'x'.repeat(107)}` }).path).toHaveLength(108);
    const tooLong = expect.objectContaining({ name: 'RangeError', message: expect.stringContaining('address.path') });
    expect(() => there({ family: 'unix', path: 'x'.repeat(108) })).toThrow(tooLong);
    expect(() => there({ family: 'unix', path: `\0${'x'.repeat(108)}` })).toThrow(tooLong);
    expect(() => there({ family: 'unix', path: 'é'.repeat(54) })).toThrow(tooLong);
    expect(() => there({ family: 'unix', path: 'a\0b' })).toThrow(TypeError);
    expect(() => there({ family: 'unix', path: 5 })).toThrow(TypeError);
  });

  test('an address that could not be set leaves the one that was there', () => {
    const address = there({ family: 'IPv4', address: '127.0.0.1', port: 80 });
    expect(() => address.set({ family: 'IPv4', address: 'x', port: 0 })).toThrow(TypeError);
    expect(() => address.set({ family: 'unix', path: 'x'.repeat(200) })).toThrow(RangeError);
    expect(address.toJSON()).toEqual({ family: 'IPv4', address: '127.0.0.1', port: 80 });
  });

  test('an empty one says so', () => {
    const empty = new sys.SockAddr();
    expect([empty.family, empty.address, empty.port, empty.path, empty.toJSON()]).toEqual([undefined, '', 0, '', null]);
  });

  test('a call that fails leaves the address that was there', () => {
    const address = there({ family: 'unix', path: '\0name' });
    const [server] = listener(sys.SOCK_STREAM | sys.SOCK_NONBLOCK);
    expect(sys.accept4(server, 0, address)).toBe(-sys.EAGAIN);
    expect(sys.getsockname(unused(), address)).toBe(-sys.EBADF);
    expect(sys.getpeername(server, address)).toBe(-sys.ENOTCONN);
    expect(sys.recvfrom(pair()[0], Buffer.alloc(1), 0, 1, 0, address)).toBe(-sys.EAGAIN);
    expect(address.toJSON()).toEqual({ family: 'unix', path: '\0name' });
  });

  test('a stream’s recvfrom names nobody', () => {
    const [a, b] = tcp();
    ok(sys.send(b, byte));
    arrived(a);
    const from = there({ family: 'IPv4', address: '1.2.3.4', port: 5 });
    expect(sys.recvfrom(a, Buffer.alloc(4), 0, 4, 0, from)).toBe(1);
    expect([from.family, from.address, from.port]).toEqual([undefined, '', 0]);
  });

  test('bind: the kernel chooses a port, or a name; EADDRINUSE and EADDRNOTAVAIL', () => {
    const [, address] = listener();
    expect(address.port).toBeGreaterThan(0);
    expect(sys.bind(socket(), address)).toBe(-sys.EADDRINUSE);
    expect(sys.bind(socket(), { family: 'IPv4', address: '192.0.2.1', port: 0 })).toBe(-sys.EADDRNOTAVAIL);
    const fd = socket(sys.AF_UNIX, sys.SOCK_DGRAM);
    ok(sys.bind(fd, { family: 'unix', path: '' }));
    const name = new sys.SockAddr();
    ok(sys.getsockname(fd, name));
    expect(name.path).toMatch(/^\0[0-9a-f]{5}$/);
  });

  test('getpeername is ENOTCONN without a peer, ENOTSOCK for a pipe', () => {
    const address = new sys.SockAddr();
    expect(sys.getpeername(socket(), address)).toBe(-sys.ENOTCONN);
    expect(sys.getpeername(pipe()[0], address)).toBe(-sys.ENOTSOCK);
    expect(sys.getsockname(pipe()[0], address)).toBe(-sys.ENOTSOCK);
    const [a] = pair();
    ok(sys.getsockname(a, address));
    expect(address.toJSON()).toEqual({ family: 'unix', path: '' });
  });
});

describe('options', () => {
  test('an int is set and asked for', () => {
    const [a] = tcp();
    for (const value of [1, 0]) {
      expect(sys.setsockopt(a, sys.IPPROTO_TCP, sys.TCP_NODELAY, value)).toBe(0);
      expect(option(a, sys.TCP_NODELAY, sys.IPPROTO_TCP)).toBe(value);
    }
    expect(option(a, sys.SO_TYPE)).toBe(sys.SOCK_STREAM);
    expect(option(a, sys.SO_DOMAIN)).toBe(sys.AF_INET);
    expect(option(a, sys.SO_PROTOCOL)).toBe(sys.IPPROTO_TCP);
    expect(option(listener()[0], sys.SO_ACCEPTCONN)).toBe(1);
  });

  test('a struct is set and asked for in bytes', () => {
    const [a] = pair(sys.SOCK_STREAM);
    const linger = Buffer.from(new Int32Array([1, 7]).buffer);
    expect(sys.setsockopt(a, sys.SOL_SOCKET, sys.SO_LINGER, linger)).toBe(0);
    const value = Buffer.alloc(64, '.');
    expect(sys.getsockopt(a, sys.SOL_SOCKET, sys.SO_LINGER, value)).toBe(8);
    expect(value.subarray(0, 8)).toEqual(linger);
    expect(value.subarray(8)).toEqual(Buffer.alloc(56, '.'));
    const ints = new Int32Array(4).fill(-7);
    expect(sys.getsockopt(a, sys.SOL_SOCKET, sys.SO_LINGER, ints.subarray(1))).toBe(8);
    expect([...ints]).toEqual([-7, 1, 7, -7]);
  });

  test('a value is cut to the room that there is', () => {
    const [a] = pair();
    const value = Buffer.alloc(2, 0xff);
    expect(sys.getsockopt(a, sys.SOL_SOCKET, sys.SO_TYPE, value)).toBe(2);
    expect([...value]).toEqual([sys.SOCK_STREAM, 0]);
    expect(sys.getsockopt(a, sys.SOL_SOCKET, sys.SO_TYPE, Buffer.alloc(0))).toBe(0);
    expect(() => sys.getsockopt(a, sys.SOL_SOCKET, sys.SO_TYPE, new Int32Array(0))).toThrow(RangeError);
  });

  test('SO_RCVTIMEO ends a blocking recv with EAGAIN, never early', () => {
    const [a] = pair(sys.SOCK_STREAM);
    const time = new BigInt64Array([0n, 60_000n]);
    ok(sys.setsockopt(a, sys.SOL_SOCKET, sys.SO_RCVTIMEO, new Uint8Array(time.buffer)));
    const start = process.hrtime.bigint();
    expect(sys.recv(a, Buffer.alloc(1))).toBe(-sys.EAGAIN);
    expect(process.hrtime.bigint() - start).toBeGreaterThanOrEqual(60_000_000n);
  });

  test('ENOPROTOOPT, EINVAL, ENOTSOCK and EBADF are the kernel’s', () => {
    const [a] = pair();
    const value = new Int32Array(1);
    expect(sys.getsockopt(a, sys.SOL_SOCKET, 9999, value)).toBe(-sys.ENOPROTOOPT);
    expect(sys.setsockopt(a, sys.SOL_SOCKET, 9999, 1)).toBe(-sys.ENOPROTOOPT);
    expect(sys.setsockopt(a, sys.SOL_SOCKET, sys.SO_LINGER, 1)).toBe(-sys.EINVAL);
    expect(sys.setsockopt(a, sys.SOL_SOCKET, sys.SO_REUSEADDR, new Uint8Array(0))).toBe(-sys.EINVAL);
    expect(sys.getsockopt(pipe()[0], sys.SOL_SOCKET, sys.SO_TYPE, value)).toBe(-sys.ENOTSOCK);
    expect(sys.getsockopt(unused(), sys.SOL_SOCKET, sys.SO_TYPE, value)).toBe(-sys.EBADF);
  });

  test('an option with which the kernel writes outside the value is refused', async (ctx) => {
    const [TCP_ZEROCOPY_RECEIVE, TCP_AO_GET_KEYS, SO_GET_FILTER] = [35, 41, 26];
    const [a] = tcp();
    for (const value of [new Uint8Array(64), new Int32Array(16)]) {
      expect(() => sys.getsockopt(a, sys.IPPROTO_TCP, TCP_ZEROCOPY_RECEIVE, value)).toThrow(RangeError);
      expect(() => sys.getsockopt(a, sys.IPPROTO_TCP, TCP_AO_GET_KEYS, value)).toThrow(RangeError);
      expect(() => sys.getsockopt(a, sys.SOL_SOCKET, SO_GET_FILTER, value)).toThrow(RangeError);
    }
    needs(ctx, 'python3');
    // A filter of 8 instructions, attached by somebody else: asked for with room for 8 bytes, it would fill 64.
    const script = `
import ctypes, socket, struct
code = ctypes.create_string_buffer(struct.pack('HBBI', 6, 0, 0, 0xffffffff) * 8)
program = struct.pack('HL', 8, ctypes.addressof(code))
socket.socket(fileno=3).setsockopt(socket.SOL_SOCKET, 26, program)`;
    const child = start('python3', ['-c', script], [a]);
    expect(await child.ended).toMatchObject({ code: 0, stderr: '' });
    const memory = new Uint8Array(128);
    expect(() => sys.getsockopt(a, sys.SOL_SOCKET, SO_GET_FILTER, memory.subarray(0, 8))).toThrow(RangeError);
    expect(memory).toEqual(new Uint8Array(128));
  });
});

describe('socket and socketpair', () => {
  test('SOCK_CLOEXEC and SOCK_NONBLOCK are the new socket’s', () => {
    const fd = keep(sys.socket(sys.AF_INET, sys.SOCK_STREAM | sys.SOCK_NONBLOCK | sys.SOCK_CLOEXEC, 0));
    expect(sys.fcntl(fd, sys.F_GETFL) & sys.O_NONBLOCK).toBe(sys.O_NONBLOCK);
    expect(sys.fcntl(fd, sys.F_GETFD)).toBe(sys.FD_CLOEXEC);
    const plain = keep(sys.socket(sys.AF_INET, sys.SOCK_STREAM, 0));
    expect(sys.fcntl(plain, sys.F_GETFL) & sys.O_NONBLOCK).toBe(0);
    expect(sys.fcntl(plain, sys.F_GETFD)).toBe(0);
  });

  test('a pair of SOCK_SEQPACKET keeps messages apart and connected', () => {
    const [a, b] = pair(sys.SOCK_SEQPACKET | sys.SOCK_NONBLOCK);
    ok(sys.send(a, Buffer.from('one')));
    ok(sys.send(a, Buffer.from('three')));
    const buffer = Buffer.alloc(16);
    expect([sys.recv(b, buffer), sys.recv(b, buffer)]).toEqual([3, 5]);
    close(a);
    expect(sys.recv(b, buffer)).toBe(0);
  });

  test('EAFNOSUPPORT, EPROTONOSUPPORT, EINVAL and EOPNOTSUPP are the kernel’s', () => {
    const sv = new Int32Array(2);
    expect(sys.socket(9999, sys.SOCK_STREAM, 0)).toBe(-sys.EAFNOSUPPORT);
    expect(sys.socket(sys.AF_INET, sys.SOCK_STREAM, sys.IPPROTO_UDP)).toBe(-sys.EPROTONOSUPPORT);
    expect(sys.socket(sys.AF_INET, 99, 0)).toBe(-sys.EINVAL);
    expect(sys.socketpair(sys.AF_INET, sys.SOCK_STREAM, 0, sv)).toBe(-sys.EOPNOTSUPP);
    expect(sys.listen(socket(sys.AF_INET, sys.SOCK_DGRAM), 1)).toBe(-sys.EOPNOTSUPP);
    expect(sys.shutdown(socket(), sys.SHUT_RD)).toBe(-sys.ENOTCONN);
    expect(sys.shutdown(pair()[0], 99)).toBe(-sys.EINVAL);
  });
});
