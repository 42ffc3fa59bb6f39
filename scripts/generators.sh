#!/usr/bin/env bash
# Checks that code generators and tools can use the OpenAPI documents. Seven generators make a client from
# /openapi.json of a running server, and each client compiles and runs the ticket story: all eleven operations, in an
# account that rejects undocumented content types and keys outside of the header. The same generators make a client of
# the control API, which compiles. Redocly and Spectral find no error, Prism as a validating proxy finds no violation,
# and newman runs the imported Postman collection after the key alone was set.
# Prints a table, and fails if a step fails. The logs are in target/generators/logs. An argument selects steps by a
# regular expression: scripts/generators.sh 'python|Prism'. A story needs the client that was made for this server.
# Needs curl, Python 3.10 or newer with venv, Node 20 or newer with npm, a JDK 17 or newer, Go 1.18 or newer, and from
# Debian libhttpmime-java, libgeronimo-annotation-1.3-spec-java and golang-gopkg-validator.v2-dev; as root on Debian, it
# installs what is missing. The packages of Python and Node go below target/. Takes about ten minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
export sources=$root/scripts/generators work=$root/target/generators
mkdir -p "$work/logs"

failed=0 table=() only=${1:-}

# Runs a command with a time limit, and adds a row to the table.
step() {
    local name=$1 limit=$2 start=$SECONDS result=ok
    local log=$work/logs/${name// /-}.log
    shift 2
    [[ $name =~ ^install || $name =~ $only ]] || return 0
    if ! (cd "$work" && timeout --kill-after=10 "$limit" bash -euo pipefail -c "$*") > "$log" 2>&1 < /dev/null; then
        result=FAILED failed=1
        printf '==> %s failed; the end of %s:\n' "$name" "$log" >&2
        tail -n 30 "$log" >&2
    fi
    table+=("$(printf '%-36s %-6s %4d s' "$name" "$result" $((SECONDS - start)))")
    printf '%s\n' "${table[-1]}"
    [ "$result" = ok ]
}

finish() {
    kill "${processes[@]}" 2> /dev/null || true
    printf '\n%s\n' "${table[@]}"
}
processes=()

# Waits until the file exists and is not empty, for ten seconds.
wait_for_file() {
    for _ in $(seq 100); do [ -s "$1" ] && return; sleep 0.1; done
    printf '%s is still missing\n' "$1" >&2
    return 1
}

# Prints the API key of a new account that rejects whatever the documents do not name.
new_key() {
    local created
    created=$(curl --fail --silent --show-error "$url/_control/accounts" --json '{"from": "empty", "strict": true}')
    python3 -c 'import json, sys; print(json.load(sys.stdin)["api_key"])' <<< "$created"
}

debian_packages() {
    local missing=() directory=/usr/share/java
    command -v go > /dev/null || missing+=(golang-go)
    command -v javac > /dev/null || missing+=(default-jdk-headless)
    [ -e $directory/httpmime.jar ] || missing+=(libhttpmime-java)
    [ -e $directory/geronimo-annotation-1.3-spec.jar ] || missing+=(libgeronimo-annotation-1.3-spec-java)
    [ -d /usr/share/gocode/src/gopkg.in/validator.v2 ] || missing+=(golang-gopkg-validator.v2-dev)
    if [ ${#missing[@]} -gt 0 ] && [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -qq && apt-get install -qq --yes --no-install-recommends "${missing[@]}" > /dev/null
    fi
}

# Functions of the steps, as texts: a step is another shell.
generate='
generate() {
    rm -rf "$1-$2"
    venv/bin/openapi-generator-cli generate -g "$1" -i "$2.json" -o "$1-$2" "${@:3}"
}
'

trap finish EXIT
step "install Debian packages" 300 "$(declare -f debian_packages); debian_packages"
step "install Python packages" 300 '
    [ -x venv/bin/python ] || python3 -m venv venv
    venv/bin/pip install --quiet --disable-pip-version-check --requirement "$sources/requirements.txt"'
step "install Node packages" 600 '
    cp "$sources/package.json" "$sources/tsconfig.json" .
    npm install --no-audit --no-fund --loglevel=error'
[ "$failed" = 0 ] || exit 1
export PATH=$work/venv/bin:$work/node_modules/.bin:$PATH

cargo build --locked
server=${CARGO_TARGET_DIR:-$root/target}/debug/omnidesk-mock
rm -f "$work/port"
"$server" --ephemeral --listen 127.0.0.1:0 --port-file "$work/port" > "$work/logs/server.log" 2>&1 &
processes+=($!)
wait_for_file "$work/port"
url=http://$(cat "$work/port")
export url
curl --fail --silent --show-error --output "$work/ticket.json" "$url/openapi.json"
curl --fail --silent --show-error --output "$work/all.json" "$url/openapi-all.json"
curl --fail --silent --show-error --output "$work/control.json" "$url/_control/openapi.json"

step "Redocly" 120 redocly lint ticket.json all.json control.json || true
step "Spectral" 120 spectral lint ticket.json all.json control.json --ruleset '"$sources/spectral.yaml"' || true

prepare_typescript='
prepare_typescript() {
    rm -rf "$1" && mkdir "$1"
    cp package.json tsconfig.json "$1"
}
'
compile_java='
compile_java() {
    rm -rf "classes-$1" && mkdir "classes-$1"
    find "java-$1/src/main" -name "*.java" > "sources-$1"
    javac -nowarn -d "classes-$1" -cp "$jars" @"sources-$1" "${@:2}"
}
'
compile_go='
compile_go() {
    rm -rf "go-$1/test" validator && cp -r /usr/share/gocode/src/gopkg.in/validator.v2 validator
    printf "module gopkg.in/validator.v2\n" > validator/go.mod
    rm -f validator/*_test.go
    printf "module ticketclient\n\ngo 1.18\n\nrequire gopkg.in/validator.v2 v2.0.1\n\nreplace gopkg.in/validator.v2 => ../validator\n" > "go-$1/go.mod"
    (cd "go-$1" && GOFLAGS=-mod=mod GOPROXY=off go build ./...)
}
'
export jars
jars=$(find "$work/venv/lib" -name openapi-generator.jar):/usr/share/java/httpmime.jar
jars=$jars:/usr/share/java/geronimo-annotation-1.3-spec.jar
options_java="--library native --additional-properties=openApiNullable=false"
options_go="--additional-properties=packageName=ticketclient"

for document in ticket control; do
    export document
    step "python $document" 120 "$generate"'
        generate python "$document"
        python -m compileall -q python-"$document"
        cd python-"$document" && python -c "import openapi_client"' || true
    step "openapi-python-client $document" 120 '
        rm -rf "opc-$document"
        printf "package_name_override: %s_client\n" "$document" > opc.yaml
        openapi-python-client generate --path "$document.json" --output-path "opc-$document" --config opc.yaml
        python -m compileall -q "opc-$document"
        cd "opc-$document" && python -c "import ${document}_client.models"' || true
    step "axios $document" 180 "$generate $prepare_typescript"'
        prepare_typescript "axios-$document"
        generate typescript-axios "$document" --additional-properties=importFileExtension=.js
        mkdir "axios-$document/axios" && cp typescript-axios-"$document"/*.ts "axios-$document/axios"
        tsc -p "axios-$document"' || true
    step "hey-api $document" 180 "$prepare_typescript"'
        prepare_typescript "hey-api-$document"
        openapi-ts --no-log-file -i "$document.json" -o "hey-api-$document/hey-api" -c @hey-api/client-fetch
        tsc -p "hey-api-$document"' || true
    step "orval $document" 180 "$prepare_typescript"'
        prepare_typescript "orval-$document"
        orval --config "$sources/orval.config.mjs"
        tsc -p "orval-$document"' || true
    step "java $document" 240 "$generate $compile_java generate java $document $options_java; compile_java $document" || true
    step "go $document" 240 "$generate $compile_go generate go $document $options_go; compile_go $document" || true
done

key=$(new_key); export key
step "python story" 60 'cd python-ticket && PYTHONPATH=. python "$sources/story.py" "$key"' || true
key=$(new_key)
step "openapi-python-client story" 60 'cd opc-ticket && PYTHONPATH=. python "$sources/openapi_python_client_story.py" "$key" "$url"' || true
for generator in axios hey-api orval; do
    key=$(new_key) && export generator
    step "$generator story" 120 '
        cp "$sources/$generator.ts" "$generator-ticket"
        tsc -p "$generator-ticket"
        node "$generator-ticket/compiled/$generator.js" "$key"' || true
done
key=$(new_key)
step "java story" 120 "$compile_java"'
    compile_java ticket "$sources/Story.java"
    java -cp "classes-ticket:$jars" Story "$key"' || true
key=$(new_key)
step "go story" 240 "$compile_go"'
    mkdir -p go-ticket/story && cp "$sources/story.go" go-ticket/story/main.go
    compile_go ticket
    cd go-ticket && GOFLAGS=-mod=mod GOPROXY=off go run ./story "$key"' || true

# With ticket.json, Prism misses `ticketIDs[]` in the query of ticketMultiDELETE: it encodes the names of required
# parameters. In all.json the parameter is optional.
key=$(new_key)
step "Prism" 120 '
    port=$(python3 -c "import socket; free = socket.socket(); free.bind((\"127.0.0.1\", 0)); print(free.getsockname()[1])")
    prism proxy all.json "$url" --errors --port "$port" > logs/prism.log 2>&1 &
    prism=$!
    trap "kill $prism" EXIT
    for _ in $(seq 300); do grep -q "Prism is listening" logs/prism.log && break; sleep 0.1; done
    cd python-ticket && PYTHONPATH=. python "$sources/story.py" "$key" "http://127.0.0.1:$port"
    ! grep -i violation ../logs/prism.log' || true

key=$(new_key)
step "Postman" 120 '
    for _ in 1 2 3 4 5; do
        curl --fail --silent --show-error "$url/api/v2/ticket" --header "apiKey: $key" --form brandID=1 --form channelID=1 \
            --form direction=inbound --form from=thomas@test.com --form to=service@mybrand.com --form title=Printer
    done
    openapi2postmanv2 -s ticket.json -o collection.json -O parametersResolution=Example
    newman run collection.json --env-var "apiKey=$key" --reporters cli,json --reporter-json-export newman.json
    python3 "$sources/check_newman.py" newman.json' || true

exit "$failed"
