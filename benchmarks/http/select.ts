/** select(2): all descriptors are handed in as bits at every call, and each is looked at afterwards. */
import { systemError } from '../../src/error.js';
import * as sys from '../../src/sys/index.js';
import { HttpClient } from './client.js';
import { admitAll, openDoor } from './door.js';

const door = openDoor('select');
const clients = new Map<number, HttpClient>();
const reading = new sys.FdSet().add(door);
const writing = new sys.FdSet();
const readable = new sys.FdSet();
const writable = new sys.FdSet();
let highest = door;

const welcome = (fd: number): void => {
  if (fd >= sys.FD_SETSIZE) {
    sys.close(fd);
    return;
  }
  clients.set(fd, new HttpClient(fd));
  reading.add(fd);
  if (fd > highest) highest = fd;
};

for (;;) {
  readable.copy(reading);
  writable.copy(writing);
  const count = sys.select(highest + 1, readable, writable, null, null);
  if (count < 0 && count !== -sys.EINTR) throw systemError('select', count);
  if (count < 0) continue;
  for (const [fd, client] of clients) {
    if (!readable.has(fd) && !writable.has(fd)) continue;
    const outcome = client.serve();
    reading.delete(fd);
    writing.delete(fd);
    if (outcome === 'gone') clients.delete(fd);
    else if (outcome === 'blocked') writing.add(fd);
    else reading.add(fd);
  }
  // Newcomers last: one of them may get the number of somebody who has just left.
  if (readable.has(door)) admitAll(door, sys.SOCK_NONBLOCK, welcome);
}
