// A load generator for the coming and going of connections: each connects, sends one message, checks every byte of its
// echo and closes; the next one takes its place.
//
//   churn HOST PORT --connections N --bytes B --seconds S [--warmup S] --pid PID
//
// N connections are on their way at any time. The client closes first and in order, as most do: the server reads the
// end of the stream, and what is left to wait out (TIME_WAIT) stays on the client's side, spread over the 65,000
// addresses of 127.1.0.0/16, so that no port is missed. Prints one line of JSON. Ends with 1 if a byte was lost or
// wrong, a connection failed, or the server did not close all that had been opened to it.
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <sys/epoll.h>

#include "generator.h"
#include "usage.h"

enum { MAXEVENTS = 1024, CONNECT_SECONDS = 5, DRAIN_SECONDS = 2, FIRST_ADDRESS = 0x7f010001, ADDRESSES = 65000 };

struct connection {
  int fd;
  size_t received;
  int64_t since;
  unsigned char *out, *in;
};

static int connections = 50, bytes = 64, server_pid = 0;
static double seconds = 2, warmup = 0.5;
static struct sockaddr_in server;
static int epfd;
static struct connection* all;
static bool stopping;

static int64_t window_start;
static uint64_t opened, exchanged, measured, wrong, lost;
static int failures, open_now;
static struct histogram latency;

static void end_connection(struct connection* connection) {
  close(connection->fd);
  connection->fd = -1;
  open_now--;
}

// A message fits into any send buffer: it goes at once, before the server has even accepted.
static bool start_connection(struct connection* connection) {
  uint64_t number = opened++;
  connection->since = now();
  connection->received = 0;
  connection->fd = connect_from(FIRST_ADDRESS + (uint32_t)(number % ADDRESSES), &server, CONNECT_SECONDS);
  if (connection->fd == -1) {
    failures++;
    return false;
  }
  open_now++;
  fill(connection->out, bytes, number, 0);
  struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = connection};
  if (send(connection->fd, connection->out, bytes, MSG_NOSIGNAL) != bytes ||
      epoll_ctl(epfd, EPOLL_CTL_ADD, connection->fd, &event) == -1) {
    failures++;
    end_connection(connection);
    return false;
  }
  return true;
}

static void serve(struct connection* connection) {
  // Room for one byte more than was sent: what the server makes up shows.
  ssize_t count =
      recv(connection->fd, connection->in + connection->received, bytes + 1 - connection->received, MSG_DONTWAIT);
  if (count == -1 && (errno == EAGAIN || errno == EINTR)) return;
  if (count > 0) connection->received += count;
  if (count > 0 && connection->received < (size_t)bytes) return;
  int64_t time = now();
  if (count <= 0) {
    failures++;
    lost += bytes - connection->received;
  } else if (connection->received > (size_t)bytes) {
    wrong += connection->received - bytes;
  } else {
    wrong += count_wrong(connection->in, connection->out, bytes);
    exchanged++;
  }
  end_connection(connection);
  if (window_start != 0 && !stopping) {
    measured++;
    if (connection->since >= window_start) histogram_record(&latency, time - connection->since);
  }
  if (!stopping) start_connection(connection);
}

static void run_until(int64_t end) {
  static struct epoll_event events[MAXEVENTS];
  for (;;) {
    int64_t left = end - now();
    if (left <= 0 || open_now == 0) return;
    int count = epoll_wait(epfd, events, MAXEVENTS, (int)(left / 1000000) + 1);
    if (count == -1 && errno != EINTR) fail("epoll_wait");
    for (int i = 0; i < count; i++) serve(events[i].data.ptr);
  }
}

// How many descriptors the server has for itself: before it has answered somebody, it may still open some.
static int own_descriptors(struct connection* first) {
  if (!start_connection(first)) return 0;
  struct timeval limit = {.tv_sec = CONNECT_SECONDS};
  setsockopt(first->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ssize_t count = recv(first->fd, first->in, bytes, MSG_WAITALL);
  int own = descriptors_of(server_pid) - 1;
  if (count == bytes) {
    wrong += count_wrong(first->in, first->out, bytes);
  } else {
    lost += count > 0 ? bytes - count : bytes;
  }
  end_connection(first);
  return own;
}

static void usage(void) {
  fprintf(stderr,
          "usage: churn HOST PORT --connections N --bytes B --seconds S [--warmup S] --pid PID\n"
          "HOST is an address of 127.0.0.0/8, B at most 4096\n");
  exit(2);
}

static void parse(int argc, char** argv) {
  static const struct option options[] = {
      {"connections", required_argument, NULL, 'c'}, {"bytes", required_argument, NULL, 'b'},
      {"seconds", required_argument, NULL, 's'},     {"warmup", required_argument, NULL, 'w'},
      {"pid", required_argument, NULL, 'p'},         {NULL, 0, NULL, 0},
  };
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
    switch (option) {
      case 'c':
        connections = atoi(optarg);
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
  if (argc - optind != 2 || connections < 1 || bytes < 1 || bytes > 4096 || !(seconds > 0) || !(warmup >= 0)) usage();
  if (server_pid < 1 || !parse_server(argv[optind], argv[optind + 1], &server)) usage();
}

int main(int argc, char** argv) {
  parse(argc, argv);
  signal(SIGPIPE, SIG_IGN);
  raise_limit();
  epfd = epoll_create1(EPOLL_CLOEXEC);
  if (epfd == -1) fail("epoll_create1");
  all = need(calloc(connections, sizeof *all));
  for (int i = 0; i < connections; i++) {
    all[i] = (struct connection){.fd = -1, .out = need(malloc(bytes)), .in = need(malloc(bytes + 1))};
  }
  int descriptors = own_descriptors(&all[0]);
  for (int i = 0; i < connections; i++) start_connection(&all[i]);
  run_until(now() + (int64_t)(warmup * SECOND));
  struct usage before = {0}, after = {0}, server_before = {0}, server_after = {0};
  count_switches(server_pid, &server_before);
  look(server_pid, &server_before);
  look(getpid(), &before);
  window_start = before.at;
  run_until(window_start + (int64_t)(seconds * SECOND));
  look(getpid(), &after);
  look(server_pid, &server_after);
  stopping = true;
  run_until(now() + DRAIN_SECONDS * SECOND);
  count_switches(server_pid, &server_after);
  for (int i = 0; i < connections; i++) {
    if (all[i].fd == -1) continue;
    lost += bytes - all[i].received;
    end_connection(&all[i]);
  }
  int left = left_open(server_pid, descriptors, DRAIN_SECONDS);

  double time = (double)(after.at - before.at) / SECOND;
  printf("{\"connections\":%d,\"bytes\":%d,\"opened\":%llu,\"exchanged\":%llu,\"measured\":%llu,\"seconds\":%.6f,",
         connections, bytes, (unsigned long long)opened, (unsigned long long)exchanged, (unsigned long long)measured,
         time);
  printf("\"connectionsPerSecond\":%.1f,", (double)measured / time);
  print_latency(&latency);
  print_usage(&before, &after);
  print_server_usage(&server_before, &server_after);
  printf("\"bytesLost\":%llu,\"bytesWrong\":%llu,\"connectionFailures\":%d,\"leftOpen\":%d}\n",
         (unsigned long long)lost, (unsigned long long)wrong, failures, left);
  return lost == 0 && wrong == 0 && failures == 0 && left == 0 ? 0 : 1;
}
