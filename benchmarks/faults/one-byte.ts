/** Clients that speak one byte a second to `web`, while others are served. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { start } from '../measure/children.js';
import type { Context, Fault, Tally } from './fault.js';
import { generator, type Subject } from './subject.js';
import { serving } from './targets.js';
import { trial } from './trial.js';

const SLOW = 100;
const BUSY = 20;
const SECONDS = { full: 12, short: 3.5 };
/** How long a request may take: shorter than the trial, so that it is seen to end. In seconds. */
const HEADER_TIMEOUT = { full: 5, short: 2 };
/** How long the last of the slow ones may be waited for beyond, in milliseconds. */
const PATIENCE = 10_000;
const BODY = 50_000;

/** What c/http-load.c prints. */
interface HttpResult {
  readonly requests: number;
  readonly wrong: number;
  readonly failures: number;
  readonly why: string;
}

function makeSite({ folder }: Context): { root: string; page: string } {
  const root = join(folder, 'site');
  mkdirSync(root, { recursive: true });
  const parts = Array.from({ length: BODY / 32 }, (_, i) => createHash('sha256').update(String(i)).digest());
  const page = join(root, 'page.html');
  writeFileSync(page, Buffer.concat(parts));
  return { root, page };
}

async function browse(subject: Subject, page: string, connections: number, seconds: number): Promise<HttpResult> {
  const options = { path: '/page.html', body: page, connections, seconds, warmup: 0, pid: subject.pid };
  const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const client = start(generator('http-load'), [subject.host, String(subject.port), ...words]);
  try {
    return JSON.parse(await client.line(seconds * 1000 + 2 * PATIENCE)) as HttpResult;
  } finally {
    await client.end();
  }
}

/** A request that never comes to its end. @returns what it was told, once the server has ended it */
function dawdle({ host, port }: Subject, sockets: Set<Socket>): Promise<string> {
  const request = `GET /page.html HTTP/1.1\r\nHost: ${'x'.repeat(10_000)}`;
  return new Promise((resolve) => {
    const socket = connect(port, host);
    sockets.add(socket);
    let sent = 0;
    let told = '';
    const timer = setInterval(() => socket.write(request.charAt(sent++)), 1000);
    socket.on('data', (text) => {
      told += text.toString('latin1');
    });
    socket.on('error', () => {});
    socket.on('end', () => socket.end());
    socket.on('close', () => {
      clearInterval(timer);
      resolve(told);
    });
  });
}

async function act(subject: Subject, page: string, seconds: number): Promise<Tally> {
  const sockets = new Set<Socket>();
  const slow = Promise.all(Array.from({ length: SLOW }, () => dawdle(subject, sockets)));
  try {
    const { requests, wrong, failures, why } = await browse(subject, page, BUSY, seconds);
    const patience = setTimeout(() => {
      for (const socket of sockets) socket.destroy();
    }, PATIENCE);
    const told = await slow;
    clearTimeout(patience);
    const dismissed = told.filter((text) => text.startsWith('HTTP/1.1 408 ')).length;
    const problems = why === '' ? [] : [why];
    if (dismissed < SLOW) problems.push(`${SLOW - dismissed} slow clients were not told 408`);
    return {
      ...{ connections: SLOW + BUSY, broken: dismissed, connectionsLost: failures },
      ...{ bytesChecked: requests * BODY, bytesLost: wrong * BODY },
      ...{ evidence: `${dismissed} of ${SLOW} slow ones told 408`, problems },
    };
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

export const oneByte: Fault = {
  name: 'one-byte',
  summary: `${SLOW} clients speak one byte a second to web; ${BUSY} others must get their pages, the slow ones are told 408`,
  targets: () => [
    serving('web edge', 'web', '--quiet', '--trigger', 'edge'),
    serving('web level', 'web', '--quiet', '--trigger', 'level'),
  ],
  async run(target, context) {
    const { root, page } = makeSite(context);
    const form = context.short ? 'short' : 'full';
    const options = {
      args: ['--root', root, '--header-timeout', String(HEADER_TIMEOUT[form])],
      warm: async (subject: Subject) => void (await browse(subject, page, BUSY, 0.4)),
      async probe(subject: Subject) {
        const { wrong, failures, requests, why } = await browse(subject, page, 1, 0.1);
        if (wrong + failures > 0 || requests === 0) throw new Error(`it does not answer: ${why}`);
      },
    };
    return [await trial(this, target, context, options, (subject) => act(subject, page, SECONDS[form]))];
  },
};
