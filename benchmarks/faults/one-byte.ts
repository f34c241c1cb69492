/** Clients that speak one byte a second to `web`, while others are served. */
import { connect, type Socket } from 'node:net';
import type { Fault, Tally } from './fault.js';
import { BODY, browse, makeSite, webServers, webTrial } from './site.js';
import type { Subject } from './subject.js';
import { trial } from './trial.js';

const SLOW = 100;
const BUSY = 20;
const SECONDS = { full: 12, short: 3.5 };
/** How long a request may take: shorter than the trial, so that it is seen to end. In seconds. */
const HEADER_TIMEOUT = { full: 5, short: 2 };
/** How long the last of the slow ones may be waited for beyond, in milliseconds. */
const PATIENCE = 10_000;

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
  targets: () => webServers,
  async run(target, context) {
    const site = makeSite(context);
    const form = context.short ? 'short' : 'full';
    const options = webTrial(site, '--header-timeout', String(HEADER_TIMEOUT[form]));
    return [await trial(this, target, context, options, (subject) => act(subject, site.page, SECONDS[form]))];
  },
};
