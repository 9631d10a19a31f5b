#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub use kinfolk_link::{Delivery, Misbehaviour, Peer, SendCause, SendError, Sending, Signal, Usage};
pub use kinfolk_protocol::{
    Answer, Answered, Bincode, Broken, Call, Cancelled, ChildName, Codec, CodecError, Contract, Direction, ErrorOf,
    Failure, Fault, FrameError, Limits, LimitsError, Message, MessageId, NameError, Never, OneWay, Outline, PanicInfo,
    Payload, Progress, Protocol, Refusal, Reply, Shape, Sketch, Streamed, Streaming, ToChild, ToParent, Towards,
    Unanswered, Untaken, Version, WireError,
};

#[cfg(all(feature = "macros", feature = "child"))]
pub use kinfolk_macros::child;

/// The parent's side: start children, send and request, follow their events.
#[cfg(feature = "parent")]
pub mod parent {
    pub use kinfolk_parent::{
        CallError, CallSite, Child, ChildEvent, ChildInfo, ChildSpec, Cx, Disconnected, EndedBy, Events, ExitReport,
        ExitStatus, Initialized, Invitation, NeedsInit, NoInit, Output, Parent, Pending, Program, ProgramError,
        Request, StartError, Stdio, Step, Unhandled, Why, WithInit,
    };
}

/// The child's side: become a child, handle messages.
#[cfg(feature = "child")]
pub mod child {
    pub use kinfolk_child::{Cx, Job, Me, ParentHandle, Result, Serve, enter, main, role};
}
