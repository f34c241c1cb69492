// What a process has used so far, as the kernel counts it: the difference of two looks is what a measurement cost.
#pragma once

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "generator.h"

struct usage {
  int64_t at, cpu, waited;
  // Context switches of all threads: it had nothing to do; its CPU was given to somebody else.
  int64_t voluntary, involuntary;
};

// The CPU clock of a whole process, to the nanosecond; /proc/PID/stat has ticks of 10 ms.
static inline int64_t process_cpu(int pid) {
  clockid_t clock;
  errno = clock_getcpuclockid(pid, &clock);
  if (errno != 0) fail("clock_getcpuclockid");
  return read_clock(clock);
}

// How long a process's main thread has been ready to run and had to wait for a CPU: a machine that is busy with
// something else shows here.
static inline int64_t waited_for_cpu(int pid) {
  char path[64];
  long long ran, wait;
  snprintf(path, sizeof path, "/proc/%d/schedstat", pid);
  FILE* file = fopen(path, "re");
  if (file == NULL || fscanf(file, "%lld %lld", &ran, &wait) != 2) wait = 0;
  if (file != NULL) fclose(file);
  return wait;
}

// Takes a few tenths of a millisecond for a process of many threads: not while anything is timed.
static inline void count_switches(int pid, struct usage* usage) {
  char path[320], line[128];
  snprintf(path, sizeof path, "/proc/%d/task", pid);
  usage->voluntary = usage->involuntary = 0;
  DIR* threads = opendir(path);
  if (threads == NULL) return;
  for (struct dirent* thread; (thread = readdir(threads)) != NULL;) {
    if (thread->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "/proc/%d/task/%s/status", pid, thread->d_name);
    FILE* file = fopen(path, "re");
    if (file == NULL) continue;
    long long count;
    while (fgets(line, sizeof line, file) != NULL) {
      if (sscanf(line, "voluntary_ctxt_switches: %lld", &count) == 1) usage->voluntary += count;
      if (sscanf(line, "nonvoluntary_ctxt_switches: %lld", &count) == 1) usage->involuntary += count;
    }
    fclose(file);
  }
  closedir(threads);
}

static inline void look(int pid, struct usage* usage) {
  usage->cpu = process_cpu(pid);
  usage->waited = waited_for_cpu(pid);
  usage->at = now();
}

// What a process holds in memory of its own, in bytes.
static inline int64_t resident(int pid) {
  char path[64];
  long long size, pages;
  snprintf(path, sizeof path, "/proc/%d/statm", pid);
  FILE* file = fopen(path, "re");
  if (file == NULL || fscanf(file, "%lld %lld", &size, &pages) != 2) pages = 0;
  if (file != NULL) fclose(file);
  return pages * sysconf(_SC_PAGESIZE);
}

static inline int descriptors_of(int pid) {
  char path[64];
  int count = 0;
  snprintf(path, sizeof path, "/proc/%d/fd", pid);
  DIR* directory = opendir(path);
  if (directory == NULL) return 0;
  for (struct dirent* entry; (entry = readdir(directory)) != NULL;) count += entry->d_name[0] != '.';
  closedir(directory);
  return count;
}

// Waits until a server has closed what was opened to it. How many descriptors it still has more than before.
static inline int left_open(int pid, int before, double patience) {
  int64_t end = now() + (int64_t)(patience * SECOND);
  for (;;) {
    int left = descriptors_of(pid) - before;
    if (left <= 0 || now() >= end) return left > 0 ? left : 0;
    usleep(1000);
  }
}

// As members of a JSON object, of the generator.
static inline void print_usage(const struct usage* before, const struct usage* after) {
  double seconds = (double)(after->at - before->at) / SECOND;
  double cpu = (double)(after->cpu - before->cpu) / SECOND;
  printf("\"cpuSeconds\":%.6f,\"cpuShare\":%.4f,\"waitShare\":%.4f,", cpu, cpu / seconds,
         (double)(after->waited - before->waited) / SECOND / seconds);
}

// And of its server.
static inline void print_server_usage(const struct usage* before, const struct usage* after) {
  double seconds = (double)(after->at - before->at) / SECOND;
  double cpu = (double)(after->cpu - before->cpu) / SECOND;
  printf("\"serverCpuSeconds\":%.6f,\"serverCpuShare\":%.4f,\"serverWaitShare\":%.4f,", cpu, cpu / seconds,
         (double)(after->waited - before->waited) / SECOND / seconds);
  printf("\"serverVoluntarySwitches\":%lld,\"serverInvoluntarySwitches\":%lld,",
         (long long)(after->voluntary - before->voluntary), (long long)(after->involuntary - before->involuntary));
}
