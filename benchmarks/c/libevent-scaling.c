// The scaling benchmark over libevent, with its own event loop and each of its methods: `npm run bench:rivals` compiles
// it where libevent's headers are. scaling.h says what is done.
//
//   libevent-scaling THREADS      THREADS idle threads beside the one that works
#include <event2/event.h>
#include <event2/event_struct.h>

#include "scaling.h"

static struct event_base* base;
static struct event* events;
static int added;

static void on_readable(evutil_socket_t fd, short what, void* pair) {
  (void)fd;
  (void)what;
  read_one((int)(intptr_t)pair);
}

static void unwatch(void) {
  for (int i = 0; i < added; i++) event_del(&events[i]);
  added = 0;
}

static void watch(struct event_base* with) {
  base = with;
  if (added != num_pairs) {
    unwatch();
    if ((events = realloc(events, num_pairs * sizeof *events)) == NULL) fail("realloc");
  }
  for (int i = 0; i < num_pairs; i++) {
    if (i < added) event_del(&events[i]);
    event_assign(&events[i], base, pairs[2 * i], EV_READ | EV_PERSIST, on_readable, (void*)(intptr_t)i);
    if (event_add(&events[i], NULL) == -1) fail("event_add");
  }
  added = num_pairs;
}

static struct event_base *of_select, *of_poll, *of_epoll;
static void watch_select(void) { watch(of_select); }
static void watch_poll(void) { watch(of_poll); }
static void watch_epoll(void) { watch(of_epoll); }

static void look(void) {
  if (event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK) == -1) fail("event_base_loop");
}

static struct event_base* base_with(const char* method) {
  struct event_config* config = event_config_new();
  if (config == NULL) fail("event_config_new");
  for (const char** other = event_get_supported_methods(); *other != NULL; other++) {
    if (strcmp(*other, method) != 0) event_config_avoid_method(config, *other);
  }
  struct event_base* made = event_base_new_with_config(config);
  event_config_free(config);
  if (made == NULL || strcmp(event_base_get_method(made), method) != 0) fail(method);
  return made;
}

int main(int argc, char** argv) {
  static const struct method methods[] = {
      {"select", watch_select, look, unwatch},
      {"poll", watch_poll, look, unwatch},
      {"level", watch_epoll, look, unwatch},
      {NULL, NULL, NULL, NULL},
  };
  if (argc != 2) {
    fprintf(stderr, "usage: libevent-scaling THREADS\n");
    return 2;
  }
  of_select = base_with("select");
  of_poll = base_with("poll");
  of_epoll = base_with("epoll");
  return answer(methods, atoi(argv[1]));
}
