// An echo server over epoll(7), as good as a plain C loop gets: what `fdmux bench` holds the others against.
//
//   echo level|edge|eagain [PORT [THREADS]]
//
// Port 0 takes a free one; THREADS are idle beside the one that serves. edge stops reading when a read comes back
// short, eagain at EAGAIN only, as epoll-echo does with --until.
//
// Prints `listening on 127.0.0.1:PORT`; ends on SIGTERM and SIGINT.
#include "echo.h"

#include <sys/epoll.h>

#include "threads.h"

enum { MAXEVENTS = 1024 };

static int epfd;
static bool edge, trusting;

static bool watch(int op, int fd, uint32_t events) {
  struct epoll_event event = {.events = events, .data.fd = fd};
  return epoll_ctl(epfd, op, fd, &event) == 0;
}

// With edges, everything is asked for from the beginning.
static bool came(int fd) {
  return watch(EPOLL_CTL_ADD, fd, edge ? EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET : EPOLLIN);
}

static void ask(int fd, bool blocked) {
  if (!edge && !watch(EPOLL_CTL_MOD, fd, blocked ? EPOLLOUT : EPOLLIN)) fail("epoll_ctl");
}

// Closing takes a descriptor out of the set.
static void gone(int fd) { (void)fd; }

// An end, an error or urgent data that was told with the bytes lies behind them.
static enum until how_long(uint32_t told) {
  if (!edge) return ONCE;
  return trusting && (told & ~(uint32_t)(EPOLLIN | EPOLLOUT)) == 0 ? SHORT : UNTIL_EAGAIN;
}

int main(int argc, char** argv) {
  const char* trigger = argc > 1 ? argv[1] : "";
  trusting = strcmp(trigger, "edge") == 0;
  edge = trusting || strcmp(trigger, "eagain") == 0;
  if (argc > 4 || (!edge && strcmp(trigger, "level") != 0)) {
    fprintf(stderr, "usage: echo level|edge|eagain [PORT [THREADS]]\n");
    return 2;
  }
  prepare();
  epfd = epoll_create1(EPOLL_CLOEXEC);
  if (epfd == -1) fail("epoll_create1");
  int stop = stop_descriptor();
  start_idle_threads(argc > 3 ? atoi(argv[3]) : 0);
  open_listener(argc > 2 ? atoi(argv[2]) : 0);
  if (!watch(EPOLL_CTL_ADD, stop, EPOLLIN) || !watch(EPOLL_CTL_ADD, listener, EPOLLIN)) fail("epoll_ctl");
  say_where();
  static struct epoll_event events[MAXEVENTS];
  for (;;) {
    int count = epoll_wait(epfd, events, MAXEVENTS, -1);
    if (count == -1 && errno != EINTR) fail("epoll_wait");
    for (int i = 0; i < count; i++) {
      int fd = events[i].data.fd;
      if (fd == stop) return 0;
      if (fd == listener) {
        accept_all();
      } else {
        serve(fd, how_long(events[i].events));
      }
    }
  }
}
