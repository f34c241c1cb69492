// Threads that do nothing, as many as Node.js has: once a process has threads, the kernel takes a reference at every
// descriptor look-up, and a C program without them would be measured on a shorter path.
#pragma once

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void* idle_thread(void* unused) {
  for (;;) pause();
  return unused;
}

// Signals stay with the thread that works.
static inline void start_idle_threads(int count) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  for (int i = 0; i < count; i++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, idle_thread, NULL) != 0) {
      perror("pthread_create");
      exit(1);
    }
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}
