#!/usr/bin/env bash
# Shows with strace what `--durability` promises. With `power`: whatever a request has written has reached the disk
# before its answer is sent, writers that come together share that, and what an account stood on is left alone until it
# has reached the disk that it stands there no more. With `process`: no ticket waits for the disk.
# Needs Linux, strace, Python 3, and the right to trace one's own processes. SERVER=path tries a program that is built
# already; WRITERS and EACH say how many write at once (64), and how often each of them (5).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

command -v strace > /dev/null || { echo "strace is missing" >&2; exit 2; }
strace -o /dev/null true || { echo "processes cannot be traced here" >&2; exit 2; }
if [ -z "${SERVER:-}" ]; then
    cargo build --locked
    SERVER=${CARGO_TARGET_DIR:-$PWD/target}/debug/omnidesk-mock
fi
# Not in memory, where a sync would mean nothing.
mkdir -p target
work=$(mktemp -d "$PWD/target/power-check.XXXXXX")
trap 'rm -rf "$work"' EXIT

python3 - "$SERVER" "$work" "${WRITERS:-64}" "${EACH:-5}" << 'PYTHON'
import http.client, json, os, pathlib, re, signal, subprocess, sys, threading, time

program, work = sys.argv[1], pathlib.Path(sys.argv[2])
writers, each = int(sys.argv[3]), int(sys.argv[4])
TICKETS = 40
PATIENCE = 60
TICKET = "brandID=1&channelID=1&direction=inbound&from=ada%40example.test&to=desk%40example.test&title=Printer"
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
SYNCS = {"fsync", "fdatasync"}
WRITES = {"pwrite64", "pwritev", "write", "writev", "ftruncate", "copy_file_range", "sendfile"}
SENDS = {"write", "writev", "sendto", "sendmsg"}
OTHERS = {"openat", "mkdir", "mkdirat", "unlink", "unlinkat", "rename", "renameat", "renameat2", "ioctl", "read", "recvfrom"}
# What lets an account no longer stand on its file.
GIVING_UP = ["a restore", "a reset", "a removal"]
broken = []


def require(holds, what):
    print(f"  {'ok    ' if holds else 'BROKEN'} {what}")
    if not holds:
        broken.append(what)


class Traced:
    """A server below strace."""

    def __init__(self, durability):
        self.home = work / f"{durability}-{time.monotonic_ns()}"
        self.home.mkdir()
        self.data, self.trace = self.home / "data", self.home / "trace"
        # Apart from the data, so that what becomes of it does not count.
        (self.home / "told").mkdir()
        port, process = self.home / "told" / "port", self.home / "told" / "process"
        calls = ",".join(sorted(SYNCS | WRITES | SENDS | OTHERS))
        self.strace = subprocess.Popen(
            ["strace", "-f", "-y", "-s", "16", "-o", self.trace, "-e", f"trace={calls}", "-e", "signal=none",
             "sh", "-c", 'echo $$ > "$0"; exec "$@"', process, program, "serve", "--listen", "127.0.0.1:0",
             "--data", self.data, "--port-file", port, "--durability", durability],
            stdout=subprocess.DEVNULL, stderr=open(self.home / "log", "w"), env={**os.environ, "RUST_LOG": "warn"})
        end = time.monotonic() + PATIENCE
        while not port.exists():
            if self.strace.poll() is not None or time.monotonic() > end:
                sys.exit(f"the server does not start:\n{(self.home / 'log').read_text()}")
            time.sleep(0.02)
        self.port, self.process = int(port.read_text().rpartition(":")[2]), int(process.read_text())

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def rest(self):
        """Waits until what was put off is done: nothing was called for a while."""
        end, size = time.monotonic() + PATIENCE, -1
        while size != self.trace.stat().st_size:
            if time.monotonic() > end:
                sys.exit("the server does not come to rest")
            size = self.trace.stat().st_size
            time.sleep(0.2)

    def end(self):
        """Ends the server and gives what it has called."""
        os.kill(self.process, signal.SIGTERM)
        self.strace.wait(PATIENCE)
        return Calls(self.trace.read_text(errors="replace").splitlines(), self.data)


def ask(connection, method, path, body=None, kind=JSON, key=None):
    headers = {"Content-Type": kind} | ({"apiKey": key} if key else {})
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status not in (200, 201, 204):
        sys.exit(f"{method} {path}: {answer.status} {text!r}")
    return json.loads(text) if text else None


def make(connection, name):
    body = json.dumps({"name": name})
    return ask(connection, "POST", "/_control/accounts", body)["api_key"]


def write(connection, key):
    ask(connection, "POST", "/api/v2/ticket", TICKET, FORM, key)


class Call:
    """A system call: the lines of the trace on which it began and ended."""

    def __init__(self, line, name, text):
        self.began = self.ended = line
        self.name, self.text, self.went_well = name, text, False


class Calls:
    ASKED = re.compile(r'>, "(POST|DELETE) /_control')
    LINE = re.compile(r"(\d+) +(?:<\.\.\. (\w+) resumed>|(\w+)\()(.*)")

    def __init__(self, lines, data):
        self.data, self.all, open_calls = str(data), [], {}
        for number, line in enumerate(lines):
            found = self.LINE.match(line)
            if not found:
                continue
            process, resumed, name, text = found.groups()
            if name:
                call = Call(number, name, text)
                self.all.append(call)
                if text.endswith("<unfinished ...>"):
                    open_calls[process, name] = call
                    call.ended = len(lines)
                    continue
            else:
                call = open_calls.pop((process, resumed), None)
                if call is None:
                    continue
                call.ended, call.text = number, call.text + text
            result = call.text.rpartition(" = ")[2]
            call.went_well = result[:1].isdigit()
        for call in self.all:
            self.understand(call)
        self.answers = [call for call in self.all if call.name in SENDS and '"HTTP/1.1 ' in call.text]

    def understand(self, call):
        """Which file a call writes, syncs, makes or removes."""
        call.wrote = call.synced = call.made = call.removed = None
        folder = os.path.dirname(self.data)
        files = [path for path in re.findall(r"\d+<(/[^>]*)>", call.text)
                 if path.startswith(self.data) or path == folder]
        quoted = [path for path in re.findall(r'"(/[^"]*)"', call.text) if path.startswith(self.data)]
        if not call.went_well:
            return
        if call.name in SYNCS and files:
            call.synced = files[0]
        elif call.name in WRITES | {"ioctl"} and files:
            copies = call.name == "copy_file_range" or "FICLONE" in call.text
            if call.name != "ioctl" or copies:
                call.wrote = files[-1] if call.name == "copy_file_range" else files[0]
        elif call.name == "openat" and "O_CREAT" in call.text and files:
            call.made = files[-1]
        elif call.name.startswith("mkdir") and quoted:
            call.made = quoted[-1]
        elif call.name.startswith("unlink") and quoted:
            call.removed = quoted[0]
        elif call.name.startswith("rename") and quoted:
            call.removed, call.made = quoted[0], quoted[-1]

    def missing_before(self, at):
        """What the answer with this number should have waited for: what was written or made since the one before it,
        and whether it is on the disk. What was removed again needs to be nowhere."""
        since = self.answers[at - 1].ended if at else -1
        before = self.answers[at].began
        calls = [call for call in self.all if call.ended > since and call.began < before]
        known = set()
        for call in (call for call in self.all if call.ended <= since):
            known.add(call.made)
            known.discard(call.removed)
        wanted, written = {}, set()
        for call in calls:
            for path in filter(None, [call.wrote, call.made]):
                # SQLite asks to make what is there already as well.
                if path.endswith(("-shm", "/lock")) or (path == call.made and path in known):
                    continue
                written.add(path)
                if not os.path.isdir(path):
                    wanted[path] = max(call.ended, wanted.get(path, 0))
                if call.made == path:
                    folder = os.path.dirname(path)
                    wanted[folder] = max(call.ended, wanted.get(folder, 0))
            known.add(call.made)
            if call.removed:
                wanted.pop(call.removed, None)
                written.discard(call.removed)
                known.discard(call.removed)
        late = [path for path, last in wanted.items() if not any(
            call.synced == path and call.began > last and call.ended < before for call in calls)]
        return self.short(written), self.short(late)

    def order(self, at):
        """What happened to the files of accounts during the step with this number, before the disk had the catalogue's
        commit, and what was removed of them in all."""
        asked = [call.began for call in self.all if self.ASKED.search(call.text) and call.began < self.answers[at].began]
        since, end = asked[-1], (self.answers + [self.all[-1]])[at + 1].began
        calls = [call for call in self.all if since < call.began < end]
        touched = [(call, path) for call in calls for path in [call.wrote, call.removed]
                   if path and "/accounts/" in path and not path.endswith("-shm")]
        synced = [call.ended for call in calls if (call.synced or "").endswith("/catalogue.db-wal")]
        early = {f"{call.name} of {os.path.relpath(path, self.data)}" for call, path in touched if not synced or call.began < synced[0]}
        return early, {path for call, path in touched if call.removed}

    def short(self, paths):
        folders = {".": "the data folder", "..": "the folder of the data folder"}
        paths = (os.path.relpath(path, self.data) for path in paths)
        return sorted(folders.get(path, path) for path in paths)

    def syncs(self, ending, since=-1):
        return sum(1 for call in self.all if call.began > since and (call.synced or "").endswith(ending))


def power():
    print("power, one request after the other:")
    server = Traced("power")
    connection = server.connect()
    key = make(connection, "acme")
    steps = ["an account is made"]
    for number in range(TICKETS):
        write(connection, key)
        steps.append("a ticket" if number else "the first ticket of an account")
    account = "/_control/accounts/acme"
    for what, method, path, body in [
        ("a clock", "PUT", "/clock", '{"mode":"frozen","at":"2026-03-01T12:00:00Z"}'),
        ("a key", "POST", "/keys", '{"name":"more"}'),
        ("a snapshot", "PUT", "/snapshots/one", None),
        ("a restore", "POST", "/snapshots/one/restore", None),
        ("a reset", "POST", "/reset", None),
    ]:
        server.rest()
        ask(connection, method, account + path, body)
        write(connection, key)
        steps += [what, f"a ticket after {what}"]
    server.rest()
    ask(connection, "DELETE", account)
    steps.append("a removal")
    calls = server.end()
    if len(calls.answers) != len(steps):
        sys.exit(f"{len(calls.answers)} answers in the trace, and {len(steps)} requests")
    found = {}
    for at, what in enumerate(steps):
        found.setdefault(what, []).append(calls.missing_before(at))
    for what, all_found in found.items():
        whole = sum(1 for written, late in all_found if written and not late)
        files = sorted({path for written, _ in all_found for path in written})
        late = sorted({path for _, late in all_found for path in late})
        told = f"not on the disk: {', '.join(late)}" if late else f"on the disk: {', '.join(files) or 'nothing'}"
        require(whole == len(all_found), f"{what}: {whole} of {len(all_found)} answers waited; {told}")

    print("power, the order of what a file is given up by:")
    for what in GIVING_UP:
        early, removed = calls.order(steps.index(what))
        told = f"before that: {', '.join(sorted(early))}" if early else f"then {len(removed)} files are removed"
        require(removed and not early, f"{what}: first the catalogue is on the disk; {told}")


def together():
    print(f"power, {writers} writers at once:")
    server = Traced("power")
    connection = server.connect()
    key = make(connection, "acme")
    write(connection, key)
    together = threading.Barrier(writers)

    def go():
        mine = server.connect()
        mine.connect()
        together.wait(PATIENCE)
        for _ in range(each):
            write(mine, key)

    threads = [threading.Thread(target=go) for _ in range(writers)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    calls = server.end()
    last, asked = calls.answers[1].ended, writers * each
    sent = sum(1 for answer in calls.answers[2:] if "HTTP/1.1 200" in answer.text)
    syncs = calls.syncs("acme.db-wal", last)
    require(sent == asked, f"{sent} of {asked} writes were acknowledged")
    # A writer's own ones come one after the other, so they share none.
    require(each <= syncs < asked, f"they shared {syncs} syncs: {asked / max(syncs, 1):.1f} writes in each")


def process():
    print("process, one request after the other:")
    server = Traced("process")
    connection = server.connect()
    key = make(connection, "acme")
    for _ in range(TICKETS + 1):
        write(connection, key)
    calls = server.end()
    first, last = calls.answers[1], calls.answers[-1]
    syncs = sum(1 for call in calls.all if call.synced and first.ended < call.began < last.began)
    require(syncs == 0, f"{TICKETS} tickets, {syncs} syncs")


power()
together()
process()
sys.exit(f"{len(broken)} promises are broken" if broken else 0)
PYTHON
