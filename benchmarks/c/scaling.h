// libevent's test/bench.c without its event loop, which is what the contestants in C differ by. Pairs of sockets are
// all watched for reading; a few get a byte, and whoever reads one sends one on to the next pair, until so many are
// sent.
//
// Each line on stdin, `METHOD PAIRS ACTIVE WRITES MILLISECONDS`, is answered by one line of JSON: the median time of an
// event over as many runs as the milliseconds allow. workloads/scaling-sys.ts is this in TypeScript.
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "threads.h"

enum {
  // select(2) looks at every descriptor up to the highest: the pairs have to begin at the same one in each contestant.
  FIRST_FD = 50,
  MAX_RUNS = 10000,
};

// One way to watch the pairs.
struct method {
  const char* name;
  // Watches every pair anew, as libevent's program does before each run.
  void (*watch)(void);
  // Looks once, without waiting, and calls came() for each pair that is ready.
  void (*look)(void);
  void (*unwatch)(void);
};

// The reading and the writing end of each pair: 2 * i, 2 * i + 1.
static int* pairs;
static int pairs_open, num_pairs, num_active, num_writes;
static int writes, fired, count;

static void fail(const char* what) {
  printf("{\"error\":\"%s: %s\"}\n", what, errno ? strerror(errno) : "not what was sent");
  exit(1);
}

static void send_to(int pair) {
  if (write(pairs[2 * pair + 1], "e", 1) != 1) fail("write");
  fired++;
}

// `bytes` have been read from a pair.
static void came(int pair, int bytes) {
  count += bytes;
  for (; bytes > 0 && writes > 0; bytes--, writes--) send_to(pair + 1 < num_pairs ? pair + 1 : 0);
}

static inline void read_one(int pair) {
  char byte = 0;
  if (read(pairs[2 * pair], &byte, 1) != 1 || byte != 'e') fail("read");
  came(pair, 1);
}

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static void open_pairs(int wanted) {
  if (pairs == NULL) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == -1) fail("getrlimit");
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) == -1) fail("setrlimit");
    for (int fd = 0; fd < FIRST_FD - 1;) {
      fd = dup(STDIN_FILENO);
      if (fd == -1) fail("dup");
    }
  }
  while (pairs_open > wanted) {
    pairs_open--;
    close(pairs[2 * pairs_open]);
    close(pairs[2 * pairs_open + 1]);
  }
  if ((pairs = realloc(pairs, sizeof *pairs * 2 * wanted)) == NULL) fail("realloc");
  for (; pairs_open < wanted; pairs_open++) {
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pairs + 2 * pairs_open) == -1) fail("socketpair");
  }
  num_pairs = wanted;
}

static int64_t run_once(const struct method* method) {
  errno = 0;
  method->watch();
  count = fired = 0;
  method->look();
  if (count != 0) fail("bytes were left");
  int space = num_pairs / num_active;
  for (int i = 0; i < num_active; i++) send_to(i * space);
  writes = num_writes;
  int64_t start = now();
  do {
    int before = count;
    method->look();
    if (count == before) fail("an event was lost");
  } while (count != fired);
  int64_t time = now() - start;
  if (count != num_active + num_writes) fail("events");
  method->look();
  if (count != fired) fail("an event came twice");
  return time;
}

static int ascending(const void* a, const void* b) {
  int64_t left = *(const int64_t*)a, right = *(const int64_t*)b;
  return (left > right) - (left < right);
}

static void measure(const struct method* method, int milliseconds) {
  static int64_t times[MAX_RUNS];
  int runs = 0;
  int64_t end = now() + milliseconds * INT64_C(1000000);
  do times[runs++] = run_once(method);
  while (runs < MAX_RUNS && now() < end);
  method->unwatch();
  qsort(times, runs, sizeof *times, ascending);
  int64_t middle = (times[runs / 2] + times[(runs - 1) / 2]) / 2;
  printf("{\"method\":\"%s\",\"ns\":%.3f,\"runs\":%d,\"events\":%d}\n", method->name,
         (double)middle / (num_active + num_writes), runs, num_active + num_writes);
}

// Says what it is, and then answers, until stdin ends.
static inline int answer(const struct method* methods, int threads) {
  start_idle_threads(threads);
  setvbuf(stdout, NULL, _IOLBF, 0);
  printf("{\"threads\":%d}\n", threads + 1);
  char name[32];
  int wanted, milliseconds;
  while (scanf("%31s %d %d %d %d", name, &wanted, &num_active, &num_writes, &milliseconds) == 5) {
    const struct method* method = methods;
    while (method->name != NULL && strcmp(method->name, name) != 0) method++;
    errno = EINVAL;
    if (method->name == NULL || num_active < 1 || wanted < num_active || num_writes < 0) fail(name);
    open_pairs(wanted);
    measure(method, milliseconds);
  }
  return 0;
}
