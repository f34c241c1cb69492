// The scaling benchmark over the raw calls: the baseline of `fdmux bench scaling`. scaling.h says what is done.
//
//   scaling THREADS      THREADS idle threads beside the one that works
#include "scaling.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>

enum {
  MAXEVENTS = 1024,
  EDGE_BYTES = 64,
  WORD_BITS = 8 * sizeof(unsigned long),
};

// Sets of any size: only libc's fd_set stops at 1024.
static unsigned long *watched, *ready;
static int words, nfds;
// The pair of each reading end.
static int* pair_of;

static void watch_select(void) {
  nfds = pairs[2 * num_pairs - 2] + 1;
  for (int i = 0; i < num_pairs; i++) {
    if (pairs[2 * i] >= nfds) nfds = pairs[2 * i] + 1;
  }
  words = (nfds + WORD_BITS - 1) / WORD_BITS;
  watched = realloc(watched, words * sizeof *watched);
  ready = realloc(ready, words * sizeof *ready);
  pair_of = realloc(pair_of, nfds * sizeof *pair_of);
  if (watched == NULL || ready == NULL || pair_of == NULL) fail("realloc");
  memset(watched, 0, words * sizeof *watched);
  for (int i = 0; i < num_pairs; i++) {
    int fd = pairs[2 * i];
    watched[fd / WORD_BITS] |= 1UL << fd % WORD_BITS;
    pair_of[fd] = i;
  }
}

static int raw_select(struct timeval* timeout) {
#ifdef __x86_64__
  return (int)syscall(SYS_select, nfds, ready, NULL, NULL, timeout);
#else
  return select(nfds, (fd_set*)ready, NULL, NULL, timeout);
#endif
}

static void look_select(void) {
  struct timeval timeout = {0, 0};
  memcpy(ready, watched, words * sizeof *ready);
  int left = raw_select(&timeout);
  if (left == -1) fail("select");
  for (int word = 0; left > 0; word++) {
    for (unsigned long bits = ready[word]; bits != 0; bits &= bits - 1, left--) {
      read_one(pair_of[word * WORD_BITS + __builtin_ctzl(bits)]);
    }
  }
}

static struct pollfd* fds;

static void watch_poll(void) {
  if ((fds = realloc(fds, num_pairs * sizeof *fds)) == NULL) fail("realloc");
  for (int i = 0; i < num_pairs; i++) fds[i] = (struct pollfd){.fd = pairs[2 * i], .events = POLLIN};
}

static void look_poll(void) {
  int left = poll(fds, num_pairs, 0);
  if (left == -1) fail("poll");
  for (int i = 0; left > 0; i++) {
    if (fds[i].revents == 0) continue;
    left--;
    read_one(i);
  }
}

static void nothing(void) {}

static int epfd;
static struct epoll_event events[MAXEVENTS];
static int registered;

static void control(int op, int pair, uint32_t mask) {
  struct epoll_event event = {.events = mask, .data.u32 = pair};
  if (epoll_ctl(epfd, op, pairs[2 * pair], &event) == -1) fail("epoll_ctl");
}

static void unwatch_epoll(void) {
  for (int i = 0; i < registered; i++) control(EPOLL_CTL_DEL, i, 0);
  registered = 0;
}

static void watch_epoll(uint32_t mask) {
  for (int i = 0; i < num_pairs; i++) {
    if (i < registered) control(EPOLL_CTL_DEL, i, 0);
    control(EPOLL_CTL_ADD, i, mask);
  }
  registered = num_pairs;
}

static void watch_level(void) { watch_epoll(EPOLLIN); }
static void watch_edge(void) { watch_epoll(EPOLLIN | EPOLLET); }
static void watch_oneshot(void) { watch_epoll(EPOLLIN | EPOLLONESHOT); }

static int look_epoll(void) {
  int found = epoll_wait(epfd, events, MAXEVENTS, 0);
  if (found == -1) fail("epoll_wait");
  return found;
}

static void look_level(void) {
  int found = look_epoll();
  for (int i = 0; i < found; i++) read_one((int)events[i].data.u32);
}

// An edge is told once: all that is there has to be taken. Less than was asked for is all.
static void look_edge(void) {
  int found = look_epoll();
  for (int i = 0; i < found; i++) {
    int pair = (int)events[i].data.u32;
    char bytes[EDGE_BYTES];
    ssize_t got = read(pairs[2 * pair], bytes, sizeof bytes);
    if (got < 1 || got == sizeof bytes || bytes[got - 1] != 'e') fail("read");
    came(pair, (int)got);
  }
}

static void look_oneshot(void) {
  int found = look_epoll();
  for (int i = 0; i < found; i++) {
    int pair = (int)events[i].data.u32;
    read_one(pair);
    control(EPOLL_CTL_MOD, pair, EPOLLIN | EPOLLONESHOT);
  }
}

int main(int argc, char** argv) {
  static const struct method methods[] = {
      {"select", watch_select, look_select, nothing},          {"poll", watch_poll, look_poll, nothing},
      {"level", watch_level, look_level, unwatch_epoll},       {"edge", watch_edge, look_edge, unwatch_epoll},
      {"oneshot", watch_oneshot, look_oneshot, unwatch_epoll}, {NULL, NULL, NULL, NULL},
  };
  if (argc != 2) {
    fprintf(stderr, "usage: scaling THREADS\n");
    return 2;
  }
  epfd = epoll_create1(EPOLL_CLOEXEC);
  if (epfd == -1) fail("epoll_create1");
  return answer(methods, atoi(argv[1]));
}
