/** The documents' programs, by name. */
import { blockingEcho } from './blocking-echo.js';
import { epollEcho } from './epoll-echo.js';
import { levelTriggered } from './level-triggered.js';
import { nonblockingPoll } from './nonblocking-poll.js';
import { pollEcho } from './poll-echo.js';
import type { Program, ServeOptions } from './program.js';
import { selectChat } from './select-chat.js';
import { selectEcho } from './select-echo.js';
import { selectQueues } from './select-queues.js';
import { selectTimeoutEcho } from './select-timeout-echo.js';
import { selectorsEcho } from './selectors-echo.js';
import { selectorsServer } from './selectors-server.js';
import { web } from './web.js';

/** Each has parsed options of its own kind: the command fills them from the program's own list. */
export const programs: readonly Program<never>[] = [
  selectEcho,
  epollEcho,
  pollEcho,
  selectorsEcho,
  selectTimeoutEcho,
  selectQueues,
  blockingEcho,
  nonblockingPoll,
  levelTriggered,
  selectChat,
  selectorsServer,
  web,
];

export type { Program, ServeOptions };
