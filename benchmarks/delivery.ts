/** `npm run bench:delivery`: from the kernel to a JavaScript callback on Node.js's event loop, beside npm epoll. */
import { writeFileSync } from 'node:fs';
import { start } from './measure/children.js';
import { describeMachine, type Machine, machineLine } from './measure/machine.js';
import { countOption, main, parseOptions } from './measure/options.js';
import { besides, isMissing } from './measure/places.js';
import type { Spread } from './measure/statistics.js';
import { table } from './measure/table.js';
import { atLeast, atMost, type Target, targetLines } from './measure/targets.js';
import { findEpoll } from './rivals/epoll.js';
import { type Contestant, type DeliveryFigures, playRound, type Round, summarise } from './workloads/delivery.js';
import { type LatencyFigures, measureLatency, NET_SOCKET } from './workloads/latency.js';

const USAGE = `usage: npm run bench:delivery -- [options]
  --rounds N        rounds after a warm-up (9)
  --milliseconds N  how long each contestant is told events in a round, for each number of ready descriptors (150)
  --writes N        writes to each contestant in a round, for the latency (500)
  --json FILE       write the results there`;

const RIVAL = 'npm epoll';
const OWN = ['Epoll.watch', 'watch(fd)', 'for await', 'epoll_wait'] as const;
/** How many times faster than npm epoll, by contestant and number of ready descriptors. */
const LIMITS: readonly [string, number, number][] = [
  ['Epoll.watch', 1, 10],
  ['Epoll.watch', 64, 100],
  ['watch(fd)', 1, 7],
];
/** No worse than, allowing for what two rounds of the same differ by. */
const LATENCY_LIMIT = 1.05;

/** What --json writes. */
export interface DeliveryReport {
  machine: Machine;
  rounds: number;
  milliseconds: number;
  writes: number;
  /** Who could not take part, and why. */
  missing: Record<string, string>;
  delivery: DeliveryFigures[];
  latency: LatencyFigures[];
  targets: Target[];
}

async function gather(missing: Record<string, string>): Promise<Contestant[]> {
  const own = start(process.execPath, [besides(import.meta.url, './workloads/delivery-fdmux.js')]);
  await own.line();
  const contestants: Contestant[] = OWN.map((name) => ({ name, child: own }));
  const rival = findEpoll();
  if (isMissing(rival)) {
    missing[RIVAL] = rival.missing;
    return contestants;
  }
  const child = start(process.execPath, [besides(import.meta.url, './rivals/delivery-epoll.js')]);
  await child.line();
  return [...contestants, { name: RIVAL, child }];
}

function judge(delivery: readonly DeliveryFigures[], latency: readonly LatencyFigures[]): Target[] {
  const targets: Target[] = [];
  for (const [name, ready, limit] of LIMITS) {
    const faster = delivery.find((figures) => figures.ready === ready)?.faster[name];
    if (faster) targets.push(atLeast(`${name}, ${ready} ready, times faster`, limit, RIVAL, faster.median));
  }
  for (const { way, toNetSocket } of latency) {
    if (way === NET_SOCKET) continue;
    targets.push(atMost(`${way}, median latency`, LATENCY_LIMIT, NET_SOCKET, toNetSocket.median));
    targets.push(atMost(`${way}, 99th percentile`, LATENCY_LIMIT, NET_SOCKET, toNetSocket.p99));
  }
  return targets;
}

function figure({ median, min, max }: Spread, unit = 1): string {
  const digits = unit === 1 ? 0 : 1;
  return `${(median / unit).toFixed(digits)} (${(min / unit).toFixed(digits)}–${(max / unit).toFixed(digits)})`;
}

function print({ delivery, latency, missing, targets }: DeliveryReport): void {
  const names = [...OWN, RIVAL];
  const rows = names.map((name) => [
    name,
    ...delivery.flatMap(({ ns, faster }) => [
      ns[name] ? figure(ns[name]) : '–',
      faster[name] ? `${faster[name].median.toFixed(1)} ×` : '–',
    ]),
  ]);
  const head = ['ns an event, median (min–max)', ...delivery.flatMap(({ ready }) => [`${ready} ready`, 'faster'])];
  console.log(table(head, rows));
  for (const [name, reason] of Object.entries(missing)) console.log(`${name}: ${reason}`);
  console.log();
  console.log(
    table(
      ['µs from write to callback', 'median', '99th percentile', 'to net.Socket', 'at 99 %'],
      latency.map(({ way, median, p99, toNetSocket }) => [
        way,
        figure(median, 1000),
        figure(p99, 1000),
        toNetSocket.median.toFixed(2),
        toNetSocket.p99.toFixed(2),
      ]),
    ),
  );
  console.log(
    `\nRatios are medians of the ratios within each round. epoll_wait, in a loop that blocks, is what the kernel alone takes.\n\n${targetLines(targets)}`,
  );
}

await main(async () => {
  const options = parseOptions(['rounds', 'milliseconds', 'writes', 'json'], USAGE);
  const rounds = countOption('rounds', options.rounds, 9, 1);
  const milliseconds = countOption('milliseconds', options.milliseconds, 150, 1);
  const writes = countOption('writes', options.writes, 500, 1);

  const machine = describeMachine();
  console.log(machineLine(machine));
  console.log(`not pinned: npm epoll needs two CPUs; ${rounds} rounds of ${milliseconds} ms, after a warm-up\n`);

  const missing: Record<string, string> = {};
  const contestants = await gather(missing);
  await playRound(contestants, 0, milliseconds);
  const played: Round[] = [];
  for (let round = 0; round < rounds; round++) played.push(await playRound(contestants, round, milliseconds));
  await Promise.all([...new Set(contestants.map(({ child }) => child))].map((child) => child.end()));
  const latency = await measureLatency(rounds, writes);

  const delivery = summarise(
    played,
    contestants.map(({ name }) => name),
    RIVAL,
  );
  const targets = judge(delivery, latency);
  const report: DeliveryReport = { machine, rounds, milliseconds, writes, missing, delivery, latency, targets };
  print(report);
  const file = options.json?.at(-1);
  if (file !== undefined) writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  return true;
});
