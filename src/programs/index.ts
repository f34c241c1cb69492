/** The documents' programs, by name. */
import { epollEcho } from './epoll-echo.js';
import { pollEcho } from './poll-echo.js';
import type { Program, ServeOptions } from './program.js';
import { selectEcho } from './select-echo.js';
import { web } from './web.js';

/** Each has parsed options of its own kind: the command fills them from the program's own list. */
export const programs: readonly Program<never>[] = [selectEcho, epollEcho, pollEcho, web];

export type { Program, ServeOptions };
