//! The JUnit and PHPUnit example suites pass unchanged, and fail if the client is broken.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::example_suites::{
    assert_exit, example_dir, run_in_dir, run_under_mock, run_under_mock_with_token,
};
use crate::support::files;
use crate::support::process::{ProcessOutput, build_clean_env_command};
use crate::support::tools::{Tool, try_run};
use crate::tool_test::{ToolTest, tool_tests};

pub(super) fn tests() -> Vec<ToolTest> {
    let tests = [
        tool_tests![PHPUNIT =>
            the_phpunit_suite_passes,
            phpunit_suite_sends_the_control_token,
            exit_code_of_failing_phpunit_suite_is_passed_on,
            undocumented_field_makes_phpunit_suite_fail,
        ],
        tool_tests![JUNIT =>
            junit_suite_passes_and_sends_the_control_token,
            exit_code_of_failing_junit_suite_is_passed_on,
            undocumented_field_makes_junit_suite_fail,
        ],
    ];
    tests.into_iter().flatten().collect()
}

static PHPUNIT: Tool = Tool::new("PHP 8.1 with curl and PHPUnit", || {
    let has_curl = "exit(PHP_VERSION_ID >= 80100 && extension_loaded('curl') ? 0 : 1);";
    try_run(
        "php",
        &["-r", has_curl],
        "an older version is installed, or the extension is missing",
    )?;
    try_run("phpunit", &["--version"], "not usable")
});
pub(crate) static JUNIT: Tool =
    Tool::new("a JDK with Debian's packages junit5 and libjackson2-databind-java", || {
        try_run("java", &["--version"], "not usable")?;
        try_run("javac", &["--version"], "not usable")?;
        let missing = JARS.iter().find(|jar| !Path::new(jar).exists());
        missing.map_or(Ok(()), |jar| Err(format!("{jar} is missing")))
    });

const PHPUNIT_COMMAND: &[&str] = &["phpunit"];
const PHP_CLIENT: &str = "src/DeskClient.php";
const JAVA_CLIENT: &str = "src/main/java/desk/DeskClient.java";
/// Jars of Debian's packages `libjackson2-databind-java` and `junit5`. Their manifests name the other jars.
const JARS: [&str; 2] = [
    "/usr/share/java/jackson-databind.jar",
    "/usr/share/java/junit-platform-console-standalone.jar",
];
/// The error message for the field that a test adds to the client's requests.
const UNKNOWN_FIELD: &str = "colour is an unknown field";

/// Copies an example with its directories, and replaces a piece of one file.
fn copy_with_replacement(name: &str, file: &str, piece: &str, replacement: &str) -> TempDir {
    let (example, copy) = (example_dir(name), files::create_temp_dir());
    for source in list_files(&example) {
        let target =
            copy.path().join(source.strip_prefix(&example).expect("a file of the example"));
        let parent = target.parent().expect("a file is in a directory");
        std::fs::create_dir_all(parent).expect("the directory is created");
        std::fs::copy(&source, &target).expect("the file is copied");
    }
    let path = copy.path().join(file);
    let text = std::fs::read_to_string(&path).expect("text");
    assert!(text.contains(piece), "{piece} is not in {file}");
    std::fs::write(&path, text.replace(piece, replacement)).expect("the file is written");
    copy
}

/// Returns the files in a directory and in its subdirectories.
fn list_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the directory exists");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.flat_map(|path| if path.is_dir() { list_files(&path) } else { vec![path] }).collect()
}

fn the_phpunit_suite_passes() {
    let suite = run_under_mock(PHPUNIT_COMMAND, &example_dir("phpunit"));
    assert_exit(&suite, 0, "OK (16 tests, ");
}

fn phpunit_suite_sends_the_control_token() {
    let suite = run_under_mock_with_token(PHPUNIT_COMMAND, &example_dir("phpunit"));
    assert_exit(&suite, 0, "OK (16 tests, ");
}

fn exit_code_of_failing_phpunit_suite_is_passed_on() {
    let folder = copy_with_replacement("phpunit", PHP_CLIENT, "closed", "solved");
    assert_exit(&run_under_mock(PHPUNIT_COMMAND, folder.path()), 1, "Failures: 1.");
}

fn undocumented_field_makes_phpunit_suite_fail() {
    let (piece, replacement) = ("'brandID' => 1,", "'brandID' => 1, 'colour' => 'red',");
    let folder = copy_with_replacement("phpunit", PHP_CLIENT, piece, replacement);
    assert_exit(&run_under_mock(PHPUNIT_COMMAND, folder.path()), 2, UNKNOWN_FIELD);
}

/// A compiled JUnit suite.
struct JunitSuite<'project> {
    project: &'project Path,
    classes: TempDir,
}

impl<'project> JunitSuite<'project> {
    /// Compiles the client and its tests without Maven, which would download its plugins.
    fn compile(project: &'project Path) -> Self {
        let suite = Self { project, classes: files::create_temp_dir() };
        let files = list_files(&project.join("src"));
        let sources = files.iter().filter(|file| file.extension().is_some_and(|end| end == "java"));
        let mut compiler = build_clean_env_command("javac", &["--release", "17"]);
        compiler.arg("-d").arg(suite.classes.path());
        compiler.args(["-cp", &suite.class_path()]).args(sources);
        assert_exit(&run_in_dir(compiler, project), 0, "");
        suite
    }

    fn class_path(&self) -> String {
        let folders = [self.classes.path().to_owned(), self.project.join("src/test/resources")];
        let path = std::env::join_paths(folders.into_iter().chain(JARS.map(PathBuf::from)));
        path.expect("a path").into_string().expect("the path is UTF-8")
    }

    /// Runs the tests with this function.
    fn run(&self, run: impl FnOnce(&[&str], &Path) -> ProcessOutput) -> ProcessOutput {
        let class_path = self.class_path();
        let classes = self.classes.path().to_str().expect("the path is UTF-8");
        let launcher = "org.junit.platform.console.ConsoleLauncher";
        let java = ["java", "-cp", &class_path, launcher, "--disable-banner"];
        let options = ["--disable-ansi-colors", "--scan-classpath", classes];
        run(&[&java[..], &options[..]].concat(), self.project)
    }
}

fn junit_suite_passes_and_sends_the_control_token() {
    let project = example_dir("junit");
    let suite = JunitSuite::compile(&project);
    assert_exit(&suite.run(run_under_mock), 0, " 16 tests successful ");
    assert_exit(&suite.run(run_under_mock_with_token), 0, " 16 tests successful ");
}

fn exit_code_of_failing_junit_suite_is_passed_on() {
    let folder = copy_with_replacement("junit", JAVA_CLIENT, "closed", "solved");
    let suite = JunitSuite::compile(folder.path());
    assert_exit(&suite.run(run_under_mock), 1, " 1 tests failed ");
}

fn undocumented_field_makes_junit_suite_fail() {
    let (piece, addition) = (r#".add("brandID", 1)"#, r#".add("colour", "red")"#);
    let replacement = format!("{piece}{addition}");
    let folder = copy_with_replacement("junit", JAVA_CLIENT, piece, &replacement);
    let suite = JunitSuite::compile(folder.path());
    assert_exit(&suite.run(run_under_mock), 1, UNKNOWN_FIELD);
}
