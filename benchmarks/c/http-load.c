// A closed-loop load generator for HTTP servers: each connection asks for one page, waits for all of the answer and
// asks again. Of every answer the status, the length and each byte of the body are checked.
//
//   http-load HOST PORT --path PATH --body FILE --connections N --seconds S [--warmup S] [--least N] [--setup S]
//             [--close] [--pid PID]
//   http-load --pid PID -- COMMAND [ARGS]
//
// --body      what the page is to be
// --least     how many answers are measured, however long they take (1): where a server begins all connections with a
//             process each, they end at about the same time, and a window between two such times would see none
// --setup     how long the connections may take until each has had its first answer; the measuring begins when all
//             have, or when this time is over (10 s). Nor are the least answers waited for any longer
// --close     a connection for each request, instead of one for all
// --pid       whose CPU time and memory are told: the process's, its children's and theirs
//
// The second form runs another generator, and tells what the server used meanwhile. Loopback only. Prints one line of
// JSON, after what the command prints. Ends with 1 if an answer was wrong or a connection failed.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "generator.h"

enum {
  MAXEVENTS = 1024,
  HEADER = 8192,
  PIECE = 65536,
  // Connections come from so many addresses in turn: one address has 28,232 ports, and each rests for a minute.
  ADDRESSES = 8,
};

struct connection {
  int fd;  // -1: failed
  bool connecting, served;
  size_t sent;
  // Of the answer: its header as far as it has come, then how much of the body.
  char header[HEADER];
  size_t header_length;
  bool in_body;
  uint64_t body_received;
  int64_t since;
  uint64_t answers;
};

static int connections = 50, least = 1;
static double seconds = 2, warmup = 0.2, setup = 10;
static bool one_each;
static pid_t server_pid;
static const char *path = "/", *body_file;
static struct sockaddr_in server;

static char request[4096];
static size_t request_length;
static char* body;
static size_t body_length;

static int epfd;
static struct connection* all;
static struct histogram latencies;
static bool measuring;
static uint64_t requests, wrong, failures, opened;
static int served;
static char why[160];

// What a server has used: itself, its children and theirs.
struct usage {
  int64_t cpu;
  int64_t memory;
  int64_t waited;
  int processes;
};

static bool read_file(const char* name, char* text, size_t room) {
  int fd = open(name, O_RDONLY | O_CLOEXEC);
  if (fd == -1) return false;
  ssize_t length = read(fd, text, room - 1);
  close(fd);
  if (length < 0) return false;
  text[length] = '\0';
  return true;
}

// The CPU clock of a process knows its threads that have ended, too, to the nanosecond. What its children used that
// have ended is in ticks.
static void add_cpu(pid_t pid, struct usage* usage) {
  clockid_t clock;
  struct timespec time;
  char name[64], text[1024];
  if (clock_getcpuclockid(pid, &clock) == 0 && clock_gettime(clock, &time) == 0) {
    usage->cpu += time.tv_sec * SECOND + time.tv_nsec;
  }
  snprintf(name, sizeof name, "/proc/%d/stat", pid);
  if (!read_file(name, text, sizeof text)) return;
  const char* after = strrchr(text, ')');
  long user = 0, system = 0;
  if (after == NULL) return;
  if (sscanf(after, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %ld %ld", &user, &system) == 2) {
    usage->cpu += (user + system) * (SECOND / sysconf(_SC_CLK_TCK));
  }
}

// Memory that processes share is counted once.
static int64_t memory_of(pid_t pid) {
  char name[64], text[4096];
  long long kilobytes = 0;
  snprintf(name, sizeof name, "/proc/%d/smaps_rollup", pid);
  const char* line = read_file(name, text, sizeof text) ? strstr(text, "\nPss:") : NULL;
  if (line != NULL) sscanf(line, "\nPss: %lld", &kilobytes);
  return kilobytes * 1024;
}

static void add_tree(pid_t pid, bool memory, struct usage* usage) {
  char name[64];
  usage->processes++;
  add_cpu(pid, usage);
  if (memory) usage->memory += memory_of(pid);
  snprintf(name, sizeof name, "/proc/%d/task/%d/children", pid, pid);
  FILE* file = fopen(name, "re");
  if (file == NULL) return;
  for (int child; fscanf(file, "%d", &child) == 1;) add_tree(child, memory, usage);
  fclose(file);
}

// How long a process's main thread has been ready to run and had to wait for a CPU.
static int64_t waited(pid_t pid) {
  char name[64], text[128];
  long long wait = 0;
  snprintf(name, sizeof name, "/proc/%d/schedstat", pid);
  if (read_file(name, text, sizeof text)) sscanf(text, "%*d %lld", &wait);
  return wait;
}

static struct usage usage_of(pid_t pid, bool memory) {
  struct usage usage = {0};
  if (pid == 0) return usage;
  add_tree(pid, memory, &usage);
  usage.waited = waited(pid);
  return usage;
}

static void lose(struct connection* connection, const char* reason) {
  failures++;
  if (why[0] == '\0') snprintf(why, sizeof why, "%s", reason);
  close(connection->fd);
  connection->fd = -1;
}

static void reject(struct connection* connection, const char* reason) {
  wrong++;
  lose(connection, reason);
}

static void push(struct connection* connection) {
  while (connection->sent < request_length) {
    ssize_t count = send(connection->fd, request + connection->sent, request_length - connection->sent, MSG_NOSIGNAL);
    if (count >= 0) {
      connection->sent += count;
    } else if (errno == EAGAIN) {
      return;
    } else if (errno != EINTR) {
      lose(connection, strerror(errno));
      return;
    }
  }
}

static void ask(struct connection* connection) {
  connection->sent = connection->header_length = connection->body_received = 0;
  connection->in_body = false;
  push(connection);
}

static void open_connection(struct connection* connection) {
  struct sockaddr_in source = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(opened++ % ADDRESSES))};
  int on = 1;
  connection->since = now();
  connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (connection->fd == -1) fail("socket");
  setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(connection->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  if (bind(connection->fd, (struct sockaddr*)&source, sizeof source) == -1) fail("bind");
  if (connect(connection->fd, (struct sockaddr*)&server, sizeof server) == -1 && errno != EINPROGRESS) {
    lose(connection, strerror(errno));
    return;
  }
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = connection};
  if (epoll_ctl(epfd, EPOLL_CTL_ADD, connection->fd, &event) == -1) fail("epoll_ctl");
  connection->connecting = true;
}

static void finish_answer(struct connection* connection) {
  int64_t time = now();
  if (!connection->served) {
    connection->served = true;
    served++;
  }
  if (measuring) {
    requests++;
    connection->answers++;
    histogram_record(&latencies, (uint64_t)(time - connection->since));
  }
  connection->header_length = 0;
  connection->in_body = false;
  if (one_each) {
    // The server closes first, as it was asked to; whoever does, its port rests.
    shutdown(connection->fd, SHUT_WR);
    close(connection->fd);
    connection->fd = -1;
    open_connection(connection);
  } else {
    connection->since = time;
    ask(connection);
  }
}

// Looks at a header that has come whole. What is not as it should be is said, and NULL otherwise.
static const char* check_header(const char* header) {
  if (strncmp(header, "HTTP/1.1 200 ", 13) != 0) return "the status is not 200";
  const char* length = NULL;
  for (const char* line = strstr(header, "\r\n"); line != NULL; line = strstr(line + 2, "\r\n")) {
    if (strncasecmp(line + 2, "content-length:", 15) != 0) continue;
    if (length != NULL) return "two lengths";
    length = line + 17;
  }
  if (length == NULL) return "no length";
  char* end;
  unsigned long long told = strtoull(length, &end, 10);
  return told == body_length && *end == '\r' ? NULL : "the length is another page's";
}

// Takes a part of an answer. Returns how much of it was taken: less than all is the beginning of what nobody asked for.
static ssize_t take(struct connection* connection, const char* bytes, size_t length) {
  size_t taken = 0;
  if (!connection->in_body) {
    size_t room = HEADER - 1 - connection->header_length;
    size_t before = connection->header_length;
    size_t copied = length < room ? length : room;
    memcpy(connection->header + before, bytes, copied);
    connection->header_length += copied;
    connection->header[connection->header_length] = '\0';
    const char* end = strstr(connection->header, "\r\n\r\n");
    if (end == NULL) {
      if (copied == room) return -1;
      return (ssize_t)copied;
    }
    size_t header = (size_t)(end - connection->header) + 4;
    connection->header[header - 2] = '\0';
    const char* reason = check_header(connection->header);
    if (reason != NULL) {
      reject(connection, reason);
      return -1;
    }
    connection->in_body = true;
    connection->body_received = 0;
    taken = header - before;
  }
  size_t rest = length - taken, left = body_length - connection->body_received;
  size_t of_body = rest < left ? rest : left;
  if (memcmp(bytes + taken, body + connection->body_received, of_body) != 0) {
    reject(connection, "the body is another page's");
    return -1;
  }
  connection->body_received += of_body;
  return (ssize_t)(taken + of_body);
}

static void pull(struct connection* connection, uint32_t events) {
  static char piece[PIECE];
  while (connection->fd != -1) {
    ssize_t count = recv(connection->fd, piece, sizeof piece, 0);
    if (count == -1 && errno == EINTR) continue;
    if (count == -1 && errno == EAGAIN) return;
    if (count <= 0) {
      lose(connection, count == 0 ? "the connection ended early" : strerror(errno));
      return;
    }
    if (connection->sent < request_length) {
      reject(connection, "an answer that nobody asked for");
      return;
    }
    ssize_t taken = take(connection, piece, (size_t)count);
    if (taken < 0) {
      if (connection->fd != -1) reject(connection, "a header without end");
      return;
    }
    if (taken < count) {
      reject(connection, "more than the page");
      return;
    }
    int fd = connection->fd;
    if (connection->in_body && connection->body_received == body_length) finish_answer(connection);
    // It may be another connection by now.
    if (connection->fd != fd || connection->connecting) return;
    // An end that was told with these bytes is not told again.
    if ((size_t)count < sizeof piece && !(events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))) return;
  }
}

static void run_until(int64_t end, bool until_served) {
  static struct epoll_event events[MAXEVENTS];
  for (;;) {
    int64_t left = end - now();
    if (left <= 0 || (until_served && served == connections) || failures >= (uint64_t)connections) return;
    int count = epoll_wait(epfd, events, MAXEVENTS, (int)(left / 1000000) + 1);
    if (count == -1 && errno != EINTR) fail("epoll_wait");
    for (int i = 0; i < count; i++) {
      struct connection* connection = events[i].data.ptr;
      if (connection->fd == -1) continue;
      if (connection->connecting && events[i].events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) {
        int error = 0;
        socklen_t length = sizeof error;
        getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &length);
        connection->connecting = false;
        if (error != 0) {
          lose(connection, strerror(error));
          continue;
        }
        ask(connection);
      } else if (connection->sent < request_length) {
        push(connection);
      }
      if (connection->fd != -1 && !connection->connecting) pull(connection, events[i].events);
    }
  }
}

static void explain_usage(void) {
  fprintf(stderr,
          "usage: http-load HOST PORT --path PATH --body FILE --connections N --seconds S [--warmup S] [--least N]\n"
          "                 [--setup S] [--close] [--pid PID]\n"
          "       http-load --pid PID -- COMMAND [ARGS]\n"
          "HOST is an address of 127.0.0.0/8\n");
  exit(2);
}

static void parse(int argc, char** argv) {
  static const struct option options[] = {
      {"path", required_argument, NULL, 'p'},        {"body", required_argument, NULL, 'b'},
      {"connections", required_argument, NULL, 'c'}, {"seconds", required_argument, NULL, 's'},
      {"warmup", required_argument, NULL, 'w'},      {"least", required_argument, NULL, 'l'},
      {"setup", required_argument, NULL, 'u'},       {"close", no_argument, NULL, 'o'},
      {"pid", required_argument, NULL, 'i'},         {NULL, 0, NULL, 0},
  };
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
    switch (option) {
      case 'p':
        path = optarg;
        break;
      case 'b':
        body_file = optarg;
        break;
      case 'c':
        connections = atoi(optarg);
        break;
      case 's':
        seconds = atof(optarg);
        break;
      case 'w':
        warmup = atof(optarg);
        break;
      case 'l':
        least = atoi(optarg);
        break;
      case 'u':
        setup = atof(optarg);
        break;
      case 'o':
        one_each = true;
        break;
      case 'i':
        server_pid = atoi(optarg);
        break;
      default:
        explain_usage();
    }
  }
}

static void parse_request(int argc, char** argv) {
  bool right = argc - optind == 2 && body_file != NULL && path[0] == '/' && connections >= 1;
  if (!right || !(seconds > 0) || !(warmup >= 0) || least < 1 || !(setup >= 0)) explain_usage();
  if (!parse_server(argv[optind], argv[optind + 1], &server)) explain_usage();
  int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s:%s\r\n%s\r\n", path, argv[optind],
                        argv[optind + 1], one_each ? "Connection: close\r\n" : "");
  if (length < 0 || (size_t)length >= sizeof request) explain_usage();
  request_length = (size_t)length;
}

static void read_body(void) {
  int fd = open(body_file, O_RDONLY | O_CLOEXEC);
  off_t length = fd == -1 ? -1 : lseek(fd, 0, SEEK_END);
  if (length == -1 || lseek(fd, 0, SEEK_SET) == -1) fail(body_file);
  body_length = (size_t)length;
  body = need(malloc(body_length + 1));
  for (size_t got = 0; got < body_length;) {
    ssize_t count = read(fd, body + got, body_length - got);
    if (count <= 0) fail(body_file);
    got += (size_t)count;
  }
  close(fd);
}

// Jain's index: 1 when all connections got as much, 1/n when one got everything.
static double fairness(void) {
  double sum = 0, squares = 0;
  for (int i = 0; i < connections; i++) {
    double answers = (double)all[i].answers;
    sum += answers;
    squares += answers * answers;
  }
  return squares == 0 ? 0 : sum * sum / (connections * squares);
}

static void print_server(struct usage before, struct usage after, double measured) {
  printf("\"serverCpuSeconds\":%.6f,\"serverWaitShare\":%.4f,\"serverMemory\":%lld,\"serverProcesses\":%d",
         (double)(after.cpu - before.cpu) / SECOND, (double)(after.waited - before.waited) / SECOND / measured,
         (long long)after.memory, after.processes);
}

static int run_command(char** command) {
  struct usage before = usage_of(server_pid, false);
  int64_t start = now();
  fflush(stdout);
  pid_t pid = fork();
  if (pid == -1) fail("fork");
  if (pid == 0) {
    execvp(command[0], command);
    fail(command[0]);
  }
  int status;
  struct rusage own;
  while (wait4(pid, &status, 0, &own) == -1) {
    if (errno != EINTR) fail("wait4");
  }
  double measured = (double)(now() - start) / SECOND;
  struct usage after = usage_of(server_pid, false);
  after.memory = usage_of(server_pid, true).memory;
  double cpu =
      (double)(own.ru_utime.tv_sec + own.ru_stime.tv_sec) + (double)(own.ru_utime.tv_usec + own.ru_stime.tv_usec) / 1e6;
  printf("{\"seconds\":%.6f,\"cpuSeconds\":%.6f,", measured, cpu);
  print_server(before, after, measured);
  printf("}\n");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char** argv) {
  parse(argc, argv);
  if (argc > optind && strcmp(argv[optind - 1], "--") == 0) return run_command(argv + optind);
  parse_request(argc, argv);
  read_body();
  signal(SIGPIPE, SIG_IGN);
  raise_limit();
  epfd = epoll_create1(EPOLL_CLOEXEC);
  if (epfd == -1) fail("epoll_create1");
  all = need(calloc((size_t)connections, sizeof *all));

  int64_t begin = now();
  for (int i = 0; i < connections; i++) open_connection(&all[i]);
  run_until(begin + (int64_t)(setup * SECOND), true);
  bool ready = served == connections;
  double setup_seconds = (double)(now() - begin) / SECOND;
  run_until(now() + (int64_t)(warmup * SECOND), false);

  int64_t wait_before = waited(getpid());
  struct usage before = usage_of(server_pid, false);
  int64_t own_before = read_clock(CLOCK_PROCESS_CPUTIME_ID), start = now();
  measuring = true;
  run_until(start + (int64_t)(seconds * SECOND), false);
  while (requests < (uint64_t)least && failures == 0 && now() < start + (int64_t)(setup * SECOND))
    run_until(now() + SECOND / 1000, false);
  double measured = (double)(now() - start) / SECOND;
  measuring = false;
  double own_cpu = (double)(read_clock(CLOCK_PROCESS_CPUTIME_ID) - own_before) / SECOND;
  double wait = (double)(waited(getpid()) - wait_before) / SECOND;
  struct usage after = usage_of(server_pid, false);
  after.memory = usage_of(server_pid, true).memory;
  int answered = 0;
  for (int i = 0; i < connections; i++) answered += all[i].answers > 0;

  printf("{\"requests\":%llu,\"seconds\":%.6f,\"requestsPerSecond\":%.1f,\"latencyMicroseconds\":[",
         (unsigned long long)requests, measured, (double)requests / measured);
  static const double quantiles[] = {0.5, 0.75, 0.9, 0.99, 0.999};
  for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++) {
    printf("%s[%g,%.2f]", i == 0 ? "" : ",", quantiles[i], histogram_quantile(&latencies, quantiles[i]) / 1000);
  }
  printf("],\"ready\":%s,\"setupSeconds\":%.6f,\"answered\":%d,\"fairness\":%.4f,", ready ? "true" : "false",
         setup_seconds, answered, fairness());
  printf("\"cpuSeconds\":%.6f,\"waitShare\":%.4f,", own_cpu, wait / measured);
  print_server(before, after, measured);
  printf(",\"wrong\":%llu,\"failures\":%llu,\"why\":\"%s\"}\n", (unsigned long long)wrong, (unsigned long long)failures,
         why);
  return wrong == 0 && failures == 0 ? 0 : 1;
}
