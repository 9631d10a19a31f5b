//! `#[derive(Shape)]`: what a type looks like on the wire, told from its definition.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{Attribute, Data, DeriveInput, Field, Fields, GenericParam, Generics, Type, Variant, parse_quote};

use crate::declaration::Written;
use crate::errors::Errors;
use crate::outline::{Outline, sketch};
use crate::place;
use crate::serde::Serde;
use crate::text::text;

/// The impl for a type inside a message.
pub(crate) fn derive(input: &DeriveInput) -> syn::Result<TokenStream> {
    let mut errors = Errors::default();
    refuse_lifetimes(&input.generics, &mut errors);
    let asked = Written::read(&input.attrs, &mut errors).only_crate(&mut errors);
    let body = body(input, &mut errors);
    let traits = errors.take(place::traits(asked.as_ref())).unwrap_or_default();
    let name = input.ident.unraw().to_string();
    errors.unless(implementation(input, &name, &body, &traits))
}

/// The impl, for a type that is called `name` in texts.
pub(crate) fn implementation(input: &DeriveInput, name: &str, body: &Outline, traits: &TokenStream) -> TokenStream {
    let mut generics = input.generics.clone();
    let types: Vec<_> = generics.type_params().map(|parameter| parameter.ident.clone()).collect();
    for of in types {
        generics.make_where_clause().predicates.push(parse_quote!(#of: #traits::Shape));
    }
    let (parameters, arguments, conditions) = generics.split_for_impl();
    let (ident, sketch, statements) = (&input.ident, sketch(), body.statements());
    quote! {
        #[automatically_derived]
        impl #parameters #traits::Shape for #ident #arguments #conditions {
            fn describe(#sketch: &mut #traits::Sketch) {
                #sketch.named::<Self>(#name, |#sketch| { #statements });
            }
        }
    }
}

/// What stands behind the type's name: everything that decides which bytes are written.
pub(crate) fn body(input: &DeriveInput, errors: &mut Errors) -> Outline {
    let mut outline = Outline::default();
    let rules = Serde::read(&input.attrs);
    if !stands_for_another(&rules, &input.data, &mut outline) {
        let rules = rules.text();
        if !rules.is_empty() {
            outline.text(&format!(" {}", rules.trim_end()));
        }
        match &input.data {
            Data::Struct(data) => fields(&data.fields, false, &mut outline),
            Data::Enum(data) => variants(data.variants.iter(), &mut outline),
            Data::Union(data) => {
                let text = "serde cannot write a union, and neither can a message: write a struct or an enum";
                errors.at(data.union_token, text);
            }
        }
    }
    check_marks(input, errors);
    outline
}

/// A type that serde writes as another one looks like that one.
fn stands_for_another(rules: &Serde, data: &Data, outline: &mut Outline) -> bool {
    let writes = rules.named("into");
    let reads = rules.named("from").or_else(|| rules.named("try_from"));
    match (writes, reads) {
        (Some(one), None) | (None, Some(one)) => outline.text_and(" = ", &one),
        (Some(writes), Some(reads)) => {
            outline.text_and(" = ", &writes);
            if text(writes.to_token_stream()) != text(reads.to_token_stream()) {
                outline.text_and(" read as ", &reads);
            }
        }
        (None, None) => {
            let Some(inner) = rules.has(&["transparent"]).then(|| only_field(data)).flatten() else { return false };
            outline.text(&format!(" = {}", Serde::read(&inner.attrs).text()));
            field_type(inner, false, outline);
        }
    }
    true
}

/// The field of a transparent struct that is written: all others are skipped, or mark a type.
fn only_field(data: &Data) -> Option<&Field> {
    let Data::Struct(data) = data else { return None };
    let mut written =
        data.fields.iter().filter(|field| !Serde::read(&field.attrs).is_skipped() && !is_phantom(&field.ty));
    written.next().filter(|_| written.next().is_none())
}

fn is_phantom(of: &Type) -> bool {
    let Type::Path(path) = of else { return false };
    path.path.segments.last().is_some_and(|last| last.ident == "PhantomData")
}

fn variants<'a>(variants: impl Iterator<Item = &'a Variant>, outline: &mut Outline) {
    outline.text(" {");
    let mut separator = " ";
    for variant in variants {
        let rules = Serde::read(&variant.attrs);
        outline.text(&format!("{separator}{}{}", rules.text(), variant.ident.unraw()));
        separator = ", ";
        // Its place counts even if it is never written: the places of those behind it depend on it.
        if !rules.is_skipped() && !is_unit(&variant.fields) {
            fields(&variant.fields, rules.is_by_others(), outline);
        }
    }
    // No struct reads so, not even an empty one.
    outline.text(if separator == " " { " ! }" } else { " }" });
}

/// serde writes a variant whose only value is skipped as one without a value.
fn is_unit(fields: &Fields) -> bool {
    match fields {
        Fields::Unit => true,
        Fields::Unnamed(fields) => fields.unnamed.len() == 1 && Serde::read(&fields.unnamed[0].attrs).is_skipped(),
        Fields::Named(_) => false,
    }
}

/// `{ a: u8 }` or `(u8)`; with `(u8,)` for what is a tuple of one on the wire, since others of its values are skipped.
fn fields(fields: &Fields, are_opaque: bool, outline: &mut Outline) {
    let (open, close) = match fields {
        Fields::Named(_) => (" { ", " }"),
        Fields::Unnamed(_) => ("(", ")"),
        Fields::Unit => return,
    };
    let (mut written, mut separator) = (0, open);
    for field in fields {
        let rules = Serde::read(&field.attrs);
        if rules.is_skipped() {
            continue;
        }
        outline.text(&format!("{separator}{}", rules.text()));
        if let Some(name) = &field.ident {
            outline.text(&format!("{}: ", name.unraw()));
        }
        field_type(field, are_opaque, outline);
        (written, separator) = (written + 1, ", ");
    }
    let is_cut = matches!(fields, Fields::Unnamed(_)) && written == 1 && fields.len() > 1;
    match (written, is_cut) {
        (0, _) => outline.text(if open == "(" { "()" } else { " {}" }),
        (_, true) => outline.text(",)"),
        _ => outline.text(close),
    }
}

fn field_type(field: &Field, is_opaque: bool, outline: &mut Outline) {
    if is_opaque || Serde::read(&field.attrs).is_by_others() || is_marked(&field.attrs) {
        outline.written(&field.ty);
    } else {
        outline.of(&field.ty);
    }
}

fn is_marked(attributes: &[Attribute]) -> bool {
    let mut is_marked = false;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("message")) {
        // What else may be wrong with it is told by `check_marks`.
        let _ = attribute.parse_nested_meta(|meta| {
            is_marked |= meta.path.is_ident("opaque");
            Ok(())
        });
    }
    is_marked
}

/// `#[message(opaque)]` is all that may be said of a field, and of a variant nothing.
fn check_marks(input: &DeriveInput, errors: &mut Errors) {
    let mut check = |fields: &Fields| {
        for attribute in fields.iter().flat_map(|field| &field.attrs).filter(|one| one.path().is_ident("message")) {
            errors.take(attribute.parse_nested_meta(|meta| {
                let is_known = meta.path.is_ident("opaque");
                let text = "unknown key: before a field there is only `opaque`; all others go above the type";
                if is_known { Ok(()) } else { Err(syn::Error::new_spanned(&meta.path, text)) }
            }));
        }
    };
    match &input.data {
        Data::Struct(data) => check(&data.fields),
        Data::Union(_) => {}
        Data::Enum(data) => {
            data.variants.iter().for_each(|variant| check(&variant.fields));
            let marks = data.variants.iter().flat_map(|variant| &variant.attrs);
            for mark in marks.filter(|attribute| attribute.path().is_ident("message")) {
                errors.at(mark, "a variant takes no `#[message(..)]`: write `#[message(opaque)]` before its field");
            }
        }
    }
}

/// What is borrowed cannot be a message, which outlives the buffer it was read from.
pub(crate) fn refuse_lifetimes(generics: &Generics, errors: &mut Errors) {
    for lifetime in generics.params.iter().filter(|parameter| matches!(parameter, GenericParam::Lifetime(_))) {
        let text = "a message owns what it holds, and so does every type inside it: write `String` for `&str`, \
                    `Vec<u8>` for `&[u8]`";
        errors.at(lifetime, text);
    }
}
