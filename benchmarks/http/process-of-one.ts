/** The process that `process.ts` starts for a connection. */
import { setFlagsFromString } from 'node:v8';
import { HttpClient } from './client.js';

/** Where the parent has put it. */
const CONNECTION = 3;

// For one connection: to compile llhttp for speed would take as long as all else, and its speed does not show.
setFlagsFromString('--liftoff-only');
new HttpClient(CONNECTION).serveAll();
