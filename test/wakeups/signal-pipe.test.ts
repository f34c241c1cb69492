import { expect, it } from 'vitest';
import { run } from '../support/objects.js';

/** What /proc says about a signal, and a thread that holds it. */
const head = `
  import { readFileSync } from 'node:fs';
  import { once } from 'node:events';
  import { Worker } from 'node:worker_threads';
  import { select, SignalPipe } from 'fdmux';
  const state = (number) => {
    const bit = (name) => Number(BigInt('0x' + /^NAME:\\s*(\\w+)/m.exec('') ?? 0n));
    const status = readFileSync('/proc/self/status', 'utf8');
    const has = (name) => (BigInt('0x' + new RegExp('^' + name + ':\\\\s*(\\\\w+)', 'm').exec(status)[1]) >> BigInt(number - 1)) & 1n;
    return has('SigIgn') ? 'ignored' : has('SigCgt') ? 'caught' : 'default';
  };
  const hold = (signal) => new Worker(
    "const { parentPort } = require('node:worker_threads');" +
    "import('fdmux').then(({ SignalPipe, select }) => {" +
    "  const pipe = new SignalPipe([" + JSON.stringify(signal) + "]);" +
    "  parentPort.postMessage('open');" +
    "  select([pipe], [], []);" +
    "  parentPort.postMessage(pipe.read());" +
    "  parentPort.once('message', () => { pipe.close(); parentPort.close(); });" +
    "});", { eval: true, execArgv: [] });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
`;

function says(source: string, expected: unknown): void {
  const { stdout, stderr, status } = run(head + source);
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toEqual(expected);
  expect(status).toBe(0);
}

it('tells a thread that is blocked', () => {
  says(
    `const pipe = new SignalPipe(['SIGINT', 'SIGTERM']);
     process.kill(process.pid, 'SIGTERM');
     process.kill(process.pid, 'SIGINT');
     select([pipe], [], []);
     console.log(JSON.stringify(pipe.read()));`,
    ['SIGTERM', 'SIGINT'],
  );
});

it('restores what there was before: the default, or to be ignored', () => {
  says(
    `const states = [state(12)];
     const pipe = new SignalPipe(['SIGUSR2', 'SIGWINCH']);
     states.push(state(12), state(28));
     pipe.close();
     states.push(state(12), state(28));
     console.log(JSON.stringify(states));`,
    ['default', 'caught', 'caught', 'default', 'default'],
  );
  // Node.js ignores SIGPIPE from the beginning, and no other.
  says(
    `const states = [state(13)];
     const pipe = new SignalPipe(['SIGPIPE']);
     states.push(state(13));
     pipe.close();
     states.push(state(13));
     console.log(JSON.stringify(states));`,
    ['ignored', 'caught', 'ignored'],
  );
});

it('lives with process.on, whichever comes first and whichever goes first', () => {
  says(
    `const seen = [];
     const listener = () => seen.push('listener');
     for (const order of ['listener first', 'pipe first']) {
       for (const leaver of ['listener leaves', 'pipe leaves']) {
         let pipe;
         if (order === 'listener first') process.on('SIGUSR2', listener);
         pipe = new SignalPipe(['SIGUSR2']);
         if (order === 'pipe first') process.on('SIGUSR2', listener);
         process.kill(process.pid, 'SIGUSR2');
         select([pipe], [], []);
         seen.push(...pipe.read());
         await turn(); await turn();
         if (leaver === 'pipe leaves') {
           pipe.close();
           process.kill(process.pid, 'SIGUSR2');
           await turn(); await turn();
           process.off('SIGUSR2', listener);
         } else {
           process.off('SIGUSR2', listener);
           process.kill(process.pid, 'SIGUSR2');
           select([pipe], [], []);
           seen.push(...pipe.read());
           pipe.close();
         }
         seen.push(state(12));
       }
     }
     console.log(JSON.stringify(seen), '');`,
    [
      ['SIGUSR2', 'listener', 'SIGUSR2', 'default'],
      ['SIGUSR2', 'listener', 'listener', 'default'],
      ['SIGUSR2', 'listener', 'SIGUSR2', 'default'],
      ['SIGUSR2', 'listener', 'listener', 'default'],
    ].flat(),
  );
});

it('tells several of one signal, in several threads, and outlives the first to leave', () => {
  says(
    `const first = new SignalPipe(['SIGUSR2']);
     const second = new SignalPipe(['SIGUSR2']);
     const worker = hold('SIGUSR2');
     await once(worker, 'message');
     first.close();
     process.kill(process.pid, 'SIGUSR2');
     select([second], [], []);
     const told = [second.read(), (await once(worker, 'message'))[0]];
     second.close();
     told.push(state(12));
     worker.postMessage('close');
     await once(worker, 'exit');
     told.push(state(12));
     console.log(JSON.stringify(told));`,
    [['SIGUSR2'], ['SIGUSR2'], 'caught', 'default'],
  );
});

it('of a worker that is terminated gives the signal back, and writes into nobody’s descriptor', () => {
  says(
    `const worker = hold('SIGUSR2');
     await once(worker, 'message');
     const before = state(12);
     await worker.terminate();
     console.log(JSON.stringify([before, state(12)]));`,
    ['caught', 'default'],
  );
});

it('refuses what is no signal, and leaves nothing behind', () => {
  says(
    `const codes = [['SIGKILL'], ['SIGUSR2', 'SIGSEGV'], ['SIGNONE'], 'SIGINT'].map((signals) => {
       try { new SignalPipe(signals); } catch (error) { return error.code; }
     });
     console.log(JSON.stringify([...codes, state(12)]));`,
    ['EINVAL', 'EINVAL', 'ERR_INVALID_ARG_TYPE', 'ERR_INVALID_ARG_TYPE', 'default'],
  );
});
