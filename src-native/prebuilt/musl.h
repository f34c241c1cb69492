// Lets Debian's libstdc++ headers, which were made for glibc, stand on musl's. Included before anything else.
#pragma once

#define __GLIBC_PREREQ(major, minor) 0
#define __locale_t locale_t

// Named by <mutex>, called by nobody here; musl has neither.
#include <pthread.h>
extern "C" int pthread_cond_clockwait(pthread_cond_t*, pthread_mutex_t*, clockid_t, const struct timespec*);
extern "C" int pthread_mutex_clocklock(pthread_mutex_t*, clockid_t, const struct timespec*);
