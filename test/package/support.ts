// Programs of test/package/consumer, under some runtime.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, inject } from 'vitest';

export const consumer = inject('consumer');
export const entries = inject('entries');

/** A runtime's program. */
export function runtime(path: string): string {
  return join(inject('runtimes'), path);
}

export interface Ended {
  code: number | string | null;
  signal: string | null;
  stderr: string;
  /** What each line names, and what became of it. */
  outcomes: Record<string, string>;
}

/** Runs a program in the folder that has the package, and collects its lines of JSON. */
export function run(command: string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const [file, ...args] = command as [string, ...string[]];
  return new Promise((resolve) => {
    const options = { cwd: consumer, env: { ...process.env, ...env }, timeout: 110_000 };
    execFile(file, args, options, (error, stdout, stderr) => {
      const lines = stdout.split('\n').filter((line) => line.startsWith('['));
      const outcomes = Object.fromEntries(lines.map((line) => JSON.parse(line)));
      resolve({ code: error ? (error.code ?? null) : 0, signal: error?.signal ?? null, stderr, outcomes });
    });
  });
}

/**
 * Every step of exercise.mjs works, or those of the event loop do as told; what else one does stands in the first line of the
 * failure.
 */
export async function expectAll(ended: Ended, loop: unknown = 'works'): Promise<void> {
  const { code, signal, stderr, outcomes } = ended;
  const { steps } = await import(join(consumer, 'exercise.mjs'));
  const wanted = Object.keys(steps).map((name) => [name, name.startsWith('the event loop') ? loop : 'works']);
  const broken = Object.entries(outcomes).filter(([, outcome]) => outcome !== 'works');
  const expected = { code: 0, signal: null, outcomes: Object.fromEntries(wanted) };
  expect({ code, signal, outcomes }, `${JSON.stringify(broken)} ${stderr}`).toEqual(expected);
}

/** qemu's user-mode emulation of an arm64 processor, over Debian's libraries for cross-building. */
export const arm64 = ['qemu-aarch64-static', '-L', '/usr/aarch64-linux-gnu'];

/** What a test lacks that wants a program or a file of the system. */
export function lacks(...paths: string[]): string | undefined {
  return paths.find((path) => !existsSync(path));
}
