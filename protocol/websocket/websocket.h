/* WebSocket (RFC 6455) as a stream, below protocols that speak in lines.
 *
 * Who dials us chooses by its first byte. `G` begins an HTTP upgrade, of the path "/", from any origin,
 * without subprotocol or extension; any other byte is the first of the protocol's own, and all bytes pass as
 * they are. We dial by WebSocket if the address says so, else plainly.
 *
 * A text message becomes a line: '\n' comes behind it, and those in it become '\r', which means the same in
 * JSON: white space between tokens, an error in a string. So one message is never two lines. A line that we
 * send becomes a text message without its '\n'.
 *
 * An upgrade that is refused is END_STREAM, and costs nobody anything: any web page has browsers knock here.
 * What violates the framing afterwards is END_BAD_INPUT, and gets the close code of RFC 6455:
 *
 *     1002    an unmasked frame of a client, a masked one of a server, reserved bits and opcodes, control
 *             frames in fragments or of more than 125 bytes, a continuation of nothing, a bad close frame
 *     1003    binary data
 *     1007    text that is not UTF-8
 *     1009    a message of more than WEBSOCKET_MESSAGE_MAX bytes, told by the heads of its frames
 *
 * A close is answered and is END_CLOSED. Of the pings that come at once the last is answered. We send none:
 * the protocol has its own. */
#ifndef KITH_PROTOCOL_WEBSOCKET_WEBSOCKET_H
#define KITH_PROTOCOL_WEBSOCKET_WEBSOCKET_H

#include "protocol/ledger/line.h"
#include "protocol/stream.h"

enum { WEBSOCKET_MESSAGE_MAX = LINE_MAX_BYTES - 1 }; /* its '\n' comes on top */

extern const struct stream_ops websocket_stream;

#endif
