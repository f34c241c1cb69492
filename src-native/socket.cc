// Sockets and their addresses.
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <mutex>

#include "wait.h"

namespace fdmux {

// What a SockAddr holds: sockaddr_storage and the length that travels beside it.
struct Address {
  sockaddr_storage storage;
  socklen_t length;

  sockaddr* Any() { return reinterpret_cast<sockaddr*>(&storage); }
};

static Address* AddressOf(Memory* memory) {
  return memory == nullptr || memory->bytes < sizeof(Address) ? nullptr : memory->As<Address>();
}

static sockaddr* AnyOf(Address* address) { return address == nullptr ? nullptr : address->Any(); }

// A call that fills an address, given all the room there is. One that fails leaves the address that was there.
template <typename Call>
static long Filling(Address* address, Call call) {
  if (address == nullptr) return Answer(call(nullptr, nullptr));
  socklen_t length = sizeof address->storage;
  long result = Answer(call(address->Any(), &length));
  if (result >= 0) address->length = length;
  return result;
}

static long Socket(Thread&, int domain, int type, int protocol) { return Answer(socket(domain, type, protocol)); }

static long Socketpair(Thread& thread, int domain, int type, int protocol, Array<int32_t> sv) {
  if (!sv.Holds(thread.env, "sv", 2)) return 0;
  return Answer(socketpair(domain, type, protocol, sv.data));
}

static long Bind(Thread&, int fd, Memory* memory) {
  Address* address = AddressOf(memory);
  return Answer(bind(fd, AnyOf(address), address == nullptr ? 0 : address->length));
}

static long Listen(Thread&, int fd, int backlog) { return Answer(listen(fd, backlog)); }

// An option of SOL_SOCKET that is one int; or -errno.
static long OptionOf(int fd, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  long result = Answer(getsockopt(fd, SOL_SOCKET, name, &value, &size));
  return result == 0 ? value : result;
}

static long Accept4(Thread& thread, int fd, int flags, Memory* memory) {
  Address* address = AddressOf(memory);
  auto take = [&] {
    return Filling(address, [&](sockaddr* any, socklen_t* room) { return accept4(fd, any, room, flags); });
  };
  // What is no listener refuses at once, and may never become readable.
  if (!MayBlock(thread, fd, POLLIN) || OptionOf(fd, SO_ACCEPTCONN) != 1) return take();
  return WhenReady(thread, fd, POLLIN, [&] {
    // Every worker that waits is told of a connection, and one gets it: the others must not block in accept4.
    static std::mutex taking;
    std::lock_guard<std::mutex> lock(taking);
    pollfd one{fd, POLLIN, 0};
    return poll(&one, 1, 0) == 1 ? take() : -EAGAIN;
  });
}

// A connect that blocks, made of one that does not: there is no flag to say so for one call only.
static long ConnectInSlices(const Thread& thread, int fd, Address* address) {
  int mode = fcntl(fd, F_GETFL);
  fcntl(fd, F_SETFL, mode | O_NONBLOCK);
  auto attempt = [&] { return Answer(connect(fd, AnyOf(address), address->length)); };
  long result = attempt();
  // A unix socket whose listener's backlog is full: nothing to poll for but the next try.
  if (result == -EAGAIN) result = WhenReady(thread, fd, POLLOUT, attempt);
  // EALREADY: a signal has interrupted this call before, and it is made again.
  if (result == -EINPROGRESS || result == -EALREADY) {
    // Asked by connect itself: SO_ERROR would leave a refused socket in a state that no blocking connect leaves.
    result = WhenReady(thread, fd, POLLOUT, [&] {
      long again = attempt();
      return again == -EALREADY ? -EAGAIN : again;
    });
    if (result == -EAGAIN) result = -EINPROGRESS;
  }
  fcntl(fd, F_SETFL, mode);
  return result;
}

static long Connect(Thread& thread, int fd, Memory* memory) {
  Address* address = AddressOf(memory);
  if (address == nullptr) return -EINVAL;
  if (MayBlock(thread, fd, POLLOUT)) return ConnectInSlices(thread, fd, address);
  return Answer(connect(fd, address->Any(), address->length));
}

// One message call. In a worker it is tried without blocking first: the socket's mode is asked only when that
// could not go on.
template <typename Try>
static long Receive(const Thread& thread, int fd, uint8_t* at, int64_t length, int flags, Try attempt) {
  // Neither urgent data nor the queue of errors is ever waited for.
  if (!thread.worker || (flags & (MSG_DONTWAIT | MSG_OOB | MSG_ERRQUEUE))) return attempt(at, length, flags);
  int64_t got = 0;
  for (;;) {
    auto next = [&] { return attempt(at + got, length - got, flags | MSG_DONTWAIT); };
    long result = next();
    if (result == -EAGAIN && MayBlock(thread, fd, POLLIN)) result = WhenReady(thread, fd, POLLIN, next);
    if (result > 0) got += result;
    bool all = (flags & MSG_WAITALL) && !(flags & MSG_PEEK) && OptionOf(fd, SO_TYPE) == SOCK_STREAM;
    if (!all || result <= 0 || got >= length || !MayBlock(thread, fd, POLLIN)) return got > 0 ? got : result;
  }
}

template <typename Try>
static long Transmit(const Thread& thread, int fd, const uint8_t* at, int64_t length, int flags, Try attempt) {
  if (!thread.worker || (flags & MSG_DONTWAIT)) return attempt(at, length, flags);
  int64_t sent = 0;
  for (;;) {
    auto next = [&] { return attempt(at + sent, length - sent, flags | MSG_DONTWAIT); };
    long result = next();
    if (result == -EAGAIN && MayBlock(thread, fd, POLLOUT)) result = WhenReady(thread, fd, POLLOUT, next);
    if (result > 0) sent += result;
    if (result <= 0 || sent >= length || !MayBlock(thread, fd, POLLOUT)) return sent > 0 ? sent : result;
  }
}

static long Recv(Thread& thread, int fd, Buffer buffer, int64_t offset, int64_t length, int flags) {
  uint8_t* at = buffer.Window(thread, offset, &length);
  if (at == nullptr) return 0;
  return Receive(thread, fd, at, length, flags,
                 [&](uint8_t* to, int64_t count, int how) { return Answer(recv(fd, to, count, how)); });
}

static long Send(Thread& thread, int fd, Buffer buffer, int64_t offset, int64_t length, int flags) {
  uint8_t* at = buffer.Window(thread, offset, &length);
  if (at == nullptr) return 0;
  return Transmit(thread, fd, at, length, flags,
                  [&](const uint8_t* from, int64_t count, int how) { return Answer(send(fd, from, count, how)); });
}

static long Recvfrom(Thread& thread, int fd, Buffer buffer, int64_t offset, int64_t length, int flags, Memory* memory) {
  uint8_t* at = buffer.Window(thread, offset, &length);
  if (at == nullptr) return 0;
  Address* address = AddressOf(memory);
  return Receive(thread, fd, at, length, flags, [&](uint8_t* to, int64_t count, int how) {
    return Filling(address, [&](sockaddr* any, socklen_t* room) { return recvfrom(fd, to, count, how, any, room); });
  });
}

static long Sendto(Thread& thread, int fd, Buffer buffer, int64_t offset, int64_t length, int flags, Memory* memory) {
  uint8_t* at = buffer.Window(thread, offset, &length);
  if (at == nullptr) return 0;
  Address* address = AddressOf(memory);
  return Transmit(thread, fd, at, length, flags, [&](const uint8_t* from, int64_t count, int how) {
    return Answer(sendto(fd, from, count, how, AnyOf(address), address == nullptr ? 0 : address->length));
  });
}

static long Shutdown(Thread&, int fd, int how) { return Answer(shutdown(fd, how)); }

// Since Linux 6.7; the headers of an older libc do not know it.
#ifndef TCP_AO_GET_KEYS
#define TCP_AO_GET_KEYS 41
#endif

// Options with which the kernel writes elsewhere than into `optlen` bytes: through a pointer in the value, or as many
// structs as the value asks for, or, with a filter, 8 bytes for each of `optlen`.
static bool WritesElsewhere(const Thread& thread, int level, int name) {
  bool elsewhere = (level == IPPROTO_TCP && (name == TCP_ZEROCOPY_RECEIVE || name == TCP_AO_GET_KEYS)) ||
                   (level == SOL_SOCKET && name == SO_GET_FILTER);
  if (elsewhere)
    ThrowRange(thread.env, "optname", "other than SO_GET_FILTER, TCP_AO_GET_KEYS, TCP_ZEROCOPY_RECEIVE", name);
  return elsewhere;
}

static long AskOption(int fd, int level, int name, void* value, int64_t room) {
  auto length = static_cast<socklen_t>(std::min<int64_t>(room, INT32_MAX));
  long result = Answer(getsockopt(fd, level, name, value, &length));
  return result == 0 ? static_cast<long>(length) : result;
}

static long GetsockoptInts(Thread& thread, int fd, int level, int name, Array<int32_t> value) {
  if (WritesElsewhere(thread, level, name) || !value.Holds(thread.env, "optval", 1)) return 0;
  return AskOption(fd, level, name, value.data, static_cast<int64_t>(value.length * sizeof(int32_t)));
}

static long GetsockoptBytes(Thread& thread, int fd, int level, int name, Bytes value) {
  if (WritesElsewhere(thread, level, name)) return 0;
  int64_t room = -1;
  uint8_t* at = value.Window(thread, 0, &room, "optval");
  return at == nullptr ? 0 : AskOption(fd, level, name, at, room);
}

static long SetsockoptInt(Thread&, int fd, int level, int name, int value) {
  return Answer(setsockopt(fd, level, name, &value, sizeof value));
}

static long SetsockoptBytes(Thread& thread, int fd, int level, int name, Bytes value) {
  int64_t length = -1;
  uint8_t* at = value.Window(thread, 0, &length, "optval");
  if (at == nullptr) return 0;
  return Answer(setsockopt(fd, level, name, at, static_cast<socklen_t>(std::min<int64_t>(length, INT32_MAX))));
}

static long Getsockname(Thread&, int fd, Memory* memory) {
  Address* address = AddressOf(memory);
  return Filling(address, [&](sockaddr* any, socklen_t* room) { return getsockname(fd, any, room); });
}

static long Getpeername(Thread&, int fd, Memory* memory) {
  Address* address = AddressOf(memory);
  return Filling(address, [&](sockaddr* any, socklen_t* room) { return getpeername(fd, any, room); });
}

// "fe80::1%lo" or "fe80::1%1": the interface that a link-local address belongs to.
static bool SplitScope(std::string* text, uint32_t* scope) {
  size_t percent = text->find('%');
  *scope = 0;
  if (percent == std::string::npos) return true;
  std::string name = text->substr(percent + 1);
  text->resize(percent);
  *scope = if_nametoindex(name.c_str());
  if (*scope == 0 && !name.empty() && name.find_first_not_of("0123456789") == std::string::npos) {
    unsigned long number = strtoul(name.c_str(), nullptr, 10);
    if (number <= UINT32_MAX) *scope = static_cast<uint32_t>(number);
  }
  return *scope != 0;
}

// 0, or -EINVAL for a text that is no address of the family.
static long SockaddrInet(Thread&, Memory* memory, int family, int port, std::string text) {
  Address* address = AddressOf(memory);
  if (address == nullptr || text.find('\0') != std::string::npos) return -EINVAL;
  Address made{};
  if (family == AF_INET) {
    auto* in = reinterpret_cast<sockaddr_in*>(&made.storage);
    if (inet_pton(AF_INET, text.c_str(), &in->sin_addr) != 1) return -EINVAL;
    in->sin_family = AF_INET;
    in->sin_port = htons(static_cast<uint16_t>(port));
    made.length = sizeof *in;
  } else {
    auto* in6 = reinterpret_cast<sockaddr_in6*>(&made.storage);
    if (!SplitScope(&text, &in6->sin6_scope_id)) return -EINVAL;
    if (inet_pton(AF_INET6, text.c_str(), &in6->sin6_addr) != 1) return -EINVAL;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(static_cast<uint16_t>(port));
    made.length = sizeof *in6;
  }
  *address = made;
  return 0;
}

// 0, or -ENAMETOOLONG. A path that begins with a NUL is a name in the abstract namespace; an empty one asks
// bind(2) for a name of the kernel's choice.
static long SockaddrUnix(Thread&, Memory* memory, std::string text) {
  Address* address = AddressOf(memory);
  Address made{};
  auto* un = reinterpret_cast<sockaddr_un*>(&made.storage);
  bool ends = !text.empty() && text[0] != '\0';
  if (address == nullptr) return -EINVAL;
  if (text.size() + (ends ? 1 : 0) > sizeof un->sun_path) return -ENAMETOOLONG;
  un->sun_family = AF_UNIX;
  memcpy(un->sun_path, text.data(), text.size());
  made.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + text.size() + (ends ? 1 : 0));
  *address = made;
  return 0;
}

// -1 while the memory holds no address. The kernel says so through the length, and leaves the bytes that were there.
static int FamilyOf(const Address* address) {
  return address == nullptr || address->length < sizeof(sa_family_t) ? -1 : address->storage.ss_family;
}

static long SockaddrFamily(Thread&, Memory* memory) { return FamilyOf(AddressOf(memory)); }

static long SockaddrPort(Thread&, Memory* memory) {
  Address* address = AddressOf(memory);
  int family = FamilyOf(address);
  if (family == AF_INET) return ntohs(reinterpret_cast<sockaddr_in*>(&address->storage)->sin_port);
  if (family == AF_INET6) return ntohs(reinterpret_cast<sockaddr_in6*>(&address->storage)->sin6_port);
  return 0;
}

static std::string TextOf(Address* address) {
  char text[INET6_ADDRSTRLEN + 1 + IF_NAMESIZE] = "";
  int family = FamilyOf(address);
  if (family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in*>(&address->storage)->sin_addr, text, sizeof text);
    return text;
  }
  if (family == AF_INET6) {
    auto* in6 = reinterpret_cast<sockaddr_in6*>(&address->storage);
    inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof text);
    if (in6->sin6_scope_id == 0) return text;
    char name[IF_NAMESIZE];
    bool named = if_indextoname(in6->sin6_scope_id, name) != nullptr;
    return std::string(text) + "%" + (named ? name : std::to_string(in6->sin6_scope_id));
  }
  if (family == AF_UNIX && address->length > offsetof(sockaddr_un, sun_path)) {
    auto* un = reinterpret_cast<sockaddr_un*>(&address->storage);
    size_t length = std::min<size_t>(address->length - offsetof(sockaddr_un, sun_path), sizeof un->sun_path);
    if (un->sun_path[0] != '\0') length = strnlen(un->sun_path, length);
    return std::string(un->sun_path, length);
  }
  return {};
}

static napi_value SockaddrText(napi_env env, napi_callback_info info) {
  size_t argc = 0;
  void* data = nullptr;
  napi_value text = nullptr;
  Memory* memory = nullptr;
  if (napi_get_cb_info(env, info, &argc, nullptr, nullptr, &data) != napi_ok) return nullptr;
  ReadParameter(*static_cast<Thread*>(data), 0, nullptr, &memory);
  Address* address = AddressOf(memory);
  std::string value = TextOf(address);
  napi_create_string_utf8(env, value.data(), value.size(), &text);
  return text;
}

void InitSocket(Family family) {
  family.SystemCall<Socket>("socket");
  family.SystemCall<Socketpair>("socketpair", Holds::kFilled, 2);
  family.SystemCall<Bind>("bind", Holds::kGiven);
  family.SystemCall<Listen>("listen");
  family.SystemCall<Accept4>("accept4", Holds::kFilled);
  family.SystemCall<Connect>("connect", Holds::kGiven);
  family.SystemCall<Recv>("recv", Holds::kFilled);
  family.SystemCall<Send>("send", Holds::kGiven);
  family.SystemCall<Recvfrom>("recvfrom", Holds::kFilled);
  family.SystemCall<Sendto>("sendto", Holds::kGiven);
  family.SystemCall<Shutdown>("shutdown");
  family.SystemCall<GetsockoptInts>("getsockopt_ints", Holds::kFilled, 0, "getsockopt");
  family.SystemCall<GetsockoptBytes>("getsockopt_bytes", Holds::kFilled, 1, "getsockopt");
  family.SystemCall<SetsockoptInt>("setsockopt_int", Holds::kNothing, 0, "setsockopt");
  family.SystemCall<SetsockoptBytes>("setsockopt_bytes", Holds::kGiven, 1, "setsockopt");
  family.SystemCall<Getsockname>("getsockname", Holds::kFilled);
  family.SystemCall<Getpeername>("getpeername", Holds::kFilled);
  family.Function<SockaddrInet>("sockaddr_inet");
  family.Function<SockaddrUnix>("sockaddr_unix");
  family.Function<SockaddrFamily>("sockaddr_family");
  family.Function<SockaddrPort>("sockaddr_port");
  family.Raw("sockaddr_text", SockaddrText);
  family.Constants({{"SOCKADDR_BYTES", sizeof(Address)}});
  family.Constants({
      FDMUX_CONSTANT(AF_UNSPEC),        FDMUX_CONSTANT(AF_UNIX),         FDMUX_CONSTANT(AF_INET),
      FDMUX_CONSTANT(AF_INET6),         FDMUX_CONSTANT(SOCK_STREAM),     FDMUX_CONSTANT(SOCK_DGRAM),
      FDMUX_CONSTANT(SOCK_SEQPACKET),   FDMUX_CONSTANT(SOCK_NONBLOCK),   FDMUX_CONSTANT(SOCK_CLOEXEC),
      FDMUX_CONSTANT(SOMAXCONN),        FDMUX_CONSTANT(SHUT_RD),         FDMUX_CONSTANT(SHUT_WR),
      FDMUX_CONSTANT(SHUT_RDWR),        FDMUX_CONSTANT(MSG_DONTWAIT),    FDMUX_CONSTANT(MSG_NOSIGNAL),
      FDMUX_CONSTANT(MSG_OOB),          FDMUX_CONSTANT(MSG_PEEK),        FDMUX_CONSTANT(MSG_TRUNC),
      FDMUX_CONSTANT(MSG_WAITALL),      FDMUX_CONSTANT(MSG_MORE),        FDMUX_CONSTANT(SOL_SOCKET),
      FDMUX_CONSTANT(SO_ACCEPTCONN),    FDMUX_CONSTANT(SO_BROADCAST),    FDMUX_CONSTANT(SO_DOMAIN),
      FDMUX_CONSTANT(SO_ERROR),         FDMUX_CONSTANT(SO_INCOMING_CPU), FDMUX_CONSTANT(SO_KEEPALIVE),
      FDMUX_CONSTANT(SO_LINGER),        FDMUX_CONSTANT(SO_OOBINLINE),    FDMUX_CONSTANT(SO_PROTOCOL),
      FDMUX_CONSTANT(SO_RCVBUF),        FDMUX_CONSTANT(SO_RCVLOWAT),     FDMUX_CONSTANT(SO_RCVTIMEO),
      FDMUX_CONSTANT(SO_REUSEADDR),     FDMUX_CONSTANT(SO_REUSEPORT),    FDMUX_CONSTANT(SO_SNDBUF),
      FDMUX_CONSTANT(SO_SNDTIMEO),      FDMUX_CONSTANT(SO_TYPE),         FDMUX_CONSTANT(IPPROTO_IP),
      FDMUX_CONSTANT(IPPROTO_IPV6),     FDMUX_CONSTANT(IPPROTO_TCP),     FDMUX_CONSTANT(IPPROTO_UDP),
      FDMUX_CONSTANT(IPV6_V6ONLY),      FDMUX_CONSTANT(TCP_CORK),        FDMUX_CONSTANT(TCP_DEFER_ACCEPT),
      FDMUX_CONSTANT(TCP_KEEPCNT),      FDMUX_CONSTANT(TCP_KEEPIDLE),    FDMUX_CONSTANT(TCP_KEEPINTVL),
      FDMUX_CONSTANT(TCP_MAXSEG),       FDMUX_CONSTANT(TCP_NODELAY),     FDMUX_CONSTANT(TCP_QUICKACK),
      FDMUX_CONSTANT(TCP_USER_TIMEOUT),
  });
}

}  // namespace fdmux
