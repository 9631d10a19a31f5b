//! What a file is written in, as far as its name tells.

use std::path::Path;

/// Last parts of file names and the language they stand for. The parent owns this table and sends it to the counting
/// child as part of its init value: a child program knows only what it is told.
pub(crate) const KNOWN: &[(&str, &str)] = &[
    ("bash", "Shell"),
    ("c", "C"),
    ("cc", "C++"),
    ("cpp", "C++"),
    ("css", "CSS"),
    ("go", "Go"),
    ("h", "C"),
    ("hpp", "C++"),
    ("html", "HTML"),
    ("java", "Java"),
    ("js", "JavaScript"),
    ("json", "JSON"),
    ("lock", "Lock file"),
    ("md", "Markdown"),
    ("mjs", "JavaScript"),
    ("py", "Python"),
    ("rb", "Ruby"),
    ("rs", "Rust"),
    ("sh", "Shell"),
    ("sql", "SQL"),
    ("toml", "TOML"),
    ("ts", "TypeScript"),
    ("txt", "Text"),
    ("xml", "XML"),
    ("yaml", "YAML"),
    ("yml", "YAML"),
    ("makefile", "Makefile"),
    ("dockerfile", "Dockerfile"),
];

/// Any other text.
pub(crate) const OTHER: &str = "Other text";
/// No text at all.
pub(crate) const BINARY: &str = "Binary";

/// The language of a file by its extension, or by its whole name if it has none, as `Makefile`.
pub(crate) fn of<'a>(name: &Path, known: &'a [(String, String)]) -> &'a str {
    let last = name.extension().or_else(|| name.file_name()).unwrap_or_default();
    known.iter().find(|(ending, _)| last.eq_ignore_ascii_case(ending)).map_or(OTHER, |(_, language)| language)
}

/// [`KNOWN`] as it travels.
pub(crate) fn table() -> Vec<(String, String)> {
    KNOWN.iter().map(|(ending, language)| ((*ending).to_owned(), (*language).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_decides_and_a_name_without_one_stands_for_itself() {
        let known = table();
        for (name, language) in [
            ("src/lib.rs", "Rust"),
            ("README.MD", "Markdown"),
            ("build/Makefile", "Makefile"),
            ("LICENSE", OTHER),
            (".gitignore", OTHER),
            ("archive.tar.gz", OTHER),
        ] {
            assert_eq!(of(Path::new(name), &known), language, "{name}");
        }
    }
}
