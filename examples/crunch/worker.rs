//! The worker: renders one tile at a time, on a thread of its own.

use kinfolk::child::{self, Job, Me};

use crate::protocol::{Render, Rendered, Tracing};
use crate::tracing::Camera;

/// What the role does.
pub(crate) async fn worker(me: Me<Tracing>) -> child::Result {
    let camera = Camera::new(*me.init());
    me.state(camera).on_blocking(render).run().await
}

fn render(job: &Job<Render, Camera>, Render(tile): Render) -> child::Result<Rendered> {
    let mut random = Camera::random(tile);
    let mut rgb = Vec::with_capacity((tile.width * tile.height * 3) as usize);
    for row in 0..tile.height {
        // Nobody may wait for it any more: on Ctrl-C, say.
        job.check()?;
        job.state().row(tile, row, &mut random, &mut rgb);
    }
    Ok(Rendered { tile, rgb })
}
