#!/usr/bin/env python3
"""docs/grafana.json and docs/prometheus-alerts.yml, beside the figures of a node, and with a Prometheus that reads them."""
import json
import os
import re
import shutil
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from httpclient import serving
from kithnode import SLOW, Skipped, check, run, until

ROOT = Path(__file__).resolve().parents[2]
BOARD, ALERTS = ROOT / "docs/grafana.json", ROOT / "docs/prometheus-alerts.yml"
NAME = re.compile(r"\b((?:kith|process)_\w+)(?:\{([^}]*)\})?")
OF_PROMETHEUS = {"job", "instance"}  # labels that it adds itself


def board():
    return json.loads(BOARD.read_text(encoding="utf-8"))


def board_expressions():
    return [(panel["title"], target["expr"]) for panel in board()["panels"] for target in panel.get("targets", ())]


def alert_expressions():
    return re.findall(r"alert: (\w+)\n +expr: (.*)\n", ALERTS.read_text(encoding="utf-8"))


def tool(name):
    if not shutil.which(name):
        raise Skipped(f"no {name}: scripts/deps test")
    return name


def check_expression(where, expression, families):
    named = NAME.findall(expression)
    check(named or "up{" in expression, f"{where}: names no figure: {expression}")
    for name, labels in named:
        check(name in families, f"{where}: there is no {name}")
        known = {label for key in families[name].samples for label, _ in key} | OF_PROMETHEUS
        for label, value in re.findall(r'(\w+)(?:=~|!~|!=|=)"([^"]*)"', labels):
            check(label in known, f"{where}: {name} has no label {label}")
            values = {v for key in families[name].samples for k, v in key if k == label}
            if label not in OF_PROMETHEUS | {"network"}:
                check(set(value.split("|")) <= values, f"{where}: {name}: {label} is never {value}")
        if re.search(rf"(rate|increase)\({name}\b", expression):
            check(families[name].kind == "counter", f"{where}: {name} is no counter")


def board_and_alerts_name_figures_that_there_are(lab):
    _, web = serving(lab, "-exclusive")
    families = web.metrics()
    for where, expression in board_expressions() + alert_expressions():
        check_expression(where, expression, families)
    words = {word for _, expression in board_expressions() for word in re.findall(r"by \(([^)]*)\)", expression)}
    labels = {label for family in families.values() for key in family.samples for label, _ in key} | OF_PROMETHEUS
    check({w.strip() for word in words for w in word.split(",")} <= labels, f"{words}")


def the_board_is_one_that_grafana_imports(lab):
    """It has what Grafana asks for: panels with numbers of their own that do not lie upon each other, each with a source."""
    b = board()
    check(b["id"] is None and b["uid"] and b["title"] and b["schemaVersion"] >= 30, "its head")
    ids = [panel["id"] for panel in b["panels"]]
    check(len(set(ids)) == len(ids), f"numbers: {ids}")
    variables = {v["name"] for v in b["templating"]["list"]}
    covered = set()
    for panel in b["panels"]:
        g = panel["gridPos"]
        check(g["x"] + g["w"] <= 24, f"{panel['title']}: {g}")
        cells = {(x, y) for x in range(g["x"], g["x"] + g["w"]) for y in range(g["y"], g["y"] + g["h"])}
        check(not cells & covered, f"{panel['title']} lies upon another")
        covered |= cells
        for target in panel.get("targets", ()):
            used = set(re.findall(r"\$\{?(\w+)", target["expr"] + target["datasource"]["uid"])) - {"__rate_interval"}
            check(used <= variables, f"{panel['title']}: {used}")
        check(panel["type"] == "row" or [t["refId"] for t in panel["targets"]] == list("ABC")[:len(panel["targets"])], panel["title"])


def promtool_finds_the_alerts_good_and_they_tell_what_they_are_to_tell(lab):
    for command in (["check", "rules", str(ALERTS)], ["test", "rules", str(ROOT / "tests/alerts_test.yml")]):
        result = subprocess.run([tool("promtool"), *command], capture_output=True, text=True, timeout=60 * SLOW)
        check(result.returncode == 0, f"{command}: {result.stdout}{result.stderr}")
    tested = (ROOT / "tests/alerts_test.yml").read_text(encoding="utf-8")
    for name, _ in alert_expressions():
        check(len(re.findall(rf"alertname: {name}\b", tested)) >= 2, f"{name} is not tested both ways")


class Prometheus:
    """One that reads a node's figures each second."""

    def __init__(self, lab, web):
        home = os.path.join(lab.home, "prometheus")
        os.makedirs(home)
        with open(os.path.join(home, "prometheus.yml"), "w", encoding="utf-8") as file:
            json.dump({"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "rule_files": [str(ALERTS)],
                       "scrape_configs": [{"job_name": "kith", "static_configs": [
                           {"targets": [f"{web.address}:{web.port}"]}]}]}, file)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/api/v1/"
        self.log = open(os.path.join(home, "log"), "wb")
        self.process = subprocess.Popen(
            [tool("prometheus"), f"--config.file={home}/prometheus.yml", f"--storage.tsdb.path={home}/data",
             f"--web.listen-address=127.0.0.1:{port}"], stdout=self.log, stderr=self.log)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.log.close()

    def ask(self, what, **parameters):
        try:
            with urllib.request.urlopen(f"{self.url}{what}?{urllib.parse.urlencode(parameters)}", timeout=10 * SLOW) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            check(error.code == 503, f"{parameters}: {error.read()}")  # 503: it listens, and is not through with its start
            return {}
        except OSError:
            return {}

    def query(self, expression):
        return self.ask("query", query=expression).get("result", [])


def a_prometheus_reads_the_node_and_the_board_shows_something(lab):
    node, web = serving(lab, "-exclusive", "-acceptInterval", "0")
    other = lab.node("-exclusive", "-peers", node.endpoint)
    node.wait("online")
    for i in range(10):
        other.send("<FULLBROADCAST>", f"message {i}")
    prometheus = lab.closes(Prometheus(lab, web))
    until(lambda: prometheus.query('up{job="kith"} == 1'), 20, "it reads the node")
    until(lambda: prometheus.query("rate(kith_received_bytes_total[10s])"), 10, "it has read it twice")
    empty = []
    for where, expression in board_expressions():
        if not prometheus.query(expression.replace("$instance", ".*").replace("$__rate_interval", "10s")):
            empty.append(expression)
    check(all(expression.endswith("> 0") for expression in empty), f"nothing to show: {empty}")
    target, = prometheus.ask("targets")["activeTargets"]
    check(target["health"] == "up" and not target["lastError"], target)
    rules = prometheus.ask("rules")["groups"][0]["rules"]
    check(len(rules) == len(alert_expressions()) and all(rule["health"] in ("ok", "unknown") for rule in rules), rules)


if __name__ == "__main__":
    run([
        a_prometheus_reads_the_node_and_the_board_shows_something,
        promtool_finds_the_alerts_good_and_they_tell_what_they_are_to_tell,
        board_and_alerts_name_figures_that_there_are,
        the_board_is_one_that_grafana_imports,
    ])
