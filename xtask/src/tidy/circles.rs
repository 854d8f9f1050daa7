//! Cycles between sibling modules, from all paths in their code.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Source, above_tests, without_comments_and_literals};

/// A cycle that is there for a reason.
pub(super) struct Exception {
    pub(super) krate: &'static str,
    /// The modules of the cycle, by their paths in the crate.
    pub(super) modules: &'static [&'static str],
    pub(super) reason: &'static str,
}

/// Returns each cycle between modules of one folder that is not an exception, and each unused exception.
///
/// An arrow goes from the module that contains a path to the one that defines the item, with re-exports
/// followed. A folder is one module for its siblings. Tests, and a module's arrows to its own parent and
/// children, do not count: a facade must name its parts.
pub(super) fn problems(sources: &[Source], exceptions: &[Exception]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut needed = BTreeSet::new();
    for krate in crates(sources) {
        let modules = Modules::of(&krate, sources);
        for (folder, arrows) in modules.arrows() {
            for circle in circles(&arrows) {
                let paths: Vec<String> = circle.iter().map(|name| join(&folder, name)).collect();
                let known = exceptions.iter().position(|exception| {
                    exception.krate == krate
                        && paths
                            .iter()
                            .all(|path| exception.modules.contains(&path.as_str()))
                });
                if let Some(index) = known {
                    needed.insert(index);
                    continue;
                }
                problems.push(format!("{krate}: a cycle of {}", paths.join(", ")));
                for ((from, to), place) in &arrows {
                    if circle.contains(from) && circle.contains(to) {
                        problems.push(format!("  {place}: {from} -> {to}"));
                    }
                }
            }
        }
    }
    for (index, exception) in exceptions.iter().enumerate() {
        if !needed.contains(&index) {
            let modules = exception.modules.join(", ");
            problems.push(format!(
                "{}: there is no cycle of {modules} any more: remove the exception ({})",
                exception.krate, exception.reason
            ));
        }
    }
    problems
}

type Path = Vec<String>;
/// The arrows between the modules of one folder, each with its first occurrence.
type Arrows = BTreeMap<(String, String), String>;

/// Returns the names of the folders below `crates`.
fn crates(sources: &[Source]) -> BTreeSet<String> {
    sources
        .iter()
        .filter_map(|source| source.path.strip_prefix("crates/")?.split_once("/src/"))
        .map(|(krate, _)| krate.to_owned())
        .collect()
}

struct File {
    module: Path,
    place: String,
    /// Each path in its code, resolved to the crate root as far as its prefix allows, and its line.
    named: Vec<(usize, Path)>,
    /// The names that its `use` items bring into scope.
    imported: BTreeMap<String, Path>,
}

struct Modules {
    files: Vec<File>,
}

impl Modules {
    fn of(krate: &str, sources: &[Source]) -> Self {
        let folder = format!("crates/{krate}/src/");
        let texts: Vec<(Path, &Source)> = sources
            .iter()
            .filter_map(|source| {
                let file = source.path.strip_prefix(&folder)?.strip_suffix(".rs")?;
                let is_code = file != "main" && !file.split('/').any(|part| part == "tests");
                is_code.then(|| (module_path(file), source))
            })
            .collect();
        let known: BTreeSet<&Path> = texts.iter().map(|(module, _)| module).collect();
        let files = texts
            .iter()
            .map(|(module, source)| read(module, source, &known))
            .collect();
        Self { files }
    }

    /// Returns the arrows of each folder that has any.
    fn arrows(&self) -> BTreeMap<Path, Arrows> {
        let mut all: BTreeMap<Path, Arrows> = BTreeMap::new();
        for file in &self.files {
            for (line, path) in &file.named {
                let target = self.owner(path, 0);
                let shared = file
                    .module
                    .iter()
                    .zip(&target)
                    .take_while(|(a, b)| a == b)
                    .count();
                if let (Some(from), Some(to)) = (file.module.get(shared), target.get(shared)) {
                    all.entry(file.module[..shared].to_vec())
                        .or_default()
                        .entry((from.clone(), to.clone()))
                        .or_insert_with(|| format!("{}:{line}", file.place));
                }
            }
        }
        all
    }

    /// Returns the module that defines the item of a path from the root.
    fn owner(&self, path: &[String], depth: usize) -> Path {
        let found = (0..=path.len())
            .rev()
            .find_map(|length| self.files.iter().find(|file| file.module == path[..length]));
        let Some(file) = found else {
            return Path::new();
        };
        let name = path.get(file.module.len());
        match name.and_then(|name| file.imported.get(name)) {
            // Re-exports are only a few levels deep; a cycle of them would not compile.
            Some(source) if depth < 8 => {
                let rest = &path[file.module.len() + 1..];
                self.owner(&[source, rest].concat(), depth + 1)
            }
            _ => file.module.clone(),
        }
    }
}

fn module_path(file: &str) -> Path {
    let mut path: Path = file.split('/').map(str::to_owned).collect();
    if path
        .last()
        .is_some_and(|name| name == "mod" || name == "lib")
    {
        path.pop();
    }
    path
}

fn read(module: &Path, source: &Source, known: &BTreeSet<&Path>) -> File {
    let code = without_comments_and_literals(above_tests(&source.text));
    let inline = inline_modules(&code);
    let mut named = Vec::new();
    let mut imported = BTreeMap::new();
    for (start, relative) in path_starts(&code) {
        let depth = inline
            .iter()
            .filter(|(from, to)| (*from..*to).contains(&start))
            .count();
        let Some(base) = base(module, relative, depth) else {
            continue;
        };
        let line = code[..start].matches('\n').count() + 1;
        let is_use = in_use_item(&code, start);
        let tree = &code[start + relative.len()..];
        for (path, alias) in leaves(tree) {
            let full = [base.clone(), path].concat();
            if is_use && depth == 0 {
                imported.insert(alias, full.clone());
            }
            named.push((line, full));
        }
    }
    // `use child::Name` needs no prefix in the module that has the child.
    for (start, _) in code.match_indices("use ") {
        if code[..start].ends_with(is_part_of_a_name) {
            continue;
        }
        for (path, alias) in leaves(&code[start + "use ".len()..]) {
            let full = [module.clone(), path].concat();
            if known.contains(&full[..module.len() + 1].to_vec()) {
                imported.insert(alias, full);
            }
        }
    }
    File {
        module: module.clone(),
        place: source.path.clone(),
        named,
        imported,
    }
}

/// Returns where the bodies of inline modules begin and end.
fn inline_modules(code: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (start, _) in code.match_indices("mod ") {
        if code[..start].ends_with(is_part_of_a_name) {
            continue;
        }
        let rest = code[start + 4..].trim_start_matches(is_part_of_a_name);
        if !rest.starts_with(" {") {
            continue;
        }
        let open = code.len() - rest.len() + 1;
        let mut depth = 0_usize;
        for (at, c) in code[open..].char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                found.push((open, open + at));
                break;
            }
        }
    }
    found
}

/// Returns where paths with a prefix begin, each with its prefix.
fn path_starts(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for prefix in ["crate::", "super::", "self::"] {
        for (start, _) in code.match_indices(prefix) {
            let before = &code[..start];
            if before.ends_with(is_part_of_a_name) || before.ends_with("::") {
                continue;
            }
            let mut length = prefix.len();
            while code[start + length..].starts_with("super::") {
                length += "super::".len();
            }
            found.push((start, &code[start..start + length]));
        }
    }
    found
}

/// Returns the module that a prefix refers to, for code that is `depth` modules deep
/// within its file.
fn base(module: &Path, prefix: &str, depth: usize) -> Option<Path> {
    if prefix.starts_with("crate::") {
        return Some(Path::new());
    }
    let up = prefix.matches("super::").count();
    // Within its own file no path leads to another module.
    let up = if depth > 0 {
        up.checked_sub(depth)?
    } else {
        up
    };
    let kept = module.len().checked_sub(up)?;
    Some(module[..kept].to_vec())
}

fn in_use_item(code: &str, start: usize) -> bool {
    let statement = code[..start]
        .rfind([';', '}'])
        .map_or(&code[..start], |end| &code[end + 1..start]);
    statement.trim_end().ends_with("use") || statement.contains("use {")
}

/// Returns the paths of a use tree or of a path in code, each with the name that it gets.
fn leaves(tree: &str) -> Vec<(Path, String)> {
    let mut found = Vec::new();
    grow(tree, &mut Path::new(), &mut found);
    found
}

/// Parses one tree and returns what follows it.
fn grow<'a>(tree: &'a str, path: &mut Path, found: &mut Vec<(Path, String)>) -> &'a str {
    let tree = tree.trim_start();
    if let Some(mut rest) = tree.strip_prefix('{') {
        loop {
            rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix('}') {
                return after;
            }
            let before = rest.len();
            rest = grow(rest, path, found).trim_start();
            rest = rest.strip_prefix(',').unwrap_or(rest);
            if rest.len() == before {
                return rest;
            }
        }
    }
    let name: String = tree.chars().take_while(|&c| is_part_of_a_name(c)).collect();
    let rest = &tree[name.len()..];
    if let Some(after) = rest.strip_prefix('*').filter(|_| name.is_empty()) {
        found.push((path.clone(), "*".to_owned()));
        return after;
    }
    if name.is_empty() {
        return rest;
    }
    if name != "self" {
        path.push(name.clone());
    }
    let rest = if let Some(after) = rest.strip_prefix("::") {
        grow(after, path, found)
    } else {
        let (alias, rest) = match rest.trim_start().strip_prefix("as ") {
            Some(after) => {
                let alias: String = after
                    .chars()
                    .take_while(|&c| is_part_of_a_name(c))
                    .collect();
                let rest = &after[alias.len()..];
                (alias, rest)
            }
            None => (path.last().cloned().unwrap_or_default(), rest),
        };
        found.push((path.clone(), alias));
        rest
    };
    if name != "self" {
        path.pop();
    }
    rest
}

/// Returns the sets of modules that can reach each other.
fn circles(arrows: &Arrows) -> Vec<BTreeSet<String>> {
    let names: BTreeSet<&String> = arrows.keys().flat_map(|(from, to)| [from, to]).collect();
    let reached = |start: &String| {
        let mut seen: BTreeSet<&String> = BTreeSet::new();
        let mut open = vec![start];
        while let Some(at) = open.pop() {
            for (_, to) in arrows.keys().filter(|(from, _)| from == at) {
                if seen.insert(to) {
                    open.push(to);
                }
            }
        }
        seen.into_iter().cloned().collect::<BTreeSet<String>>()
    };
    let reach: BTreeMap<&String, BTreeSet<String>> =
        names.iter().map(|name| (*name, reached(name))).collect();
    let mut found = BTreeSet::new();
    for name in &names {
        if reach[name].contains(*name) {
            let circle: BTreeSet<String> = names
                .iter()
                .filter(|other| reach[name].contains(**other) && reach[**other].contains(*name))
                .map(|other| (*other).clone())
                .collect();
            found.insert(circle);
        }
    }
    found.into_iter().collect()
}

fn join(folder: &Path, name: &str) -> String {
    let mut path = folder.clone();
    path.push(name.to_owned());
    path.join("::")
}

fn is_part_of_a_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[(&str, &str)]) -> Vec<String> {
        check_but_for(files, &[])
    }

    fn check_but_for(files: &[(&str, &str)], exceptions: &[Exception]) -> Vec<String> {
        let sources: Vec<Source> = files
            .iter()
            .map(|(file, text)| Source::new(format!("crates/x/src/{file}"), *text))
            .collect();
        problems(&sources, exceptions)
    }

    #[test]
    fn modules_that_lead_one_way_are_no_circle() {
        let files = [
            ("lib.rs", "mod a;\nmod b;\npub use a::A;\n"),
            ("a.rs", "use super::b::B;\nuse crate::b;\n"),
            ("b.rs", "use std::fmt;\n"),
        ];
        assert_eq!(check(&files), [""; 0]);
    }

    #[test]
    fn a_circle_is_found_through_crate_and_super_paths() {
        let files = [
            ("lib.rs", "mod a;\nmod b;\n"),
            ("a.rs", "use crate::b::B;\n"),
            ("b.rs", "\nfn f(_: super::a::A) {}\n"),
        ];
        let expected = [
            "x: a cycle of a, b",
            "  crates/x/src/a.rs:1: a -> b",
            "  crates/x/src/b.rs:2: b -> a",
        ];
        assert_eq!(check(&files), expected);
    }

    #[test]
    fn a_circle_is_found_however_a_path_is_written() {
        for way in [
            "use super::a::A;",
            "use crate::a::A;",
            "use self::super::a::A;",
            "use super::{a::A, c};",
            "use crate::{c, a::{self, A}};",
            "pub(crate) use super::a as other;",
            "use super::a::*;",
            "fn f(_: super::a::A) {}",
            "fn f() {\n    crate::a::f();\n}",
            "impl crate::a::A for B {}",
            "#[cfg(test)]\nmod tests;\n\nuse super::a;",
            "mod parts {\n    use super::super::a::A;\n}",
        ] {
            let files = [
                ("lib.rs", "mod a;\nmod b;\nmod c;\n"),
                ("a.rs", "use crate::b::B;\n"),
                ("b.rs", way),
                ("c.rs", "pub fn f() {}\n"),
            ];
            let found = check(&files);
            assert_eq!(
                found.first().map(String::as_str),
                Some("x: a cycle of a, b"),
                "{way}"
            );
        }
    }

    #[test]
    fn a_circle_is_found_through_what_a_facade_lifts_from_itself() {
        for lift in [
            "pub use self::b::B;",
            "pub use b::{B, C};",
            "pub use crate::b::B;",
        ] {
            let root = format!("mod a;\nmod b;\n{lift}\n");
            let files = [
                ("lib.rs", &*root),
                ("a.rs", "use crate::B;\n"),
                ("b.rs", "use super::a;\n"),
            ];
            assert_eq!(check(&files)[0], "x: a cycle of a, b", "{lift}");
        }
    }

    #[test]
    fn each_crate_is_read_and_for_itself() {
        let of = |krate: &str| {
            let file = |name, text| Source::new(format!("crates/{krate}/src/{name}.rs"), text);
            [
                file("lib", "mod a;\nmod b;\n"),
                file("a", "use crate::b;\n"),
                file("b", "use crate::a;\n"),
            ]
        };
        let one_way = [
            Source::new("crates/z/src/a.rs", "use crate::b;\n"),
            Source::new("crates/w/src/b.rs", "use crate::a;\n"),
        ];
        let sources: Vec<Source> = of("x").into_iter().chain(of("y")).chain(one_way).collect();
        let found = problems(&sources, &[]);
        let heads: Vec<&String> = found.iter().filter(|line| !line.starts_with(' ')).collect();
        assert_eq!(heads, ["x: a cycle of a, b", "y: a cycle of a, b"]);
    }

    #[test]
    fn a_circle_of_three_is_found_within_a_folder() {
        let files = [
            ("lib.rs", "mod f;\n"),
            ("f/mod.rs", "mod a;\nmod b;\nmod c;\n"),
            ("f/a.rs", "use super::{b::{self, B}, c as d};\n"),
            ("f/b.rs", "use super::c::{C, E};\n"),
            ("f/c.rs", "use crate::f::a::A;\n"),
        ];
        assert_eq!(check(&files)[0], "x: a cycle of f::a, f::b, f::c");
    }

    #[test]
    fn a_re_export_leads_to_where_the_item_is() {
        let files = [
            ("lib.rs", "mod a;\nmod f;\npub use f::{Item, g};\n"),
            ("a.rs", "use crate::Item as It;\n"),
            (
                "f/mod.rs",
                "mod inner;\npub use inner::Item;\npub fn g() {}\n",
            ),
            ("f/inner.rs", "use crate::a;\n"),
        ];
        assert_eq!(check(&files)[0], "x: a cycle of a, f");
    }

    #[test]
    fn a_facade_and_its_parts_are_no_circle() {
        let files = [
            ("lib.rs", "mod f;\n"),
            (
                "f/mod.rs",
                "mod part;\nuse self::part::Part;\npub struct Whole;\n",
            ),
            ("f/part.rs", "use super::Whole;\nimpl Whole {}\n"),
        ];
        assert_eq!(check(&files), [""; 0]);
    }

    #[test]
    fn comments_tests_and_modules_within_a_file_draw_no_arrows() {
        let files = [
            ("lib.rs", "mod a;\nmod b;\n"),
            ("a.rs", "use crate::b::B;\n"),
            (
                "b.rs",
                "//! [`A`](crate::a::A)\nmod parts {\n    use super::a;\n}\n\n#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}\n",
            ),
        ];
        assert_eq!(check(&files), [""; 0]);
    }

    #[test]
    fn an_exception_is_needed_or_a_problem() {
        let exception = |modules| {
            [Exception {
                krate: "x",
                modules,
                reason: "why",
            }]
        };
        let files = [
            ("lib.rs", "mod a;\nmod b;\n"),
            ("a.rs", "use crate::b::B;\n"),
            ("b.rs", "use crate::a::A;\n"),
        ];
        assert_eq!(check_but_for(&files, &exception(&["a", "b", "c"])), [""; 0]);
        assert_eq!(check_but_for(&files, &exception(&["a", "c"])).len(), 4);
        assert_eq!(
            check_but_for(&files[..2], &exception(&["a", "b"])),
            ["x: there is no cycle of a, b any more: remove the exception (why)"]
        );
    }
}
