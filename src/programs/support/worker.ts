/** One of several threads that serve a port: workers.ts starts it. */
import { parentPort, workerData } from 'node:worker_threads';
import { programs } from '../index.js';
import type { ServeOptions } from '../program.js';
import { speakAs } from './operator.js';
import type { Accepting, Assignment } from './workers.js';

const { program, options, number } = workerData as Assignment;

const accepting = (address: string, port: number): void => {
  parentPort?.postMessage({ address, port } satisfies Accepting);
};

speakAs(`worker ${number}: `);
const found = programs.find(({ name }) => name === program) as { serve(options: ServeOptions): void } | undefined;
found?.serve({ ...options, accepting });
