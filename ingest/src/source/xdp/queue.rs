//! The receive queues of an interface, each with its socket, and the program that fills them.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crossbeam::queue::ArrayQueue;
use nix::poll::{PollTimeout, poll};

use crate::source::sys::xdp::{
    Descriptor, Device, Failure, Hook, Link, Program, Socket, SocketMap, Statistics,
};
use crate::source::xdp::batch::{Chunks, Home};
use crate::source::xdp::host;

/// The kernel lets go of a queue a little after its socket was closed: how often, and how long apart, joining it is tried.
const BIND_TRIES: u32 = 50;
const BIND_WAIT: Duration = Duration::from_millis(10);

/// How frames get from the driver to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode {
    /// The program runs in the driver; otherwise in the kernel's general path, which is slower.
    pub native: bool,
    /// The driver writes frames where we read them; otherwise the kernel copies each once.
    pub zero_copy: bool,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hook = if self.native { "native" } else { "generic" };
        let way = if self.zero_copy { "zero-copy" } else { "copying" };
        write!(f, "{hook}, {way}")
    }
}

/// Memory of a queue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// Octets of a chunk.
    pub(crate) chunk: u32,
    /// Chunks, a power of two.
    pub(crate) chunks: u32,
}

/// A receive queue.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) socket: Socket,
    home: Home,
    /// Chunks of frames handed over that have not come home.
    away: u32,
    counted: Statistics,
}

impl Queue {
    fn open(size: Size) -> Result<Self, Failure> {
        let socket = Socket::open(size.chunk, size.chunks)?;
        let home = Arc::new(ArrayQueue::new(size.chunks as usize));
        Ok(Self { socket, home, away: 0, counted: Statistics::default() })
    }

    /// Takes frames that are there; `frames` is an empty list.
    pub(crate) fn take(&mut self, count: u32, mut frames: Vec<Descriptor>) -> Chunks {
        self.socket.receive.take(count, &mut frames);
        self.away += count_of(&frames);
        Chunks { umem: Arc::clone(&self.socket.umem), frames, home: Arc::clone(&self.home) }
    }

    /// Gives chunks that have come home back to the kernel; the emptied lists go to `shelf`.
    pub(crate) fn refill(&mut self, mut shelf: impl FnMut(Vec<Descriptor>)) {
        while let Some(mut frames) = self.home.pop() {
            self.away -= count_of(&frames);
            self.socket.fill.give(frames.iter().map(|at| at.offset));
            frames.clear();
            shelf(frames);
        }
        self.socket.wake();
    }

    /// Whether the kernel may soon have no chunk left: it would drop frames, and not wake us for them.
    pub(crate) fn is_short(&self) -> bool {
        self.away as usize > self.home.capacity() / 2
    }

    fn bind(&self, interface: u32, queue: u32, copy: bool) -> io::Result<()> {
        let mut tries = 0;
        loop {
            match self.socket.bind(interface, queue, copy) {
                Err(error) if error.raw_os_error() == Some(libc::EBUSY) && tries < BIND_TRIES => {
                    tries += 1;
                    pause(BIND_WAIT);
                }
                other => return other,
            }
        }
    }

    /// Asks the kernel; what it once said is kept when the interface goes away.
    pub(crate) fn count(&mut self) -> Statistics {
        if let Ok(now) = self.socket.statistics() {
            self.counted = self.counted.larger(now);
        }
        self.counted
    }
}

fn count_of(frames: &[Descriptor]) -> u32 {
    // No more than there are chunks.
    u32::try_from(frames.len()).unwrap_or(u32::MAX)
}

/// Sleeps.
pub(crate) fn pause(time: Duration) {
    // A signal that cuts it short is no matter.
    let _ = poll(&mut [], PollTimeout::try_from(time).unwrap_or(PollTimeout::ZERO));
}

/// Receive queues of an interface: what the driver says, else what the file system lists.
pub(crate) fn count(device: &Device, interface: &str) -> io::Result<u32> {
    match device.receive_queues() {
        Ok(queues) if queues > 0 => Ok(queues),
        _ => host::receive_queues(interface, device.index()),
    }
}

/// A program at work. Fields are dropped in order: frames stop before sockets close.
#[derive(Debug)]
pub(crate) struct Running {
    /// Dropping it lets frames pass to the host again.
    pub(crate) link: Option<Link>,
    /// Keeps the sockets in the program's sight.
    _map: SocketMap,
    pub(crate) queues: Vec<Queue>,
    pub(crate) mode: Mode,
}

impl Running {
    /// Puts the program on the interface and a socket on every queue.
    pub(crate) fn start(device: &Device, count: u32, size: Size) -> Result<Self, Failure> {
        let open = |_| Queue::open(size);
        let queues: Vec<Queue> = (0..count).map(open).collect::<Result<_, _>>()?;
        let at = || Failure::at("load the XDP program");
        let map = SocketMap::new(count).map_err(at())?;
        let program = Program::redirect(&map).map_err(at())?;
        let (link, native) = attach(&program, device.index())?;
        let mut zero_copy = true;
        for (number, queue) in (0..).zip(&queues) {
            let at = || Failure::at("join a receive queue");
            queue.bind(device.index(), number, !native).map_err(at())?;
            zero_copy &= queue.socket.is_zero_copy().map_err(at())?;
            map.set(number, &queue.socket).map_err(at())?;
        }
        let mode = Mode { native, zero_copy };
        Ok(Self { link: Some(link), _map: map, queues, mode })
    }
}

/// In the driver if it can, else in the general path; says whether in the driver.
fn attach(program: &Program, interface: u32) -> Result<(Link, bool), Failure> {
    let at = || Failure::at("attach the XDP program");
    match Link::attach(program, interface, Hook::Native) {
        Ok(link) => Ok((link, true)),
        // These say nothing about the driver.
        Err(error)
            if matches!(
                error.raw_os_error(),
                Some(libc::EPERM | libc::EBUSY | libc::EEXIST | libc::ENODEV)
            ) =>
        {
            Err(at()(error))
        }
        Err(_) => {
            let link = Link::attach(program, interface, Hook::Generic).map_err(at())?;
            Ok((link, false))
        }
    }
}
