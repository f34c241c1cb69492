// A bad line between two network namespaces, where the kernel has no netem(8): a TUN device in each, and this program
// between the two. What it delays, loses and puts out of order are IP packets: the kernel's TCP on either side has to
// send again and to sort, as over any bad line.
//
//   bad-link PID PID --delay MS --jitter MS --loss P --reorder P
//
// The namespaces are those of two processes; the first one's address becomes 192.0.2.1, the second one's 192.0.2.2,
// which are nobody's (RFC 5737). A packet takes DELAY ± JITTER; of a hundred, P are lost, and P overtake all that are
// on their way, as netem has it. Prints `ready`, and a line of JSON for each line of its stdin, with which it ends.
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>

#include "generator.h"

enum { PACKET = 2048, QUEUE = 16384 };

struct packet {
  int64_t due;
  int to;
  size_t length;
  unsigned char bytes[PACKET];
};

// A heap by due time.
static struct packet* queue[QUEUE];
static int queued;
static double delay = 20, jitter = 5, loss = 2, reorder = 25;
static uint64_t chance = 1, passed, dropped, overtook, full;

static double dice(void) { return (double)((chance = mix(chance)) >> 11) / (double)(UINT64_C(1) << 53); }

static void enqueue(struct packet* packet) {
  int at = queued++;
  for (; at > 0 && queue[(at - 1) / 2]->due > packet->due; at = (at - 1) / 2) queue[at] = queue[(at - 1) / 2];
  queue[at] = packet;
}

static struct packet* dequeue(void) {
  struct packet *first = queue[0], *last = queue[--queued];
  int at = 0;
  for (int child; (child = 2 * at + 1) < queued; at = child) {
    if (child + 1 < queued && queue[child + 1]->due < queue[child]->due) child++;
    if (queue[child]->due >= last->due) break;
    queue[at] = queue[child];
  }
  queue[at] = last;
  return first;
}

// The device of a process's namespace. It outlives the stay there.
static int open_device(const char* pid, const char* address) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/ns/net", atoi(pid));
  int space = open(path, O_RDONLY | O_CLOEXEC);
  if (space == -1) fail(path);
  if (setns(space, CLONE_NEWNET) == -1) fail("setns");
  close(space);
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd == -1) fail("/dev/net/tun");
  struct ifreq request = {.ifr_name = "bad0"};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (ioctl(fd, TUNSETIFF, &request) == -1) fail("TUNSETIFF");
  int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in in = {.sin_family = AF_INET};
  inet_pton(AF_INET, address, &in.sin_addr);
  memcpy(&request.ifr_addr, &in, sizeof in);
  if (ioctl(any, SIOCSIFADDR, &request) == -1) fail("SIOCSIFADDR");
  inet_pton(AF_INET, "255.255.255.0", &in.sin_addr);
  memcpy(&request.ifr_netmask, &in, sizeof in);
  if (ioctl(any, SIOCSIFNETMASK, &request) == -1) fail("SIOCSIFNETMASK");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (ioctl(any, SIOCSIFFLAGS, &request) == -1) fail("SIOCSIFFLAGS");
  close(any);
  return fd;
}

static void take(int from, int to) {
  static unsigned char bytes[PACKET];
  for (;;) {
    ssize_t length = read(from, bytes, PACKET);
    if (length <= 0) return;
    if (dice() * 100 < loss) {
      dropped++;
      continue;
    }
    if (queued == QUEUE) {
      full++;
      continue;
    }
    struct packet* packet = need(malloc(sizeof *packet));
    double wait = delay + (2 * dice() - 1) * jitter;
    if (queued > 0 && dice() * 100 < reorder) {
      wait = 0;
      overtook++;
    }
    packet->due = now() + (int64_t)(wait * 1e6);
    packet->to = to;
    packet->length = length;
    memcpy(packet->bytes, bytes, length);
    enqueue(packet);
  }
}

static void deliver(void) {
  while (queued > 0 && queue[0]->due <= now()) {
    struct packet* packet = dequeue();
    // What the device does not take is lost, too.
    if (write(packet->to, packet->bytes, packet->length) == (ssize_t)packet->length) {
      passed++;
    } else {
      dropped++;
    }
    free(packet);
  }
}

// Whether there may be another question.
static bool answer(void) {
  char line[64];
  if (read(STDIN_FILENO, line, sizeof line) <= 0) return false;
  printf("{\"passed\":%llu,\"dropped\":%llu,\"overtook\":%llu,\"full\":%llu}\n", (unsigned long long)passed,
         (unsigned long long)dropped, (unsigned long long)overtook, (unsigned long long)full);
  fflush(stdout);
  return true;
}

static void usage(void) {
  fprintf(stderr, "usage: bad-link PID PID [--delay MS] [--jitter MS] [--loss P] [--reorder P]\n");
  exit(2);
}

int main(int argc, char** argv) {
  static const struct option options[] = {
      {"delay", required_argument, NULL, 'd'},
      {"jitter", required_argument, NULL, 'j'},
      {"loss", required_argument, NULL, 'l'},
      {"reorder", required_argument, NULL, 'r'},
      {NULL, 0, NULL, 0},
  };
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
    switch (option) {
      case 'd':
        delay = atof(optarg);
        break;
      case 'j':
        jitter = atof(optarg);
        break;
      case 'l':
        loss = atof(optarg);
        break;
      case 'r':
        reorder = atof(optarg);
        break;
      default:
        usage();
    }
  }
  if (argc - optind != 2 || !(delay >= jitter) || !(jitter >= 0) || !(loss >= 0) || !(reorder >= 0)) usage();
  struct pollfd fds[] = {
      {.fd = open_device(argv[optind], "192.0.2.1"), .events = POLLIN},
      {.fd = open_device(argv[optind + 1], "192.0.2.2"), .events = POLLIN},
      {.fd = STDIN_FILENO, .events = POLLIN},
  };
  puts("ready");
  fflush(stdout);
  for (;;) {
    int64_t left = queued == 0 ? -1 : queue[0]->due - now();
    struct timespec time = {.tv_sec = left / SECOND, .tv_nsec = left % SECOND};
    if (left < 0) time = (struct timespec){0};
    if (ppoll(fds, 3, queued == 0 ? NULL : &time, NULL) == -1 && errno != EINTR) fail("ppoll");
    if (fds[0].revents != 0) take(fds[0].fd, fds[1].fd);
    if (fds[1].revents != 0) take(fds[1].fd, fds[0].fd);
    deliver();
    if (fds[2].revents != 0 && !answer()) return 0;
  }
}
