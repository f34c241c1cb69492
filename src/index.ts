/** fdmux: select(2), poll(2) and epoll(7) for Node.js. */
export {};
