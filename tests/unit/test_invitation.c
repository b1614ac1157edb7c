/* Invitations, as QR codes hold them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/invitation.h"
#include "tests/unit/promise.h"

/* From memory of exactly that length, so that a sanitizer sees each byte beyond it. */
static int parse(struct invitation *i, const char *text, char *bad, size_t bad_size)
{
    size_t n = strlen(text);
    char *copy = malloc(n ? n : 1);
    assert_non_null(copy);
    memcpy(copy, text, n);
    int result = invitation_parse(i, copy, n, bad, bad_size);
    free(copy);
    return result;
}

static void expect(const char *text, const char *protocol, const char *address, const char *network)
{
    struct invitation i;
    char bad[256] = "", shown[ENDPOINT_TEXT_MAX], again[INVITATION_TEXT_MAX];
    assert_int_equal(parse(&i, text, bad, sizeof bad), 0);
    assert_string_equal(i.protocol, protocol);
    assert_string_equal(address_format(&i.address, shown, sizeof shown), address);
    assert_string_equal(i.network, network);
    assert_string_equal(invitation_format(&i, again), text);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    expect("infnote:192.0.2.1:8208?network=MAIN", "infnote", "192.0.2.1:8208", "MAIN");
    expect("coin:node.example:1?network=LOCAL", "coin", "node.example:1", "LOCAL");
    expect("infnote:[2001:db8::1]:65535?network=a-b.c_d~", "infnote", "[2001:db8::1]:65535", "a-b.c_d~");
    expect("infnote:a:1?network=my%20net%2C%3F%26%3D%25%23", "infnote", "a:1", "my net,?&=%#");
    expect("infnote:a:1?network=%C3%A4", "infnote", "a:1", "\xc3\xa4");
}

static void the_longest_fits(void **state)
{
    struct invitation i = {.address.port = 65535};
    char text[INVITATION_TEXT_MAX], bad[256];
    (void)state;
    memset(i.protocol, 'p', sizeof i.protocol - 1);
    memset(i.network, ' ', sizeof i.network - 1);
    for (size_t n = 0; n < HOST_MAX - 1; n++) {
        i.address.host[n] = n % 60 == 59 ? '.' : 'h';
    }
    invitation_format(&i, text);
    struct invitation again;
    assert_int_equal(parse(&again, text, bad, sizeof bad), 0);
    assert_memory_equal(again.network, i.network, sizeof i.network);
    assert_string_equal(again.address.host, i.address.host);
    strcat(text, "a"); /* the name of a network that is too long */
    assert_int_equal(parse(&again, text, bad, sizeof bad), -1);
}

static void anything_else_is_refused(void **state)
{
    static const struct {
        const char *text, *why;
    } wrong[] = {
        {"", "is not PROTOCOL:HOST:PORT?network=NAME"},
        {"infnote", "is not PROTOCOL"},
        {"https://example.org/", "is not PROTOCOL"},
        {"infnote:a:1", "is not PROTOCOL"},
        {"infnote?network=MAIN", "is not PROTOCOL"},
        {"infnote:a:1?network", "is not PROTOCOL"},
        {"infnote:a:1?net=MAIN", "is not PROTOCOL"},
        {"infnote:a:1?Network=MAIN", "is not PROTOCOL"},
        {":a:1?network=MAIN", "is not PROTOCOL"},
        {"inf note:a:1?network=MAIN", "is not PROTOCOL"},
        {"ppppppppppppppppppppppppppppppppp:a:1?network=MAIN", "is not PROTOCOL"},
        {"infnote:?network=MAIN", "the address is not host:port"},
        {"infnote:a?network=MAIN", "the address is not host:port"},
        {"infnote:a:0?network=MAIN", "the address is not host:port"},
        {"infnote:a:65536?network=MAIN", "the address is not host:port"},
        {"infnote:::1:1?network=MAIN", "the address is not host:port"},
        {"infnote:ab@a:1?network=MAIN", "the address is not host:port"},
        {"infnote://a:1?network=MAIN", "the address is not host:port"},
        {"infnote:a:1?network=", "names no network"},
        {"infnote:a:1?network=a b", "names no network"},
        {"infnote:a:1?network=MAIN&x=1", "names no network"},
        {"infnote:a:1?network=MAIN?", "names no network"},
        {"infnote:a:1?network=%", "names no network"},
        {"infnote:a:1?network=%4", "names no network"},
        {"infnote:a:1?network=%4g", "names no network"},
        {"infnote:a:1?network=%g4", "names no network"},
        {"infnote:a:1?network=%00", "names no network"},
        {"infnote:a:1?network=%0a", "names no network"},
        {"infnote:a:1?network=%C2%9B", "names no network"},
        {"infnote:a:1?network=%ff", "names no network"},
        {"infnote:a:1?network=\xc3\xa4", "names no network"},
    };
    (void)state;
    for (size_t n = 0; n < sizeof wrong / sizeof wrong[0]; n++) {
        struct invitation i;
        char bad[256] = "";
        assert_int_equal(parse(&i, wrong[n].text, bad, sizeof bad), -1);
        if (!strstr(bad, wrong[n].why)) {
            fail_msg("%s: %s", wrong[n].text, bad);
        }
    }
}

/* Each text that is one byte off is read or refused, and what is read can be written again. */
static void a_byte_off_is_no_matter(void **state)
{
    static const char good[] = "infnote:[::1]:8208?network=my%20net";
    (void)state;
    for (size_t at = 0; at < sizeof good - 1; at++) {
        for (int byte = 1; byte < 256; byte++) {
            char text[sizeof good], bad[256], again[INVITATION_TEXT_MAX];
            struct invitation i, j;
            memcpy(text, good, sizeof good);
            text[at] = (char)byte;
            if (parse(&i, text, bad, sizeof bad) == 0) {
                assert_int_equal(parse(&j, invitation_format(&i, again), bad, sizeof bad), 0);
                assert_string_equal(i.network, j.network);
                assert_true(address_equal(&i.address, &j.address));
            }
        }
    }
}

static void addresses_are_no_invitations(void **state)
{
    (void)state;
    assert_true(invitation_is_meant("a:1?", 4));
    assert_false(invitation_is_meant("a:1?", 3));
    assert_false(invitation_is_meant("[::1]:8208", 10));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promise_test("I2", what_is_written_is_read),    cmocka_unit_test(the_longest_fits),
        cmocka_unit_test(anything_else_is_refused),     cmocka_unit_test(a_byte_off_is_no_matter),
        cmocka_unit_test(addresses_are_no_invitations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
