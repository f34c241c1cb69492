// An echo server over poll(2): the twin of poll-echo.
//
//   echo-poll [PORT [THREADS]]      port 0 takes a free one; THREADS idle threads beside the one that serves
//
// Prints `listening on 127.0.0.1:PORT`; ends on SIGTERM and SIGINT.
#include <poll.h>

#include "echo.h"
#include "threads.h"

enum { STOP, DOOR, FIRST };

static struct pollfd* fds;
static int count, capacity;
// Where in `fds` a descriptor is.
static int* places;
static int most;

static bool came(int fd) {
  if (count == capacity) {
    capacity *= 2;
    fds = need(realloc(fds, capacity * sizeof *fds));
  }
  if (fd >= most) {
    most = fd * 2;
    places = need(realloc(places, most * sizeof *places));
  }
  places[fd] = count;
  fds[count++] = (struct pollfd){.fd = fd, .events = POLLIN};
  return true;
}

static void ask(int fd, bool blocked) { fds[places[fd]].events = blocked ? POLLOUT : POLLIN; }

// The last one comes to its place.
static void gone(int fd) {
  fds[places[fd]] = fds[--count];
  places[fds[places[fd]].fd] = places[fd];
}

int main(int argc, char** argv) {
  prepare();
  capacity = most = 1024;
  fds = need(malloc(capacity * sizeof *fds));
  places = need(malloc(most * sizeof *places));
  int stop = stop_descriptor();
  start_idle_threads(argc > 2 ? atoi(argv[2]) : 0);
  open_listener(argc > 1 ? atoi(argv[1]) : 0);
  fds[STOP] = (struct pollfd){.fd = stop, .events = POLLIN};
  fds[DOOR] = (struct pollfd){.fd = listener, .events = POLLIN};
  count = FIRST;
  say_where();
  for (;;) {
    int ready = poll(fds, count, -1);
    if (ready == -1 && errno != EINTR) fail("poll");
    if (ready == -1) continue;
    if (fds[STOP].revents != 0) return 0;
    bool knocked = fds[DOOR].revents != 0;
    // From the end: the last one, which comes to the place of one that leaves, has been served.
    for (int i = count - 1; i >= FIRST; i--) {
      if (fds[i].revents != 0) serve(fds[i].fd, ONCE);
    }
    if (knocked) accept_all();
  }
}
