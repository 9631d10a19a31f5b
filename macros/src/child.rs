//! `#[kinfolk::child]`: a child's `main`, written as the worker that it runs.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{FnArg, ItemFn, ReturnType, Visibility};

use crate::errors::Errors;
use crate::place;

/// The function that stands for `item`, or for a wrong one the mistakes and a function of the same name, so that the
/// compiler does not complain of its absence as well.
pub(crate) fn expand(arguments: &TokenStream, item: TokenStream) -> TokenStream {
    let worker: ItemFn = match syn::parse2(item.clone()) {
        Ok(worker) => worker,
        Err(_) if !is_function(&item) => {
            let text = "`#[kinfolk::child]` goes above a child's `async fn main(me: Me<YourProtocol>)`";
            return syn::Error::new_spanned(item, text).into_compile_error();
        }
        Err(error) => return error.into_compile_error(),
    };
    let (attributes, visibility, name) = (&worker.attrs, &worker.vis, &worker.sig.ident);
    let code = quote!(::std::process::ExitCode);
    match check(arguments, &worker).and_then(|()| place::facade()) {
        Ok(facade) => {
            let body = body(&worker, &facade);
            quote! { #(#attributes)* #visibility fn #name() -> #code { #body } }
        }
        Err(error) => {
            let mistakes = error.into_compile_error();
            quote! { #mistakes #visibility fn #name() -> #code { #code::FAILURE } }
        }
    }
}

/// The worker, and the call that becomes a child and runs it. A closure stands between the two, since the compiler
/// would otherwise suggest one, in the middle of the user's signature.
fn body(worker: &ItemFn, facade: &TokenStream) -> TokenStream {
    let inner = ItemFn { attrs: Vec::new(), vis: Visibility::Inherited, ..worker.clone() };
    let output = match &worker.sig.output {
        ReturnType::Type(_, of) => of.to_token_stream(),
        ReturnType::Default => TokenStream::new(),
    };
    let (output, input) = (place::of(&output), place::of(&worker.sig.inputs));
    let (facade, name, me) = (place::at(output, facade), &worker.sig.ident, Ident::new("me", input));
    let call = quote_spanned!(output=> #facade::child::main(|#me| #name(#me)));
    quote! { #inner #call }
}

fn check(arguments: &TokenStream, worker: &ItemFn) -> syn::Result<()> {
    let mut errors = Errors::default();
    let signature = &worker.sig;
    let name = &signature.ident;
    if !arguments.is_empty() {
        errors.at(arguments, "`#[kinfolk::child]` takes no arguments");
    }
    if signature.asyncness.is_none() {
        errors.at(signature.fn_token, format!("a worker is async: write `async fn {name}`"));
    }
    if !signature.generics.params.is_empty() {
        let text = "a program speaks one protocol: write `Me<YourProtocol>` and no generic parameters";
        errors.at(&signature.generics, text);
    }
    check_parameters(worker, &mut errors);
    if matches!(signature.output, ReturnType::Default) {
        let text = "a worker returns whether it went well: write `-> kinfolk::child::Result` behind the parameters";
        errors.at_span(signature.paren_token.span.close(), text);
    }
    for attribute in &worker.attrs {
        let path = attribute.path();
        if path.segments.len() == 2 && path.segments[0].ident == "tokio" {
            let text = "`#[kinfolk::child]` brings a runtime, after the handshake. Remove this, or keep it alone and \
                        call `kinfolk::child::enter(worker).await` in it";
            errors.at(attribute, text);
        }
    }
    errors.unless(())
}

fn check_parameters(worker: &ItemFn, errors: &mut Errors) {
    let signature = &worker.sig;
    let wanted = format!("write `async fn {}(me: Me<YourProtocol>)`", signature.ident);
    match signature.inputs.first() {
        None => {
            let text = format!("a worker is given its `Me`, with its init value and its parent: {wanted}");
            errors.at_span(signature.paren_token.span.join(), text);
        }
        Some(FnArg::Receiver(receiver)) => errors.at(receiver, format!("a worker is a plain function: {wanted}")),
        Some(FnArg::Typed(_)) => {}
    }
    for more in signature.inputs.iter().skip(1) {
        errors.at(more, format!("a worker is given nothing but its `Me`: {wanted}"));
    }
}

fn is_function(item: &TokenStream) -> bool {
    item.clone().into_iter().any(|token| token.to_string() == "fn")
}
