// What the echo servers in C share: the door, what a client has not yet taken back, and how they begin and end. Each
// waits by its own means; of these it is told through `came`, `ask` and `gone`.
#pragma once

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
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ECHO_BYTES = 65536 };

// What a peer has sent and not yet taken back. There is none for a peer that keeps up.
struct rest {
  unsigned char* bytes;
  size_t from, length;
};

// A newcomer is to be waited for. False when it cannot be.
static bool came(int fd);
// A peer is to be waited for until it takes more (`blocked`), or until it sends more.
static void ask(int fd, bool blocked);
// A peer's descriptor is about to be closed.
static void gone(int fd);

static int listener, spare;
static unsigned char buffer[ECHO_BYTES];
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

static void hang_up(int fd) {
  free(rests[fd].bytes);
  rests[fd] = (struct rest){0};
  gone(fd);
  close(fd);
}

static void keep(int fd, const unsigned char* bytes, size_t length) {
  rests[fd] = (struct rest){.bytes = need(malloc(length)), .length = length};
  memcpy(rests[fd].bytes, bytes, length);
  ask(fd, true);
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
  ask(fd, false);
  return true;
}

// How long a peer is read from: once, or, for who is told of changes only, as long as there is something, as epoll-echo
// does it. That there is nothing left, a read that comes back short says, and so does EAGAIN, one call later.
enum until { ONCE, SHORT, UNTIL_EAGAIN };

// Serves a peer that can be read or written.
static inline void serve(int fd, enum until until) {
  if (rests[fd].length > 0 && !unblock(fd)) return;
  do {
    ssize_t count = recv(fd, buffer, ECHO_BYTES, 0);
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
    if (until == SHORT && count < ECHO_BYTES) return;
  } while (until != ONCE);
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
    if (!came(fd)) close(fd);
  }
}

static void open_listener(int port) {
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int on = 1;
  listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (listener == -1) fail("socket");
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr*)&address, sizeof address) == -1) fail("bind");
  if (listen(listener, SOMAXCONN) == -1) fail("listen");
}

static void say_where(void) {
  struct sockaddr_in address;
  socklen_t size = sizeof address;
  if (getsockname(listener, (struct sockaddr*)&address, &size) == -1) fail("getsockname");
  printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
  fflush(stdout);
}

// A descriptor that can be read once the server is to end.
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

static void prepare(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  room = 1024;
  rests = need(calloc(room, sizeof *rests));
  spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}
