/** The process that `process.ts` starts for a connection. */
import { HttpClient } from './client.js';

/** Where the parent has put it. */
const CONNECTION = 3;

new HttpClient(CONNECTION).serveAll();
