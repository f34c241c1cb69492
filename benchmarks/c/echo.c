// An echo server over epoll(7), as good as a plain C loop gets: the baseline of `npm run bench:echo`.
//
//   echo level|edge [PORT [THREADS]]      port 0 takes a free one; THREADS idle threads beside the one that serves
//
// Prints `listening on 127.0.0.1:PORT`; ends on SIGTERM and SIGINT.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "threads.h"

enum { MAXEVENTS = 1024, BYTES = 65536 };

// What a peer has sent and not yet taken back. There is none for a peer that keeps up.
struct rest {
  unsigned char* bytes;
  size_t from, length;
};

static int epfd, listener, spare;
static bool edge;
static unsigned char buffer[BYTES];
static struct rest* rests;
static int room;

static void fail(const char* what) {
  perror(what);
  exit(1);
}

static void* need(void* memory) {
  if (memory == NULL) fail("malloc");
  return memory;
}

// What is asked of a connection: with edges, everything from the beginning.
static uint32_t mask(bool blocked) {
  if (edge) return EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET;
  return blocked ? EPOLLOUT : EPOLLIN;
}

static void watch(int op, int fd, uint32_t events) {
  struct epoll_event event = {.events = events, .data.fd = fd};
  if (epoll_ctl(epfd, op, fd, &event) == -1) fail("epoll_ctl");
}

static void hang_up(int fd) {
  free(rests[fd].bytes);
  rests[fd] = (struct rest){0};
  close(fd);
}

static void keep(int fd, const unsigned char* bytes, size_t length) {
  rests[fd] = (struct rest){.bytes = need(malloc(length)), .length = length};
  memcpy(rests[fd].bytes, bytes, length);
  if (!edge) watch(EPOLL_CTL_MOD, fd, mask(true));
}

// How many bytes went; -1 when the connection is lost.
static ssize_t send_all(int fd, const unsigned char* bytes, size_t length) {
  size_t sent = 0;
  while (sent < length) {
    ssize_t count = send(fd, bytes + sent, length - sent, MSG_NOSIGNAL);
    if (count >= 0) {
      sent += count;
    } else if (errno == EAGAIN) {
      break;
    } else if (errno != EINTR) {
      return -1;
    }
  }
  return sent;
}

// Sends what is left over. False while the peer still does not take it all, or when it is gone.
static bool unblock(int fd) {
  struct rest* rest = &rests[fd];
  ssize_t count = send_all(fd, rest->bytes + rest->from, rest->length - rest->from);
  if (count == -1) {
    hang_up(fd);
    return false;
  }
  rest->from += count;
  if (rest->from < rest->length) return false;
  free(rest->bytes);
  *rest = (struct rest){0};
  if (!edge) watch(EPOLL_CTL_MOD, fd, mask(false));
  return true;
}

static void echo(int fd) {
  for (;;) {
    ssize_t count = recv(fd, buffer, BYTES, 0);
    if (count == -1 && errno == EINTR) continue;
    if (count == -1 && errno == EAGAIN) return;
    if (count <= 0) {
      hang_up(fd);
      return;
    }
    ssize_t sent = send_all(fd, buffer, count);
    if (sent == -1) {
      hang_up(fd);
      return;
    }
    if (sent < count) {
      keep(fd, buffer + sent, count - sent);
      return;
    }
    // On an edge, until EAGAIN, as epoll-echo does: what is compared is the language, not the loop.
    if (!edge) return;
  }
}

static void accept_all(void) {
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd == -1) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if ((errno == EMFILE || errno == ENFILE) && spare != -1) {
        // Out of descriptors: the one held back takes the connection, so that it can be refused.
        close(spare);
        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd != -1) close(fd);
        spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
        continue;
      }
      return;
    }
    if (fd >= room) {
      int more = fd * 2;
      rests = need(realloc(rests, more * sizeof *rests));
      memset(rests + room, 0, (more - room) * sizeof *rests);
      room = more;
    }
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    watch(EPOLL_CTL_ADD, fd, mask(false));
  }
}

static void listen_on(int port) {
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  int on = 1;
  listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (listener == -1) fail("socket");
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr*)&address, size) == -1) fail("bind");
  if (listen(listener, SOMAXCONN) == -1) fail("listen");
  if (getsockname(listener, (struct sockaddr*)&address, &size) == -1) fail("getsockname");
  watch(EPOLL_CTL_ADD, listener, EPOLLIN);
  printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
  fflush(stdout);
}

static int stop_descriptor(void) {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  sigprocmask(SIG_BLOCK, &stop, NULL);
  int fd = signalfd(-1, &stop, SFD_CLOEXEC);
  if (fd == -1) fail("signalfd");
  return fd;
}

int main(int argc, char** argv) {
  edge = argc > 1 && strcmp(argv[1], "edge") == 0;
  if (argc < 2 || argc > 4 || (!edge && strcmp(argv[1], "level") != 0)) {
    fprintf(stderr, "usage: echo level|edge [PORT [THREADS]]\n");
    return 2;
  }
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  room = 1024;
  rests = need(calloc(room, sizeof *rests));
  spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
  epfd = epoll_create1(EPOLL_CLOEXEC);
  if (epfd == -1) fail("epoll_create1");
  int stop = stop_descriptor();
  start_idle_threads(argc > 3 ? atoi(argv[3]) : 0);
  watch(EPOLL_CTL_ADD, stop, EPOLLIN);
  listen_on(argc > 2 ? atoi(argv[2]) : 0);
  static struct epoll_event events[MAXEVENTS];
  for (;;) {
    int count = epoll_wait(epfd, events, MAXEVENTS, -1);
    if (count == -1 && errno != EINTR) fail("epoll_wait");
    for (int i = 0; i < count; i++) {
      int fd = events[i].data.fd;
      if (fd == stop) return 0;
      if (fd == listener) {
        accept_all();
      } else if (rests[fd].length == 0 || unblock(fd)) {
        echo(fd);
      }
    }
  }
}
