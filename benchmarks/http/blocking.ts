/** One client at a time, with blocking calls. Who comes meanwhile waits in the backlog until the one before has left. */
import { systemError } from '../../src/error.js';
import * as sys from '../../src/sys/index.js';
import { HttpClient } from './client.js';
import { openBlockingDoor } from './door.js';

const door = openBlockingDoor('blocking');
for (;;) {
  const fd = sys.accept4(door, sys.SOCK_CLOEXEC);
  if (fd >= 0) new HttpClient(fd).serveAll();
  else if (fd !== -sys.ECONNABORTED && fd !== -sys.EINTR) throw systemError('accept4', fd);
}
