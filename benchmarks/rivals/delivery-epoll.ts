/** npm epoll, for the workload delivery. */
import { serve } from '../workloads/delivery-serve.js';
import { loadEpoll } from './epoll.js';

const { Epoll } = loadEpoll();

await serve({
  'npm epoll'(fds, told) {
    const poller = new Epoll((_error, fd) => {
      if (!told(fd)) poller.close();
    });
    for (const fd of fds) poller.add(fd, Epoll.EPOLLIN);
  },
});
