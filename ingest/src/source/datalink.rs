//! Any interface through pnet's datalink channel: portable, and good for a quiet network only.
//!
//! Every frame costs two system calls and a copy; what is lost on the way nobody counts. The kernel takes the outermost VLAN tag off a frame and tells
//! pnet nothing of it: that tag is not seen. Times are this program's own clock at receipt.

use std::io;
use std::os::fd::{AsFd, IntoRawFd};
use std::time::Duration;

use libc::c_int;
use nix::errno::Errno;
use nix::sys::socket::{getsockopt, sockopt};
use pnet::datalink::{Channel, Config, DataLinkReceiver, channel, interfaces};

use crate::block::{FrameRef, Walk};
use crate::frame::LinkType;
use crate::now;
use crate::source::live::{KernelCounters, LiveSettings, LiveSource, Parcel};
use crate::source::sys::socket::PacketSocket;
use crate::source::{Pool, SourceError, interface};

/// Room for the longest frame, merged segments included.
const FRAME_MAX: usize = 1 << 17;
/// Buffers kept for use again.
const POOLED: usize = 16;
/// How long to leave a socket alone that had an error to report.
const NAP: Duration = Duration::from_millis(1);

/// An interface read through pnet.
pub struct PnetSource {
    name: String,
    index: c_int,
    link: LinkType,
    receiver: Box<dyn DataLinkReceiver>,
    /// The same socket, for what pnet has no words for.
    socket: PacketSocket,
    lanes: usize,
    retire_ns: i64,
    longest: u32,
    pool: Pool,
    filling: Filling,
    is_empty: bool,
}

impl std::fmt::Debug for PnetSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PnetSource").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A buffer and what is in it.
#[derive(Default)]
struct Filling {
    bytes: Vec<u8>,
    used: usize,
    frames: Vec<FrameRef>,
    super_frames: u64,
}

impl Filling {
    fn push(&mut self, frame: &[u8], ts_ns: i64, link: LinkType) {
        let end = self.used + frame.len();
        if let Some(room) = self.bytes.get_mut(self.used..end) {
            room.copy_from_slice(frame);
        }
        let length = u32::try_from(frame.len()).unwrap_or(u32::MAX);
        let offset = u32::try_from(self.used).unwrap_or(u32::MAX);
        self.frames.push(FrameRef {
            ts_ns,
            offset,
            captured: length,
            original: length,
            link,
            lane: 0,
        });
        self.used = end;
    }

    fn is_full(&self) -> bool {
        self.bytes.len() - self.used < FRAME_MAX
    }

    fn first_ns(&self) -> Option<i64> {
        self.frames.first().map(|at| at.ts_ns)
    }
}

impl PnetSource {
    /// Opens an interface; its frames are for whichever lane they belong to.
    pub fn open(settings: &LiveSettings) -> Result<Self, SourceError> {
        let name = settings.interface.clone();
        let refused =
            |what: &'static str| move |error| interface::refused(&settings.interface, what, error);
        let index = interface::index_of(&name)?;
        let Some(found) = interfaces().into_iter().find(|found| found.name == name) else {
            return Err(SourceError::Gone(name));
        };
        let socket = PacketSocket::open().map_err(refused("a packet socket"))?;
        socket
            .set_number(libc::PACKET_IGNORE_OUTGOING, 1)
            .map_err(refused("incoming packets only"))?;
        if let Some(program) = &settings.kernel_filter {
            socket.set_filter(program).map_err(refused("the filter in the kernel"))?;
        }
        let config = Config {
            read_buffer_size: FRAME_MAX,
            read_timeout: Some(settings.retire.max(NAP)),
            promiscuous: settings.promiscuous,
            socket_fd: Some(socket.share().map_err(refused("a packet socket"))?.into_raw_fd()),
            ..Config::default()
        };
        let opened = channel(&found, config).map_err(refused("a channel of pnet"))?;
        let Channel::Ethernet(_, receiver) = opened else {
            return Err(refused("a channel of pnet")(io::ErrorKind::Unsupported.into()));
        };
        let (_, hardware) = socket.bound().map_err(refused("its kind"))?;
        let link = interface::link_of(&name, hardware)?;
        let mtu = socket.mtu(&name).map_err(refused("its MTU"))?;
        Ok(Self {
            name,
            index,
            link,
            receiver,
            socket,
            lanes: settings.lanes.max(1),
            retire_ns: i64::try_from(settings.retire.as_nanos()).unwrap_or(i64::MAX),
            longest: mtu.saturating_add(interface::LINK_MAX),
            pool: Pool::new(POOLED),
            filling: Filling::default(),
            is_empty: false,
        })
    }

    fn give(&mut self, give: &mut dyn FnMut(Parcel)) {
        let filled = std::mem::take(&mut self.filling);
        if filled.frames.is_empty() {
            self.filling = filled;
            return;
        }
        let memory = self.pool.memory(filled.bytes);
        let walk = Walk { memory, frames: filled.frames, super_frames: filled.super_frames };
        give(Parcel::Any(Box::new(walk)));
    }

    /// Something other than a frame came.
    fn hear(&self, error: &io::Error) -> Result<(), SourceError> {
        if matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock) {
            return Ok(());
        }
        // Reading the error clears it; a link that is down says so once.
        let _ = getsockopt(&self.socket.as_fd(), sockopt::SocketError);
        let at = self.socket.bound().map(|(index, _)| index);
        if at.is_ok_and(|at| at != self.index) || error.raw_os_error() == Some(Errno::ENODEV as i32)
        {
            return Err(SourceError::Gone(self.name.clone()));
        }
        interface::nap(NAP);
        Ok(())
    }
}

impl LiveSource for PnetSource {
    fn backend(&self) -> &'static str {
        "pnet"
    }

    fn timestamp_source(&self) -> &'static str {
        "user"
    }

    /// Waits for the time to retire a block, whatever `wait` is: pnet is told how long when it is opened.
    fn poll(&mut self, _: Duration, give: &mut dyn FnMut(Parcel)) -> Result<(), SourceError> {
        if self.filling.bytes.is_empty() {
            self.filling.bytes = self.pool.buffer();
        }
        self.is_empty = false;
        loop {
            match self.receiver.next() {
                Ok(frame) => {
                    let ts_ns = now::wall_ns();
                    self.filling.super_frames +=
                        u64::from(frame.len() as u64 > u64::from(self.longest));
                    self.filling.push(frame, ts_ns, self.link);
                    let age = self.filling.first_ns().map_or(0, |first| ts_ns - first);
                    // A clock that was set back ends the block as well.
                    if self.filling.is_full() || !(0..self.retire_ns).contains(&age) {
                        self.give(give);
                        return Ok(());
                    }
                }
                Err(error) => {
                    self.is_empty = true;
                    self.give(give);
                    return self.hear(&error);
                }
            }
        }
    }

    /// Nobody counts: all unknown.
    fn counters(&mut self) -> Vec<KernelCounters> {
        vec![KernelCounters::default(); self.lanes]
    }

    fn stop(&mut self) {
        // It cannot fail but for memory; then packets go on coming until the socket closes.
        let _ = self.socket.set_filter(&interface::NOTHING);
        self.is_empty = false;
    }

    /// The last poll found nothing more.
    fn is_drained(&mut self) -> bool {
        self.is_empty
    }
}
