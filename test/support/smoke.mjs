// What the addon does beside system calls, once each: the event loop, signals, traces, descriptors that a thread owns.
import { EPOLLIN, Epoll, Pipe, SignalPipe, select, watch } from 'fdmux';
import { trace } from 'fdmux/trace';

const traced = trace({ onCall: () => {} });
const pipe = new Pipe();
const told = new Promise((resolve) => {
  const readable = watch(pipe, 'readable', () => {
    readable.close();
    resolve();
  });
});
pipe.write(Buffer.from('x'));
await told;

const epoll = new Epoll();
epoll.register(pipe, EPOLLIN);
await epoll.ready();
await new Promise((resolve) => epoll.watch(resolve));
epoll.close();

const signals = new SignalPipe(['SIGUSR2']);
process.kill(process.pid, 'SIGUSR2');
select([signals], [], []);
signals.close();
pipe.close();
traced.stop();
console.log(traced.size > 10 && traced.toText().includes('epoll_wait') ? 'right' : 'wrong');
