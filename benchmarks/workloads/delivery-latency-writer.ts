/** Writes the time into a pipe as often as a line on stdin says, with pauses in which the reader falls asleep. */
import { openSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';

const fd = openSync(process.argv[2] as string, 'w');
const stamp = Buffer.alloc(8);
const nothing = new Int32Array(new SharedArrayBuffer(4));

console.log('ready');
for await (const line of createInterface({ input: process.stdin })) {
  for (let i = 0; i < Number(line); i++) {
    // Uneven, so that nobody's timer beats along.
    Atomics.wait(nothing, 0, 0, 0.5 + Math.random());
    stamp.writeBigInt64LE(process.hrtime.bigint());
    writeSync(fd, stamp);
  }
}
