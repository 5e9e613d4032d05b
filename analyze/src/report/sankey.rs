//! The figure of the report: ribbons from vendors to countries, as wide as the octets sent.
//!
//! Geometry only; the template draws it. Small nodes get room for their label without being drawn larger than they are.

use crate::report::numbers;
use crate::report::share::percent;

/// Room a label needs.
const SLOT_MIN: f64 = 24.0;
const GAP: f64 = 8.0;
/// Height of all bars of a side together.
const BARS: f64 = 400.0;
const LEFT: f64 = 262.0;
const RIGHT: f64 = 730.0;
const BAR_WIDTH: f64 = 14.0;

/// A part of the figure's input: from, to, octets.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) octets: i64,
}

/// A bar with its label.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) label: String,
    pub(crate) volume: String,
    pub(crate) share: String,
    pub(crate) class: String,
    pub(crate) y: f64,
    pub(crate) height: f64,
}

impl Node {
    /// Where the label stands.
    pub(crate) fn middle(&self) -> f64 {
        self.y + (self.height / 2.0).max(SLOT_MIN / 2.0 - 2.0)
    }
}

/// A ribbon.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ribbon {
    pub(crate) path: String,
    pub(crate) class: String,
    pub(crate) title: String,
}

/// The drawing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sankey {
    pub(crate) left: Vec<Node>,
    pub(crate) right: Vec<Node>,
    pub(crate) ribbons: Vec<Ribbon>,
    pub(crate) height: f64,
}

/// Name and colour class of a node.
pub(crate) type Name = (String, String);

impl Sankey {
    /// Lays out `parts` between the named nodes, in the order given.
    pub(crate) fn new(left: &[Name], right: &[Name], parts: &[Part]) -> Self {
        let total: i64 = parts.iter().map(|part| part.octets).sum();
        let scale = if total > 0 { BARS / to_float(total) } else { 0.0 };
        let left = side(left, scale, |index| sum(parts, |part| part.from == index), total);
        let right = side(right, scale, |index| sum(parts, |part| part.to == index), total);
        let bottom =
            |nodes: &[Node]| nodes.iter().map(|n| n.y + n.height.max(SLOT_MIN)).fold(0.0, f64::max);
        let height = bottom(&left).max(bottom(&right)) + GAP;
        let mut from_y: Vec<f64> = left.iter().map(|node| node.y).collect();
        let mut to_y: Vec<f64> = right.iter().map(|node| node.y).collect();
        let mut ribbons = Vec::new();
        for part in parts.iter().filter(|part| part.octets > 0) {
            let (Some(from), Some(to)) = (left.get(part.from), right.get(part.to)) else {
                continue;
            };
            let (Some(y0), Some(y1)) = (from_y.get_mut(part.from), to_y.get_mut(part.to)) else {
                continue;
            };
            let width = to_float(part.octets) * scale;
            ribbons.push(Ribbon {
                path: ribbon(*y0, *y1, width),
                class: from.class.clone(),
                title: format!("{} → {}: {}", from.label, to.label, numbers::octets(part.octets)),
            });
            *y0 += width;
            *y1 += width;
        }
        Self { left, right, ribbons, height }
    }
}

fn sum(parts: &[Part], belongs: impl Fn(&Part) -> bool) -> i64 {
    parts.iter().filter(|part| belongs(part)).map(|part| part.octets).sum()
}

#[expect(clippy::cast_precision_loss, reason = "pixels")]
fn to_float(octets: i64) -> f64 {
    octets as f64
}

fn side(names: &[Name], scale: f64, octets: impl Fn(usize) -> i64, total: i64) -> Vec<Node> {
    let mut y = GAP;
    let mut nodes = Vec::with_capacity(names.len());
    for (index, (label, class)) in names.iter().enumerate() {
        let own = octets(index);
        let height = (to_float(own) * scale).max(1.0);
        nodes.push(Node {
            label: label.clone(),
            volume: numbers::octets(own),
            share: numbers::percentage(percent(own, total)),
            class: class.clone(),
            y,
            height,
        });
        y += height.max(SLOT_MIN) + GAP;
    }
    nodes
}

/// A closed band between the two sides.
fn ribbon(y0: f64, y1: f64, width: f64) -> String {
    let (x0, x1) = (LEFT + BAR_WIDTH, RIGHT);
    let half = f64::midpoint(x0, x1);
    // A band thinner than this would vanish on paper.
    let width = width.max(0.6);
    let (b0, b1) = (y0 + width, y1 + width);
    format!(
        "M{x0:.1} {y0:.1}C{half:.1} {y0:.1} {half:.1} {y1:.1} {x1:.1} {y1:.1}L{x1:.1} {b1:.1}C{half:.1} {b1:.1} {half:.1} {b0:.1} {x0:.1} {b0:.1}Z"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_hold_their_ribbons_and_keep_room_for_labels() {
        let names = |labels: &[&str]| -> Vec<Name> {
            labels.iter().map(|label| ((*label).to_owned(), "v0".to_owned())).collect()
        };
        let part = |from, to, octets| Part { from, to, octets };
        let parts = [part(0, 0, 600), part(0, 1, 200), part(1, 1, 199), part(2, 0, 1)];
        let drawn = Sankey::new(&names(&["a", "b", "c"]), &names(&["X", "Y"]), &parts);
        assert_eq!(drawn.ribbons.len(), 4);
        for (node, height) in drawn.left.iter().zip([320.0, 79.6, 1.0]) {
            assert!((node.height - height).abs() < 0.01, "{node:?}");
        }
        for pair in drawn.left.windows(2) {
            assert!(pair[1].y - pair[0].y >= SLOT_MIN, "{pair:?}");
        }
        assert!(drawn.left.iter().all(|node| node.y + node.height < drawn.height));
        let nothing = Sankey::new(&names(&["a"]), &names(&["X"]), &[]);
        assert_eq!(nothing.ribbons, []);
    }
}
