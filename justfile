# The list of tasks
default:
    @just --list --unsorted

# All that a change must pass: format, lint, docs, tests, instructions
check:
    .ci/run

# Format the code
fmt:
    cargo fmt

# Clippy, with warnings as errors
lint:
    cargo clippy --workspace --all-targets --locked -- -D warnings

# All tests, or those whose name contains a word: just test batch
test *args:
    cargo test --locked {{args}}

# The conformance cases alone
conformance *args:
    cargo test --locked --test conformance -- {{args}}

# Accept changed snapshots, to be reviewed in the diff
accept *args:
    INSTA_UPDATE=always cargo test --locked {{args}}

# The API documentation of the crate
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked

# Start a server from the source: just run --ephemeral
run *args:
    cargo run --locked -- {{args}}

# Run a benchmark: just bench throughput --parts load
bench name *args:
    cargo bench --locked -p omnidesk-mock-bench --bench {{name}} -- {{args}}

# Count the instructions of the hot paths (needs valgrind), and store them: just instructions --accept
instructions *args:
    scripts/instructions.sh {{args}}

# Validate the OpenAPI documents and try the server against them: MINUTES=20 just openapi --phases stateful
openapi *args:
    scripts/openapi-check.sh {{args}}

# Feed a fuzz target for so many seconds, or each for a minute: just fuzz request 600 (cargo install cargo-fuzz)
fuzz *args:
    scripts/fuzz.sh {{args}}

# Kill the server in the middle of its work, so often
crash rounds="300":
    CRASH_ROUNDS={{rounds}} cargo test --locked --test api crash::

# Fail each system call of each operation once (needs strace)
inject:
    CRASH_EVERY=1 cargo test --locked --test api disk::fault_injection

# Soak test: just soak --minutes 60
soak *args:
    cargo bench --locked -p omnidesk-mock-bench --bench soak -- {{args}}

# Show what reaches the disk before it is acknowledged (needs strace)
power:
    scripts/power-check.sh

# Try the pages in a real browser
pages:
    scripts/pages-check.sh

# Licences, advisories and sources of the dependencies (cargo install cargo-deny)
deny:
    cargo deny --locked check

# The container image
image:
    docker build -t omnidesk-mock .
