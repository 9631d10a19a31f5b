//! What a generated function tells a `Sketch`, put together piece by piece.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::Type;

use crate::text::text;

/// Text that counts and types whose shapes do, in the order in which they are told.
#[derive(Default)]
pub(crate) struct Outline(Vec<Piece>);

enum Piece {
    Text(String),
    Of(Box<Type>),
}

impl Outline {
    /// Adds text; to the text before it, so that a call at run time tells as much as possible.
    pub(crate) fn text(&mut self, text: &str) {
        match self.0.last_mut() {
            Some(Piece::Text(last)) => last.push_str(text),
            _ if text.is_empty() => {}
            _ => self.0.push(Piece::Text(text.to_owned())),
        }
    }

    /// Adds the shape of a type.
    pub(crate) fn of(&mut self, of: &Type) {
        self.0.push(Piece::Of(Box::new(of.clone())));
    }

    /// Adds text, then the shape of a type.
    pub(crate) fn text_and(&mut self, text: &str, of: &Type) {
        self.text(text);
        self.of(of);
    }

    /// Adds a type by what is written, for one that cannot tell its shape.
    pub(crate) fn written(&mut self, of: &Type) {
        self.text(&text(of.to_token_stream()));
    }

    /// The statements that tell it to [`sketch`].
    pub(crate) fn statements(&self) -> TokenStream {
        let sketch = sketch();
        let told = self.0.iter().map(|piece| match piece {
            Piece::Text(text) => quote! { #sketch.text(#text); },
            Piece::Of(of) => quote! { #sketch.of::<#of>(); },
        });
        quote! { #(#told)* }
    }
}

/// The name of the `Sketch` in generated functions. It is not at the user's hand, whatever spans stand round it.
pub(crate) fn sketch() -> Ident {
    Ident::new("sketch", Span::mixed_site())
}
