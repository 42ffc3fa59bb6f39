//! Which file imports which: the paths of every file, resolved to the file that defines the item.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::Visit;
use syn::{Item, ItemUse, Path, UseTree, Visibility};

type ModulePath = Vec<String>;

/// The modules of the crate with their imports.
pub(crate) struct Modules {
    files: BTreeMap<String, File>,
    /// The file of each module; modules inside a file have the path of that file.
    by_path: BTreeMap<ModulePath, String>,
}

struct File {
    /// Every path that the file names, absolute where it begins with the crate.
    paths: BTreeSet<ModulePath>,
    /// What `use` makes visible from elsewhere: a name, and the path behind it.
    reexports: BTreeMap<String, ModulePath>,
}

impl Modules {
    pub(crate) fn parse(sources: &BTreeMap<String, String>) -> Self {
        let mut files = BTreeMap::new();
        let mut by_path = BTreeMap::new();
        for (name, text) in sources {
            let syntax = syn::parse_file(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            let module = module_path(name);
            by_path.insert(module.clone(), name.clone());
            let mut collector = Collector::new(module);
            collector.visit_file(&syntax);
            let Collector { paths, reexports, .. } = collector;
            files.insert(name.clone(), File { paths, reexports });
        }
        Self { files, by_path }
    }

    /// Each file with the files that define what it names.
    pub(crate) fn imports(&self) -> impl Iterator<Item = (&str, BTreeSet<&str>)> {
        self.files.iter().map(|(name, file)| {
            let targets = file.paths.iter().filter_map(|path| self.resolve(path, 0));
            (name.as_str(), targets.filter(|target| target != name).collect())
        })
    }

    /// Each file with the other crates that it names.
    pub(crate) fn crates(&self) -> impl Iterator<Item = (&str, BTreeSet<&str>)> {
        self.files.iter().map(|(name, file)| {
            let external = file.paths.iter().filter(|path| path[0] != "crate");
            (name.as_str(), external.map(|path| path[0].as_str()).collect())
        })
    }

    /// Groups of files that import each other, directly or through others.
    pub(crate) fn cycles(&self) -> Vec<Vec<&str>> {
        let imports: BTreeMap<&str, BTreeSet<&str>> = self.imports().collect();
        let reachable = |start: &str| {
            let mut found = BTreeSet::new();
            let mut open = vec![start];
            while let Some(file) = open.pop() {
                for target in imports.get(file).into_iter().flatten() {
                    if found.insert(*target) {
                        open.push(target);
                    }
                }
            }
            found
        };
        let reachable: BTreeMap<&str, BTreeSet<&str>> =
            imports.keys().map(|file| (*file, reachable(file))).collect();
        let mut cycles = BTreeSet::new();
        for (file, targets) in &reachable {
            let mutual = targets.iter().filter(|target| reachable[*target].contains(file));
            let cycle: Vec<&str> = mutual.copied().collect();
            if cycle.len() > 1 {
                cycles.insert(cycle);
            }
        }
        cycles.into_iter().collect()
    }

    /// The file that defines what a path names.
    fn resolve(&self, path: &[String], depth: usize) -> Option<&str> {
        assert!(depth < 16, "{path:?} does not end");
        if path.first().is_none_or(|first| first != "crate") {
            return None;
        }
        let length =
            (1..=path.len()).rev().find(|length| self.by_path.contains_key(&path[..*length]))?;
        let name = &self.by_path[&path[..length]];
        let file = &self.files[name];
        let Some(item) = path.get(length) else { return Some(name) };
        if let Some(target) = file.reexports.get(item) {
            let target = [&target[..], &path[length + 1..]].concat();
            // Of another crate where this is none of ours.
            return self.resolve(&target, depth + 1).or(Some(name));
        }
        Some(name)
    }
}

/// The path of a file's module: `crate::storage::wal` for `storage/wal.rs`.
fn module_path(file: &str) -> ModulePath {
    let path = file.trim_end_matches(".rs").trim_end_matches("/mod");
    let inner = path.split('/').filter(|part| !matches!(*part, "lib" | "main"));
    ["crate"].into_iter().chain(inner).map(str::to_owned).collect()
}

struct Collector {
    module: ModulePath,
    paths: BTreeSet<ModulePath>,
    reexports: BTreeMap<String, ModulePath>,
    /// Modules of this file.
    children: BTreeSet<String>,
    /// How deep the current item is inside modules of this file.
    nested: usize,
}

impl Collector {
    fn new(module: ModulePath) -> Self {
        Self {
            module,
            paths: BTreeSet::new(),
            reexports: BTreeMap::new(),
            children: BTreeSet::new(),
            nested: 0,
        }
    }

    /// The path from the crate on; None for a name that is in scope already.
    fn absolute(&self, path: &[String]) -> ModulePath {
        let mut module = self.module.clone();
        let mut rest = path;
        let mut levels_inside = self.nested;
        while let Some((first, tail)) = rest.split_first() {
            match first.as_str() {
                "crate" => return path.to_vec(),
                "self" => {}
                "super" if levels_inside > 0 => levels_inside -= 1,
                "super" => {
                    module.pop();
                }
                child if self.children.contains(child) || rest.len() < path.len() => break,
                _ => return path.to_vec(),
            }
            rest = tail;
        }
        module.extend_from_slice(rest);
        module
    }

    fn add_tree(&mut self, tree: &UseTree, prefix: &mut Vec<String>, is_public: bool) {
        match tree {
            UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.add_tree(&path.tree, prefix, is_public);
                prefix.pop();
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.add_tree(tree, prefix, is_public);
                }
            }
            UseTree::Name(name) => self.add(prefix, &name.ident.to_string(), None, is_public),
            UseTree::Rename(rename) => {
                let alias = rename.rename.to_string();
                self.add(prefix, &rename.ident.to_string(), Some(alias), is_public);
            }
            UseTree::Glob(_) => {
                let path = self.absolute(prefix);
                self.paths.insert(path);
            }
        }
    }

    fn add(&mut self, prefix: &[String], name: &str, alias: Option<String>, is_public: bool) {
        let mut path = prefix.to_vec();
        if name != "self" {
            path.push(name.to_owned());
        }
        let path = self.absolute(&path);
        if is_public && self.nested == 0 {
            let visible = alias.or_else(|| path.last().cloned());
            self.reexports.insert(visible.expect("a path has a name"), path);
        } else {
            self.paths.insert(path);
        }
    }
}

impl<'ast> Visit<'ast> for Collector {
    fn visit_file(&mut self, file: &'ast syn::File) {
        for item in &file.items {
            if let Item::Mod(module) = item {
                self.children.insert(module.ident.to_string());
            }
        }
        syn::visit::visit_file(self, file);
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        // Unit tests may use whatever they test with.
        let is_test = module.attrs.iter().any(|attribute| {
            attribute.path().is_ident("cfg")
                && attribute.parse_args::<syn::Ident>().is_ok_and(|condition| condition == "test")
        });
        if !is_test {
            self.nested += 1;
            syn::visit::visit_item_mod(self, module);
            self.nested -= 1;
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let is_public = !matches!(item.vis, Visibility::Inherited);
        self.add_tree(&item.tree, &mut Vec::new(), is_public);
    }

    fn visit_path(&mut self, path: &'ast Path) {
        let names: Vec<String> = path.segments.iter().map(|part| part.ident.to_string()).collect();
        if names.len() > 1 {
            let path = self.absolute(&names);
            self.paths.insert(path);
        }
        syn::visit::visit_path(self, path);
    }
}
