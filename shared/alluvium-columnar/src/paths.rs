//! The paths of a part, and what was seen under each.

use std::{borrow::Cow, collections::HashMap, ops::Range, sync::Arc};

use ahash::RandomState;
use alluvium_model::{
    ClassSet, ColumnRule, Discovery, JsonPath, Kind, Limits, TableRules, ValueClass,
};
use wide::u8x16;

use crate::{cell::Cells, typing::class_under};

/// Keys that are compared one by one before all are looked through: records tend to repeat the
/// order of their keys, and to leave some out.
const KEYS_AHEAD: usize = 4;
/// Bytes of a key that are looked at together.
const HEAD_BYTES: usize = 16;

/// A path of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NodeId(u32);

impl NodeId {
    /// The record itself.
    pub(crate) const ROOT: Self = Self(0);

    /// Its place in the order of [`Paths::iter`].
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What is known of one path.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) path: JsonPath,
    /// The object that it is a key of; the record itself is its own.
    pub(crate) parent: NodeId,
    /// How many keys lead here.
    depth: u32,
    /// The kind that the contract declares for it.
    pub(crate) declared: Option<Kind>,
    /// Whether objects here have places for their members instead of being JSON text.
    pub(crate) flattens: bool,
    /// Which of the values that decide about a whole record stands here.
    pub(crate) watched: Option<usize>,
    /// The leaves and the objects that are flattened, in the order of their rows, one a row at most.
    pub(crate) cells: Cells,
    pub(crate) classes: ClassSet,
    /// The object in which a value was last seen here: a second one in it is a duplicate.
    pub(crate) seen_in: u64,
    /// Apart, since every value changes something of its path, and most have none.
    children: Box<Children>,
}

impl Node {
    fn new(path: JsonPath, parent: NodeId, depth: u32) -> Self {
        Self {
            path,
            parent,
            depth,
            declared: None,
            flattens: true,
            watched: None,
            cells: Cells::default(),
            classes: ClassSet::default(),
            seen_in: 0,
            children: Box::default(),
        }
    }
}

/// The paths below one, in the order of their first appearance.
#[derive(Debug, Default)]
struct Children {
    /// Their keys, one after the other: they are looked at in this order.
    keys: String,
    paths: Vec<Child>,
    /// Where in `paths` each key is.
    places: HashMap<Box<str>, usize, RandomState>,
    /// Where in `paths` the one is that is expected next.
    next: usize,
}

/// A path and the key that leads to it.
#[derive(Debug)]
struct Child {
    id: NodeId,
    /// Bytes of the key.
    length: u32,
    /// The first bytes of the key, and zeros behind it: most have no more.
    head: [u8; HEAD_BYTES],
    /// Where the key ends among those of all children.
    end: usize,
}

impl Child {
    /// Whether its key, one of these `keys`, lies here in a text.
    #[inline]
    fn has_key(&self, keys: &str, text: &[u8], at: Range<usize>) -> bool {
        if at.len() != self.length as usize {
            return false;
        }
        match text.get(at.start..).and_then(<[u8]>::first_chunk) {
            // One look at all of it, whatever its length is.
            Some(head) if self.length as usize <= HEAD_BYTES => {
                let same = u8x16::from(*head).simd_eq(u8x16::from(self.head)).to_bitmask();
                same | u32::MAX << self.length == u32::MAX
            }
            _ => keys.as_bytes().get(self.end - at.len()..self.end) == text.get(at),
        }
    }
}

impl Children {
    /// The path that is expected next, if its key lies here in a text; the one behind it is expected
    /// next then.
    #[inline]
    fn go_on_to(&mut self, text: &[u8], key: Range<usize>) -> Option<NodeId> {
        let child = self.paths.get(self.next)?;
        if !child.has_key(&self.keys, text, key) {
            return None;
        }
        self.next += 1;
        Some(child.id)
    }

    /// The path that a key leads to; the one behind it is expected next.
    fn go_to(&mut self, key: &str) -> Option<NodeId> {
        let ahead = self.paths.get(self.next..).unwrap_or_default().iter().take(KEYS_AHEAD);
        for (place, child) in (self.next..).zip(ahead) {
            if child.has_key(&self.keys, key.as_bytes(), 0..key.len()) {
                self.next = place + 1;
                return Some(child.id);
            }
        }
        let place = *self.places.get(key)?;
        self.next = place + 1;
        self.paths.get(place).map(|child| child.id)
    }

    fn find(&self, key: &str) -> Option<NodeId> {
        self.paths.get(*self.places.get(key)?).map(|child| child.id)
    }

    fn add(&mut self, key: &str, id: NodeId) {
        self.places.insert(key.into(), self.paths.len());
        self.keys.push_str(key);
        let mut head = [0; HEAD_BYTES];
        head.iter_mut().zip(key.bytes()).for_each(|(to, byte)| *to = byte);
        // No text, and so no key, is as long as that.
        let length = u32::try_from(key.len()).unwrap_or(u32::MAX);
        self.paths.push(Child { id, length, head, end: self.keys.len() });
        self.next = self.paths.len();
    }
}

/// All paths of a part that are told apart, as many as [`Limits`] allow.
#[derive(Debug)]
pub(crate) struct Paths {
    nodes: Vec<Node>,
    rules: Arc<TableRules>,
    path_depth: u32,
    nodes_max: usize,
    path_bytes_max: usize,
    /// Bytes that paths may still take.
    path_bytes_left: usize,
}

impl Paths {
    /// The paths of records that are read by these rules. Those that are watched are there from
    /// the beginning, so that no limit hides them.
    pub(crate) fn new(limits: &Limits, rules: Arc<TableRules>, watched: &[JsonPath]) -> Self {
        let mut paths = Self {
            nodes: vec![Node::new(JsonPath::root(), NodeId::ROOT, 0)],
            path_depth: limits.path_depth,
            rules,
            nodes_max: usize::MAX,
            path_bytes_max: usize::MAX,
            path_bytes_left: usize::MAX,
        };
        for (index, path) in watched.iter().enumerate() {
            let below = |parent, key: &Cow<'_, str>| paths.find_or_add(parent, key);
            let found = path.keys().iter().try_fold(NodeId::ROOT, below);
            if let Some(node) = found.and_then(|id| paths.node_mut(id)) {
                node.watched = Some(index);
            }
        }
        paths.nodes_max = limits.part_paths as usize;
        paths.path_bytes_max = limits.path_bytes as usize;
        paths.path_bytes_left = limits.part_path_bytes as usize;
        paths
    }

    pub(crate) fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.index())
    }

    pub(crate) fn node_mut(&mut self, id: NodeId) -> Option<&mut Node> {
        self.nodes.get_mut(id.index())
    }

    /// What is known of a path, to be changed, and the rules that its values are read by.
    pub(crate) fn node_and_rules(&mut self, id: NodeId) -> Option<(&mut Node, &TableRules)> {
        Some((self.nodes.get_mut(id.index())?, &self.rules))
    }

    /// The path of `key` under `parent`, if it is there.
    pub(crate) fn find(&self, parent: NodeId, key: &str) -> Option<NodeId> {
        self.node(parent)?.children.find(key)
    }

    /// The path under `parent` that is expected next, if its key lies here in a text.
    #[inline]
    pub(crate) fn expected(
        &mut self,
        parent: NodeId,
        text: &[u8],
        key: Range<usize>,
    ) -> Option<NodeId> {
        self.nodes.get_mut(parent.index())?.children.go_on_to(text, key)
    }

    /// The path of `key` under `parent`; it is added unless a limit forbids.
    #[inline(never)]
    pub(crate) fn find_or_add(&mut self, parent: NodeId, key: &str) -> Option<NodeId> {
        match self.node_mut(parent)?.children.go_to(key) {
            Some(child) => Some(child),
            None => self.add(parent, key),
        }
    }

    #[cold]
    fn add(&mut self, parent: NodeId, key: &str) -> Option<NodeId> {
        let new = NodeId(u32::try_from(self.nodes.len()).ok()?);
        let room = self.nodes.len() < self.nodes_max;
        let path_bytes_max = self.path_bytes_max.min(self.path_bytes_left);
        let node = self.node_mut(parent)?;
        if !room || key.len() > path_bytes_max {
            return None;
        }
        let path = node.path.child(key);
        if path.as_str().len() > path_bytes_max {
            return None;
        }
        node.children.add(key, new);
        let depth = node.depth + 1;
        self.path_bytes_left -= path.as_str().len();
        let mut node = Node::new(path, parent, depth);
        node.declared = match self.rules.column(node.path.as_str()) {
            Some(ColumnRule::Typed(kind)) => Some(kind),
            Some(ColumnRule::Drop) | None => None,
        };
        node.flattens = depth < self.path_depth && node.declared != Some(Kind::Json);
        self.nodes.push(node);
        Some(new)
    }

    /// What the value of `class` with this JSON text counts as at a path.
    pub(crate) fn class_at(&self, node: &Node, class: ValueClass, text: &str) -> ValueClass {
        class_under(&self.rules, node.declared, class, || text)
    }

    /// Says that a new object begins at `id`: its first key is expected first.
    pub(crate) fn begin_object(&mut self, id: NodeId) {
        if let Some(node) = self.node_mut(id) {
            node.children.next = 0;
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter()
    }

    /// All paths with their places.
    pub(crate) fn ids(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        (0..).map(NodeId).zip(&self.nodes)
    }

    /// Gives the cells of each path to `change`.
    pub(crate) fn each_cells(&mut self, change: impl Fn(&mut Cells)) {
        self.nodes.iter_mut().for_each(|node| change(&mut node.cells));
    }

    /// What was seen, for the schema.
    pub(crate) fn discovery(&self) -> Discovery {
        self.nodes.iter().map(|node| (node.path.clone(), node.classes)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_the_same_if_all_their_bytes_are() {
        let all: String = ('0'..).take(40).collect();
        for length in 0..all.len() {
            let key = all.get(..length).unwrap();
            let mut children = Children::default();
            children.add(key, NodeId(1));
            // Whatever follows it, and however little that is.
            for behind in ["", "\"", "\":1,\"0123456789abcdef"] {
                let mut check = |key: &str, expected: bool| {
                    let text = format!("{{\"{key}{behind}");
                    children.next = 0;
                    let found = children.go_on_to(text.as_bytes(), 2..2 + key.len());
                    assert_eq!(found, expected.then_some(NodeId(1)), "{text}");
                };
                check(key, true);
                check(all.get(..=length).unwrap(), false);
                for at in 0..length {
                    let mut other = key.to_owned();
                    other.replace_range(at..=at, "\0");
                    check(&other, false);
                }
            }
        }
    }
}
