// Clients for echo servers that do what the world does: they come all at once, reset in the middle of a word, say
// goodbye first, read or write slowly. Every byte that comes back is checked against a pattern of its connection and
// its place.
//
//   unruly HOST PORT --connections N --seconds S [--most B] [--resets P] [--half-closes P] [--slow-readers N]
//          [--slow-writers N] [--waves] [--refusable] [--patience S] [--seed X]
//
// N connections at any time, each a life of its own: it sends between 1 and B bytes, hears them again and ends; another
// one takes its place. Of a hundred, P end by a reset somewhere in the middle, P by a shutdown after which the rest of
// the echo and the end must come, the others by a close when they have heard all. The first ones are slow: a slow
// reader takes 4096 bytes, a slow writer sends one byte, each 20 ms. --waves: the next ones come, all at once, when all
// have gone.
// --refusable: the server may send a line that ends the connection, instead of the echo.
//
// After S seconds nobody begins anything, and what is on its way may take --patience seconds (20) to come. Prints one
// line of JSON. Ends with 1 if a byte was lost or wrong, or a connection that was not broken here was.
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>

#include "generator.h"

enum {
  MAXEVENTS = 1024,
  PIECE = 65536,
  SLOW_PIECE = 4096,
  TICK = 20000000,
  // Slow readers leave the kernel little room: the server must see that they do not read.
  SLOW_ROOM = 8192,
  REFUSAL = 128,
  LAST_WORDS = 16,
  // One address has 28,232 ports, and each rests for a minute.
  FIRST_ADDRESS = 0x7f010001,
  ADDRESSES = 65000,
};

enum ending { CLOSE, HALF_CLOSE, RESET };

struct life {
  int fd;  // -1: none
  bool connecting, shut, slow_reader, slow_writer;
  enum ending ending;
  uint32_t interest;
  uint64_t id, length, cut, sent, received;
  // What came in place of an echo.
  char words[REFUSAL];
  size_t spoken;
};

static int connections = 100, slow_readers = 0, slow_writers = 0, resets = 0, half_closes = 0;
static uint64_t most = 65536, chance = 1;
static double seconds = 2, patience = 20;
static bool waves, refusable, stopping;
static struct sockaddr_in server;
static int epfd, living;
static struct life* all;

static uint64_t opened, completed, reset, refused, lost;
static uint64_t bytes_sent, bytes_checked, bytes_wrong, bytes_lost;
static int first_error;

static uint64_t dice(uint64_t sides) { return (chance = mix(chance)) % sides; }

// What a life sends from a place on: never the same as another one, or itself elsewhere.
static void pattern(unsigned char* out, uint64_t id, uint64_t from, size_t count) {
  uint64_t seed = mix(id);
  for (size_t at = 0; at < count;) {
    uint64_t place = from + at, word = (seed + place / 8) * UINT64_C(0x9e3779b97f4a7c15);
    size_t skip = place % 8, part = 8 - skip < count - at ? 8 - skip : count - at;
    memcpy(out + at, (unsigned char*)&word + skip, part);
    at += part;
  }
}

static void bury(struct life* life) {
  close(life->fd);
  life->fd = -1;
  living--;
}

static void lose(struct life* life, int error) {
  if (first_error == 0) first_error = error;
  lost++;
  bytes_lost += life->sent - life->received;
  bury(life);
}

static void complete(struct life* life) {
  completed++;
  bury(life);
}

static void break_off(struct life* life) {
  setsockopt(life->fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
  reset++;
  bury(life);
}

static void watch(struct life* life) {
  bool reading = !life->slow_reader || stopping;
  bool writing = life->connecting || (life->sent < life->length && !life->slow_writer);
  uint32_t interest = (reading ? EPOLLIN : 0u) | (writing ? EPOLLOUT : 0u);
  if (interest == life->interest) return;
  struct epoll_event event = {.events = interest, .data.ptr = life};
  if (epoll_ctl(epfd, EPOLL_CTL_MOD, life->fd, &event) == -1) fail("epoll_ctl");
  life->interest = interest;
}

// Few bytes are as likely as many.
static uint64_t some_length(uint64_t limit) {
  int bits = 0;
  while (bits < 63 && limit >> bits > 1) bits++;
  uint64_t bound = UINT64_C(1) << dice(bits + 1);
  return 1 + dice(bound < limit ? 2 * bound < limit ? 2 * bound : limit : limit);
}

static void begin(struct life* life) {
  int number = (int)(life - all), on = 1, room = SLOW_ROOM;
  *life = (struct life){.id = opened++, .fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  if (life->fd == -1) fail("socket");
  living++;
  life->slow_reader = number < slow_readers;
  life->slow_writer = !life->slow_reader && number < slow_readers + slow_writers;
  uint64_t end = dice(100);
  if (life->slow_reader || life->slow_writer) {
    life->length = UINT64_MAX;
    life->ending = HALF_CLOSE;
  } else {
    life->length = some_length(most);
    life->ending = end < (uint64_t)resets ? RESET : end < (uint64_t)(resets + half_closes) ? HALF_CLOSE : CLOSE;
  }
  life->cut = dice(life->length);
  if (life->slow_reader) setsockopt(life->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  setsockopt(life->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (ntohl(server.sin_addr.s_addr) >> 24 == 127) {
    struct sockaddr_in source = {.sin_family = AF_INET};
    source.sin_addr.s_addr = htonl(FIRST_ADDRESS + (uint32_t)(life->id % ADDRESSES));
    setsockopt(life->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(life->fd, (struct sockaddr*)&source, sizeof source) == -1) fail("bind");
  }
  if (connect(life->fd, (struct sockaddr*)&server, sizeof server) == -1 && errno != EINPROGRESS) {
    lose(life, errno);
    return;
  }
  life->connecting = true;
  life->interest = EPOLLIN | EPOLLOUT;
  struct epoll_event event = {.events = life->interest, .data.ptr = life};
  if (epoll_ctl(epfd, EPOLL_CTL_ADD, life->fd, &event) == -1) fail("epoll_ctl");
}

// A server's goodbye is a line that names the server.
static bool is_refusal(const struct life* life) {
  if (life->received > 0 || life->spoken == 0 || life->words[life->spoken - 1] != '\n') return false;
  for (size_t i = 0; i + 1 < life->spoken; i++) {
    if (!isprint((unsigned char)life->words[i])) return false;
  }
  return memmem(life->words, life->spoken, ": ", 2) != NULL;
}

// It sends no more: it has ended, or `error` has.
static void part(struct life* life, int error) {
  if (refusable && is_refusal(life)) {
    refused++;
    bury(life);
  } else if (error == 0 && life->shut && life->received == life->length) {
    complete(life);
  } else {
    // Words that were no refusal were no echo either.
    bytes_wrong += life->spoken;
    lose(life, error);
  }
}

// Whether it is still there.
static bool pull(struct life* life, size_t limit) {
  static unsigned char in[PIECE], expected[PIECE];
  ssize_t count = recv(life->fd, in, limit, 0);
  if (count == -1 && (errno == EAGAIN || errno == EINTR)) return true;
  if (count <= 0) {
    part(life, count == 0 ? 0 : errno);
    return false;
  }
  pattern(expected, life->id, life->received, count);
  uint64_t due = life->sent - life->received;
  uint64_t echoed = (uint64_t)count < due ? (uint64_t)count : due;
  int wrong = count_wrong(in, expected, (int)echoed) + (int)((uint64_t)count - echoed);
  if (refusable && wrong > 0 && life->received == 0 && life->spoken + count <= REFUSAL) {
    memcpy(life->words + life->spoken, in, count);
    life->spoken += count;
    return true;
  }
  bytes_wrong += wrong;
  bytes_checked += echoed;
  life->received += echoed;
  if (life->ending == CLOSE && life->received == life->length) {
    complete(life);
    return false;
  }
  return true;
}

// Whether it is still there.
static bool push(struct life* life, size_t limit) {
  static unsigned char out[PIECE];
  uint64_t target = life->ending == RESET ? life->cut : life->length;
  while (life->sent < target && limit > 0) {
    size_t size = target - life->sent < PIECE ? target - life->sent : PIECE;
    if (size > limit) size = limit;
    pattern(out, life->id, life->sent, size);
    ssize_t count = send(life->fd, out, size, MSG_NOSIGNAL);
    if (count == -1 && errno == EINTR) continue;
    // An error is met again where it is read, after what came before it.
    if (count == -1) return true;
    life->sent += count;
    bytes_sent += count;
    limit -= count;
  }
  if (life->sent < target) return true;
  if (life->ending == RESET) {
    break_off(life);
    return false;
  }
  if (life->ending == HALF_CLOSE && !life->shut) {
    shutdown(life->fd, SHUT_WR);
    life->shut = true;
  }
  return true;
}

static void serve(struct life* life, uint32_t events) {
  if (life->connecting) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(life->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
      lose(life, error);
      return;
    }
    if (!(events & EPOLLOUT)) return;
    life->connecting = false;
  }
  if (!life->slow_writer && !push(life, PIECE)) return;
  if (stopping && life->ending == CLOSE && life->received == life->length) {
    complete(life);
    return;
  }
  if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !pull(life, life->slow_reader && !stopping ? SLOW_PIECE : PIECE))
    return;
  watch(life);
}

static void tick(void) {
  for (int i = 0; i < slow_readers + slow_writers; i++) {
    struct life* life = &all[i];
    if (life->fd == -1 || life->connecting) continue;
    if (life->slow_reader) {
      pull(life, SLOW_PIECE);
    } else {
      push(life, 1);
    }
  }
}

static void renew(void) {
  if (stopping || (waves && living > 0)) return;
  for (int i = 0; i < connections; i++) {
    if (all[i].fd == -1) begin(&all[i]);
  }
}

static void run_until(int64_t end) {
  static struct epoll_event events[MAXEVENTS];
  bool slow = slow_readers + slow_writers > 0;
  for (int64_t due = now() + TICK;;) {
    renew();
    int64_t time = now();
    if (time >= end || (stopping && living == 0)) return;
    if (slow && !stopping && time >= due) {
      tick();
      due = time + TICK;
    }
    int64_t until = slow && !stopping && due < end ? due : end;
    int count = epoll_wait(epfd, events, MAXEVENTS, until <= time ? 0 : (int)((until - time) / 1000000) + 1);
    if (count == -1 && errno != EINTR) fail("epoll_wait");
    for (int i = 0; i < count; i++) serve(events[i].data.ptr, events[i].events);
  }
}

// What has been sent is all there is: the rest of its echo is waited for.
static void stop(void) {
  stopping = true;
  for (int i = 0; i < connections; i++) {
    struct life* life = &all[i];
    if (life->fd == -1) continue;
    if (life->ending == RESET && !life->connecting) {
      break_off(life);
      continue;
    }
    // Whoever has said nothing yet says a little: that it was let in shows by the answer.
    uint64_t least = life->length < LAST_WORDS ? life->length : LAST_WORDS;
    life->length = life->sent > 0 ? life->sent : least;
    if (life->cut > life->length) life->cut = life->length;
    if (life->connecting || !push(life, 0)) continue;
    if (life->ending == CLOSE && life->received == life->length) {
      complete(life);
    } else {
      watch(life);
    }
  }
}

static void usage(void) {
  fprintf(stderr,
          "usage: unruly HOST PORT --connections N --seconds S [--most B] [--resets P] [--half-closes P]\n"
          "              [--slow-readers N] [--slow-writers N] [--waves] [--refusable] [--patience S] [--seed X]\n"
          "HOST is an address of 127.0.0.0/8 or 192.0.2.0/24, P are percents, at most 100 together\n");
  exit(2);
}

static void parse(int argc, char** argv) {
  static const struct option options[] = {
      {"connections", required_argument, NULL, 'c'},  {"seconds", required_argument, NULL, 's'},
      {"most", required_argument, NULL, 'm'},         {"resets", required_argument, NULL, 'r'},
      {"half-closes", required_argument, NULL, 'h'},  {"slow-readers", required_argument, NULL, 'R'},
      {"slow-writers", required_argument, NULL, 'W'}, {"waves", no_argument, NULL, 'w'},
      {"refusable", no_argument, NULL, 'f'},          {"patience", required_argument, NULL, 'p'},
      {"seed", required_argument, NULL, 'x'},         {NULL, 0, NULL, 0},
  };
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
    switch (option) {
      case 'c':
        connections = atoi(optarg);
        break;
      case 's':
        seconds = atof(optarg);
        break;
      case 'm':
        most = strtoull(optarg, NULL, 10);
        break;
      case 'r':
        resets = atoi(optarg);
        break;
      case 'h':
        half_closes = atoi(optarg);
        break;
      case 'R':
        slow_readers = atoi(optarg);
        break;
      case 'W':
        slow_writers = atoi(optarg);
        break;
      case 'w':
        waves = true;
        break;
      case 'f':
        refusable = true;
        break;
      case 'p':
        patience = atof(optarg);
        break;
      case 'x':
        chance = strtoull(optarg, NULL, 10);
        break;
      default:
        usage();
    }
  }
  if (argc - optind != 2 || connections < 1 || !(seconds > 0) || !(patience >= 0) || most < 1) usage();
  if (resets < 0 || half_closes < 0 || resets + half_closes > 100) usage();
  if (slow_readers < 0 || slow_writers < 0 || slow_readers + slow_writers > connections) usage();
  if (!parse_address(argv[optind], argv[optind + 1], &server)) usage();
  // 192.0.2.0/24 is nobody's (RFC 5737): it is found in namespaces that bad-link has linked.
  if (!on_loopback(&server) && ntohl(server.sin_addr.s_addr) >> 8 != 0xc00002) usage();
}

int main(int argc, char** argv) {
  parse(argc, argv);
  signal(SIGPIPE, SIG_IGN);
  raise_limit();
  epfd = epoll_create1(EPOLL_CLOEXEC);
  if (epfd == -1) fail("epoll_create1");
  all = need(calloc(connections, sizeof *all));
  for (int i = 0; i < connections; i++) all[i].fd = -1;
  run_until(now() + (int64_t)(seconds * SECOND));
  stop();
  run_until(now() + (int64_t)(patience * SECOND));
  for (int i = 0; i < connections; i++) {
    if (all[i].fd != -1) lose(&all[i], ETIMEDOUT);
  }
  printf("{\"opened\":%llu,\"completed\":%llu,\"reset\":%llu,\"refused\":%llu,\"connectionsLost\":%llu,",
         (unsigned long long)opened, (unsigned long long)completed, (unsigned long long)reset,
         (unsigned long long)refused, (unsigned long long)lost);
  printf("\"bytesSent\":%llu,\"bytesChecked\":%llu,\"bytesWrong\":%llu,\"bytesLost\":%llu,\"error\":\"%s\"}\n",
         (unsigned long long)bytes_sent, (unsigned long long)bytes_checked, (unsigned long long)bytes_wrong,
         (unsigned long long)bytes_lost,
         lost == 0          ? ""
         : first_error == 0 ? "closed by the server"
                            : strerror(first_error));
  return lost == 0 && bytes_wrong == 0 && bytes_lost == 0 ? 0 : 1;
}
