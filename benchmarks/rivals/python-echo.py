"""An echo server over Python's select.epoll, level-triggered: the same loop as c/echo.c, in the language of the documents."""

import select
import socket

MAXEVENTS = 1024
BYTES = 65536


def main():
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    listener.setblocking(False)
    epoll = select.epoll()
    epoll.register(listener.fileno(), select.EPOLLIN)
    connections = {}
    owed = {}
    buffer = bytearray(BYTES)
    view = memoryview(buffer)

    def hang_up(fd):
        owed.pop(fd, None)
        connections.pop(fd).close()

    def accept_all():
        while True:
            try:
                connection, _ = listener.accept()
            except BlockingIOError:
                return
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connections[connection.fileno()] = connection
            epoll.register(connection.fileno(), select.EPOLLIN)

    def pay(fd, data):
        try:
            sent = connections[fd].send(data)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            owed[fd] = bytes(data[sent:])
            epoll.modify(fd, select.EPOLLOUT)
        elif owed.pop(fd, None) is not None:
            epoll.modify(fd, select.EPOLLIN)

    def serve(fd):
        try:
            if fd in owed:
                pay(fd, owed[fd])
                return
            count = connections[fd].recv_into(buffer)
            if count == 0:
                hang_up(fd)
            else:
                pay(fd, view[:count])
        except BlockingIOError:
            pass
        except OSError:
            hang_up(fd)

    print("listening on 127.0.0.1:%d" % listener.getsockname()[1], flush=True)
    door = listener.fileno()
    while True:
        for fd, _ in epoll.poll(-1, MAXEVENTS):
            if fd == door:
                accept_all()
            else:
                serve(fd)


main()
