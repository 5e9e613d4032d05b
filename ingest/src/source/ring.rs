//! The kernel's `TPACKET_V3` rings, one a lane: frames are read where the kernel put them (packet(7) and the kernel's `networking/packet_mmap`).
//!
//! A block of the ring is handed over as it is, and is the kernel's again when the last lane has dropped it. Blocks may come back in any order; the kernel
//! fills them, and this reads them, in the order of the ring. No system call is made for a packet: one poll(2) where nothing is ready.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use libc::{c_int, tpacket_req3};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{TimestampingFlag, getsockopt, setsockopt, sockopt};

use crate::block::{FrameRef, Memory, Unwalked, Walk};
use crate::source::live::{Fanout, KernelCounters, LiveSettings, LiveSource, Parcel};
use crate::source::sys::ring::{Blocks, HeldBlock};
use crate::source::sys::socket::PacketSocket;
use crate::source::tpacket::{self, Interface, TAG};
use crate::source::{SourceError, fanout, interface};

/// How long to wait for a lane that has the next block.
const NAP: Duration = Duration::from_millis(1);
/// What the kernel divides a block by to check our figures; frames may be longer.
const FRAME_BYTES: usize = 2048;
/// How long the kernel can take to hand over what it has counted: whoever waits for [`LiveSource::is_drained`] may give up after this.
pub const DRAIN_MAX: Duration = Duration::from_secs(1);

/// How often, and for how long each time, to look whether the rings of a deleted interface still have something.
const FAREWELLS_MAX: u32 = 50;
const FAREWELL: Duration = Duration::from_millis(20);

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waited {
    /// Nothing happened.
    Quiet,
    /// A ring may have something.
    Ready,
    /// The kernel has something to say about a socket.
    News,
}

/// The rings of an interface.
#[derive(Debug)]
pub struct RingSource {
    name: String,
    interface: Arc<Interface>,
    index: c_int,
    rings: Vec<Ring>,
    is_stamped: bool,
    /// The interface was deleted: polls to go before it is given up.
    farewell: Option<u32>,
    /// Stopped, and everything counted was handed over.
    is_done: bool,
}

/// The socket and ring of a lane.
#[derive(Debug)]
struct Ring {
    socket: PacketSocket,
    blocks: Arc<Blocks>,
    /// The block the kernel fills next.
    next: usize,
    handed: u64,
    packets: u64,
    drops: u64,
    freezes: u64,
}

/// A block of the ring that nobody has walked.
struct RingBlock {
    block: HeldBlock,
    interface: Arc<Interface>,
}

impl Memory for HeldBlock {
    fn bytes(&self) -> &[u8] {
        Self::bytes(self)
    }
}

impl Unwalked for RingBlock {
    fn packets(&self) -> u64 {
        tpacket::packets(self.block.bytes())
    }

    fn walk(mut self: Box<Self>, lane: u8, mut frames: Vec<FrameRef>) -> Walk {
        let bytes = self.block.bytes_mut();
        let super_frames = tpacket::walk(bytes, &self.interface, lane, &mut frames);
        Walk { memory: Arc::new(self.block), frames, super_frames }
    }
}

/// The figures of a ring, checked.
fn request(settings: &LiveSettings) -> Result<tpacket_req3, SourceError> {
    let unfit = |why: String| SourceError::Unfit { interface: settings.interface.clone(), why };
    let (ring, block) = (settings.ring_bytes, settings.block_bytes);
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten();
    let page = page.and_then(|page| usize::try_from(page).ok()).unwrap_or(4096);
    if !block.is_power_of_two() || !block.is_multiple_of(page) {
        return Err(unfit(format!(
            "a block of {block} octets is not a power of two of at least a page ({page} octets)"
        )));
    }
    let count = ring / block;
    if count < 2 {
        return Err(unfit(format!(
            "a ring of {ring} octets has no room for two blocks of {block}; make the ring larger or the block smaller"
        )));
    }
    let number = |value: usize| {
        c_int::try_from(value).map(c_int::cast_unsigned).map_err(|_| {
            unfit(format!(
                "a ring of {ring} octets is more than the kernel can count; make it smaller"
            ))
        })
    };
    let retire = settings.retire.as_millis().clamp(1, 10_000);
    Ok(tpacket_req3 {
        tp_block_size: number(block)?,
        tp_block_nr: number(count)?,
        tp_frame_size: number(FRAME_BYTES)?,
        tp_frame_nr: number((block / FRAME_BYTES).saturating_mul(count))?,
        tp_retire_blk_tov: u32::try_from(retire).unwrap_or(1),
        tp_sizeof_priv: 0,
        tp_feature_req_word: 0,
    })
}

impl Ring {
    /// A ring that is bound, and lets nothing in yet.
    fn open(settings: &LiveSettings, index: c_int) -> Result<Self, SourceError> {
        let failed =
            |what: &'static str| move |error| interface::refused(&settings.interface, what, error);
        let request = request(settings)?;
        let socket = PacketSocket::open().map_err(failed("a packet socket"))?;
        socket.set_filter(&interface::NOTHING).map_err(failed("a filter"))?;
        let version = c_int::try_from(libc::tpacket_versions::TPACKET_V3 as u32).unwrap_or(2);
        let room = c_int::try_from(TAG).unwrap_or(4);
        for (name, value, what) in [
            (libc::PACKET_VERSION, version, "a ring of version 3"),
            (libc::PACKET_IGNORE_OUTGOING, 1, "incoming packets only"),
            (libc::PACKET_RESERVE, room, "room for a VLAN tag"),
        ] {
            socket.set_number(name, value).map_err(failed(what))?;
        }
        let blocks = Blocks::map(&socket, &request).map_err(failed("the ring's memory"))?;
        socket.bind(index).map_err(failed("binding to it"))?;
        if settings.promiscuous {
            socket.set_promiscuous(index).map_err(failed("promiscuous mode"))?;
        }
        Ok(Self {
            socket,
            blocks: Arc::new(blocks),
            next: 0,
            handed: 0,
            packets: 0,
            drops: 0,
            freezes: 0,
        })
    }

    /// Has the kernel stamp packets when they arrive, not when they reach the ring; tells whether it does.
    fn stamp(&self) -> bool {
        let wanted = TimestampingFlag::SOF_TIMESTAMPING_RX_SOFTWARE
            | TimestampingFlag::SOF_TIMESTAMPING_SOFTWARE;
        setsockopt(&self.socket.as_fd(), sockopt::Timestamping, &wanted).is_ok()
    }

    /// Hands over every block that is ready; tells whether there was one.
    fn drain(&mut self, lane: usize, of: &Arc<Interface>, give: &mut dyn FnMut(Parcel)) -> bool {
        let mut found = false;
        // Each block once: a reader that is slower than the kernel comes back to its other rings.
        for _ in 0..self.blocks.count() {
            let Some(block) = self.blocks.take(self.next) else { break };
            self.next = (self.next + 1) % self.blocks.count();
            let block = RingBlock { block, interface: Arc::clone(of) };
            let packets = block.packets();
            if packets > 0 {
                found = true;
                self.handed += packets;
                give(Parcel::Lane(lane, Box::new(block)));
            }
        }
        found
    }

    /// Adds up what the kernel has counted since it was last asked.
    fn count(&mut self) {
        // It cannot fail on a ring that is open; then the sums stay what they are.
        if let Ok(since) = self.socket.take_statistics() {
            self.packets += u64::from(since.tp_packets);
            self.drops += u64::from(since.tp_drops);
            self.freezes += u64::from(since.tp_freeze_q_cnt);
        }
    }
}

impl RingSource {
    /// Opens a ring for each lane, and then lets packets into all of them.
    pub fn open(settings: &LiveSettings) -> Result<Self, SourceError> {
        let name = settings.interface.clone();
        let refused =
            |what: &'static str| move |error| interface::refused(&settings.interface, what, error);
        let index = interface::index_of(&name)?;
        let rings = (0..settings.lanes.max(1))
            .map(|_| Ring::open(settings, index))
            .collect::<Result<Vec<_>, _>>()?;
        let Some(first) = rings.first() else { return Err(SourceError::Gone(name)) };
        let (_, hardware) = first.socket.bound().map_err(refused("its kind"))?;
        let link = interface::link_of(&name, hardware)?;
        let mtu = first.socket.mtu(&name).map_err(refused("its MTU"))?;
        let is_stamped = first.stamp();
        share_out(settings, &rings).map_err(refused("sharing packets over lanes"))?;
        for ring in &rings {
            let opened = match &settings.kernel_filter {
                Some(program) => ring.socket.set_filter(program),
                None => ring.socket.clear_filter(),
            };
            opened.map_err(refused("the filter in the kernel"))?;
        }
        let interface = Arc::new(Interface { link, mtu: AtomicU32::new(mtu) });
        Ok(Self { name, interface, index, rings, is_stamped, farewell: None, is_done: false })
    }

    fn drain(&mut self, give: &mut dyn FnMut(Parcel)) -> bool {
        let mut found = false;
        for (lane, ring) in self.rings.iter_mut().enumerate() {
            found |= ring.drain(lane, &self.interface, give);
        }
        found
    }

    /// Waits until a ring may have something.
    fn wait(&self, wait: Duration) -> Result<Waited, SourceError> {
        let mut fds: Vec<PollFd<'_>> = self
            .rings
            .iter()
            .map(|ring| PollFd::new(ring.socket.as_fd(), PollFlags::POLLIN | PollFlags::POLLERR))
            .collect();
        match poll(&mut fds, PollTimeout::try_from(wait).unwrap_or(PollTimeout::MAX)) {
            Ok(0) | Err(Errno::EINTR) => return Ok(Waited::Quiet),
            Ok(_) => {}
            Err(error) => {
                return Err(interface::refused(&self.name, "waiting for packets", error.into()));
            }
        }
        let news = PollFlags::POLLERR | PollFlags::POLLHUP | PollFlags::POLLNVAL;
        let has_news = |fd: &PollFd<'_>| fd.revents().is_some_and(|events| events.intersects(news));
        Ok(if fds.iter().any(has_news) { Waited::News } else { Waited::Ready })
    }

    /// The kernel had to say that the interface went down, which is no error, or away.
    fn hear(&self) {
        for ring in &self.rings {
            // Reading the error clears it; otherwise every wait would end at once.
            let _ = getsockopt(&ring.socket.as_fd(), sockopt::SocketError);
        }
    }

    /// Of the deletion that follows a link going down the kernel says nothing, so it is looked for whenever nothing comes.
    fn look(&mut self) {
        let is_deleted = |ring: &Ring| ring.socket.bound().is_ok_and(|(at, _)| at != self.index);
        if self.rings.iter().any(is_deleted) {
            self.farewell.get_or_insert(FAREWELLS_MAX);
        }
    }

    /// The interface is gone: what its rings still hold comes out, then the error.
    fn part(&mut self) -> Result<(), SourceError> {
        let left = self.farewell.unwrap_or_default();
        if left == 0 || self.is_drained() {
            return Err(SourceError::Gone(self.name.clone()));
        }
        self.farewell = Some(left - 1);
        interface::nap(FAREWELL);
        Ok(())
    }
}

impl LiveSource for RingSource {
    fn backend(&self) -> &'static str {
        "tpacket_v3"
    }

    fn timestamp_source(&self) -> &'static str {
        if self.is_stamped { "software" } else { "ring" }
    }

    fn poll(&mut self, wait: Duration, give: &mut dyn FnMut(Parcel)) -> Result<(), SourceError> {
        if self.drain(give) {
            return Ok(());
        }
        if self.farewell.is_some() {
            return self.part();
        }
        let waited = self.wait(wait)?;
        match waited {
            Waited::Ready => {}
            Waited::Quiet => self.look(),
            Waited::News => {
                self.hear();
                self.look();
            }
        }
        if !self.drain(give) && waited != Waited::Quiet {
            // The kernel says there is something as long as a lane has the newest block.
            interface::nap(NAP.min(wait));
        }
        Ok(())
    }

    fn counters(&mut self) -> Vec<KernelCounters> {
        if !self.is_done {
            self.rings.iter_mut().for_each(Ring::count);
        }
        if let Some(Ok(mtu)) = self.rings.first().map(|ring| ring.socket.mtu(&self.name)) {
            self.interface.mtu.store(mtu, Ordering::Relaxed);
        }
        let counted = self.rings.iter().map(|ring| KernelCounters {
            packets: Some(ring.packets),
            drops: Some(ring.drops),
            freezes: Some(ring.freezes),
            ..KernelCounters::default()
        });
        counted.collect()
    }

    /// A filter that accepts nothing takes the place of the one there is.
    fn stop(&mut self) {
        for ring in &self.rings {
            // It cannot fail but for memory; then packets go on coming until the socket closes.
            let _ = ring.socket.set_filter(&interface::NOTHING);
        }
    }

    /// True only when packets counted are packets dropped and packets handed over, on every ring; the kernel hands over its last block when the time to
    /// retire it has passed. From then on [`LiveSource::counters`] stay as they are. Give up after [`DRAIN_MAX`].
    fn is_drained(&mut self) -> bool {
        if !self.is_done {
            self.rings.iter_mut().for_each(Ring::count);
            self.is_done = self.rings.iter().all(|ring| ring.packets == ring.drops + ring.handed);
        }
        self.is_done
    }
}

/// Has the kernel share packets out over the rings.
fn share_out(settings: &LiveSettings, rings: &[Ring]) -> io::Result<()> {
    if rings.len() < 2 && settings.fanout_group == 0 {
        return Ok(());
    }
    let kind = match settings.fanout {
        Fanout::Hosts => libc::PACKET_FANOUT_CBPF,
        Fanout::Hash => libc::PACKET_FANOUT_HASH,
    };
    // A group has a hook of its own, which does not know what its sockets ignore.
    let kind = kind | libc::PACKET_FANOUT_FLAG_IGNORE_OUTGOING;
    let mut group = u32::from(settings.fanout_group);
    for (number, ring) in rings.iter().enumerate() {
        // Of no number: the kernel finds one that is free, and the other rings use it.
        let is_new = group == 0 && number == 0;
        let flag = if is_new { libc::PACKET_FANOUT_FLAG_UNIQUEID } else { 0 };
        let value = (kind | flag) << 16 | group;
        ring.socket.set_number(libc::PACKET_FANOUT, value.cast_signed())?;
        if is_new {
            group = ring.socket.number(libc::PACKET_FANOUT)?.cast_unsigned() & 0xffff;
        }
    }
    match rings.first() {
        Some(ring) if settings.fanout == Fanout::Hosts => {
            ring.socket.set_fanout_program(&fanout::hosts())
        }
        _ => Ok(()),
    }
}
