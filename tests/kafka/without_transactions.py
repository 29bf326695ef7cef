"""A broker that offers no transactions: a real one, behind a proxy that hides the requests."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from profiler.servers.ports import LOOPBACK, free_port
from servers.kafka import KafkaProcess

_API_VERSIONS = 18
#: InitProducerId, AddPartitionsToTxn, AddOffsetsToTxn, EndTxn, TxnOffsetCommit.
_HIDDEN = frozenset({22, 24, 25, 26, 28})


class _Advertised(KafkaProcess):
    """It sends its clients to another port."""

    advertised_port = 0

    def settings(self) -> dict[str, str]:
        """The broker's properties."""
        address = f"PLAINTEXT://{LOOPBACK}:{self.advertised_port}"
        return {**super().settings(), "advertised.listeners": address}


@contextmanager
def kafka_without_transactions() -> Iterator[str]:
    """Start one; yields its address."""
    with socket.create_server((LOOPBACK, free_port())) as listener:
        server = _Advertised()
        server.advertised_port = listener.getsockname()[1]
        ended: list[socket.socket] = []
        thread = threading.Thread(target=_accept, args=(listener, server.port, ended), daemon=True)
        thread.start()
        try:
            with server:
                yield f"{LOOPBACK}:{server.advertised_port}"
        finally:
            # A thread that waits for it is let go by `shutdown`; `close` alone would not.
            for each in (listener, *ended):
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()
            thread.join()


def _accept(listener: socket.socket, port: int, opened: list[socket.socket]) -> None:
    while True:
        try:
            client, _ = listener.accept()
            server = socket.create_connection((LOOPBACK, port))
        except OSError:  # closed
            return
        opened += [client, server]
        asked: dict[bytes, int] = {}  # version by correlation id
        for pump, source, sink in ((_ask, client, server), (_answer, server, client)):
            threading.Thread(target=pump, args=(source, sink, asked), daemon=True).start()


def _frames(source: socket.socket) -> Iterator[bytes]:
    with suppress(OSError):
        while len(size := source.recv(4, socket.MSG_WAITALL)) == 4:
            yield source.recv(int.from_bytes(size), socket.MSG_WAITALL)


def _send(sink: socket.socket, frame: bytes) -> None:
    sink.sendall(len(frame).to_bytes(4) + frame)


def _ask(source: socket.socket, sink: socket.socket, asked: dict[bytes, int]) -> None:
    with suppress(OSError):
        for frame in _frames(source):
            key, version = struct.unpack_from(">hh", frame)
            if key == _API_VERSIONS:
                asked[frame[4:8]] = version
            _send(sink, frame)
        sink.shutdown(socket.SHUT_RDWR)


def _answer(source: socket.socket, sink: socket.socket, asked: dict[bytes, int]) -> None:
    with suppress(OSError):
        for frame in _frames(source):
            version = asked.pop(frame[:4], None)
            _send(sink, frame if version is None else _without(frame, version))
        sink.shutdown(socket.SHUT_RDWR)


def _without(frame: bytes, version: int) -> bytes:
    """An answer to ApiVersions without the hidden requests."""
    head, rest = frame[:6], frame[6:]  # correlation id and error
    if head[4:] != b"\0\0":
        return frame
    if version < 3:
        (count,), size, rest = struct.unpack_from(">i", rest), 6, rest[4:]
    else:  # a compact array: the number and one more, below 128; each entry ends with its tags
        count, size, rest = rest[0] - 1, 7, rest[1:]
    entries = [rest[at : at + size] for at in range(0, count * size, size)]
    kept = [entry for entry in entries if int.from_bytes(entry[:2]) not in _HIDDEN]
    number = struct.pack(">i", len(kept)) if version < 3 else bytes([len(kept) + 1])
    return head + number + b"".join(kept) + rest[count * size :]
