// What the load generators share: clocks, addresses, the pattern that messages are made of, and latencies.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "histogram.h"

static const int64_t SECOND = 1000000000;

static inline void fail(const char* what) {
  perror(what);
  exit(2);
}

static inline void* need(void* memory) {
  if (memory == NULL) fail("malloc");
  return memory;
}

static inline int64_t read_clock(clockid_t clock) {
  struct timespec time;
  if (clock_gettime(clock, &time) == -1) fail("clock_gettime");
  return time.tv_sec * SECOND + time.tv_nsec;
}

static inline int64_t now(void) { return read_clock(CLOCK_MONOTONIC); }

static inline void raise_limit(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

static inline bool parse_address(const char* host, const char* port, struct sockaddr_in* server) {
  server->sin_family = AF_INET;
  server->sin_port = htons(atoi(port));
  return inet_pton(AF_INET, host, &server->sin_addr) == 1;
}

static inline bool on_loopback(const struct sockaddr_in* server) { return ntohl(server->sin_addr.s_addr) >> 24 == 127; }

// Loopback only: a load generator must not be pointed at somebody else's machine by a slip.
static inline bool parse_server(const char* host, const char* port, struct sockaddr_in* server) {
  return parse_address(host, port, server) && on_loopback(server);
}

// A blocking connection from an address of the caller's choice: one address has 28,232 ports. -1 when it fails.
static inline int connect_from(uint32_t source_address, const struct sockaddr_in* server, int seconds) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd == -1) return -1;
  int on = 1;
  struct timeval limit = {.tv_sec = seconds};
  struct sockaddr_in source = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(source_address)};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  if (bind(fd, (struct sockaddr*)&source, sizeof source) == -1 ||
      connect(fd, (const struct sockaddr*)server, sizeof *server) == -1) {
    close(fd);
    return -1;
  }
  return fd;
}

// splitmix64: neighbouring connections and messages get unlike patterns.
static inline uint64_t mix(uint64_t x) {
  x += UINT64_C(0x9e3779b97f4a7c15);
  x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
  return x ^ (x >> 31);
}

// A message that is like no other of any connection.
static inline void fill(unsigned char* out, int bytes, uint64_t connection, uint64_t message) {
  uint64_t seed = mix(connection << 40 ^ message);
  int at = 0;
  for (; at + 8 <= bytes; at += 8) {
    uint64_t word = (seed + at) * UINT64_C(0x9e3779b97f4a7c15);
    memcpy(out + at, &word, 8);
  }
  for (; at < bytes; at++) out[at] = (unsigned char)((seed + at) * 167 >> 3);
}

static inline int count_wrong(const unsigned char* in, const unsigned char* out, int bytes) {
  if (memcmp(in, out, bytes) == 0) return 0;
  int wrong = 0;
  for (int i = 0; i < bytes; i++) wrong += in[i] != out[i];
  return wrong;
}

static inline double microseconds(const struct histogram* histogram, double part) {
  // The last one is known exactly.
  return (part < 1 ? histogram_quantile(histogram, part) : (double)histogram->largest) / 1000;
}

// As members of a JSON object: the three that everybody asks for, and the distribution up to its end.
static inline void print_latency(const struct histogram* histogram) {
  static const double parts[] = {0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 1};
  printf("\"latencyMicroseconds\":{\"median\":%.2f,\"p99\":%.2f,\"p999\":%.2f},\"quantiles\":[",
         microseconds(histogram, 0.5), microseconds(histogram, 0.99), microseconds(histogram, 0.999));
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    printf("%s[%g,%.2f]", i == 0 ? "" : ",", parts[i], microseconds(histogram, parts[i]));
  }
  printf("],");
}
