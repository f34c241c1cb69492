/**
 * Non-blocking sockets and no waiting: each is asked in turn, again and again, whether there is something to do. Only while
 * nobody is connected does it wait, for the first one.
 */
import * as sys from '../../src/sys/index.js';
import { HttpClient } from './client.js';
import { admitAll, openDoor } from './door.js';

const door = openDoor('nonblocking');
const first = new sys.PollFds(1);
first.set(0, door, sys.POLLIN);
const clients = new Set<HttpClient>();

for (;;) {
  if (clients.size === 0) sys.poll(first, 1, -1);
  admitAll(door, sys.SOCK_NONBLOCK, (fd) => clients.add(new HttpClient(fd)));
  for (const client of clients) if (client.serve() === 'gone') clients.delete(client);
}
