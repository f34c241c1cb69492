/** poll(2): all descriptors are handed in as an array at every call, and each is looked at afterwards. */
import { systemError } from '../../src/error.js';
import * as sys from '../../src/sys/index.js';
import { HttpClient } from './client.js';
import { admitAll, openDoor } from './door.js';

const door = openDoor('poll');
/** The client in place `i + 1` of the array. */
const clients: HttpClient[] = [];
let fds = new sys.PollFds(64);
fds.set(0, door, sys.POLLIN);

const welcome = (fd: number): void => {
  clients.push(new HttpClient(fd));
  if (clients.length === fds.capacity) {
    const more = new sys.PollFds(fds.capacity * 2);
    for (let i = 0; i < clients.length; i++) more.set(i, fds.fd(i), fds.events(i));
    fds = more;
  }
  fds.set(clients.length, fd, sys.POLLIN);
};

/** The last one comes to the place of who has gone. */
const forget = (i: number): void => {
  const last = clients.pop() as HttpClient;
  if (i === clients.length) return;
  clients[i] = last;
  fds.set(i + 1, last.fd, fds.events(clients.length + 1));
};

for (;;) {
  const count = sys.poll(fds, clients.length + 1, -1);
  if (count < 0 && count !== -sys.EINTR) throw systemError('poll', count);
  if (count < 0) continue;
  const knocked = fds.revents(0) !== 0;
  for (let i = clients.length - 1; i >= 0; i--) {
    if (fds.revents(i + 1) === 0) continue;
    const client = clients[i] as HttpClient;
    const outcome = client.serve();
    if (outcome === 'gone') forget(i);
    else fds.set(i + 1, client.fd, outcome === 'blocked' ? sys.POLLOUT : sys.POLLIN);
  }
  if (knocked) admitAll(door, sys.SOCK_NONBLOCK, welcome);
}
