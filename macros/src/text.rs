//! Tokens as text. `TokenStream::to_string` leaves the spaces to the compiler's version, but two programs that were
//! built by different compilers compare what is written here.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The text of `tokens` as rustfmt would write it, for a type or an attribute on one line.
pub(crate) fn text(tokens: TokenStream) -> String {
    let mut atoms = Vec::new();
    collect(tokens, &mut atoms);
    let mut text = String::new();
    for (at, atom) in atoms.iter().enumerate() {
        if at > 0 && is_spaced(&atoms[at - 1], atom) {
            text.push(' ');
        }
        text.push_str(atom);
    }
    text
}

fn collect(tokens: TokenStream, atoms: &mut Vec<String>) {
    for token in tokens {
        let TokenTree::Group(group) = token else {
            add(token.to_string(), atoms);
            continue;
        };
        let (open, close) = match group.delimiter() {
            Delimiter::Parenthesis => ("(", ")"),
            Delimiter::Brace => ("{", "}"),
            Delimiter::Bracket => ("[", "]"),
            // What a `macro_rules` puts round its fragments.
            Delimiter::None => ("", ""),
        };
        add(open.to_owned(), atoms);
        collect(group.stream(), atoms);
        add(close.to_owned(), atoms);
    }
}

/// Puts the two-character signs of types together again.
fn add(atom: String, atoms: &mut Vec<String>) {
    match (atoms.last_mut(), atom.as_str()) {
        (_, "") => {}
        (Some(last), ":") if last == ":" => last.push(':'),
        (Some(last), ">") if last == "-" => last.push('>'),
        _ => atoms.push(atom),
    }
}

fn is_spaced(before: &str, after: &str) -> bool {
    let is_wide = |atom: &str| matches!(atom, "=" | "+" | "->");
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '"';
    is_wide(before)
        || is_wide(after)
        || matches!(before, "," | ";" | ":") && !matches!(after, ")" | "]" | "}" | ">")
        || before.ends_with(is_word) && after.starts_with(|c| is_word(c) || c == '\'')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_attributes_read_as_people_write_them_however_they_were_spaced() {
        for written in [
            "chrono::DateTime<Utc>",
            "[u8; 32]",
            "(u8, HashMap<String, Vec<u8>>)",
            "Box<dyn Fn(&mut u8, *const u16) -> u32 + Send>",
            "::std::borrow::Cow<'static, str>",
            r#"rename(serialize = "a", deserialize = "b")"#,
        ] {
            let spread: String = written.replace("::", " :: ").replace('<', " < ").replace(',', " , ");
            assert_eq!(text(spread.parse().unwrap()), written);
            assert_eq!(text(written.parse().unwrap()), written);
        }
    }
}
