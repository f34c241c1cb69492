/** Servers for the benchmarks' own tests: good ones, and ones with a fault that has to be noticed. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { isMissing } from '../../../benchmarks/measure/places.js';
import { echoServers } from '../../../benchmarks/rivals/echo-servers.js';
import type { Figure, Flag, Params, Row } from '../../../benchmarks/workload.js';
import { Server } from '../../../benchmarks/workloads/load.js';

/**
 * Starts an echo server that does as it likes.
 * @param answer what it does with `bytes` that came over `socket`; `state` is the server's, `socket.count` the connection's
 */
export async function faulty(answer: string): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), 'fdmux-faulty-'));
  const file = join(folder, 'server.mjs');
  writeFileSync(
    file,
    `import { createServer } from 'node:net';
     const state = { count: 0, sockets: [] };
     const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
       state.sockets.push(socket);
       socket.on('error', () => {});
       socket.on('end', () => { if (!state.keeps) socket.end(); });
       socket.on('data', (bytes) => { state.count++; ${answer} });
     });
     server.listen(0, '127.0.0.1', () => console.log('listening on 127.0.0.1:' + server.address().port));`,
  );
  const server = await Server.start('faulty', [process.execPath, file]);
  onTestFinished(async () => {
    await server.end();
    rmSync(folder, { recursive: true });
  });
  return server;
}

/** Starts one of the contestants. */
export async function contestant(name: string): Promise<Server> {
  const command = echoServers(10).find((server) => server.name === name)?.command;
  if (command === undefined || isMissing(command)) throw new Error(`${name}: ${command?.missing ?? 'unknown'}`);
  const server = await Server.start(name, command);
  onTestFinished(() => server.end());
  return server;
}

/** A row that never was measured. */
export function row(
  contestant: string,
  params: Params,
  metrics: Record<string, number>,
  ratios: Record<string, Record<string, number>> = {},
  flags: Flag[] = [],
): Row {
  const spread = (value: number) => ({ median: value, min: value, max: value });
  const figure = (value: number): Figure => ({ ...spread(value), rounds: [value, value] });
  return {
    ...{ contestant, params, flags },
    metrics: Object.fromEntries(Object.entries(metrics).map(([name, value]) => [name, figure(value)])),
    ratios: Object.fromEntries(
      Object.entries(ratios).map(([name, values]) => [
        name,
        Object.fromEntries(Object.entries(values).map(([metric, value]) => [metric, spread(value)])),
      ]),
    ),
  };
}
