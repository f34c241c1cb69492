/** The thread that `thread.ts` starts for a connection. */
import { workerData } from 'node:worker_threads';
import { HttpClient } from './client.js';

new HttpClient(workerData as number).serveAll();
