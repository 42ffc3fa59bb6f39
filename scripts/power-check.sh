#!/usr/bin/env bash
# Verifies with strace what `--durability` promises. With `power`: all writes of a request are synced before its
# response is sent, concurrent writers share syncs, and the old files of an account are not changed until the commit
# of the catalogue is synced. With `process`: no ticket waits for a sync.
# Needs Linux, strace, Python 3, and permission to trace own processes. SERVER=path uses an existing build of the
# server; WRITERS is the number of concurrent writers (64), and EACH the number of writes per writer (5).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

command -v strace > /dev/null || { echo "strace is not installed" >&2; exit 2; }
strace -o /dev/null true || { echo "tracing is not permitted" >&2; exit 2; }
if [ -z "${SERVER:-}" ]; then
    cargo build --locked
    SERVER=${CARGO_TARGET_DIR:-$PWD/target}/debug/omnidesk-mock
fi
# The directory must be on a disk: on tmpfs a sync has no effect.
mkdir -p target
work=$(mktemp -d "$PWD/target/power-check.XXXXXX")
trap 'rm -rf "$work"' EXIT

python3 - "$SERVER" "$work" "${WRITERS:-64}" "${EACH:-5}" << 'PYTHON'
import http.client, json, os, pathlib, re, signal, subprocess, sys, threading, time

program, work = sys.argv[1], pathlib.Path(sys.argv[2])
writer_count, writes_each = int(sys.argv[3]), int(sys.argv[4])
TICKETS = 40
TIMEOUT_SECONDS = 60
TICKET = "brandID=1&channelID=1&direction=inbound&from=ada%40example.test&to=desk%40example.test&title=Printer"
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
SYNCS = {"fsync", "fdatasync"}
WRITES = {"pwrite64", "pwritev", "write", "writev", "ftruncate", "copy_file_range", "sendfile"}
SENDS = {"write", "writev", "sendto", "sendmsg"}
OTHERS = {"openat", "mkdir", "mkdirat", "unlink", "unlinkat", "rename", "renameat", "renameat2", "ioctl", "read", "recvfrom"}
# The operations after which an account no longer uses its file.
FILE_REPLACING = ["a restore", "a reset", "a removal"]
failures = []


def require(holds, statement):
    print(f"  {'ok    ' if holds else 'BROKEN'} {statement}")
    if not holds:
        failures.append(statement)


class TracedServer:
    """A server that runs below strace."""

    def __init__(self, durability):
        self.home = work / f"{durability}-{time.monotonic_ns()}"
        self.home.mkdir()
        self.data, self.trace = self.home / "data", self.home / "trace"
        # Outside the data directory, so that writes to these files are not counted.
        (self.home / "status").mkdir()
        port, process = self.home / "status" / "port", self.home / "status" / "process"
        calls = ",".join(sorted(SYNCS | WRITES | SENDS | OTHERS))
        self.strace = subprocess.Popen(
            ["strace", "-f", "-y", "-s", "16", "-o", self.trace, "-e", f"trace={calls}", "-e", "signal=none",
             "sh", "-c", 'echo $$ > "$0"; exec "$@"', process, program, "serve", "--listen", "127.0.0.1:0",
             "--data", self.data, "--port-file", port, "--durability", durability],
            stdout=subprocess.DEVNULL, stderr=open(self.home / "log", "w"), env={**os.environ, "RUST_LOG": "warn"})
        end = time.monotonic() + TIMEOUT_SECONDS
        while not port.exists():
            if self.strace.poll() is not None or time.monotonic() > end:
                sys.exit(f"the server does not start:\n{(self.home / 'log').read_text()}")
            time.sleep(0.02)
        self.port, self.process = int(port.read_text().rpartition(":")[2]), int(process.read_text())

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)

    def wait_until_idle(self):
        """Waits until delayed work is done: the server made no system calls for a while."""
        end, size = time.monotonic() + TIMEOUT_SECONDS, -1
        while size != self.trace.stat().st_size:
            if time.monotonic() > end:
                sys.exit("the server does not become idle")
            size = self.trace.stat().st_size
            time.sleep(0.2)

    def stop(self):
        """Stops the server and returns its system calls."""
        os.kill(self.process, signal.SIGTERM)
        self.strace.wait(TIMEOUT_SECONDS)
        return Calls(self.trace.read_text(errors="replace").splitlines(), self.data)


def send(connection, method, path, body=None, content_type=JSON, key=None):
    headers = {"Content-Type": content_type} | ({"apiKey": key} if key else {})
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    text = response.read()
    if response.status not in (200, 201, 204):
        sys.exit(f"{method} {path}: {response.status} {text!r}")
    return json.loads(text) if text else None


def create_account(connection, name):
    body = json.dumps({"name": name})
    return send(connection, "POST", "/_control/accounts", body)["api_key"]


def create_ticket(connection, key):
    send(connection, "POST", "/api/v2/ticket", TICKET, FORM, key)


class Call:
    """A system call, with the lines of the trace on which it started and ended."""

    def __init__(self, line, name, text):
        self.started = self.ended = line
        self.name, self.text, self.succeeded = name, text, False


class Calls:
    CONTROL_REQUEST = re.compile(r'>, "(POST|DELETE) /_control')
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
            call.succeeded = result[:1].isdigit()
        for call in self.all:
            self.classify(call)
        self.responses = [call for call in self.all if call.name in SENDS and '"HTTP/1.1 ' in call.text]

    def classify(self, call):
        """Sets which file a call writes, syncs, creates or removes."""
        call.written = call.synced = call.created = call.removed = None
        directory = os.path.dirname(self.data)
        files = [path for path in re.findall(r"\d+<(/[^>]*)>", call.text)
                 if path.startswith(self.data) or path == directory]
        quoted = [path for path in re.findall(r'"(/[^"]*)"', call.text) if path.startswith(self.data)]
        if not call.succeeded:
            return
        if call.name in SYNCS and files:
            call.synced = files[0]
        elif call.name in WRITES | {"ioctl"} and files:
            copies = call.name == "copy_file_range" or "FICLONE" in call.text
            if call.name != "ioctl" or copies:
                call.written = files[-1] if call.name == "copy_file_range" else files[0]
        elif call.name == "openat" and "O_CREAT" in call.text and files:
            call.created = files[-1]
        elif call.name.startswith("mkdir") and quoted:
            call.created = quoted[-1]
        elif call.name.startswith("unlink") and quoted:
            call.removed = quoted[0]
        elif call.name.startswith("rename") and quoted:
            call.removed, call.created = quoted[0], quoted[-1]

    def unsynced_before(self, at):
        """Returns the files that were written or created since the previous response, and those of them that were not
        synced before this response. Removed files need no sync."""
        previous = self.responses[at - 1].ended if at else -1
        before = self.responses[at].started
        calls = [call for call in self.all if call.ended > previous and call.started < before]
        known = set()
        for call in (call for call in self.all if call.ended <= previous):
            known.add(call.created)
            known.discard(call.removed)
        needs_sync, written = {}, set()
        for call in calls:
            for path in filter(None, [call.written, call.created]):
                # SQLite opens existing files with O_CREAT as well.
                if path.endswith(("-shm", "/lock")) or (path == call.created and path in known):
                    continue
                written.add(path)
                if not os.path.isdir(path):
                    needs_sync[path] = max(call.ended, needs_sync.get(path, 0))
                if call.created == path:
                    directory = os.path.dirname(path)
                    needs_sync[directory] = max(call.ended, needs_sync.get(directory, 0))
            known.add(call.created)
            if call.removed:
                needs_sync.pop(call.removed, None)
                written.discard(call.removed)
                known.discard(call.removed)
        late = [path for path, last in needs_sync.items() if not any(
            call.synced == path and call.started > last and call.ended < before for call in calls)]
        return self.shorten(written), self.shorten(late)

    def early_accesses(self, at):
        """Returns the accesses to account files during this step that came before the sync of the catalogue's commit, and
        all account files that the step removed."""
        requests = [call.started for call in self.all
                    if self.CONTROL_REQUEST.search(call.text) and call.started < self.responses[at].started]
        since, end = requests[-1], (self.responses + [self.all[-1]])[at + 1].started
        calls = [call for call in self.all if since < call.started < end]
        touched = [(call, path) for call in calls for path in [call.written, call.removed]
                   if path and "/accounts/" in path and not path.endswith("-shm")]
        synced = [call.ended for call in calls if (call.synced or "").endswith("/catalogue.db-wal")]
        early = {f"{call.name} of {os.path.relpath(path, self.data)}" for call, path in touched
                 if not synced or call.started < synced[0]}
        return early, {path for call, path in touched if call.removed}

    def shorten(self, paths):
        names = {".": "the data directory", "..": "the parent of the data directory"}
        paths = (os.path.relpath(path, self.data) for path in paths)
        return sorted(names.get(path, path) for path in paths)

    def count_syncs(self, suffix, since=-1):
        return sum(1 for call in self.all if call.started > since and (call.synced or "").endswith(suffix))


def check_power():
    print("power, sequential requests:")
    server = TracedServer("power")
    connection = server.connect()
    key = create_account(connection, "acme")
    steps = ["an account creation"]
    for number in range(TICKETS):
        create_ticket(connection, key)
        steps.append("a ticket" if number else "the first ticket of an account")
    account = "/_control/accounts/acme"
    for step, method, path, body in [
        ("a clock", "PUT", "/clock", '{"mode":"frozen","at":"2026-03-01T12:00:00Z"}'),
        ("a key", "POST", "/keys", '{"name":"more"}'),
        ("a snapshot", "PUT", "/snapshots/one", None),
        ("a restore", "POST", "/snapshots/one/restore", None),
        ("a reset", "POST", "/reset", None),
    ]:
        server.wait_until_idle()
        send(connection, method, account + path, body)
        create_ticket(connection, key)
        steps += [step, f"a ticket after {step}"]
    server.wait_until_idle()
    send(connection, "DELETE", account)
    steps.append("a removal")
    calls = server.stop()
    if len(calls.responses) != len(steps):
        sys.exit(f"{len(calls.responses)} responses in the trace, but {len(steps)} requests")
    found = {}
    for at, step in enumerate(steps):
        found.setdefault(step, []).append(calls.unsynced_before(at))
    for step, results in found.items():
        synced = sum(1 for written, late in results if written and not late)
        files = sorted({path for written, _ in results for path in written})
        late = sorted({path for _, late in results for path in late})
        details = f"not synced: {', '.join(late)}" if late else f"synced: {', '.join(files) or 'nothing'}"
        require(synced == len(results), f"{step}: {synced} of {len(results)} responses waited; {details}")

    print("power, operations that replace the file of an account:")
    for step in FILE_REPLACING:
        early, removed = calls.early_accesses(steps.index(step))
        details = f"before it: {', '.join(sorted(early))}" if early else f"then {len(removed)} files are removed"
        require(removed and not early, f"{step}: the catalogue is synced first; {details}")


def check_concurrent_writers():
    print(f"power, {writer_count} concurrent writers:")
    server = TracedServer("power")
    connection = server.connect()
    key = create_account(connection, "acme")
    create_ticket(connection, key)
    barrier = threading.Barrier(writer_count)

    def run_writer():
        own_connection = server.connect()
        own_connection.connect()
        barrier.wait(TIMEOUT_SECONDS)
        for _ in range(writes_each):
            create_ticket(own_connection, key)

    threads = [threading.Thread(target=run_writer) for _ in range(writer_count)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    calls = server.stop()
    last, expected = calls.responses[1].ended, writer_count * writes_each
    sent = sum(1 for response in calls.responses[2:] if "HTTP/1.1 200" in response.text)
    syncs = calls.count_syncs("acme.db-wal", last)
    require(sent == expected, f"{sent} of {expected} writes were acknowledged")
    # The writes of one writer are sequential, so they share no sync.
    require(writes_each <= syncs < expected, f"they shared {syncs} syncs: {expected / max(syncs, 1):.1f} writes per sync")


def check_process():
    print("process, sequential requests:")
    server = TracedServer("process")
    connection = server.connect()
    key = create_account(connection, "acme")
    for _ in range(TICKETS + 1):
        create_ticket(connection, key)
    calls = server.stop()
    first, last = calls.responses[1], calls.responses[-1]
    syncs = sum(1 for call in calls.all if call.synced and first.ended < call.started < last.started)
    require(syncs == 0, f"{TICKETS} tickets, {syncs} syncs")


check_power()
check_concurrent_writers()
check_process()
sys.exit(f"{len(failures)} checks failed" if failures else 0)
PYTHON
