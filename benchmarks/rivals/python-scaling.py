"""The scaling benchmark over Python's select module: workloads/scaling-sys.ts in the language of the documents."""

import json
import os
import resource
import select
import socket
import statistics
import sys
import time

FIRST_FD = 50
MAX_RUNS = 10_000


class Pairs:
    """Pairs of sockets that are all watched for reading; whoever reads a byte sends one on, until so many are sent."""

    def __init__(self):
        self.sockets = []
        self.readers = []
        self.writers = []
        self.pair_of = {}
        self.active = self.writes = self.fired = self.count = 0

    def open(self, wanted):
        for left, right in self.sockets[wanted:]:
            left.close()
            right.close()
        del self.sockets[wanted:]
        while len(self.sockets) < wanted:
            self.sockets.append(socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM))
        self.readers = [left.fileno() for left, _ in self.sockets]
        self.writers = [right.fileno() for _, right in self.sockets]
        self.pair_of = {fd: i for i, fd in enumerate(self.readers)}

    def send_to(self, pair):
        if os.write(self.writers[pair], b"e") != 1:
            raise OSError("write")
        self.fired += 1

    def read_one(self, fd):
        if os.read(fd, 1) != b"e":
            raise OSError("read")
        self.count += 1
        if self.writes > 0:
            self.writes -= 1
            following = self.pair_of[fd] + 1
            self.send_to(following if following < len(self.readers) else 0)


class Select:
    def watch(self, pairs):
        pass

    def look(self, pairs):
        for fd in select.select(pairs.readers, (), (), 0)[0]:
            pairs.read_one(fd)

    def unwatch(self):
        pass


class Poll:
    def watch(self, pairs):
        self.poll = select.poll()
        for fd in pairs.readers:
            self.poll.register(fd, select.POLLIN)

    def look(self, pairs):
        for fd, _ in self.poll.poll(0):
            pairs.read_one(fd)

    def unwatch(self):
        self.poll = None


class Epoll:
    def __init__(self):
        self.epoll = select.epoll()
        self.registered = []

    def watch(self, pairs):
        self.unwatch()
        for fd in pairs.readers:
            self.epoll.register(fd, select.EPOLLIN)
        self.registered = pairs.readers

    def look(self, pairs):
        for fd, _ in self.epoll.poll(0):
            pairs.read_one(fd)

    def unwatch(self):
        for fd in self.registered:
            self.epoll.unregister(fd)
        self.registered = []


def run_once(method, pairs, writes):
    method.watch(pairs)
    pairs.count = pairs.fired = 0
    method.look(pairs)
    if pairs.count != 0:
        raise RuntimeError("bytes were left")
    space = len(pairs.readers) // pairs.active
    for i in range(pairs.active):
        pairs.send_to(i * space)
    pairs.writes = writes
    start = time.perf_counter_ns()
    while True:
        before = pairs.count
        method.look(pairs)
        if pairs.count == before:
            raise RuntimeError("an event was lost")
        if pairs.count == pairs.fired:
            break
    taken = time.perf_counter_ns() - start
    if pairs.count != pairs.active + writes:
        raise RuntimeError(f"{pairs.count} events, not {pairs.active + writes}")
    method.look(pairs)
    if pairs.count != pairs.fired:
        raise RuntimeError("an event came twice")
    return taken


def measure(method, pairs, writes, milliseconds):
    times = []
    end = time.perf_counter_ns() + milliseconds * 1_000_000
    while not times or (len(times) < MAX_RUNS and time.perf_counter_ns() < end):
        times.append(run_once(method, pairs, writes))
    method.unwatch()
    events = pairs.active + writes
    return {"ns": statistics.median(times) / events, "runs": len(times), "events": events}


def say(words):
    print(json.dumps(words), flush=True)


def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    methods = {"select": Select(), "poll": Poll(), "level": Epoll()}
    while os.dup(0) < FIRST_FD - 1:
        pass
    pairs = Pairs()
    say({"threads": 1})
    for line in sys.stdin:
        name, *numbers = line.split()
        wanted, pairs.active, writes, milliseconds = map(int, numbers)
        try:
            pairs.open(wanted)
            say({"method": name, **measure(methods[name], pairs, writes, milliseconds)})
        except Exception as error:
            say({"error": f"{type(error).__name__}: {error}"})
            return 1
    return 0


sys.exit(main())
