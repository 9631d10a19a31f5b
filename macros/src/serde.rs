//! What serde is told about a type, as far as it decides which bytes are written.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::meta::ParseNestedMeta;
use syn::{Attribute, LitStr, Token, Type};

use crate::text::text;

/// These change no byte: they tell serde where things are and what else it may read, or refuse. (`default` is not one
/// of them: it says that a writer may leave the field out.)
const SILENT: [&str; 7] = ["crate", "bound", "borrow", "getter", "alias", "deny_unknown_fields", "expecting"];

/// The rules in the `#[serde(..)]` of a type, a variant or a field.
pub(crate) struct Serde(Vec<Rule>);

struct Rule {
    key: String,
    text: String,
    value: Option<LitStr>,
}

impl Serde {
    /// Reads them. What serde cannot read either is passed over, since serde's derive says so.
    pub(crate) fn read(attributes: &[Attribute]) -> Self {
        let mut rules = Vec::new();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
            let _ = attribute.parse_nested_meta(|meta| Rule::read(&meta).map(|rule| rules.push(rule)));
        }
        rules.retain(|rule| !SILENT.contains(&rule.key.as_str()));
        Self(rules)
    }

    /// True if one of `keys` is among them.
    pub(crate) fn has(&self, keys: &[&str]) -> bool {
        self.0.iter().any(|rule| keys.contains(&rule.key.as_str()))
    }

    /// True for a field that is not there on the wire.
    pub(crate) fn is_skipped(&self) -> bool {
        self.has(&["skip", "skip_serializing", "skip_deserializing"])
    }

    /// True if other code than the type's own writes or reads it.
    pub(crate) fn is_by_others(&self) -> bool {
        self.has(&["with", "serialize_with", "deserialize_with"])
    }

    /// The type that `key` names, as in `from = "Wire"`.
    pub(crate) fn named(&self, key: &str) -> Option<Type> {
        self.0.iter().find(|rule| rule.key == key)?.value.as_ref()?.parse().ok()
    }

    /// The rules as written, or nothing if there are none.
    pub(crate) fn text(&self) -> String {
        let rules: Vec<&str> = self.0.iter().map(|rule| rule.text.as_str()).collect();
        if rules.is_empty() { String::new() } else { format!("#[{}] ", rules.join(", ")) }
    }
}

impl Rule {
    fn read(meta: &ParseNestedMeta<'_>) -> syn::Result<Self> {
        let mut tokens = TokenStream::new();
        while !meta.input.is_empty() && !meta.input.peek(Token![,]) {
            tokens.extend(meta.input.parse::<proc_macro2::TokenTree>().map(ToTokens::into_token_stream)?);
        }
        let value = tokens.clone().into_iter().nth(1).and_then(|token| syn::parse2(token.into()).ok());
        let path = &meta.path;
        Ok(Self { key: text(quote!(#path)), text: text(quote!(#path #tokens)), value })
    }
}
