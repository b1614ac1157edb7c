#include "app/base64.h"

#include <string.h>

#ifdef KITH_WITH_MODP

#include <modp_b64.h>

size_t base64_encode(const char *bytes, size_t size, char *text)
{
    return modp_b64_encode(text, bytes, size);
}

/* The library does not look at the last character's bits that stand for no byte: there would be several texts
 * of the same bytes. */
static bool ends_with_zeros(const char *text, size_t length)
{
    if (length < 4 || text[length - 1] != '=') {
        return true;
    }
    bool one_byte = text[length - 2] == '=';
    return strchr(one_byte ? "AQgw" : "AEIMQUYcgkosw048", text[length - (one_byte ? 3 : 2)]);
}

bool base64_decode(const char *text, size_t length, char *bytes, size_t *size)
{
    *size = 0;
    if (length == 0) {
        return true;
    }
    size_t n = modp_b64_decode(bytes, text, length);
    if (n == (size_t)-1 || !ends_with_zeros(text, length)) {
        return false;
    }
    *size = n;
    return true;
}

#else

#include <sodium.h>

#include "base/utf8.h"

size_t base64_encode(const char *bytes, size_t size, char *text)
{
    sodium_bin2base64(text, BASE64_TEXT_MAX(size), (const unsigned char *)bytes, size,
                      sodium_base64_VARIANT_ORIGINAL);
    return BASE64_TEXT_MAX(size) - 1;
}

bool base64_decode(const char *text, size_t length, char *bytes, size_t *size)
{
    /* The library takes some bytes beyond ASCII for digits. */
    return utf8_ascii(text, length) == length &&
           sodium_base642bin((unsigned char *)bytes, BASE64_BYTES_MAX(length), text, length, NULL, size, NULL,
                             sodium_base64_VARIANT_ORIGINAL) == 0;
}

#endif
