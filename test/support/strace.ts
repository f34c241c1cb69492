/** What the real strace writes, made comparable with what fdmux writes. */
import { spawnSync } from 'node:child_process';

// Its coverage has V8 wake threads, by writes that are none of fdmux's.
delete process.env.NODE_V8_COVERAGE;

export const haveStrace = spawnSync('strace', ['-V']).status === 0;

/** What cannot be known without being strace: addresses of memory, and how much of a timeout is left. */
export function comparable(line: string): string {
  return (
    line
      .replace(/0x[0-9a-f]{6,}(?=[,)])/g, '0x...')
      .replace(/,? ?left \{[^}]*\}/g, '')
      // What the kernel tells itself, before a signal's handler runs; the program is told EINTR.
      .replace(/= \? ERESTART(?:_RESTARTBLOCK|NOHAND) .*/, '= -1 EINTR (Interrupted system call)')
      .replace(/ \(\)/g, '')
      .replace(/\) += /, ') = ')
  );
}

/** The lines of one thread in the output of `strace -f -o`, each call whole. */
export function threadLines(output: string, thread: number): string[] {
  const lines: string[] = [];
  let unfinished = '';
  for (const line of output.split('\n')) {
    const [, id, text = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    if (Number(id) !== thread) continue;
    const [, begun] = /^(.*?) <unfinished \.\.\.>$/.exec(text) ?? [];
    const [, rest] = /^<\.\.\. \w+ resumed>(.*)$/.exec(text) ?? [];
    if (begun !== undefined) unfinished = begun;
    else lines.push(rest === undefined ? text : unfinished + rest);
  }
  return lines;
}
