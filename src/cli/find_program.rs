//! Finds a program on Windows as the command prompt does. The system itself finds only `.exe` files, but `npx`, `mvn` and
//! many others are `.cmd` files.

/// The extensions of files that the system can start; `PATHEXT` may have others, such as `.JS`.
const EXECUTABLE_EXTENSIONS: [&str; 4] = [".com", ".exe", ".bat", ".cmd"];

/// Returns the path of a program; None if the system must search for it. `path` and `path_extensions` are the variables
/// `PATH` and `PATHEXT`. A name with a directory is searched for only there.
pub(super) fn find_program(
    name: &str,
    path: &str,
    path_extensions: &str,
    exists: impl Fn(&str) -> bool,
) -> Option<String> {
    let extensions = parse_extensions(path_extensions);
    let lower_name = name.to_ascii_lowercase();
    let has_extension =
        extensions.iter().any(|extension| lower_name.ends_with(&extension.to_ascii_lowercase()));
    let own_extension = has_extension.then_some("");
    let file_names: Vec<String> = own_extension
        .into_iter()
        .chain(extensions)
        .map(|extension| format!("{name}{extension}"))
        .collect();
    if name.contains(['/', '\\', ':']) {
        return file_names.into_iter().find(|file| exists(file));
    }
    let directories = path.split(';').map(|directory| directory.trim_matches('"'));
    directories
        .filter(|directory| !directory.is_empty())
        .flat_map(|directory| {
            let directory = directory.trim_end_matches(['/', '\\']);
            file_names.iter().map(move |file| format!("{directory}\\{file}"))
        })
        .find(|file| exists(file))
}

/// Returns the extensions of `PATHEXT` that the system can start, in its order; all if it is empty.
fn parse_extensions(path_extensions: &str) -> Vec<&str> {
    let extensions: Vec<&str> = path_extensions
        .split(';')
        .map(str::trim)
        .filter(|extension| {
            EXECUTABLE_EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension))
        })
        .collect();
    if extensions.is_empty() { EXECUTABLE_EXTENSIONS.to_vec() } else { extensions }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "C:\\Windows;;\"C:\\Program Files\\nodejs\\\";C:\\maven\\bin";
    const PATHEXT: &str = ".COM;.EXE;.BAT;.CMD;.VBS;.JS";

    /// Finds a program among these files, whose names have no case.
    fn find(name: &str, path_extensions: &str, files: &[&str]) -> Option<String> {
        find_program(name, PATH, path_extensions, |file| {
            files.iter().any(|known| known.eq_ignore_ascii_case(file))
        })
    }

    #[test]
    fn program_is_found_in_path_with_the_extensions_of_pathext() {
        let npx = ["C:\\Program Files\\nodejs\\npx", "C:\\Program Files\\nodejs\\npx.cmd"];
        for (name, path_extensions, files, expected) in [
            ("npx", PATHEXT, &npx[..], Some("C:\\Program Files\\nodejs\\npx.CMD")),
            ("npx.cmd", PATHEXT, &npx, Some("C:\\Program Files\\nodejs\\npx.cmd")),
            ("NPX.CMD", PATHEXT, &npx, Some("C:\\Program Files\\nodejs\\NPX.CMD")),
            ("npx", "", &npx, Some("C:\\Program Files\\nodejs\\npx.cmd")),
            ("npx", ".EXE", &npx, None),
            ("npx.exe", PATHEXT, &npx, None),
            ("mvn", PATHEXT, &["C:\\maven\\bin\\mvn.cmd"], Some("C:\\maven\\bin\\mvn.CMD")),
            ("mvn", PATHEXT, &["C:\\maven\\bin\\mvn.js"], None),
            ("mvn", PATHEXT, &["mvn.cmd"], None),
            (
                "python3.12",
                PATHEXT,
                &["C:\\Windows\\python3.12.exe"],
                Some("C:\\Windows\\python3.12.EXE"),
            ),
            (
                "tool",
                ".CMD;.EXE",
                &["C:\\Windows\\tool.exe", "C:\\Windows\\tool.cmd"],
                Some("C:\\Windows\\tool.CMD"),
            ),
            (
                "tool",
                PATHEXT,
                &["C:\\maven\\bin\\tool.exe", "C:\\Windows\\tool.bat"],
                Some("C:\\Windows\\tool.BAT"),
            ),
        ] {
            assert_eq!(find(name, path_extensions, files).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn name_with_a_directory_is_searched_only_there() {
        for (name, files, expected) in [
            ("bin\\jest", &["bin\\jest", "bin\\jest.cmd"][..], Some("bin\\jest.CMD")),
            ("./jest", &["./jest.cmd"], Some("./jest.CMD")),
            ("C:jest", &["C:jest.bat"], Some("C:jest.BAT")),
            ("C:\\x\\jest.exe", &["C:\\x\\jest.exe"], Some("C:\\x\\jest.exe")),
            ("bin\\jest", &["C:\\Windows\\bin\\jest.cmd"], None),
            ("bin\\jest", &["bin\\jest"], None),
        ] {
            assert_eq!(find(name, PATHEXT, files).as_deref(), expected, "{name}");
        }
    }
}
