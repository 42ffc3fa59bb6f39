#!/usr/bin/env python3
"""Creates a fixture of tests/tools/upgrade: the data directory and the responses of a version of the program.

    scripts/upgrade-fixture.py PROGRAM FIXTURE

PROGRAM is the built server of that version. FIXTURE is the directory to create: a name below
tests/tools/upgrade, or an absolute path. It gets
- `data`: the data directory after the server stopped,
- `killed`: the files that differ after the next server was killed (SIGKILL) while it wrote,
- `responses.json`: the responses of the server, and the acknowledged writes.
Needs Python 3.10 or newer, and nothing else.
"""

import http.client
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

FIXTURES = Path(__file__).resolve().parent.parent / "tests/tools/upgrade"
ACME, READER, FORK, REVOKED = (f"{name}-key-0123456789" for name in ("acme", "read", "fork", "gone"))
TICKET = "/api/v2/ticket"
ALL = f"{TICKET}?itemLimit=9999&searchArchived=yes"
LISTS = [
    TICKET, f"{TICKET}?itemStart=2&itemLimit=3", f"{TICKET}?itemLimit=0",
    *(f"{TICKET}?status={status}" for status in ("new", "pending", "solved")),
    *(f"{TICKET}?applyView={view}" for view in ("vip", "unsolved")),
    *(f"{TICKET}?searchArchived=yes&query={urllib.parse.quote(text)}" for text in ("ärger", "OS", "42", "example.test")),
]
# The server is killed after this many acknowledged writes; few, so that its write-ahead log stays small.
WRITES_BEFORE_KILL = 6


class Server:
    """The program on a data directory, with a fixed public URL, so that no response depends on its port."""

    def __init__(self, program, data):
        command = [program, "serve", "--listen", "127.0.0.1:0", "--public-url", "https://desk.example.test"]
        command += ["--data", str(data), "--seed", str(FIXTURES / "seed.yaml")]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.base = self.process.stdout.readline().strip().removeprefix("listening on ")
        # The largest ticket id of acme; the seed's at first.
        self.last_id = 48

    def send(self, method, path, key=None, form=None, body=None):
        """Returns the status and the body."""
        data = urllib.parse.urlencode(form).encode() if form else json.dumps(body).encode() if body else None
        request = urllib.request.Request(self.base + path, data, method=method)
        if key:
            request.add_header("apiKey", key)
        if body:
            request.add_header("content-type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def do(self, method, path, **content):
        status, text = self.send(method, path, **content)
        if status >= 300:
            sys.exit(f"{method} {path}: {status} {text}")
        return json.loads(text) if text else None

    def get_all(self, *paths, key=None):
        """Returns the responses, as the fixture stores them."""
        responses = []
        for path in paths:
            status, text = self.send("GET", path, key)
            if status != 200:
                sys.exit(f"GET {path}: {status} {text}")
            responses.append({"key": key, "path": path, "body": text})
        return responses

    def get_tickets(self, key):
        """Returns the list of all tickets, and each ticket."""
        items = self.do("GET", ALL, key=key)["items"]
        return self.get_all(ALL, *(f"{TICKET}/{item['id']}" for item in items), key=key)

    def state(self, responses):
        """Returns the responses, and the last id; the next ticket gets the one after it."""
        return {"last_id": self.last_id, "responses": responses}

    def create(self, title, **fields):
        form = {"brandID": 1, "channelID": 1, "direction": "inbound", "from": "bo@example.test", "to": "desk@example.test"}
        ticket = self.do("POST", TICKET, key=ACME, form=form | {"title": title} | fields)["ticketID"]
        self.last_id = max(self.last_id, ticket)
        return ticket

    def stop(self):
        self.process.terminate()
        if code := self.process.wait(60):
            sys.exit(f"the server exited with {code}")


def change_tickets(server):
    """Runs every write operation in the account of the seed."""

    def bulk(operation, tickets, **form):
        parts = [*form.items(), *(("ticketIDs[]", ticket) for ticket in tickets)]
        server.do("POST", f"{TICKET}/{operation}", key=ACME, form=parts)

    server.do("PUT", f"{TICKET}/solveUnfinishedTickets", key=ACME)
    for ticket, status in [(41, "open"), (42, "new"), (43, "pending"), (44, "holding")]:
        bulk("setStatus", [ticket], status=status)
    server.create("Where is my refund?", externalPrimaryID="C-78")
    server.create("Größer, 日本, 🖨", channelID=8, direction="outbound")
    solved, closed, last = (server.create(title) for title in ("Soon solved", "Soon closed", "The last"))
    server.do("PUT", f"{TICKET}/{solved}", key=ACME, form={"title": "Solved now", "status": "solved"})
    server.do("PUT", f"{TICKET}/42", key=ACME, form={"externalPrimaryID": "C-77"})
    bulk("setStatus", [closed], status="closed")
    bulk("setPriority", [42, 44], priority="urgent")
    server.do("POST", f"{TICKET}/unlinkCustomerFromTicket", key=ACME, form={"ticketID": 41})
    actions = {"actions[0][actionType]": "assigned_user_id", "actions[0][value]": 254}
    actions |= {"actions[1][actionType]": "title", "actions[1][value]": "Ärger, again"}
    server.do("POST", f"{TICKET}/batch", key=ACME, form={"TicketIDs": "44,45"} | actions)
    server.do("DELETE", f"{TICKET}/48", key=ACME)
    # Its id is the last one, and is not reused.
    server.do("DELETE", f"{TICKET}/multi?ticketIDs[]={last}", key=ACME)


def change_accounts(server):
    """Creates what the control API stores: a snapshot, settings, a revoked key, and a fork."""
    accounts = "/_control/accounts"
    acme = f"{accounts}/acme"
    snapshot = server.state(server.get_tickets(ACME))
    server.do("PUT", f"{acme}/snapshots/before")
    server.do("POST", f"{acme}/clock/advance", body={"by": "100d"})
    server.do("PUT", f"{acme}/dialect", body={"list_type": "tickets"})
    server.create("After the snapshot")
    server.do("DELETE", f"{TICKET}/41", key=ACME)
    key = server.do("POST", f"{acme}/keys", body={"name": "gone", "api_key": REVOKED})
    server.do("DELETE", f"{acme}/keys/{key['id']}")
    # The fork gets no ticket request, so it has no file of its own, only the snapshot's image.
    server.do("POST", accounts, body={"name": "fork", "from": "snapshot:acme/before", "ttl": "365d"})
    server.do("POST", f"{accounts}/fork/keys", body={"name": "ci", "api_key": FORK, "permissions": ["TICKET_READ"]})
    fork = [snapshot["responses"][0] | {"key": FORK}]
    paths = ["acme/clock", "acme/dialect", "acme/keys", "acme/snapshots", "acme/export", "fork/clock", "fork/dialect"]
    return {"snapshot": snapshot, "fork": fork, "control": server.get_all(*(f"{accounts}/{path}" for path in paths))}


def write_until_killed(server):
    """Creates tickets concurrently, kills the server meanwhile, and returns the titles of acknowledged tickets by id."""
    acknowledged, is_enough = {}, threading.Event()

    def write(writer):
        for number in range(1000):
            title = f"Writer {writer}, ticket {number}"
            try:
                acknowledged[server.create(title)] = title
            except (OSError, http.client.HTTPException):
                return
            if len(acknowledged) >= WRITES_BEFORE_KILL:
                is_enough.set()

    writers = [threading.Thread(target=write, args=(writer,)) for writer in range(3)]
    for writer in writers:
        writer.start()
    is_enough.wait(60)
    server.process.kill()
    server.process.wait()
    for writer in writers:
        writer.join()
    return {str(ticket): title for ticket, title in sorted(acknowledged.items())}


def copy_files(data, target, base=Path()):
    """Copies the data directory, without files that each start recreates, and without those that equal `base`."""
    for file in sorted(data.rglob("*")):
        name = file.relative_to(data)
        known = (base / name).read_bytes() if (base / name).is_file() else None
        if file.is_file() and name.name != "lock" and file.suffix != ".db-shm" and file.read_bytes() not in (b"", known):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target / name)


def main(program, fixture):
    fixture = FIXTURES / fixture
    shutil.rmtree(fixture, ignore_errors=True)
    with tempfile.TemporaryDirectory() as directory:
        data = Path(directory)
        server = Server(program, data)
        recorded = {"origin": server.state(server.get_all(ALL, f"{TICKET}/41", key=ACME)), "revoked_key": REVOKED}
        change_tickets(server)
        recorded |= change_accounts(server)
        lists = [*server.get_all(*LISTS, key=ACME), *server.get_all(ALL, key=READER), *recorded.pop("fork")]
        recorded["stopped"] = server.state([*server.get_tickets(ACME), *lists])
        server.stop()
        if logs := [log for log in data.rglob("*-wal") if log.stat().st_size]:
            sys.exit(f"the server stopped, but left {logs}")
        copy_files(data, fixture / "data")
        recorded["acknowledged"] = write_until_killed(Server(program, data))
        copy_files(data, fixture / "killed", base=fixture / "data")
    (fixture / "responses.json").write_text(json.dumps(recorded, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
