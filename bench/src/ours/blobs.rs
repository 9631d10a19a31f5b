//! kinfolk's blobs in shared memory.

use bytes::Bytes;
use kinfolk::child::Me;
use kinfolk::parent::{Child, ChildSpec, Parent, Program};
use kinfolk::{Bincode, Blob, BlobBuilder, Call, Fault, Limits, Message, Protocol, ToChild, Version};
use serde::{Deserialize, Serialize};

use crate::blobs::Lend;
use crate::peer::{Result, ensure, touch};

pub(super) const ROLE: &str = "bench-blobs";

pub(super) enum Lending {}
impl Protocol for Lending {
    const NAME: &'static str = "kinfolk-bench-blobs";
    const VERSION: Version = Version::new(1, 0);
    type Init = ();
    type Codec = Bincode;
    const LIMITS: Limits = Limits::DEFAULT.blob_bytes(2 << 30);
}

/// Read once, answered with its [`touch`]ed sum.
#[derive(Serialize, Deserialize)]
struct Sum(Blob);
impl Message for Sum {
    type To = ToChild<Lending>;
    type Contract = Call<u64>;
    const NAME: &'static str = "Sum";
}

/// Answered with its last byte.
#[derive(Serialize, Deserialize)]
struct Last(Blob);
impl Message for Last {
    type To = ToChild<Lending>;
    type Contract = Call<u8>;
    const NAME: &'static str = "Last";
}

pub(super) async fn worker(me: Me<Lending>) -> std::result::Result<(), Fault> {
    me.on_message(|_, Sum(blob): Sum| async move { Ok(touch(&blob)) })
        .on_message(
            |_, Last(blob): Last| async move { blob.last().copied().ok_or_else(|| Fault::new("an empty blob")) },
        )
        .run()
        .await
}

/// The parent's side.
#[derive(Debug)]
pub(crate) struct Lender {
    /// Kills the child when dropped, should a measurement fail.
    parent: Parent,
    child: Child<Lending>,
}

impl Lend for Lender {
    type Built = Blob;

    async fn start() -> Result<Self> {
        let parent = Parent::new();
        let child = parent.spawn(ChildSpec::<Lending>::new(ROLE, Program::current_exe(ROLE))).await?;
        Ok(Self { parent, child })
    }

    async fn lend(&mut self, payload: &Bytes) -> Result<u64> {
        Ok(self.child.request(Sum(Blob::from(payload.clone()))).await?)
    }

    fn build(length: usize) -> Result<Blob> {
        let mut builder = BlobBuilder::zeroed(length)?;
        builder.as_mut().fill(7);
        Ok(builder.finish()?)
    }

    async fn show(&mut self, built: &Blob) -> Result<u8> {
        Ok(self.child.request(Last(built.clone())).await?)
    }

    async fn stop(self) -> Result<()> {
        let report = self.child.shutdown().await;
        self.parent.shutdown().await;
        ensure(report.status.is_success(), "kinfolk's child failed")
    }
}
