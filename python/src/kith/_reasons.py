"""Why connections end, messages are dropped and requests fail: the numbers of `enum kith_reason` in kith.h."""
from enum import IntEnum

from ._binding import ffi, lib


class Reason(IntEnum):
    """Why something happened. The numbers never change. `text` says it in words."""

    NONE = 0
    END_NONE = 100
    END_DIAL_FAILED = 101
    END_HANDSHAKE = 102
    END_HANDSHAKE_TIMEOUT = 103
    END_NETWORK = 104
    END_VERSION = 105
    END_IDENTITY = 106
    END_LOOPBACK = 107
    END_REJECTED = 108
    END_BAD_INPUT = 109
    END_MISCONDUCT = 110
    END_STREAM = 111
    END_SILENT = 112
    END_CLOSED = 113
    END_ERROR = 114
    END_DUPLICATE = 115
    END_REFUSED = 116
    END_CROWDED = 117
    END_EVICTED = 118
    END_BANNED = 119
    END_DISCONNECT = 120
    END_CAT = 121
    END_RESOURCES = 122
    END_HOARDED = 123
    END_LOCAL = 124
    END_SHUTDOWN = 125
    END_JUDGED = 126
    END_CLOCK = 127
    DROP_STALLED = 200
    DROP_APPLICATION = 201
    DROP_LOST = 202
    DROP_GONE = 203
    DROP_UNSAYABLE = 204
    DROP_UNFINISHED = 205
    DROP_SHUTDOWN = 206
    DROP_REFUSED = 207
    DROP_UNKEPT = 208
    DROP_UNJUDGED = 209
    FAIL_NO_PEER = 300
    FAIL_UNKNOWN = 301
    FAIL_NO_ADDRESS = 302
    FAIL_NO_MEMORY = 303
    FAIL_ENDING = 304
    FAIL_REFUSED = 305
    FAIL_VERB = 306
    FAIL_FULL = 307
    FAIL_EXCLUSIVE = 308
    FAIL_BANNED = 309
    FAIL_SELF = 310
    FAIL_UNDER_WAY = 311
    FAIL_NAME = 312
    DATAGRAM_TOO_LONG = 400
    DATAGRAM_LIMITED = 401
    DATAGRAM_UNTAKEN = 402
    DATAGRAM_UNSENT = 403

    @property
    def text(self) -> str:
        """In words, for people. They may change."""
        return bytes(ffi.string(lib.kith_reason_text(self))).decode()
