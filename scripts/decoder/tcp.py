"""Puts the bytes that one side of a TCP connection sends in order."""
import heapq

# More than this is not in flight: the bytes before it are not in the capture, and it need not be kept for them.
MAX_HELD = 64 << 20


class Missing(Exception):
    """Bytes that were sent are not in the capture, so that those behind them cannot be told."""

    def __init__(self, size):
        super().__init__(f"{size} bytes are missing in the capture")


class Half:
    """One direction. Offsets count the bytes of its stream from 0, past the wrap of TCP's sequence numbers."""

    def __init__(self):
        self.base = None  # the sequence number of the first byte
        self.at = 0       # how many bytes have come in order
        self.end = None   # the offset at which the sender has closed
        self.seen = 0     # how many bytes have been sent at least, by an empty segment's number
        self.held = []    # heap of (offset, bytes), those behind a gap
        self.held_size = 0

    def offset(self, sequence):
        """The one nearest to where the stream is: sequence numbers tell it modulo 2**32."""
        ahead = (sequence - self.base - self.at) % 2**32
        return self.at + ahead - (ahead >> 31) * 2**32

    def add(self, sequence, payload):
        """The bytes that are in order now; empty for a retransmission and behind a gap."""
        offset = self.offset(sequence)
        if not payload:
            self.seen = max(self.seen, offset)
            return b""
        heapq.heappush(self.held, (offset, payload))
        self.held_size += len(payload)
        ordered = bytearray()
        while self.held and self.held[0][0] <= self.at:
            offset, payload = heapq.heappop(self.held)
            self.held_size -= len(payload)
            fresh = payload[self.at - offset:]
            ordered += fresh
            self.at += len(fresh)
        if self.held_size > MAX_HELD and not ordered:
            self.check_complete()
        return bytes(ordered)

    def forget(self):
        """Of what is held nothing will be asked for."""
        self.held.clear()
        self.held_size = 0

    def close(self, sequence):
        if self.end is None:
            self.end = self.offset(sequence)

    def closed(self):
        return self.end is not None and self.at >= self.end

    def check_complete(self):
        """Raises Missing where bytes were sent that have not come."""
        # The close takes a number too, so that the numbers of empty segments behind it say nothing of bytes.
        sent = self.seen if self.end is None else self.end
        until = self.held[0][0] if self.held else sent
        if until > self.at:
            raise Missing(until - self.at)
