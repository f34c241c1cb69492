// A worker that waits for ever, in native code.
import { parentPort } from 'node:worker_threads';
import { Epoll } from 'fdmux';

parentPort.postMessage('waiting');
new Epoll().poll();
