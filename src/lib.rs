#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

#[doc(inline)]
pub use kinfolk_link::port;
pub use kinfolk_link::{
    Atom, BlobBuilder, CancelMode, Delivery, Misbehaviour, Peer, Region, SendCause, SendError, Sending, ShapeMismatch,
    Signal, Usage,
};
#[cfg(feature = "bincode")]
pub use kinfolk_protocol::Bincode;
#[cfg(feature = "json")]
pub use kinfolk_protocol::Json;
#[cfg(feature = "postcard")]
pub use kinfolk_protocol::Postcard;
pub use kinfolk_protocol::{
    Answer, Answered, Blob, Broken, BrokenLoan, Call, Cancelled, ChildName, Codec, CodecError, Contract, Direction,
    ErrorOf, Failure, Fault, FrameError, Handle, Limits, LimitsError, LogLevel, LogRecord, MAX_ATTACHMENTS, Message,
    MessageId, MessageName, NameError, Nature, Never, OneWay, Outline, PanicInfo, Payload, Port, PortMismatch,
    Progress, Protocol, Refusal, Reply, Shape, Sketch, Streamed, Streaming, ToChild, ToParent, Towards, Transfer,
    Unanswered, Untaken, Version, Way, WireError,
};

#[cfg(all(feature = "macros", feature = "child"))]
pub use kinfolk_macros::child;

/// The parent's side: start children, send and request, follow their events.
#[cfg(feature = "parent")]
pub mod parent {
    pub use kinfolk_parent::{
        Asker, CallError, CallSite, Cause, Child, ChildEvent, ChildInfo, ChildSpec, Cx, Disconnected, EndedBy, Events,
        ExitReport, ExitStatus, Initialized, Invitation, NeedsInit, NoInit, Output, Parent, Pending, Program,
        ProgramError, Replies, Request, StartError, Stdio, Step, Unhandled, UnhandledError, Why, WithInit,
    };
}

#[cfg(feature = "parent")]
#[doc(inline)]
pub use kinfolk_parent::pool;

/// The child's side: become a child, handle messages.
#[cfg(feature = "child")]
pub mod child {
    #[cfg(feature = "tracing")]
    pub use kinfolk_child::ShipLogs;
    pub use kinfolk_child::{
        Asker, CallError, CallSite, Cx, Job, Me, ParentHandle, Pending, Replies, Request, Result, Serve, enter, main,
        role,
    };
}

/// For tests: children within the test's process, faults on their links, leak checks.
#[cfg(feature = "testing")]
pub mod testing {
    pub use kinfolk_testing::{Fault, FaultPlan, Snapshot, bin, in_process};
}
