# The list of tasks
default:
    @just --list --unsorted

# All that a change must pass: format, lint, docs, tests
check:
    .ci/run

# Format the code
fmt:
    cargo fmt

# Clippy, with warnings as errors
lint:
    cargo clippy --all-targets --locked -- -D warnings

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

# The benchmarks
bench *args:
    cargo bench --locked {{args}}

# Validate the OpenAPI document and try the server against it
openapi:
    scripts/openapi-check.sh

# Try the pages in a real browser
pages:
    scripts/pages-check.sh

# Licences, advisories and sources of the dependencies (cargo install cargo-deny)
deny:
    cargo deny --locked check

# The container image
image:
    docker build -t omnidesk-mock .
