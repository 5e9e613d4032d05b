//! What a reader, lanes and writers would take on so many processors, found by stepping from one event to the next.
//!
//! Nothing is random and no clock is read: the same plan in the same house gives the same run. Threads are shared out fairly: where more of them have work
//! than there are processors, all go slower alike. Caches and memory that processors share are not in it: each step has its price, whoever works beside it.

use std::collections::VecDeque;

use crate::contest::real;

/// With none, nothing would ever be done.
const CORES_MIN: f64 = 0.01;

/// What one lane does with one block, or with a part of the flows that are open at the end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Task {
    /// Whose it is.
    pub lane: usize,
    /// Work of the lane.
    pub ns: f64,
    /// Rows that it then hands to the writer.
    pub rows: u64,
}

/// A block, from the reader to those lanes that have a task with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Parcel {
    /// Work of the reader.
    pub ns: f64,
    /// Handed over in this order.
    pub tasks: Vec<Task>,
}

/// All there is to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Number of lanes.
    pub lanes: usize,
    /// In the order of reading.
    pub parcels: Vec<Parcel>,
    /// What each lane does after its last block.
    pub ends: Vec<Vec<Task>>,
    /// Work of a writer with a row.
    pub row_ns: f64,
    /// Work of a writer with a delivery, however many rows it has.
    pub delivery_ns: f64,
}

/// Where it is done. Nothing but processors is less than one, whatever is said here.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct House {
    /// Processors; a part of one where others use the rest.
    pub cores: f64,
    /// Threads that take deliveries, from one queue.
    pub writers: usize,
    /// Blocks that wait before a lane.
    pub blocks_waiting: usize,
    /// Deliveries that wait before the writers.
    pub deliveries_waiting: usize,
    /// Blocks that are out of the pool at a time.
    pub blocks_max: usize,
}

/// How it went.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// From the first to the last event.
    pub wall_ns: f64,
    /// Work that the reader did.
    pub reader_ns: f64,
    /// Each lane.
    pub lanes_ns: Vec<f64>,
    /// Each writer.
    pub writers_ns: Vec<f64>,
    /// Blocks that each lane took.
    pub taken: Vec<u64>,
    /// Rows written.
    pub rows: u64,
    /// Blocks that were out of the pool at the same time.
    pub out_most: usize,
}

/// Work that a thread has before it, and has done.
#[derive(Debug, Clone, Copy, Default)]
struct Hands {
    left_ns: f64,
    done_ns: f64,
}

impl Hands {
    fn begin(&mut self, ns: f64) {
        self.left_ns = ns.max(0.0);
    }

    fn is_free(self) -> bool {
        self.left_ns <= 0.0
    }

    fn work(&mut self, ns: f64) {
        if !self.is_free() {
            self.left_ns -= ns;
            self.done_ns += ns;
        }
    }
}

/// What the reader is at, of which parcel.
#[derive(Debug, Clone, Copy)]
enum Reading {
    /// Wants memory for it.
    Waits(usize),
    /// Reads it.
    Reads(usize),
    /// Hands it to the lanes; the next of its tasks.
    Hands(usize, usize),
}

/// What a lane is at.
#[derive(Debug, Clone, Copy)]
enum Working {
    Idle,
    /// At the parcel's task, or at one of the end; rows to come.
    Works(Option<usize>, u64),
    /// Has made a delivery for which there is no room.
    Blocked(Option<usize>),
}

#[derive(Debug)]
struct Lane {
    hands: Hands,
    state: Working,
    queue: VecDeque<(usize, Task)>,
    /// Tasks of the end that have been begun.
    ended: usize,
    taken: u64,
}

#[derive(Debug, Default)]
struct Writer {
    hands: Hands,
    /// Rows of the delivery it is at.
    rows: Option<u64>,
}

struct Simulation<'a> {
    plan: &'a Plan,
    house: House,
    reader: (Hands, Reading),
    lanes: Vec<Lane>,
    writers: Vec<Writer>,
    /// Deliveries, with whose they are; those beyond the queue's room block their lanes.
    deliveries: VecDeque<(usize, u64)>,
    /// Lanes that are not yet done with each parcel.
    holders: Vec<usize>,
    out: usize,
    out_most: usize,
    rows: u64,
}

/// Plays a plan to its end.
pub fn simulate(plan: &Plan, house: House) -> Run {
    let mut simulation = Simulation::new(plan, house);
    let mut wall_ns = 0.0;
    loop {
        simulation.settle();
        let busy = simulation.hands().filter(|hands| !hands.is_free());
        let (count, least) =
            busy.fold((0_u32, f64::INFINITY), |(n, least), h| (n + 1, least.min(h.left_ns)));
        if count == 0 {
            return simulation.end(wall_ns);
        }
        wall_ns += least * (f64::from(count) / house.cores.max(CORES_MIN)).max(1.0);
        simulation.work(least);
    }
}

impl<'a> Simulation<'a> {
    fn new(plan: &'a Plan, house: House) -> Self {
        let lane = |_| Lane {
            hands: Hands::default(),
            state: Working::Idle,
            queue: VecDeque::new(),
            ended: 0,
            taken: 0,
        };
        Self {
            plan,
            house,
            reader: (Hands::default(), Reading::Waits(0)),
            lanes: (0..plan.lanes).map(lane).collect(),
            writers: (0..house.writers.max(1)).map(|_| Writer::default()).collect(),
            deliveries: VecDeque::new(),
            holders: plan.parcels.iter().map(|parcel| parcel.tasks.len()).collect(),
            out: 0,
            out_most: 0,
            rows: 0,
        }
    }

    fn hands(&self) -> impl Iterator<Item = Hands> {
        let lanes = self.lanes.iter().map(|lane| lane.hands);
        let writers = self.writers.iter().map(|writer| writer.hands);
        std::iter::once(self.reader.0).chain(lanes).chain(writers)
    }

    /// Everybody who has work does so much of it.
    fn work(&mut self, ns: f64) {
        self.reader.0.work(ns);
        self.lanes.iter_mut().for_each(|lane| lane.hands.work(ns));
        self.writers.iter_mut().for_each(|writer| writer.hands.work(ns));
    }

    /// Does all that takes no time, until nothing is left of it.
    fn settle(&mut self) {
        loop {
            let mut moved = self.read();
            for lane in 0..self.lanes.len() {
                moved |= self.lane(lane);
            }
            for writer in 0..self.writers.len() {
                moved |= self.write(writer);
            }
            if !moved {
                return;
            }
        }
    }

    /// The reader's next step; `false` where it has to wait.
    fn read(&mut self) -> bool {
        let (hands, state) = &mut self.reader;
        *state = match *state {
            Reading::Waits(parcel) => {
                let Some(next) = self.plan.parcels.get(parcel) else { return false };
                if self.out >= self.house.blocks_max.max(1) {
                    return false;
                }
                self.out += usize::from(!next.tasks.is_empty());
                self.out_most = self.out_most.max(self.out);
                hands.begin(next.ns);
                Reading::Reads(parcel)
            }
            Reading::Reads(parcel) if hands.is_free() => Reading::Hands(parcel, 0),
            Reading::Reads(_) => return false,
            Reading::Hands(parcel, at) => {
                let tasks = self.plan.parcels.get(parcel).map(|parcel| parcel.tasks.as_slice());
                match tasks.unwrap_or_default().get(at) {
                    None => Reading::Waits(parcel + 1),
                    Some(task) => {
                        let Some(lane) = self.lanes.get_mut(task.lane) else { return false };
                        if lane.queue.len() >= self.house.blocks_waiting.max(1) {
                            return false;
                        }
                        lane.queue.push_back((parcel, *task));
                        Reading::Hands(parcel, at + 1)
                    }
                }
            }
        };
        true
    }

    /// Whether the reader has handed over all there is.
    fn is_read(&self) -> bool {
        matches!(self.reader.1, Reading::Waits(parcel) if parcel >= self.plan.parcels.len())
    }

    /// A lane's next step.
    fn lane(&mut self, number: usize) -> bool {
        let is_read = self.is_read();
        let Some(lane) = self.lanes.get_mut(number) else { return false };
        match lane.state {
            Working::Idle => {
                let next = lane.queue.pop_front().map(|(parcel, task)| (Some(parcel), task));
                let next = next.or_else(|| {
                    let ends = self.plan.ends.get(number).filter(|_| is_read)?;
                    let task = *ends.get(lane.ended)?;
                    lane.ended += 1;
                    Some((None, task))
                });
                let Some((parcel, task)) = next else { return false };
                lane.hands.begin(task.ns);
                lane.state = Working::Works(parcel, task.rows);
            }
            Working::Works(parcel, rows) if lane.hands.is_free() => {
                lane.state = Working::Blocked(parcel);
                self.deliveries.push_back((number, rows));
                if self.deliveries.len() <= self.house.deliveries_waiting.max(1) {
                    self.release(number);
                }
            }
            Working::Works(..) | Working::Blocked(_) => return false,
        }
        true
    }

    /// A lane's delivery has found room: it is done with its block.
    fn release(&mut self, number: usize) {
        let Some(lane) = self.lanes.get_mut(number) else { return };
        if let Working::Blocked(Some(parcel)) = lane.state {
            lane.taken += 1;
            if let Some(holders) = self.holders.get_mut(parcel) {
                *holders = holders.saturating_sub(1);
                self.out -= usize::from(*holders == 0);
            }
        }
        lane.state = Working::Idle;
    }

    /// A writer's next step.
    fn write(&mut self, number: usize) -> bool {
        let Some(writer) = self.writers.get_mut(number) else { return false };
        match writer.rows {
            Some(rows) if writer.hands.is_free() => {
                self.rows += rows;
                writer.rows = None;
            }
            Some(_) => return false,
            None => {
                let Some((_, rows)) = self.deliveries.pop_front() else { return false };
                writer.rows = Some(rows);
                writer.hands.begin(real(rows) * self.plan.row_ns + self.plan.delivery_ns);
                let last = self.house.deliveries_waiting.max(1) - 1;
                if let Some((lane, _)) = self.deliveries.get(last).copied() {
                    self.release(lane);
                }
            }
        }
        true
    }

    fn end(self, wall_ns: f64) -> Run {
        Run {
            wall_ns,
            reader_ns: self.reader.0.done_ns,
            lanes_ns: self.lanes.iter().map(|lane| lane.hands.done_ns).collect(),
            writers_ns: self.writers.iter().map(|writer| writer.hands.done_ns).collect(),
            taken: self.lanes.iter().map(|lane| lane.taken).collect(),
            rows: self.rows,
            out_most: self.out_most,
        }
    }
}

impl Run {
    /// The most that stood in its way, and which share of the time that was at work: what is at 1 lets nothing go faster.
    pub fn limit(&self, cores: f64) -> (&'static str, f64) {
        let most = |times: &[f64]| times.iter().copied().fold(0.0, f64::max);
        let sum = |times: &[f64]| times.iter().sum::<f64>();
        let (lanes, writers) = (sum(&self.lanes_ns), sum(&self.writers_ns));
        let all = self.reader_ns + lanes + writers;
        let shares = [
            ("processors", all / cores.max(CORES_MIN)),
            ("writer", most(&self.writers_ns)),
            ("reader", self.reader_ns),
            ("lane", most(&self.lanes_ns)),
        ];
        let (name, most) =
            shares.into_iter().fold(("", 0.0), |a, b| if b.1 > a.1 * 1.001 { b } else { a });
        (name, if self.wall_ns > 0.0 { most / self.wall_ns } else { 0.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    /// Whole nanoseconds, so that sums are exact.
    fn task(lanes: usize) -> impl Strategy<Value = Task> {
        let parts = (0..lanes, 0_u8..60, 0_u64..4);
        parts.prop_map(|(lane, ns, rows)| Task { lane, ns: f64::from(ns), rows })
    }

    fn plan() -> impl Strategy<Value = Plan> {
        (1_usize..6).prop_flat_map(|lanes| {
            let parcel = (0_u8..60, vec(task(lanes), 0..5))
                .prop_map(|(ns, tasks)| Parcel { ns: f64::from(ns), tasks });
            let ends = vec(vec(task(lanes), 0..5), lanes);
            (vec(parcel, 0..40), ends, 0_u8..40, 0_u8..9).prop_map(move |given| {
                let (parcels, ends, row, delivery) = given;
                let (row_ns, delivery_ns) = (f64::from(row), f64::from(delivery));
                Plan { lanes, parcels, ends, row_ns, delivery_ns }
            })
        })
    }

    fn house() -> impl Strategy<Value = House> {
        (1_u8..9, 1_usize..4, 1_usize..5, 1_usize..5, 1_usize..20).prop_map(
            |(cores, writers, blocks_waiting, deliveries_waiting, blocks_max)| House {
                cores: f64::from(cores) / 2.0,
                writers,
                blocks_waiting,
                deliveries_waiting,
                blocks_max,
            },
        )
    }

    /// All tasks, those of the end too.
    fn tasks(plan: &Plan) -> impl Iterator<Item = &Task> {
        let parcels = plan.parcels.iter().flat_map(|parcel| &parcel.tasks);
        parcels.chain(plan.ends.iter().flatten())
    }

    fn work(run: &Run) -> f64 {
        run.reader_ns + run.lanes_ns.iter().chain(&run.writers_ns).sum::<f64>()
    }

    /// Processors for every thread, so that none slows another down.
    const ROOMY: House = House {
        cores: 64.0,
        writers: 1,
        blocks_waiting: 8,
        deliveries_waiting: 16,
        blocks_max: 16,
    };

    proptest! {
        #[test]
        fn nothing_is_lost_made_up_or_left(plan in plan(), house in house()) {
            let run = simulate(&plan, house);
            let given: u64 = plan.parcels.iter().map(|parcel| parcel.tasks.len() as u64).sum();
            prop_assert_eq!(run.taken.iter().sum::<u64>(), given);
            prop_assert_eq!(run.rows, tasks(&plan).map(|task| task.rows).sum::<u64>());
            prop_assert!(run.out_most <= house.blocks_max);
            let read: f64 = plan.parcels.iter().map(|parcel| parcel.ns).sum();
            let lanes: f64 = tasks(&plan).map(|task| task.ns).sum();
            let written =
                tasks(&plan).map(|task| real(task.rows) * plan.row_ns + plan.delivery_ns);
            prop_assert!((work(&run) - read - lanes - written.sum::<f64>()).abs() < 1e-6);
        }

        #[test]
        fn the_same_plan_gives_the_same_run(plan in plan(), house in house()) {
            prop_assert_eq!(simulate(&plan, house), simulate(&plan, house));
        }

        /// Nothing is quicker than its busiest thread, or than all the work shared out evenly; and somebody always works.
        #[test]
        fn no_limit_is_passed(plan in plan(), house in house()) {
            let run = simulate(&plan, house);
            let threads = run.lanes_ns.iter().chain(&run.writers_ns).copied();
            let busiest = threads.fold(run.reader_ns, f64::max);
            prop_assert!(run.wall_ns >= busiest - 1e-6);
            prop_assert!(run.wall_ns >= work(&run) / house.cores - 1e-6);
            prop_assert!(run.wall_ns <= work(&run) / house.cores.min(1.0) + 1e-6);
            prop_assert!(run.limit(house.cores).1 <= 1.0 + 1e-9);
        }

        #[test]
        fn one_lane_alone_takes_its_own_time(times in vec(0_u8..60, 0..50), house in house()) {
            let house = House { cores: house.cores.max(1.0), ..house };
            let parcel = |ns: &u8| Parcel {
                ns: 0.0,
                tasks: vec![Task { lane: 0, ns: f64::from(*ns), rows: 1 }],
            };
            let parcels = times.iter().map(parcel).collect();
            let plan =
                Plan { lanes: 1, parcels, ends: Vec::new(), row_ns: 0.0, delivery_ns: 0.0 };
            let own: f64 = times.iter().copied().map(f64::from).sum();
            let run = simulate(&plan, house);
            prop_assert!((run.wall_ns - own).abs() < 1e-9);
        }

        #[test]
        fn more_writers_are_never_slower(plan in plan(), writers in 1_usize..5) {
            let of = |writers| simulate(&plan, House { writers, ..ROOMY }).wall_ns;
            // Whose delivery comes first can change with their number: by no more than what is at work at a time.
            let longest = tasks(&plan).map(|task| real(task.rows) * plan.row_ns + plan.delivery_ns);
            let slack = longest.fold(0.0, f64::max);
            prop_assert!(of(writers + 1) <= of(writers) + slack, "{} {}", of(writers), of(writers + 1));
        }

        /// Where nothing else has a price, lanes gain what the fullest of them lets them, and never more than their number.
        #[test]
        fn lanes_gain_at_most_their_number(own in vec(1_u8..60, 1..6), blocks in 1_usize..60) {
            let lanes = own.len();
            let task = |lane, ns: &u8| Task { lane, ns: f64::from(*ns), rows: 0 };
            let tasks: Vec<Task> = own.iter().enumerate().map(|(lane, ns)| task(lane, ns)).collect();
            let parcels = vec![Parcel { ns: 0.0, tasks }; blocks];
            let plan = Plan { lanes, parcels, ends: Vec::new(), row_ns: 0.0, delivery_ns: 0.0 };
            let all: f64 = own.iter().copied().map(f64::from).sum::<f64>() * real(blocks as u64);
            let most = own.iter().copied().max().map_or(0.0, f64::from) * real(blocks as u64);
            let wall = simulate(&plan, ROOMY).wall_ns;
            prop_assert!((wall - most).abs() < 1e-6 && all / wall <= real(lanes as u64) + 1e-9);
        }
    }

    #[test]
    fn a_slow_writer_holds_the_lanes_and_they_the_reader() {
        let task = |lane| Task { lane, ns: 1.0, rows: 1 };
        let parcel = Parcel { ns: 1.0, tasks: vec![task(0), task(1)] };
        let plan = Plan {
            lanes: 2,
            parcels: vec![parcel; 100],
            ends: vec![vec![task(0); 3], vec![]],
            row_ns: 10.0,
            delivery_ns: 0.0,
        };
        let run = simulate(&plan, ROOMY);
        assert_eq!((run.rows, run.taken.as_slice()), (203, [100, 100].as_slice()));
        let (limit, share) = run.limit(ROOMY.cores);
        assert!(limit == "writer" && share > 0.99, "{limit} {share}");
        // What waits before a lane, what it holds, what the reader holds: never all of the pool.
        assert_eq!(run.out_most, ROOMY.blocks_waiting + 2);
        let (limit, _) = simulate(&plan, House { cores: 1.0, ..ROOMY }).limit(1.0);
        assert_eq!(limit, "processors");
    }
}
