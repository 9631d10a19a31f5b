//! Three children's results, put together: pure, so that it can be tested without a process.

use std::collections::BTreeMap;
use std::ffi::OsString;

use sha2::{Digest as _, Sha256};

use crate::protocols::{Counted, FileError, Squeezed, Sum};

/// What one child answered about every file, in the order of the files.
pub(crate) type Answers<T> = Vec<Result<T, FileError>>;

/// What is known about the whole directory.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    /// Files that all three children could read.
    pub(crate) files: u64,
    /// Their bytes before and after.
    pub(crate) size: Squeezed,
    /// One digest for names and contents of all of them.
    pub(crate) digest: String,
    /// By language, the one with most bytes first.
    pub(crate) languages: Vec<(String, Language)>,
    /// Files that at least one child could not read, and why.
    pub(crate) skipped: Vec<(OsString, FileError)>,
}

/// The files in one language, together.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Language {
    pub(crate) files: u64,
    pub(crate) lines: u64,
    pub(crate) words: u64,
    pub(crate) size: Squeezed,
}

impl Summary {
    /// Adds up what is known about each file. A file counts if all three know it: one that vanished half-way is
    /// skipped, so that every column of the report is about the same files.
    pub(crate) fn new(
        files: Vec<OsString>,
        sums: Answers<Sum>,
        sizes: Answers<Squeezed>,
        counts: Answers<Counted>,
    ) -> Self {
        let mut summary = Self::default();
        let mut languages = BTreeMap::<String, Language>::new();
        let mut hasher = Sha256::new();
        for (((file, sum), size), count) in files.into_iter().zip(sums).zip(sizes).zip(counts) {
            let (sum, size, count) = match all(sum, size, count) {
                Ok(known) => known,
                Err(reason) => {
                    summary.skipped.push((file, reason));
                    continue;
                }
            };
            // The length first, so that no two lists of files and contents are the same bytes.
            hasher.update((file.len() as u64).to_le_bytes());
            hasher.update(file.as_encoded_bytes());
            hasher.update(sum.0);
            summary.files += 1;
            summary.size.add(size);
            languages.entry(count.language.clone()).or_default().add(&count, size);
        }
        summary.digest = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        summary.languages = languages.into_iter().collect();
        summary.languages.sort_by_key(|(_, language)| std::cmp::Reverse(language.size.before));
        summary
    }
}

fn all<A, B, C, E>(a: Result<A, E>, b: Result<B, E>, c: Result<C, E>) -> Result<(A, B, C), E> {
    Ok((a?, b?, c?))
}

impl Language {
    fn add(&mut self, count: &Counted, size: Squeezed) {
        self.files += 1;
        self.lines += count.lines;
        self.words += count.words;
        self.size.add(size);
    }
}

impl Squeezed {
    fn add(&mut self, other: Self) {
        self.before += other.before;
        self.after += other.after;
    }

    /// What is left of 100 bytes; nothing is known about no bytes.
    pub(crate) fn percent(self) -> Option<f64> {
        (self.before > 0).then(|| self.after as f64 * 100.0 / self.before as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sized(before: u64) -> Result<Squeezed, FileError> {
        Ok(Squeezed { before, after: before / 2 })
    }

    fn counted(language: &str) -> Result<Counted, FileError> {
        Ok(Counted { language: language.to_owned(), lines: 2, words: 3 })
    }

    fn summary(files: &[&str], sums: Answers<Sum>) -> Summary {
        let sizes = vec![sized(10), sized(40)];
        let counts = vec![counted("C"), counted("Rust")];
        Summary::new(files.iter().map(OsString::from).collect(), sums, sizes, counts)
    }

    #[test]
    fn languages_are_sorted_by_size_and_added_up() {
        let all = summary(&["a.c", "b.rs"], vec![Ok(Sum([1; 32])), Ok(Sum([2; 32]))]);
        assert_eq!((all.files, all.size.before, all.size.percent()), (2, 50, Some(50.0)));
        assert_eq!(all.languages[0].0, "Rust");
        assert!(all.skipped.is_empty());
    }

    #[test]
    fn a_file_that_one_child_could_not_read_is_left_out_of_every_column() {
        let some = summary(&["a.c", "b.rs"], vec![Ok(Sum([1; 32])), Err(FileError::Denied)]);
        assert_eq!((some.files, some.size.before), (1, 10));
        assert_eq!(some.skipped, [("b.rs".into(), FileError::Denied)]);
    }

    #[test]
    fn the_digest_depends_on_names_and_contents() {
        let sums = || vec![Ok(Sum([1; 32])), Ok(Sum([2; 32]))];
        let digest = summary(&["a.c", "b.rs"], sums()).digest;
        assert_eq!(digest, summary(&["a.c", "b.rs"], sums()).digest);
        assert_ne!(digest, summary(&["a.c", "c.rs"], sums()).digest);
        assert_ne!(digest, summary(&["a.c", "b.rs"], vec![Ok(Sum([1; 32])), Ok(Sum([1; 32]))]).digest);
    }
}
