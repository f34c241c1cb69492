/** The table of what was tried, and what it came to. */
import { table } from '../measure/table.js';
import type { Row, Skip } from './fault.js';

const MIB = 1024 * 1024;

const HEAD = ['fault', 'server', 'connections', 'broken', 'lost', 'bytes checked', 'bytes lost'];
const HEAD_END = ['peak MiB', 'grew MiB', 'left open', 's', 'verdict'];

export function rowsText(rows: readonly Row[]): string {
  const lines = rows.map((row) => [
    row.fault,
    ...[row.server, String(row.connections), String(row.broken), String(row.connectionsLost)],
    ...[String(row.bytesChecked), String(row.bytesLost)],
    ...[(row.peakMemory / MIB).toFixed(0), (row.memoryGrowth / MIB).toFixed(0), String(row.leftOpen)],
    ...[row.seconds.toFixed(1), row.verdict],
  ]);
  return table([...HEAD, ...HEAD_END], lines);
}

export interface Totals {
  readonly trials: number;
  readonly held: number;
  readonly connections: number;
  readonly broken: number;
  readonly connectionsLost: number;
  readonly bytesChecked: number;
  readonly bytesLost: number;
  readonly leftOpen: number;
}

export function totalsOf(rows: readonly Row[]): Totals {
  const sum = (value: (row: Row) => number): number => rows.reduce((total, row) => total + value(row), 0);
  return {
    trials: rows.length,
    held: rows.filter(({ verdict }) => verdict === 'held').length,
    connections: sum((row) => row.connections),
    broken: sum((row) => row.broken),
    connectionsLost: sum((row) => row.connectionsLost),
    bytesChecked: sum((row) => row.bytesChecked),
    bytesLost: sum((row) => row.bytesLost),
    leftOpen: sum((row) => row.leftOpen),
  };
}

function totalsText(totals: Totals): string {
  return (
    `${totals.trials} trials, ${totals.held} held. ${totals.connections} connections, of which the faults broke ` +
    `${totals.broken}; lost beyond those: ${totals.connectionsLost}. ${totals.bytesChecked} bytes checked, ` +
    `${totals.bytesLost} lost. Descriptors left open: ${totals.leftOpen}.`
  );
}

/** All that there is to be said at the end. */
export function reportText(rows: readonly Row[], skips: readonly Skip[]): string {
  const problems = rows.flatMap(({ fault, server, problems: all }) =>
    all.map((problem) => `FAILED: ${fault}, ${server}: ${problem}`),
  );
  const evidence = rows.map(({ fault, server, evidence: what }) => `  ${fault}, ${server}: ${what}`);
  return [
    rowsText(rows),
    '',
    'What was done:',
    ...evidence,
    '',
    ...problems,
    ...skips.map(({ fault, reason }) => `SKIPPED: ${fault}: ${reason}`),
    totalsText(totalsOf(rows)),
  ].join('\n');
}
