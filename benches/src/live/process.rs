//! A process seen from outside, by proc(5): time on the processor by thread, memory, threads, descriptors.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;
use std::{fs, thread};

use nix::unistd::{SysconfVar, sysconf};

/// Between two looks whether a process has come to rest, and time on the processor that is rest.
const LOOK: Duration = Duration::from_millis(250);
const REST: Duration = Duration::from_millis(8);
/// Looks before that is given up.
const LOOKS_MAX: u32 = 60;

/// Time on the processor of each living thread, by its number, with its name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Threads(BTreeMap<u32, (String, Duration)>);

impl Threads {
    /// Of a process, in nanoseconds as the scheduler counts them.
    pub(crate) fn of(process: u32) -> Result<Self, Box<dyn Error>> {
        let mut threads = BTreeMap::new();
        for entry in fs::read_dir(format!("/proc/{process}/task"))? {
            let path = entry?.path();
            let number = path.file_name().and_then(|name| name.to_str()?.parse().ok());
            // A thread may end between two looks.
            let (Ok(name), Ok(times)) =
                (fs::read_to_string(path.join("comm")), fs::read_to_string(path.join("schedstat")))
            else {
                continue;
            };
            let spent = times.split_whitespace().next().and_then(|spent| spent.parse().ok());
            let (Some(number), Some(spent)) = (number, spent) else {
                return Err(format!("{} has an unknown form", path.display()).into());
            };
            threads.insert(number, (name.trim().to_owned(), Duration::from_nanos(spent)));
        }
        Ok(Self(threads))
    }

    /// What each thread has spent since an earlier look, by name.
    pub(crate) fn since(&self, before: &Self) -> BTreeMap<String, Duration> {
        let mut spent = BTreeMap::new();
        for (number, (name, now)) in &self.0 {
            let then = before.0.get(number).map_or(Duration::ZERO, |(_, then)| *then);
            *spent.entry(name.clone()).or_default() += now.saturating_sub(then);
        }
        spent
    }

    /// Numbers and names.
    pub(crate) fn names(&self) -> impl Iterator<Item = (u32, &str)> {
        self.0.iter().map(|(number, (name, _))| (*number, name.as_str()))
    }

    /// Those of one name, in the order in which they began, with their time.
    pub(crate) fn named(&self, name: &str) -> impl Iterator<Item = (u32, Duration)> {
        let of_name = self.0.iter().filter(move |(_, (known, _))| known == name);
        of_name.map(|(number, (_, spent))| (*number, *spent))
    }

    fn total(&self) -> Duration {
        self.0.values().map(|(_, spent)| *spent).sum()
    }
}

/// Waits until a process has nothing left to do, but not for long.
pub(crate) fn rest(process: u32) -> Result<(), Box<dyn Error>> {
    let mut before = Threads::of(process)?.total();
    for _ in 0..LOOKS_MAX {
        thread::sleep(LOOK);
        let now = Threads::of(process)?.total();
        if now.saturating_sub(before) < REST {
            return Ok(());
        }
        before = now;
    }
    Err("the receiver does not come to rest".into())
}

/// A number of `/proc/PID/status`: `VmHWM` and `VmRSS` in KiB, `Threads`.
pub(crate) fn status(process: u32, name: &str) -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    Ok(number.ok_or_else(|| format!("/proc/{process}/status has no {name}"))?)
}

/// Time that nobody used, of all processors since the machine began.
pub(crate) fn idle() -> Result<Duration, Box<dyn Error>> {
    let stat = fs::read_to_string("/proc/stat")?;
    let ticks = sysconf(SysconfVar::CLK_TCK)?.and_then(|ticks| u32::try_from(ticks).ok());
    // user, nice, system, idle, waiting for a disk
    let times = stat.lines().next().map(|line| line.split_whitespace().skip(4).take(2));
    let idle = times.and_then(|times| times.map(|time| time.parse::<u64>().ok()).sum());
    let (Some(ticks), Some(idle)) = (ticks, idle) else {
        return Err("/proc/stat has an unknown form".into());
    };
    Ok(Duration::from_secs(idle) / ticks.max(1))
}

/// Open descriptors.
pub(crate) fn descriptors(process: u32) -> Result<usize, Box<dyn Error>> {
    Ok(fs::read_dir(format!("/proc/{process}/fd"))?.count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_told_by_its_name_and_its_work() {
        let process = std::process::id();
        let before = Threads::of(process).unwrap();
        let work = move || {
            let mut sum = 0_u64;
            for number in 0..30_000_000_u64 {
                sum = std::hint::black_box(sum ^ number);
            }
            Threads::of(process).unwrap()
        };
        let worker = thread::Builder::new().name("busy".to_owned()).spawn(work).unwrap();
        let spent = worker.join().unwrap().since(&before);
        assert!(spent["busy"] > Duration::from_millis(1), "{spent:?}");
        assert!(status(process, "VmRSS").unwrap() > 100 && status(process, "Threads").unwrap() > 0);
        assert!(idle().unwrap() > Duration::ZERO);
        assert!(descriptors(process).unwrap() > 2 && status(process, "Nothing").is_err());
    }
}
