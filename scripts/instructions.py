"""Counts instructions below valgrind's callgrind; started by `instructions.sh`.

Each path is asked N times and then 2N times; the difference of the two counts, through N, is what one request takes.
So what happens once, or at a dump, does not count.
"""

import argparse
import itertools
import os
import pathlib
import re
import socket
import subprocess
import sys
import time

STORED = pathlib.Path("bench/instructions.txt")
# In percent. Repeated counts of one program differ by one; another compiler or C library makes more of a difference.
# In percent. What a change costs depends on where the search index is with its merging, which varied by a fifth.
TOLERANCE, OF_CHANGES = 10, 30
PATIENCE = 120
KEY = "counted-key-0123456789"
TICKETS = 256
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
BOUNDARY = "----counted-7MA4YWxkTrZu0gW"
STATUSES = itertools.cycle(["open", "pending", "holding", "solved"])


class Server:
    """A server below callgrind, with an account in memory whose clock stands still, so that a list stays kept."""

    def __init__(self, program, work):
        self.work, self.dumps = work, 0
        port, self.log = work / "port", work / "log"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OMNIDESK_MOCK_")}
        environment |= {"RUST_LOG": "warn", "TOKIO_WORKER_THREADS": "1"}
        # A small journal is soon full, and what it forgets is counted as well. Under valgrind all takes long.
        flags = ["--listen", "127.0.0.1:0", "--ephemeral", "--port-file", port, "--api-key", KEY,
                 "--journal-entries", "100", "--header-timeout", "5m", "--idle-timeout", "30m"]
        self.process = subprocess.Popen(
            ["valgrind", "--quiet", "--tool=callgrind", "--fair-sched=yes", f"--callgrind-out-file={work}/out",
             f"--vgdb-prefix={work}/vgdb", program, "serve", *flags],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.log.open("w"), env=environment)
        end = time.monotonic() + PATIENCE
        while not port.exists():
            if self.process.poll() is not None or time.monotonic() > end:
                raise OSError(f"the server does not start:\n{self.log.read_text()}")
            time.sleep(0.02)
        self.host = port.read_text().strip()
        name, _, number = self.host.rpartition(":")
        self.socket = socket.create_connection((name, int(number)), PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.answers = self.socket.makefile("rb")

    def ask(self, method, path, body="", kind=FORM):
        head = f"{method} {path} HTTP/1.1\r\nHost: {self.host}\r\napiKey: {KEY}\r\n"
        if body:
            head += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        self.socket.sendall(f"{head}\r\n{body}".encode())
        status, length = self.answers.readline(), 0
        while (line := self.answers.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        answer = self.answers.read(length)
        if status.split()[1:2] != [b"200"]:
            raise OSError(f"{method} {path}: {status!r} {answer!r}")

    def post(self, path, fields):
        parts = [f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
                 for name, value in fields]
        self.ask("POST", path, "".join(parts) + f"--{BOUNDARY}--\r\n", f"multipart/form-data; boundary={BOUNDARY}")

    def tell(self, *command):
        told = subprocess.run(["vgdb", f"--vgdb-prefix={self.work}/vgdb", f"--pid={self.process.pid}", *command],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
        if told.returncode:
            raise OSError(f"vgdb does not reach the server; may processes be traced here?\n{told.stderr}")

    def count(self, act, times):
        """The instructions since the last dump, after the path was asked so often."""
        for _ in range(times):
            act()
        self.settle()
        self.tell("dump")
        self.dumps += 1
        text = (self.work / f"out.{self.dumps}").read_text()
        return int(re.search(r"^totals: (\d+)", text, re.MULTILINE)[1])

    def settle(self):
        """Waits until what was put off is done, which is a part of what the requests cost."""
        def used():
            fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
            return int(fields[11]) + int(fields[12])

        before, deadline = -1, time.monotonic() + PATIENCE
        while (now := used()) > before + 1 and time.monotonic() < deadline:
            before = now
            time.sleep(0.3)

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()


def paths(server):
    """Each path: its name, how often it is asked, and what asks it."""
    numbers, turns = itertools.count(1), itertools.count()

    def create():
        fields = {"brandID": 1, "channelID": 1, "direction": "inbound", "from": "ada@example.test",
                  "fromName": "Ada Example", "to": "desk@example.test", "assignedGroupID": 10003,
                  "title": f"Order {next(numbers)} arrived with a broken screen and without its charger"}
        server.post("/api/v2/ticket", fields.items())

    def update():
        turn = next(turns)
        item = f"/api/v2/ticket/{turn % TICKETS + 1}"
        server.ask("PUT", item, f"title=Ticket+{turn}+was+renamed+and+still+waits+for+its+charger")

    def set_status():
        ids = [("ticketIDs[]", number) for number in range(1, 11)]
        server.post("/api/v2/ticket/setStatus", [("status", next(STATUSES)), *ids])

    # Those that make or rename tickets are asked often enough for the search index to catch up in whole parts.
    return [
        ("create", TICKETS, create),
        ("item, kept", 300, lambda: server.ask("GET", "/api/v2/ticket/1")),
        ("list, kept", 300, lambda: server.ask("GET", "/api/v2/ticket")),
        ("update", TICKETS, update),
        ("setStatus of 10", 60, set_status),
    ]


def counted(program, work):
    server = Server(program, work)
    try:
        clock = '{"mode":"frozen","at":"2026-03-01T12:00:00Z"}'
        server.ask("PUT", "/_control/accounts/self/clock", clock, JSON)
        figures = {}
        for name, often, act in paths(server):
            # The first ones fill caches and the journal.
            server.count(act, TICKETS if name == "create" else 8)
            once, twice = server.count(act, often), server.count(act, 2 * often)
            figures[name] = round((twice - once) / often)
        return figures
    finally:
        server.end()


def stored():
    lines = STORED.read_text().splitlines() if STORED.exists() else []
    rows = (line.rpartition(" ") for line in lines if line and not line.startswith("#"))
    return {name.strip(): int(figure) for name, _, figure in rows}


def store(figures):
    head = "# Instructions of one request, as `scripts/instructions.sh --accept` counted them.\n"
    STORED.write_text(head + "".join(f"{name:16} {figure:9}\n" for name, figure in figures.items()))


def compare(figures, before):
    """Prints the table, and gives the paths that became too dear, and those that became much cheaper."""
    print(f"| {'path':16} |    stored |   counted |   change |\n|{'-' * 18}|{'-' * 10}:|{'-' * 10}:|{'-' * 9}:|")
    dearer, cheaper = [], []
    for name, figure in figures.items():
        old = before.get(name)
        change = 100 * (figure - old) / old if old else None
        shown = "new" if change is None else f"{change:+.1f} %"
        print(f"| {name:16} | {old or '-':>9} | {figure:9} | {shown:>8} |")
        tolerance = TOLERANCE if name.endswith("kept") else OF_CHANGES
        if change is None or change > tolerance:
            dearer.append(name)
        elif change < -tolerance:
            cheaper.append(name)
    return dearer, cheaper


def main():
    arguments = argparse.ArgumentParser(prog="scripts/instructions.sh", description=__doc__)
    arguments.add_argument("program", help=argparse.SUPPRESS)
    arguments.add_argument("work", help=argparse.SUPPRESS, type=pathlib.Path)
    arguments.add_argument("--accept", action="store_true", help="store what is counted")
    asked = arguments.parse_args()
    try:
        figures = counted(asked.program, asked.work)
    except (OSError, subprocess.SubprocessError) as error:
        sys.exit(f"nothing was counted: {error}")
    dearer, cheaper = compare(figures, stored())
    if asked.accept:
        store(figures)
        print(f"stored in {STORED}")
    elif dearer:
        sys.exit(f"too much above what is stored, or not stored yet: {', '.join(dearer)}.\n"
                 "Where that is meant, store it with `scripts/instructions.sh --accept`.")
    elif cheaper:
        print(f"far below what is stored: {', '.join(cheaper)}.\n"
              "Store it with `scripts/instructions.sh --accept`, so that it stays so.")


main()
