// A load generator for echo servers. Every byte is checked against a pattern of its connection, its message and its
// place.
//
//   load HOST PORT --connections N --idle M --bytes B --seconds S [--warmup S] [--rate R] [--pid PID] [--steps]
//
// Opens M connections that will be silent, then N that talk; each is answered once before anything is measured. Closed
// loop: each connection sends a message and waits for its echo before it sends the next. With --rate, an open loop:
// R messages a second in all, each due at a time of its own; one that is due while its connection still waits for an
// echo is sent late, and its latency counts from when it was due: what a slow server makes others wait is not left out.
//
// Prints one line of JSON. With --pid, it says what the server used while it measured. With --steps, it prints `ready`
// once it has connected, then measures once for each line of its stdin, `SECONDS WARMUP`, until that ends. Ends with 1
// if a byte was lost or wrong, a connection failed, or the server closed a silent one.
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>

#include "generator.h"
#include "usage.h"

enum {
  MAXEVENTS = 1024,
  // One address has 28,232 ports, and the kernel looks the longer for a free one the more of them are taken.
  PER_ADDRESS = 500,
  // How many may be on their way at once: fewer than a server's queue of newcomers holds.
  AT_ONCE = 1000,
  GREETING = 64,
  CONNECT_SECONDS = 5,
  GREET_SECONDS = 5,
  DRAIN_SECONDS = 2,
  SPIN_NANOSECONDS = 2000000,
};

struct connection {
  int fd;  // -1: failed
  bool idle;
  bool waiting;
  uint64_t id;
  uint64_t message;
  size_t length;
  // Of the open loop: which of its turns is to be sent next.
  uint64_t turn;
  size_t sent, received;
  // When the message was sent, or, in the open loop, due.
  int64_t since;
  unsigned char *out, *in;
};

static int connections = 50, idle = 0, bytes = 64, server_pid = 0;
static double seconds = 2, warmup = 0.5, rate = 0;
static bool steps;
static int epfd;
static struct connection *all, *talkers;
static bool stopping, spinning;

static int64_t window_start, window_end, schedule_start;
// How many messages of the open loop have become due.
static uint64_t due;
static uint64_t messages, exchanged, wrong, lost, unsent;
// What the server held in memory before it had connections, and with them.
static int64_t memory_before, memory;
static int failures, idle_closed, waiting;
static struct histogram latency, lag;

static int64_t due_time(uint64_t number) { return schedule_start + (int64_t)((double)number * (double)SECOND / rate); }

static void lose(struct connection* connection) {
  if (connection->fd == -1) return;
  if (connection->idle && !connection->waiting) {
    idle_closed++;
  } else {
    failures++;
    if (connection->waiting) {
      lost += connection->length - connection->received;
      waiting--;
    }
  }
  connection->waiting = false;
  close(connection->fd);
  connection->fd = -1;
}

static void push(struct connection* connection) {
  while (connection->sent < connection->length) {
    ssize_t count =
        send(connection->fd, connection->out + connection->sent, connection->length - connection->sent, MSG_NOSIGNAL);
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

static void start_message(struct connection* connection, int64_t since) {
  fill(connection->out, (int)connection->length, connection->id, connection->message);
  connection->sent = connection->received = 0;
  connection->since = since;
  if (!connection->waiting) waiting++;
  connection->waiting = true;
  push(connection);
}

// The turn of a connection that is free. False when it is not due yet.
static bool take_turn(struct connection* connection) {
  uint64_t number = connection->turn * connections + (connection - talkers);
  if (number >= due) return false;
  connection->turn++;
  start_message(connection, due_time(number));
  return true;
}

static void finish_message(struct connection* connection) {
  int64_t time = now();
  wrong += count_wrong(connection->in, connection->out, (int)connection->length);
  connection->message++;
  exchanged++;
  bool measured = window_start != 0 && connection->since >= window_start;
  if (window_start != 0 && !stopping) messages++;
  // In the open loop, whatever was due in time counts, however late it comes.
  if (measured && (rate > 0 || !stopping)) histogram_record(&latency, time - connection->since);
  if (!connection->idle && !stopping) {
    if (rate == 0) {
      start_message(connection, time);
      return;
    }
    if (take_turn(connection)) return;
  }
  connection->waiting = false;
  waiting--;
}

static void pull(struct connection* connection, uint32_t events) {
  while (connection->fd != -1) {
    // Room for one byte more than was sent: what the server makes up must not pass for the next echo.
    size_t want = connection->waiting ? connection->length + 1 - connection->received : 1;
    ssize_t count = recv(connection->fd, connection->in + (connection->waiting ? connection->received : 0), want, 0);
    if (count == -1 && errno == EINTR) continue;
    if (count == -1 && errno == EAGAIN) return;
    if (count <= 0) {
      lose(connection);
      return;
    }
    connection->received += count;
    if (connection->received > connection->length || !connection->waiting || connection->received > connection->sent) {
      wrong += count;
      lose(connection);
      return;
    }
    if (connection->received == connection->length) finish_message(connection);
    if ((size_t)count < want && !(events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))) return;
  }
}

// Whether the server has another CPU to run on.
static bool has_own_cpu(void) {
  cpu_set_t own, both;
  if (sched_getaffinity(0, sizeof own, &own) == -1 || sched_getaffinity(server_pid, sizeof both, &both) == -1)
    return false;
  CPU_OR(&both, &both, &own);
  return CPU_COUNT(&both) > 1;
}

// Sends what has become due on connections that are free; the others send it once they are.
static void send_due(int64_t time) {
  for (int64_t at; (at = due_time(due)) <= time && at < window_end;) {
    struct connection* connection = &talkers[due++ % connections];
    if (connection->waiting || connection->fd == -1) continue;
    if (window_start != 0) histogram_record(&lag, time - at);
    take_turn(connection);
  }
}

// A thread that sleeps wakes up late, by tens of microseconds: where there is another CPU for the server, the last
// stretch is not slept.
static int wait_for(struct epoll_event* events, int64_t left) {
  if (rate == 0 || stopping) return epoll_wait(epfd, events, MAXEVENTS, (int)(left / 1000000) + 1);
  int64_t next = due_time(due) - now();
  if (next < left) left = next;
  if (left > 0 && (!spinning || left > SPIN_NANOSECONDS)) {
    if (spinning) left -= SPIN_NANOSECONDS;
    struct timespec time = {.tv_sec = left / SECOND, .tv_nsec = left % SECOND};
    ppoll(&(struct pollfd){.fd = epfd, .events = POLLIN}, 1, &time, NULL);
  }
  return epoll_wait(epfd, events, MAXEVENTS, 0);
}

static void run_until(int64_t end) {
  static struct epoll_event events[MAXEVENTS];
  for (;;) {
    int64_t time = now();
    if (time >= end || (stopping && waiting == 0) || idle_closed + failures == idle + connections) return;
    if (rate > 0 && !stopping) send_due(time);
    int count = wait_for(events, end - time);
    if (count == -1 && errno != EINTR) fail("epoll_wait");
    for (int i = 0; i < count; i++) {
      struct connection* connection = events[i].data.ptr;
      if (connection->fd != -1 && connection->waiting && connection->sent < connection->length) push(connection);
      pull(connection, events[i].events);
    }
  }
}

// Whoever got no answer in time has lost what it waits for.
static void drain(double patience) {
  stopping = true;
  run_until(now() + (int64_t)(patience * SECOND));
  for (int i = 0; i < idle + connections; i++) {
    if (all[i].waiting) lose(&all[i]);
  }
}

static void open_connection(struct connection* connection, const struct sockaddr_in* server, int number) {
  int on = 1;
  *connection = (struct connection){.id = number, .idle = number < idle};
  // A silent connection says little, once.
  connection->length = connection->idle && bytes > GREETING ? GREETING : bytes;
  connection->out = need(malloc(connection->length));
  connection->in = need(malloc(connection->length + 1));
  connection->fd = connect_from(INADDR_LOOPBACK + (uint32_t)number / PER_ADDRESS, server, CONNECT_SECONDS);
  if (connection->fd == -1) {
    failures++;
    return;
  }
  setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // Its end is a reset, which leaves nothing behind for whoever is measured next.
  setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
  if (fcntl(connection->fd, F_SETFL, fcntl(connection->fd, F_GETFL) | O_NONBLOCK) == -1) fail("fcntl");
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = connection};
  if (epoll_ctl(epfd, EPOLL_CTL_ADD, connection->fd, &event) == -1) fail("epoll_ctl");
}

// Every connection is used once: a server that has not accepted it, or cannot hold it, shows here. Some at a time, for
// a server's queue of newcomers is not without end.
static void open_all(const struct sockaddr_in* server) {
  all = need(calloc(idle + connections, sizeof *all));
  talkers = all + idle;
  for (int i = 0; i < idle + connections; i++) {
    open_connection(&all[i], server, i);
    if ((i + 1) % AT_ONCE != 0 && i + 1 < idle + connections) continue;
    for (int j = i - i % AT_ONCE; j <= i; j++) {
      if (all[j].fd != -1) start_message(&all[j], now());
    }
    drain(GREET_SECONDS);
  }
}

static void start_all(void) {
  stopping = false;
  messages = exchanged = unsent = due = 0;
  window_start = 0;
  latency = lag = (struct histogram){0};
  schedule_start = now();
  window_end = schedule_start + (int64_t)((warmup + seconds) * SECOND);
  for (int i = 0; i < connections; i++) {
    talkers[i].turn = 0;
    if (rate == 0 && talkers[i].fd != -1) start_message(&talkers[i], now());
  }
}

// What was due and never sent has waited at least until now: left out, it would flatter the server.
static void count_unsent(int64_t time) {
  for (int i = 0; i < connections; i++) {
    for (uint64_t turn = talkers[i].turn; turn * connections + i < due; turn++) {
      unsent++;
      if (due_time(turn * connections + i) >= window_start)
        histogram_record(&latency, time - due_time(turn * connections + i));
    }
  }
}

static void measure(void) {
  struct usage before = {0}, after = {0}, server_before = {0}, server_after = {0};
  start_all();
  run_until(now() + (int64_t)(warmup * SECOND));
  if (server_pid != 0) {
    count_switches(server_pid, &server_before);
    look(server_pid, &server_before);
  }
  look(getpid(), &before);
  window_start = before.at;
  window_end = before.at + (int64_t)(seconds * SECOND);
  run_until(window_end);
  look(getpid(), &after);
  if (server_pid != 0) look(server_pid, &server_after);
  // Nothing that became due in time is left out, though the generator itself may have been kept from its CPU.
  if (rate > 0) send_due(window_end);
  drain(DRAIN_SECONDS);
  count_unsent(now());
  if (server_pid != 0) count_switches(server_pid, &server_after);

  double measured = (double)(after.at - before.at) / SECOND;
  printf("{\"connections\":%d,\"idle\":%d,\"bytes\":%d,\"rate\":%g,\"messages\":%llu,\"exchanged\":%llu,", connections,
         idle, bytes, rate, (unsigned long long)messages, (unsigned long long)exchanged);
  printf("\"seconds\":%.6f,\"messagesPerSecond\":%.1f,", measured, (double)messages / measured);
  print_latency(&latency);
  print_usage(&before, &after);
  if (rate > 0) {
    printf("\"unsent\":%llu,\"lagMicroseconds\":{\"median\":%.2f,\"p99\":%.2f},", (unsigned long long)unsent,
           microseconds(&lag, 0.5), microseconds(&lag, 0.99));
  }
  if (server_pid != 0) {
    print_server_usage(&server_before, &server_after);
    printf("\"serverMemory\":%lld,\"serverMemoryBefore\":%lld,", (long long)memory, (long long)memory_before);
  }
  printf("\"bytesLost\":%llu,\"bytesWrong\":%llu,\"connectionFailures\":%d,\"idleClosed\":%d}\n",
         (unsigned long long)lost, (unsigned long long)wrong, failures, idle_closed);
  fflush(stdout);
}

static void usage(void) {
  fprintf(stderr,
          "usage: load HOST PORT --connections N --idle M --bytes B --seconds S [--warmup S] [--rate R] [--pid PID] "
          "[--steps]\n"
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
      {"rate", required_argument, NULL, 'r'},
      {"pid", required_argument, NULL, 'p'},
      {"steps", no_argument, NULL, 'x'},
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
      case 'r':
        rate = atof(optarg);
        if (!(rate > 0)) usage();
        break;
      case 'p':
        server_pid = atoi(optarg);
        break;
      case 'x':
        steps = true;
        break;
      default:
        usage();
    }
  }
  if (argc - optind != 2 || connections < 1 || idle < 0 || bytes < 1 || !(seconds > 0) || !(warmup >= 0)) usage();
  if (!parse_server(argv[optind], argv[optind + 1], server)) usage();
}

int main(int argc, char** argv) {
  struct sockaddr_in server = {0};
  parse(argc, argv, &server);
  signal(SIGPIPE, SIG_IGN);
  raise_limit();
  prctl(PR_SET_TIMERSLACK, 1UL);
  spinning = has_own_cpu();
  epfd = epoll_create1(EPOLL_CLOEXEC);
  if (epfd == -1) fail("epoll_create1");
  if (server_pid != 0) memory_before = resident(server_pid);
  open_all(&server);
  if (server_pid != 0) memory = resident(server_pid);
  if (steps) {
    puts("ready");
    fflush(stdout);
    for (char line[64]; fgets(line, sizeof line, stdin) != NULL;) {
      if (sscanf(line, "%lf %lf", &seconds, &warmup) != 2 || !(seconds > 0) || !(warmup >= 0)) usage();
      measure();
    }
  } else {
    measure();
  }
  return lost == 0 && wrong == 0 && failures == 0 && idle_closed == 0 ? 0 : 1;
}
