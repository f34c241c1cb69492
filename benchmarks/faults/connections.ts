/** 10,000 connections that all talk for a minute, on the servers that can hold them. */
import { start } from '../measure/children.js';
import { raiseOpenFiles } from '../measure/machine.js';
import type { LoadResult } from '../workloads/load.js';
import type { Context, Fault, Row, Tally, Target } from './fault.js';
import { generator, type Subject } from './subject.js';
import { edge, level, poll } from './targets.js';
import { trial } from './trial.js';

const CONNECTIONS = 10_000;
const BYTES = 256;
const SECONDS = { full: 60, short: 1.5 };
/** Connecting, and the last answers, in milliseconds. */
const PATIENCE = 90_000;
/** 10,000 objects that say who is there, in bytes. */
const GROWTH = 128 * 1024 * 1024;

/** The clients are one process, the server is another: each needs a descriptor for each connection. */
async function talk(subject: Subject, seconds: number): Promise<Tally> {
  const options = { connections: CONNECTIONS, idle: 0, bytes: BYTES, seconds, warmup: 0, pid: subject.pid };
  const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const client = start(generator('load'), [subject.host, String(subject.port), ...words]);
  try {
    const result = JSON.parse(await client.line(seconds * 1000 + PATIENCE)) as LoadResult;
    return {
      ...{ connections: CONNECTIONS, broken: 0, connectionsLost: result.connectionFailures },
      bytesChecked: result.exchanged * BYTES,
      bytesLost: result.bytesLost + result.bytesWrong,
      evidence: `${Math.round(result.messagesPerSecond)} messages/s`,
      problems: [],
    };
  } finally {
    await client.end();
  }
}

export const connections: Fault = {
  name: 'connections',
  summary:
    'ten thousand connections at once, each sends, hears and sends again; the clients are a process of their own',
  targets: ({ short }) => (short ? [edge, poll] : [edge, level, poll]),
  async run(target: Target, context: Context): Promise<Row[]> {
    raiseOpenFiles();
    const seconds = context.short ? SECONDS.short : SECONDS.full;
    return [await trial(this, target, context, { growth: GROWTH }, (subject) => talk(subject, seconds))];
  },
};
