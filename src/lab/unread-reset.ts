/** A close that takes back what was sent. */
import { formatResult } from '../trace/format.js';
import { experiment, type Lab } from './harness.js';

export const unreadReset = experiment({
  name: 'unread-reset',
  group: 'traps',
  question: 'When does close send a reset instead of a goodbye?',
  background: 'RFC 2525 §2.17: closing a TCP socket with unread data resets the connection.',
  run,
});

function run({ sys, say, show, expect, quietly, tcp, settled }: Lab): string {
  const buffer = Buffer.alloc(64);
  const chunk = Buffer.alloc(65536);
  /** Sends until the kernel takes no more. */
  const fill = (fd: number): number => {
    let total = 0;
    for (let count = 0; count >= 0; count = sys.send(fd, chunk)) total += count;
    return total;
  };
  /** Reads to the end, or to an error. */
  const drain = (fd: number): { bytes: number; last: number } => {
    for (let bytes = 0; ; ) {
      settled(fd, sys.POLLIN);
      const last = sys.recv(fd, chunk);
      if (last <= 0) return { bytes, last };
      bytes += last;
    }
  };

  say('The server has read everything, answers, and closes.');
  const [polite, guest] = tcp('polite server', 'client 1');
  sys.send(guest, Buffer.from('question'));
  settled(polite, sys.POLLIN);
  sys.recv(polite, buffer);
  sys.send(polite, Buffer.from('answer'));
  sys.close(polite);
  settled(guest, sys.POLLRDHUP);
  expect('the client gets the answer', sys.recv(guest, buffer), 6);
  expect('and the end', sys.recv(guest, buffer), 0);

  say('This one sends a long answer, as much as the kernel takes, and closes with the question unread.');
  const [hasty, victim] = tcp('hasty server', 'client 2');
  sys.send(victim, Buffer.from('question'));
  settled(hasty, sys.POLLIN);
  const sent = quietly(() => fill(hasty));
  show(`${sent} bytes have been taken by send`);
  sys.close(hasty);
  settled(victim, sys.POLLHUP);
  const fds = new sys.PollFds(1);
  fds.set(0, victim, sys.POLLIN);
  sys.poll(fds, 1, 0);
  expect('the client is told of an error and a hang-up', (fds.revents(0) & (sys.POLLERR | sys.POLLHUP)) !== 0);
  const broken = quietly(() => drain(victim));
  show(`${broken.bytes} bytes arrive, then recv returns ${formatResult(broken.last)}`);
  expect('the answer breaks off', broken.bytes < sent);
  expect('with ECONNRESET', broken.last, -sys.ECONNRESET);
  expect('which is told once; then it is the end', sys.recv(victim, buffer), 0);

  say('The cure: say that nothing more comes (SHUT_WR), read what is there, then close.');
  const [patient, reader] = tcp('patient server', 'client 3');
  sys.send(reader, Buffer.from('question'));
  settled(patient, sys.POLLIN);
  const promised = quietly(() => fill(patient));
  show(`${promised} bytes have been taken by send`);
  sys.shutdown(patient, sys.SHUT_WR);
  sys.recv(patient, buffer);
  sys.close(patient);
  const whole = quietly(() => drain(reader));
  show(`${whole.bytes} bytes arrive, then recv returns ${formatResult(whole.last)}`);
  expect('all of it, and the end', whole, { bytes: promised, last: 0 });

  return (
    'When something is left unread. What the kernel had not delivered yet is thrown away, and the peer is told of an error ' +
    'instead of the end: an answer breaks off. Shut down, drain, then close.'
  );
}
