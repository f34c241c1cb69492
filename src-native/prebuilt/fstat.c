// glibc has had this function since 2.33; before, it was an inline one in its headers. The kernel's struct is glibc's
// on both architectures.
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

__attribute__((visibility("hidden"))) int fstat(int fd, struct stat* status) {
  return (int)syscall(SYS_fstat, fd, status);
}
