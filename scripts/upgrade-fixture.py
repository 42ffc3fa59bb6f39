#!/usr/bin/env python3
"""Makes a fixture of tests/api/upgrade: the data folder that a version of the program leaves, and its answers.

    scripts/upgrade-fixture.py PROGRAM NAME

PROGRAM is the built server of that version, NAME the folder that is made below tests/api/upgrade:
`data` (what a stopped server left), `killed` (the files that differ after the next one got SIGKILL
while it wrote) and `answers.json`.
Needs Python 3.10 or newer, and nothing else.
"""

import http.client
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

FIXTURES = Path(__file__).resolve().parent.parent / "tests/api/upgrade"
ACME, READER, FORK, CLOSED = (f"{name}-key-0123456789" for name in ("acme", "read", "fork", "gone"))
TICKET = "/api/v2/ticket"
ALL = f"{TICKET}?itemLimit=9999&searchArchived=yes"
LISTS = [
    TICKET, f"{TICKET}?itemStart=2&itemLimit=3", f"{TICKET}?itemLimit=0",
    *(f"{TICKET}?status={status}" for status in ("new", "pending", "solved")),
    *(f"{TICKET}?applyView={view}" for view in ("vip", "unsolved")),
    *(f"{TICKET}?searchArchived=yes&query={urllib.parse.quote(text)}" for text in ("ärger", "OS", "42", "example.test")),
]
# The most acknowledged changes after which the writing server is killed: its log stays small.
ENOUGH = 6


class Server:
    """The program on a data folder; its address shows in no answer."""

    def __init__(self, program, data):
        command = [program, "serve", "--listen", "127.0.0.1:0", "--public-url", "https://desk.example.test"]
        command += ["--data", str(data), "--seed", str(FIXTURES / "seed.yaml")]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.base = self.process.stdout.readline().strip().removeprefix("listening on ")
        # The largest id that acme has given; the seed's is the first.
        self.newest = 48

    def send(self, method, path, key=None, form=None, body=None):
        """The status and the text of the answer."""
        data = urllib.parse.urlencode(form).encode() if form else json.dumps(body).encode() if body else None
        request = urllib.request.Request(self.base + path, data, method=method)
        if key:
            request.add_header("apiKey", key)
        if body:
            request.add_header("content-type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.read().decode()

    def do(self, method, path, **what):
        status, text = self.send(method, path, **what)
        if status >= 300:
            sys.exit(f"{method} {path}: {status} {text}")
        return json.loads(text) if text else None

    def ask(self, *paths, key=None):
        """What the program answers, as the fixture keeps it."""
        asked = []
        for path in paths:
            status, text = self.send("GET", path, key)
            asked.append({"key": key, "path": path, "status": status, "body": text})
        return asked

    def whole(self, key):
        """Everything that an account shows of its tickets."""
        items = self.do("GET", ALL, key=key)["items"]
        return self.ask(ALL, *(f"{TICKET}/{item['id']}" for item in items), key=key)

    def state(self, *asked):
        """Answers, and after which id new ones are to go on."""
        return {"newest": self.newest, "asked": asked}

    def create(self, title, **more):
        form = {"brandID": 1, "channelID": 1, "direction": "inbound", "from": "bo@example.test", "to": "desk@example.test"}
        ticket = self.do("POST", TICKET, key=ACME, form=form | {"title": title} | more)["ticketID"]
        self.newest = max(self.newest, ticket)
        return ticket

    def stop(self):
        self.process.terminate()
        if code := self.process.wait(60):
            sys.exit(f"the server ended with {code}")


def change(server):
    """A change of every kind, in the account that the seed describes."""

    def many(operation, tickets, **form):
        parts = [*form.items(), *(("ticketIDs[]", ticket) for ticket in tickets)]
        server.do("POST", f"{TICKET}/{operation}", key=ACME, form=parts)

    server.do("PUT", f"{TICKET}/solveUnfinishedTickets", key=ACME)
    for ticket, status in [(41, "open"), (42, "new"), (43, "pending"), (44, "holding")]:
        many("setStatus", [ticket], status=status)
    server.create("Where is my refund?", externalPrimaryID="C-78")
    server.create("Größer, 日本, 🖨", channelID=8, direction="outbound")
    solved, closed, last = (server.create(title) for title in ("Soon solved", "Soon closed", "The last"))
    server.do("PUT", f"{TICKET}/{solved}", key=ACME, form={"title": "Solved now", "status": "solved"})
    server.do("PUT", f"{TICKET}/42", key=ACME, form={"externalPrimaryID": "C-77"})
    many("setStatus", [closed], status="closed")
    many("setPriority", [42, 44], priority="urgent")
    server.do("POST", f"{TICKET}/unlinkCustomerFromTicket", key=ACME, form={"ticketID": 41})
    actions = {"actions[0][actionType]": "assigned_user_id", "actions[0][value]": 254}
    actions |= {"actions[1][actionType]": "title", "actions[1][value]": "Ärger, again"}
    server.do("POST", f"{TICKET}/batch", key=ACME, form={"TicketIDs": "44,45"} | actions)
    server.do("DELETE", f"{TICKET}/48", key=ACME)
    # The newest ticket goes, and its id with it.
    server.do("DELETE", f"{TICKET}/multi?ticketIDs[]={last}", key=ACME)


def control(server):
    """What the control API can leave in a folder."""
    accounts = "/_control/accounts"
    acme = f"{accounts}/acme"
    snapshot = server.state(*server.whole(ACME))
    server.do("PUT", f"{acme}/snapshots/before")
    server.do("POST", f"{acme}/clock/advance", body={"by": "100d"})
    server.do("PUT", f"{acme}/dialect", body={"list_type": "tickets"})
    server.create("After the snapshot")
    server.do("DELETE", f"{TICKET}/41", key=ACME)
    gone = server.do("POST", f"{acme}/keys", body={"name": "gone", "api_key": CLOSED})
    server.do("DELETE", f"{acme}/keys/{gone['id']}")
    # This one is never asked: it has no file, and stands on the image of the snapshot.
    server.do("POST", accounts, body={"name": "fork", "from": "snapshot:acme/before", "ttl": "365d"})
    server.do("POST", f"{accounts}/fork/keys", body={"name": "ci", "api_key": FORK, "permissions": ["TICKET_READ"]})
    fork = [entry | {"key": FORK} for entry in snapshot["asked"][:1]]
    paths = ["acme/clock", "acme/dialect", "acme/keys", "acme/snapshots", "acme/export", "fork/clock", "fork/dialect"]
    return {"snapshot": snapshot, "fork": fork, "control": server.ask(*(f"{accounts}/{path}" for path in paths))}


def write_until_killed(server):
    """Several write at once until the server gets SIGKILL; gives the tickets that it acknowledged."""
    acknowledged, enough = {}, threading.Event()

    def write(writer):
        for number in range(1000):
            title = f"Writer {writer}, ticket {number}"
            try:
                acknowledged[server.create(title)] = title
            except (OSError, http.client.HTTPException):
                return
            if len(acknowledged) >= ENOUGH:
                enough.set()

    writers = [threading.Thread(target=write, args=(writer,)) for writer in range(3)]
    for writer in writers:
        writer.start()
    enough.wait(60)
    server.process.kill()
    server.process.wait()
    for writer in writers:
        writer.join()
    return {str(ticket): title for ticket, title in sorted(acknowledged.items())}


def keep(data, place, but=Path()):
    """Copies the folder, but for what every start makes anew, and for files that are in another folder as well."""
    for file in sorted(data.rglob("*")):
        inside = file.relative_to(data)
        known = (but / inside).read_bytes() if (but / inside).is_file() else None
        if file.is_file() and inside.name != "lock" and file.suffix != ".db-shm" and file.read_bytes() not in (b"", known):
            (place / inside).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, place / inside)


def main(program, name):
    fixture = FIXTURES / name
    shutil.rmtree(fixture, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        server = Server(program, data)
        answers = {"origin": server.state(*server.ask(ALL, f"{TICKET}/41", key=ACME))}
        change(server)
        answers |= control(server) if server.send("GET", "/_control/accounts")[0] == 200 else {}
        lists = [*server.ask(*LISTS, key=ACME), *server.ask(ALL, key=READER), *answers.pop("fork", [])]
        answers |= {"closed": CLOSED, "kept": server.state(*server.whole(ACME), *lists)}
        server.stop()
        if logs := [log for log in data.rglob("*-wal") if log.stat().st_size]:
            sys.exit(f"{logs} would make the fixture larger; the program had no time to clear up. Try again.")
        keep(data, fixture / "data")
        answers["acknowledged"] = write_until_killed(Server(program, data))
        keep(data, fixture / "killed", but=fixture / "data")
    (fixture / "answers.json").write_text(json.dumps(answers, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
