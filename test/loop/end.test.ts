import { describe, expect, it } from 'vitest';
import { program } from './support.js';

const watching = `
  const [a, b] = fdmux.socketpair();
  const epoll = new fdmux.Epoll();
  epoll.register(a, fdmux.EPOLLOUT);
`;

describe('the end of the process', () => {
  for (const [when, source] of Object.entries({
    'with a watch open': `${watching} epoll.watch(() => {}); setTimeout(() => process.exit(7), 5);`,
    'in a callback': `${watching} epoll.watch(() => process.exit(7));`,
    'in an uncaughtException handler': `${watching}
      process.on('uncaughtException', () => process.exit(7));
      epoll.watch(() => { throw new Error(); });`,
    'with a ready pending': `${watching} epoll.modify(a, 0); epoll.ready(); setTimeout(() => process.exit(7), 5);`,
    'with an unreferenced watch, by itself': `${watching} epoll.unref(); epoll.watch(() => {}); process.exitCode = 7;`,
    'in an exit handler that watches': `${watching} process.on('exit', () => epoll.watch(() => {})); process.exitCode = 7;`,
  })) {
    it(`comes without a crash ${when}`, async () => {
      const { code, signal, err } = await program(source);
      expect({ code, signal, err }).toEqual({ code: 7, signal: null, err: '' });
    });
  }
});

describe('workers', () => {
  const worker = (body: string) =>
    `new Worker(${JSON.stringify(`
    const { parentPort, workerData } = require('node:worker_threads');
    import(workerData.entry).then(async (fdmux) => { ${watching} ${body} });
  `)}, { eval: true, execArgv: [], workerData: { entry } })`;

  it('come and go by the hundred with watches open, and leave no descriptor', async () => {
    const { code, signal, out, err } = await program(`
      const start = () => ${worker(`
        const one = fdmux.watch(a, 'writable', () => {});
        const open = [new fdmux.EventFd(), new fdmux.TimerFd(), new fdmux.Pipe(), new fdmux.SignalPipe(['SIGUSR2'])];
        let calls = 0;
        epoll.watch(() => { if (open && ++calls === 2) parentPort.postMessage('on'); });
      `)};
      const first = start();
      await once(first, 'message');
      await first.terminate();
      const before = readdirSync('/proc/self/fd').length;
      for (let round = 0; round < 25; round++) {
        await Promise.all(Array.from({ length: 8 }, async (_, i) => {
          const w = start();
          if (i % 2) await once(w, 'message');
          await w.terminate();
        }));
      }
      console.log(readdirSync('/proc/self/fd').length - before);`);
    expect({ code, signal, err, out }).toEqual({ code: 0, signal: null, err: '', out: '0\n' });
  }, 120_000);

  it('call back on their own loop, and end by themselves', async () => {
    const { code, out, err } = await program(`
      const w = ${worker(`epoll.watch((events, count) => { epoll.close(); parentPort.postMessage(count); });`)};
      w.on('message', (count) => console.log('count', count));
      await once(w, 'exit');`);
    expect({ code, out, err }).toEqual({ code: 0, out: 'count 1\n', err: '' });
  });

  it('report an exception in a callback as their error', async () => {
    const { out, code } = await program(`
      const w = ${worker(`epoll.watch(() => { throw new Error('in a worker'); });`)};
      const [error] = await once(w, 'error');
      console.log(error.message);`);
    expect({ code, out }).toEqual({ code: 0, out: 'in a worker\n' });
  });

  it('may end themselves in a callback', async () => {
    const { out, code } = await program(`
      const w = ${worker(`epoll.watch(() => process.exit(5));`)};
      console.log(...await once(w, 'exit'));`);
    expect({ code, out }).toEqual({ code: 0, out: '5\n' });
  });

  it('may be terminated while a callback runs for ever', async () => {
    const { out, code } = await program(`
      const w = ${worker(`epoll.watch(() => { parentPort.postMessage('in'); for (;;); });`)};
      await once(w, 'message');
      console.log(await w.terminate());`);
    expect({ code, out }).toEqual({ code: 0, out: '1\n' });
  });

  for (const [name, wait] of Object.entries({
    select: 'fdmux.select([b], [], [])',
    Poll: 'const poll = new fdmux.Poll(); poll.register(b, fdmux.POLLIN); poll.poll()',
    Epoll: 'new fdmux.Epoll().poll()',
  })) {
    it(`do not hold up process.exit() while blocked in ${name}, with a watch open`, async () => {
      const { code, signal, err } = await program(`
        const w = ${worker(`epoll.watch(() => {}); parentPort.postMessage('in'); ${wait};`)};
        await once(w, 'message');
        ${watching}
        epoll.watch(() => process.exit(7));`);
      expect({ code, signal, err }).toEqual({ code: 7, signal: null, err: '' });
    });
  }
});
