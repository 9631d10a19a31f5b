//! What `#[message(..)]` above a type says.

use proc_macro2::{Ident, TokenTree};
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::parse::ParseStream;
use syn::parse::discouraged::Speculative;
use syn::{Attribute, DeriveInput, LitStr, Path, Token, Type};

use crate::errors::Errors;

/// The keys whose value is a type.
const TYPES: [&str; 6] = ["to_child", "to_parent", "reply", "error", "progress", "stream"];
const KNOWN: &str = "`to_child`, `to_parent`, `reply`, `error`, `progress`, `stream`, `idempotent`, `name`, \
                     `opaque(..)` and `crate`";
/// What comes back: these may be opaque.
const ANSWERS: [&str; 4] = ["reply", "error", "progress", "stream"];
/// The longest name, in bytes: its length is one byte where a child lists what it handles.
const MAX_NAME: usize = 255;

/// A message type as its attributes declare it.
pub(crate) struct Declaration {
    /// `ToChild` or `ToParent`.
    pub(crate) direction: &'static str,
    pub(crate) protocol: Type,
    pub(crate) contract: Contract,
    pub(crate) name: String,
    pub(crate) is_idempotent: bool,
    pub(crate) at: Option<Path>,
}

/// What comes back.
pub(crate) enum Contract {
    OneWay,
    Call { reply: Part, error: Option<Part>, progress: Option<Part> },
    Streaming { item: Part, error: Option<Part> },
}

/// A type that comes back.
pub(crate) struct Part {
    pub(crate) of: Box<Type>,
    /// True if what is written stands for its shape.
    pub(crate) is_opaque: bool,
}

/// The keys as they were found, each at most once.
#[derive(Default)]
pub(crate) struct Written {
    types: Vec<(Ident, Type)>,
    opaque: Vec<Ident>,
    idempotent: Option<Ident>,
    name: Option<(Ident, LitStr)>,
    at: Option<(Ident, Path)>,
    /// True if an attribute could not be read to its end, so that what is missing may be there.
    is_cut: bool,
}

impl Declaration {
    /// Reads it, or says what is wrong with it.
    pub(crate) fn read(input: &DeriveInput, errors: &mut Errors) -> Option<Self> {
        let mut written = Written::read(&input.attrs, errors);
        written.check_opaque(errors);
        let name = written.name(&input.ident, errors);
        let direction = written.direction(&input.ident, errors);
        let contract = written.contract(errors);
        let (direction, protocol) = direction?;
        let at = written.at.map(|(_, path)| path);
        Some(Self { direction, protocol, contract, name, is_idempotent: written.idempotent.is_some(), at })
    }
}

impl Written {
    pub(crate) fn read(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut written = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("message")) {
            let read = attribute.parse_nested_meta(|meta| written.key(&meta, errors));
            written.is_cut |= errors.take(read).is_none();
        }
        written
    }

    /// The crate path of a type that is no message, where nothing else makes sense.
    pub(crate) fn only_crate(self, errors: &mut Errors) -> Option<Path> {
        let keys = self.types.iter().map(|(key, _)| key).chain(&self.opaque).chain(&self.idempotent);
        for key in keys.chain(self.name.as_ref().map(|(key, _)| key)) {
            let text =
                format!("`{key}` is for a message: write `#[derive(Message)]`, which describes the type as well");
            errors.at(key, text);
        }
        self.at.map(|(_, path)| path)
    }

    fn key(&mut self, meta: &ParseNestedMeta<'_>, errors: &mut Errors) -> syn::Result<()> {
        let key = meta.path.require_ident()?;
        let is_twice = match key.to_string().as_str() {
            name if TYPES.contains(&name) => {
                let value = type_after(meta, key)?;
                let is_twice = self.types.iter().any(|(known, _)| known == key);
                self.types.push((key.clone(), value));
                is_twice
            }
            "idempotent" => {
                if meta.input.peek(Token![=]) {
                    return Err(meta.error("write `idempotent` alone, or leave it out"));
                }
                self.idempotent.replace(key.clone()).is_some()
            }
            "name" => self.name.replace((key.clone(), string_after(meta)?)).is_some(),
            "crate" => self.at.replace((key.clone(), path_after(meta)?)).is_some(),
            "opaque" => {
                let is_twice = !self.opaque.is_empty();
                self.opaque(meta, errors)?;
                is_twice
            }
            _ => {
                errors.at(key, format!("unknown key: there are {KNOWN}"));
                return skip_value(meta.input);
            }
        };
        if is_twice {
            errors.at(key, format!("`{key}` is given twice"));
        }
        Ok(())
    }

    fn opaque(&mut self, meta: &ParseNestedMeta<'_>, errors: &mut Errors) -> syn::Result<()> {
        if !meta.input.peek(syn::token::Paren) {
            return Err(meta.error(
                "above a type, say which types that come back are opaque: `opaque(reply)`; for a field, write \
                 `#[message(opaque)]` before it",
            ));
        }
        meta.parse_nested_meta(|part| {
            match part.path.get_ident() {
                Some(part) if ANSWERS.iter().any(|answer| part == answer) => self.opaque.push(part.clone()),
                _ => errors.at(&part.path, "only `reply`, `error`, `progress` and `stream` may be opaque here"),
            }
            Ok(())
        })
    }

    fn check_opaque(&self, errors: &mut Errors) {
        for part in self.opaque.iter().filter(|part| self.get(part).is_none()) {
            errors.at(part, format!("there is no `{part} = ..` that could be opaque"));
        }
    }

    fn direction(&mut self, ident: &Ident, errors: &mut Errors) -> Option<(&'static str, Type)> {
        let (child, parent) = (self.take("to_child"), self.take("to_parent"));
        match (child, parent) {
            (Some((_, protocol)), None) => Some(("ToChild", protocol)),
            (None, Some((_, protocol))) => Some(("ToParent", protocol)),
            (Some(_), Some((key, _))) => {
                let text =
                    "a message travels one way: keep `to_child` or `to_parent`. What travels both ways is two types";
                errors.at(key, text);
                None
            }
            (None, None) if self.is_cut => None,
            (None, None) => {
                let text = format!(
                    "which way does `{ident}` travel? Write `#[message(to_child = YourProtocol)]` or \
                     `#[message(to_parent = YourProtocol)]` above it"
                );
                errors.at(ident, text);
                None
            }
        }
    }

    fn contract(&mut self, errors: &mut Errors) -> Contract {
        let [reply, error, progress, stream] = ANSWERS.map(|key| self.take(key));
        let is_opaque = |key: &Ident| self.opaque.iter().any(|opaque| opaque == key);
        let part = |(key, of): (Ident, Type)| Part { is_opaque: is_opaque(&key), of: Box::new(of) };
        match (reply, stream) {
            (reply, Some(stream)) => {
                for (key, _) in reply.iter().chain(&progress) {
                    errors.at(key, format!("a stream has no `{key}`: its items are what comes back, one by one"));
                }
                Contract::Streaming { item: part(stream), error: error.map(part) }
            }
            (Some(reply), None) => {
                Contract::Call { reply: part(reply), error: error.map(part), progress: progress.map(part) }
            }
            (None, None) => {
                if let Some((key, _)) = &error {
                    let text = "nothing comes back for a one-way message, so no error does: write `reply = SomeType` \
                                or `stream = SomeType` as well, `reply = ()` if there is nothing to tell but success";
                    errors.at(key, text);
                }
                if let Some((key, _)) = &progress {
                    errors.at(key, "only a call has progress: write `reply = SomeType` as well");
                }
                Contract::OneWay
            }
        }
    }

    fn name(&self, ident: &Ident, errors: &mut Errors) -> String {
        let Some((_, given)) = &self.name else { return ident.unraw().to_string() };
        let name = given.value();
        if name.is_empty() {
            errors.at(given, "the name is empty: leave `name` out for the type's own, or write 1 to 255 bytes");
        } else if name.len() > MAX_NAME {
            errors.at(given, format!("the name has {} bytes: {MAX_NAME} is the most", name.len()));
        }
        name
    }

    fn get(&self, key: &Ident) -> Option<&Type> {
        self.types.iter().find(|(known, _)| known == key).map(|(_, of)| of)
    }

    fn take(&mut self, key: &str) -> Option<(Ident, Type)> {
        let at = self.types.iter().position(|(known, _)| known == key)?;
        Some(self.types.swap_remove(at))
    }
}

/// Passes over what follows a key that means nothing, to what follows that.
fn skip_value(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        let ahead = input.fork();
        if ahead.parse::<Type>().is_ok() {
            // A type may hold commas of its own.
            input.advance_to(&ahead);
        } else {
            input.parse::<TokenTree>()?;
        }
    }
    Ok(())
}

fn type_after(meta: &ParseNestedMeta<'_>, key: &Ident) -> syn::Result<Type> {
    let wanted = if key == "to_child" || key == "to_parent" { "YourProtocol" } else { "SomeType" };
    let missing = || meta.error(format!("write `{key} = {wanted}`"));
    let input = meta.value().map_err(|_| missing())?;
    if input.is_empty() || input.peek(Token![,]) {
        return Err(missing());
    }
    if input.peek(LitStr) {
        let quoted: LitStr = input.parse()?;
        let text = format!("write the type without quotes: `{key} = {}`", quoted.value());
        return Err(syn::Error::new_spanned(&quoted, text));
    }
    input.parse()
}

fn string_after(meta: &ParseNestedMeta<'_>) -> syn::Result<LitStr> {
    let is_string = meta.input.peek(Token![=]) && meta.input.peek2(LitStr);
    if is_string { meta.value()?.parse() } else { Err(meta.error("write the name in quotes: `name = \"resize\"`")) }
}

fn path_after(meta: &ParseNestedMeta<'_>) -> syn::Result<Path> {
    if !meta.input.peek(Token![=]) || meta.input.peek2(LitStr) {
        return Err(meta.error("write the path of kinfolk, without quotes: `crate = path::to::kinfolk`"));
    }
    Path::parse_mod_style(meta.value()?)
}
