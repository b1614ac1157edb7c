"""A name server for the tests, which counts what it is asked."""
import os
import socket
import struct
import threading

from namespace import cover

A, NAME_ERROR, PORT = 1, 3, 53


class NameServer:
    """The one name server of the namespace, whose host names are those of `table`: {name: [IPv4 address]}. A name that is
    not among them does not exist. If the table is None nobody answers there."""

    def __init__(self, lab, table=None):
        self.asked, self.table = [], table
        cover("/etc/resolv.conf", lab, "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        if os.path.exists("/etc/nsswitch.conf"):
            cover("/etc/nsswitch.conf", lab, "hosts: files dns\n")
        if table is not None:
            self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.sock.bind(("127.0.0.1", PORT))
            self.sock.settimeout(0.1)
            self.open = True
            self.thread = threading.Thread(target=self._serve, daemon=True)
            self.thread.start()
            lab.closes(self)

    def _serve(self):
        while self.open:
            try:
                question, source = self.sock.recvfrom(512)
            except socket.timeout:
                continue
            self.sock.sendto(self._answer(question), source)

    def _answer(self, question):
        name, at = [], 12
        while question[at]:
            name.append(question[at + 1:at + 1 + question[at]].decode())
            at += 1 + question[at]
        name, (kind,) = ".".join(name), struct.unpack_from(">H", question, at + 1)
        self.asked.append(name)
        found = self.table.get(name, []) if kind == A else []
        head = question[:2] + struct.pack(">HHHHH", 0x8180 | (0 if name in self.table else NAME_ERROR), 1, len(found), 0, 0)
        records = [struct.pack(">HHHIH", 0xc00c, A, 1, 60, 4) + socket.inet_aton(address) for address in found]
        return head + question[12:at + 5] + b"".join(records)

    def close(self):
        self.open = False
        self.thread.join()
        self.sock.close()
