/* One JSON object a line on both sides (kith(1), "JSON"). */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "app/base64.h"
#include "app/frontend.h"
#include "app/json_id.h"
#include "app/json_lists.h"
#include "app/json_parcel.h"
#include "app/json_send.h"
#include "app/json_status.h"
#include "app/own_address.h"
#include "app/qr_show.h"
#include "app/subscription.h"
#include "base/array.h"

/* A request: our number for it, and the caller's "id". The id is kept as JSON text, since it may be a number
 * that json_t cannot hold. Answers come almost in the order of requests; but one may take minutes (a dial),
 * and those that were answered meanwhile lie behind it until the array is full. */
struct request {
    uint64_t number; /* in the order of the array */
    bool is_for_qr;  /* it asks for a status, of which a QR code is made */
    bool is_command;
    bool is_answered;
    char *id; /* from malloc; NULL for none */
};

struct json_state {
    struct request *requests;
    size_t first, end, capacity;
    uint64_t last;
    struct frontend_waiting waiting;

    struct json_parcel parcel; /* being written */
};

/* --- answers --- */

/* `id` may be NULL. */
static void end_object(struct frontend *f, const char *id)
{
    if (id) {
        output_add(f->out, ",\"id\":", strlen(",\"id\":"));
        output_add(f->out, id, strlen(id));
    }
    output_add(f->out, "}\n", 2);
}

/* Takes the object, NULL if memory was short. `id` may be NULL. */
static void write_object(struct frontend *f, json_t *object, const char *id)
{
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    const char *shown = text ? text : "{\"event\":\"error\",\"message\":\"out of memory\"}";
    output_add(f->out, shown, strlen(shown) - 1);
    end_object(f, id);
    free(text);
    json_decref(object);
}

static json_t *error_event(const char *message)
{
    return json_pack("{ss ss}", "event", "error", "message", message);
}

static void write_error(struct frontend *f, const char *id, const char *message)
{
    write_object(f, error_event(message), id);
}

/* Those that are answered go. */
static void compact(struct json_state *s)
{
    size_t n = 0;
    for (size_t i = s->first; i < s->end; i++) {
        if (!s->requests[i].is_answered) {
            s->requests[n++] = s->requests[i];
        }
    }
    s->first = 0;
    s->end = n;
}

static size_t *count_of(struct json_state *s, bool is_command)
{
    return is_command ? &s->waiting.commands : &s->waiting.sends;
}

/* A number for a request; 0 if memory is short. Keeps a copy of id. The node bounds how many there are. */
static uint64_t remember(struct json_state *s, const char *id, bool is_command)
{
    if (s->end == s->capacity && s->waiting.sends + s->waiting.commands <= s->capacity / 2) {
        compact(s);
    }
    if (!array_reserve(s->requests, s->capacity, s->end + 1)) {
        return 0;
    }
    char *copy = id ? strdup(id) : NULL;
    if (id && !copy) {
        return 0;
    }
    s->last = json_number_after(s->last);
    s->requests[s->end++] = (struct request){.number = s->last, .is_command = is_command, .id = copy};
    ++*count_of(s, is_command);
    return s->last;
}

/* The request that was remembered last asks for a QR code. */
static void mark_for_qr(struct json_state *s)
{
    s->requests[s->end - 1].is_for_qr = true;
}

/* NULL if there is none. Numbers begin again after 32 bits, so that their distance tells what comes first. */
static struct request *find_request(struct json_state *s, uint64_t number)
{
    size_t low = s->first, high = s->end;
    uint64_t oldest = low < high ? s->requests[low].number : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct request *r = &s->requests[middle];
        if (r->number == number) {
            return r->is_answered ? NULL : r;
        }
        if ((uint32_t)(r->number - oldest) < (uint32_t)(number - oldest)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

/* A request that is answered now; the caller frees its `id`. All zero if there is none. */
static struct request recall_request(struct json_state *s, uint64_t number)
{
    struct request *found = find_request(s, number), r = {.number = 0};
    if (!found) {
        return r;
    }
    r = *found;
    --*count_of(s, r.is_command);
    found->is_answered = true;
    found->id = NULL;
    while (s->first < s->end && s->requests[s->first].is_answered) {
        s->first++;
    }
    if (s->first == s->end) {
        s->first = s->end = 0;
    }
    return r;
}

/* Its "id", which the caller frees; NULL for none. */
static char *recall(struct json_state *s, uint64_t number)
{
    return recall_request(s, number).id;
}

static json_t *online_event(const struct frontend *f, const struct kith_event *e)
{
    json_t *o = json_pack("{ss}", "event", "online"), *p = json_peer(e->peer, f->protocol);
    json_object_update(o, p);
    json_decref(p);
    json_object_set_new(o, "connections", json_integer((json_int_t)e->count));
    return o;
}

static json_t *peers_event(const struct frontend *f, const struct kith_event *e)
{
    json_t *list = json_array();
    for (uint64_t i = 0; i < e->count; i++) {
        json_array_append_new(list, json_peer_figures(KITH_PEER_AT(e, i), f->protocol));
    }
    return json_pack("{ss so}", "event", "peers", "peers", list);
}

static json_t *status_event(const struct kith_status *s)
{
    return s ? json_status(s) : error_event("out of memory");
}

/* A row of modules is a text, "1" where it is dark. */
static json_t *rows_of(const struct qr_code *code)
{
    json_t *rows = json_array();
    for (size_t y = 0; y < code->side; y++) {
        char row[QR_SIDE_MAX + 1];
        for (size_t x = 0; x < code->side; x++) {
            row[x] = code->dark[y][x] ? '1' : '0';
        }
        row[code->side] = '\0';
        json_array_append_new(rows, json_string(row));
    }
    return rows;
}

static json_t *qr_event(const struct frontend *f, const struct kith_status *s)
{
    struct qr_code code;
    struct invitation i;
    enum address_source source;
    char text[INVITATION_TEXT_MAX], bad[256] = "out of memory";
    if (!s || own_invitation(&i, &source, f->config, s, bad, sizeof bad) != 0 ||
        qr_encode(&code, invitation_format(&i, text), bad, sizeof bad) != 0) {
        return error_event(bad);
    }
    return json_pack("{ss ss ss so}", "event", "qr", "text", text, "source", address_source_name(source),
                     "rows", rows_of(&code));
}

static json_t *event_object(const struct frontend *f, const struct kith_event *e)
{
    switch (e->type) {
    case KITH_LISTENING:
        return json_pack("{ss ss}", "event", "listening", "address", e->address);
    case KITH_ONLINE:
        return online_event(f, e);
    case KITH_OFFLINE:
        return json_pack("{ss ss sI ss si ss sI}", "event", "offline", "peer", e->peer->hash, "connection",
                         (json_int_t)e->peer->connection, "reason", e->text, "code", (int)e->reason,
                         "direction", e->peer->outgoing ? "outgoing" : "incoming", "connections",
                         (json_int_t)e->count);
    case KITH_SENT:
        break; /* write_sent */
    case KITH_DROPPED:
        return json_pack("{ss ss sI ss si sI}", "event", "dropped", "peer", e->peer->hash, "connection",
                         (json_int_t)e->peer->connection, "cause", e->text, "code", (int)e->reason, "parcels",
                         (json_int_t)e->count);
    case KITH_PEERS:
        return peers_event(f, e);
    case KITH_STATUS:
        return status_event(e->status);
    case KITH_DONE:
        return json_pack("{ss ss}", "event", "done", "message", e->text);
    case KITH_FAILED:
        return json_pack("{ss ss si}", "event", "error", "message", e->text, "code", (int)e->reason);
    case KITH_MISSED:
        return json_pack("{ss sI}", "event", "missed", "events", (json_int_t)e->count);
    case KITH_ENDED:
        return json_pack("{ss}", "event", "ended");
    case KITH_BANS:
    case KITH_KNOWN:
    case KITH_SCORE:
        return json_list_event(e);
    }
    return NULL;
}

/* By itself, as each message that the application sends has one. */
static void write_sent(struct frontend *f, const struct kith_event *e, const char *id)
{
    char text[64];
    int n = snprintf(text, sizeof text, "{\"event\":\"sent\",\"peers\":%llu", (unsigned long long)e->count);
    output_add(f->out, text, (size_t)n);
    end_object(f, id);
}

static void json_event(struct frontend *f, const struct kith_event *e)
{
    struct request r = e->id ? recall_request(f->state, e->id) : (struct request){.number = 0};
    if (e->type == KITH_SENT) {
        write_sent(f, e, r.id);
        free(r.id);
        return;
    }
    bool is_qr = r.is_for_qr && e->type == KITH_STATUS;
    write_object(f, is_qr ? qr_event(f, e->status) : event_object(f, e), r.id);
    free(r.id);
}

static void json_parcel(struct frontend *f, const struct kith_parcel *p)
{
    struct json_state *s = f->state;
    json_parcel_begin(&s->parcel, f->out, p, f->json, f->json_payload);
}

static bool json_more(struct frontend *f)
{
    struct json_state *s = f->state;
    return json_parcel_more(&s->parcel, f->out);
}

/* --- requests --- */

/* "bytes" of a send request: those behind the line. */
static const char *payload_behind(const struct frontend *f, const json_t *bytes, size_t *size,
                                  const char **error)
{
    *error = "\"bytes\" is for -json=binary";
    if (!f->following) {
        return NULL;
    }
    *error = "a send needs a payload that is not empty";
    *size = f->following->size;
    return json_integer_value(bytes) > 0 ? f->following->bytes : NULL;
}

/* The bytes that a send request carries; the caller frees *buffer. NULL with *error. */
static const char *payload(const struct frontend *f, const json_t *o, size_t *size, void **buffer,
                           const char **error)
{
    json_t *text = json_object_get(o, "text"), *base64 = json_object_get(o, "base64");
    json_t *bytes = json_object_get(o, "bytes");
    *buffer = NULL;
    *error = "a send needs \"text\" or \"base64\", a string that is not empty";
    if (!!text + !!base64 + !!bytes != 1) {
        return NULL;
    }
    if (bytes) {
        return payload_behind(f, bytes, size, error);
    }
    if (text) {
        *size = json_string_length(text);
        return *size ? json_string_value(text) : NULL;
    }
    *size = json_string_length(base64);
    if (*size == 0) {
        return NULL;
    }
    *error = "out of memory";
    *buffer = malloc(BASE64_BYTES_MAX(*size));
    if (!*buffer) {
        return NULL;
    }
    *error = "\"base64\" is not valid";
    return base64_decode(json_string_value(base64), *size, *buffer, size) ? *buffer : NULL;
}

/* If the request names a kind, the protocol has it. False with an error written. */
static bool kind_is_good(struct frontend *f, json_t *o, const char *id)
{
    json_t *kind = json_object_get(o, "kind"), *message;
    if (!kind || (json_is_string(kind) && frontend_has_kind(f, json_string_value(kind)))) {
        return true;
    }
    message = json_is_string(kind) ? json_sprintf("no kind \"%s\"", json_string_value(kind))
                                   : json_string("\"kind\" is not a string");
    write_error(f, id, message ? json_string_value(message) : "out of memory");
    json_decref(message);
    return false;
}

static enum frontend_result send_message(struct frontend *f, struct kith_message *m, const char *id)
{
    m->id = remember(f->state, id, false);
    enum kith_result r = m->id ? kith_send_message(f->node, m, 0) : KITH_NO_MEMORY;
    if (r == KITH_OK) {
        return FRONTEND_DONE;
    }
    free(recall(f->state, m->id));
    if (r == KITH_WOULD_BLOCK) {
        return FRONTEND_FULL;
    }
    write_error(f, id, r == KITH_INVALID ? "longer than -maxParcel" : kith_result_text(r));
    return FRONTEND_DONE;
}

static enum frontend_result request_send(struct frontend *f, json_t *o, const char *id)
{
    struct kith_message m = {.target = json_string_value(json_object_get(o, "send")),
                             .kind = json_string_value(json_object_get(o, "kind"))};
    if (!kind_is_good(f, o, id)) {
        return FRONTEND_DONE;
    }
    const char *error;
    void *buffer;
    m.bytes = payload(f, o, &m.size, &buffer, &error);
    if (!m.target || !m.bytes) {
        write_error(f, id, m.target ? error : "\"send\" names no target");
        free(buffer);
        return FRONTEND_DONE;
    }
    enum frontend_result r = send_message(f, &m, id);
    free(buffer);
    return r;
}

/* The same of a request that was read without its tree; false if this is for the whole parser. */
static bool send_at_once(struct frontend *f, const char *line, size_t size, enum frontend_result *r)
{
    struct json_send s;
    const struct following none = {.size = 0}, *behind = f->following ? f->following : &none;
    if (!json_send_read(&s, line, size, behind->bytes, behind->size)) {
        return false;
    }
    char id[64] = "";
    bool good = s.id_length < sizeof id && (s.kind[0] == '\0' || frontend_has_kind(f, s.kind));
    if (good) {
        struct kith_message m = {
            .target = s.target, .kind = s.kind[0] == '\0' ? NULL : s.kind, .bytes = s.bytes, .size = s.size};
        memcpy(id, s.id ? s.id : "", s.id_length);
        *r = send_message(f, &m, s.id ? id : NULL);
    }
    free(s.buffer);
    return good;
}

static enum kith_result run_ban(struct frontend *f, json_t *o, uint64_t request)
{
    json_t *peer = json_object_get(o, "peer"), *seconds = json_object_get(o, "seconds");
    double s = seconds ? json_number_value(seconds) : 0;
    if (!peer) {
        peer = json_object_get(o, "address");
    }
    if (!json_is_string(peer) || (seconds && !json_is_number(seconds)) || !(s >= 0 && s <= 1e10)) {
        return KITH_INVALID;
    }
    return kith_ban(f->node, json_string_value(peer), (int64_t)(s * 1000), request);
}

/* Of protocols that keep a chain. */
static bool is_verb(const char *name)
{
    return strcmp(name, "block") == 0 || strcmp(name, "chain") == 0;
}

static enum kith_result run_command(struct frontend *f, const char *name, json_t *o, uint64_t request)
{
    const char *peer = json_string_value(json_object_get(o, "peer"));
    const char *address = json_string_value(json_object_get(o, "address"));
    const char *peers = json_string_value(json_object_get(o, "peers"));
    if (strcmp(name, "peers") == 0) {
        return kith_ask_peers(f->node, request);
    }
    if (strcmp(name, "status") == 0) {
        return kith_ask_status(f->node, request);
    }
    if (strcmp(name, "qr") == 0) {
        mark_for_qr(f->state);
        return kith_ask_status(f->node, request);
    }
    if (strcmp(name, "ban") == 0) {
        return run_ban(f, o, request);
    }
    if (strcmp(name, "unban") == 0 && address) {
        return kith_unban(f->node, address, request);
    }
    if (strcmp(name, "disconnect") == 0 && peer) {
        return kith_disconnect(f->node, peer, request);
    }
    if (strcmp(name, "special") == 0 && peers) {
        return kith_set_special(f->node, peers, request);
    }
    if (is_verb(name)) {
        return kith_ask_service(f->node, name, NULL, request);
    }
    return json_list_command(f->node, name, o, request);
}

static bool is_subscription(const char *name)
{
    return strcmp(name, "subscribe") == 0 || strcmp(name, "unsubscribe") == 0;
}

/* Without "events" it is about all. */
static enum frontend_result request_subscription(struct frontend *f, const char *name, json_t *o,
                                                 const char *id)
{
    json_t *events = json_object_get(o, "events"), *event;
    size_t i;
    uint32_t bits = events ? 0 : SUBSCRIPTION_ALL;
    if (events && !json_is_array(events)) {
        write_error(f, id, "\"events\" is not a list of names");
        return FRONTEND_DONE;
    }
    json_array_foreach(events, i, event)
    {
        uint32_t bit = json_is_string(event) ? subscription_bit(json_string_value(event)) : 0;
        if (!bit) {
            write_error(f, id, "\"events\" names none that there is");
            return FRONTEND_DONE;
        }
        bits |= bit;
    }
    *f->wants = *name == 's' ? *f->wants | bits : *f->wants & ~bits;
    write_object(f, json_pack("{ss ss}", "event", "done", "message", name), id);
    return FRONTEND_DONE;
}

static enum frontend_result request_command(struct frontend *f, json_t *o, const char *id)
{
    const char *name = json_string_value(json_object_get(o, "command"));
    if (name && strcmp(name, "quit") == 0) {
        return FRONTEND_QUIT;
    }
    if (name && f->wants && is_subscription(name)) {
        return request_subscription(f, name, o, id);
    }
    uint64_t request = remember(f->state, id, true);
    enum kith_result r = !request ? KITH_NO_MEMORY : name ? run_command(f, name, o, request) : KITH_INVALID;
    if (r == KITH_OK && !json_is_verdict(name)) {
        return FRONTEND_DONE;
    }
    free(recall(f->state, request));
    if (r == KITH_OK) { /* the node does not answer it */
        if (id) {
            write_object(f, json_pack("{ss ss}", "event", "done", "message", name), id);
        }
        return FRONTEND_DONE;
    }
    if (r == KITH_WOULD_BLOCK) {
        return FRONTEND_FULL;
    }
    if (r == KITH_BUSY) {
        return FRONTEND_BUSY;
    }
    if (r == KITH_INVALID) {
        write_error(f, id,
                    name && is_verb(name) ? "the protocol keeps no chain"
                                          : "no such command, or not with these fields");
    } else {
        write_error(f, id, kith_result_text(r));
    }
    return FRONTEND_DONE;
}

/* A text that is passed on as a C string would be cut at a NUL. False with an error written. */
static bool names_are_whole(struct frontend *f, json_t *o, const char *id)
{
    static const char *const keys[] = {"send", "kind", "command", "peer", "address", "peers", "verdict"};
    char message[64];

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        json_t *v = json_object_get(o, keys[i]);
        if (!json_is_string(v) || strlen(json_string_value(v)) == json_string_length(v)) {
            continue;
        }
        snprintf(message, sizeof message, "\"%s\" holds a NUL", keys[i]);
        write_error(f, id, message);
        return false;
    }
    return true;
}

static enum frontend_result request(struct frontend *f, json_t *o, const char *id)
{
    bool sends = json_object_get(o, "send");
    bool commands = json_object_get(o, "command");
    if (sends == commands) {
        write_error(f, id, "a request has \"send\" or \"command\"");
    } else if (commands && f->following && f->following->size > 0) {
        write_error(f, id, "a command has no bytes behind it");
    } else if (names_are_whole(f, o, id)) {
        return sends ? request_send(f, o, id) : request_command(f, o, id);
    }
    return FRONTEND_DONE;
}

static json_t *load(const char *line, size_t size, json_error_t *error)
{
    return json_loadb(line, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, error);
}

/* The same for a line whose "id" is an integer that json_t cannot hold: the id is replaced by 0. */
static json_t *load_with_any_id(char *line, size_t size, const char *id, json_error_t *error)
{
    size_t length = strlen(id), at;
    const char *place;
    if (!json_id_is_integer(id, length) || !json_id_find(line, size, &place, &length)) {
        return NULL;
    }
    at = (size_t)(place - line);
    memset(line + at, ' ', length);
    line[at] = '0';
    json_t *o = load(line, size, error);
    memcpy(line + at, id, length); /* the line may have to be given again */
    return o;
}

/* The "id" of the line, if it is JSON: to be freed; NULL for none. An integer is given back as it is written.
 */
static char *copy_id(const char *line, size_t size)
{
    const char *text;
    size_t length;
    if (!json_id_find(line, size, &text, &length)) {
        return NULL;
    }
    if (json_id_is_integer(text, length)) {
        return strndup(text, length);
    }
    json_t *value = json_loadb(text, length, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    char *id = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT); /* NULL of NULL */
    json_decref(value);
    return id;
}

/* If the bytes behind a line are not what they have to be, it is an error, whatever else the line says. */
static bool is_followed_well(struct frontend *f, const char *line, size_t size)
{
    static const char *const faults[] = {
        [FOLLOWING_TOO_MANY] = "longer than -maxParcel",
        [FOLLOWING_CUT] = "the input ends before the last of its bytes",
        [FOLLOWING_UNKNOWN] = "it cannot be told how many bytes follow: the input ends with this line",
    };
    if (!f->following || f->following->state == FOLLOWING_WHOLE) {
        return true;
    }
    char *id = copy_id(line, size);
    write_error(f, id, faults[f->following->state]);
    free(id);
    return false;
}

static enum frontend_result json_line(struct frontend *f, char *line, size_t size)
{
    enum frontend_result r = FRONTEND_DONE;
    if (!is_followed_well(f, line, size) || send_at_once(f, line, size, &r)) {
        return r;
    }
    json_error_t error;
    json_t *o = load(line, size, &error);
    char *id = copy_id(line, size);
    if (!o && id && json_error_code(&error) == json_error_numeric_overflow) {
        o = load_with_any_id(line, size, id, &error);
    }
    if (id && strlen(id) > JSON_ID_MAX) {
        write_error(f, id, "\"id\" is longer than 1024 bytes");
    } else if (json_is_object(o)) {
        r = request(f, o, id);
    } else {
        write_error(f, id, o ? "a request is a JSON object" : error.text);
    }
    json_decref(o);
    free(id);
    return r;
}

static void json_refuse(struct frontend *f, const char *line, size_t size, const char *why)
{
    char *id = copy_id(line, size);
    write_error(f, id, why);
    free(id);
}

static void json_too_long(struct frontend *f, const char *line, size_t size)
{
    json_refuse(f, line, size, "line too long");
}

static struct frontend_waiting json_waiting(const struct frontend *f)
{
    const struct json_state *s = f->state;
    return s->waiting;
}

static void json_close(struct frontend *f)
{
    struct json_state *s = f->state;
    for (size_t i = s->first; i < s->end; i++) {
        free(s->requests[i].id);
    }
    free(s->requests);
    free(s);
}

/* The array doubles, and half of it may be of requests that were answered. */
uint64_t json_request_memory(void)
{
    return 4 * sizeof(struct request) + JSON_ID_MAX + 1;
}

bool json_frontend(struct frontend *f)
{
    struct json_state *s = f->state = calloc(1, sizeof(struct json_state));
    f->line = json_line;
    f->too_long = json_too_long;
    f->parcel = json_parcel;
    f->more = json_more;
    f->event = json_event;
    f->close = json_close;
    f->waiting = json_waiting;
    f->refuse = json_refuse;
    if (s) {
        s->last = f->ids;
    }
    return s;
}
