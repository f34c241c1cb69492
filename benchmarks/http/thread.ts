/** A thread for each connection, which serves it with blocking calls and ends with it. This one only accepts. */
import { Worker } from 'node:worker_threads';
import { watch } from '../../src/watch.js';
import { admitAll, openDoor } from './door.js';

const door = openDoor('thread');
const thread = new URL('./thread-of-one.js', import.meta.url);
watch(door, 'readable', () => admitAll(door, 0, (fd) => new Worker(thread, { workerData: fd })));
