#!/usr/bin/env python3
"""The page of -http, in a browser: what it shows is what the node says, and stays text whatever a peer calls itself."""
import json
import signal

import factomwire as wire
from httpclient import PORT, Web, serving
from kithnode import Failure, check, run, until
from websocketwire import Browser

NO_GAP = ("-exclusive", "-acceptInterval", "0")

ROWS = """return [...document.querySelectorAll("#rows tr")].map(
    (row) => Object.fromEntries([...row.children].map((td) => [td.dataset.key, [td.textContent, td.dataset.value]])))"""
# How much a text stands out from what lies behind it, as WCAG has it.
CONTRAST = """
const light = (c) => { const [r, g, b] = c.map((v) => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
                       return .2126 * r + .7152 * g + .0722 * b; };
const color = (text) => text.match(/[\\d.]+/g).map(Number);
const behind = (e) => { for (; e; e = e.parentElement) { const c = color(getComputedStyle(e).backgroundColor);
                        if (c.length === 3 || c[3] > .9) return c.slice(0, 3); } return [255, 255, 255]; };
const worst = [];
for (const e of document.querySelectorAll("h1, h2, .note, .figure span, .figure small, dt, dd, th button, td, .tag, #log *, #who, .pill, #theme, a, .legend li, .none")) {
  if (!e.textContent.trim() || !e.getClientRects().length) continue;
  const a = light(color(getComputedStyle(e).color).slice(0, 3)), b = light(behind(e));
  const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  if (ratio < 4.5) worst.push([e.tagName, e.className, e.textContent.slice(0, 20), ratio.toFixed(2)]);
}
return worst;"""


class Page(Browser):
    """The page of one node."""

    def __init__(self, lab, web):
        super().__init__(lab)
        self.show(1280, 900)
        self.watch_errors()
        self.open(web.url + "/")
        self.wait_for("live")

    def devtools(self, command, **parameters):
        return self.call("POST", self.session + "/goog/cdp/execute", cmd=command, params=parameters)

    def watch_errors(self):
        """Whatever goes wrong in the page is kept there, from its start on."""
        self.devtools("Page.addScriptToEvaluateOnNewDocument", source="""
            window.faults = []; addEventListener("error", (e) => faults.push(String(e.message)));
            addEventListener("securitypolicyviolation", (e) => faults.push("policy: " + e.violatedDirective));""")

    def show(self, width, height):
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                      mobile=width < 500)

    def scheme(self, name):
        self.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def wait_for(self, state, seconds=20):
        until(lambda: self.run("return document.body.dataset.state") == state, seconds, f"the page is {state}")

    def rows(self):
        return self.run(ROWS)

    def number(self, id):
        return int(self.run(f"return document.getElementById('{id}').textContent").replace(",", ""))

    def text(self, id):
        return self.run(f"return document.getElementById('{id}').textContent")

    def order(self, column):
        return [row[column][1] for row in self.rows()]

    def press(self, key):
        code = {"Enter": "\ue007", "Space": "\ue00d", "Tab": "\ue004"}[key]
        self.call("POST", self.session + "/actions", actions=[{"type": "key", "id": "keys", "actions": [
            {"type": "keyDown", "value": code}, {"type": "keyUp", "value": code}]}])

    def faults(self):
        return self.run("return window.faults")


def crowd(lab, node, n):
    peers = [lab.closes(wire.RawPeer(node, lab.address(), node_id=i + 1)) for i in range(n)]
    return peers


def the_figures_on_the_page_are_those_of_the_status(lab):
    special = lab.node(*NO_GAP)
    node, web = serving(lab, "-acceptInterval", "0", "-exclusive", "-peers", special.endpoint)
    node.wait_online(special)
    peers = crowd(lab, node, 5)
    for i, peer in enumerate(peers):
        for _ in range(i + 1):
            peer.send(wire.MESSAGE, b"hello from a peer")
    until(lambda: len(node.all("parcel")) == 15, 10, "15 messages")
    page = Page(lab, web)
    until(lambda: len(page.rows()) == 6, 10, "6 rows")

    def equal():
        view, rows = web.status(), {row["peer"][1]: row for row in page.rows()}
        for p in view["peers"]:
            row = rows[p["peer"]]
            shown = {key: row[key][0].replace(",", "") for key in ("direction", "quality", "received", "sent", "outbound", "dropped")}
            told = {"direction": p["direction"], "quality": str(p["quality"]), "received": str(p["parcels_in"]),
                    "sent": str(p["parcels_out"]), "outbound": str(p["outbound"]), "dropped": str(p["dropped"])}
            if shown != told:
                return f"{p['peer']}: {shown}, not {told}"
        s = view["status"]
        shown = page.number("n-peers"), page.number("n-dropped"), page.number("n-known"), page.text("split")
        told = len(view["peers"]), sum(s["dropped"].values()), s["known"], f"{s['outgoing']} outgoing · {s['incoming']} incoming · 1 special"
        return "" if shown == told else f"{shown}, not {told}"
    until(lambda: not equal(), 10, equal)
    row, = [row for row in page.rows() if row["direction"][0] == "outgoing"]
    check(row["peer"][0].endswith("special"), row)
    graph = page.run("return [...document.querySelectorAll('#graph .peer')].map((g) => g.getAttribute('class'))")
    check(sorted(graph) == ["peer incoming"] * 5 + ["peer outgoing special"], graph)
    check(page.text("who").startswith("LOCAL · factom · port 8110"), page.text("who"))
    check(page.run("return [...document.querySelectorAll('#log li')].some((e) => e.textContent.includes('network LOCAL'))"), "the log")
    check(page.faults() == [], page.faults())


def a_peer_that_dies_leaves_the_page_and_a_new_one_enters(lab):
    node, web = serving(lab, *NO_GAP)
    peers = crowd(lab, node, 3)
    page = Page(lab, web)
    drawn = "return document.querySelectorAll('#graph .peer').length"
    until(lambda: len(page.rows()) == 3 and page.run(drawn) == 3, 10, "3 peers")
    peers[1].close()
    until(lambda: len(page.rows()) == 2 and page.run(drawn) == 2, 10, "2 peers")
    check(not any("00000002" in row["peer"][0] for row in page.rows()), page.rows())
    until(lambda: "closed by peer" in page.text("ended"), 5, "why it ended")
    crowd(lab, node, 1)
    until(lambda: len(page.rows()) == 3 and page.number("n-peers") == 3, 10, "3 peers again")


def a_name_with_a_script_in_it_stays_text(lab):
    """What a stranger can have shown: words of a log line. An operator's own network may have such a name, too."""
    evil = "<script>window.broken=1</script><img/src=x onerror=window.broken=1>"
    address = lab.address()
    node = lab.node("-http", f"{address}:{PORT}", "-exclusive", "-customnet", evil[:30], address=address, start=False)
    line = [word for word in node.command_line() if word not in ("-network", "LOCAL")]
    node.command_line = lambda: line
    node.start()
    web = Web(node)
    page = Page(lab, web)
    check(page.run("return document.querySelector('#who b').textContent") == web.status()["status"]["network"], page.text("who"))
    # All that may come from others, as the node tells it, in the worst form.
    view = web.status()
    peer = {"peer": evil, "connection": 7, "address": evil, "direction": "incoming", "special": True, "relay": True, "version": 1,
            "quality": 0, "online_ms": 1, "dropped": 1, "dropped_by": {evil: 1}, "repeated": 0, "bytes_in": 0, "bytes_out": 0,
            "parcels_in": 0, "parcels_out": 0, "inbound": 0, "inbound_bytes": 0, "outbound": 0, "outbound_bytes": 0,
            "rates": {"bytes_in": 0, "bytes_out": 0, "parcels_in": 0, "parcels_out": 0}}
    view["peers"] = [peer]
    view["status"].update(network=evil, protocol=evil, eclipse_reason=evil, eclipse_risk=50, version=evil, node_id=evil,
                          dropped={evil: 3}, ended={evil: 2})
    page.run(f"render({json.dumps(view)}); showLog([{{n: 1, time_ms: 1, level: 'info', text: {json.dumps(evil)}}}])")
    shown = page.run("""return [document.querySelector("#rows td span").textContent, document.querySelector("#graph .peer title").textContent,
        document.querySelector("#drops dt").textContent, document.querySelector("#log li:last-child div").textContent,
        document.querySelectorAll("main script, main img").length, document.querySelectorAll("script").length, window.broken ?? null]""")
    check(all(evil in text for text in shown[:4]) and shown[4:] == [0, 1, None], shown)
    # And if one came to run all the same, the policy forbids it.
    page.run("""const s = document.createElement("script"); s.textContent = "window.broken = 2"; document.body.append(s);
        const d = document.createElement("div"); d.innerHTML = "<img src=x onerror='window.broken = 3'>"; document.body.append(d);""")
    until(lambda: {"policy: script-src-elem", "policy: script-src-attr"} <= set(page.faults()), 10, page.faults)
    check(page.run("return window.broken ?? null") is None, "it has run")


def what_a_peer_says_of_itself_reaches_the_page_as_text(lab):
    """A Factom peer chooses the port that it listens on, and its words stand in the log."""
    node, web = serving(lab, *NO_GAP, "-logLevel", "debug")
    page = Page(lab, web)
    for port in (b"<script>window.broken=1</script>", b"8110"):
        try:
            lab.closes(wire.RawPeer(node, lab.address(), port=port))
        except (Failure, OSError):
            pass
    until(lambda: "script" in page.text("log") or len(page.rows()) >= 1, 10, "it was heard")
    check(page.run("return [document.querySelectorAll('main script').length, window.broken ?? null]") == [0, None], "it has run")


def the_table_is_sorted_by_keyboard_and_says_how(lab):
    node, web = serving(lab, *NO_GAP)
    peers = crowd(lab, node, 4)
    for i, peer in enumerate(peers):
        for _ in range((i * 3) % 4 + 1):
            peer.send(wire.MESSAGE, b"hello")
    until(lambda: len(node.all("parcel")) == 10, 10, "10 messages")
    page = Page(lab, web)
    until(lambda: sorted(map(int, page.order("received"))) == [1, 2, 3, 4], 10, "all have come")
    for key, press in (("received", "Enter"), ("received", "Space")):
        page.run(f"document.querySelector('th[data-key={key}] button').focus()")
        page.press(press)
        sort = page.run("return [...document.querySelectorAll('th[aria-sort]')].map((e) => [e.dataset.key, e.getAttribute('aria-sort')])")
        order = list(map(int, page.order("received")))
        if press == "Enter":
            check(sort == [["received", "descending"]] and order == [4, 3, 2, 1], f"{sort} {order}")
        else:
            check(sort == [["received", "ascending"]] and order == [1, 2, 3, 4], f"{sort} {order}")
    page.run("document.querySelector('th[data-key=peer] button').click()")
    check(page.order("peer") == sorted(page.order("peer")), page.order("peer"))
    before = page.run("return last.at_ms")
    until(lambda: page.run("return last.at_ms") > before, 10, "the next look")
    check(page.order("peer") == sorted(page.order("peer")), "it stays sorted")
    first = page.run("const r = document.querySelector('#rows tr'); r.click(); return r.dataset.connection")
    check(page.run("return document.querySelector('#graph .chosen').getAttribute('data-connection')") == first, "chosen in both")


def it_is_readable_in_both_schemes_and_fits_a_telephone(lab):
    node, web = serving(lab, *NO_GAP)
    crowd(lab, node, 7)
    page = Page(lab, web)
    until(lambda: len(page.rows()) == 7, 10, "7 rows")
    seen = {}
    for scheme in ("light", "dark"):
        page.scheme(scheme)
        for width in (1280, 768, 360, 320):
            page.show(width, 780)
            wide = page.run("return [document.documentElement.scrollWidth, innerWidth]")
            check(wide[0] <= wide[1], f"{scheme}, {width}: {wide}")
        page.show(1280, 900)
        seen[scheme] = page.run("return getComputedStyle(document.body).backgroundColor")
        check(page.run(CONTRAST) == [], f"{scheme}: {page.run(CONTRAST)}")
    check(seen["light"] != seen["dark"], seen)
    for expected in ("light", "dark"):  # the button wins over the system, which is dark
        page.run("document.getElementById('theme').click()")
        check(page.run("return getComputedStyle(document.body).backgroundColor") == seen[expected], expected)
    page.open(web.url + "/")
    page.wait_for("live")
    check(page.run("return document.documentElement.dataset.theme") == "dark", "it is remembered")


def what_is_empty_takes_no_room(lab):
    node, web = serving(lab, *NO_GAP)
    page = Page(lab, web)
    page.show(768, 900)
    there = "return [...document.querySelectorAll('{}')].filter((e) => e.getClientRects().length).length"
    check(page.run(there.format("th button, .legend li")) == 0, "nothing is to be sorted")
    check(page.run("return document.getElementById('graph').clientHeight") < 200, "a high graph of nobody")
    crowd(lab, node, 2)
    until(lambda: len(page.rows()) == 2, 10, "2 rows")
    check(page.run(there.format("th button")) == 11, "11 columns")
    page.show(320, 780)
    check(page.run(there.format("td.zero")) == 0 and page.run(there.format("td")) > 6, "zeros fill a telephone")
    over = page.run("""return [...document.querySelectorAll(".spark")].filter((s) => s.getBoundingClientRect().top <
        s.parentElement.querySelector(".note").getBoundingClientRect().bottom).length""")
    check(over == 0, "a curve crosses the words above it")
    page.run("document.getElementById('log').style.maxHeight = '40px'")
    page.show(360, 780)
    left = "const l = document.getElementById('log'); return l.scrollHeight - l.scrollTop - l.clientHeight"
    until(lambda: page.run(left) < 2, 10, "the last lines of the log")


def it_says_that_the_node_has_gone_and_comes_back_with_it(lab):
    node, web = serving(lab, *NO_GAP)
    crowd(lab, node, 2)
    page = Page(lab, web)
    until(lambda: len(page.rows()) == 2, 10, "2 rows")
    node.kill()
    page.wait_for("lost")
    check("Connection lost" in page.run("return document.getElementById('lost').innerText"), "it says so")
    check(page.text("state") == "connection lost" and not page.run("return document.getElementById('lost').hidden"), "so does the pill")
    node.start()
    page.wait_for("live")
    until(lambda: page.rows() == [] and page.number("n-peers") == 0, 10, "the new run")
    check(page.run("return document.getElementById('lost').hidden") is True, "it says no more")
    node.send_signal(signal.SIGSTOP)  # nothing closes, and nothing comes
    try:
        page.wait_for("lost", 15)
    finally:
        node.send_signal(signal.SIGCONT)
    page.wait_for("live")
    check(page.faults() == [], page.faults())


if __name__ == "__main__":
    run([
        it_says_that_the_node_has_gone_and_comes_back_with_it,
        the_figures_on_the_page_are_those_of_the_status,
        it_is_readable_in_both_schemes_and_fits_a_telephone,
        the_table_is_sorted_by_keyboard_and_says_how,
        what_is_empty_takes_no_room,
        a_name_with_a_script_in_it_stays_text,
        a_peer_that_dies_leaves_the_page_and_a_new_one_enters,
        what_a_peer_says_of_itself_reaches_the_page_as_text,
    ], at_once=2)
