//! `#[derive(Message)]`: the impls of `Message` and `Shape`.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::{DeriveInput, GenericParam, Generics, Type};

use crate::declaration::{Contract, Declaration, Part};
use crate::errors::Errors;
use crate::outline::{Outline, sketch};
use crate::{place, shape};

/// Both impls.
pub(crate) fn derive(input: &DeriveInput) -> syn::Result<TokenStream> {
    let mut errors = Errors::default();
    refuse_generics(&input.generics, &mut errors);
    let declaration = Declaration::read(input, &mut errors);
    let body = shape::body(input, &mut errors);
    let Some(declaration) = errors.unless(declaration)? else {
        return Ok(TokenStream::new());
    };
    let traits = place::traits(declaration.at.as_ref())?;
    let message = implementation(input, &declaration, &traits);
    let shape = shape::implementation(input, &declaration.name, &body, &traits);
    Ok(quote! { #message #shape })
}

fn implementation(input: &DeriveInput, declaration: &Declaration, traits: &TokenStream) -> TokenStream {
    let Declaration { direction, protocol, contract, name, is_idempotent, .. } = declaration;
    let (ident, sketch) = (&input.ident, sketch());
    let answers = contract.outline(traits).statements();
    let (to, contract) = (towards(direction, protocol, traits), contract.tokens(traits));
    quote! {
        #[automatically_derived]
        impl #traits::Message for #ident {
            type To = #to;
            type Contract = #contract;
            const NAME: &'static str = #name;
            const IDEMPOTENT: bool = #is_idempotent;
            fn outline(#sketch: &mut #traits::Sketch) {
                #sketch.of::<Self>();
                #answers
            }
        }
    }
}

/// The direction, where the user wrote the protocol: that is what may be wrong with it.
fn towards(direction: &str, protocol: &Type, traits: &TokenStream) -> TokenStream {
    let place = place::of(protocol);
    let (traits, direction) = (place::at(place, traits), Ident::new(direction, place));
    quote_spanned!(place=> #traits::#direction<#protocol>)
}

impl Contract {
    fn tokens(&self, traits: &TokenStream) -> TokenStream {
        let error = |error: &Option<Part>| match error {
            Some(Part { of, .. }) => quote!(#of),
            None => quote!(#traits::Fault),
        };
        match self {
            Self::OneWay => quote!(#traits::OneWay),
            Self::Call { reply, error: given, progress } => {
                let (reply, error) = (&reply.of, error(given));
                let progress = progress.as_ref().map(|Part { of, .. }| quote!(, #of));
                let place = place::of(reply);
                let traits = place::at(place, traits);
                quote_spanned!(place=> #traits::Call<#reply, #error #progress>)
            }
            Self::Streaming { item, error: given } => {
                let (item, error) = (&item.of, error(given));
                let place = place::of(item);
                let traits = place::at(place, traits);
                quote_spanned!(place=> #traits::Streaming<#item, #error>)
            }
        }
    }

    /// What is told of the answers, behind the message itself.
    fn outline(&self, traits: &TokenStream) -> Outline {
        let mut outline = Outline::default();
        match self {
            Self::OneWay => {}
            Self::Call { reply, error, progress } => {
                outline.text(" -> ");
                reply.tell(&mut outline);
                tell_error(error.as_ref(), traits, &mut outline);
                if let Some(progress) = progress {
                    outline.text(" progress ");
                    progress.tell(&mut outline);
                }
            }
            Self::Streaming { item, error } => {
                outline.text(" => [");
                item.tell(&mut outline);
                outline.text("]");
                tell_error(error.as_ref(), traits, &mut outline);
            }
        }
        outline
    }
}

impl Part {
    fn tell(&self, outline: &mut Outline) {
        if self.is_opaque { outline.written(&self.of) } else { outline.of(&self.of) }
    }
}

fn tell_error(error: Option<&Part>, traits: &TokenStream, outline: &mut Outline) {
    outline.text(" | ");
    match error {
        Some(error) => error.tell(outline),
        None => outline.of(&Type::Verbatim(quote!(#traits::Fault))),
    }
}

fn refuse_generics(generics: &Generics, errors: &mut Errors) {
    shape::refuse_lifetimes(generics, errors);
    for parameter in generics.params.iter().filter(|parameter| !matches!(parameter, GenericParam::Lifetime(_))) {
        let text = "a message has no generic parameters: one `NAME` would stand for all of them, and a child would \
                    read one as another. Write a message for each, round a generic type that derives `Shape`";
        errors.at(parameter, text);
    }
}
