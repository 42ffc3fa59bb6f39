//! `docs/operations.md` and the files of `examples/operations/`: the page shows the files unchanged, and the server
//! accepts their arguments.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use regex::Regex;
use serde_json::Value;
use tempfile::TempDir;

use crate::readme::extract_fenced_blocks;
use crate::support::client::{ApiClient, DEV_KEY, JsonResponse};
use crate::support::files;
use crate::support::process::{
    OutputStream, PROGRAM, RunningProcess, build_clean_env_command, build_command, run_to_exit,
};
use crate::support::server::Server;
use crate::support::ticket::{NEW_TICKET_FORM, dump_tickets};
use crate::support::tools::{CURL, Tool, try_run};
use crate::support::yaml;
use crate::tool_test::{ToolTest, tool_tests};

pub(super) fn tests() -> Vec<ToolTest> {
    let tests = [
        tool_tests![=>
            the_page_shows_the_files_unchanged,
            the_yaml_files_parse,
            async docker_commands_start_a_server,
            async compose_starts_a_healthy_server,
            async kubernetes_deployment_starts_a_ready_server,
            async kubernetes_sidecar_becomes_ready,
            async log_line_has_the_documented_members,
        ],
        tool_tests![CURL =>
            github_actions_job_passes,
        ],
        tool_tests![TAR, CURL =>
            async backup_and_export_restore_the_tickets,
        ],
    ];
    tests.into_iter().flatten().collect()
}

static TAR: Tool = Tool::new("tar", || try_run("tar", &["--version"], "not usable"));

const PAGE: &str = include_str!("../../docs/operations.md");
/// The value of each secret that a file references.
const SECRET: &str = "secret-0123";
/// The address of the server in the proxies' files.
pub(super) const UPSTREAM_ADDRESS: &str = "127.0.0.1:8080";

fn example_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/operations").join(name)
}

pub(super) fn read_example(name: &str) -> String {
    std::fs::read_to_string(example_path(name)).expect("the example is text")
}

/// Returns the names of all files.
fn example_names() -> Vec<String> {
    let entries = std::fs::read_dir(example_path("")).expect("the examples can be read");
    let name = |entry: std::fs::DirEntry| entry.file_name().into_string().expect("UTF-8");
    entries.map(|entry| name(entry.expect("an entry"))).collect()
}

/// Returns the blocks of commands in a section of the page.
fn command_blocks(section: &str) -> Vec<String> {
    let blocks = extract_fenced_blocks(PAGE, section).into_iter();
    blocks.filter(|(kind, _)| kind == "sh").map(|(_, text)| text).collect()
}

/// Runs a script in the directory, and returns its standard output.
fn run_script(script: &str, dir: &Path) -> String {
    let mut bash = build_clean_env_command("bash", &["-e", "-c", script]);
    RunningProcess::spawn(bash.current_dir(dir).env("NO_PROXY", "*"))
        .wait_for_exit()
        .expect_success()
}

/// Returns a free port of loopback.
pub(super) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// Replaces a piece of a file, which must contain it exactly once.
pub(super) fn replace_once(text: &str, piece: &str, replacement: &str) -> String {
    assert_eq!(text.matches(piece).count(), 1, "`{piece}` in {text}");
    text.replace(piece, replacement)
}

fn to_strings(list: &Value) -> Vec<String> {
    let items = list.as_array().unwrap_or_else(|| panic!("{list} must be a list")).iter();
    items.map(|item| item.as_str().expect("an item is a string").to_owned()).collect()
}

/// How an example starts the server in a container.
#[derive(Debug, Default)]
struct Container {
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
}

impl Container {
    /// Reads a service of Compose.
    fn from_compose(service: &Value) -> Self {
        let variables = service["environment"].as_object().expect("a mapping").iter();
        let text = |value: &Value| value.as_str().expect("a string").to_owned();
        Self {
            arguments: to_strings(&service["command"]),
            variables: variables.map(|(name, value)| (name.clone(), text(value))).collect(),
        }
    }

    /// Reads a container of Kubernetes. Variables from a Secret get the same value.
    fn from_kubernetes(container: &Value) -> Self {
        let variables = container["env"].as_array().expect("a list").iter();
        let text = |value: &Value| value.as_str().unwrap_or(SECRET).to_owned();
        Self {
            arguments: to_strings(&container["args"]),
            variables: variables
                .map(|variable| (text(&variable["name"]), text(&variable["value"])))
                .collect(),
        }
    }

    /// Reads a `docker run` command; None if it uses another image.
    fn from_docker_run(command: &str) -> Option<Self> {
        let words: Vec<&str> = command.split_whitespace().collect();
        let image = words.iter().position(|word| *word == "omnidesk-mock")?;
        let variables = words[..image].windows(2).filter(|pair| pair[0] == "--env");
        let split = |variable: &str| {
            let (name, value) = variable.split_once('=').expect("NAME=VALUE");
            (name.to_owned(), value.to_owned())
        };
        Some(Self {
            arguments: words[image + 1..].iter().map(|word| (*word).to_owned()).collect(),
            variables: variables.map(|pair| split(pair[1])).collect(),
        })
    }

    /// Starts the server on a free port of loopback, with the volume `/data` in a temporary directory.
    fn start(&self) -> RunningContainer {
        let dir = files::create_temp_dir();
        let data = dir.path().join("data").display().to_string();
        let replace_volume =
            |argument: &String| if argument == "/data" { data.clone() } else { argument.clone() };
        let mut command = build_command(&[]);
        command.args(self.arguments.iter().map(replace_volume));
        for (name, value) in &self.variables {
            command.env(name, value);
        }
        command.env("OMNIDESK_MOCK_LISTEN", "127.0.0.1:0").current_dir(dir.path());
        let mut process = RunningProcess::spawn(&mut command);
        let base_url = process.base_url();
        RunningContainer { process, base_url, _dir: dir }
    }

    fn variable(&self, name: &str) -> Option<&str> {
        let mut variables = self.variables.iter();
        variables.find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Asserts that the server's variables exist: it would ignore a misspelled one.
    fn assert_variables_exist(&self) {
        let help = run_to_exit(&["serve", "--help"]).expect_success();
        for (name, _) in &self.variables {
            assert!(
                help.contains(&format!("{name}]")) || help.contains(&format!("{name}=")),
                "{name}"
            );
        }
    }

    /// Asserts that the API key opens an account, and that the control API accepts this host and the token.
    async fn assert_serves(&self, base_url: &str, host: &str) {
        let client = ApiClient::new(base_url);
        let client = client.with_key(self.variable("OMNIDESK_MOCK_API_KEY").unwrap_or(DEV_KEY));
        assert_eq!(client.get("/api/v2/ticket").await.status, 200, "{self:?}");
        let mut request = client.request("GET", "/_control/accounts").header("host", host);
        if let Some(token) = self.variable("OMNIDESK_MOCK_CONTROL_TOKEN") {
            request = request.bearer_auth(token);
        }
        let response = JsonResponse::fetch(request).await;
        assert_eq!(response.status, 200, "{self:?}: {}", response.body);
    }
}

struct RunningContainer {
    process: RunningProcess,
    base_url: String,
    _dir: TempDir,
}

/// Runs the command of a health check as the image would, and returns its exit code.
fn run_health_check(command: &[String], base_url: &str) -> Option<i32> {
    let (program, arguments) = command.split_first().expect("a command");
    assert_eq!(program, "/omnidesk-mock");
    let mut ready = build_command(&[]);
    ready.args(arguments);
    ready.env("OMNIDESK_MOCK_LISTEN", base_url.trim_start_matches("http://"));
    RunningProcess::spawn(&mut ready).wait_for_exit().exit_code
}

/// Returns the containers of a pod that run the server.
fn server_containers(pod: &Value) -> Vec<Value> {
    let all = ["initContainers", "containers"].into_iter().filter_map(|list| pod[list].as_array());
    let is_server = |container: &&Value| {
        container["image"].as_str().expect("an image").contains("omnidesk-mock")
    };
    all.flatten().filter(is_server).cloned().collect()
}

fn the_page_shows_the_files_unchanged() {
    let names = example_names();
    let files: Vec<String> = names.iter().map(|name| read_example(name)).collect();
    for (kind, text) in extract_fenced_blocks(PAGE, "# Operations") {
        let is_from_file = files.iter().any(|file| file.trim_end() == text);
        assert!(is_from_file || ["sh", "json"].contains(&kind.as_str()), "no file has:\n{text}");
    }
    for name in names {
        assert!(PAGE.contains(&format!("(../examples/operations/{name})")), "no link to {name}");
    }
}

fn the_yaml_files_parse() {
    let paths = example_names().into_iter().map(|name| example_path(&name));
    for path in paths.filter(|path| path.extension().is_some_and(|end| end == "yaml")) {
        assert!(!yaml::read_documents(&path).is_empty(), "{}", path.display());
    }
}

async fn docker_commands_start_a_server() {
    let text = command_blocks("## Docker").join("\n").replace("\\\n", " ");
    let containers: Vec<Container> = text
        .lines()
        .filter(|line| line.starts_with("docker run "))
        .filter_map(Container::from_docker_run)
        .collect();
    assert!(!containers.is_empty());
    let checks = text.lines().filter_map(|line| line.strip_prefix("docker exec mock "));
    let checks: Vec<Vec<String>> =
        checks.map(|check| check.split_whitespace().map(str::to_owned).collect()).collect();
    for container in containers {
        container.assert_variables_exist();
        let running = container.start();
        container.assert_serves(&running.base_url, "localhost:8080").await;
        for check in &checks {
            assert_eq!(run_health_check(check, &running.base_url), Some(0));
        }
    }
}

async fn compose_starts_a_healthy_server() {
    let services = &yaml::read_documents(&example_path("compose.yaml"))[0]["services"];
    let container = Container::from_compose(&services["mock"]);
    container.assert_variables_exist();
    let running = container.start();
    container.assert_serves(&running.base_url, "mock:8080").await;

    let test = to_strings(&services["mock"]["healthcheck"]["test"]);
    assert_eq!(test[0], "CMD");
    assert_eq!(run_health_check(&test[1..], &running.base_url), Some(0));
    assert_eq!(running.process.stop().exit_code, Some(0));
    assert_eq!(run_health_check(&test[1..], &running.base_url), Some(1));

    let service = &services["tests"];
    let volumes = to_strings(&service["volumes"]);
    let (directory, mount) = volumes[0].split_once(':').expect("DIRECTORY:MOUNT");
    assert!(example_path(directory).join("requirements.txt").exists(), "{directory}");
    assert_eq!(service["working_dir"], mount);
    let given = &service["environment"];
    let public_url = container.variable("OMNIDESK_MOCK_PUBLIC_URL").expect("a URL");
    assert_eq!(given["OMNIDESK_BASE_URL"], public_url);
    assert_eq!(given["OMNIDESK_CONTROL_URL"], format!("{public_url}/_control"));
    for name in ["API_KEY", "CONTROL_TOKEN"] {
        let expected = container.variable(&format!("OMNIDESK_MOCK_{name}"));
        assert_eq!(given[format!("OMNIDESK_{name}")].as_str(), expected, "{name}");
    }
}

async fn kubernetes_deployment_starts_a_ready_server() {
    let documents = yaml::read_documents(&example_path("kubernetes-deployment.yaml"));
    let find = |kind: &str| documents.iter().find(|document| document["kind"] == kind);
    let pod = &find("Deployment").expect("a Deployment")["spec"]["template"]["spec"];
    let containers = server_containers(pod);
    assert_eq!(containers.len(), 1);
    let container = Container::from_kubernetes(&containers[0]);
    container.assert_variables_exist();
    let running = container.start();
    let service = find("Service").expect("a Service");
    let name = service["metadata"]["name"].as_str().expect("a name");
    container.assert_serves(&running.base_url, &format!("{name}:8080")).await;

    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        let path = containers[0][probe]["httpGet"]["path"].as_str().expect("a path");
        // The kubelet sends the address of the pod as host.
        let request = ApiClient::new(&running.base_url).request_without_key("GET", path);
        let response = request.header("host", "192.0.2.7:8080").send().await;
        assert_eq!(response.expect("the server responds").status(), 200, "{probe}");
    }
    assert_prometheus_can_scrape(&container, &running.base_url).await;
}

/// Asserts that the path, the token and the target of the scrape configuration fit the deployment, and that the server
/// has each metric and each label value that the alerts and the page name.
async fn assert_prometheus_can_scrape(container: &Container, base_url: &str) {
    let config = &yaml::read_documents(&example_path("prometheus.yaml"))[0]["scrape_configs"][0];
    let path = config["metrics_path"].as_str().expect("a path");
    let target = config["static_configs"][0]["targets"][0].as_str().expect("a target");
    let token = container.variable("OMNIDESK_MOCK_CONTROL_TOKEN").expect("a token");
    let request = ApiClient::new(base_url).request_without_key("GET", path);
    let response = request.header("host", target).bearer_auth(token).send().await;
    let response = response.expect("the server responds");
    assert_eq!(response.status(), 200);
    let metrics = response.text().await.expect("the body arrives");

    let documents = format!("{PAGE}{}", read_example("prometheus-rules.yaml"));
    let names =
        Regex::new(r#"omnidesk_mock_[a-z_]+|(reason|access)="[a-z-]+""#).expect("a pattern");
    for found in names.find_iter(&documents) {
        assert!(metrics.contains(found.as_str()), "{} is not in {metrics}", found.as_str());
    }
}

async fn kubernetes_sidecar_becomes_ready() {
    let job = &yaml::read_documents(&example_path("kubernetes-sidecar.yaml"))[0];
    let containers = server_containers(&job["spec"]["template"]["spec"]);
    assert_eq!(containers.len(), 1);
    let container = Container::from_kubernetes(&containers[0]);
    container.assert_variables_exist();
    let running = container.start();
    container.assert_serves(&running.base_url, "127.0.0.1:8080").await;
    let command = to_strings(&containers[0]["startupProbe"]["exec"]["command"]);
    assert_eq!(run_health_check(&command, &running.base_url), Some(0));
}

fn github_actions_job_passes() {
    let job = &yaml::read_documents(&example_path("github-actions.yaml"))[0]["jobs"]["test"];
    let steps = job["steps"].as_array().expect("steps").iter();
    let scripts = steps.filter(|step| step["if"].is_null()).filter_map(|step| step["run"].as_str());
    let scripts: Vec<&str> = scripts.filter(|script| !script.contains("cargo install")).collect();
    assert_eq!(scripts.len(), 2, "the server is started, and the tests run");

    let address = format!("127.0.0.1:{}", free_port());
    let program = Path::new(PROGRAM);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = program.parent().into_iter().map(Path::to_owned);
    let path = std::env::join_paths(dirs.chain(std::env::split_paths(&path))).expect("a path");
    let script = format!("trap 'kill $(jobs -p); wait' EXIT\n{}", scripts.join("\n"));
    let dir = files::create_temp_dir();
    let mut bash = build_clean_env_command("bash", &["-e", "-c", &script]);
    for (name, value) in job["env"].as_object().expect("variables") {
        let value = value.as_str().expect("a string").replace(UPSTREAM_ADDRESS, &address);
        bash.env(name, value);
    }
    bash.env("PATH", path).env("OMNIDESK_MOCK_LISTEN", &address).env("NO_PROXY", "*");
    let output = RunningProcess::spawn(bash.current_dir(dir.path())).wait_for_exit();
    assert!(output.expect_success().contains(r#""type":"items""#));
}

async fn log_line_has_the_documented_members() {
    let blocks = extract_fenced_blocks(PAGE, "## Logs");
    let (_, documented) = blocks.iter().find(|(kind, _)| kind == "json").expect("a log line");
    let mut process = RunningProcess::spawn_server(&["--log", "json"]);
    let client = ApiClient::new(&process.base_url());
    client.get("/api/v2/ticket/1").await;
    let line = process.wait_for_line(|stream, line| {
        stream == OutputStream::Stderr && line.contains(r#""message":"request""#)
    });
    let parse = |text: &str| serde_json::from_str::<Value>(text).expect("the line is JSON");
    let (documented, line) = (parse(documented), parse(&line));
    let names = |value: &Value| -> Vec<String> {
        value.as_object().expect("an object").keys().cloned().collect()
    };
    assert_eq!(names(&line), names(&documented));
    for name in ["level", "method", "route", "account"] {
        assert_eq!(line[name], documented[name], "{name}");
    }
}

async fn backup_and_export_restore_the_tickets() {
    let blocks = command_blocks("## Backup and restore");
    let [backup, restore, export, _docker] = &blocks[..] else {
        panic!("the section has other blocks: {blocks:#?}")
    };
    let dir = files::create_temp_dir();
    let data = dir.path().join("data").display().to_string();
    let start = || Server::start_with_args(&["--data", &data, "--public-url", "http://mock.test"]);
    let server = start();
    server.send_form("POST", "/api/v2/ticket", NEW_TICKET_FORM).await;
    let saved = dump_tickets(&server).await;
    server.stop().expect_success();
    run_script(backup, dir.path());

    let server = start();
    server.send_form("POST", "/api/v2/ticket", NEW_TICKET_FORM).await;
    assert_ne!(dump_tickets(&server).await, saved);
    server.stop().expect_success();
    run_script(restore, dir.path());

    let server = start();
    assert_eq!(dump_tickets(&server).await, saved);
    run_script(&export.replace("http://127.0.0.1:8080", &server.base_url), dir.path());
    let restored = server.get("/_control/accounts/restored").await.body;
    assert_eq!(restored["counts"]["tickets"], 1, "{restored}");
    let file = dir.path().join("dev.json").display().to_string();
    run_to_exit(&["seed", "check", &file]).expect_success();
}
