/** Where the 1024 of select comes from. */
import { readFileSync } from 'node:fs';
import { experiment, type Lab } from './harness.js';

export const selectLimit = experiment({
  name: 'select-limit',
  group: 'documents',
  question: 'Does select stop at 1024, and whose limit is it?',
  background: 'The documents: select takes 1024 descriptors, and a server no more clients.',
  run,
});

function run({ sys, say, show, expect, needs, name, pipe }: Lab): string {
  const HIGH = 1500;
  const limit = new Float64Array(2);
  sys.getrlimit(sys.RLIMIT_NOFILE, limit);
  needs((limit[0] as number) > HIGH, `descriptor ${HIGH} is beyond this shell's limit: ulimit -n 4096`);

  say(`A pipe with a byte in it gets a second number for its reading end, ${HIGH}.`);
  const [reader, writer] = pipe('reader', 'writer');
  const high = name(sys.fcntl(reader, sys.F_DUPFD_CLOEXEC, HIGH), 'reader too');
  sys.write(writer, Buffer.from('x'));

  say(
    `A set of libc's size, FD_SETSIZE = ${sys.FD_SETSIZE}, has no bit for it. C would set one behind the end of the set.`,
  );
  const small = new sys.FdSet();
  let refused = '';
  try {
    small.add(high);
  } catch (error) {
    refused = (error as Error).message;
    show(`RangeError: ${refused}`);
  }
  expect('fdmux refuses to write there', refused !== '');

  say('The kernel is told how many bits there are, in the first argument. Twice the bits in a larger set:');
  const large = new sys.FdSet(2048);
  large.add(high);
  expect('the kernel takes it and finds it readable', sys.select(high + 1, large, null, null, 0), 1);
  expect('the bit of the high number is set', large.has(high));

  say(
    "It looks no further than the process's table of descriptors goes: FDSize in /proc/self/status, which grows as needed.",
  );
  const size = Number(/^FDSize:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
  show(`FDSize: ${size}`);
  const unopened = new sys.FdSet(2 * size).add(high - 1);
  expect('a number that is not open is an error', sys.select(high, unopened, null, null, 0), -sys.EBADF);
  const beyond = new sys.FdSet(2 * size).add(size);
  const told = sys.select(size + 1, beyond, null, null, 0);
  expect('beyond the table it is passed over: without a timeout, this would wait for ever', told, 0);

  return (
    "libc's: an fd_set has 1024 bits, and nothing checks the number that FD_SET is given. The kernel takes as many bits as " +
    'nfds says. What counts is the highest number: a single descriptor 1024 is too many for libc.'
  );
}
