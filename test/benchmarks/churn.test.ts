import { expect, it, onTestFinished } from 'vitest';
import { describeMachine } from '../../benchmarks/measure/machine.js';
import { C, NODE_NET, OWN, PYTHON } from '../../benchmarks/rivals/echo-servers.js';
import { churn, churnOnce } from '../../benchmarks/workloads/churn.js';
import { contestant, faulty } from './support/servers.js';

it.each([...OWN, ...Object.values(C), NODE_NET, PYTHON])(
  '%s answers each that comes, and leaves nothing open',
  async (name) => {
    const server = await contestant(name);
    const result = await churnOnce(server, 0.5, 0.05);
    expect(result).toMatchObject({ bytesLost: 0, bytesWrong: 0, connectionFailures: 0, leftOpen: 0 });
    expect(result.measured).toBeGreaterThan(0);
    expect(result.exchanged).toBeGreaterThanOrEqual(result.measured);
  },
);

it.each([
  ['a wrong byte', 'if (state.count === 30) bytes[10] ^= 1; socket.write(bytes);', /faulty: 1 bytes wrong$/],
  ['a byte too few', 'if (state.count === 30) socket.end(bytes.subarray(1)); else socket.write(bytes);', /bytes lost/],
  ['a byte too many', "socket.write(state.count === 30 ? bytes + '!' : bytes);", /bytes wrong/],
  ['a connection that is not closed', 'if (state.count === 30) state.keeps = true; socket.write(bytes);', /left open/],
])('fails for %s', async (_, answer, message) => {
  await expect(churnOnce(await faulty(answer), 0.2, 0)).rejects.toThrow(message);
});

it('measures its cells, with the calls that a connection takes', async () => {
  const contest = await churn.open({ quick: true, machine: describeMachine(), cpus: null, threads: 11 });
  onTestFinished(() => contest.close());
  const cell = contest.cells.find(({ contestant: who }) => who === C.level);
  const sample = await cell?.measure();
  for (const name of Object.keys(sample?.metrics ?? {})) expect(churn.metrics.map((one) => one.name)).toContain(name);
  // One ADD for each; closing takes a descriptor out by itself.
  expect(sample?.metrics.controls).toBeGreaterThan(0.95);
  expect(sample?.metrics.controls).toBeLessThan(1.05);
  // accept4, setsockopt, epoll_ctl, recv, send, recv, close, and a part of a wait.
  expect(sample?.metrics.calls).toBeGreaterThan(7);
});
