/** A site for `web`, and clients that check every byte of it. */
import { createHash } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { start } from '../measure/children.js';
import type { Context, Target } from './fault.js';
import { generator, type Subject } from './subject.js';
import { serving } from './targets.js';
import type { TrialOptions } from './trial.js';

/** How long the clients may take beyond what they are told, in milliseconds. */
const PATIENCE = 20_000;
/** Of the page, in bytes. */
export const BODY = 50_016;
const WARMTH = 0.4;

/** What c/http-load.c prints. */
export interface HttpResult {
  readonly requests: number;
  readonly wrong: number;
  readonly failures: number;
  /** The first thing that was wrong. */
  readonly why: string;
}

export const webServers: readonly Target[] = ['edge', 'level'].map((trigger) =>
  serving(`web ${trigger}`, 'web', '--quiet', '--trigger', trigger),
);

export interface Site {
  readonly root: string;
  readonly page: string;
}

/** Makes, for each trial, one page of bytes that are like no other's. */
export function makeSite({ folder }: Context): Site {
  const root = mkdtempSync(join(folder, 'site-'));
  const page = join(root, 'page.html');
  const parts = Array.from({ length: BODY / 32 }, (_, i) => createHash('sha256').update(String(i)).digest());
  writeFileSync(page, Buffer.concat(parts));
  return { root, page };
}

/** So many clients ask for the page, again and again, for some seconds. */
export async function browse(
  subject: Subject,
  page: string,
  connections: number,
  seconds: number,
): Promise<HttpResult> {
  const options = { path: '/page.html', body: page, connections, seconds, warmup: 0, pid: subject.pid };
  const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const client = start(generator('http-load'), [subject.host, String(subject.port), ...words]);
  try {
    return JSON.parse(await client.line(seconds * 1000 + PATIENCE)) as HttpResult;
  } finally {
    await client.end();
  }
}

/** How a trial starts `web`, warms it up, and sees that it answers. */
export function webTrial({ root, page }: Site, ...args: readonly string[]): TrialOptions {
  return {
    args: ['--root', root, ...args],
    warm: async (subject) => void (await browse(subject, page, 20, WARMTH)),
    async probe(subject) {
      const { wrong, failures, requests, why } = await browse(subject, page, 1, 0.1);
      if (wrong + failures > 0 || requests === 0) throw new Error(`it does not answer: ${why}`);
    },
  };
}
