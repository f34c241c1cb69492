// A closed-loop load generator for echo servers: each connection sends a message and waits for its echo before it sends
// the next. Every byte is checked against a pattern of its connection, its message and its place.
//
//   load HOST PORT --connections N --idle M --bytes B --seconds S [--warmup S] [--pid PID]
//
// Opens M connections that stay silent, then N that talk; loopback only. Prints one line of JSON. With --pid, it says
// what CPU time the server used while it measured, and how long it waited for one. Ends with 1 if a byte was lost or
// wrong or a connection failed.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <math.h>
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
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
  MAXEVENTS = 1024,
  // Below the 28,232 ports that Linux gives to one address by default.
  PER_ADDRESS = 20000,
  CONNECT_SECONDS = 5,
  DRAIN_SECONDS = 2,
};

static const int64_t SECOND = 1000000000;

struct connection {
  int fd;  // -1: failed
  bool idle;
  bool waiting;
  uint64_t id;
  uint64_t message;
  size_t sent, received;
  int64_t since;
  unsigned char *out, *in;
};

static int connections = 50, idle = 0, bytes = 64, server_pid = 0;
static double seconds = 2, warmup = 0.5;
static int epfd;
static struct connection* all;
static bool stopping;

static int64_t window_start = INT64_MAX;
static uint64_t messages, wrong, lost;
static int failures, idle_closed, waiting;

static void fail(const char* what) {
  perror(what);
  exit(2);
}

static void* need(void* memory) {
  if (memory == NULL) fail("malloc");
  return memory;
}

static int64_t read_clock(clockid_t clock) {
  struct timespec time;
  if (clock_gettime(clock, &time) == -1) fail("clock_gettime");
  return time.tv_sec * SECOND + time.tv_nsec;
}

static int64_t now(void) { return read_clock(CLOCK_MONOTONIC); }

// A log histogram, as HdrHistogram's: 64 steps for each power of two, so that a value is known to 1.6 %.
enum { STEPS = 64, STEP_BITS = 6, BUCKETS = (64 - STEP_BITS + 1) * STEPS };
static uint64_t histogram[BUCKETS];

static int bucket_of(uint64_t value) {
  if (value < STEPS) return (int)value;
  int exponent = 63 - __builtin_clzll(value) - STEP_BITS;
  return (exponent + 1) * STEPS + (int)(value >> exponent) - STEPS;
}

static double middle_of(int bucket) {
  if (bucket < STEPS) return bucket;
  int exponent = bucket / STEPS - 1;
  return ldexp(bucket % STEPS + STEPS + 0.5, exponent);
}

static double percentile(double part) {
  uint64_t total = 0, seen = 0;
  for (int i = 0; i < BUCKETS; i++) total += histogram[i];
  for (int i = 0; i < BUCKETS; i++) {
    seen += histogram[i];
    if (seen > 0 && (double)seen >= part * (double)total) return middle_of(i);
  }
  return 0;
}

// splitmix64: neighbouring connections and messages get unlike patterns.
static uint64_t mix(uint64_t x) {
  x += UINT64_C(0x9e3779b97f4a7c15);
  x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
  return x ^ (x >> 31);
}

static void fill(struct connection* connection) {
  uint64_t seed = mix(connection->id << 40 ^ connection->message);
  int at = 0;
  for (; at + 8 <= bytes; at += 8) {
    uint64_t word = (seed + at) * UINT64_C(0x9e3779b97f4a7c15);
    memcpy(connection->out + at, &word, 8);
  }
  for (; at < bytes; at++) connection->out[at] = (unsigned char)((seed + at) * 167 >> 3);
}

static void lose(struct connection* connection) {
  if (connection->fd == -1) return;
  if (connection->idle) {
    idle_closed++;
  } else {
    failures++;
    if (connection->waiting) {
      lost += bytes - connection->received;
      waiting--;
    }
  }
  connection->waiting = false;
  close(connection->fd);
  connection->fd = -1;
}

static void push(struct connection* connection) {
  while (connection->sent < (size_t)bytes) {
    ssize_t count = send(connection->fd, connection->out + connection->sent, bytes - connection->sent, MSG_NOSIGNAL);
    if (count >= 0) {
      connection->sent += count;
    } else if (errno == EAGAIN) {
      return;
    } else if (errno != EINTR) {
      lose(connection);
      return;
    }
  }
}

static void start_message(struct connection* connection, int64_t time) {
  fill(connection);
  connection->sent = connection->received = 0;
  connection->since = time;
  if (!connection->waiting) waiting++;
  connection->waiting = true;
  push(connection);
}

static void check(const struct connection* connection) {
  if (memcmp(connection->in, connection->out, bytes) == 0) return;
  for (int i = 0; i < bytes; i++) wrong += connection->in[i] != connection->out[i];
}

static void finish_message(struct connection* connection) {
  int64_t time = now();
  check(connection);
  connection->message++;
  if (!stopping && time >= window_start) {
    messages++;
    histogram[bucket_of(time - connection->since)]++;
  }
  if (stopping) {
    connection->waiting = false;
    waiting--;
  } else {
    start_message(connection, time);
  }
}

static void pull(struct connection* connection, uint32_t events) {
  while (connection->fd != -1) {
    // Room for one byte more than was sent: what the server makes up must not pass for the next echo.
    size_t want = bytes + 1 - connection->received;
    ssize_t count = recv(connection->fd, connection->in + connection->received, want, 0);
    if (count == -1 && errno == EINTR) continue;
    if (count == -1 && errno == EAGAIN) return;
    if (count <= 0) {
      lose(connection);
      return;
    }
    connection->received += count;
    if (connection->received > (size_t)bytes || !connection->waiting || connection->received > connection->sent) {
      wrong += count;
      lose(connection);
      return;
    }
    if (connection->received == (size_t)bytes) finish_message(connection);
    if ((size_t)count < want && !(events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))) return;
  }
}

static void run_until(int64_t end) {
  static struct epoll_event events[MAXEVENTS];
  for (;;) {
    int64_t left = end - now();
    if (left <= 0 || (stopping && waiting == 0) || idle_closed + failures == idle + connections) return;
    int count = epoll_wait(epfd, events, MAXEVENTS, (int)(left / 1000000) + 1);
    if (count == -1 && errno != EINTR) fail("epoll_wait");
    for (int i = 0; i < count; i++) {
      struct connection* connection = events[i].data.ptr;
      if (connection->fd != -1 && connection->waiting && connection->sent < (size_t)bytes) push(connection);
      pull(connection, events[i].events);
    }
  }
}

static int open_connection(struct sockaddr_in* server, int number) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd == -1) return -1;
  int on = 1;
  struct timeval limit = {.tv_sec = CONNECT_SECONDS};
  struct sockaddr_in source = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)number / PER_ADDRESS)};
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  if (bind(fd, (struct sockaddr*)&source, sizeof source) == -1 ||
      connect(fd, (struct sockaddr*)server, sizeof *server) == -1 ||
      fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == -1) {
    close(fd);
    return -1;
  }
  return fd;
}

static void open_all(struct sockaddr_in* server) {
  all = need(calloc(idle + connections, sizeof *all));
  for (int i = 0; i < idle + connections; i++) {
    struct connection* connection = &all[i];
    connection->id = i;
    connection->idle = i < idle;
    connection->out = connection->idle ? NULL : need(malloc(bytes));
    // A silent connection still has room for a byte that should not come.
    connection->in = need(malloc(bytes + 1));
    connection->fd = open_connection(server, i);
    if (connection->fd == -1) {
      failures++;
      continue;
    }
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = connection};
    if (connection->idle) event.events &= ~EPOLLOUT;
    if (epoll_ctl(epfd, EPOLL_CTL_ADD, connection->fd, &event) == -1) fail("epoll_ctl");
  }
}

// The CPU clock of the whole server, to the nanosecond; /proc/PID/stat has ticks of 10 ms.
static int64_t server_cpu(void) {
  clockid_t clock;
  if (server_pid == 0) return 0;
  errno = clock_getcpuclockid(server_pid, &clock);
  if (errno != 0) fail("clock_getcpuclockid");
  return read_clock(clock);
}

// How long a process's main thread has been ready to run and had to wait for a CPU: a machine that is busy with
// something else shows here.
static int64_t waited(int pid) {
  char path[64];
  long long ran, wait;
  snprintf(path, sizeof path, "/proc/%d/schedstat", pid);
  FILE* file = fopen(path, "re");
  if (file == NULL || fscanf(file, "%lld %lld", &ran, &wait) != 2) wait = 0;
  if (file != NULL) fclose(file);
  return wait;
}

static void usage(void) {
  fprintf(stderr,
          "usage: load HOST PORT --connections N --idle M --bytes B --seconds S [--warmup S] [--pid PID]\n"
          "HOST is an address of 127.0.0.0/8\n");
  exit(2);
}

static void parse(int argc, char** argv, struct sockaddr_in* server) {
  static const struct option options[] = {
      {"connections", required_argument, NULL, 'c'},
      {"idle", required_argument, NULL, 'i'},
      {"bytes", required_argument, NULL, 'b'},
      {"seconds", required_argument, NULL, 's'},
      {"warmup", required_argument, NULL, 'w'},
      {"pid", required_argument, NULL, 'p'},
      {NULL, 0, NULL, 0},
  };
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
    switch (option) {
      case 'c':
        connections = atoi(optarg);
        break;
      case 'i':
        idle = atoi(optarg);
        break;
      case 'b':
        bytes = atoi(optarg);
        break;
      case 's':
        seconds = atof(optarg);
        break;
      case 'w':
        warmup = atof(optarg);
        break;
      case 'p':
        server_pid = atoi(optarg);
        break;
      default:
        usage();
    }
  }
  if (argc - optind != 2 || connections < 1 || idle < 0 || bytes < 1 || !(seconds > 0) || !(warmup >= 0)) usage();
  server->sin_family = AF_INET;
  server->sin_port = htons(atoi(argv[optind + 1]));
  if (inet_pton(AF_INET, argv[optind], &server->sin_addr) != 1 || ntohl(server->sin_addr.s_addr) >> 24 != 127) usage();
}

int main(int argc, char** argv) {
  struct sockaddr_in server = {0};
  parse(argc, argv, &server);
  signal(SIGPIPE, SIG_IGN);
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  epfd = epoll_create1(EPOLL_CLOEXEC);
  if (epfd == -1) fail("epoll_create1");
  open_all(&server);

  for (int i = idle; i < idle + connections; i++) {
    if (all[i].fd != -1) start_message(&all[i], now());
  }
  run_until(now() + (int64_t)(warmup * SECOND));
  int64_t wait_before = waited(getpid()), server_wait_before = waited(server_pid);
  int64_t server_before = server_cpu();
  int64_t own_before = read_clock(CLOCK_PROCESS_CPUTIME_ID);
  int64_t start = window_start = now();
  run_until(start + (int64_t)(seconds * SECOND));
  double measured = (double)(now() - start) / SECOND;
  double own_cpu = (double)(read_clock(CLOCK_PROCESS_CPUTIME_ID) - own_before) / SECOND;
  double used = (double)(server_cpu() - server_before) / SECOND;
  double wait = (double)(waited(getpid()) - wait_before) / SECOND;
  double server_wait = (double)(waited(server_pid) - server_wait_before) / SECOND;

  stopping = true;
  run_until(now() + DRAIN_SECONDS * SECOND);
  for (int i = idle; i < idle + connections; i++) {
    if (all[i].fd != -1 && all[i].waiting) lost += bytes - all[i].received;
  }

  printf("{\"connections\":%d,\"idle\":%d,\"bytes\":%d,\"messages\":%llu,\"seconds\":%.6f,\"messagesPerSecond\":%.1f,",
         connections, idle, bytes, (unsigned long long)messages, measured, (double)messages / measured);
  printf("\"latencyMicroseconds\":{\"median\":%.2f,\"p99\":%.2f,\"p999\":%.2f},", percentile(0.5) / 1000,
         percentile(0.99) / 1000, percentile(0.999) / 1000);
  printf("\"cpuSeconds\":%.6f,\"cpuShare\":%.4f,\"waitShare\":%.4f,", own_cpu, own_cpu / measured, wait / measured);
  if (server_pid != 0) {
    printf("\"serverCpuSeconds\":%.6f,\"serverCpuShare\":%.4f,\"serverWaitShare\":%.4f,", used, used / measured,
           server_wait / measured);
  }
  printf("\"bytesLost\":%llu,\"bytesWrong\":%llu,\"connectionFailures\":%d,\"idleClosed\":%d}\n",
         (unsigned long long)lost, (unsigned long long)wrong, failures, idle_closed);
  return lost == 0 && wrong == 0 && failures == 0 && idle_closed == 0 ? 0 : 1;
}
