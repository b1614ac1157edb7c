/* Addresses by their texts, which have to be right. Included behind cmocka. */
#ifndef KITH_TESTS_PARSED_H
#define KITH_TESTS_PARSED_H

#include "base/endpoint.h"

static inline struct endpoint at(const char *text)
{
    struct endpoint e;
    assert_true(endpoint_parse(&e, text));
    return e;
}

static inline struct ip ip_of(const char *text)
{
    struct ip ip;
    assert_true(ip_parse(&ip, text));
    return ip;
}

#endif
