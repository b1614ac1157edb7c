#include "app/editor.h"

#ifdef KITH_WITH_LIBEDIT

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <histedit.h>

#include "app/history.h"
#include "app/keys.h"
#include "app/search.h"
#include "app/terminal.h"
#include "base/utf8.h"

#define PROMPT  "kith> "
#define UNKNOWN "\xef\xbf\xbd" /* in place of what is no character */

enum {
    KEYS_READ = 4096, /* at once */
    END_OF_INPUT = 'D' - '@',
    /* Keys of our own, which no terminal passes on: libedit draws only while it obeys a key. */
    KEY_INSERT = ']' - '@', /* inserts `inserted` */
    KEY_DRAW = '^' - '@',   /* takes the line from the screen, and draws it */
    KEY_SET = '\\' - '@',   /* puts `inserted` in place of the line */
    KEY_SEARCH = 'R' - '@',
    KEY_CANCEL = 'G' - '@',
};

struct editor {
    struct terminal terminal;
    struct output *out;
    struct history_file *history_file; /* NULL for none */
    editor_complete *complete;
    void *context;
    EditLine *el;
    History *history;
    FILE *drawing; /* what libedit draws with */
    FILE *nowhere; /* for its errors */

    char keys[KEYS_READ]; /* that have not been obeyed */
    size_t at, end;
    size_t obeyed_to; /* libedit is given no key from there on: after an unknown one it asks for more */
    bool refused;     /* as in struct lines */
    bool ended;
    bool skipping; /* in a line that was too long */

    const char *own_keys; /* the next ones that libedit gets */
    char *inserted;
    struct search search;
    struct completions shown; /* to be written above the line */
    char *line;               /* the one that was given last */

    char *clears;    /* what clears the rest of a line of the screen */
    bool is_here;    /* the terminal is ours */
    bool is_on_show; /* the line is on the screen */
    bool is_mute;    /* libedit draws nothing */
    bool leaves;     /* it becomes so as soon as the line has gone from the screen */
    bool draws;
};

/* --- what libedit calls --- */

static struct editor *editor_of(EditLine *el)
{
    void *e = NULL;
    el_wget(el, EL_CLIENTDATA, &e);
    return e;
}

/* Never blocks: without a key, libedit gives up. */
static int next_key(EditLine *el, wchar_t *key)
{
    struct editor *e = editor_of(el);
    if (*e->own_keys) {
        *key = (unsigned char)*e->own_keys++;
        return 1;
    }
    if (e->at == e->obeyed_to) {
        return 0;
    }
    size_t size = utf8_character(e->keys + e->at, e->obeyed_to - e->at);
    if (size == 0 || mbrtowc(key, e->keys + e->at, size, &(mbstate_t){0}) > size) {
        *key = 0xfffd; /* in place of what is no character */
        size = 1;
    }
    e->at += size;
    return 1;
}

/* libedit asks for it after it has taken the line from the screen, and before it draws anything. */
static char *prompt(EditLine *el)
{
    static char text[] = PROMPT;
    struct editor *e = editor_of(el);
    if (e->leaves) {
        fflush(e->drawing);
        e->is_mute = true;
    }
    return e->search.is_on ? e->search.prompt : text;
}

static ssize_t draw(void *self, const char *text, size_t size)
{
    struct editor *e = self;
    if (!e->is_mute) {
        e->draws = true;
        output_add(e->out, text, size);
        e->draws = false;
    }
    return (ssize_t)size;
}

static unsigned char insert_text(EditLine *el, int key)
{
    (void)key;
    return el_insertstr(el, editor_of(el)->inserted) == 0 ? CC_REFRESH : CC_ERROR;
}

static unsigned char set_line(EditLine *el, int key)
{
    const LineInfoW *l = el_wline(el);
    int size = (int)(l->lastchar - l->buffer);
    (void)key;
    el_cursor(el, (int)(l->lastchar - l->cursor));
    el_deletestr(el, size);
    el_insertstr(el, editor_of(el)->inserted);
    return CC_REFRESH;
}

static unsigned char draw_line(EditLine *el, int key)
{
    (void)el;
    (void)key;
    return CC_REDISPLAY;
}

/* Characters, of UTF-8. */
static int characters(const char *text)
{
    int n = 0;
    for (; *text; text++) {
        n += (*text & 0xc0) != 0x80;
    }
    return n;
}

/* Puts what all completions begin with in place of the word; false if that is no more than there is. */
static bool replace_word(EditLine *el, const char *word, const struct completions *c)
{
    size_t common = completions_common(c);
    char *text = strndup(c->texts[0], common);
    bool is_more = text && strcmp(text, word) != 0 && (common > strlen(word) || c->n == 1);
    if (is_more) {
        el_deletestr(el, characters(word));
        is_more = el_insertstr(el, text) == 0;
    }
    free(text);
    return is_more;
}

static unsigned char complete_word(EditLine *el, int key)
{
    (void)key;
    struct editor *e = editor_of(el);
    const LineInfo *l = el_line(el);
    char *line = strndup(l->buffer, (size_t)(l->cursor - l->buffer));
    struct completions c = {.n = 0};
    if (!line) {
        return CC_ERROR;
    }
    e->complete(e->context, line, &c);
    unsigned char result = CC_ERROR;
    if (c.n > 0 && replace_word(el, line + c.from, &c)) {
        result = CC_REFRESH;
    } else if (c.n > 1) {
        e->shown = c;
        c = (struct completions){.n = 0};
        result = CC_NORM;
    }
    completions_free(&c);
    free(line);
    return result;
}

/* --- its start and end --- */

/* Text is UTF-8, whatever the locale says. */
static bool speak_utf8(void)
{
    return (setlocale(LC_CTYPE, "") && strcmp(nl_langinfo(CODESET), "UTF-8") == 0) ||
           setlocale(LC_CTYPE, "C.UTF-8");
}

bool editor_is_possible(void)
{
    return terminal_is_there() && speak_utf8();
}

/* False if it is none to be kept. */
static bool add_to_history(struct editor *e, const char *line)
{
    HistEvent event;
    if (!line[0] || line[0] == ' ' || strlen(line) > HISTORY_LINE_BYTES) {
        return false;
    }
    history(e->history, &event, H_ENTER, line);
    return true;
}

static void load_history(struct editor *e, const char *path)
{
    HistEvent event;
    history(e->history, &event, H_SETSIZE, HISTORY_LINES);
    history(e->history, &event, H_SETUNIQUE, 1);
    size_t size = 0;
    char *text = path[0] ? history_read(path, &size) : NULL;
    for (char *line = text, *end; line && (end = memchr(line, '\n', size - (size_t)(line - text)));
         line = end + 1) {
        *end = '\0';
        if (key_text(line, (size_t)(end - line)) == (size_t)(end - line)) { /* a file may hold anything */
            add_to_history(e, line);
        }
    }
    free(text);
}

/* Commands that read further keys by themselves, and would have to wait for them, are left out. */
static void bind_keys(struct editor *e)
{
    static const struct {
        const wchar_t *key, *command;
    } keys[] = {
        {L"^I", L"kith-complete"},       {L"^]", L"kith-insert"},    {L"^^", L"kith-draw"},
        {L"^\\", L"kith-set"},           {L"^V", L"ed-unassigned"},  {L"^Q", L"ed-unassigned"},
        {L"^S", L"ed-unassigned"},       {L"^[x", L"ed-unassigned"}, {L"^[X", L"ed-unassigned"},
        {L"^_", L"ed-delete-next-char"},
    };
    el_wset(e->el, EL_ADDFN, L"kith-complete", L"Complete the word", complete_word);
    el_wset(e->el, EL_ADDFN, L"kith-insert", L"Insert text", insert_text);
    el_wset(e->el, EL_ADDFN, L"kith-set", L"Set the line", set_line);
    el_wset(e->el, EL_ADDFN, L"kith-draw", L"Draw the line", draw_line);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        el_wset(e->el, EL_BIND, keys[i].key, keys[i].command, NULL);
    }
}

static bool start_libedit(struct editor *e, const char *history_path)
{
    cookie_io_functions_t functions = {.write = draw};
    e->drawing = fopencookie(e, "w", functions);
    e->nowhere = fopen("/dev/null", "we");
    e->history = history_init();
    int fd = e->terminal.for_libedit;
    e->is_mute = true;
    if (!e->drawing || !e->nowhere || !e->history ||
        !(e->el = el_init_fd("kith", stdin, e->drawing, e->nowhere, fd, fd, fd))) {
        return false;
    }
    char *goes_up = NULL; /* a terminal that cannot do these cannot take a line back */
    el_wget(e->el, EL_GETTC, "ce", &e->clears);
    el_wget(e->el, EL_GETTC, "up", &goes_up);
    if (!e->clears || !e->clears[0] || !goes_up || !goes_up[0]) {
        return false;
    }
    load_history(e, history_path);
    el_wset(e->el, EL_CLIENTDATA, e);
    el_wset(e->el, EL_GETCFN, next_key);
    el_set(e->el, EL_PROMPT, prompt);
    el_wset(e->el, EL_EDITOR, L"emacs");
    bind_keys(e);
    el_set(e->el, EL_HIST, history, e->history);
    el_wset(e->el, EL_UNBUFFERED, 1);
    return true;
}

static void free_all(struct editor *e)
{
    if (e->el) {
        el_end(e->el);
    }
    if (e->history) {
        history_end(e->history);
    }
    if (e->drawing) {
        fclose(e->drawing);
    }
    if (e->nowhere) {
        fclose(e->nowhere);
    }
    terminal_close(&e->terminal);
    completions_free(&e->shown);
    search_end(&e->search);
    free(e->line);
    free(e);
}

struct editor *editor_new(int fd, struct output *out, const char *history, editor_complete *complete,
                          void *context)
{
    struct editor *e = terminal_is_there() ? calloc(1, sizeof *e) : NULL;
    if (!e) {
        return NULL;
    }
    if (terminal_open(&e->terminal, fd) != 0) {
        free(e);
        return NULL;
    }
    e->out = out;
    e->own_keys = "";
    e->complete = complete;
    e->context = context;
    if (!start_libedit(e, history) || (history[0] && !(e->history_file = history_open(history)))) {
        free_all(e);
        return NULL;
    }
    return e;
}

/* The history as text, from malloc; NULL if memory is short. */
static char *history_text(struct editor *e, size_t *size)
{
    char *text = NULL;
    FILE *file = open_memstream(&text, size);
    if (!file) {
        return NULL;
    }
    HistEvent event;
    for (int r = history(e->history, &event, H_LAST); r == 0; r = history(e->history, &event, H_PREV)) {
        fprintf(file, "%s\n", event.str);
    }
    return fclose(file) == 0 ? text : NULL;
}

int editor_free(struct editor *e)
{
    int error = 0;
    size_t size = 0;
    if (!e) {
        return 0;
    }
    if (e->history_file) {
        char *text = history_text(e, &size);
        error = history_close(e->history_file, text, size);
        error = text ? error : ENOMEM;
        free(text);
    }
    free_all(e);
    return error;
}

/* --- the line on the screen --- */

/* `own_keys`, and then that many bytes of what has been typed. */
static void press(struct editor *e, const char *own_keys, size_t typed)
{
    int n;
    e->own_keys = own_keys;
    e->obeyed_to = e->at + typed;
    el_wgets(e->el, &n);
    e->own_keys = "";
}

static void press_own(struct editor *e, char key)
{
    press(e, (const char[]){key, '\0'}, 0);
}

/* Text is about to be written that is not the line. */
static void make_way(void *self)
{
    struct editor *e = self;
    if (e->is_on_show && !e->draws) {
        e->is_on_show = false;
        e->leaves = true;
        press_own(e, KEY_DRAW);
        e->leaves = false;
        e->is_mute = true;
    }
}

static void begin(struct editor *e)
{
    if (!e->is_here) {
        e->is_here = true;
        e->out->before = make_way;
        e->out->before_context = e;
        terminal_pass_keys(&e->terminal);
        editor_resize(e);
    }
}

void editor_show(struct editor *e)
{
    begin(e);
    if (!e->is_on_show && !e->out->in_pieces && !e->ended) {
        e->is_on_show = true;
        e->is_mute = false;
        el_wset(e->el, EL_REFRESH); /* as if nothing were on the screen */
    }
}

void editor_leave(struct editor *e, bool restore)
{
    if (!e->is_here) {
        return;
    }
    if (restore) {
        make_way(e);
        terminal_restore(&e->terminal);
    } else if (e->is_on_show) {
        /* Perhaps nobody else has written anything. */
        e->draws = true;
        output_printf(e->out, "\r%s", e->clears);
        e->draws = false;
    }
    e->is_on_show = false;
    e->is_mute = true;
    e->is_here = false;
    terminal_lose(&e->terminal);
}

void editor_close(struct editor *e)
{
    if (e) {
        editor_leave(e, true);
        e->out->before = NULL;
    }
}

void editor_resize(struct editor *e)
{
    make_way(e);
    terminal_measure(&e->terminal);
    el_resize(e->el);
}

bool editor_drop_line(struct editor *e)
{
    const LineInfoW *l = el_wline(e->el);
    if (l->lastchar == l->buffer && !e->search.is_on) {
        return false;
    }
    make_way(e);
    search_end(&e->search);
    el_reset(e->el);
    return true;
}

/* --- keys --- */

void editor_read(struct editor *e)
{
    memmove(e->keys, e->keys + e->at, e->end - e->at);
    e->end -= e->at;
    e->at = 0;
    ssize_t n = read(e->terminal.fd, e->keys + e->end, sizeof e->keys - e->end);
    if (n > 0) {
        e->end += (size_t)n;
    } else if (n == 0 || (errno != EINTR && errno != EAGAIN && (errno != EIO || e->refused))) {
        e->ended = true;
    }
    e->refused = n < 0 && errno == EIO;
}

bool editor_has_ended(const struct editor *e)
{
    return e->ended && e->at == e->end;
}

static size_t line_size(struct editor *e)
{
    const LineInfoW *l = el_wline(e->el);
    return (size_t)(l->lastchar - l->buffer);
}

/* What is pasted comes in large parts: libedit is given each of them whole, as it draws after each key. */
static void insert(struct editor *e, const char *text, size_t size)
{
    if (line_size(e) + size > EDITOR_LONGEST) {
        make_way(e);
        el_reset(e->el);
        e->skipping = true;
        return;
    }
    e->inserted = strndup(text, size);
    if (e->inserted) {
        press_own(e, KEY_INSERT);
    }
    free(e->inserted);
    e->inserted = NULL;
}

static void show_completions(struct editor *e)
{
    if (e->shown.n > 0) {
        completions_print(&e->shown, e->out, terminal_measure(&e->terminal));
        completions_free(&e->shown);
        editor_show(e);
    }
}

/* --- the search for a line --- */

static const char *typed_before(void *context, size_t nth)
{
    struct editor *e = context;
    HistEvent event;
    int r = history(e->history, &event, H_FIRST);
    for (; r == 0 && nth > 0; nth--) {
        r = history(e->history, &event, H_NEXT);
    }
    return r == 0 ? event.str : NULL;
}

/* NULL: the line stays as it is. */
static void show_found(struct editor *e, const char *line)
{
    e->inserted = line ? strdup(line) : NULL;
    press_own(e, e->inserted ? KEY_SET : KEY_DRAW);
    free(e->inserted);
    e->inserted = NULL;
}

static void begin_search(struct editor *e)
{
    const LineInfo *l = el_line(e->el);
    char *typed = strndup(l->buffer, (size_t)(l->lastchar - l->buffer));
    char *pattern = strndup(l->buffer, (size_t)(l->cursor - l->buffer));
    e->at++;
    if (typed && pattern) {
        search_begin(&e->search, pattern, typed);
        show_found(e, search_first(&e->search, typed_before, e));
    }
    free(typed);
    free(pattern);
}

/* False if the key is none of the search, which has ended then. `text`: bytes of text that the keys begin
 * with. */
static bool search_by_key(struct editor *e, size_t text)
{
    struct search *s = &e->search;
    const char *keys = e->keys + e->at, *line;
    if (text > 0) {
        line = search_add(s, keys, text, typed_before, e);
    } else if (keys[0] == KEY_SEARCH) {
        line = search_again(s, typed_before, e);
    } else if (keys[0] == '\b' || keys[0] == '\177') {
        line = search_erase(s, typed_before, e);
    } else if (keys[0] == KEY_CANCEL) {
        line = search_cancel(s);
    } else {
        search_end(s);
        press_own(e, KEY_DRAW);
        return false;
    }
    e->at += text > 0 ? text : 1;
    show_found(e, line);
    if (!s->is_on) {
        search_end(s);
    }
    return true;
}

/* --- keys --- */

static void obey(struct editor *e, size_t size)
{
    const char *meaning = key_meaning(e->keys + e->at, size);
    size_t end = e->at + size;
    if (!meaning) {
        press(e, "", size);
        e->at = end;
        show_completions(e);
        return;
    }
    e->at = end;
    if (meaning[0]) {
        press(e, meaning, 0);
    }
}

/* The line that the last key has ended, if it has. */
static bool take_line(struct editor *e, char **line, size_t *size)
{
    const LineInfoW *wide = el_wline(e->el);
    if (wide->lastchar == wide->buffer || wide->lastchar[-1] != L'\n') {
        return false;
    }
    const LineInfo *l = el_line(e->el);
    free(e->line);
    *size = (size_t)(l->lastchar - l->buffer) - 1;
    e->line = strndup(l->buffer, *size);
    *line = e->line;
    el_reset(e->el);
    e->is_on_show = false;
    e->is_mute = true;
    if (e->line && add_to_history(e, e->line) && e->history_file) {
        history_add(e->history_file, e->line);
    }
    return e->line;
}

static enum lines_result skip_line(struct editor *e, char **line, size_t *size)
{
    static char none[] = "";
    for (; e->at < e->end; e->at++) {
        if (e->keys[e->at] == '\r' || e->keys[e->at] == '\n') {
            e->at++;
            e->skipping = false;
            *line = none;
            *size = 0;
            return LINES_TOO_LONG;
        }
    }
    return LINES_NONE;
}

enum lines_result editor_next(struct editor *e, char **line, size_t *size)
{
    if (e->is_here) {
        editor_show(e);
    }
    while (e->at < e->end) {
        if (e->skipping) {
            return skip_line(e, line, size);
        }
        const char *keys = e->keys + e->at;
        size_t text = key_text(keys, e->end - e->at), key = key_size(keys, e->end - e->at);
        if (text == 0 && key == 0 && e->end - e->at < KEY_MOST) {
            break;
        }
        if (e->search.is_on && search_by_key(e, text)) {
            continue;
        }
        if (text > 0) {
            e->at += text;
            insert(e, keys, text);
        } else if (keys[0] & 0x80) {
            /* libedit would take it for a letter, and has a short way to draw one at the end of the line. It
             * loses count of its rows there, and writes past the last of them. */
            e->at += key > 0 ? key : 1;
            insert(e, UNKNOWN, sizeof UNKNOWN - 1);
        } else if (keys[0] == KEY_SEARCH) {
            begin_search(e);
        } else if (keys[0] == END_OF_INPUT && line_size(e) == 0) {
            make_way(e);
            e->ended = true;
            e->at = e->end;
        } else if (keys[0] == KEY_INSERT || keys[0] == KEY_DRAW || keys[0] == KEY_SET ||
                   keys[0] == KEY_DELETE || (keys[0] == KEY_ESCAPE && key == 1)) {
            e->at++;
        } else {
            obey(e, key > 0 ? key : 1);
            if (take_line(e, line, size)) {
                return LINES_LINE;
            }
        }
    }
    e->at = e->ended ? e->end : e->at;
    return LINES_NONE;
}

#else /* the terminal itself edits lines */

bool editor_is_possible(void)
{
    return false;
}

struct editor *editor_new(int fd, struct output *out, const char *history, editor_complete *complete,
                          void *context)
{
    (void)fd;
    (void)out;
    (void)history;
    (void)complete;
    (void)context;
    return NULL;
}

/* The others are never called with an editor. */

void editor_close(struct editor *e)
{
    (void)e;
}

int editor_free(struct editor *e)
{
    (void)e;
    return 0;
}

void editor_show(struct editor *e)
{
    (void)e;
}

void editor_leave(struct editor *e, bool restore)
{
    (void)e;
    (void)restore;
}

void editor_resize(struct editor *e)
{
    (void)e;
}

void editor_read(struct editor *e)
{
    (void)e;
}

enum lines_result editor_next(struct editor *e, char **line, size_t *size)
{
    (void)e;
    (void)line;
    (void)size;
    return LINES_NONE;
}

bool editor_has_ended(const struct editor *e)
{
    (void)e;
    return true;
}

bool editor_drop_line(struct editor *e)
{
    (void)e;
    return false;
}

#endif
