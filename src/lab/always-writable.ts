/** Why a socket stands in the write set only while it has something to send. */
import { experiment, type Lab } from './harness.js';

export const alwaysWritable = experiment({
  name: 'always-writable',
  group: 'documents',
  question: 'When can an idle socket be written to?',
  background: 'Document 002: a socket is put into the write set only while there is something to send.',
  run,
});

function run({ sys, say, expect, quietly, pair }: Lab): string {
  const [mine, peer] = pair('mine', 'peer');
  const set = new sys.FdSet();
  const look = (timeoutUs: number): number => {
    set.clear();
    set.add(mine);
    return sys.select(mine + 1, null, set, null, timeoutUs);
  };

  say(
    'Nothing happens to the socket. select is asked to wait up to ten seconds until it can be written to, 1000 times.',
  );
  const start = performance.now();
  let returned = 0;
  for (let i = 0; i < 1000; i++) returned += look(10_000_000);
  const seconds = (performance.now() - start) / 1000;
  expect('it returns at once, every time: a loop around it would not sleep', returned, 1000);
  expect('not one of them waited', seconds < 5);

  say('Bytes are sent until the buffer is full.');
  const chunk = Buffer.alloc(65536);
  let sent = 0;
  const last = quietly(() => {
    for (;;) {
      const count = sys.send(mine, chunk);
      if (count < 0) return count;
      sent += count;
    }
  });
  expect(`after ${sent} bytes: EAGAIN`, last, -sys.EAGAIN);
  expect('now it is worth waiting: not writable', look(20_000), 0);

  say('The peer reads, which makes room.');
  quietly(() => {
    while (sys.recv(peer, chunk) > 0);
  });
  expect('writable again', look(0), 1);

  return (
    'Always, as long as its buffer has room. Ask for it only after a send has answered EAGAIN or taken less than all, and ' +
    'until the rest is gone. The same holds for POLLOUT and a level-triggered EPOLLOUT.'
  );
}
