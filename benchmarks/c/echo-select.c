// An echo server over select(2): the twin of select-echo. It holds what an fd_set does, FD_SETSIZE descriptors.
//
//   echo-select [PORT [THREADS]]      port 0 takes a free one; THREADS idle threads beside the one that serves
//
// Prints `listening on 127.0.0.1:PORT`; ends on SIGTERM and SIGINT.
#include <sys/select.h>

#include "echo.h"
#include "threads.h"

static fd_set reading, writing;
static int highest;

// Beyond FD_SETSIZE, FD_SET would write outside the set.
static bool came(int fd) {
  if (fd >= FD_SETSIZE) return false;
  FD_SET(fd, &reading);
  if (fd > highest) highest = fd;
  return true;
}

static void ask(int fd, bool blocked) {
  FD_CLR(fd, blocked ? &reading : &writing);
  FD_SET(fd, blocked ? &writing : &reading);
}

static void gone(int fd) {
  FD_CLR(fd, &reading);
  FD_CLR(fd, &writing);
}

int main(int argc, char** argv) {
  prepare();
  int stop = stop_descriptor();
  start_idle_threads(argc > 2 ? atoi(argv[2]) : 0);
  open_listener(argc > 1 ? atoi(argv[1]) : 0);
  came(stop);
  came(listener);
  say_where();
  for (;;) {
    fd_set readable = reading, writable = writing;
    int last = highest;
    int ready = select(last + 1, &readable, &writable, NULL, NULL);
    if (ready == -1 && errno != EINTR) fail("select");
    if (ready == -1) continue;
    if (FD_ISSET(stop, &readable)) return 0;
    for (int fd = 0; fd <= last; fd++) {
      if (fd != listener && (FD_ISSET(fd, &readable) || FD_ISSET(fd, &writable))) serve(fd, ONCE);
    }
    if (FD_ISSET(listener, &readable)) accept_all();
  }
}
