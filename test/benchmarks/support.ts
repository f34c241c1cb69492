/** Runs `fdmux bench`, compiled, as its users do. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, onTestFinished } from 'vitest';
import type { BenchResult, WorkloadResult } from '../../benchmarks/workload.js';

export const root: string = fileURLToPath(new URL('../..', import.meta.url));
export const command: string = join(root, 'dist/src/cli/main.js');

const schema = JSON.parse(readFileSync(join(root, 'benchmarks/result.schema.json'), 'utf8')) as object;
const validate = new Ajv2020({ allErrors: true, allowUnionTypes: true }).compile(schema);

/** What the published schema has against a result. */
export function complaints(result: unknown): string[] {
  return validate(result) ? [] : (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message}`);
}

export interface Run {
  code: number;
  stdout: string;
  stderr: string;
}

/** `fdmux bench …`, to its end. */
export function bench(...args: string[]): Promise<Run> {
  return new Promise((resolve) => {
    execFile(process.execPath, [command, 'bench', ...args], { maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr });
    });
  });
}

/** A folder for the files of one test. */
export function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'fdmux-bench-'));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}

/** Measures one workload as coarsely as it can be. What comes follows the schema. */
export async function measured(
  name: string,
  runs = 1,
): Promise<Run & { result: BenchResult; workload: WorkloadResult }> {
  const file = join(folder(), 'result.json');
  const run = await bench(name, '--quick', '--runs', String(runs), '--json', file);
  const result = JSON.parse(readFileSync(file, 'utf8')) as BenchResult;
  expect(complaints(result)).toEqual([]);
  return { ...run, result, workload: result.workloads[0] as WorkloadResult };
}
