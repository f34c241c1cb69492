// Lets Debian's libstdc++ and libgcc, which Bun's musl binary wants, stand on musl: the names of glibc's that musl lacks.
// Debian has no libstdc++ for musl. The addon itself uses nothing of this.
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <time.h>

char __libc_single_threaded = 0;
struct {
  unsigned features[4];
} __cpu_model;

int __cpu_indicator_init(void) { return 0; }

int _dl_find_object(void *address, void *result) {
  (void)address;
  (void)result;
  return -1;
}

int __cxa_thread_atexit_impl(void (*destroy)(void *), void *object, void *library) {
  (void)destroy;
  (void)object;
  (void)library;
  return 0;
}

unsigned long __getauxval(unsigned long type) { return getauxval(type); }

unsigned arc4random(void) {
  unsigned number = 0;
  return getrandom(&number, sizeof number, 0) == sizeof number ? number : 0;
}

size_t __strftime_l(char *text, size_t size, const char *format, const struct tm *time, void *locale) {
  (void)locale;
  return strftime(text, size, format, time);
}
