//! The child program that counts lines and words.

use std::ffi::OsString;
use std::path::Path;
use std::time::Instant;

use kinfolk::Fault;
use kinfolk::child::{Job, Me};

use crate::language;
use crate::protocols::{Count, CountFile, Counted, FileError, Timed};
use crate::reading::read;

struct Desk {
    root: OsString,
    languages: Vec<(String, String)>,
}

/// What the role does.
pub(crate) async fn worker(me: Me<Count>) -> Result<(), Fault> {
    let init = me.init();
    let threads = init.threads;
    let desk = Desk { root: init.root.clone(), languages: init.languages.clone() };
    me.state(desk).on_blocking(count).concurrency(threads).run().await
}

fn count(job: &Job<CountFile, Desk>, CountFile(file): CountFile) -> Result<Timed<Counted>, FileError> {
    let started = Instant::now();
    let mut counter = Counter::default();
    read(&job.state().root, &file, |piece| {
        job.check()?;
        counter.add(piece);
        Ok(())
    })?;
    let language = language::of(Path::new(&file), &job.state().languages);
    Ok(Timed { value: counter.finish(language), busy: started.elapsed() })
}

/// Counts text that arrives in pieces, cut anywhere.
#[derive(Default)]
struct Counter {
    lines: u64,
    words: u64,
    in_word: bool,
    in_line: bool,
    binary: bool,
}

impl Counter {
    fn add(&mut self, piece: &[u8]) {
        for &byte in piece {
            let space = byte.is_ascii_whitespace();
            self.words += u64::from(!space && !self.in_word);
            self.in_word = !space;
            self.lines += u64::from(byte == b'\n');
            self.in_line = byte != b'\n';
            // No text encoding in use on files holds a zero byte, but for UTF-16.
            self.binary |= byte == 0;
        }
    }

    fn finish(self, language: &str) -> Counted {
        if self.binary {
            return Counted { language: language::BINARY.to_owned(), lines: 0, words: 0 };
        }
        let lines = self.lines + u64::from(self.in_line);
        Counted { language: language.to_owned(), lines, words: self.words }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pieces: &[&str], lines: u64, words: u64) {
        let mut counter = Counter::default();
        pieces.iter().for_each(|piece| counter.add(piece.as_bytes()));
        assert_eq!(counter.finish("Text"), Counted { language: "Text".into(), lines, words }, "{pieces:?}");
    }

    #[test]
    fn a_last_line_without_an_end_is_a_line() {
        check(&[], 0, 0);
        check(&["\n"], 1, 0);
        check(&["one two\nthree"], 2, 3);
        check(&["one two\nthree\n"], 2, 3);
    }

    #[test]
    fn a_word_that_is_cut_in_two_is_one_word() {
        check(&["one tw", "o", "", "\n", "three"], 2, 3);
    }

    #[test]
    fn a_zero_byte_means_no_text() {
        let mut counter = Counter::default();
        counter.add(b"one\n\0two\n");
        assert_eq!(counter.finish("Text"), Counted { language: language::BINARY.into(), lines: 0, words: 0 });
    }
}
