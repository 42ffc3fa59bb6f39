# List the tasks
default:
    @just --list --unsorted

# Run every check of CI: format, lint, docs, tests, instruction counts
check:
    .ci/run

# Format the code
fmt:
    cargo fmt

# Run clippy with warnings as errors
lint:
    cargo clippy --workspace --all-targets --locked -- -D warnings

# Run all tests, or those whose name contains a word: just test batch
test *args:
    cargo test --locked {{args}}

# Run the conformance cases
conformance *args:
    cargo test --locked --test conformance -- {{args}}

# Run the tests and accept changed snapshots; review them in the diff
accept *args:
    INSTA_UPDATE=always cargo test --locked {{args}}

# Build the API documentation of the crate
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked

# Build and start a server: just run --ephemeral
run *args:
    cargo run --locked -- {{args}}

# Run a benchmark: just bench throughput --parts load
bench name *args:
    cargo bench --locked -p omnidesk-mock-bench --bench {{name}} -- {{args}}

# Count the instructions of the hot paths (needs valgrind); store the counts: just instructions --accept
instructions *args:
    scripts/instructions.sh {{args}}

# Validate the OpenAPI documents and test the server against them: MINUTES=20 just openapi --phases stateful
openapi *args:
    scripts/openapi-check.sh {{args}}

# Generate clients from the OpenAPI documents, compile them, and run all operations
generators:
    scripts/generators.sh

# Run a fuzz target for a number of seconds, or each for 60: just fuzz request 600 (cargo install cargo-fuzz)
fuzz *args:
    scripts/fuzz.sh {{args}}

# Run the crash tests with this number of kills
crash rounds="300":
    CRASH_ROUNDS={{rounds}} cargo test --locked --test api crash::

# Fail each system call of each operation once (needs strace)
inject:
    CRASH_EVERY=1 cargo test --locked --test tools disk::fault_injection

# Run the soak test: just soak --minutes 60
soak *args:
    cargo bench --locked -p omnidesk-mock-bench --bench soak -- {{args}}

# Verify that writes are synced before they are acknowledged (needs strace)
power:
    scripts/power-check.sh

# Write screenshots of all pages to target/screenshots (needs Chromium and Playwright for Python)
screenshots:
    scripts/screenshots.sh

# Check the licences, advisories and sources of the dependencies (cargo install cargo-deny)
deny:
    cargo deny --locked check

# Build the container image
image:
    docker build -t omnidesk-mock .
