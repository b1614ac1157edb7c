#!/usr/bin/env python3
"""The files and lists that a node is given: what they may be, who may use them, and what happens when they fail."""
import os
import signal
import ssl
from pathlib import Path

from kithnode import SLOW, check, run, until
from namespace import certificate, cover, in_namespaces


# --- seed lists ---

@in_namespaces
def a_seed_list_over_https_leads_to_https_alone(lab):
    """Who sits between a plain server and the node could name the peers: from https no redirect leads to http."""
    chain, key = certificate(lab, "localhost")
    cover("/etc/ssl/certs/ca-certificates.crt", lab, Path(chain).read_text(encoding="utf-8"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(chain, key)
    others = [lab.node("-exclusive") for _ in range(2)]
    plain, secure, first = lab.seeds([others[0]]), lab.seeds([others[1]], tls=tls), lab.seeds(tls=tls)
    url = f"https://localhost:{first.port}/seeds.txt"
    first.leads_to = plain.url
    node = lab.node("-seedURL", url)
    until(lambda: first.fetches and "seed URL: " in node.stderr(), 5, "the redirect is refused")
    check(plain.fetches == 0 and node.status()["known"] == 0, "it was followed from https to http")
    first.leads_to = f"https://localhost:{secure.port}/seeds.txt"
    lab.node("-seedURL", url).wait_online(others[1])
    upward = lab.seeds()
    upward.leads_to = first.leads_to
    lab.node("-seedURL", upward.url).wait_online(others[1])


def a_seed_list_that_is_no_file_does_not_hold_the_end(lab):
    """A fifo that nobody writes into blocks whoever opens it."""
    fifo = os.path.join(lab.home, "fifo")
    os.mkfifo(fifo)
    node = lab.node("-seedURL", f"file://{fifo}")
    until(lambda: "not a regular file" in node.stderr(), 5, "it says what is wrong")
    node.send_signal(signal.SIGTERM)
    node.process.wait(2 * SLOW)


def a_seed_list_may_have_comments(lab):
    others = [lab.node("-exclusive") for _ in range(2)]
    listed = Path(lab.home, "seeds.txt")
    listed.write_text(f"\ufeff# seeds\r\n\r\n{others[0]} # one\r\n; two\r\n{others[1]}; three", encoding="utf-8")
    node = lab.node("-seedURL", f"file://{listed}")
    for other in others:
        node.wait_online(other)
    check(" 0 bad lines" in node.stderr(), node.stderr())


if __name__ == "__main__":
    run([a_seed_list_over_https_leads_to_https_alone, a_seed_list_that_is_no_file_does_not_hold_the_end,
         a_seed_list_may_have_comments])
