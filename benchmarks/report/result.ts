/** A result as a file: `--json` writes it, `--from` and `--compare` read it. */
import { closeSync, existsSync, openSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import type { BenchResult } from '../workload.js';

export const SCHEMA = 'fdmux-bench';
export const VERSION = 1;

/** What is wrong with a file, in one line. */
export class FileError extends Error {}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** @throws FileError when a file could not be written: better now than when everything has been measured */
export function checkWritable(option: string, file: string): void {
  const there = existsSync(file);
  try {
    closeSync(openSync(file, 'a'));
  } catch (error) {
    throw new FileError(`${option}: ${file} cannot be written: ${reason(error)}`);
  }
  if (!there) unlinkSync(file);
}

/** @param text made only when there is a file to write it to @throws FileError */
export function write(file: string | undefined, text: () => string): void {
  if (file === undefined) return;
  const content = text();
  try {
    writeFileSync(file, content);
  } catch (error) {
    throw new FileError(`${file} cannot be written: ${reason(error)}`);
  }
}

type Json = Record<string, unknown>;

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSpread(value: unknown): boolean {
  return isObject(value) && ['median', 'min', 'max'].every((name) => typeof value[name] === 'number');
}

function every(value: unknown, holds: (one: unknown) => boolean): boolean {
  return Array.isArray(value) ? value.every(holds) : isObject(value) && Object.values(value).every(holds);
}

function isRow(value: unknown): boolean {
  if (!isObject(value) || typeof value.contestant !== 'string' || !isObject(value.params)) return false;
  const figures = every(value.metrics, (one) => isSpread(one) && Array.isArray((one as Json).rounds));
  return figures && every(value.ratios, (one) => every(one, isSpread)) && Array.isArray(value.flags);
}

function isWorkload(value: unknown): boolean {
  if (!isObject(value) || typeof value.name !== 'string' || typeof value.title !== 'string') return false;
  const lists = ['params', 'metrics', 'baselines', 'charts', 'notes', 'failures', 'targets', 'claims'];
  return lists.every((name) => Array.isArray(value[name])) && isObject(value.missing) && every(value.rows, isRow);
}

/** @throws FileError when it is not there, no result, or of another version */
export function readResult(file: string): BenchResult {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const what = error instanceof SyntaxError ? 'is no JSON' : 'cannot be read';
    throw new FileError(`${file} ${what}: ${reason(error)}`);
  }
  if (!isObject(value) || value.schema !== SCHEMA) {
    throw new FileError(`${file} is no result of fdmux bench: its schema is not '${SCHEMA}'`);
  }
  if (value.version !== VERSION) {
    throw new FileError(`${file} has version ${JSON.stringify(value.version)} of the schema, not ${VERSION}`);
  }
  const whole = ['machine', 'rivals', 'missing', 'options'].every((name) => isObject((value as Json)[name]));
  if (!whole || !Array.isArray(value.workloads) || !value.workloads.every(isWorkload)) {
    throw new FileError(`${file} is damaged: it does not follow the schema`);
  }
  return value as unknown as BenchResult;
}
