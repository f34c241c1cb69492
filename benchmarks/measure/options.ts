/** The options of a benchmark's command line: numbers, and a few names. */
import { parseArgs } from 'node:util';

/** Wrong usage: the message is all that is to be said. */
export class UsageError extends Error {}

/**
 * Reads options that all take a value.
 * @param known their names
 * @param usage shown with --help, and with what is wrong
 */
export function parseOptions<Name extends string>(
  known: readonly Name[],
  usage: string,
): Partial<Record<Name, string[]>> {
  const options = Object.fromEntries(known.map((name) => [name, { type: 'string', multiple: true } as const]));
  try {
    const { values } = parseArgs({ options: { ...options, help: { type: 'boolean' } }, allowPositionals: false });
    if (!('help' in values)) return values as Partial<Record<Name, string[]>>;
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n${usage}`);
  }
  console.log(usage);
  process.exit(0);
}

/** @throws UsageError for what is no number, or below `min` */
export function numberOption(name: string, given: readonly string[] | undefined, preset: number, min: number): number {
  const text = given?.at(-1);
  if (text === undefined) return preset;
  const value = Number(text);
  if (text.trim() !== '' && value >= min && Number.isFinite(value)) return value;
  throw new UsageError(`--${name} takes a number >= ${min}, not '${text}'`);
}

/** @throws UsageError for what is no integer, or below `min` */
export function countOption(name: string, given: readonly string[] | undefined, preset: number, min: number): number {
  const value = numberOption(name, given, preset, min);
  if (Number.isInteger(value)) return value;
  throw new UsageError(`--${name} takes an integer, not '${value}'`);
}

/** Runs a benchmark's command: what goes wrong ends it with a message and a code, not with a stack. */
export async function main(run: () => Promise<boolean>): Promise<void> {
  process.once('SIGINT', () => process.exit(130)).once('SIGTERM', () => process.exit(143));
  try {
    process.exitCode = (await run()) ? 0 : 1;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
}
