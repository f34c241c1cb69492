/** What only PollSelector does. */
import { EVENT_READ, EVENT_WRITE, PollSelector } from 'fdmux/selectors';
import { expect, it } from 'vitest';
import { byte, close, closing, pair, pipe, regularFile, reuse } from '../support/objects.js';

it('reports a descriptor that was closed without being unregistered, as ready for what was asked', () => {
  const selector = closing(new PollSelector());
  const [a, b] = pair();
  const [r] = pipe();
  const ka = selector.register(a, EVENT_READ);
  const kb = selector.register(b, EVENT_READ | EVENT_WRITE);
  const kr = selector.register(r, EVENT_WRITE);
  a.close();
  b.close();
  close(r);
  const asked = [
    [ka, EVENT_READ],
    [kb, EVENT_READ | EVENT_WRITE],
    [kr, EVENT_WRITE],
  ];
  expect(selector.select()).toEqual(asked);
  expect(selector.select(-1)).toEqual(asked);
  for (const key of [ka, kb, kr]) selector.unregister(key.fileobj);
  expect(selector.select(0)).toEqual([]);
});

it('asks about the new owner of a number that was not unregistered: poll(2) knows numbers only', () => {
  const selector = closing(new PollSelector());
  const [r] = pipe();
  const key = selector.register(r, EVENT_READ);
  close(r);
  const w = reuse(r);
  expect(selector.select(0)).toEqual([]);
  byte(w);
  expect(selector.select()).toEqual([[key, EVENT_READ]]);
});

it('finds a regular file always ready', () => {
  const selector = closing(new PollSelector());
  const key = selector.register(regularFile(), EVENT_READ | EVENT_WRITE);
  expect(selector.select()).toEqual([[key, EVENT_READ | EVENT_WRITE]]);
});
