/* The page, as it is built in. */
#ifndef KITH_APP_HTTP_PAGE_H
#define KITH_APP_HTTP_PAGE_H

extern const char *const page_html;   /* UTF-8 */
extern const char *const page_policy; /* its Content-Security-Policy */

#endif
