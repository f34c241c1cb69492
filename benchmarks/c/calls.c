// What each call costs a C program: the baseline of `npm run bench:calls`.
//
//   calls THREADS      THREADS idle threads beside the one that calls
//
// Each line on stdin, `CALL MILLISECONDS`, is answered by one line of JSON. workloads/calls.ts says how the loops are
// made; calls-sys.ts and calls-koffi.ts are this file in TypeScript.
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
  MAX_BATCHES = 1 << 20,
};

static int ready, read_end, write_end, left, right, epfd;
static struct epoll_event events[MAXEVENTS];
static struct pollfd fds[1];
static fd_set readfds;
static unsigned char buffer[BYTES];

static void fail(const char* what) {
  printf("{\"error\":\"%s: %s\"}\n", what, strerror(errno));
  exit(1);
}

static int high(int fd) {
  int copy = fcntl(fd, F_DUPFD, FIRST_FD);
  if (copy == -1) fail("fcntl");
  close(fd);
  return copy;
}

static void prepare(void) {
  int pair[2];
  unsigned char byte = BYTE;
  if (pipe(pair) == -1) fail("pipe");
  ready = high(pair[0]);
  if (write(pair[1], &byte, 1) != 1) fail("write");
  if (pipe2(pair, O_NONBLOCK) == -1) fail("pipe2");
  read_end = high(pair[0]);
  write_end = high(pair[1]);
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == -1) fail("socketpair");
  left = high(pair[0]);
  right = high(pair[1]);
  epfd = high(epoll_create1(0));
  struct epoll_event event = {.events = EPOLLIN, .data.fd = ready};
  if (epoll_ctl(epfd, EPOLL_CTL_ADD, ready, &event) == -1) fail("epoll_ctl");
  fds[0] = (struct pollfd){.fd = ready, .events = POLLIN};
  FD_ZERO(&readfds);
  FD_SET(ready, &readfds);
}

static void nothing(int calls) { (void)calls; }

// Each loop counts the calls that answered as they must.
static int run_epoll_wait(int calls) {
  int right_answers = 0;
  for (int i = 0; i < calls; i++) right_answers += epoll_wait(epfd, events, MAXEVENTS, 0) == 1;
  return right_answers;
}

static int run_epoll_pwait2(int calls) {
  int right_answers = 0;
  for (int i = 0; i < calls; i++) {
    struct timespec timeout = {0, 0};
    right_answers += syscall(SYS_epoll_pwait2, epfd, events, MAXEVENTS, &timeout, NULL, 0) == 1;
  }
  return right_answers;
}

static int run_poll(int calls) {
  int right_answers = 0;
  for (int i = 0; i < calls; i++) right_answers += poll(fds, 1, 0) == 1;
  return right_answers;
}

static int run_ppoll(int calls) {
  int right_answers = 0;
  for (int i = 0; i < calls; i++) {
    struct timespec timeout = {0, 0};
    right_answers += ppoll(fds, 1, &timeout, NULL) == 1;
  }
  return right_answers;
}

static int run_select(int calls) {
  int right_answers = 0;
  for (int i = 0; i < calls; i++) {
    struct timeval timeout = {0, 0};
    right_answers += select(ready + 1, &readfds, NULL, NULL, &timeout) == 1;
  }
  return right_answers;
}

static int run_pselect(int calls) {
  int right_answers = 0;
  for (int i = 0; i < calls; i++) {
    struct timespec timeout = {0, 0};
    right_answers += pselect(ready + 1, &readfds, NULL, NULL, &timeout, NULL) == 1;
  }
  return right_answers;
}

static int run_epoll_ctl(int calls) {
  int right_answers = 0;
  for (int i = 0; i < calls; i++) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = ready};
    right_answers += epoll_ctl(epfd, EPOLL_CTL_MOD, ready, &event) == 0;
  }
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

static void seen_by_epoll(int calls) {
  (void)calls;
  if (events[0].data.fd != ready || events[0].events != EPOLLIN) fail("wrong event");
}

static void seen_by_poll(int calls) {
  (void)calls;
  if (fds[0].revents != POLLIN) fail("wrong revents");
}

static void seen_by_select(int calls) {
  (void)calls;
  if (!FD_ISSET(ready, &readfds)) fail("wrong set");
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
} calls[] = {
    {"epoll_wait", nothing, run_epoll_wait, seen_by_epoll},
    {"epoll_pwait2", nothing, run_epoll_pwait2, seen_by_epoll},
    {"poll", nothing, run_poll, seen_by_poll},
    {"ppoll", nothing, run_ppoll, seen_by_poll},
    {"select", nothing, run_select, seen_by_select},
    {"pselect", nothing, run_pselect, seen_by_select},
    {"epoll_ctl", nothing, run_epoll_ctl, nothing},
    {"read", fill_pipe, run_read, seen_by_read},
    {"write", one_byte, run_write, drain_pipe},
    {"recv", fill_socket, run_recv, seen_by_read},
    {"send", one_byte, run_send, drain_socket},
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

static void measure(const struct call* call, int batch, int milliseconds) {
  static double times[MAX_BATCHES];
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
  int batch, milliseconds;
  while (scanf("%31s %d %d", name, &batch, &milliseconds) == 3) {
    size_t at = 0;
    while (at < sizeof calls / sizeof *calls && strcmp(calls[at].name, name) != 0) at++;
    if (at == sizeof calls / sizeof *calls || batch < 1 || batch > BYTES) {
      errno = EINVAL;
      fail(name);
    }
    measure(&calls[at], batch, milliseconds);
  }
  return 0;
}
