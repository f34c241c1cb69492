/** What limits poll. */
import { experiment, type Lab } from './harness.js';

export const pollLimit = experiment({
  name: 'poll-limit',
  group: 'documents',
  question: 'How many descriptors does poll take?',
  background: 'The documents: poll has no such limit as the 1024 of select.',
  run,
});

function run({ sys, say, show, expect, needs, quietly, name, pipe }: Lab): string {
  const limit = new Float64Array(2);
  quietly(() => sys.getrlimit(sys.RLIMIT_NOFILE, limit));
  const [soft, hard] = limit as unknown as [number, number];
  needs(soft > 3000, 'it needs a limit of more than 3000 descriptors: ulimit -n 4096');

  say('2000 entries, all of them the same pipe with a byte in it, under a number beyond select.');
  const [reader, writer] = pipe('reader', 'writer');
  const high = name(sys.fcntl(reader, sys.F_DUPFD_CLOEXEC, 2500), 'reader too');
  sys.write(writer, Buffer.from('x'));
  const fds = new sys.PollFds(3000);
  for (let i = 0; i < 2000; i++) fds.set(i, high, sys.POLLIN);
  const told = quietly(() => sys.poll(fds, 2000, 0));
  show(`poll([{fd=${high}, events=POLLIN}, … 2000 of them], 2000, 0) = ${told}`);
  expect('each of the 2000 entries is told', told, 2000);

  say(
    'What does limit it: no more entries than the process may have descriptors. The limit is set to 2600 for a moment.',
  );
  let over: number;
  let under: number;
  try {
    sys.setrlimit(sys.RLIMIT_NOFILE, new Float64Array([2600, hard]));
    over = quietly(() => sys.poll(fds, 2601, 0));
    under = quietly(() => sys.poll(fds, 2600, 0));
  } finally {
    sys.setrlimit(sys.RLIMIT_NOFILE, new Float64Array([soft, hard]));
  }
  expect('2601 entries are refused: EINVAL', over, -sys.EINVAL);
  expect('2600 are not', under, 2000);

  return (
    'As many as the process may have descriptors (RLIMIT_NOFILE). The entries are an array of the caller, as long as ' +
    'needed: no number is too high for it, and no bit can be set beside it.'
  );
}
