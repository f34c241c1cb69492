/** What holds of every object that owns a descriptor. */
import { Epoll, SignalPipe, Socket, socketpair } from 'fdmux';
import * as sys from 'fdmux/sys';
import { describe, expect, it } from 'vitest';
import { closing, codeOf, listening, openFiles, reuse, run } from '../support/objects.js';

// A process that has no descriptor left cannot write down which lines it ran.
delete process.env.NODE_V8_COVERAGE;

describe.each([
  {
    name: 'Epoll',
    make: () => new Epoll(),
    uses: (epoll: Epoll) => [
      () => epoll.register(0),
      () => epoll.modify(0, 1),
      () => epoll.unregister(0),
      () => epoll.poll(0),
    ],
  },
  {
    name: 'Socket',
    make: () => new Socket(),
    uses: (socket: Socket) => [
      () => socket.bind({ family: 'IPv4', address: '127.0.0.1', port: 0 }),
      () => socket.listen(),
      () => socket.accept(),
      () => socket.connect({ family: 'IPv4', address: '127.0.0.1', port: 1 }),
      () => socket.recv(1),
      () => socket.recvInto(Buffer.alloc(1)),
      () => socket.recvFrom(1),
      () => socket.send(Buffer.alloc(1)),
      () => socket.sendAll(Buffer.alloc(1)),
      () => socket.sendAll(Buffer.alloc(0)),
      () => socket.sendTo(Buffer.alloc(1), { family: 'IPv4', address: '127.0.0.1', port: 1 }),
      () => socket.shutdown(sys.SHUT_RDWR),
      () => socket.blocking,
      () => socket.setBlocking(false),
      () => socket.setOption(sys.SOL_SOCKET, sys.SO_REUSEADDR, 1),
      () => socket.getOption(sys.SOL_SOCKET, sys.SO_ERROR),
      () => socket.localAddress,
      () => socket.remoteAddress,
    ],
  },
  {
    name: 'SignalPipe',
    make: () => new SignalPipe(['SIGURG']),
    uses: (signals: SignalPipe) => [() => signals.read()],
  },
] as { name: string; make: () => Epoll | Socket | SignalPipe; uses: (object: unknown) => (() => unknown)[] }[])(
  '$name',
  ({ name, make, uses }) => {
    it('has a descriptor, which close gives back: afterwards fd is −1', () => {
      const before = openFiles();
      const object = make();
      expect(object.closed).toBe(false);
      expect(openFiles().has(object.fd)).toBe(true);
      object.close();
      expect(object.fd).toBe(-1);
      expect(object.closed).toBe(true);
      expect(openFiles()).toEqual(before);
    });

    it('is closed twice without harm to whoever has its number by then', () => {
      const object = make();
      const { fd } = object;
      object.close();
      const w = reuse(fd);
      object.close();
      object[Symbol.dispose]();
      expect(sys.write(w, Buffer.from('x'))).toBe(1);
      expect(sys.read(fd, Buffer.alloc(8))).toBe(1);
    });

    it(`throws ERR_${name.toUpperCase()}_CLOSED from all use once closed, and touches nobody's descriptor`, () => {
      const object = make();
      const { fd } = object;
      object.close();
      reuse(fd);
      const before = openFiles();
      for (const use of uses(object)) expect(codeOf(use)).toBe(`ERR_${name.toUpperCase()}_CLOSED`);
      expect(openFiles()).toEqual(before);
      expect(sys.fcntl(fd, sys.F_GETFL) & sys.O_NONBLOCK).toBe(0);
    });

    it('is closed at the end of a using block, also by an exception', () => {
      let seen: { closed: boolean } | undefined;
      const fail = () => {
        using object = make();
        seen = object;
        throw new Error('out of the block');
      };
      expect(fail).toThrow('out of the block');
      expect(seen?.closed).toBe(true);
    });
  },
);

it('throws what the kernel says when there is no descriptor left, and keeps none', () => {
  const child = run(`
    import { Epoll, SignalPipe, Socket, socketpair } from 'fdmux';
    import { EpollSelector } from 'fdmux/selectors';
    import * as sys from 'fdmux/sys';
    const listener = new Socket();
    listener.bind({ family: 'IPv4', address: '127.0.0.1', port: 0 });
    listener.listen();
    const client = new Socket();
    client.connect(listener.localAddress);
    const rlim = new Float64Array(2);
    sys.getrlimit(sys.RLIMIT_NOFILE, rlim);
    rlim[0] = 64;
    sys.setrlimit(sys.RLIMIT_NOFILE, rlim);
    const fds = [];
    for (let fd; (fd = sys.dup(0)) >= 0; ) fds.push(fd);
    const codes = [
      () => new Epoll(),
      () => new Socket(),
      () => socketpair(),
      () => new SignalPipe(['SIGUSR1']),
      () => Epoll.fromFd(listener),
      () => Socket.fromFd(listener),
      () => listener.accept(),
      () => new EpollSelector(),
    ].map((make) => {
      try {
        make();
      } catch ({ code, errno, syscall }) {
        return [code, errno === -sys.EMFILE, syscall];
      }
    });
    sys.close(fds.pop());
    // One is free, and two are wanted.
    for (const make of [() => socketpair(), () => new SignalPipe(['SIGUSR1'])]) {
      try {
        make();
      } catch ({ code }) {
        codes.push([code]);
      }
    }
    const [accepted] = listener.accept();
    accepted.close();
    sys.close(sys.dup(0));
    console.log(JSON.stringify(codes));
  `);
  expect(child).toMatchObject({ status: 0, stderr: '' });
  expect(JSON.parse(child.stdout)).toEqual([
    ['EMFILE', true, 'epoll_create1'],
    ['EMFILE', true, 'socket'],
    ['EMFILE', true, 'socketpair'],
    ['EMFILE', true, 'pipe2'],
    ['EMFILE', true, 'fcntl'],
    ['EMFILE', true, 'fcntl'],
    ['EMFILE', true, 'accept4'],
    ['EMFILE', true, 'epoll_create1'],
    ['EMFILE'],
    ['EMFILE'],
  ]);
});

it('opens every descriptor close-on-exec', () => {
  const before = openFiles();
  const [listener, address] = listening();
  const client = closing(new Socket());
  client.connect(address);
  closing(listener.accept()[0]);
  const epoll = closing(new Epoll());
  closing(Epoll.fromFd(epoll));
  closing(Socket.fromFd(client));
  for (const socket of socketpair()) closing(socket);
  closing(new SignalPipe(['SIGURG']));
  const opened = [...openFiles().keys()].filter((fd) => !before.has(fd));
  expect(opened).toHaveLength(10);
  for (const fd of opened) expect(sys.fcntl(fd, sys.F_GETFD) & sys.FD_CLOEXEC).toBe(sys.FD_CLOEXEC);
});

describe('lost to the garbage collector', () => {
  const lose = (make: string) => `
    import { Epoll, Socket, socketpair } from 'fdmux';
    import { EpollSelector } from 'fdmux/selectors';
    import * as sys from 'fdmux/sys';
    const warnings = [];
    process.on('warning', ({ name, message }) => warnings.push([name, message]));
    let fd;
    (() => {
      const object = ${make};
      fd = object.fd;
    })();
    const closed = () => sys.fcntl(fd, sys.F_GETFD) === -sys.EBADF;
    for (let i = 0; i < 200 && !closed(); i++) {
      globalThis.gc();
      await new Promise(setImmediate);
    }
    globalThis.gc();
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    console.log(JSON.stringify({ closed: closed(), fd, warnings }));`;

  it.each([
    ['Epoll', 'new Epoll()'],
    ['Socket', 'new Socket()'],
    ['Socket', 'socketpair()[0]'],
  ])('an %s closes its descriptor and warns once (%s)', (name, make) => {
    const child = run(lose(make), '--expose-gc', '--no-warnings');
    expect(child).toMatchObject({ status: 0, stderr: '' });
    const { closed, fd, warnings } = JSON.parse(child.stdout);
    expect(closed).toBe(true);
    const about = warnings.filter(([, message]: string[]) => message?.includes(`descriptor ${fd})`));
    expect(about).toHaveLength(1);
    expect(about[0][0]).toBe('ResourceWarning');
    expect(about[0][1]).toContain(name);
  });

  it("what has been closed before says nothing, and closes nobody else's descriptor", () => {
    const child = run(
      `import { Epoll, Socket } from 'fdmux';
       import * as sys from 'fdmux/sys';
       const warnings = [];
       process.on('warning', (warning) => warnings.push(warning.message));
       const fds = [];
       for (let i = 0; i < 100; i++) {
         const objects = [new Epoll(), new Socket()];
         for (const object of objects) object.close();
         fds.push(sys.fcntl(0, sys.F_DUPFD_CLOEXEC, 0));
       }
       for (let i = 0; i < 20; i++) {
         globalThis.gc();
         await new Promise(setImmediate);
       }
       const open = fds.every((fd) => sys.fcntl(fd, sys.F_GETFD) >= 0);
       console.log(JSON.stringify({ open, warnings }));`,
      '--expose-gc',
      '--no-warnings',
    );
    expect(child).toMatchObject({ status: 0, stderr: '' });
    expect(JSON.parse(child.stdout)).toEqual({ open: true, warnings: [] });
  });

  it('one that is still in use is not', () => {
    const child = run(
      `import { Epoll } from 'fdmux';
       const epoll = new Epoll();
       for (let i = 0; i < 20; i++) {
         globalThis.gc();
         await new Promise(setImmediate);
       }
       epoll.poll(0);
       console.log(epoll.closed);`,
      '--expose-gc',
    );
    expect(child).toMatchObject({ status: 0, stdout: 'false\n', stderr: '' });
  });
});

it('is closed even when the kernel has an error to report', () => {
  // In a process of its own: the number is free for anybody between the two closes.
  const child = run(
    `import { Epoll } from 'fdmux';
     import * as sys from 'fdmux/sys';
     const epoll = new Epoll();
     sys.close(epoll.fd);
     const codes = [];
     for (let i = 0; i < 2; i++) {
       try {
         epoll.close();
       } catch ({ code, syscall }) {
         codes.push(code, syscall);
       }
     }
     console.log(JSON.stringify([...codes, epoll.closed]));`,
  );
  expect(child).toMatchObject({ status: 0, stdout: '["EBADF","close",true]\n', stderr: '' });
});
