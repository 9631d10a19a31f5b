//! Where generated code finds kinfolk.

use proc_macro_crate::{FoundCrate, crate_name};
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::spanned::Spanned;

/// The crate that has the traits, for a derive.
///
/// A protocol crate has `kinfolk-protocol`, most others have `kinfolk`. Where there are both, the facade may be there
/// for the tests alone, so that it would be missing where the crate itself is built.
pub(crate) fn traits(asked: Option<&syn::Path>) -> syn::Result<TokenStream> {
    if let Some(path) = asked {
        return Ok(quote!(#path));
    }
    find("kinfolk-protocol").or_else(|| find("kinfolk")).ok_or_else(|| {
        let text = "neither `kinfolk` nor `kinfolk-protocol` is in this crate's Cargo.toml: add one of them, or write \
                    `#[message(crate = path::to::kinfolk)]` for one that another crate re-exports";
        syn::Error::new(Span::call_site(), text)
    })
}

/// The facade, for `#[kinfolk::child]`.
pub(crate) fn facade() -> syn::Result<TokenStream> {
    let text = "`kinfolk` is not in this crate's Cargo.toml: add it, or write `fn main() -> ExitCode` and call \
                `child::main(worker)` in it, by the name it has here";
    find("kinfolk").ok_or_else(|| syn::Error::new(Span::call_site(), text))
}

/// Where `tokens` are, for generated code: errors about it are shown there, and lints about style are not.
pub(crate) fn of(tokens: &impl Spanned) -> Span {
    Span::call_site().located_at(tokens.span())
}

/// `path` as if it were written at `place`.
pub(crate) fn at(place: Span, path: &TokenStream) -> TokenStream {
    let moved = path.clone().into_iter().map(|mut token| {
        token.set_span(token.span().located_at(place));
        token
    });
    moved.collect()
}

fn find(package: &str) -> Option<TokenStream> {
    let name = match crate_name(package).ok()? {
        // Its documentation, examples and tests link it by its name, as every other crate does.
        FoundCrate::Itself => package.replace('-', "_"),
        FoundCrate::Name(name) => name,
    };
    let name = Ident::new(&name, Span::call_site());
    Some(quote!(::#name))
}
