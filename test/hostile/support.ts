// Runs what is rough with the package in a process of its own, and tells its crash or its hang with what it was doing.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { root, start } from '../support/processes.js';

/** No call takes so long, not even on a busy machine under a sanitizer. */
const HANGS_AFTER_MS = 20_000;

export interface Report {
  wrong: string[];
  [counted: string]: unknown;
}

/** What `npm run fuzz` asks for; else a short run, with other values each time, except where a run is to say what a change did. */
const wanted = {
  seed: Number(process.env.FDMUX_FUZZ_SEED ?? (process.env.CI ? 1 : Math.floor(Math.random() * 2 ** 31))),
  ...(process.env.FDMUX_FUZZ_SECONDS ? { seconds: Number(process.env.FDMUX_FUZZ_SECONDS) } : {}),
  ...(process.env.FDMUX_FUZZ_ONLY ? { only: process.env.FDMUX_FUZZ_ONLY } : {}),
  ...(process.env.FDMUX_FUZZ_PATH ? { path: process.env.FDMUX_FUZZ_PATH } : {}),
};

/** For the test's own time limit. */
export const LIMIT_MS = 120_000 + 1500 * (wanted.seconds ?? 0);

async function run(part: string, asked: object, progress: string) {
  const child = start(process.execPath, [
    `${root}/test/support/fuzz/${part}.mjs`,
    JSON.stringify({ ...asked, progress }),
  ]);
  const told = () => readFileSync(progress, 'utf8').trim();
  let before = '';
  let since = performance.now();
  const watchdog = setInterval(() => {
    const now = told();
    if (now !== before) since = performance.now();
    before = now;
    if (performance.now() - since > HANGS_AFTER_MS) child.process.kill('SIGKILL');
  }, 1000);
  const ended = await child.ended;
  clearInterval(watchdog);
  return { ...ended, told: told() };
}

/** @throws Error when the process crashed or had to be ended: with the seed, and the call if it does so again */
export async function fuzz(part: string): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), 'fdmux-progress-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const progress = join(folder, 'progress');
  // Looked at before the process, which may be slow to start, has opened it.
  writeFileSync(progress, '');
  const ended = await run(part, wanted, progress);
  const { code, signal, stdout, stderr, told } = ended;
  if (code === 0 && stdout !== '') return JSON.parse(stdout);
  const seed = Number(/ seed (\d+) run /.exec(told)?.[1] ?? wanted.seed);
  const again = await run(part, { ...wanted, seed, seconds: undefined, say: true }, progress);
  throw new Error(
    `ended with code ${code}, signal ${signal} (SIGKILL: it hung), at ${told}; run again at ${again.told}\n${stderr}`,
  );
}
