"""Counts instructions with valgrind's callgrind; `instructions.sh` starts it.

Each request is sent N times and then 2N times. The difference of the two counts divided by N is the count per request.
This excludes one-time work and the cost of a dump.
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
# In percent. Repeated counts of one program differ by 1 %; another compiler or C library makes a larger difference.
READ_TOLERANCE = 10
# In percent. The cost of a write depends on the merges of the search index, which varied by 20 %.
WRITE_TOLERANCE = 30
TIMEOUT_SECONDS = 120
KEY = "counted-key-0123456789"
TICKETS = 256
READ_TICKET = 200  # With a timeline of 16 events.
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
BOUNDARY = "----counted-7MA4YWxkTrZu0gW"
STATUSES = itertools.cycle(["open", "pending", "holding", "solved"])


class Server:
    """A server below callgrind. Its ephemeral account has a frozen clock, so that cached lists remain valid."""

    def __init__(self, program, work):
        self.work, self.dumps = work, 0
        port, self.log = work / "port", work / "log"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OMNIDESK_MOCK_")}
        environment |= {"RUST_LOG": "warn", "TOKIO_WORKER_THREADS": "1"}
        # A small journal fills up soon, so evictions are counted as well. valgrind is slow, so the timeouts are long.
        flags = ["--listen", "127.0.0.1:0", "--ephemeral", "--port-file", port, "--api-key", KEY,
                 "--journal-entries", "100", "--header-timeout", "5m", "--idle-timeout", "30m"]
        self.process = subprocess.Popen(
            ["valgrind", "--quiet", "--tool=callgrind", "--fair-sched=yes", f"--callgrind-out-file={work}/out",
             f"--vgdb-prefix={work}/vgdb", program, "serve", *flags],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.log.open("w"), env=environment)
        end = time.monotonic() + TIMEOUT_SECONDS
        while not port.exists():
            if self.process.poll() is not None or time.monotonic() > end:
                raise OSError(f"the server does not start:\n{self.log.read_text()}")
            time.sleep(0.02)
        self.host = port.read_text().strip()
        name, _, number = self.host.rpartition(":")
        self.socket = socket.create_connection((name, int(number)), TIMEOUT_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.responses = self.socket.makefile("rb")

    def send(self, method, path, body="", content_type=FORM, host=None):
        head = f"{method} {path} HTTP/1.1\r\nHost: {host or self.host}\r\napiKey: {KEY}\r\n"
        if body:
            head += f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        self.socket.sendall(f"{head}\r\n{body}".encode())
        status, length = self.responses.readline(), 0
        while (line := self.responses.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        body_bytes = self.responses.read(length)
        if status.split()[1:2] != [b"200"]:
            raise OSError(f"{method} {path}: {status!r} {body_bytes!r}")

    def post(self, path, fields):
        parts = [f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
                 for name, value in fields]
        self.send("POST", path, "".join(parts) + f"--{BOUNDARY}--\r\n", f"multipart/form-data; boundary={BOUNDARY}")

    def run_vgdb(self, *command):
        result = subprocess.run(["vgdb", f"--vgdb-prefix={self.work}/vgdb", f"--pid={self.process.pid}", *command],
                                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
        if result.returncode:
            raise OSError(f"vgdb cannot connect to the server; check that tracing is permitted:\n{result.stderr}")

    def count(self, send_one, times):
        """Sends the request `times` times, and returns the instructions since the last dump."""
        for _ in range(times):
            send_one()
        self.settle()
        self.run_vgdb("dump")
        self.dumps += 1
        text = (self.work / f"out.{self.dumps}").read_text()
        return int(re.search(r"^totals: (\d+)", text, re.MULTILINE)[1])

    def settle(self):
        """Waits until delayed work is done, which is part of the cost of the requests."""
        def read_cpu_ticks():
            fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
            return int(fields[11]) + int(fields[12])

        # The server pauses between the steps of its delayed work.
        before, idle, deadline = -1, 0, time.monotonic() + TIMEOUT_SECONDS
        while idle < 5 and time.monotonic() < deadline:
            now = read_cpu_ticks()
            idle = idle + 1 if now <= before + 1 else 0
            before = now
            time.sleep(0.3)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()


def hot_paths(server):
    """Returns for each path its name, the number of requests, and a function that sends one request."""
    numbers, turns, hosts = itertools.count(1), itertools.count(), itertools.count()

    def create():
        fields = {"brandID": 1, "channelID": 1, "direction": "inbound", "from": "ada@example.test",
                  "fromName": "Ada Example", "to": "desk@example.test", "assignedGroupID": 10003,
                  "title": f"Order {next(numbers)} arrived with a broken screen and without its charger"}
        server.post("/api/v2/ticket", fields.items())

    def update():
        turn = next(turns)
        item = f"/api/v2/ticket/{turn % TICKETS + 1}"
        server.send("PUT", item, f"title=Ticket+{turn}+was+renamed+and+still+waits+for+its+charger")

    def set_status():
        ids = [("ticketIDs[]", number) for number in range(1, 11)]
        server.post("/api/v2/ticket/setStatus", [("status", next(STATUSES)), *ids])

    def read_uncached():
        # Responses have links, so one for another host is not cached yet.
        host = f"a{next(hosts)}.localhost:{server.host.rpartition(':')[2]}"
        if host.startswith("a0."):
            for _ in range(16):
                server.post("/api/v2/ticket/setStatus", [("status", next(STATUSES)), ("ticketIDs[]", READ_TICKET)])
        server.send("GET", f"/api/v2/ticket/{READ_TICKET}", host=host)

    # Requests that create or rename tickets are sent often enough to include complete merges of the search index.
    return [
        ("create", TICKETS, create),
        ("item, cached", 300, lambda: server.send("GET", "/api/v2/ticket/1")),
        ("item, uncached", 100, read_uncached),
        ("list, cached", 300, lambda: server.send("GET", "/api/v2/ticket")),
        ("update", TICKETS, update),
        ("setStatus of 10", 60, set_status),
    ]


def count_all(program, work):
    server = Server(program, work)
    try:
        clock = '{"mode":"frozen","at":"2026-03-01T12:00:00Z"}'
        server.send("PUT", "/_control/accounts/self/clock", clock, JSON)
        counts = {}
        for name, times, send_one in hot_paths(server):
            # Warm-up: fill the caches and the journal.
            server.count(send_one, TICKETS if name == "create" else 8)
            once, twice = server.count(send_one, times), server.count(send_one, 2 * times)
            counts[name] = round((twice - once) / times)
        return counts
    finally:
        server.stop()


def read_stored():
    lines = STORED.read_text().splitlines() if STORED.exists() else []
    rows = (line.rpartition(" ") for line in lines if line and not line.startswith("#"))
    return {name.strip(): int(count) for name, _, count in rows}


def store(counts):
    head = "# Instructions of one request, as `scripts/instructions.sh --accept` counted them.\n"
    STORED.write_text(head + "".join(f"{name:16} {count:9}\n" for name, count in counts.items()))


def compare(counts, before):
    """Prints the table, and returns the paths whose counts increased or decreased by more than the tolerance."""
    print(f"| {'path':16} |    stored |   counted |   change |\n|{'-' * 18}|{'-' * 10}:|{'-' * 10}:|{'-' * 9}:|")
    increased, decreased = [], []
    for name, count in counts.items():
        old = before.get(name)
        change = 100 * (count - old) / old if old else None
        shown = "new" if change is None else f"{change:+.1f} %"
        print(f"| {name:16} | {old or '-':>9} | {count:9} | {shown:>8} |")
        tolerance = READ_TOLERANCE if name.endswith("cached") else WRITE_TOLERANCE
        if change is None or change > tolerance:
            increased.append(name)
        elif change < -tolerance:
            decreased.append(name)
    return increased, decreased


def main():
    arguments = argparse.ArgumentParser(prog="scripts/instructions.sh", description=__doc__)
    arguments.add_argument("program", help=argparse.SUPPRESS)
    arguments.add_argument("work", help=argparse.SUPPRESS, type=pathlib.Path)
    arguments.add_argument("--accept", action="store_true", help="store the new counts")
    options = arguments.parse_args()
    try:
        counts = count_all(options.program, options.work)
    except (OSError, subprocess.SubprocessError) as error:
        sys.exit(f"counting failed: {error}")
    increased, decreased = compare(counts, read_stored())
    if options.accept:
        store(counts)
        print(f"stored in {STORED}")
    elif increased:
        sys.exit(f"above the stored count or not stored yet: {', '.join(increased)}.\n"
                 "If the increase is intended, store it with `scripts/instructions.sh --accept`.")
    elif decreased:
        print(f"far below the stored count: {', '.join(decreased)}.\n"
              "Store the improvement with `scripts/instructions.sh --accept`.")


main()
