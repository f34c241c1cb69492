/** `npm run bench:echo`: fdmux's echo servers beside C, node:net and Python, under one load generator. */
import { writeFileSync } from 'node:fs';
import { canPin } from './measure/children.js';
import { allowedCpus, describeMachine, type Machine, machineLine, threads } from './measure/machine.js';
import { countOption, main, numberOption, parseOptions, UsageError } from './measure/options.js';
import { cProgram, isMissing } from './measure/places.js';
import { table } from './measure/table.js';
import { atLeast, atMost, type Target, targetLines } from './measure/targets.js';
import { C_SERVER, type EchoServer, echoServers, NODE_NET } from './rivals/echo-servers.js';
import {
  type Cpus,
  type EchoFigures,
  type EchoLoad,
  type EchoResult,
  leastDisturbed,
  measureEcho,
  NotStarted,
  summariseEcho,
} from './workloads/echo.js';

const USAGE = `usage: npm run bench:echo -- [options]
  --connections N        connections that talk (50)
  --idle N               connections that are silent (0)
  --bytes N              bytes of a message (64)
  --seconds N            how long each server is measured in a round (1.5)
  --warmup N             how long it is warmed up before, in seconds (0.5)
  --rounds N             rounds (5)
  --only NAME,NAME       only these servers
  --server NAME=COMMAND  one more server; it prints 'listening on 127.0.0.1:PORT'. May be given again
  --json FILE            write the results there`;

const RATE_LIMIT = 0.95;
const CPU_LIMIT = 1.15;
const NODE_NET_LIMIT = 1.5;

/** What --json writes. */
export interface EchoReport {
  machine: Machine;
  /** The CPU of the server and of the generator, or `null` where there are not two, or processes cannot be pinned. */
  cpus: Cpus | null;
  /** How many threads the C servers have. */
  threads: number;
  load: EchoLoad;
  rounds: number;
  servers: EchoFigures[];
  /** Who could not take part, and why. */
  missing: Record<string, string>;
  targets: Target[];
}

function chooseCpus(): Cpus | null {
  const [server, generator] = allowedCpus().reverse();
  return server === undefined || generator === undefined || !canPin() ? null : { server, generator };
}

function given(text: string): EchoServer {
  const [, name, command] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (name === undefined || command === undefined) throw new UsageError(`--server takes NAME=COMMAND, not '${text}'`);
  return { name, trigger: 'level', own: false, command: command.split(' ') as [string, ...string[]] };
}

function chooseServers(known: readonly EchoServer[], only: string | undefined): EchoServer[] {
  if (only === undefined) return [...known];
  return only.split(',').map((name) => {
    const server = known.find((one) => one.name === name);
    if (server) return server;
    throw new UsageError(`there is no '${name}' among ${known.map((one) => one.name).join(', ')}`);
  });
}

/** The first round says who is missing; from then on everybody else must be there. */
async function play(
  servers: readonly EchoServer[],
  rounds: number,
  measure: (command: readonly [string, ...string[]]) => Promise<EchoResult>,
): Promise<{ played: Map<string, EchoResult[]>; missing: Record<string, string> }> {
  const played = new Map<string, EchoResult[]>();
  const missing: Record<string, string> = {};
  for (let round = 0; round < rounds; round++) {
    const first = round % servers.length;
    for (const { name, command } of [...servers.slice(first), ...servers.slice(0, first)]) {
      if (name in missing) continue;
      if (isMissing(command)) {
        missing[name] = command.missing;
        continue;
      }
      try {
        played.set(name, [...(played.get(name) ?? []), await measure(command)]);
      } catch (error) {
        if (!(error instanceof NotStarted) || played.has(name)) throw error;
        missing[name] = error.message;
      }
    }
    if (process.stderr.isTTY) process.stderr.write(`round ${round + 1} of ${rounds}\n`);
  }
  return { played, missing };
}

function judge(servers: readonly EchoServer[], figures: readonly EchoFigures[]): Target[] {
  const disturbed = (name: string): boolean => figures.find(({ server }) => server === name)?.disturbed ?? false;
  return servers
    .filter(({ own }) => own)
    .flatMap(({ name, trigger }) => {
      const { toC, toNodeNet } = figures.find(({ server }) => server === name) ?? {};
      const against = (baseline: string, targets: readonly Target[]): Target[] =>
        disturbed(name) || disturbed(baseline) ? targets.map((target) => ({ ...target, met: null })) : [...targets];
      const c = toC && [
        atLeast(`${name}, messages/s`, RATE_LIMIT, 'C', toC.messagesPerSecond.median),
        atMost(`${name}, CPU a message`, CPU_LIMIT, 'C', toC.cpuPerMessage.median),
      ];
      const nodeNet = toNodeNet && [atLeast(`${name}, messages/s`, NODE_NET_LIMIT, NODE_NET, toNodeNet.median)];
      return [...against(C_SERVER[trigger], c ?? []), ...against(NODE_NET, nodeNet ?? [])];
    });
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}

function print({ servers, missing, targets }: EchoReport): void {
  const head = [
    '',
    'messages/s',
    'min–max',
    '× C',
    'CPU µs',
    '× C',
    '× node:net',
    'median µs',
    'p99 µs',
    'server',
    'generator',
    'waited',
  ];
  const rows = servers.map((figures) => {
    const { messagesPerSecond: rate, cpuPerMessage, latencyMicroseconds: latency, toC, toNodeNet } = figures;
    return [
      figures.server,
      rate.median.toFixed(0),
      `${rate.min.toFixed(0)}–${rate.max.toFixed(0)}`,
      toC?.messagesPerSecond.median.toFixed(2) ?? '–',
      cpuPerMessage.median.toFixed(2),
      toC?.cpuPerMessage.median.toFixed(2) ?? '–',
      toNodeNet?.median.toFixed(2) ?? '–',
      latency.median.toFixed(0),
      latency.p99.toFixed(0),
      percent(figures.serverCpuShare),
      `${percent(figures.generatorCpuShare)}${figures.generatorBound ? ' !' : '  '}`,
      `${percent(figures.waitShare)}${figures.disturbed ? ' ~' : '  '}`,
    ];
  });
  console.log(table(head, rows));
  for (const [name, reason] of Object.entries(missing)) console.log(`${name}: skipped: ${reason}`);
  for (const { server, ...counts } of servers) {
    const { bytesLost, bytesWrong, connectionFailures, idleClosed } = counts;
    if (bytesLost + bytesWrong > 0) console.log(`${server}: ${bytesLost} bytes lost, ${bytesWrong} bytes wrong`);
    if (connectionFailures > 0) console.log(`${server}: ${connectionFailures} connections failed`);
    if (idleClosed > 0) console.log(`${server}: ${idleClosed} silent connections closed by the server`);
  }
  console.log(
    '\nCPU µs: of the server, a message. server, generator: the part of the time they ran; waited: for a CPU.',
  );
  if (servers.some(({ generatorBound }) => generatorBound)) {
    console.log(
      '!: the generator had no time left, so messages/s is not the limit of the server alone; CPU µs is its own.',
    );
  }
  if (servers.some(({ disturbed }) => disturbed)) {
    console.log('~: the machine was busy with something else, and took the CPU away. Measure again when it is quiet.');
  }
  console.log(
    `× : medians of the ratios within each round, to the C server of the same trigger.\n\n${targetLines(targets)}`,
  );
}

await main(async () => {
  // Asked first: what is done below adds threads.
  const ownThreads = threads('self');
  const options = parseOptions(
    ['connections', 'idle', 'bytes', 'seconds', 'warmup', 'rounds', 'only', 'server', 'json'],
    USAGE,
  );
  const load: EchoLoad = {
    connections: countOption('connections', options.connections, 50, 1),
    idle: countOption('idle', options.idle, 0, 0),
    bytes: countOption('bytes', options.bytes, 64, 1),
    seconds: numberOption('seconds', options.seconds, 1.5, 0.01),
    warmup: numberOption('warmup', options.warmup, 0.5, 0),
  };
  const rounds = countOption('rounds', options.rounds, 5, 1);
  const known = [...echoServers(ownThreads - 1), ...(options.server ?? []).map(given)];
  const servers = chooseServers(known, options.only?.at(-1));
  const generator = cProgram('load');
  if (isMissing(generator)) throw new Error(`The load generator is ${generator.missing}`);

  const machine = describeMachine();
  const cpus = chooseCpus();
  console.log(machineLine(machine));
  console.log(`${load.connections} connections, ${load.idle} silent ones, ${load.bytes} bytes a message`);
  console.log(
    `${rounds} rounds of ${load.seconds} s for each server after ${load.warmup} s of warm-up; C with ${ownThreads} threads`,
  );
  console.log(cpus ? `server on CPU ${cpus.server}, generator on CPU ${cpus.generator}\n` : 'not pinned\n');

  const { played, missing } = await play(servers, rounds, (command) =>
    leastDisturbed(() => measureEcho(command, generator, load, cpus)),
  );
  const figures = servers.flatMap(({ name, trigger }) => {
    const results = played.get(name);
    return results ? [summariseEcho(name, results, played.get(C_SERVER[trigger]), played.get(NODE_NET))] : [];
  });
  const targets = judge(servers, figures);
  const report: EchoReport = { machine, cpus, threads: ownThreads, load, rounds, servers: figures, missing, targets };
  print(report);
  const file = options.json?.at(-1);
  if (file !== undefined) writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  return figures.every(({ bytesLost, bytesWrong }) => bytesLost + bytesWrong === 0);
});
