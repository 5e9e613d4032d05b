//! AF_XDP: frames taken off the driver before the kernel has made anything of them.
//!
//! One socket for each receive queue, each with memory of its own; what the driver's hash sends where does not matter, for every frame is given to the
//! lane of its hosts. What AF_XDP does not give: time stamps (a batch has the time at which it was found), and tags that the interface has already taken
//! out of the frame: these are lost, so receive VLAN offload must be off (`ethtool -K IFACE rxvlan off`). A tag in the frame stays where it was.

mod batch;
mod host;
mod queue;
mod refusal;

use std::ops::RangeInclusive;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::now;
use crate::source::SourceError;
use crate::source::live::{KernelCounters, LiveSettings, LiveSource, Parcel};
use crate::source::sys::xdp::{Descriptor, Device, Failure};
use crate::source::xdp::batch::Batch;
use crate::source::xdp::queue::{Queue, Running, Size, pause};
use crate::source::xdp::refusal::{refused, unfit};

pub use crate::source::sys::xdp::Statistics;
pub use crate::source::xdp::queue::Mode;

/// Frames of a batch at most.
const BATCH: u32 = 1024;
/// Emptied lists that are kept.
const SHELF: usize = 1024;
/// After fewer frames than this, the next look waits a little, so that a slow link is not read frame by frame.
const FEW: u32 = 64;
const PAUSE: Duration = Duration::from_millis(1);
/// Chunks of a queue: at the largest size they have, offsets still fit in 32 bits.
const CHUNKS: RangeInclusive<usize> = 64..=1 << 19;
/// Sizes of a chunk that the kernel knows.
const CHUNK_SMALL: u32 = 2048;
const CHUNK_LARGE: u32 = 4096;
/// `XDP_PACKET_HEADROOM` of linux/bpf.h: octets the kernel keeps before each frame.
const HEADROOM: u32 = 256;
/// Ethernet's header and two tags.
const LINK_LAYER: u32 = 14 + 2 * 4;

/// An interface read through AF_XDP.
#[derive(Debug)]
pub struct XdpSource {
    running: Running,
    device: Device,
    interface: String,
    lanes: usize,
    /// Octets of the longest frame the interface can carry.
    longest: u32,
    /// Emptied lists of frames, to be used again.
    shelf: Vec<Vec<Descriptor>>,
    is_slow: bool,
    is_drained: bool,
    /// Queues the interface has by now, where they are more than it was opened with.
    more_queues: Option<u32>,
}

impl XdpSource {
    /// Takes the frames of all receive queues of an interface. It has the memory of all lanes' rings together, rounded down for each queue to a power of
    /// two of chunks, 64 at least.
    ///
    /// Fails on an interface that the host itself needs, unless forced, and on one whose longest packet does not fit in a page.
    pub fn open(settings: &LiveSettings) -> Result<Self, SourceError> {
        let interface = settings.interface.as_str();
        if settings.kernel_filter.is_some() {
            let why = "AF_XDP has no filter in the kernel: leave --kernel-filter out";
            return Err(unfit(interface, why));
        }
        let fail = |step| move |source| refused(interface, Failure { step, source });
        let device = Device::open(interface).map_err(fail("find it"))?;
        if !device.is_ethernet().map_err(fail("find out what it is"))? {
            let why = "it is no Ethernet interface: use the kernel's ring instead";
            return Err(unfit(interface, why));
        }
        if !settings.force {
            let needs = host::needs(interface).map_err(fail("see what the host needs it for"))?;
            if let Some(needs) = needs {
                let why = format!(
                    "it {needs}, and frames that AF_XDP takes do not reach the host: name a port that only listens, use the kernel's ring instead, or --force it"
                );
                return Err(unfit(interface, why));
            }
        }
        let mtu = device.mtu().map_err(fail("read its MTU"))?;
        let Some(chunk) = chunk_for(mtu) else {
            let most = CHUNK_LARGE - HEADROOM - LINK_LAYER;
            let why = format!(
                "its MTU is {mtu}, and AF_XDP carries {most} at most: `ip link set dev {interface} mtu {most}`, or use the kernel's ring instead"
            );
            return Err(unfit(interface, why));
        };
        let count = queue::count(&device, interface).map_err(fail("count its receive queues"))?;
        let memory = settings.ring_bytes.saturating_mul(settings.lanes.max(1));
        let size = Size { chunk, chunks: chunks_for(memory / count.max(1) as usize, chunk) };
        if settings.promiscuous {
            device.see_all().map_err(fail("make it promiscuous"))?;
        }
        let running = Running::start(&device, count, size);
        Ok(Self {
            running: running.map_err(|failure| refused(interface, failure))?,
            device,
            interface: interface.to_owned(),
            lanes: settings.lanes.max(1),
            longest: mtu + LINK_LAYER,
            shelf: Vec::new(),
            is_slow: false,
            is_drained: false,
            more_queues: None,
        })
    }

    /// How frames get here.
    pub const fn mode(&self) -> Mode {
        self.running.mode
    }

    /// Whether the interface takes VLAN tags out of frames, which are then lost; `None` where its driver does not say.
    pub fn loses_tags(&self) -> Option<bool> {
        self.device.takes_tags_out().ok()
    }

    /// What the kernel has counted for each receive queue.
    pub fn statistics(&mut self) -> Vec<Statistics> {
        self.running.queues.iter_mut().map(Queue::count).collect()
    }

    /// Gives chunks that have come home back to the kernel.
    fn refill(&mut self) {
        for queue in &mut self.running.queues {
            queue.refill(|frames| {
                if self.shelf.len() < SHELF {
                    self.shelf.push(frames);
                }
            });
        }
    }

    /// Hands over what is there now; gives the number of frames.
    fn harvest(&mut self, give: &mut dyn FnMut(Parcel)) -> u32 {
        let mut found = 0;
        for queue in &mut self.running.queues {
            // What comes meanwhile waits for the next look: no queue keeps the others waiting.
            let mut ready = queue.socket.receive.ready();
            let ts_ns = if ready > 0 { now::wall_ns() } else { 0 };
            found += ready;
            while ready > 0 {
                let count = ready.min(BATCH);
                ready -= count;
                let chunks = queue.take(count, self.shelf.pop().unwrap_or_default());
                give(Parcel::Any(Box::new(Batch { chunks, ts_ns, longest: self.longest })));
            }
        }
        found
    }

    /// Waits until a queue has frames.
    fn await_frames(&self, wait: Duration) -> Result<(), SourceError> {
        let queues = self.running.queues.iter();
        let mut sockets: Vec<_> =
            queues.map(|queue| PollFd::new(queue.socket.as_fd(), PollFlags::POLLIN)).collect();
        match poll(&mut sockets, PollTimeout::try_from(wait).unwrap_or(PollTimeout::MAX)) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => {
                let failure = Failure { step: "wait for frames", source: error.into() };
                Err(refused(&self.interface, failure))
            }
        }
    }
}

impl LiveSource for XdpSource {
    fn backend(&self) -> &'static str {
        "af_xdp"
    }

    fn timestamp_source(&self) -> &'static str {
        "user"
    }

    /// [`SourceError::Unfit`] when the interface has got more receive queues: their frames pass by until it is opened again.
    fn poll(&mut self, wait: Duration, give: &mut dyn FnMut(Parcel)) -> Result<(), SourceError> {
        if let Some(now) = self.more_queues {
            let before = self.running.queues.len();
            let why = format!(
                "it had {before} receive queues when it was opened and has {now} now; frames of new ones pass by unseen until it is opened again"
            );
            return Err(unfit(&self.interface, why));
        }
        let is_stopped = self.running.link.is_none();
        if self.is_slow {
            pause(wait.min(PAUSE));
        }
        self.refill();
        let mut found = self.harvest(give);
        if found == 0 {
            let is_short = self.running.queues.iter().any(Queue::is_short);
            self.await_frames(if is_stopped || is_short { wait.min(PAUSE) } else { wait })?;
            self.refill();
            found = self.harvest(give);
        }
        self.is_slow = (1..FEW).contains(&found);
        self.is_drained = is_stopped && found == 0;
        if found == 0 && !self.device.is_there() {
            return Err(SourceError::Gone(self.interface.clone()));
        }
        Ok(())
    }

    /// Of queue 0 in lane 0 and so on, round and round: what a queue drops belongs to no lane in particular. Dropped are frames for which there was no
    /// chunk or no place in the ring, and frames longer than a chunk. How many the kernel saw is not said: a driver that writes in place drops on its own
    /// when it has no chunk, and then only [`KernelCounters::xdp_fill_ring_empty`] moves.
    fn counters(&mut self) -> Vec<KernelCounters> {
        let before = self.running.queues.len();
        let now = queue::count(&self.device, &self.interface).ok();
        self.more_queues = now.filter(|now| *now as usize > before);
        let mut lanes = vec![Statistics::default(); self.lanes];
        for (at, counted) in self.statistics().into_iter().enumerate() {
            if let Some(lane) = lanes.get_mut(at % self.lanes) {
                *lane = lane.plus(counted);
            }
        }
        lanes.into_iter().map(counters_of).collect()
    }

    fn stop(&mut self) {
        self.running.link = None;
    }

    fn is_drained(&mut self) -> bool {
        self.is_drained
    }
}

fn counters_of(counted: Statistics) -> KernelCounters {
    KernelCounters {
        packets: None,
        drops: Some(counted.rx_dropped + counted.rx_ring_full),
        freezes: None,
        xdp_rx_dropped: Some(counted.rx_dropped),
        xdp_rx_ring_full: Some(counted.rx_ring_full),
        xdp_fill_ring_empty: Some(counted.rx_fill_ring_empty),
    }
}

/// The smallest chunk that holds a frame of an interface's longest packet.
fn chunk_for(mtu: u32) -> Option<u32> {
    let longest = mtu.checked_add(HEADROOM + LINK_LAYER)?;
    [CHUNK_SMALL, CHUNK_LARGE].into_iter().find(|chunk| longest <= *chunk)
}

/// How many chunks fit in so much memory: a power of two.
fn chunks_for(memory: usize, chunk: u32) -> u32 {
    let fitting = (memory / chunk as usize).clamp(*CHUNKS.start(), *CHUNKS.end());
    u32::try_from(1_usize << fitting.ilog2()).unwrap_or(CHUNK_SMALL)
}

#[cfg(test)]
mod tests {
    use crate::source::xdp::{chunk_for, chunks_for};

    #[test]
    fn chunks_fit_frames_and_memory() {
        assert_eq!(chunk_for(1500), Some(2048));
        assert_eq!(chunk_for(2048 - 256 - 22), Some(2048));
        assert_eq!(chunk_for(2048 - 256 - 21), Some(4096));
        assert_eq!(chunk_for(4096 - 256 - 22), Some(4096));
        assert_eq!(chunk_for(4096 - 256 - 21), None);
        assert_eq!(chunk_for(u32::MAX), None);
        assert_eq!(chunks_for(0, 2048), 64);
        assert_eq!(chunks_for(3 << 20, 2048), 1024, "rounded down to a power of two");
        assert_eq!(chunks_for(usize::MAX, 4096), 1 << 19);
        assert!(chunks_for(usize::MAX, 4096).checked_mul(4096).is_some());
    }
}
