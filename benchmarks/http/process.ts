/**
 * A process for each connection: it inherits the connected socket as descriptor 3, serves it with blocking calls and ends
 * with it. Node.js cannot fork(2): each is a new Node.js, which takes tens of milliseconds to begin. This one only accepts.
 */
import { spawn } from 'node:child_process';
import * as sys from '../../src/sys/index.js';
import { watch } from '../../src/watch.js';
import { besides } from '../measure/places.js';
import { admitAll, openDoor } from './door.js';

const door = openDoor('process');
const child = besides(import.meta.url, './process-of-one.js');

const welcome = (fd: number): void => {
  const one = spawn(process.execPath, [child], { stdio: ['ignore', 'ignore', 'inherit', fd] });
  // For whom there is no process: the connection ends with its last descriptor, below.
  one.once('error', () => {});
  sys.close(fd);
};

watch(door, 'readable', () => admitAll(door, 0, welcome));
