//! A bell, which a thread of a child's that does nothing else answers with a beat on the board: so a parent tells a
//! child that is frozen from one that is busy.
//!
//! A pair of sockets, and no eventfd: whether a write to an eventfd may block is a flag that both sides share, so a
//! child could clear it, fill the counter, and have its parent wait for ever. Each end of a pair has a flag of its own.

use std::io;
use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socketpair};

use super::board::Board;
use super::socket::peer_is_gone;

/// A parent's end of a bell.
#[derive(Debug)]
pub(crate) struct Bell(OwnedFd);

impl Bell {
    /// A bell, and the end to pass to the child.
    pub(crate) fn create() -> io::Result<(Self, OwnedFd)> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        Ok((Self(ours), theirs))
    }

    /// Rings. Never waits: a bell that is full has been rung, and one without a child's end rings for nobody.
    pub(crate) fn ring(&self) {
        let _ = retry_on_intr(|| send(&self.0, &[1], SendFlags::DONTWAIT | SendFlags::NOSIGNAL));
    }
}

/// A child's end of a bell, and the board on which it is answered.
#[derive(Debug)]
pub struct Heart {
    bell: OwnedFd,
    board: Board,
}

impl Heart {
    /// Answers `bell` on `board`, which the parent passed with it.
    ///
    /// # Errors
    /// That is no board.
    pub fn open(bell: OwnedFd, board: &OwnedFd) -> io::Result<Self> {
        let board = Board::open_head(board)?;
        board.start_beating();
        Ok(Self { bell, board })
    }

    /// Answers the bell until the peer of `link` has ended both directions, as [`peer_is_gone`] waits for that.
    ///
    /// # Errors
    /// The link cannot be polled.
    pub fn beat_until_gone(&self, link: &OwnedFd) -> io::Result<()> {
        loop {
            let mut watched = [PollFd::new(link, PollFlags::empty()), PollFd::new(&self.bell, PollFlags::IN)];
            match poll(&mut watched, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let [link_has, bell_has] = watched.map(|watched| watched.revents());
            if !link_has.is_empty() {
                return Ok(());
            }
            if !bell_has.is_empty() && !self.answer() {
                // A bell that does not work any more would be looked at without end.
                self.board.stop_beating();
                return peer_is_gone(link, None).map(drop);
            }
        }
    }

    /// Empties the bell and beats. False if it does not work any more.
    fn answer(&self) -> bool {
        match retry_on_intr(|| recv(&self.bell, &mut [0; 64], RecvFlags::DONTWAIT)) {
            Ok((0, _)) => false,
            // More rings than one read takes are one more beat, which says no more than the first.
            Ok(_) => {
                self.board.beat();
                true
            }
            Err(error) => error == Errno::AGAIN,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::{Duration, Instant};

    use super::*;

    fn pair() -> (OwnedFd, OwnedFd) {
        socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap()
    }

    fn eventually(what: &str, holds: impl Fn() -> bool) {
        let end = Instant::now() + Duration::from_secs(60);
        while !holds() {
            assert!(Instant::now() < end, "never came true: {what}");
            thread::yield_now();
        }
    }

    #[test]
    fn every_ring_is_answered_until_the_parent_is_gone() {
        let (parents, board) = Board::create(4).unwrap();
        let childs = Board::open(&board).unwrap();
        assert_eq!(parents.beats(), None, "nobody answers");
        let (bell, childs_end) = Bell::create().unwrap();
        let heart = Heart::open(childs_end, &board).unwrap();
        let (link, childs_link) = pair();
        thread::scope(|scope| {
            let beating = scope.spawn(|| heart.beat_until_gone(&childs_link));
            for _ in 0..3 {
                let before = parents.beats();
                assert!(before.is_some());
                bell.ring();
                eventually("it beats", || parents.beats() > before);
            }
            drop(link);
            beating.join().unwrap().unwrap();
        });
        drop(childs);
    }

    #[test]
    fn a_bell_that_nobody_answers_never_makes_its_parent_wait() {
        let (bell, childs_end) = Bell::create().unwrap();
        // The flags of the child's end are the child's own.
        rustix::io::ioctl_fionbio(&childs_end, false).unwrap();
        for _ in 0..100_000 {
            bell.ring();
        }
        drop(childs_end);
        bell.ring();
    }

    #[test]
    fn a_bell_that_does_not_work_any_more_is_no_sign_of_death() {
        let (parents, board) = Board::create(4).unwrap();
        let _childs = Board::open(&board).unwrap();
        let (bell, childs_end) = Bell::create().unwrap();
        let heart = Heart::open(childs_end, &board).unwrap();
        let (link, childs_link) = pair();
        assert_eq!(parents.beats(), Some(1));
        drop(bell);
        thread::scope(|scope| {
            let watching = scope.spawn(|| heart.beat_until_gone(&childs_link));
            eventually("it gives up", || parents.beats().is_none());
            assert!(!watching.is_finished(), "the parent is there");
            drop(link);
            watching.join().unwrap().unwrap();
        });
    }

    #[test]
    fn a_bell_without_its_board_is_not_answered() {
        let (_bell, childs_end) = Bell::create().unwrap();
        let other = rustix::fs::memfd_create("other", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        assert!(Heart::open(childs_end, &other).is_err());
    }
}
