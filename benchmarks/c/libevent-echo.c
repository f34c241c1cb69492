// An echo server over libevent's events, as its manual has them: what a C programmer writes who does not call epoll. It
// is compiled where libevent is installed, by `npm run bench:rivals`.
//
//   libevent-echo [PORT [THREADS]]      port 0 takes a free one; THREADS idle threads beside the one that serves
//
// Prints `listening on 127.0.0.1:PORT`; ends on SIGTERM and SIGINT.
#include <event2/event.h>

#include "echo.h"
#include "threads.h"

static struct event_base* base;
// By descriptor: the event that waits for it, and how many there is room for.
static struct event** events;
static int most;

static void ready(evutil_socket_t fd, short what, void* unused) {
  (void)what;
  (void)unused;
  serve(fd, ONCE);
}

static void knocked(evutil_socket_t fd, short what, void* unused) {
  (void)fd;
  (void)what;
  (void)unused;
  accept_all();
}

static void stopped(evutil_socket_t fd, short what, void* unused) {
  (void)fd;
  (void)what;
  (void)unused;
  event_base_loopbreak(base);
}

static bool came(int fd) {
  if (fd >= most) {
    most = fd * 2;
    events = need(realloc(events, most * sizeof *events));
  }
  events[fd] = event_new(base, fd, EV_READ | EV_PERSIST, ready, NULL);
  return events[fd] != NULL && event_add(events[fd], NULL) == 0;
}

static void ask(int fd, bool blocked) {
  event_del(events[fd]);
  event_assign(events[fd], base, fd, (blocked ? EV_WRITE : EV_READ) | EV_PERSIST, ready, NULL);
  event_add(events[fd], NULL);
}

static void gone(int fd) { event_free(events[fd]); }

int main(int argc, char** argv) {
  prepare();
  most = 1024;
  events = need(malloc(most * sizeof *events));
  base = need(event_base_new());
  int stop = stop_descriptor();
  start_idle_threads(argc > 2 ? atoi(argv[2]) : 0);
  open_listener(argc > 1 ? atoi(argv[1]) : 0);
  event_add(need(event_new(base, stop, EV_READ, stopped, NULL)), NULL);
  event_add(need(event_new(base, listener, EV_READ | EV_PERSIST, knocked, NULL)), NULL);
  say_where();
  return event_base_dispatch(base) == 0 ? 0 : 1;
}
