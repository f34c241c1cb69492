// What each call costs a C program: the baseline of `fdmux bench calls`.
//
//   calls THREADS      THREADS idle threads beside the one that calls
//
// Each line on stdin, `CALL READY BATCH MILLISECONDS`, is answered by one line of JSON. workloads/calls.ts says how the
// loops are made; calls-sys.ts and calls-koffi.ts are this file in TypeScript.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "threads.h"

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

enum {
  MAXEVENTS = 1024,
  BYTES = 65536,
  BYTE = 0x5a,
  // select(2) looks at every descriptor up to the highest: it has to be the same one in each contestant.
  FIRST_FD = 50,
  // What no wait looks at lies above.
  OTHER_FD = 400,
  MAX_READY = 64,
  MAX_QUIET = 128,
  MAX_BATCHES = 1 << 20,
};

static int ready[MAX_READY], quiet[MAX_QUIET], read_end, write_end, left, right;
// How many are ready in this measurement, and the set that holds them.
static int count, epfd;
static struct epoll_event events[MAXEVENTS];
static struct pollfd fds[MAX_READY];
static fd_set readfds;
static unsigned char buffer[BYTES];

static void fail(const char* what) {
  printf("{\"error\":\"%s: %s\"}\n", what, strerror(errno));
  exit(1);
}

static int high(int fd, int from) {
  int copy = fcntl(fd, F_DUPFD, from);
  if (copy == -1) fail("fcntl");
  close(fd);
  return copy;
}

static void prepare(void) {
  int pair[2];
  unsigned char byte = BYTE;
  for (int i = 0; i < MAX_READY; i++) {
    if (pipe(pair) == -1) fail("pipe");
    ready[i] = high(pair[0], FIRST_FD);
    if (ready[i] != FIRST_FD + i) fail("a descriptor is taken");
    if (write(high(pair[1], OTHER_FD), &byte, 1) != 1) fail("write");
    fds[i] = (struct pollfd){.fd = ready[i], .events = POLLIN};
  }
  if (pipe(pair) == -1) fail("pipe");
  for (int i = 0; i < MAX_QUIET; i++) {
    if ((quiet[i] = fcntl(pair[0], F_DUPFD, OTHER_FD)) == -1) fail("fcntl");
  }
  if (pipe2(pair, O_NONBLOCK) == -1) fail("pipe2");
  read_end = high(pair[0], OTHER_FD);
  write_end = high(pair[1], OTHER_FD);
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == -1) fail("socketpair");
  left = high(pair[0], OTHER_FD);
  right = high(pair[1], OTHER_FD);
}

static void choose(int ready_count) {
  count = ready_count;
  epfd = high(epoll_create1(0), OTHER_FD);
  FD_ZERO(&readfds);
  for (int i = 0; i < count; i++) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = ready[i]};
    if (epoll_ctl(epfd, EPOLL_CTL_ADD, ready[i], &event) == -1) fail("epoll_ctl");
    FD_SET(ready[i], &readfds);
  }
}

static void nothing(int calls) { (void)calls; }

// Each loop counts the calls that answered as they must.
static int run_epoll_wait(int calls) {
  int right_answers = 0;
  for (int i = 0; i < calls; i++) right_answers += epoll_wait(epfd, events, MAXEVENTS, 0) == count;
  return right_answers;
}

static int run_epoll_pwait2(int calls) {
  int right_answers = 0;
  for (int i = 0; i < calls; i++) {
    struct timespec timeout = {0, 0};
    right_answers += syscall(SYS_epoll_pwait2, epfd, events, MAXEVENTS, &timeout, NULL, 0) == count;
  }
  return right_answers;
}

static int run_poll(int calls) {
  int right_answers = 0;
  for (int i = 0; i < calls; i++) right_answers += poll(fds, count, 0) == count;
  return right_answers;
}

static int run_ppoll(int calls) {
  int right_answers = 0;
  for (int i = 0; i < calls; i++) {
    struct timespec timeout = {0, 0};
    right_answers += ppoll(fds, count, &timeout, NULL) == count;
  }
  return right_answers;
}

static int run_select(int calls) {
  int right_answers = 0;
  for (int i = 0; i < calls; i++) {
    struct timeval timeout = {0, 0};
    right_answers += select(FIRST_FD + count, &readfds, NULL, NULL, &timeout) == count;
  }
  return right_answers;
}

static int run_pselect(int calls) {
  int right_answers = 0;
  for (int i = 0; i < calls; i++) {
    struct timespec timeout = {0, 0};
    right_answers += pselect(FIRST_FD + count, &readfds, NULL, NULL, &timeout, NULL) == count;
  }
  return right_answers;
}

static int run_epoll_ctl_mod(int calls) {
  int right_answers = 0;
  for (int i = 0; i < calls; i++) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = ready[0]};
    right_answers += epoll_ctl(epfd, EPOLL_CTL_MOD, ready[0], &event) == 0;
  }
  return right_answers;
}

static int run_epoll_ctl_add(int calls) {
  int right_answers = 0;
  for (int i = 0; i < calls; i++) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = quiet[i]};
    right_answers += epoll_ctl(epfd, EPOLL_CTL_ADD, quiet[i], &event) == 0;
  }
  return right_answers;
}

static int run_epoll_ctl_del(int calls) {
  int right_answers = 0;
  for (int i = 0; i < calls; i++) right_answers += epoll_ctl(epfd, EPOLL_CTL_DEL, quiet[i], NULL) == 0;
  return right_answers;
}

static int run_read(int calls) {
  int right_answers = 0;
  for (int i = 0; i < calls; i++) right_answers += read(read_end, buffer, 1) == 1;
  return right_answers;
}

static int run_write(int calls) {
  int right_answers = 0;
  for (int i = 0; i < calls; i++) right_answers += write(write_end, buffer, 1) == 1;
  return right_answers;
}

static int run_recv(int calls) {
  int right_answers = 0;
  for (int i = 0; i < calls; i++) right_answers += recv(right, buffer, 1, 0) == 1;
  return right_answers;
}

static int run_send(int calls) {
  int right_answers = 0;
  for (int i = 0; i < calls; i++) right_answers += send(left, buffer, 1, 0) == 1;
  return right_answers;
}

static void add_quiet(int calls) {
  if (run_epoll_ctl_add(calls) != calls) fail("EPOLL_CTL_ADD");
}

static void delete_quiet(int calls) {
  if (run_epoll_ctl_del(calls) != calls) fail("EPOLL_CTL_DEL");
}

// Each once: epoll tells them in any order.
static void seen_by_epoll(int calls) {
  (void)calls;
  int sum = 0, expected = 0;
  for (int i = 0; i < count; i++) {
    if (events[i].events != EPOLLIN) fail("wrong event");
    sum += events[i].data.fd;
    expected += ready[i];
  }
  if (sum != expected) fail("wrong descriptor");
}

static void seen_by_poll(int calls) {
  (void)calls;
  for (int i = 0; i < count; i++) {
    if (fds[i].revents != POLLIN) fail("wrong revents");
  }
}

static void seen_by_select(int calls) {
  (void)calls;
  for (int i = 0; i < count; i++) {
    if (!FD_ISSET(ready[i], &readfds)) fail("wrong set");
  }
}

static void fill_pipe(int calls) {
  memset(buffer, BYTE, calls);
  if (write(write_end, buffer, calls) != calls) fail("fill");
  buffer[0] = 0;
}

static void fill_socket(int calls) {
  memset(buffer, BYTE, calls);
  if (send(left, buffer, calls, 0) != calls) fail("fill");
  buffer[0] = 0;
}

static void seen_by_read(int calls) {
  (void)calls;
  if (buffer[0] != BYTE) fail("wrong byte");
}

static void one_byte(int calls) {
  (void)calls;
  buffer[0] = BYTE;
}

static void drain_pipe(int calls) {
  if (read(read_end, buffer, BYTES) != calls || buffer[calls - 1] != BYTE) fail("drain");
}

static void drain_socket(int calls) {
  if (recv(right, buffer, BYTES, 0) != calls || buffer[calls - 1] != BYTE) fail("drain");
}

static const struct call {
  const char* name;
  void (*before)(int calls);
  int (*run)(int calls);
  void (*after)(int calls);
  int max_batch;
} calls[] = {
    {"epoll_wait", nothing, run_epoll_wait, seen_by_epoll, BYTES},
    {"epoll_pwait2", nothing, run_epoll_pwait2, seen_by_epoll, BYTES},
    {"poll", nothing, run_poll, seen_by_poll, BYTES},
    {"ppoll", nothing, run_ppoll, seen_by_poll, BYTES},
    {"select", nothing, run_select, seen_by_select, BYTES},
    {"pselect", nothing, run_pselect, seen_by_select, BYTES},
    {"epoll_ctl(ADD)", nothing, run_epoll_ctl_add, delete_quiet, MAX_QUIET},
    {"epoll_ctl(MOD)", nothing, run_epoll_ctl_mod, nothing, BYTES},
    {"epoll_ctl(DEL)", add_quiet, run_epoll_ctl_del, nothing, MAX_QUIET},
    {"read", fill_pipe, run_read, seen_by_read, BYTES},
    {"write", one_byte, run_write, drain_pipe, BYTES},
    {"recv", fill_socket, run_recv, seen_by_read, BYTES},
    {"send", one_byte, run_send, drain_socket, BYTES},
};

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static int ascending(const void* a, const void* b) {
  double left_time = *(const double*)a, right_time = *(const double*)b;
  return (left_time > right_time) - (left_time < right_time);
}

static double median(double* values, int count) {
  qsort(values, count, sizeof *values, ascending);
  return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static void measure(const struct call* call, int ready_count, int batch, int milliseconds) {
  static double times[MAX_BATCHES];
  choose(ready_count);
  int batches = 0;
  for (int64_t end = now() + milliseconds * INT64_C(1000000); batches == 0 || (now() < end && batches < MAX_BATCHES);) {
    call->before(batch);
    int64_t start = now();
    int right_answers = call->run(batch);
    int64_t time = now() - start;
    if (right_answers != batch) fail(call->name);
    call->after(batch);
    times[batches++] = (double)time / batch;
  }
  close(epfd);
  printf("{\"call\":\"%s\",\"ns\":%.3f,\"batches\":%d}\n", call->name, median(times, batches), batches);
}

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: calls THREADS\n");
    return 2;
  }
  start_idle_threads(atoi(argv[1]));
  prepare();
  setvbuf(stdout, NULL, _IOLBF, 0);
  printf("{\"threads\":%d}\n", atoi(argv[1]) + 1);
  char name[32];
  int ready_count, batch, milliseconds;
  while (scanf("%31s %d %d %d", name, &ready_count, &batch, &milliseconds) == 4) {
    size_t at = 0;
    while (at < sizeof calls / sizeof *calls && strcmp(calls[at].name, name) != 0) at++;
    int known = at < sizeof calls / sizeof *calls && ready_count >= 1 && ready_count <= MAX_READY;
    if (!known || batch < 1 || batch > calls[at].max_batch) {
      errno = EINVAL;
      fail(name);
    }
    measure(&calls[at], ready_count, batch, milliseconds);
  }
  return 0;
}
