/** How selectors take their timeout. */
import { EpollSelector, EVENT_READ, PollSelector, SelectSelector } from '../selectors/index.js';
import { experiment, type Lab } from './harness.js';

export const selectorTimeouts = experiment({
  name: 'selector-timeouts',
  group: 'documents',
  question: 'How long does a selector wait?',
  background: 'Document 001: a positive timeout waits at most so long, 0 or less does not wait, none waits for ever.',
  run,
});

function run({ sys, say, show, expect, pair }: Lab): string {
  const [mine, peer] = pair('mine', 'peer');
  for (const Selector of [EpollSelector, PollSelector, SelectSelector]) {
    say(`${Selector.name}, an idle socket registered for EVENT_READ:`);
    using selector = new Selector();
    selector.register(mine, EVENT_READ, 'mine');
    const waited = (timeout?: number): number => {
      const start = performance.now();
      const ready = selector.select(timeout);
      const ms = performance.now() - start;
      const shown = ready.map(([key, mask]) => `[{ data: '${key.data}' }, ${mask}]`).join(', ');
      show(`selector.select(${timeout ?? ''}) → [${shown}] after ${ms.toFixed(1)} ms`);
      return ms;
    };
    expect('50: waits, and never returns early', waited(50) >= 50);
    expect('0.5: fractions of a millisecond count', waited(0.5) >= 0.5);
    expect('0 looks and returns', waited(0) < 2000);
    expect('so does less than 0', waited(-4000) < 2000);

    sys.send(peer, Buffer.from('x'));
    expect('whoever is ready ends a wait at once', waited(60_000) < 30_000);
    expect('also one without a timeout, which is for ever', waited() < 30_000);
    sys.recv(mine, Buffer.alloc(1));
  }
  return 'As document 001 says, in milliseconds here (Python: seconds), the same for all three; and never less than asked for.';
}
